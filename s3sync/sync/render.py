"""From what the finders find to what is to be stored: collected, checked, rendered. Asks nothing of the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

from .. import css
from ..core.comparison import Reason
from ..core.events import Finding
from ..core.objects import LocalFile
from ..core.plan import Passed
from ..exceptions import ConfigurationError, GuardRefused
from ..local.collection import Collection, collect
from ..local.hashing import Hashes
from ..local.manifest import BrokenManifest, archived_name, manifest_of, paths_of
from ..local.rendering import Asset, Renderer, Stylesheets, bytes_of, read_stylesheets
from ..local.spool import Spool
from ..local.staging import StagingFailed, stage
from ..local.state import State, default_directory
from ..s3.static_storage import Addresses, file_hash_of, keeps_manifest, staged, why_staged
from ..s3.target import Target
from .delivery import Delivery
from .naming import some
from .phases import COPY, MANIFEST
from .redirects import redirect_prefix, redirect_url
from .run import Run
from .wishes import StaticOptions, StaticSettings

_MISSING = ("missing", "case-mismatch")
_WAYS_OUT = (
    "let everybody read the static prefix (bucket policy or CDN), use a CDN with signed cookies, or mount the redirect "
    "view: path('s3sync/', include('s3sync.urls')). Or accept it: --css-urls relative"
)


@dataclass(slots=True)
class Tree:
    """What is to be stored."""

    assets: dict[str, Asset]
    passed: Mapping[str, Passed] = field(default_factory=dict)
    """What can't be."""
    paths: dict[str, str] | None = None
    """Name -> hashed name; None where names are not hashed."""
    manifest: bytes | None = None
    manifest_name: str = ""

    @property
    def hashed_names(self) -> frozenset[str]:
        """Names that never stand for other bytes."""
        return frozenset(stored for name, stored in (self.paths or {}).items() if stored != name)


@dataclass(frozen=True, slots=True)
class Watched:
    """Hashing that tells of itself, and ends with the run."""

    inner: Hashes
    run: Run

    def of_file(self, file: LocalFile) -> str | None:
        """Raises RunEnded, and what the inner one raises."""
        self.run.go_on("hashing")
        return self.inner.of_file(file)

    def of_bytes(self, name: str | None, data: bytes) -> str | None:
        """Raises RunEnded, and what the inner one raises."""
        self.run.go_on("hashing")
        return self.inner.of_bytes(name, data)


class Workshop:
    """Makes the tree of one run. Used by one thread; `close` it."""

    def __init__(
        self, run: Run, target: Target, settings: StaticSettings, wishes: StaticOptions, spool: Spool,
        held_back: Callable[[LocalFile], str | None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`held_back` tells why a file must not be sent, and so must not be in a manifest; None: it may."""
        self._run, self._target, self._settings, self._wishes, self._spool = run, target, settings, wishes, spool
        self._held_back = held_back
        self.found = 0
        """Names that the finders have found."""

    @cached_property
    def collection(self) -> Collection:
        """What was found, and told what is odd about it. Raises SourceError."""
        overhead = len(self._target.prefix.encode())
        # A built tree is pushed as it is; but for what the user says.
        ignored = self._run.options.ignore if self._is_built else self._wishes.ignore_patterns
        found = collect(self._wishes.source, ignored, self._spool, overhead)
        self.found = len(found.files) + len(found.passed)
        for name, file in list(found.files.items()):
            self._run.go_on("collecting")
            if (why := self._held_back(file)) is not None:
                del found.files[name]
                found.passed[name] = Passed(name, Reason.SECRET, detail=why)
        self._tell(found)
        return found

    @property
    def _is_built(self) -> bool:
        source, name = self._wishes.source, self._manifest_name
        return source is not None and bool(name) and (source / name).is_file()

    @property
    def _manifest_name(self) -> str:
        storage = self._target.storage
        return str(storage.manifest_name) if keeps_manifest(storage) else ""

    def _tell(self, found: Collection) -> None:
        self._run.report.counts["skipped"] += len(found.duplicates)
        for name in found.duplicates:
            self._run.emit(Finding("static-duplicate", "info", (
                f"Found another file with the destination path '{name}'. It will be ignored since only the first "
                "encountered file is collected. If this is not what you want, make sure every static file has a "
                "unique path."
            ), name))  # fmt: skip
        if found.outside:
            self._run.emit(Finding("static-outside", "warning", (
                f"{len(found.outside):,} files lie outside every static folder, where links lead: "
                f"{some(found.outside)}. They are collected, as Django does."
            )))  # fmt: skip
        for folder in found.absent:
            detail = f"{folder} in STATICFILES_DIRS is not there, so nothing of it is collected."
            self._run.emit(Finding("static-absent", "warning", detail))

    @cached_property
    def stylesheets(self) -> Stylesheets:
        """The collection's stylesheets, read; and what else refers to a file, where names are hashed."""
        return self.read_stylesheets(scripts=keeps_manifest(self._target.storage))

    def read_stylesheets(self, *, scripts: bool = False) -> Stylesheets:
        """The collection's stylesheets; with `scripts`, what refers to a source map too."""
        return read_stylesheets(self.collection.files, self._settings.static_url, scripts=scripts)

    @cached_property
    def delivery(self) -> Delivery:
        """How references are written."""
        mode = self._wishes.css_urls or self._settings.css.urls
        return Delivery(
            mode, Addresses(self._target.storage), static_url=self._settings.static_url,
            find_redirect=self._redirect, leaf=self._leaf,
        )  # fmt: skip

    def tree(self) -> Tree:
        """Raises an S3SyncError where nothing should be sent."""
        collection, manifest_name = self.collection, self._manifest_name
        raw = Tree({name: Asset(file, 0, name) for name, file in collection.files.items()}, collection.passed)
        if self._is_built and manifest_name in collection.files:
            return self._built(raw, manifest_name)
        if not self._wishes.post_process:
            return raw
        self._judge()
        why = why_staged(self._target.storage)
        if why is not None:
            self._refuse_modes(why)
            return self._staged(raw, manifest_name)
        return self._rendered(raw, manifest_name)

    def _built(self, raw: Tree, manifest_name: str) -> Tree:
        """A tree that was rendered before: pushed as it is."""
        manifest = bytes_of(self.collection.files[manifest_name])
        try:
            paths = paths_of(manifest)
        except BrokenManifest as error:
            raise ConfigurationError(
                f"{manifest_name!r} in {str(self._wishes.source)!r} is no manifest of static files: {error}.",
                code="BrokenManifest", hint="build the tree anew, with --build",
            ) from error  # fmt: skip
        missing = sorted(set(paths.values()) - raw.assets.keys() - raw.passed.keys())
        if missing:
            raise GuardRefused(
                f"Nothing was sent: {len(missing)} files that {manifest_name!r} names are not in "
                f"{str(self._wishes.source)!r}: {some(missing)}.",
                code="BrokenTree", hint="build the tree anew, with --build",
            )  # fmt: skip
        return self._with_manifest(raw, paths, manifest_name, manifest)

    def _staged(self, raw: Tree, manifest_name: str) -> Tree:
        """The storage's class does it all by itself, in a folder."""
        folder = self._spool.subfolder()
        own = staged(self._target.storage, folder)
        try:
            files = stage(own, self.collection.files, folder)
        except StagingFailed as error:
            raise ConfigurationError(
                f"{type(own).__name__} could not post-process {error.name!r}: {error.reason}", code="PostProcess",
                hint="correct the file, or leave post-processing out with --no-post-process",
            ) from error  # fmt: skip
        tree = Tree({name: Asset(file, 0, name) for name, file in files.items()}, raw.passed)
        if manifest_name not in files:
            return tree
        manifest = bytes_of(files[manifest_name])
        return self._with_manifest(tree, paths_of(manifest), manifest_name, manifest)

    def _rendered(self, raw: Tree, manifest_name: str) -> Tree:
        if not manifest_name:
            rendering = Renderer(self.collection.files, self.stylesheets, self._spool, self.delivery.address).render()
            return Tree(rendering.assets, raw.passed)
        state = self._open_state()
        try:
            hashes = Hashes(state, file_hash_of(self._target.storage))
            rendering = Renderer(
                self.collection.files, self.stylesheets, self._spool, self.delivery.address, Watched(hashes, self._run)
            ).render()
            paths = rendering.paths or {}
            manifest = manifest_of(paths, partial(hashes.of_bytes, None))
        finally:
            state.close()
        return self._with_manifest(Tree(rendering.assets, raw.passed), paths, manifest_name, manifest)

    def _with_manifest(self, tree: Tree, paths: dict[str, str], name: str, manifest: bytes) -> Tree:
        tree.paths, tree.manifest, tree.manifest_name = paths, manifest, name
        copy = archived_name(manifest)
        tree.assets[name] = Asset(self._spool.write(name, manifest), MANIFEST)
        tree.assets[copy] = Asset(self._spool.write(copy, manifest), COPY)
        return tree

    def _open_state(self) -> State:
        """Fingerprints of files as they lie on the disk, whatever the target makes of them."""
        target = self._target
        return State(
            self._settings.state_dir or default_directory(), root=f"static files of {target.bucket}/{target.prefix}",
            target="", variant="source", warn=lambda _: None,
        )  # fmt: skip

    def _judge(self) -> None:
        """Says what is wrong with references. Raises GuardRefused where that is to stop the run."""
        missing = self._wishes.css_missing or self._settings.css.missing
        fatal: list[str] = []
        for sheet in self.stylesheets.sheets.values():
            for found in sheet.findings:
                if found.code in _MISSING and found.level != "info":
                    if missing == "ignore":
                        continue
                    if missing == "error":
                        found = found._replace(level="error")
                        fatal.append(f"{found.name}:{found.line}:{found.col}")
                if found.code == "custom-property-base":
                    found = found._replace(level="info")  # Django's own admin has a dozen; s3_lint_css warns
                self._run.emit(finding_of(found))
        if fatal:
            raise GuardRefused(
                f"Nothing was sent: {len(fatal)} references lead to no static file: {some(fatal)}.", code="CssMissing",
                hint="correct them, or let them pass with --css-missing warn",
            )  # fmt: skip
        if self.delivery.mode in ("inline", "redirect"):
            self._refuse_denied()

    def _refuse_modes(self, why: str) -> None:
        """A class that post-processes by itself writes references in its own way."""
        name = type(self._target.storage).__name__
        self._run.emit(Finding("static-staged", "info", f"{name} decides {why}, so it post-processes by itself."))
        if self.delivery.mode not in ("relative", "off") and any(
            sheet.references for sheet in self.stylesheets.sheets.values()
        ):
            raise GuardRefused(
                f"Nothing was sent: {name} decides {why}, so it writes references in its own way, and --css-urls "
                f"{self.delivery.mode} can't be had.",
                code="CssMode", hint="leave that to s3sync, or accept it with --css-urls relative",
            )  # fmt: skip

    def _refuse_denied(self) -> None:
        denied: list[str] = []
        for sheet in self.stylesheets.sheets.values():
            for found in css.lint(sheet, denied=self.delivery.is_denied, crosses_origin=lambda _: False):
                if found.code == "denied":
                    self._run.emit(finding_of(found))
                    denied.append(f"{found.name}:{found.line}:{found.col}")
        if denied:
            raise GuardRefused(
                f"Nothing was sent: the bucket answers signed URLs only, and {len(denied)} references in stylesheets "
                f"carry no signature: {some(denied)}.",
                code="CssDenied", hint=_WAYS_OUT,
            )  # fmt: skip

    def _redirect(self) -> Callable[[str], str] | None:
        prefix = redirect_prefix(self._settings)
        return None if prefix is None else partial(redirect_url, prefix)

    def _leaf(self, name: str) -> tuple[str, bytes] | None:
        file: LocalFile = self.collection.files[name]
        if file.size > self._settings.css.inline_max:
            return None
        try:
            data = bytes_of(file)
            parameters = self._target.rendering_of(self._target.key_of(name)).parameters.params
        except Exception:  # noqa: BLE001  whoever is to send it, meets the same and tells
            return None
        return str(parameters.get("ContentType", "application/octet-stream")).replace(" ", ""), data


def finding_of(found: css.Finding) -> Finding:
    """What the CSS engine has found, for the report."""
    return Finding(f"css-{found.code}", found.level, found.detail, found.name, found.line, found.col)

"""Static files: a rendered collection goes to a bucket that nobody else writes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..core.comparison import Reason
from ..core.events import Failure
from ..core.objects import RemoteObject
from ..core.plan import Entry, Held, Join, Passed
from ..core.scope import HIDDEN, Scope
from ..exceptions import GuardRefused
from ..local import reading
from ..local.manifest import ARCHIVE
from ..local.rendering import Asset
from .archive import Archive
from .jobs import Executor
from .leftovers import Leftovers, Removals
from .manifests import Manifests
from .phases import COPY, Phases
from .push import Push

_FOREIGN = Failure(
    "ForeignLocation", hint="rename it, or give the two storages locations apart",
    message="its key would lie in another storage's location",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deploy:
    """What hashed names bring with them."""

    archive: Archive
    manifests: Manifests


@dataclass(slots=True, kw_only=True)
class TreePush(Push):
    """A push of a rendered collection."""

    assets: Mapping[str, Asset]
    passed: Mapping[str, Passed]
    """Names of the collection that can't be sent."""
    deploy: Deploy | None = None
    keeps_manifest: bool = False
    absent: tuple[str, ...] = ()
    """Folders that should have been looked into, and are not there."""
    removals: Removals
    _leftovers: Leftovers = field(init=False)

    def begin(self) -> str:
        """Raises GuardRefused where `--clear` would empty more than a collection's place."""
        if self.removals.clear and not self.target.prefix:
            raise GuardRefused(
                f"Nothing was sent, and nothing deleted: the storage {self.target.alias!r} has no location, so --clear "
                "would empty the whole bucket.",
                code="EmptyLocation", hint="give it a location such as 'static', or leave --clear out",
            )  # fmt: skip
        self._check_collection()
        spool = self.stack.enter_context(reading.temporary_spool())
        archive = None
        if self.deploy is not None:
            archive = self.deploy.archive
            self.deploy.manifests.open()
        self._leftovers = Leftovers(self.run, self.target, self.removals, archive, spool)
        return "static files"

    def _check_collection(self) -> None:
        """Raises GuardRefused where what was found is no ground to delete, or to make live."""
        hint = "do STATICFILES_DIRS and INSTALLED_APPS lead to static files?"
        empty = not any(asset.source for asset in self.assets.values())
        if empty and (self.removals.clear or self.deploy is not None):
            raise GuardRefused(
                "Nothing was sent, and nothing deleted: the collection is empty.", code="EmptyCollection", hint=hint
            )
        if self.removals.any and self.absent:
            raise GuardRefused(
                f"Nothing was sent, and nothing deleted: {', '.join(self.absent)} in STATICFILES_DIRS is not there.",
                code="IncompleteCollection", hint="is its disk mounted? Take it out of STATICFILES_DIRS otherwise",
            )  # fmt: skip
        if self.removals.clear and self.keeps_manifest and (self.deploy is None or self._is_narrowed):
            raise GuardRefused(
                "Nothing was sent, and nothing deleted: with --prefix or --no-post-process nobody can tell which "
                "hashed files the live manifest names.",
                code="ManifestUnknown", hint="leave --clear out, or that option",
            )  # fmt: skip

    def entries(self, scope: Scope, held: Held) -> Iterable[Entry]:
        """What was collected, in the order of its keys."""
        for name in sorted(self.assets.keys() | self.passed.keys(), key=_as_bytes):
            entry = self._entry(name, scope)
            if self.target.is_regular(name) or (isinstance(entry, Passed) and not entry.storable):
                yield entry
            else:
                self.hold(held, entry)

    def _entry(self, name: str, scope: Scope) -> Entry:
        if name in self.passed:
            return self.passed[name]
        asset, options = self.assets[name], self.run.options
        if asset.level >= COPY:
            return Passed(name, Reason.IGNORED) if self._is_narrowed else asset.file
        if any(prefix and name.startswith(prefix) for prefix in self.foreign):
            return Passed(name, failure=_FOREIGN)
        # The finders have left out what is to be ignored, by the names that they know.
        narrowed = replace(scope, ignore=(), prefix="")
        outside = not name.startswith(options.prefix) or narrowed.leaves_out_file(asset.source or name) is not None
        return Passed(name, Reason.IGNORED) if outside else asset.file

    @property
    def _is_narrowed(self) -> bool:
        """Whether only a part is sent: then the manifest stays, as it would name what is not there."""
        return bool(self.run.options.prefix or self.run.options.include)

    def listed(self, pages: Iterable[Sequence[RemoteObject]]) -> Iterable[Sequence[RemoteObject]]:
        """Takes note of the archived manifests on their way."""
        for page in pages:
            if self.deploy is not None:
                self._take_note(self.deploy, page)
            yield page

    def _take_note(self, deploy: Deploy, page: Iterable[RemoteObject]) -> None:
        archived, live = self.target.prefix + ARCHIVE, self.target.prefix + deploy.manifests.name
        for obj in page:
            if obj.key.startswith(archived):
                deploy.archive.listed.append(obj)
            elif self.removals.clear and obj.key == live:
                deploy.archive.keep_what_was_live(obj.key)  # now: it is about to be replaced

    def carried_out_by(self, executor: Executor) -> Executor:
        """Referents go before referrers, and the manifest last."""
        return Phases(
            executor, self.run, level_of=lambda name: self.assets[name].level, changed=self._changed,
            renew_copy=self.deploy is not None and self.deploy.manifests.changed,
        )  # fmt: skip

    def _changed(self) -> Iterator[str]:
        return (
            name for name, asset in self.assets.items() if asset.level < COPY and not reading.is_unchanged(asset.file)
        )

    def is_held_back(self, key: str, name: str) -> bool:
        """The secret guard, by the name that people know; our own copies of manifests say no more than these do."""
        asset = self.assets.get(name)
        source = name if asset is None else asset.source or name
        # Not super(): a dataclass with slots is made anew, and leaves super() without its class.
        return not name.startswith(HIDDEN) and Push.is_held_back(self, key, source)

    def without_file(self, obj: RemoteObject, join: Join) -> None:
        """An orphan, or one that may go."""
        name = self.target.name_of(obj.key)
        if name not in self.assets and name not in self.passed:
            self._leftovers.add(obj)

    def conclude(self, join: Join) -> None:
        """Makes the deploy the live one, and then deletes what `--clear` and `--prune` ask for."""
        if self.deploy is not None or self.removals.any:
            self.run.keep_lock()
        complete = not (self._is_narrowed or self.run.report.counts["failed"] or self.run.stopping)
        if self.deploy is not None and complete:
            self.deploy.manifests.save()
        self._leftovers.finish(self.planner.in_scope, shared="" in self.foreign)


def _as_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")

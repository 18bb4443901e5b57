"""`collectstatic --s3` and `s3_lint_css`, from settings to exit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .. import css
from ..core.comparison import Reason
from ..core.events import Finding
from ..core.objects import LocalFile
from ..core.plan import Passed
from ..core.report import TargetFacts
from ..exceptions import ConfigurationError, GuardRefused
from ..local.manifest import archived_name
from ..local.rendering import Stylesheets
from ..local.spool import open_spool
from ..local.state import default_directory
from ..media_setting import media_aliases
from ..s3.static_storage import keeps_manifest
from ..s3.target import Target, without_userinfo
from .archive import Archive
from .build import write_build
from .failures import file_failure
from .guard import Publicity, held_secret, publishes_secret
from .leftovers import Removals
from .locking import locked
from .manifests import Manifests
from .render import Tree, Workshop, finding_of
from .run import Run, RunEnded
from .targets import facts_of, foreign_names, static_target_of
from .tree import Deploy, TreePush
from .verify_css import verify_stylesheets
from .wishes import StaticOptions, StaticSettings

__all__ = ["StaticOptions", "collect_static", "lint_css"]

_FOREVER = "public, max-age=31536000, immutable"
_SHORT = "public, max-age=300"
_CODE = (".css", ".js", ".mjs")


def collect_static(
    run: Run, settings: StaticSettings, wishes: StaticOptions, *, alias: str | None, lock: str
) -> None:
    """Collects, renders and pushes.

    Raises an S3SyncError where the run can't begin or go on; RunEnded where it has to end before anything is sent.
    """
    target, elsewhere = _open(run, settings, alias)
    if wishes.build is not None:
        run.report.place = f"{wishes.build}/"
    with open_spool() as spool:
        workshop = Workshop(run, target, settings, wishes, spool, _held_back(run, target, settings, wishes))
        try:
            tree = workshop.tree()
        except RunEnded:
            run.report.counts["scanned"] = run.report.counts["not_tried"] = workshop.found
            raise
        if wishes.build is not None:
            deploy = _deploy(run, target, wishes, tree, None)
            write_build(run, tree, wishes.build, None if deploy is None else deploy.manifests)
        else:
            _guard_media(target, settings, wishes)
            _push(run, settings, wishes, target, tree, elsewhere, lock, tuple(workshop.collection.absent))


def lint_css(run: Run, settings: StaticSettings, wishes: StaticOptions, *, alias: str | None) -> None:
    """Says of every reference of every collected stylesheet what a browser would meet. Asks nothing of the network."""
    target, _ = _open(run, settings, alias)
    with open_spool() as spool:
        workshop = Workshop(run, target, settings, wishes, spool)
        delivery = workshop.delivery
        host = delivery.host
        collection, stylesheets = workshop.collection, workshop.read_stylesheets()
        unread = {found.name: found for found in _unread(stylesheets, collection.passed)}
        run.report.counts["scanned"] = len(unread.keys() | set(filter(_is_css, collection.files)))
        run.report.differences = bool(unread)
        for lost in unread.values():
            run.emit(lost)
        for sheet in stylesheets.sheets.values():
            for found in css.lint(
                sheet, denied=delivery.is_denied, crosses_origin=lambda ref: bool(host) and not delivery.is_inlined(ref)
            ):
                if found.code in ("missing", "case-mismatch") and found.level == "warning":
                    found = found._replace(level="error")
                run.report.differences = run.report.differences or found.level == "error"
                run.emit(finding_of(found))


def _unread(stylesheets: Stylesheets, passed: Mapping[str, Passed]) -> Iterator[Finding]:
    """The stylesheets that nobody could look into."""
    errors = (file_failure(name, error) for name, error in stylesheets.unread.items())
    for each in (*passed.values(), *errors):
        if not _is_css(each.name) or each.reason in (Reason.IGNORED, Reason.JUNK):
            continue
        why = "it is no regular file" if each.reason is Reason.SPECIAL else "it is gone"
        if each.failure is not None:
            why = each.failure.message or each.failure.hint
        yield Finding("css-unread", "error", f"This stylesheet can't be read: {why}.", each.name)


def _is_css(name: str) -> bool:
    return name.lower().endswith(".css")


def _open(run: Run, settings: StaticSettings, alias: str | None) -> tuple[Target, Any]:
    """The target, and the storage of the manifest if that is another one."""
    alias = alias or settings.static_storage
    run.report.target = TargetFacts(alias)
    target, elsewhere = static_target_of(alias, settings.storages, "STATIC_STORAGE")
    endpoint = without_userinfo(target.storage.endpoint_url or "") or None
    run.report.target = TargetFacts(alias, target.bucket, target.prefix, endpoint)
    run.options = replace(
        run.options, engine=run.options.engine or settings.engine, workers=run.options.workers or settings.workers
    )
    return target, elsewhere


def _push(
    run: Run, settings: StaticSettings, wishes: StaticOptions, target: Target, tree: Tree, elsewhere: Any, lock: str,
    absent: tuple[str, ...],
) -> None:  # fmt: skip
    deploy = _deploy(run, target, wishes, tree, elsewhere)
    target.cache_control = _cache_control(target, tree.hashed_names)
    state_dir = settings.state_dir or default_directory()
    push = TreePush(
        run=run, target=target, state_dir=state_dir, intent=settings.intent_for(target.alias), two_hands=False,
        foreign=foreign_names(target, settings.storages), assets=tree.assets, passed=tree.passed, deploy=deploy,
        removals=Removals(clear=wishes.clear, prune=wishes.prune, max_delete=wishes.max_delete),
        keeps_manifest=keeps_manifest(target.storage), absent=absent,
    )  # fmt: skip
    push.connect()
    run.ready()
    run.report.target = facts_of(target)
    with locked(run, target, lock, state_dir, push.intent):
        push.run_all()
    if wishes.verify_css and not run.options.dry_run and not run.stopping:
        verify_stylesheets(run, target, tree)


def _held_back(
    run: Run, target: Target, settings: StaticSettings, wishes: StaticOptions
) -> Callable[[LocalFile], str | None]:
    """The secret guard, before names are hashed. A folder is no place that everybody reads."""
    if wishes.build is not None:
        return lambda _: None
    publicity, allowed = Publicity(target, settings.intent_for(target.alias)), run.options.allow_secret

    def why(file: LocalFile) -> str | None:
        key = target.prefix + file.name
        if publishes_secret(publicity, allowed, key, file.name):
            return ""
        detail = held_secret(file, allowed)
        return detail if detail is not None and publicity.covers(key, file.name) else None

    return why


def _guard_media(target: Target, settings: StaticSettings, wishes: StaticOptions) -> None:
    """Raises GuardRefused where `--clear` would empty the users' own storage."""
    of_users = ("default", settings.media_storage, *media_aliases(settings))
    if wishes.clear and target.alias != settings.static_storage and target.alias in of_users:
        raise GuardRefused(
            f"Nothing was sent, and nothing deleted: {target.alias!r} is the storage of the users' files.",
            code="MediaStorage", hint="leave --clear out, or name the storage of static files with --storage",
        )  # fmt: skip


def _deploy(run: Run, target: Target, wishes: StaticOptions, tree: Tree, elsewhere: Any) -> Deploy | None:
    """What a manifest asks for; None where names are not hashed."""
    if tree.manifest is None or tree.paths is None:
        for given, option in ((wishes.prune, "--prune"), (wishes.manifest_to, "--manifest-to")):
            if given:
                raise ConfigurationError(
                    f"{option} needs a manifest, and the storage {target.alias!r} keeps none.", code="NoManifest",
                    hint="use storages.backends.s3.S3ManifestStaticStorage",
                )  # fmt: skip
        return None
    if elsewhere is not None:
        del tree.assets[tree.manifest_name]
    current = archived_name(tree.manifest)
    return Deploy(
        Archive(target, current, tree.paths, wishes.keep_days, wishes.keep_manifests),
        Manifests(run, tree.manifest, tree.manifest_name, elsewhere, wishes.manifest_to),
    )  # fmt: skip


def _cache_control(target: Target, hashed: frozenset[str]) -> Callable[[str], str | None]:
    """A hashed name never stands for other bytes; a plain stylesheet or script changes with the next deploy."""

    def cache_control(key: str) -> str | None:
        name = target.name_of(key)
        if name in hashed:
            return _FOREVER
        return _SHORT if name.lower().endswith(_CODE) else None

    return cache_control

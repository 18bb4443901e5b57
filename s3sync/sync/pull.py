"""`s3_pull_media`, from settings to exit: the objects of the media storage come to a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from ..core.estimate import Estimate
from ..core.events import Finding, Stopped
from ..core.objects import LocalFile, RemoteObject
from ..core.plan import Entry, Held, Join
from ..core.pulling import PullReport, Selection
from ..core.report import TargetFacts
from ..core.scope import UNFINISHED, Scope
from ..exceptions import ConfigurationError
from ..local.placing import Destination
from ..local.state import State, default_directory
from ..local.walk import Walk
from ..s3.calls import CallCounter
from ..s3.downloader import Downloader
from ..s3.errors import REMOTE_ERRORS
from ..s3.listing import BrokenListing, Listing
from ..s3.reads import why_not_fast
from ..s3.target import without_userinfo
from .desk import Desk
from .downloads import Downloads
from .folders import folders_of, pulled_media
from .locking import locked
from .media import Settings
from .named import NoListing
from .pull_planner import Fetcher, PullPlanner, Rehearsal
from .push import Push
from .referenced import Referenced, referenced_names
from .remembered import recall
from .run import PushOptions, Run
from .several import in_turn
from .targets import facts_of, foreign_names, target_of


class PullSettings(Settings, Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def file_permissions(self) -> int | None: ...
    @property
    def directory_permissions(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions(PushOptions):
    """What `s3_pull_media` was asked for."""

    referenced: bool = False
    databases: tuple[str, ...] = ()
    """Whose rows tell what is referenced; empty: all."""
    since: float | None = None
    """Seconds since the epoch."""
    max_size: int | None = None
    """Bytes."""


def pull_media(run: Run, settings: PullSettings, *, alias: str | None, folder: str | None, lock: str) -> None:
    """Pulls the alias (default: the settings' media storage) to `folder` (default: the settings' media directory, or
    the storage's own old place); or what `S3SYNC["MEDIA"]` says, which `alias` may narrow.

    Raises an S3SyncError where the run can't begin or go on; everything else is in the run's report, and so is what
    happens to one of several folders.
    """
    chosen = pulled_media(settings, alias=alias, folder=folder)
    if len(chosen) > 1:
        in_turn(
            run, chosen, lambda part, entry: _pull(part, settings, entry.storage, entry.source, lock),
            lambda entry: f"{entry.storage} -> {entry.source}",
        )  # fmt: skip
    elif chosen:
        _pull(run, settings, chosen[0].storage, chosen[0].source, lock)
    else:
        _pull(run, settings, alias or settings.media_storage, Path(folder) if folder else None, lock)


def _pull(run: Run, settings: PullSettings, alias: str, folder: Path | None, lock: str) -> None:
    run.report.target = TargetFacts(alias)
    target = target_of(alias, settings.storages)
    endpoint = without_userinfo(target.storage.endpoint_url or "") or None
    run.report.target = TargetFacts(alias, target.bucket, target.prefix, endpoint)
    if target.has_own_keys:
        raise ConfigurationError(
            f"{type(target.storage).__name__} has its own rule for keys (_normalize_name), so nobody can tell an "
            "object's name.", code="OwnKeys", hint="copy its files by the storage's own listdir() and open()",
        )  # fmt: skip
    media = folders_of(settings, alias, target.storage, needed=folder is None)
    root = os.path.realpath(folder) if folder else media[0]
    run.options = replace(
        run.options, engine=run.options.engine or settings.engine, workers=run.options.workers or settings.workers
    )
    state_dir = settings.state_dir or default_directory()
    destination = Destination(
        root=root, label=f"{target.identity}/{target.prefix}", file_mode=settings.file_permissions,
        folder_mode=settings.directory_permissions,
    )  # fmt: skip
    # Another alias of the very same place is another name for what lies there.
    foreign = tuple(prefix for prefix in foreign_names(target, settings.storages) if prefix)
    pull = Pull(
        run=run, target=target, state_dir=state_dir, foreign=foreign, destination=destination, media=media
    )  # fmt: skip
    pull.connect()
    run.ready()
    run.report.target = facts_of(target)
    with locked(run, target, lock, state_dir, settings.intent_for(alias)):
        pull.run_all()


@dataclass(slots=True, kw_only=True)
class Pull(Push):
    """A push the other way round: it begins, lists, keeps its state and tells of trouble as a push does."""

    destination: Destination
    media: tuple[str, ...]
    """Real paths of the folders that a push to this target would read."""
    _downloads: Downloads | None = None
    _walk: Walk = field(init=False)

    def begin(self) -> str:
        """The folder's real path. Nothing is made here before the bucket has answered."""
        root = self.destination.root
        if isinstance(self.run.report, PullReport):
            self.run.report.folder = root
        try:
            if os.path.lexists(root):
                os.scandir(root).close()
        except OSError as error:
            raise self._unusable(error) from error
        return root

    def entries(self, scope: Scope, held: Held) -> Iterable[Entry]:
        """The folder's files. What is none is met when an object is to have its name."""
        root = self.destination.root
        if not os.path.lexists(root):
            return ()
        self._walk = Walk(root=root, scope=scope, hold=lambda entry: None, is_regular=self.target.is_regular)
        return (entry for entry in self._walk if isinstance(entry, LocalFile) or self._sweeps(entry.name))

    def without_file(self, obj: RemoteObject, join: Join) -> None:
        """To be fetched. Where a server keeps no order, its file may have passed by already."""
        assert isinstance(self.planner, PullPlanner)
        file = self.destination.find(self.target.name_of(obj.key)) if join.disordered else None
        if file is None:
            self.planner.without_file(obj)
        else:
            self.planner.met_late(file, obj)

    def conclude(self, join: Join) -> None:
        """Nothing is ever deleted here."""

    def _sweeps(self, name: str) -> bool:
        """Removes what a killed run has left beside a name on another file system; never an entry of the walk."""
        if name.rpartition("/")[2].startswith(UNFINISHED) and not self.run.options.dry_run:
            self.destination.remove_copy(name)
        return False

    def _push(self, root: str, listing: Listing | NoListing, calls: CallCounter) -> None:
        run, options = self.run, self.run.options
        assert isinstance(options, PullOptions)
        assert isinstance(listing, Listing)
        assert isinstance(run.report, PullReport)
        self.stack.callback(self._leave)
        if not options.dry_run:
            try:
                self.destination.open()
            except OSError as error:
                raise self._unusable(error) from error
        self.state = self._open_state(root)
        desk = Desk()
        scope = Scope(prefix=options.prefix, ignore=options.ignore, include=options.include, foreign=self.foreign)
        selection = Selection(
            since=None if options.since is None else options.since + listing.skew, max_size=options.max_size
        )
        referenced = None
        if options.referenced:
            referenced = Referenced(partial(referenced_names, self.target, self.media or (root,), options.databases))
        estimate = Estimate(self.target.is_aws, incoming=True)
        fetcher: Fetcher = Rehearsal(run, estimate)
        if not options.dry_run:
            make = partial(
                Downloader, self.target, calls, engine=options.engine, workers=options.workers, limits=self.limits
            )
            fetcher = self._downloads = Downloads(
                run, run.report, self.target, self.state, desk, self.destination, make
            )
            self.stack.callback(fetcher.close)
        self.planner = planner = PullPlanner(
            run, self.target, self.state, scope, self._rules(listing), desk, fetcher, self.destination,
            lambda name, obj: selection.leaves_out(obj) or (referenced is not None and name not in referenced),
        )  # fmt: skip
        self.stack.callback(planner.close)
        entries, plain = self.entries(scope, Held()), self.target.has_plain_keys
        join = Join(entries if plain else list(entries), listing.pages(), self.target.key_of, Held())
        self._carry_out(planner, join, fetcher)
        if options.dry_run and not run.stopping:
            usual = [each for each in estimate.storage_classes if each != "STANDARD"]
            for operation, number in calls.counts.items():
                estimate.ask(operation, number, usual[0] if usual else "STANDARD")
            run.report.estimate = estimate

    def _carry_out(self, planner: PullPlanner, join: Join, fetcher: Fetcher) -> None:
        run = self.run
        try:
            for obj in planner.decisions(join):
                self.without_file(obj, join)
        except (*REMOTE_ERRORS, BrokenListing):
            run.stop(Stopped("errors", "the bucket's listing broke off"))
            planner.finish()
            fetcher.finish()
            raise
        run.progress.walked = True
        run.report.seconds["plan"] = run.elapsed
        planner.finish()
        fetcher.finish()
        run.report.seconds["transfer"] = run.elapsed

    def _open_state(self, root: str) -> State:
        """A folder that no push reads has records of its own: they tell nothing about the files of that push.

        Records have no source, so that no push deletes an object whose file has only been pulled.
        """

        def warn(message: str) -> None:
            self.run.emit(Finding("state-lost", "warning", message))

        target = self.target
        label = target.identity if root in self.media else f"{target.identity}\0{root}"
        state = State(self.state_dir, root=root, target=label, variant=target.variant, warn=warn)
        self.stack.callback(state.close)
        recall(state, target, self.conditions)
        return state

    def _unusable(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(
            f"The folder {self.destination.root!r} can't be used: {str(error.strerror or error).lower()}.",
            code="FolderUnusable", hint="check its permissions and its disk, or name another one with --to",
        )  # fmt: skip

    def _leave(self) -> None:
        options = self.run.options
        limited = options.prefix or options.ignore or options.include or getattr(options, "referenced", False)
        done = self.run.report.stopped is None and self.run.report.counts["failed"] == 0
        self.destination.close(sweep=done and not limited)

    def _account(self, calls: CallCounter) -> None:
        report = self.run.report
        report.requests.update(calls.counts)
        if self._downloads is None:
            report.engine = "boto3" if self.run.options.engine == "boto3" or why_not_fast(self.target) else "fast"
            return
        downloader = self._downloads.downloader
        if downloader.fast is not None:
            report.requests["GetObject"] += downloader.fast.requests
        report.engine = downloader.engine
        report.engine_reason = downloader.why_not_fast

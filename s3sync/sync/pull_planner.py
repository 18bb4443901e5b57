"""Walks a folder and a listing at once, and decides what is to be fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.comparison import Action, Compare, Reason, Rules
from ..core.estimate import Estimate
from ..core.events import Outcome, Result
from ..core.objects import Known, LocalFile, RemoteObject
from ..core.plan import Join, Match
from ..core.pulling import decide_pull, unfit_for_files
from ..core.scope import Scope
from ..local.placing import Destination
from ..local.state import State
from ..s3.fetching import SEGMENT
from ..s3.target import Rendering, Target
from .desk import Desk
from .downloads import obstructed
from .failures import storage_failure
from .jobs import Job, settle_without_upload
from .planner import Planner
from .run import Run


class Fetcher(Protocol):
    """What decisions are handed to."""

    @property
    def minds_unchanged(self) -> bool:
        """Whether it has to hear of files that are as they should be."""

    def fetch(
        self, obj: RemoteObject, name: str, seen: LocalFile | None, reason: Reason | None, rendering: Rendering
    ) -> None:
        """Takes one object that is to come here; never waits."""

    def ease(self) -> None:
        """Waits while too much is under way."""

    def finish(self) -> None:
        """Waits until all that was begun is done."""


@dataclass(slots=True)
class Rehearsal:
    """Says what would be fetched, and does nothing."""

    run: Run
    estimate: Estimate

    @property
    def minds_unchanged(self) -> bool:
        return self.run.details

    def fetch(
        self, obj: RemoteObject, name: str, seen: LocalFile | None, reason: Reason | None, rendering: Rendering
    ) -> None:
        self.run.report.decided(existed=seen is not None, size=obj.size)
        storage_class = str(rendering.parameters.params.get("StorageClass") or "STANDARD")
        self.estimate.download(obj.size, storage_class, segment=SEGMENT)
        self.run.emit(Outcome(
            name, obj.key, Action.DOWNLOAD, Result.PLANNED, reason, obj.size, existed=seen is not None
        ))  # fmt: skip

    def ease(self) -> None:
        pass

    def finish(self) -> None:
        pass


class PullPlanner(Planner):
    """A planner whose pairs are looked at from the other side. Used by one thread."""

    rule = staticmethod(decide_pull)
    action = Action.DOWNLOAD

    def __init__(
        self, run: Run, target: Target, state: State, scope: Scope, rules: Rules, desk: Desk, fetcher: Fetcher,
        destination: Destination, leaves_out: Callable[[str, RemoteObject], bool],
    ) -> None:  # fmt: skip
        """`leaves_out` tells of a name and its object whether it stays where it is; asked in the listing's order."""
        executor: Any = fetcher  # a planner only eases it
        super().__init__(run, target, state, scope, rules, desk, executor, lambda key, name: False)
        self._fetcher, self._destination, self._leaves_out = fetcher, destination, leaves_out

    def without_file(self, obj: RemoteObject) -> None:
        """An object in scope that no file has the name of."""
        name = self._target.name_of(obj.key)
        if self._leaves_out(name, obj):
            self._left_out(name, obj)
            return
        failure = unfit_for_files(name)
        if failure is None and (obstacle := self._destination.obstacle(name, None)) is not None:
            failure = obstructed(obstacle)
        if failure is not None:
            self._fail(name, obj.key, failure)
            return
        try:
            rendering = self._target.rendering_of(obj.key)
        except Exception as error:  # noqa: BLE001  a storage's own methods may raise anything
            self._fail(name, obj.key, storage_failure(self._target.storage, error))
            return
        self._fetcher.fetch(obj, name, None, Reason.NEW, rendering)

    def met_late(self, file: LocalFile, obj: RemoteObject) -> None:
        """An object whose file has been met before, and was counted as one that is only here."""
        self._run.report.counts["scanned"] -= 1
        self._run.report.counts["orphans"] -= 1
        self.in_scope -= 1
        self._matched(Match(obj.key, (file,), obj))

    def _matched(self, match: Match) -> None:
        if match.obj is None:
            self._run.report.counts["scanned"] += len(match.files)
            for file in match.files:
                self._orphan(file, match.key)
            return
        name = self._target.name_of(match.key)
        if self._leaves_out(name, match.obj):
            self._run.report.counts["scanned"] += len(match.files)
            self.in_scope += 1
            self._left_out(name, match.obj)
            return
        super()._matched(match)

    def _orphan(self, file: LocalFile, key: str) -> None:
        """A file without an object is nobody's trouble here."""
        if self._run.wants_uploads:
            self._run.emit(Outcome(file.name, key, Action.ORPHAN, Result.SKIPPED, size=file.size))
        else:
            self._run.report.counts["orphans"] += 1

    def _left_out(self, name: str, obj: RemoteObject) -> None:
        if self._run.details:
            self._run.emit(Outcome(name, obj.key, Action.SKIP, Result.SKIPPED, Reason.IGNORED, obj.size))
        else:
            self._run.report.counts["skipped"] += 1

    def _counts_the_rest(self, join: Join, match: Match) -> bool:
        stopped = self._run.report.stopped
        if stopped is None or stopped.cause != "errors" or not join.ended:
            return False
        obj = match.obj
        if obj is None or self._scope.leaves_out_object(self._target.name_of(obj.key)):
            return True
        if not match.files or match.files[0].size != obj.size:
            self._run.report.decided(existed=bool(match.files), size=obj.size)
            self._run.report.counts["not_tried"] += 1
        return True

    def _decided(self, job: Job) -> None:
        pair, decision = job.pair, job.decision
        obj = pair.obj
        if decision.action is Action.DOWNLOAD and obj is not None:
            obstacle = self._destination.obstacle(pair.file.name, pair.file)
            if obstacle is not None:
                self._fail(pair.file.name, job.key, obstructed(obstacle))
            else:
                self._fetcher.fetch(obj, pair.file.name, pair.file, decision.reason, job.rendering)
            return
        if decision.action is Action.NONE and obj is not None and pair.digest is not None:
            self._remember(job.key, obj, pair.known, Known(obj.etag, obj.size, pair.digest.fingerprint))
        if decision.action is Action.ORPHAN:
            self._orphan(pair.file, job.key)
        else:
            settle_without_upload(self._run, job)

    def _remember(self, key: str, obj: RemoteObject, before: Known | None, known: Known) -> None:
        same = before is not None and known[:3] == before[:3]
        if not same and self._rules.compare is not Compare.SIZE and not self._run.options.dry_run:
            self._state.remember_known(key, known)

"""Uploads in phases: what is referred to before what refers to it, and the manifest last of all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..core.comparison import Action, Decision, Reason
from ..core.events import Failure, Outcome, Result
from .jobs import Executor, Job, settle_without_upload
from .run import Run

MANIFEST = 1 << 30
"""The manifest's level."""
COPY = MANIFEST - 1
"""The level of its copy: what was live once is to be known of, whenever the run breaks off."""


@dataclass(slots=True)
class Phases:
    """Holds uploads of higher levels back until those of the lower ones are stored. A failed level stops the next."""

    executor: Executor
    run: Run
    level_of: Callable[[str], int]
    """The level of a name; 0 is sent at once."""
    changed: Callable[[], Iterable[str]] = tuple
    """Names of files that are no longer what was hashed; asked before the manifest is sent, which names them."""
    renew_copy: bool = False
    """The manifest changes elsewhere: its copy is to be sent in any case, as its date tells when it was live."""
    _held: dict[int, list[Job]] = field(default_factory=lambda: defaultdict(list))

    @property
    def minds_unchanged(self) -> bool:
        """The manifest's copy may have to be sent all the same."""
        return True

    def act(self, job: Job) -> None:
        """Takes one decision."""
        level = self.level_of(job.pair.file.name)
        if level and (job.decision.action is Action.UPLOAD or level == COPY):
            self._held[level].append(job)
        else:
            self.executor.act(job)

    def ease(self) -> None:
        """Waits while too much is under way."""
        self.executor.ease()

    def finish(self) -> None:
        """Sends level after level."""
        self.executor.finish()
        self._held[COPY] = [self._renewed(job) for job in self._held[COPY]]
        for level in sorted(self._held):
            if level == COPY and self._held[level]:
                self._check_files()
                self.run.keep_lock()  # what follows makes the deploy the live one
            for job in self._held.pop(level):
                self._send(job)
            self.executor.finish()

    def close(self) -> None:
        """Ends threads and connections."""
        self.executor.close()

    def _renewed(self, job: Job) -> Job:
        if job.decision.action is Action.NONE and (self._held.get(MANIFEST) or self.renew_copy):
            return job._replace(decision=Decision(Action.UPLOAD, Reason.FORCED))
        return job

    def _check_files(self) -> None:
        for name in self.changed():
            failure = Failure(
                "FileChanged", hint="run it again; the manifest was not sent, so the last deploy stays live",
                message="changed since it was hashed",
            )  # fmt: skip
            self.run.emit(Outcome(name, None, Action.UPLOAD, Result.FAILED, error=failure))

    def _send(self, job: Job) -> None:
        report = self.run.report
        if job.decision.action is not Action.UPLOAD:
            settle_without_upload(self.run, job)
        elif report.counts["failed"] or self.run.stopping:
            report.decided(existed=job.pair.obj is not None, size=job.pair.file.size)
            report.counts["not_tried"] += 1
        else:
            self.executor.act(job)
            self.executor.ease()

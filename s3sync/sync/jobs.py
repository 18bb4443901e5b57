"""Decisions on their way to whoever carries them out, or only says what would be done; the planner can not tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..core.comparison import Action, Decision, Pair
from ..core.events import Outcome, Result
from ..local.reading import Reading
from ..s3.target import Rendering
from .run import Run


class Job(NamedTuple):
    """A pair and what was decided about it."""

    key: str
    pair: Pair
    decision: Decision
    rendering: Rendering
    read: Reading | None = None
    """The whole file, not hashed, where somebody had to look into it, and it is small."""


class Executor(Protocol):
    """What the planner hands decisions to."""

    @property
    def minds_unchanged(self) -> bool:
        """Whether it has to hear of objects that are as they should be."""

    def act(self, job: Job) -> None:
        """Takes one decision; never waits."""

    def ease(self) -> None:
        """Waits while too much is under way."""

    def finish(self) -> None:
        """Waits until all that was begun is done."""

    def close(self) -> None:
        """Ends threads and connections."""


@dataclass(slots=True)
class Rehearsal:
    """Says what would be done, and does nothing."""

    run: Run
    count: Callable[[Job, int], None] = lambda job, size: None
    """Told of each upload, and its bytes."""

    @property
    def minds_unchanged(self) -> bool:
        return self.run.details

    def act(self, job: Job) -> None:
        if job.decision.action is Action.UPLOAD:
            size = job.pair.size if job.pair.size is not None else job.pair.file.size
            self.run.report.decided(existed=job.pair.obj is not None, size=size)
            self.count(job, size)
            self.run.emit(Outcome(
                job.pair.file.name, job.key, Action.UPLOAD, Result.PLANNED, job.decision.reason, size
            ))  # fmt: skip
        else:
            settle_without_upload(self.run, job)

    def ease(self) -> None:
        pass

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def settle_without_upload(run: Run, job: Job) -> None:
    """Counts a decision that needs nothing to be done."""
    decision, pair = job.decision, job.pair
    if decision.action is Action.NONE and not run.details:
        run.report.counts["unchanged"] += 1
        return
    if decision.action is Action.SKIP and not run.details:
        run.report.counts["skipped"] += 1
        return
    run.emit(Outcome(pair.file.name, job.key, decision.action, Result.SKIPPED, decision.reason, pair.file.size))

"""Several folders in one run: one after the other, each with a report of its own within that of the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from ..core.events import Failure, Finding
from ..core.report import NOT_STARTED, TargetFacts
from ..exceptions import S3SyncError
from ..media_setting import MediaEntry
from .naming import some
from .run import Run

_FINAL = ("signal", "budget")
"""What ends a whole run, not just its work on one target."""


def in_turn(
    run: Run, entries: Sequence[MediaEntry], work: Callable[[Run, MediaEntry], None],
    shown: Callable[[MediaEntry], str],
) -> None:  # fmt: skip
    """Does the work on each entry; one that fails does not keep the others from being tried.

    What remains undone is a finding, which names it as `shown`.
    """
    for number, entry in enumerate(entries):
        if number and (run.stopping or _is_over(run)):
            left = some([shown(each) for each in entries[number:]])
            run.emit(Finding("targets-left", "warning", f"Not begun, as the run was to end: {left}."))
            return
        part = _part_of(run, entry)
        run.target_began(entry.storage)
        try:
            work(part, entry)
        except S3SyncError as error:
            part.report.error_exit = error.exit_code
            part.report.error = Failure(
                error.code or type(error).__name__, getattr(error, "http", None), error.hint or "", str(error)
            )
        except OSError as error:
            part.report.error_exit = NOT_STARTED
            part.report.error = Failure(type(error).__name__, message=f"This machine refused something: {error}.")
        part.report.seconds["total"] = part.elapsed
        part.report.finished = _stamp()
        run.report.add(part.report)
        run.target_ended(part.report)


def _is_over(run: Run) -> bool:
    limit = run.options.max_errors
    if limit is not None and run.report.counts["failed"] >= limit:
        return True
    return any(part.stopped is not None and part.stopped.cause in _FINAL for part in run.report.targets)


def _part_of(run: Run, entry: MediaEntry) -> Run:
    """A run of one entry, within the limits that are left."""
    options, whole = run.options, run.report
    if options.max_duration is not None:
        options = replace(options, max_duration=max(0.0, options.max_duration - run.elapsed))
    if options.max_errors is not None:
        options = replace(options, max_errors=options.max_errors - whole.counts["failed"])
    report = type(whole)(
        command=whole.command, version=whole.version, run_id=whole.run_id, started=_stamp(),
        target=TargetFacts(entry.storage), place="", dry_run=whole.dry_run, check=whole.check,
        source=str(entry.source),
    )  # fmt: skip
    return Run(
        options, report, run.watcher, interrupted=run.interrupted, details=run.details, wants_uploads=run.wants_uploads,
        ready=run.ready if not whole.targets else lambda: None,
    )  # fmt: skip


def _stamp() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

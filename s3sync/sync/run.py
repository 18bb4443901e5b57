"""One run: what it was asked, what it has done so far, and whether it has to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..core.comparison import Compare
from ..core.events import Event, Failure, Outcome, Result, Stopped
from ..core.plan import DeleteLimit
from ..core.report import Report

_SAME_FAILURE_LIMIT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOptions:
    """What `s3_push_media` was asked for. Sizes in bytes, times in seconds."""

    dry_run: bool = False
    compare: Compare = Compare.AUTO
    no_clobber: bool = False
    overwrite_newer: bool = False
    delete: bool = False
    max_delete: DeleteLimit = field(default_factory=DeleteLimit)
    min_age: float = 0.0
    files_from: str | None = None
    """A list of names: only these, and nothing is listed; `-` is standard input."""
    null: bool = False
    """They end with NUL."""
    follow_symlinks: bool = False
    check_metadata: bool = False
    fix_metadata: bool = False
    verify: bool = False
    abort_stale: float | None = None
    """Seconds after which an upload in parts is taken for abandoned."""
    allow_secret: frozenset[str] = frozenset()
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    prefix: str = ""
    workers: int | None = None
    engine: str = "auto"
    bandwidth: float | None = None
    """Bytes of content a second."""
    max_rps: float | None = None
    """Requests a second."""
    normalize: str = "none"
    """`nfc`: names get Unicode's composed form."""
    max_duration: float | None = None
    max_errors: int | None = None


@dataclass(slots=True)
class Progress:
    """How far a run is. The totals grow as the walk goes on."""

    files: int = 0
    bytes: int = 0
    files_done: int = 0
    bytes_done: int = 0
    walked: bool = False
    """The totals are final."""
    compared: int = 0
    """Names on either side that were looked at."""
    doing: str = ""
    """What goes on beside sending: `verifying`, for people."""


class RunEnded(Exception):
    """The run has to end, as its report says; raised where no other way leads out."""


class Watcher(Protocol):
    """Sees a run from outside; called by the run's own thread only."""

    def saw(self, event: Event) -> None:
        """Something has happened."""

    def moved(self, progress: Progress) -> None:
        """The run is this far; called often, to be throttled."""


@dataclass(slots=True)
class Run:
    """The state that all parts of one run share; of one thread."""

    options: PushOptions
    report: Report
    watcher: Watcher
    interrupted: Callable[[], int | None] = lambda: None
    """The signal that asks the run to stop, if one came. Any thread may have set it."""
    progress: Progress = field(default_factory=Progress)
    details: bool = False
    """Whether anybody looks at unchanged names too."""
    ready: Callable[[], None] = lambda: None
    """Called once, when all is set up and the work on names begins."""
    wants_uploads: bool = True
    """Whether anybody looks at each upload; false: they are only counted."""
    target_began: Callable[[str], None] = lambda alias: None
    """Called with the alias before one of several targets."""
    target_ended: Callable[[Report], None] = lambda report: None
    """Called with that target's own report afterwards."""
    why_lost: Callable[[], str | None] = lambda: None
    """Why a lock that hosts share is not this run's any more; None while it is, or there is none."""
    keep_lock: Callable[[], None] = lambda: None
    """Renews that lock now, or finds that it is lost: before what only one run may do."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """The first failure of each code."""
    _began: float = field(default_factory=time.monotonic)
    _uploaded: bool = False
    _same_code: str = ""
    _same_count: int = 0

    def emit(self, event: Event) -> None:
        """Counts an event and shows it."""
        self.report.fold(event)
        self.watcher.saw(event)
        if isinstance(event, Outcome) and event.result is Result.FAILED:
            if event.error is not None:
                self.failures.setdefault(event.error.code, event.error)
            limit = self.options.max_errors
            if limit is not None and self.report.counts["failed"] >= limit:
                self.stop(Stopped("errors", f"{limit} failures were the limit"))

    def stop(self, stopped: Stopped) -> None:
        """Ends the run early. The first cause stays."""
        if self.report.stopped is None:
            self.emit(stopped)

    @property
    def stopping(self) -> bool:
        """Whether nothing new is to be begun."""
        if self.report.stopped is not None:
            return True
        signal = self.interrupted()
        if signal is not None:
            self.stop(Stopped("signal", f"signal {signal}", signal))
        why = self.why_lost()
        if why is not None:
            self.stop(Stopped("guard", f"the lock was lost: {why}"))
        limit = self.options.max_duration
        if limit is not None and time.monotonic() - self._began >= limit:
            self.stop(Stopped("budget", f"{limit:g} seconds were the limit"))
        return self.report.stopped is not None

    def go_on(self, doing: str) -> None:
        """Tells the watcher that the run is alive. Raises RunEnded where nothing new is to be begun."""
        self.progress.doing = doing
        self.moved()
        if self.stopping:
            raise RunEnded

    def moved(self) -> None:
        """Tells the watcher how far the run is; cheap, so to be called often."""
        self.watcher.moved(self.progress)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def is_over(self) -> bool:
        """Whether a signal has come or the time is up; for workers, from any thread."""
        limit = self.options.max_duration
        return self.is_interrupted() or (limit is not None and self.elapsed >= limit)

    def is_interrupted(self) -> bool:
        """Whether a signal has come; for workers, from any thread."""
        return self.interrupted() is not None

    def count_upload(self, size: int) -> None:
        """Counts an upload of `size` bytes, where nobody `wants_uploads`: else its outcome is to be emitted."""
        self.report.counts["uploaded"] += 1
        self.report.sent_bytes += size

    def upload_succeeded(self) -> None:
        """Clears the suspicion that nothing works."""
        self._uploaded = True
        self._same_count = 0

    def upload_failed(self, code: str, *, mendable: bool, down: bool, what: str = "uploads") -> None:
        """Stops a run whose first fifty uploads all fail alike, or whose server has gone (`down`)."""
        self._same_count = self._same_count + 1 if code == self._same_code else 1
        self._same_code = code
        if self._same_count >= _SAME_FAILURE_LIMIT and not mendable and (down or not self._uploaded):
            self.stop(Stopped("errors", f"{self._same_count} {what} in a row failed with {code}"))

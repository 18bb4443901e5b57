"""What people and machines get to see. One thread writes; the result goes to standard output, trouble to standard error."""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any

from .core.comparison import Action, Reason
from .core.events import Event, Finding, Outcome, Result, Stopped
from .core.report import BUDGET, LOCKED, OK, Report, belongs_in_items, item_as_json
from .sync.run import Progress

_NAMED = 10
_MINUTE = 60.0
_HOSTILE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_VERBS = {Action.UPLOAD: "upload", Action.DELETE: "delete", Action.FIX: "fix"}


def shown(name: str) -> str:
    """A name as a terminal may have it: control and direction characters as escapes."""
    return _HOSTILE.sub(lambda found: _escape(found[0]), name)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def in_bytes(size: float) -> str:
    """`12.3 MB`, in powers of 1000 as disks and S3's bill have it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError


@dataclass(slots=True)
class _Failures:
    """The failures with one code."""

    hint: str = ""
    message: str = ""
    count: int = 0
    names: list[str] = field(default_factory=list)


class Console:
    """A watcher that shows a run. `out` and `err` are text streams; `output` is the path of `-o`, or None."""

    def __init__(
        self, out: IO[str], err: IO[str], *, form: str = "text", verbosity: int = 1, progress: bool | None = None,
        output: str | None = None,
    ) -> None:  # fmt: skip
        self._out, self._err, self._form, self._verbosity = out, err, form, verbosity
        self._output = output
        self._bar: Any = None
        on_terminal = bool(getattr(err, "isatty", lambda: False)())
        self._wants_bar = verbosity > 0 and on_terminal if progress is None else progress
        self._wants_lines = progress is None and not on_terminal and verbosity > 0
        self._shown_at = time.monotonic()
        self._failures: dict[str, _Failures] = defaultdict(_Failures)
        self._named: dict[str, list[str]] = defaultdict(list)
        self._counted: dict[str, int] = defaultdict(int)
        self._spool: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="s3sync-")  # noqa: SIM115
        self._result: IO[str] = out
        if output is not None:
            self._result = _beside(output)

    @property
    def wants_details(self) -> bool:
        """Whether unchanged names are shown too."""
        return self._verbosity >= 3

    def saw(self, event: Event) -> None:
        """Shows an event, or keeps it for the report."""
        if isinstance(event, Outcome):
            self._keep(event)
            if belongs_in_items(event, self._verbosity):
                if self._form == "json":
                    self._spool.write(item_as_json(event) + "\n")
                elif self._form == "jsonl":
                    self._write(item_as_json(event, type="item"))
            if self._form == "text" and self._verbosity >= 2:
                self._line(event)
        elif isinstance(event, Finding) and event.level != "info":
            self._complain(f"{event.level.capitalize()}: {shown(event.detail)}")
        elif isinstance(event, Stopped):
            self._complain(f"Stopped: {event.detail}.")

    def moved(self, progress: Progress) -> None:
        """Draws the bar at most ten times a second, or writes a line a minute where there is no terminal."""
        now = time.monotonic()
        if self._wants_bar and now - self._shown_at >= 0.1:
            self._shown_at = now
            self._draw(progress)
        elif self._wants_lines and now - self._shown_at >= _MINUTE:
            self._shown_at = now
            more = "" if progress.walked else " so far"
            self._complain(
                f"{progress.files_done:,} of {progress.files:,} files{more}, "
                f"{in_bytes(progress.bytes_done)} of {in_bytes(progress.bytes)}"
            )

    def finish(self, report: Report) -> None:
        """Writes the result."""
        if self._bar is not None:
            self._bar.close()
        if self._form == "json":
            self._spool.seek(0)
            for piece in report.write_json(line.rstrip("\n") for line in self._spool):
                self._write(piece, end="")
            self._write("")
        elif self._form == "jsonl":
            self._write(json.dumps({"type": "report", **report.envelope(), "findings": report.findings_as_dicts()}))
        else:
            self._conclude(report)
        self._spool.close()
        self._put_in_place()

    def _conclude(self, report: Report) -> None:
        quiet = self._verbosity == 0 and report.exit_code in (OK, LOCKED, BUDGET)
        if report.error is not None:
            if not quiet:
                hint = f" {report.error.hint[0].upper()}{report.error.hint[1:]}." if report.error.hint else ""
                self._complain(shown(report.error.message) + hint)
            return
        self._list_trouble()
        if self._verbosity >= 2 and report.engine:
            why = f" ({report.engine_reason})" if report.engine_reason else ""
            self._write(f"engine {report.engine}{why}; conditional writes {report.conditional}")
        if not quiet:
            write = self._write if self._verbosity > 0 else self._complain
            write(summary(report))

    def _list_trouble(self) -> None:
        for code, failures in self._failures.items():
            why = "; ".join(part for part in (failures.message, failures.hint) if part)
            self._complain(f"{failures.count:,} failed with {code}" + (f": {shown(why)}" if why else "") + ":")
            self._name(failures.names, failures.count)
        for title, names in self._named.items():
            self._complain(f"{self._counted[title]:,} {title}:")
            self._name(names, self._counted[title])

    def _name(self, names: list[str], count: int) -> None:
        for name in names:
            self._complain(f"  {shown(name)}")
        if count > len(names):
            self._complain(f"  and {count - len(names):,} more")

    def _keep(self, outcome: Outcome) -> None:
        """The first ten names of each kind of trouble, and how many there are."""
        if outcome.result is Result.FAILED and outcome.error is not None:
            failures = self._failures[outcome.error.code]
            failures.count += 1
            failures.hint, failures.message = failures.hint or outcome.error.hint, outcome.error.message
            if len(failures.names) < _NAMED:
                failures.names.append(outcome.name)
            return
        title = _title(outcome)
        if title is not None:
            self._counted[title] += 1
            if len(self._named[title]) < _NAMED:
                self._named[title].append(outcome.name)

    def _line(self, outcome: Outcome) -> None:
        if not belongs_in_items(outcome, self._verbosity):
            return
        verb = _VERBS.get(outcome.action, outcome.action.value)
        if outcome.action is Action.NONE:
            verb = "unchanged"
        if outcome.result is Result.PLANNED:
            verb = "would " + verb
        elif outcome.result is Result.FAILED:
            verb = "failed to " + verb
        notes = [outcome.reason.value] if outcome.reason else []
        if outcome.size is not None and outcome.action is Action.UPLOAD:
            notes.append(in_bytes(outcome.size))
        if outcome.detail:
            notes.append(outcome.detail)
        self._write(f"{verb} {shown(outcome.name)}" + (f" ({shown(', '.join(notes))})" if notes else ""))

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm  # only a terminal needs it

            self._bar = tqdm(unit="B", unit_scale=True, file=self._err, dynamic_ncols=True, desc="Pushing")
        self._bar.total = max(progress.bytes, progress.bytes_done)
        self._bar.n = progress.bytes_done
        self._bar.set_postfix_str(f"{progress.files_done:,}/{progress.files:,} files", refresh=False)
        self._bar.refresh()

    def _complain(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        with suppress(BrokenPipeError):
            self._err.write(text + "\n")

    def _write(self, text: str, end: str = "\n") -> None:
        if self._bar is not None:
            self._bar.clear()
        with suppress(BrokenPipeError):
            self._result.write(text + end)

    def _put_in_place(self) -> None:
        """A report file is there whole, or not at all."""
        if self._output is None:
            self._result.flush()
            return
        self._result.close()
        os.replace(self._result.name, self._output)


def _title(outcome: Outcome) -> str | None:
    if outcome.action is Action.CONFLICT:
        return "changed on both sides and left as they are (--overwrite-newer sends them)"
    if outcome.action is Action.SKIP and outcome.reason is Reason.SECRET:
        return "held back, as their names tell of secrets and everybody can read this target (--allow-secret NAME sends one)"
    if outcome.action is Action.SKIP and outcome.reason is Reason.LINK:
        return "links skipped, as they lead nowhere, in a circle or out of the source (--follow-symlinks)"
    if outcome.action is Action.SKIP and outcome.reason is Reason.SPECIAL:
        return "skipped, as they are no regular files"
    if outcome.action is Action.FIX and outcome.result is Result.PLANNED:
        return "stored with other headers than the storage writes (--fix-metadata mends them)"
    return None


def summary(report: Report) -> str:
    """A run in one line."""
    counts, target = report.counts, report.target
    place = f"s3://{target.bucket}/{target.prefix}"
    did = "would upload" if report.dry_run else "uploaded"
    number = counts["new"] + counts["changed"] if report.dry_run else counts["uploaded"]
    size = report.planned_bytes if report.dry_run else report.sent_bytes
    parts = [f"{number:,} {did} ({in_bytes(size)})" if number else f"0 {did}", f"{counts['unchanged']:,} unchanged"]
    if report.dry_run:
        parts[0] = f"{did} {number:,} ({in_bytes(size)})"
    for name, words in (
        ("deleted", "deleted"), ("fixed", "fixed"), ("kept", "kept (newer in the bucket)"), ("conflicts", "in conflict"),
        ("orphans", "without a file"), ("skipped", "skipped"), ("failed", "failed"), ("not_tried", "not tried"),
    ):  # fmt: skip
        if counts[name]:
            parts.append(f"{counts[name]:,} {words}")
    end = "" if report.exit_code == OK else f" [{report.status}, exit {report.exit_code}]"
    return f"{target.alias} -> {place}: {', '.join(parts)}; {report.seconds['total']:.1f} s{end}"


def _beside(path: str) -> IO[str]:
    folder = os.path.dirname(os.path.abspath(path))
    return tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=folder, prefix=".s3sync-", delete=False
    )


@contextmanager
def signals_noted(note: Callable[[int], None]) -> Iterator[None]:
    """Turns the first SIGINT or SIGTERM into a note, and the second into an immediate exit. Main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def noted(number: int, _: Any) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        note(number)

    before = {number: signal.signal(number, noted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)



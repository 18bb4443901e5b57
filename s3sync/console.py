"""What people and machines get to see, from one thread: the result on standard output, trouble on standard error."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from .core.comparison import Action, Reason
from .core.events import Event, Finding, Outcome, Result, Stopped
from .core.report import BUDGET, LOCKED, OK, Report, belongs_in_items, finding_as_json, item_as_json
from .output import is_beside, open_output, put_in_place
from .sync.run import Progress
from .wording import (
    estimate_line,
    line_for,
    line_for_error,
    line_for_finding,
    lint_summary,
    progress_line,
    shown,
    summary,
    title_of,
)  # fmt: skip

_NAMED = 10
_MINUTE = 60.0
INTERVAL_VARIABLE = "S3SYNC_PROGRESS_INTERVAL"


@dataclass(slots=True)
class _Failures:
    """The failures with one code."""

    hint: str = ""
    message: str = ""
    count: int = 0
    names: list[str] = field(default_factory=list)


class Console:
    """A watcher that shows a run. `out` and `err` are text streams; `output` is the path of `-o`, or None."""

    task = "Pushing"

    def __init__(
        self, out: IO[str], err: IO[str], *, form: str = "text", verbosity: int = 1, progress: bool | None = None,
        output: str | None = None, lints: bool = False, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._out, self._err, self._form, self._verbosity = out, err, form, verbosity
        self._output, self._lints = output, lints
        self._bar: Any = None
        on_terminal = bool(getattr(err, "isatty", lambda: False)())
        self._wants_bar = verbosity > 0 and on_terminal if progress is None else progress
        self._wants_lines = progress is None and not on_terminal and verbosity > 0
        self._clock, self._shown_at, self._interval = clock, clock(), _interval()
        self._failures: dict[str, _Failures] = defaultdict(_Failures)
        self._found: dict[str, int] = defaultdict(int)
        self._named: dict[str, list[str]] = defaultdict(list)
        self._counted: dict[str, int] = defaultdict(int)
        self._planned: Counter[Action] = Counter()
        self._which: dict[str, str] = {}
        """What items say of their target, where there are several."""
        self._withheld: list[str] | None = [] if verbosity == 0 else None
        self._spool, self._finding_spool = _spool(), _spool()
        self._result: IO[str] = out if output is None else open_output(output)

    @property
    def wants_uploads(self) -> bool:
        """Whether each upload is shown."""
        return self._verbosity >= 2

    @property
    def wants_details(self) -> bool:
        """Whether unchanged names are shown too."""
        return self._verbosity >= 3

    def saw(self, event: Event) -> None:
        """Shows an event, or keeps it for the report."""
        if isinstance(event, Outcome):
            self._planned[event.action] += event.result is Result.PLANNED
            self._keep(event)
            if belongs_in_items(event, self._verbosity):
                if self._form == "json":
                    self._spool.write(item_as_json(event, **self._which) + "\n")
                elif self._form == "jsonl":
                    self._write(item_as_json(event, type="item", **self._which))
            if self._form == "text" and self._verbosity >= 2 and belongs_in_items(event, self._verbosity):
                self._write(line_for(event))
        elif isinstance(event, Finding):
            if self._form != "text":
                self._finding_spool.write(finding_as_json(event, **self._which) + "\n")
            self._tell(event)
        elif isinstance(event, Stopped):
            self._complain(f"Stopped: {event.detail}.")

    def moved(self, progress: Progress) -> None:
        """Draws the bar at most ten times a second, or writes a line a minute where there is no terminal."""
        now = self._clock()
        if self._wants_bar and now - self._shown_at >= 0.1:
            self._shown_at = now
            self._draw(progress)
        elif self._wants_lines and now - self._shown_at >= self._interval:
            self._shown_at = now
            self._complain(self._line_of(progress))

    def _line_of(self, progress: Progress) -> str:
        return progress_line(progress)

    def began(self, alias: str) -> None:
        """What comes now is about one of several targets."""
        self._which = {"alias": alias}

    def ended(self, report: Report) -> None:
        """Shows what became of that target, and forgets it."""
        self._end_of_part()
        if self._form == "text":
            self._conclude(report)
        for kept in (self._failures, self._found, self._named, self._counted, self._planned, self._which):
            kept.clear()

    def _end_of_part(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        for code, count in self._found.items():
            if count > _NAMED and self._verbosity < 2:
                self._complain(f"and {count - _NAMED:,} more [{code}]; -v 2 names them")

    def finish(self, report: Report) -> None:
        """Writes the result."""
        self._end_of_part()
        if self._form == "json":
            for piece in report.write_json(_lines(self._spool), _lines(self._finding_spool)):
                self._write(piece, end="")
            self._write("")
        elif self._form == "jsonl":
            for piece in report.write_line(_lines(self._finding_spool)):
                self._write(piece, end="")
            self._write("")
        elif not report.targets:
            self._conclude(report)
        if self._withheld and report.exit_code not in (OK, LOCKED, BUDGET):
            self._say(self._err, "\n".join(self._withheld) + "\n")
        self._close_spools()
        put_in_place(self._result, self._output)

    def discard(self) -> None:
        """Leaves no half report behind, where the run could not be brought to an end."""
        self._close_spools()
        if self._result is not self._out:
            self._result.close()
            if is_beside(self._result):
                os.unlink(self._result.name)

    def _close_spools(self) -> None:
        self._spool.close()
        self._finding_spool.close()

    def _tell(self, finding: Finding) -> None:
        """Findings are the result of a lint, in full; elsewhere they are trouble, and ten of a kind in files enough."""
        if self._lints:
            if self._form == "text":
                (self._write if self._verbosity > 0 else self._complain)(line_for_finding(finding))
        elif finding.level != "info":
            self._found[finding.id] += finding.name is not None
            if self._verbosity >= 2 or self._found[finding.id] <= _NAMED:
                self._complain(line_for_finding(finding))

    def _conclude(self, report: Report) -> None:
        self._list_trouble()
        if report.error is not None:
            which = f"{self._which['alias']}: " if self._which else ""
            self._complain(shown(which) + line_for_error(report.error))
        if self._verbosity >= 2 and report.engine and report.error is None:
            self._write(self._engine(report))
        if report.error is None or any(report.counts.values()):
            write = self._write if self._verbosity > 0 else self._complain
            write(self._summary(report))
        if report.estimate is not None and self._verbosity > 0:
            self._write(estimate_line(report.estimate))

    def _title_of(self, outcome: Outcome) -> str | None:
        return title_of(outcome)

    def _engine(self, report: Report) -> str:
        why = f" ({report.engine_reason})" if report.engine_reason else ""
        return f"engine {report.engine}{why}; conditional writes {report.conditional}"

    def _summary(self, report: Report) -> str:
        return lint_summary(report) if self._lints else summary(report, self._planned)

    def _list_trouble(self) -> None:
        for code, failures in self._failures.items():
            message = failures.message.rstrip(".") if failures.hint else failures.message
            why = "; ".join(part for part in (message, failures.hint) if part)
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
        title = self._title_of(outcome)
        if title is not None:
            self._counted[title] += 1
            if len(self._named[title]) < _NAMED:
                detail = f" ({outcome.detail})" if outcome.reason is Reason.SECRET and outcome.detail else ""
                self._named[title].append(outcome.name + detail)

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm  # only a terminal needs it

            self._bar = tqdm(unit="B", unit_scale=True, file=self._err, dynamic_ncols=True, desc=self.task)
        self._bar.total = max(progress.bytes, progress.bytes_done)
        self._bar.n = progress.bytes_done
        self._bar.set_postfix_str(f"{progress.files_done:,}/{progress.files:,} files", refresh=False)
        self._bar.refresh()

    def _complain(self, text: str) -> None:
        """At `-v 0` it is not known before the end whether there is anything to say."""
        if self._withheld is not None:
            self._withheld.append(text)
        else:
            self._say(self._err, text + "\n")

    def _write(self, text: str, end: str = "\n") -> None:
        self._say(self._result, text + end)

    def _say(self, stream: IO[str], text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        with suppress(BrokenPipeError):
            try:
                stream.write(text)
            except UnicodeEncodeError:  # a terminal, or a cron job, that does not take all characters
                encoding = getattr(stream, "encoding", None) or "ascii"
                stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _interval() -> float:
    """Seconds between two lines where there is no terminal: a minute, unless the environment says otherwise."""
    with suppress(ValueError):
        return max(0.0, float(os.environ.get(INTERVAL_VARIABLE, "")))
    return _MINUTE


def _spool() -> IO[str]:
    """A place on the disk for what would not fit into memory."""
    return tempfile.TemporaryFile("w+", encoding="utf-8", prefix="s3sync-")


def _lines(spool: IO[str]) -> Iterator[str]:
    spool.seek(0)
    return (line.rstrip("\n") for line in spool)

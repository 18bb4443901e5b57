"""What `s3_doctor` shows: the worst first, each with why it matters and what to type."""

from __future__ import annotations

from collections.abc import Iterator

from .console import Console
from .core.diagnosed import VERDICTS, DoctorReport, diagnosis_as_json
from .core.events import Diagnosis, Event
from .core.report import OK, Report
from .wording import counted, shown


class DoctorConsole(Console):
    """A console for diagnoses. Those of one kind and verdict are told together, in the order of their coming."""

    _diagnoses: list[Diagnosis]

    def saw(self, event: Event) -> None:
        """Shows an event, or keeps it for the end."""
        if not isinstance(event, Diagnosis):
            super().saw(event)
        elif self._form == "json":
            self._spool.write(diagnosis_as_json(event) + "\n")
        else:
            self._diagnoses = [*getattr(self, "_diagnoses", ()), event]

    def _conclude(self, report: Report) -> None:
        say = self._write if self._verbosity > 0 else self._complain
        if isinstance(report, DoctorReport):
            told = sorted(getattr(self, "_diagnoses", ()), key=lambda each: VERDICTS.index(each.verdict))
            for line in lines_of(told, every=self._verbosity >= 2):
                say(shown(line))
            say(_last_line(report))
        if report.error is not None:
            super()._conclude(report)  # last, where people look for it


def lines_of(diagnoses: list[Diagnosis], *, every: bool = False) -> Iterator[str]:
    """Diagnoses for people; with `every`, also what is well. A reason and a remedy that many share stand once."""
    before: tuple[str, str] | None = None
    for number, each in enumerate(diagnoses):
        if each.verdict == "ok" and not every:
            continue
        place = each.alias if each.name is None else ":".join([each.name, *([str(each.line)] if each.line else [])])
        yield f"{each.verdict.upper()} {each.id} {place + ': ' if place else ''}{each.seen}"
        following = diagnoses[number + 1] if number + 1 < len(diagnoses) else None
        before = (each.why, each.fix)
        if following is not None and following.id == each.id and (following.why, following.fix) == before:
            continue
        for label, text in (("why", each.why), ("fix", each.fix)):
            # A block after an empty line is Python to paste, which has to begin at the margin.
            beginning, _, block = text.partition("\n\n")
            for place_in_text, line in enumerate(beginning.splitlines()):
                yield (f"  {label}: {line}" if place_in_text == 0 else f"       {line}").rstrip()
            yield from (line.rstrip() for line in f"\n{block}\n".splitlines() if block)


def _last_line(report: DoctorReport) -> str:
    counts = report.verdicts
    found = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]) or "nothing to look at"
    end = "" if report.exit_code == OK else f" [{report.status}, exit {report.exit_code}]"
    calls = counted(report.api_calls, "call")
    return f"{sum(counts.values())} checks: {found}; {calls}; {report.seconds['total']:.1f} s{end}"

"""The report of `s3_doctor`: what each check has found."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from .events import Diagnosis, Event
from .report import OK, UNDECIDED, Report, printable

VERDICTS: Final = ("error", "unknown", "warning", "ok")
"""The worst first."""


@dataclass(slots=True, kw_only=True)
class DoctorReport(Report):
    """The report of an examination. Errors are differences (3); what could not be looked at is undecided (8)."""

    schema: str = "s3sync.doctor/1"
    verdicts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(VERDICTS, 0)))
    api_calls: int = 0

    def fold(self, event: Event) -> None:
        """Counts one event."""
        if not isinstance(event, Diagnosis):
            Report.fold(self, event)
            return
        self.verdicts[event.verdict] += 1
        self.differences |= event.verdict == "error"

    def codes(self) -> set[int]:
        """What nobody could look at is not healthy."""
        return Report.codes(self) | ({UNDECIDED} if self.verdicts["unknown"] else {OK})

    def envelope(self) -> dict[str, Any]:
        """All of the report but its items."""
        return {**Report.envelope(self), "verdicts": dict(self.verdicts), "api_calls": self.api_calls}


def diagnosis_as_json(diagnosis: Diagnosis) -> str:
    """An item of the report."""
    return json.dumps({
        "id": diagnosis.id, "verdict": diagnosis.verdict, "title": diagnosis.title, "alias": diagnosis.alias or None,
        "seen": printable(diagnosis.seen), "why": printable(diagnosis.why), "fix": printable(diagnosis.fix),
        "name": printable(diagnosis.name), "line": diagnosis.line,
    })  # fmt: skip

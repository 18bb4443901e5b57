"""The report of `s3_verify_acl`: who reads what, against who should."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .events import Event, Judged
from .report import OK, UNDECIDED, Report, printable

SEVERITIES = ("ok", "info", "warning", "error", "high", "critical")
"""Ascending. `error` is what could not be decided; it has an exit code of its own."""
_UNDECIDED = ("UNKNOWN", "MODEL-MISMATCH")


@dataclass(slots=True)
class AliasSummary:
    """One row of the table for people."""

    alias: str
    bucket: str
    prefix: str
    intent: str = ""
    intent_source: str = ""
    how: str = ""
    """What decided."""
    objects: int | None = None
    """How many were looked at; None where facts decided for all."""
    verdicts: Counter[str] = field(default_factory=Counter)
    worst: str = "ok"

    def as_dict(self) -> dict[str, Any]:
        """The row, for JSON."""
        return {
            "alias": self.alias, "bucket": self.bucket, "prefix": self.prefix, "intent": self.intent,
            "intent_source": self.intent_source, "how": self.how, "objects": self.objects,
            "verdicts": dict(self.verdicts), "worst": self.worst,
        }  # fmt: skip


@dataclass(slots=True, kw_only=True)
class AccessReport(Report):
    """The report of a verification."""

    schema: str = "s3sync.access/1"
    fail_level: str = "high"
    coverage: str = "exact"
    """`exact`; `sampled`; or `partial`, where the run ended before everything was judged."""
    api_calls: int = 0
    aliases: dict[str, AliasSummary] = field(default_factory=dict)
    undecided: bool = False
    accepted: int = 0

    def fold(self, event: Event) -> None:
        """Counts one event."""
        if not isinstance(event, Judged):
            Report.fold(self, event)
            return
        summary = self.aliases.get(event.alias)
        if summary is not None:
            summary.verdicts[event.verdict] += event.count
            if SEVERITIES.index(event.severity) > SEVERITIES.index(summary.worst):
                summary.worst = event.severity
        if event.verdict in _UNDECIDED:
            self.undecided = True
        elif is_accepted(event):
            self.accepted += event.count
        elif as_bad_as(event.severity, self.fail_level):
            self.differences = True

    def codes(self) -> set[int]:
        """What was not decided is never fine."""
        return Report.codes(self) | ({UNDECIDED} if self.undecided else {OK})

    def envelope(self) -> dict[str, Any]:
        """All of the report but its items."""
        return {
            **Report.envelope(self), "coverage": self.coverage, "api_calls": self.api_calls,
            "aliases": [summary.as_dict() for summary in self.aliases.values()], "accepted": self.accepted,
        }  # fmt: skip


def is_accepted(judged: Judged) -> bool:
    """Whether the baseline covers it. What nobody could tell when it was made may be anything by now: it never does."""
    return judged.accepted and judged.verdict not in _UNDECIDED


def judged_as_json(judged: Judged, **extra: str) -> str:
    """An item of the report."""
    evidence = dict(judged.evidence)
    if judged.whole:
        evidence["scope"] = "prefix"
    if is_accepted(judged):
        evidence["accepted"] = True
    return json.dumps({
        **extra, "alias": judged.alias, "key": printable(judged.key), "intent": judged.intent,
        "intent_source": judged.intent_source, "verdict": judged.verdict, "severity": judged.severity,
        "reason": printable(judged.reason), "evidence": evidence,
    })  # fmt: skip


def as_bad_as(severity: str, level: str) -> bool:
    """Whether a severity reaches a level."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(level)

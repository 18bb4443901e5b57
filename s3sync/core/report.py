"""Folds events into counts, a status and an exit code, and writes the report that machines read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .comparison import Action, Reason
from .estimate import Estimate
from .events import Diagnosis, Event, Failure, Finding, Judged, Outcome, Result, Stopped, Verified

SCHEMA = "s3sync.report/1"

OK, NOT_STARTED, USAGE, DIFFERENCES, FAILED, HELD_BACK, LOCKED, BUDGET, UNDECIDED = range(9)

COUNTS = (
    "scanned", "listed", "new", "changed", "unchanged", "uploaded", "deleted", "fixed", "kept", "conflicts",
    "orphans", "skipped", "failed", "not_tried",
)  # fmt: skip

_STATUS = {
    OK: "ok", NOT_STARTED: "error", DIFFERENCES: "differences", FAILED: "failed", HELD_BACK: "refused",
    LOCKED: "locked", BUDGET: "budget", UNDECIDED: "undecided",
}  # fmt: skip

_SIGNALLED = 128
_PRECEDENCE = (USAGE, NOT_STARTED, LOCKED, _SIGNALLED, HELD_BACK, FAILED, BUDGET, DIFFERENCES, UNDECIDED, OK)
_LESS_SURE = ("off", "emulated", "enforced")
_STOPPED = {"guard": HELD_BACK, "errors": FAILED, "budget": BUDGET}

_COUNTED_DONE = {
    Action.UPLOAD: "uploaded", Action.DOWNLOAD: "downloaded", Action.DELETE: "deleted", Action.FIX: "fixed",
}  # fmt: skip
_COUNTED_ANYHOW = {
    Action.KEEP: "kept", Action.CONFLICT: "conflicts", Action.ORPHAN: "orphans", Action.SKIP: "skipped",
    Action.NONE: "unchanged",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """Where a run went, for the report."""

    alias: str
    bucket: str | None = None
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run did. Folding is the business of one thread."""

    schema: str = SCHEMA
    command: str
    version: str
    run_id: str
    started: str
    target: TargetFacts
    place: str = ""
    """The folder that was written to, where it was no bucket."""
    dry_run: bool = False
    check: bool = False
    """The caller wants to know whether work is pending."""
    finished: str = ""
    engine: str | None = None
    engine_reason: str | None = None
    """Why it was not the fast one."""
    conditional: str = "off"
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTS, 0)))
    planned_bytes: int = 0
    sent_bytes: int = 0
    requests: Counter[str] = field(default_factory=lambda: Counter(ListObjectsV2=0, PutObject=0))
    seconds: dict[str, float] = field(default_factory=lambda: {"total": 0.0, "plan": 0.0, "transfer": 0.0})
    error: Failure | None = None
    error_exit: int = OK
    levels: Counter[str] = field(default_factory=Counter)
    """How many findings of each level there were."""
    held_back: bool = False
    """A guard stopped a part of the work."""
    differences: bool = False
    pending: int = 0
    planned: Counter[Action] = field(default_factory=Counter)
    """What a rehearsal would do."""
    estimate: Estimate | None = None
    """What that would ask of S3."""
    stopped: Stopped | None = None
    source: str = ""
    """The folder, of one target of several."""
    targets: list[Report] = field(default_factory=list)
    """Where a run has several targets, each one's own report; the counts of this one are the sums."""

    def add(self, part: Report) -> None:
        """Takes in the report of one target of several, which is finished."""
        self.targets.append(part)
        for ours, theirs in (
            (self.counts, part.counts), (self.requests, part.requests), (self.levels, part.levels)
        ):  # fmt: skip
            ours.update(theirs)
        self.planned_bytes += part.planned_bytes
        self.sent_bytes += part.sent_bytes
        for name in ("plan", "transfer"):
            self.seconds[name] += part.seconds[name]
        self.pending += part.pending
        self.error = self.error or part.error
        engines = {each.engine for each in self.targets if each.engine is not None}
        self.engine = engines.pop() if len(engines) == 1 else None
        self.conditional = min((each.conditional for each in self.targets), key=_LESS_SURE.index)

    def fold(self, event: Event) -> None:
        """Counts one event."""
        if isinstance(event, Finding):
            self.levels[event.level] += 1
        elif isinstance(event, Stopped):
            self.stopped = self.stopped or event
        elif isinstance(event, (Judged, Diagnosis, Verified)):
            return  # only some commands have those
        elif event.result is Result.FAILED:
            self.counts["failed"] += 1
        elif event.result is Result.PLANNED:
            self.pending += 1
            self.planned[event.action] += 1
        elif event.action in _COUNTED_DONE:
            self.counts[_COUNTED_DONE[event.action]] += event.result is Result.DONE
            if event.action is Action.UPLOAD:
                self.sent_bytes += event.size or 0
        else:
            self.counts[_COUNTED_ANYHOW[event.action]] += 1
            self.held_back = self.held_back or event.reason is Reason.SECRET

    def decided(self, *, existed: bool, size: int) -> None:
        """Counts one object that is to be uploaded, before it is tried."""
        self.counts["changed" if existed else "new"] += 1
        self.planned_bytes += size

    def taken_back(self, *, existed: bool, size: int) -> None:
        """Takes `decided` back: it is to be decided again."""
        self.counts["changed" if existed else "new"] -= 1
        self.planned_bytes -= size

    @property
    def exit_code(self) -> int:
        """The one code that says most: a run that did not start, a signal, a guard, failures, budget, differences."""
        return min(self.codes(), key=lambda code: _PRECEDENCE.index(min(code, _SIGNALLED)))

    def codes(self) -> set[int]:
        """All codes that something was said for."""
        codes = {self.error_exit}.union(*(part.codes() for part in self.targets))
        if self.stopped is not None:
            signalled = self.stopped.cause == "signal"
            codes.add(_SIGNALLED + (self.stopped.signal or 2) if signalled else _STOPPED[self.stopped.cause])
        if self.held_back:
            codes.add(HELD_BACK)
        if self.counts["failed"]:
            codes.add(FAILED)
        if self.counts["conflicts"] or self.differences or (self.check and self.pending):
            codes.add(DIFFERENCES)
        return codes

    @property
    def status(self) -> str:
        """The exit code as a word."""
        return "interrupted" if self.exit_code >= _SIGNALLED else _STATUS.get(self.exit_code, "error")

    def envelope(self) -> dict[str, Any]:
        """All of the report but its items."""
        facts = self.target
        target: dict[str, Any] = {
            "alias": facts.alias, "bucket": facts.bucket, "prefix": facts.prefix, "endpoint": facts.endpoint,
            "region": facts.region,
        }  # fmt: skip
        several = {}
        if self.targets:
            target = dict.fromkeys(target)
            several = {"targets": [part.as_target() for part in self.targets]}
        return {
            "schema": self.schema, "command": self.command, "version": self.version, "run_id": self.run_id,
            "started": self.started, "finished": self.finished, "dry_run": self.dry_run, "status": self.status,
            "exit_code": self.exit_code, "engine": self.engine, "conditional": self.conditional,
            "target": target, **several,
            "counts": {name: self.counts[name] for name in COUNTS},
            "bytes": {"planned": self.planned_bytes, "sent": self.sent_bytes},
            "requests": dict(sorted(self.requests.items())),
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "error": failure_as_dict(self.error),
            **({"estimate": self.estimate.as_dict()} if self.estimate is not None else {}),
        }  # fmt: skip

    def as_target(self) -> dict[str, Any]:
        """This report, of one target of several, in short."""
        whole = self.envelope()
        names = ("status", "exit_code", "engine", "conditional", "counts", "bytes", "requests", "seconds", "error")
        told = {**whole["target"], "source": printable(self.source), **{name: whole[name] for name in names}}
        return told | ({"estimate": whole["estimate"]} if "estimate" in whole else {})

    def write_json(self, items: Iterable[str], findings: Iterable[str] = ()) -> Iterator[str]:
        """The report as one JSON object, in pieces; what is given are JSON texts, and need not fit into memory."""
        yield json.dumps(self.envelope())[:-1] + ', "items": ['
        yield from _separated(items, ",\n")
        yield "], "
        yield from _findings(findings)

    def write_line(self, findings: Iterable[str]) -> Iterator[str]:
        """The last one of JSON lines, in pieces."""
        yield json.dumps({"type": "report", **self.envelope()})[:-1] + ", "
        yield from _findings(findings)


def _findings(findings: Iterable[str]) -> Iterator[str]:
    """The end of the object."""
    yield '"findings": ['
    yield from _separated(findings, ", ")
    yield "]}"


def _separated(texts: Iterable[str], separator: str) -> Iterator[str]:
    for number, text in enumerate(texts):
        yield separator + text if number else separator.lstrip(", ") + text


def finding_as_json(found: Finding, **extra: str) -> str:
    """A finding as the report shows it."""
    return json.dumps({
        **extra, "id": found.id, "level": found.level, "name": printable(found.name), "line": found.line,
        "col": found.col, "detail": printable(found.detail),
    })  # fmt: skip


def failure_as_dict(failure: Failure | None) -> dict[str, Any] | None:
    """An error as the report shows it."""
    if failure is None:
        return None
    return {
        "code": failure.code, "http": failure.http, "hint": printable(failure.hint),
        "message": printable(failure.message),
    }  # fmt: skip


def item_as_json(outcome: Outcome, **extra: str) -> str:
    """One name's outcome as the report shows it."""
    if outcome.detail:
        extra["detail"] = str(printable(outcome.detail))
    return json.dumps({
        **extra, "name": printable(outcome.name), "key": printable(outcome.key), "action": outcome.action.value,
        "reason": outcome.reason.value if outcome.reason else None, "size": outcome.size,
        "result": outcome.result.value, "error": failure_as_dict(outcome.error),
    })  # fmt: skip


def printable(text: str | None) -> str | None:
    """Text that strict JSON parsers take: a byte of a name that is not UTF-8 becomes `\\xff`, never a surrogate."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def belongs_in_items(outcome: Outcome, verbosity: int) -> bool:
    """Whether the report's `items` hold this outcome: trouble and choices always, uploads from 2, the rest from 3."""
    if outcome.result is Result.FAILED or outcome.action in (
        Action.KEEP, Action.CONFLICT, Action.DELETE, Action.ORPHAN, Action.FIX
    ):  # fmt: skip
        return True
    if outcome.action is Action.SKIP:
        quiet = (None, Reason.IGNORED, Reason.JUNK)
        return outcome.reason not in quiet or verbosity >= (3 if outcome.reason is None else 2)
    return verbosity >= (2 if outcome.action in (Action.UPLOAD, Action.DOWNLOAD) else 3)

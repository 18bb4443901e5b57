"""A run in words for people. Names come from anybody, so what a terminal would obey is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .core.comparison import Action, Reason
from .core.estimate import OUTGOING, Estimate
from .core.events import Failure, Finding, Outcome, Result
from .core.prices import AS_OF, REGION
from .core.report import OK, Report

if TYPE_CHECKING:
    from .sync.run import Progress

_HOSTILE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_VERBS = {
    Action.UPLOAD: "upload", Action.DOWNLOAD: "download", Action.DELETE: "delete", Action.FIX: "fix",
    Action.NONE: "unchanged",
}  # fmt: skip


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
        if size < 999.95 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError


def counted(count: int, what: str) -> str:
    """`1 object`, `1,200 objects`."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def line_for(outcome: Outcome) -> str:
    """One name's outcome in one line."""
    verb = _VERBS.get(outcome.action, outcome.action.value)
    if outcome.result is Result.PLANNED:
        verb = "would " + verb
    elif outcome.result is Result.FAILED:
        verb = "failed to " + verb
    notes = [outcome.reason.value] if outcome.reason else []
    if outcome.size is not None and outcome.action in (Action.UPLOAD, Action.DOWNLOAD):
        notes.append(in_bytes(outcome.size))
    if outcome.detail:
        notes.append(outcome.detail)
    return f"{verb} {shown(outcome.name)}" + (f" ({shown(', '.join(notes))})" if notes else "")


def line_for_finding(finding: Finding) -> str:
    """A finding in one line, as compilers and linters write it where it has a place."""
    if finding.name is None:
        return f"{finding.level.capitalize()}: {shown(finding.detail)}"
    place = ":".join([shown(finding.name), *(str(at) for at in (finding.line, finding.col) if at is not None)])
    return f"{place}: {finding.level}: {shown(finding.detail)} [{finding.id}]"


def with_advice(message: str, hint: str | None) -> str:
    """What happened, and what to do about it, as sentences; lines to paste that end with a comma keep their end."""
    parts = [message, hint[:1].upper() + hint[1:] if hint else ""]
    return " ".join(part if part.endswith((".", "?", "!", ",")) else f"{part}." for part in parts if part)


def line_for_error(failure: Failure) -> str:
    """Why a run could not begin or go on, and what to do about it."""
    return shown(with_advice(failure.message, failure.hint))


def title_of(outcome: Outcome) -> str | None:
    """What the trouble is called that this outcome belongs to, or None."""
    if outcome.action is Action.CONFLICT:
        return "changed on both sides and left as they are (--overwrite-newer sends them)"
    if outcome.action is Action.SKIP and outcome.reason is Reason.SECRET:
        return "held back as secrets, since everybody can read this target (--allow-secret NAME sends one)"
    if outcome.action is Action.SKIP and outcome.reason is Reason.LINK:
        return (
            "links skipped, as they lead nowhere, in a circle or out of the source (s3_push_media follows the latter "
            "with --follow-symlinks)"
        )
    if outcome.action is Action.SKIP and outcome.reason is Reason.SPECIAL:
        return "skipped, as they are no regular files"
    if outcome.action is Action.FIX and outcome.result is Result.PLANNED:
        return "stored with other headers than the storage writes (--fix-metadata mends them)"
    return None


def summary(report: Report, planned: Mapping[Action, int] | None = None) -> str:
    """A run in one line. `planned`: what would be deleted, and whose headers are or would be other ones."""
    counts, target = report.counts, report.target
    if report.place:
        return _build_summary(report)
    place = f"s3://{target.bucket}/{target.prefix}"
    did = "would upload" if report.dry_run else "uploaded"
    number = counts["new"] + counts["changed"] if report.dry_run else counts["uploaded"]
    size = report.planned_bytes if report.dry_run else report.sent_bytes
    parts = [f"{number:,} {did} ({in_bytes(size)})" if number else f"0 {did}", f"{counts['unchanged']:,} unchanged"]
    if report.dry_run:
        parts[0] = f"{did} {number:,} ({in_bytes(size)})"
    parts[1:1] = _planned(report, planned or {})
    for name, words in (
        ("deleted", "deleted"), ("fixed", "fixed"), ("kept", "kept (newer in the bucket)"),
        ("conflicts", "in conflict"), ("orphans", "without a file"), ("skipped", "skipped"), ("failed", "failed"),
        ("not_tried", "not tried"),
    ):  # fmt: skip
        if counts[name]:
            parts.append(f"{counts[name]:,} {words}")
    end = "" if report.exit_code == OK else f" [{report.status}, exit {report.exit_code}]"
    return f"{target.alias} -> {place}: {', '.join(parts)}; {report.seconds['total']:.1f} s{end}"


def _planned(report: Report, planned: Mapping[Action, int]) -> Iterator[str]:
    deletes, fixes = planned.get(Action.DELETE, 0), planned.get(Action.FIX, 0)
    if deletes:
        yield f"would delete {deletes:,}"
    if fixes:
        # It is a difference, unless --fix-metadata is rehearsed.
        yield f"{fixes:,} with other headers" if report.differences or not report.dry_run else f"would fix {fixes:,}"


def progress_line(progress: Progress, done: str = "sent") -> str:
    """How far a run is, in one line of a log; `done` is what becomes of files."""
    parts = [progress.doing] if progress.doing else []
    if progress.compared:
        parts.append(f"{progress.compared:,} names compared")
    more = "" if progress.walked or not progress.files else " so far"
    if progress.files:
        parts.append(f"{progress.files_done:,} of {progress.files:,} files{more} {done}")
        parts.append(f"{in_bytes(progress.bytes_done)} of {in_bytes(progress.bytes)}")
    elif progress.files_done:
        parts.append(f"{progress.files_done:,} looked at")
    return ", ".join(parts) or "under way"


def estimate_line(estimate: Estimate) -> str:
    """What a rehearsal's run would ask of S3 and cost, in one line."""
    asked = ", ".join(f"{number:,} {operation}" for operation, number in estimate.by_operation.items())
    line = f"  would take {asked}; {in_bytes(estimate.bytes)} to {'receive' if estimate.incoming else 'send'}"
    cost = estimate.cost
    if cost is not None:
        prices = ", ".join([*estimate.storage_classes, REGION, AS_OF])
        if estimate.incoming:
            return f"{line}; {_dollars(cost.requests)} for the requests, without {OUTGOING} (list prices: {prices})"
        line += (
            f"; {_dollars(cost.requests)} for the requests, {_dollars(cost.storage_month)} a month for the storage "
            f"(list prices: {prices}; regions and classes differ)"
        )
    elif estimate.is_amazon:
        line += f"; {estimate.why_no_cost}"
    return line


def _dollars(amount: float) -> str:
    if 0 < amount < 0.01:
        return "less than $0.01"
    cents = round(amount, 2) or 0.0  # not -0.00
    return f"-${-cents:,.2f}" if cents < 0 else f"${cents:,.2f}"


def _build_summary(report: Report) -> str:
    counts = report.counts
    did = "would write" if report.dry_run else "wrote"
    parts = [f"{did} {counts['new']:,} files ({in_bytes(report.planned_bytes)})"]
    parts += [
        f"{counts[name]:,} {words}"
        for name, words in (("skipped", "skipped"), ("failed", "failed"), ("not_tried", "not tried"))
        if counts[name]
    ]
    end = "" if report.exit_code == OK else f" [{report.status}, exit {report.exit_code}]"
    return f"{report.target.alias} -> {report.place}: {', '.join(parts)}; {report.seconds['total']:.1f} s{end}"


def lint_summary(report: Report) -> str:
    """A lint in one line."""
    counts = ((report.levels[level], level) for level in ("error", "warning", "info"))
    found = ", ".join(f"{count:,} {level}{'s' * (count > 1)}" for count, level in counts if count)
    end = "" if report.exit_code == OK else f" [{report.status}, exit {report.exit_code}]"
    scanned = report.counts["scanned"]
    what = f"{scanned:,} stylesheet{'s' * (scanned != 1)}: {found or 'nothing found'}"
    return f"{report.target.alias}: {what}; {report.seconds['total']:.1f} s{end}"

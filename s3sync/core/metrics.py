"""A run's figures in Prometheus' text format, as node_exporter's textfile collector reads them from a file.

Format: "Exposition formats", Prometheus documentation, version 0.0.4. All are gauges: each run starts from nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .diagnosed import DoctorReport
from .judged import AccessReport
from .media_report import MediaReport
from .pulling import PullReport
from .report import COUNTS, OK, Report
from .values import OF_VALUES

LAST_SUCCESS = "s3sync_last_success_timestamp_seconds"

_HELP = {
    "s3sync_last_run_timestamp_seconds": "When the last run ended.",
    LAST_SUCCESS: "When the last run ended that exited with 0. A dry run is none.",
    "s3sync_exit_code": "The exit code of the last run.",
    "s3sync_duration_seconds": "How long the last run took.",
    "s3sync_objects": "Names of the last run by what became of them.",
    "s3sync_bytes_planned": "Bytes that the last run was to send, or to receive.",
    "s3sync_bytes_sent": "Bytes of the objects that the last run stored.",
    "s3sync_bytes_received": "Bytes of the objects that the last run fetched.",
    "s3sync_requests": "Requests to S3 of the last run, repeated ones included.",
    "s3sync_verdicts": "What the last run has judged, by verdict.",
}  # fmt: skip
_LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\.)*)"')
_SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
_ESCAPED = {written: plain for plain, written in _ESCAPES.items()}

Labels = dict[str, str]


class _Sample(NamedTuple):
    """One line."""

    name: str
    labels: Mapping[str, str]
    value: float


def metrics_of(report: Report, *, finished: float, before: str, aliases: str = "") -> str:
    """The content of a metrics file for a run that ended at `finished`, in seconds since the epoch.

    `before` is what the file has held so far, which is where a failed run takes the time of the last success from, and
    the labels that it did not come to know. `aliases` is what a run over several storages was asked for; "" is all.
    """
    labels, success = _as_before(_labels(report, aliases), before)
    if report.exit_code == OK and (report.check or not report.dry_run):
        success = finished
    lines: list[str] = []
    last = ""
    for sample in _samples(report, labels, finished, success):
        if sample.name != last:
            lines += [f"# HELP {sample.name} {_HELP[sample.name]}", f"# TYPE {sample.name} gauge"]
            last = sample.name
        lines.append(_line(sample))
    return "\n".join(lines) + "\n"


def _samples(report: Report, labels: Labels, finished: float, success: float | None) -> Iterator[_Sample]:
    yield _Sample("s3sync_last_run_timestamp_seconds", labels, finished)
    if success is not None:
        yield _Sample(LAST_SUCCESS, labels, success)
    yield _Sample("s3sync_exit_code", labels, report.exit_code)
    yield _Sample("s3sync_duration_seconds", labels, round(report.seconds["total"], 3))
    if isinstance(report, AccessReport):
        for row in report.aliases.values():
            own = labels | _plain({"alias": row.alias, "bucket": row.bucket, "prefix": row.prefix})
            for verdict, count in sorted(row.verdicts.items()):
                yield _Sample("s3sync_verdicts", own | {"verdict": verdict}, count)
    elif isinstance(report, (DoctorReport, MediaReport)):
        for verdict, count in _verdicts(report).items():
            yield _Sample("s3sync_verdicts", labels | {"verdict": verdict}, count)
    else:
        pulls = isinstance(report, PullReport)
        for action in (*COUNTS, "downloaded") if pulls else COUNTS:
            yield _Sample("s3sync_objects", labels | {"action": action}, report.counts[action])
        yield _Sample("s3sync_bytes_planned", labels, report.planned_bytes)
        yield _Sample("s3sync_bytes_sent", labels, report.sent_bytes)
        if isinstance(report, PullReport):
            yield _Sample("s3sync_bytes_received", labels, report.received_bytes)
    for operation, count in sorted(report.requests.items()):
        yield _Sample("s3sync_requests", labels | {"operation": operation}, count)


def _verdicts(report: DoctorReport | MediaReport) -> Mapping[str, int]:
    """Where an alarm may wait for one of them, those too that there were none of."""
    if isinstance(report, DoctorReport):
        return report.verdicts
    return dict.fromkeys(("ok", *OF_VALUES), 0) | report.verdicts()


def _labels(report: Report, aliases: str) -> Labels:
    """What tells this job from others, however far it came: a run over several storages is one job."""
    alias, bucket, prefix = report.target.alias, report.target.bucket or "", report.target.prefix
    if isinstance(report, (AccessReport, DoctorReport, MediaReport)):
        alias, bucket, prefix = aliases, "", ""
    return _plain({"command": report.command, "alias": alias, "bucket": bucket, "prefix": prefix})


def _plain(labels: Labels) -> Labels:
    """Without lone surrogates, which no file can hold."""
    return {name: value.encode("utf-8", "backslashreplace").decode() for name, value in labels.items()}


def _as_before(labels: Labels, before: str) -> tuple[Labels, float | None]:
    """The labels, completed from the same job's earlier file, and its last success."""
    found: tuple[Labels, float | None] | None = None
    for name, text, value in _SAMPLE.findall(before):
        if not name.startswith("s3sync_last_"):
            continue
        earlier = {label: _unescaped(written) for label, written in _LABEL.findall(text)}
        same = earlier == labels
        if not labels["bucket"] and earlier.get("bucket") and earlier.get("command") == labels["command"]:
            same = earlier.keys() == labels.keys() and labels["alias"] in ("", earlier["alias"])
        if same:
            success = _number(value) if name == LAST_SUCCESS else None
            found = earlier, success if success is not None or found is None else found[1]
    return found or (labels, None)


def _number(text: str) -> float | None:
    """The time, unless somebody has written something else there."""
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPED.get(found[0], found[0]), text)


def _line(sample: _Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
    value = f"{sample.value:.3f}" if isinstance(sample.value, float) else str(sample.value)
    return f"{sample.name}{{{labels}}} {value}"


def _escaped(value: str) -> str:
    return re.sub(r'[\\"\n]', lambda found: _ESCAPES[found[0]], value)

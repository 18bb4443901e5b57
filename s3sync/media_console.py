"""What `s3_verify_media` shows: a row for each field, and below it what is amiss; items for machines."""

from __future__ import annotations

from collections import Counter, defaultdict

from .console import Console
from .core.events import Event, Verified
from .core.media_report import FieldSummary, MediaReport, verified_as_json
from .core.report import OK, Report
from .core.values import (
    CASE,
    FAILING,
    IMPOSSIBLE,
    MISSING,
    NORMALIZATION,
    OLD_URL,
    ORPHAN,
    SIZE,
    UNDECIDED,
    VERDICTS,
    WRONG_STORAGE,
)
from .sync.run import Progress
from .wording import counted, in_bytes, line_for_error, shown

_NAMED = 10
_HEADINGS = ("field", "database", "storage", "values", "verdict")
_TITLES = {
    MISSING: "no object has this key. s3_push_media sends those whose files are here",
    SIZE: "the object has another size than the file here. If users have replaced it since: --no-sizes",
    WRONG_STORAGE: "the object is not where the field looks for it",
    NORMALIZATION: "the object has the same name in another Unicode form. s3_push_media --normalize nfc sends"
    " names in the form that browsers and most rows have",
    CASE: "the object's name differs in upper and lower case, which S3 tells apart: correct the row",
    IMPOSSIBLE: "no object can have this name: correct the row",
    OLD_URL: "texts that hold URLs of the old folder",
    ORPHAN: "objects that no row names",
}  # fmt: skip


class MediaConsole(Console):
    """A console for values and objects."""

    _kept: defaultdict[str, list[Verified]]
    _count: Counter[str]

    def saw(self, event: Event) -> None:
        """Shows an event, or keeps it for the end."""
        if not isinstance(event, Verified):
            super().saw(event)
        elif self._form == "json":
            self._spool.write(verified_as_json(event) + "\n")
        elif self._form == "jsonl":
            self._write(verified_as_json(event, type="item"))
        elif self._verbosity >= 2:
            self._write(f"{event.verdict} {_line(event)}")
        else:
            self._keep_verified(event)

    def _keep_verified(self, event: Verified) -> None:
        if not hasattr(self, "_kept"):
            self._kept, self._count = defaultdict(list), Counter()
        self._count[event.verdict] += 1
        if len(self._kept[event.verdict]) < _NAMED:
            self._kept[event.verdict].append(event)

    def _conclude(self, report: Report) -> None:
        if isinstance(report, MediaReport) and (report.error is None or report.fields):
            say = self._write if self._verbosity > 0 else self._complain
            for line in _table(list(report.fields.values())):
                say(line)
            for verdict in VERDICTS:
                if count := getattr(self, "_count", Counter())[verdict]:
                    say(f"{count:,} {verdict}: {_title(verdict, report)}")
                    for event in self._kept[verdict]:
                        say(f"  {_line(event)}")
                    if count > _NAMED:
                        say(f"  and {count - _NAMED:,} more; -v 2 names them")
            say(_last_line(report))
        if report.error is not None:
            self._complain(line_for_error(report.error))  # last, where people look for it

    def _line_of(self, progress: Progress) -> str:
        looked = f", {progress.files_done:,} looked for" if progress.files_done else ""
        return f"{progress.files:,} value{'s' * (progress.files != 1)} read{looked}"

    def _draw(self, progress: object) -> None:
        if self._bar is None:
            from tqdm import tqdm  # only a terminal needs it

            self._bar = tqdm(unit=" values", unit_scale=True, file=self._err, dynamic_ncols=True, desc="Verifying")
        self._bar.total = getattr(progress, "files", None)
        self._bar.n = getattr(progress, "files_done", 0)
        self._bar.refresh()


def _title(verdict: str, report: MediaReport) -> str:
    return _TITLES[verdict] + (f", {in_bytes(report.orphan_bytes)}" if verdict == ORPHAN else "")


def _line(event: Verified) -> str:
    if event.verdict == ORPHAN:
        size = f" ({in_bytes(event.size)})" if event.size is not None else ""
        return f"{event.bucket}/{shown(event.key or event.name)}{size}"
    row = f"{event.model}.{event.field} {event.pk}" + (f" in {event.database}" if event.database != "default" else "")
    if event.verdict == OLD_URL:
        return f"{row}: {shown(event.detail)}"
    detail = f" ({shown(event.detail)})" if event.detail else ""
    return f"{row}: {shown(event.name)}{detail}"


def _table(rows: list[FieldSummary]) -> list[str]:
    """Aligned columns; empty where there is nothing to show."""
    if not rows:
        return []
    cells = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS) - 1)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
            for line in cells]  # fmt: skip


def _cells(row: FieldSummary) -> tuple[str, ...]:
    counts = {verdict: count for verdict, count in row.counts().items() if count}
    told = ", ".join(verdict if len(counts) == 1 else f"{verdict} {count:,}" for verdict, count in counts.items())
    storages = "; ".join(shown(each) for each in row.storages) or "-"
    return (f"{row.model}.{row.name}", row.database, storages, f"{row.values:,}", told or "no values")


def _last_line(report: MediaReport) -> str:
    end = "" if report.exit_code == OK else f" [{report.status}, exit {report.exit_code}]"
    values = sum(each.values for each in report.fields.values() if not each.body)
    verdicts = report.verdicts()
    amiss, undecided = sum(verdicts.get(verdict, 0) for verdict in FAILING), verdicts.get(UNDECIDED, 0)
    requests = sum(report.requests.values())
    partial = "; the run ended early" if report.coverage == "partial" else ""
    counts = [f"{count:,} {word}" for count, word in ((amiss, "amiss"), (undecided, "undecided")) if count]
    found = ", ".join(counts) or "nothing amiss"
    return (
        f"{counted(values, 'value')}, {counted(report.counts['listed'], 'object')}: {found}; "
        f"{counted(requests, 'request')}; {report.seconds['total']:.1f} s{partial}{end}"
    )

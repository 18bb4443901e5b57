"""What `s3_verify_acl` shows: a table for people, with the worst below it; items for machines."""

from __future__ import annotations

from collections import Counter, defaultdict

from .console import Console
from .core.events import Event, Judged
from .core.judged import SEVERITIES, AccessReport, AliasSummary, is_accepted, judged_as_json
from .core.report import OK, Report
from .sync.run import Progress
from .wording import counted, shown

_NAMED = 20
_HEADINGS = ("alias", "location", "intent", "objects", "verdict", "decided by")


class AccessConsole(Console):
    """A console for judgements."""

    _kept: defaultdict[tuple[str, str, str], list[Judged]]
    _count: Counter[tuple[str, str, str]]

    def saw(self, event: Event) -> None:
        """Shows an event, or keeps it for the end."""
        if not isinstance(event, Judged):
            super().saw(event)
            return
        if event.verdict == "OK" and event.severity in ("ok", "info") and not self.wants_details:
            return
        if self._form == "json":
            self._spool.write(judged_as_json(event) + "\n")
        elif self._form == "jsonl":
            self._write(judged_as_json(event, type="item"))
        elif self._verbosity >= 2:
            self._write(_line(event))
        else:
            self._keep_judged(event)

    def _keep_judged(self, event: Judged) -> None:
        if not hasattr(self, "_kept"):
            self._kept, self._count = defaultdict(list), Counter()
        kind = (event.alias, event.verdict, event.severity)
        self._count[kind] += 1
        if len(self._kept[kind]) < _NAMED:
            self._kept[kind].append(event)

    def _conclude(self, report: Report) -> None:
        if not isinstance(report, AccessReport):
            super()._conclude(report)
            return
        if report.error is None:
            self._list_trouble()
        if report.error is None or report.aliases:
            self._show(report)
        if report.error is not None:
            super()._conclude(report)  # last, where people look for it

    def _show(self, report: AccessReport) -> None:
        """What was found, be it all or what came before an error."""
        say = self._write if self._verbosity > 0 else self._complain
        ended_early = report.error is not None or report.coverage == "partial"
        for line in _table(list(report.aliases.values()), ended_early):
            say(line)
        kinds = sorted(getattr(self, "_kept", {}), key=lambda kind: (-SEVERITIES.index(kind[2]), kind))
        for kind in kinds:
            for event in self._kept[kind]:
                say(_line(event))
            if self._count[kind] > _NAMED:
                say(f"  and {self._count[kind] - _NAMED:,} more {kind[1]} in {kind[0]}; -v 2 names them")
        say(_last_line(report))

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm  # only a terminal needs it

            self._bar = tqdm(unit=" objects", unit_scale=True, file=self._err, dynamic_ncols=True, desc="Verifying")
        self._bar.n = progress.files_done
        self._bar.refresh()


def _line(event: Judged) -> str:
    what = f"{event.key}*" if event.whole else event.key
    accepted = " (accepted by the baseline)" if is_accepted(event) else ""
    return f"  {event.severity.upper()} {event.verdict} {event.alias}: {shown(what)!r}: {shown(event.reason)}{accepted}"


def _table(rows: list[AliasSummary], ended_early: bool) -> list[str]:
    """Aligned columns; empty where there is nothing to show."""
    if not rows:
        return []
    cells = [_HEADINGS, *(_cells(row, ended_early) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS) - 1)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
            for line in cells]  # fmt: skip


def _cells(row: AliasSummary, ended_early: bool) -> tuple[str, ...]:
    source = "" if row.intent_source == "declared" or not row.intent_source else f" ({row.intent_source})"
    verdicts = ", ".join(
        verdict if len(row.verdicts) == 1 else f"{verdict} {count:,}" for verdict, count in row.verdicts.most_common()
    )
    objects = f"{row.objects:,}" if row.objects is not None else "all" if verdicts or not ended_early else "?"
    nothing = "not judged" if ended_early else "no objects"
    place = f"{row.bucket}/{shown(row.prefix)}"
    return (row.alias, place, row.intent + source, objects, verdicts or nothing, row.how)


def _last_line(report: AccessReport) -> str:
    end = "" if report.exit_code == OK else f" [{report.status}, exit {report.exit_code}]"
    accepted = f", {report.accepted:,} accepted by the baseline" if report.accepted else ""
    calls = counted(report.api_calls, "call")
    mended = f", {report.counts['fixed']:,} mended" if report.counts["fixed"] else ""
    coverage = "partial (the run ended early)" if report.coverage == "partial" else report.coverage
    return f"{coverage}{mended}{accepted}; {calls}; {report.seconds['total']:.1f} s{end}"

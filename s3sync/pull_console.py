"""What `s3_pull_media` shows: a run in the words of the other direction."""

from __future__ import annotations

from .console import Console
from .core.comparison import Action
from .core.events import Outcome
from .core.pulling import PullReport
from .core.report import OK, Report
from .sync.run import Progress
from .wording import in_bytes, progress_line, shown, title_of


class PullConsole(Console):
    """A console for what comes here."""

    task = "Pulling"

    def _title_of(self, outcome: Outcome) -> str | None:
        if outcome.action is Action.CONFLICT:
            return "changed on both sides and left as they are (--overwrite-newer takes the bucket's)"
        return title_of(outcome)

    def _line_of(self, progress: Progress) -> str:
        return progress_line(progress, "received")

    def _engine(self, report: Report) -> str:
        return f"engine {report.engine}" + (f" ({report.engine_reason})" if report.engine_reason else "")

    def _summary(self, report: Report) -> str:
        assert isinstance(report, PullReport)
        counts, target = report.counts, report.target
        if report.dry_run:
            parts = [f"would download {counts['new'] + counts['changed']:,} ({in_bytes(report.planned_bytes)})"]
        else:
            size = f" ({in_bytes(report.received_bytes)})" if counts["downloaded"] else ""
            parts = [f"{counts['downloaded']:,} downloaded{size}"]
        parts.append(f"{counts['unchanged']:,} unchanged")
        for name, words in (
            ("kept", "kept (newer here)"), ("conflicts", "in conflict"), ("orphans", "only here"),
            ("skipped", "skipped"), ("failed", "failed"), ("not_tried", "not tried"),
        ):  # fmt: skip
            if counts[name]:
                parts.append(f"{counts[name]:,} {words}")
        end = "" if report.exit_code == OK else f" [{report.status}, exit {report.exit_code}]"
        place = f"s3://{target.bucket}/{target.prefix} -> {shown(report.folder)}"
        return f"{place}: {', '.join(parts)}; {report.seconds['total']:.1f} s{end}"

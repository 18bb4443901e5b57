"""What the report of a verification counts, and what people get to see of it."""

from __future__ import annotations

import io

import pytest

from s3sync.access_console import AccessConsole
from s3sync.core.events import Failure, Judged
from s3sync.core.judged import AccessReport, AliasSummary
from s3sync.core.report import NOT_STARTED, UNDECIDED, TargetFacts


def a_report() -> AccessReport:
    made = AccessReport(command="s3_verify_acl", version="1", run_id="r", started="", target=TargetFacts("default"))
    made.aliases["default"] = AliasSummary("default", "b", "media/", "private", "declared", "keys", 1)
    return made


@pytest.mark.parametrize("verdict", ["UNKNOWN", "MODEL-MISMATCH"])
def test_a_baseline_accepts_nothing_undecided(verdict: str) -> None:
    """What nobody could tell then may be anything now."""
    report = a_report()
    report.fold(Judged("default", "a", "private", "declared", verdict, "error", "why", accepted=True))
    assert (0, True, UNDECIDED) == (report.accepted, report.undecided, report.exit_code)


def test_what_was_found_is_shown_before_an_error() -> None:
    """An error at the end must not swallow a leak."""
    report, out, err = a_report(), io.StringIO(), io.StringIO()
    console = AccessConsole(out, err)
    found = Judged("default", "media/a", "private", "declared", "EXPOSED", "critical", "why")
    report.fold(found)
    console.saw(found)
    report.aliases["other"] = AliasSummary("other", "c", "", "private")
    report.coverage, report.error_exit = "partial", NOT_STARTED
    report.error = Failure("AccessDenied", message="c: refused")
    console.finish(report)
    shown = out.getvalue()
    assert "CRITICAL EXPOSED default: 'media/a'" in shown
    assert "not judged" in shown
    assert "partial (the run ended early)" in shown
    assert "c: refused" in err.getvalue()

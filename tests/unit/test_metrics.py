"""The file of `--metrics`, read by Prometheus' own parser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from s3sync.core.events import Failure
from s3sync.core.judged import AccessReport, AliasSummary
from s3sync.core.metrics import LAST_SUCCESS, metrics_of
from s3sync.core.report import Report, TargetFacts
from s3sync.output import write_whole
from tests.strategies import QUICK

Samples = dict[tuple[str, str], tuple[dict[str, str], float]]


def report(*, exit_code: int = 0, command: str = "s3_push_media", dry_run: bool = False, check: bool = False,
           alias: str = "default", bucket: str | None = "b", prefix: str = "media/") -> Report:  # fmt: skip
    made = Report(command=command, version="1", run_id="1", started="", dry_run=dry_run, check=check,
                  target=TargetFacts(alias, bucket, prefix))  # fmt: skip
    made.error_exit = exit_code
    return made


def read(text: str) -> Samples:
    """(name, last label's value) -> labels and value; each family has its help and type."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert ("gauge", True) == (family.type, bool(family.documentation)), family
        for sample in family.samples:
            found[sample.name, list(sample.labels.values())[-1]] = (sample.labels, sample.value)
    return found


def success(text: str) -> float | None:
    return next((value for (name, _), (_, value) in read(text).items() if name == LAST_SUCCESS), None)


def test_all_figures_of_a_run() -> None:
    """Names, labels and values."""
    made = report()
    made.counts["uploaded"], made.sent_bytes, made.planned_bytes = 3, 2**60 + 1, 9
    made.requests["HeadObject"] = 2
    made.seconds["total"] = 1.23456

    text = metrics_of(made, finished=1_700_000_000.25, before="")

    own = {"command": "s3_push_media", "alias": "default", "bucket": "b", "prefix": "media/"}
    found = read(text)
    assert (own, 1_700_000_000.25) == found["s3sync_last_run_timestamp_seconds", "media/"]
    assert (own, 1_700_000_000.25) == found[LAST_SUCCESS, "media/"]
    assert (own, 0) == found["s3sync_exit_code", "media/"]
    assert (own, 1.235) == found["s3sync_duration_seconds", "media/"]
    assert (own | {"action": "uploaded"}, 3) == found["s3sync_objects", "uploaded"]
    assert (own | {"operation": "HeadObject"}, 2) == found["s3sync_requests", "HeadObject"]
    labels = ",".join(f'{name}="{value}"' for name, value in own.items())
    assert f"s3sync_bytes_sent{{{labels}}} {2**60 + 1}" in text.splitlines()
    assert 14 == sum(name == "s3sync_objects" for name, _ in found)


def test_the_last_success_outlives_failures() -> None:
    """Runs one after the other, each with the file of the one before."""
    good = metrics_of(report(), finished=100.0, before="")
    failed = metrics_of(report(exit_code=4), finished=200.0, before=good)
    again = metrics_of(report(exit_code=1), finished=300.0, before=failed)

    assert (100.0, 100.0, 100.0) == (success(good), success(failed), success(again))
    assert None is success(metrics_of(report(exit_code=4), finished=200.0, before=""))
    assert 400.0 == success(metrics_of(report(), finished=400.0, before=again))


def test_a_dry_run_is_no_success_but_a_check_is() -> None:
    """-n by hand must not quiet the alarm; --check is what some jobs are there for."""
    good = metrics_of(report(), finished=100.0, before="")

    assert 100.0 == success(metrics_of(report(dry_run=True), finished=200.0, before=good))
    assert 200.0 == success(metrics_of(report(dry_run=True, check=True), finished=200.0, before=good))


def test_another_job_s_success_is_not_taken_over() -> None:
    """Two crontab lines that write to one file by mistake."""
    good = metrics_of(report(), finished=100.0, before="")

    for other in (
        report(exit_code=1, command="collectstatic"), report(exit_code=1, bucket="c"),
        report(exit_code=1, prefix="x/"), report(exit_code=1, alias="other", bucket=None, prefix=""),
    ):  # fmt: skip
        assert None is success(metrics_of(other, finished=200.0, before=good))


def test_a_run_that_never_came_to_its_bucket_keeps_the_labels() -> None:
    """Else the alert would look at a series that nobody writes any more."""
    good = metrics_of(report(), finished=100.0, before="")
    lost = report(exit_code=1, bucket=None, prefix="", alias="")
    lost.error = Failure("Storage")

    found = read(metrics_of(lost, finished=200.0, before=good))

    assert ({"b"}, {"media/"}) == ({labels["bucket"] for labels, _ in found.values()},
                                   {labels["prefix"] for labels, _ in found.values()})  # fmt: skip
    assert 1 == found["s3sync_exit_code", "media/"][1]


def test_a_file_that_holds_something_else() -> None:
    """Half a file, another's, a time that is none."""
    line = f'{LAST_SUCCESS}{{command="s3_push_media",alias="default",bucket="b",prefix="media/"}}'
    for before in ("\0\0", "# HELP x y\n", LAST_SUCCESS, line, line + " NaN\n", line + " -1\n", line + " 1e400\n"):
        assert None is success(metrics_of(report(exit_code=1), finished=200.0, before=before)), before


def test_verdicts_are_told_by_alias_and_the_run_by_all() -> None:
    """s3_verify_acl judges several aliases in one run."""
    made = AccessReport(command="s3_verify_acl", version="1", run_id="1", started="", target=TargetFacts("b"))
    for alias, verdict in (("a", "OK"), ("b", "EXPOSED")):
        made.aliases[alias] = AliasSummary(alias, "bucket", alias + "/")
        made.aliases[alias].verdicts[verdict] = 7

    found = read(metrics_of(made, finished=1.0, before="", aliases="a, b"))

    assert ("a, b", "") == (found["s3sync_exit_code", ""][0]["alias"], found["s3sync_exit_code", ""][0]["bucket"])
    assert ("b", 7) == (found["s3sync_verdicts", "EXPOSED"][0]["alias"], found["s3sync_verdicts", "EXPOSED"][1])


def test_a_verification_that_breaks_off_is_the_same_job() -> None:
    """However many aliases it has come to; and another one's success is not its own."""
    made = AccessReport(command="s3_verify_acl", version="1", run_id="1", started="", target=TargetFacts("b", "bucket"))
    good = metrics_of(made, finished=100.0, before="", aliases="a, b")
    made.error_exit, made.target = 1, TargetFacts("a", "other")
    made.aliases["a"] = AliasSummary("a", "other", "")

    assert 100.0 == success(metrics_of(made, finished=200.0, before=good, aliases="a, b"))
    assert None is success(metrics_of(made, finished=200.0, before=good, aliases=""))


@QUICK
@given(st.text(), st.text(st.characters(blacklist_categories=())))
def test_any_name_survives(alias: str, prefix: str) -> None:
    """Quotes, backslashes, line ends and surrogates: what is written is read back, and once more."""
    first = metrics_of(report(alias=alias, prefix=prefix), finished=5.0, before="")
    second = metrics_of(report(alias=alias, prefix=prefix, exit_code=4), finished=6.0, before=first)

    assert 5.0 == success(second)
    if alias.isprintable():
        assert alias == next(iter(read(second).values()))[0]["alias"]


def test_the_file_is_for_another_user_and_whole_or_not_at_all(tmp_path: Path) -> None:
    """Under a umask that would hide it; and where the text can't be written."""
    path = tmp_path / "a.prom"
    before = os.umask(0o077)
    try:
        write_whole(str(path), "one", 0o644)
    finally:
        os.umask(before)
    with pytest.raises(UnicodeEncodeError):
        write_whole(str(path), "\udcff", 0o644)

    assert (0o100644, "one", ["a.prom"]) == (path.stat().st_mode, path.read_text(), os.listdir(tmp_path))

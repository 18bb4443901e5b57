"""What people see, and what they may write on the command line."""

from __future__ import annotations

import argparse
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.console import Console
from s3sync.core.plan import DeleteLimit
from s3sync.management.options import delete_limit, duration, whole_number
from s3sync.sync.run import Progress
from s3sync.wording import counted, in_bytes, shown, with_advice
from tests.strategies import QUICK, file_system_names

SHOWN = [
    ("a b/ü.png", "a b/ü.png"),
    ("a\nb", "a\\x0ab"),
    ("a\r\tb", "a\\x0d\\x09b"),
    ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
    ("\x7f\x9b", "\\x7f\\x9b"),
    ("a\udcffb", "a\\xffb"),
    ("gpj.\u202eexe", "gpj.\\u202eexe"),
    ("\u2066a\u2069", "\\u2066a\\u2069"),
    ("a\u2028b", "a\\u2028b"),
    ("\ud800", "\\ud800"),
    ("😀", "😀"),
    ("", ""),
]


@pytest.mark.parametrize(("name", "expected"), SHOWN)
def test_shown(name: str, expected: str) -> None:
    """A file's name can't move the cursor, colour the terminal or turn the line around."""
    assert expected == shown(name)


@QUICK
@given(st.one_of(file_system_names(), st.text()))
def test_whatever_is_shown_can_be_printed(name: str) -> None:
    """Any name becomes one line of UTF-8 without control characters."""
    line = shown(name)

    assert line == line.encode().decode()
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", line)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1234, "1.2 kB"), (12_345_678, "12.3 MB"),
        (10**9, "1.0 GB"), (1_234_567_890_123, "1,234.6 GB"),
    ],
)  # fmt: skip
def test_in_bytes(size: int, expected: str) -> None:
    """Powers of 1000, one digit after the point."""
    assert expected == in_bytes(size)


def test_counted() -> None:
    """One object, and more than one."""
    assert ["0 objects", "1 object", "1,200 objects"] == [counted(count, "object") for count in (0, 1, 1200)]


ADVICE: list[tuple[str, str | None, str]] = [
    ("The bucket is gone.", "make it", "The bucket is gone. Make it."),
    ("There is no model 'a'", "write app.Model", "There is no model 'a'. Write app.Model."),
    ("Nothing was sent.", "do STATICFILES_DIRS lead to files?", "Nothing was sent. Do STATICFILES_DIRS lead to files?"),
    ("S3SYNC['MEDIA'] is [].", '"MEDIA": [...],', "S3SYNC['MEDIA'] is []. \"MEDIA\": [...],"),
    ("It broke", None, "It broke."),
    ("", "make it", "Make it."),
]


@pytest.mark.parametrize(("message", "hint", "expected"), ADVICE)
def test_with_advice(message: str, hint: str | None, expected: str) -> None:
    """Two sentences, each with one end, however their authors wrote them."""
    assert expected == with_advice(message, hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("50m", 3000), ("2h", 7200), ("1d", 86_400), ("1.5h", 5400), ("0", 0), ("0.5s", 0.5)],
)
def test_duration(text: str, expected: float) -> None:
    """Seconds, unless a letter says otherwise."""
    assert expected == duration(text)


@pytest.mark.parametrize(
    "text", ["", "m", "-1", "-1m", "1w", "1 h", "1h30m", ".5h", "1.h", "5M", "1e3", "inf", "nan", "1h\n"]
)
def test_no_duration(text: str) -> None:
    """Whatever else is a mistake, and the answer says how to write it."""
    with pytest.raises(argparse.ArgumentTypeError, match="write 90s, 50m, 2h or 1d"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", DeleteLimit(count=0)), ("25", DeleteLimit(count=25)), ("10%", DeleteLimit(percent=10.0)),
        ("2.5%", DeleteLimit(percent=2.5)), ("100%", DeleteLimit(percent=100.0)),
    ],
)  # fmt: skip
def test_delete_limit(text: str, expected: DeleteLimit) -> None:
    """A number, or a share."""
    assert expected == delete_limit(text)


@pytest.mark.parametrize("text", ["", "%", "ten", "-1", "-1%", "1.5", "nan%", "inf%", "10 percent"])
def test_no_delete_limit(text: str) -> None:
    """Whatever else is a mistake: a guard that was not understood guards nothing."""
    with pytest.raises(argparse.ArgumentTypeError, match="neither a number nor a percentage"):
        delete_limit(text)


def test_whole_number() -> None:
    """Workers and failures are counted from one."""
    assert [1, 64] == [whole_number("1"), whole_number("64")]


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", ""])
def test_no_whole_number(text: str) -> None:
    """Nought workers would wait for ever. argparse turns both errors into exit 2."""
    with pytest.raises((argparse.ArgumentTypeError, ValueError), match=r"1 or more|invalid literal"):
        whole_number(text)


def said(*moments: tuple[float, Progress], verbosity: int = 1, progress: bool | None = None) -> list[str]:
    """What a console without a terminal says when it is told of these moments."""
    err, now = io.StringIO(), [0.0]
    console = Console(io.StringIO(), err, verbosity=verbosity, progress=progress, clock=lambda: now[0])
    for moment, so_far in moments:
        now[0] = moment
        console.moved(so_far)
    console.discard()
    return err.getvalue().splitlines()


def test_a_line_a_minute_without_a_terminal() -> None:
    """What a cron job's log or a pod's shows of a long run; nobody wants more of it."""
    lines = said(
        (0.0, Progress()), (59.9, Progress(compared=1)), (60.0, Progress(compared=64_000)),
        (119.0, Progress()), (120.0, Progress(5, 3000, 2, 1500, compared=70_000)),
        (300.0, Progress(5, 3000, 5, 3000, walked=True, compared=70_000, doing="verifying")),
    )  # fmt: skip

    assert [
        "64,000 names compared",
        "70,000 names compared, 2 of 5 files so far sent, 1.5 kB of 3.0 kB",
        "verifying, 70,000 names compared, 5 of 5 files sent, 3.0 kB of 3.0 kB",
    ] == lines


@pytest.mark.parametrize(("verbosity", "progress"), [(0, None), (1, False)])
def test_no_line_where_none_is_wanted(verbosity: int, progress: bool | None) -> None:
    """-v 0 and --no-progress."""
    assert [] == said((1000.0, Progress(compared=1)), verbosity=verbosity, progress=progress)


@pytest.mark.parametrize(("text", "lines"), [("0", 2), ("10", 1), ("", 0), ("often", 0), ("-5", 2)])
def test_the_interval_is_the_environment_s(text: str, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3SYNC_PROGRESS_INTERVAL, in seconds; nonsense is a minute."""
    monkeypatch.setenv("S3SYNC_PROGRESS_INTERVAL", text)

    assert lines == len(said((1.0, Progress(compared=1)), (11.0, Progress(compared=2))))

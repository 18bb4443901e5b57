"""What `s3_create_bucket` shows: each bucket, and below it what is and what would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from .console import Console
from .core.bucket_report import BucketReport, BucketState, Setting
from .core.report import OK, Report
from .wording import shown

_ENDS = {"planned": "would be set", "done": "set", "same": "as it should be", "unavailable": "not available here"}


class BucketConsole(Console):
    """A console for settings of buckets."""

    def _conclude(self, report: Report) -> None:
        say = self._write if self._verbosity > 0 else self._complain
        for state in report.buckets if isinstance(report, BucketReport) else ():
            for line in lines_of(state, every=self._verbosity >= 2):
                say(shown(line))
        if report.error is not None:
            super()._conclude(report)
        elif report.exit_code != OK:
            say(f"[{report.status}, exit {report.exit_code}]")


def is_agreed_to(state: BucketState, aside: IO[str]) -> bool:
    """Shows what would be changed, and asks."""
    for line in lines_of(state):
        aside.write(shown(line) + "\n")
    aside.write("Are you sure you want to do this? Type 'yes' to continue, or 'no' to cancel: ")
    aside.flush()
    try:
        return input() == "yes"
    except EOFError:
        return False


def lines_of(state: BucketState, *, every: bool = False) -> Iterator[str]:
    """A bucket for people; with `every`, also what is as it should be."""
    differing = [each for each in state.settings if each.result in ("planned", "done")]
    yield f"{state.bucket} ({', '.join(state.aliases)}): {_summary(state, differing)}"
    for setting in state.settings:
        if setting.name == "bucket" or (setting.result == "same" and not every):
            continue
        if setting.result in ("same", "unavailable"):
            why = f" ({setting.detail})" if setting.detail else ""
            yield f"  {setting.name}: {_ENDS[setting.result]}{why}"
        elif setting.is_document:
            yield f"  {setting.name}: {_ENDS[setting.result]}"
            yield from (f"    {line}" for line in setting.diff())
        else:
            yield f"  {setting.name}: {_ENDS[setting.result]}: {setting.words()}"


def _summary(state: BucketState, differing: list[Setting]) -> str:
    made = next((each for each in differing if each.name == "bucket"), None)
    if made is not None:
        where = f" in {made.wanted}" if made.wanted else ""
        return f"created{where}" if made.result == "done" else f"would be created{where}"
    if not differing:
        return "all as it should be"
    count = f"{len(differing)} setting{'' if len(differing) == 1 else 's'}"
    done = all(each.result == "done" for each in differing)
    return f"{count} changed" if done else f"{count} would be changed by --update"

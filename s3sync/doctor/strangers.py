"""Checks of what strangers may do to the bucket as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from ..access import BucketFacts
from ..core.events import Diagnosis
from .exposures import ACL, OPEN, Open, lists, told_before, writes
from .facts import Examined
from .mending import taking_out
from .places import READ_BY
from .remedies import acl_step, unknown

_STRANGERS: Final = ("global/AllUsers", "global/AuthenticatedUsers")


def d09(examined: Examined) -> Iterator[Diagnosis]:
    """Whether strangers list the keys."""
    if examined.bucket is None:
        return
    yield from _of_bucket(
        examined, "D09", "listed", lists(examined), "list its keys",
        "names tell much: whoever has the list asks for each object, and knows what to guess",
    )  # fmt: skip


def d10(examined: Examined) -> Iterator[Diagnosis]:
    """Whether strangers write."""
    if examined.bucket is None:
        return
    yield from _of_bucket(
        examined, "D10", "written", writes(examined), "change what is in it, or who may",
        "strangers replace files that your visitors load, or fill the bucket at your expense",
    )  # fmt: skip


def _of_bucket(examined: Examined, check: str, title: str, way: Open, act: str, why: str) -> Iterator[Diagnosis]:
    verdict, alias = way.verdict, examined.aliases
    if verdict.verdict == "OK":
        yield Diagnosis(check, "ok", title, f"strangers can't {act}", alias=alias)
    elif verdict.verdict == "UNKNOWN":
        if "policy" in verdict.unread:
            return  # D07 says so
        operations = [READ_BY[name] for name in verdict.unread]
        yield unknown(examined, check, title, f"whether strangers {act}", operations, alias)
    elif not way.culprits <= told_before(examined, check):
        statements = way.culprits - {ACL}
        steps = [acl_step(examined, _STRANGERS)] if ACL in way.culprits else []
        judge = writes if check == "D10" else lists
        steps += taking_out(
            examined, examined.storages[0].alias, statements, lambda facts: _still(examined, facts, judge),
            mild=not way.bad,
        ) if statements else []  # fmt: skip
        yield Diagnosis(
            check, "error" if way.bad else "warning", title, f"{examined.name}: {verdict.reason}", why,
            "\n".join(steps), alias,
        )  # fmt: skip


def _still(examined: Examined, facts: BucketFacts, judge: Callable[[Examined], Open]) -> bool:
    assert examined.bucket is not None
    there = replace(examined, bucket=replace(examined.bucket, facts=facts, acl=()))
    return judge(there).verdict.verdict in OPEN

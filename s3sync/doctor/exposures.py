"""Statements of the policy, and ACLs of the bucket, that let strangers in: each is told once, by the check it fits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ..access import BucketFacts, Grant, Verdict, list_access, write_access
from .facts import Examined
from .places import HIDDEN, Place, places_of, reading, settled, statements_in
from .remedies import culprits_of, lifted

ACL: Final = -1
"""Stands for the bucket's own ACL, among the places of statements."""
OPEN: Final = ("EXPOSED", "CONDITIONAL")
_GRAVE: Final = ("critical", "high")
_NEGATIVE: Final = re.compile(r"(ForAllValues:|ForAnyValue:)?(String|Arn|Numeric|Date)?Not\w+(?<!IfExists)(IfExists)?")


class Open(NamedTuple):
    """A way in, and by what."""

    verdict: Verdict
    culprits: frozenset[int]
    bad: bool = False
    """An error rather than a warning."""


def traps_in(policy: Any) -> dict[int, str]:
    """Place of a statement -> the trap that it is: `allow-not-principal`, `deny-not-principal`, `negative`."""
    found = {}
    for place, one in enumerate(statements_in(policy)):
        if not isinstance(one, Mapping):
            continue
        if "NotPrincipal" in one:
            found[place] = "allow-not-principal" if one.get("Effect") == "Allow" else "deny-not-principal"
        elif one.get("Effect") == "Allow" and _names_everybody(one.get("Principal")) and _only_negative(one):
            found[place] = "negative"
    return found


def traps_of(examined: Examined) -> dict[int, str]:
    """Those of the bucket's policy."""
    assert examined.bucket is not None
    return traps_in(settled(examined.bucket).policy)


def is_error(trap: str, place: int, examined: Examined) -> bool:
    """Whether a trap lets in somebody whom nobody meant."""
    let_in = [way.culprits for _, way in reads(examined)] + [writes(examined).culprits]
    return trap == "allow-not-principal" or (trap == "negative" and any(place in culprits for culprits in let_in))


def _names_everybody(principal: Any) -> bool:
    named = principal.get("AWS") if isinstance(principal, Mapping) else principal
    return named == "*" or (isinstance(named, list) and "*" in named)


def _only_negative(statement: Mapping[str, Any]) -> bool:
    condition = statement.get("Condition")
    return isinstance(condition, Mapping) and bool(condition) and all(map(_NEGATIVE.fullmatch, map(str, condition)))


def reads(examined: Examined, *, by_version: bool = False) -> list[tuple[Place, Open]]:
    """Hidden places that strangers read, by the policy."""
    assert examined.bucket is not None
    facts, found = settled(examined.bucket), []
    for place in places_of(examined, "private", "cdn"):
        verdict, _ = reading(facts, place, by_version=by_version)
        if verdict.verdict in OPEN:
            culprits = culprits_of(facts, reads_at(place, by_version=by_version))
            found.append((place, Open(verdict, culprits, verdict.severity in _GRAVE)))
    return found


class reads_at:  # noqa: N801  used like the function that it makes
    """Whether strangers read at this place."""

    def __init__(self, place: Place, *, by_version: bool = False) -> None:
        self._place, self._by_version = place, by_version

    def __call__(self, facts: BucketFacts) -> bool:
        """Of a bucket with these facts."""
        return reading(facts, self._place, by_version=self._by_version)[0].verdict in OPEN


def held_back(examined: Examined, place: Place) -> frozenset[int]:
    """What opens a hidden place once nothing holds back the policy."""
    return culprits_of(lifted(examined), reads_at(place))


def writes(examined: Examined) -> Open:
    """Who writes without having been chosen."""
    return _of_bucket(examined, write_access)


def lists(examined: Examined) -> Open:
    """Who lists the keys."""
    inside = bool(places_of(examined, *HIDDEN))
    return _of_bucket(examined, lambda facts, acl: list_access(facts, acl, private_inside=inside))


def _of_bucket(examined: Examined, judge: Any) -> Open:
    assert examined.bucket is not None
    facts, acl = settled(examined.bucket), examined.bucket.acl
    verdict: Verdict = judge(facts, acl)
    if verdict.verdict == "OK" or (verdict.verdict == "UNKNOWN" and not facts.policy_read):
        return Open(verdict, frozenset())
    none: Sequence[Grant] = ()
    culprits = set(culprits_of(facts, lambda those: judge(those, none).verdict in OPEN))
    by_acl = judge(replace(facts, policy=None, policy_read=True, policy_is_public=False), acl)
    culprits |= {ACL} if by_acl.verdict in OPEN else set()
    bad = verdict.verdict == "EXPOSED" and verdict.severity in _GRAVE
    return Open(verdict, frozenset(culprits), bad)


def told_before(examined: Examined, check: str) -> frozenset[int]:
    """What other checks tell, and this one need not: the worse and the more fitting come first."""
    order = ("D19", "D10", "D07", "D14", "D09")
    found = {place for place, trap in traps_of(examined).items() if trap != "deny-not-principal"}
    for earlier in order[1 : order.index(check)]:
        if earlier == "D10":
            found |= writes(examined).culprits
        else:
            for _, way in reads(examined, by_version=earlier == "D14"):
                found |= way.culprits
    return frozenset(found)

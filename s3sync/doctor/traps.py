"""Checks of statements that do not say what they seem to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..access.facts import BucketFacts
from ..core.events import Diagnosis
from .exposures import OPEN, is_error, reads, reads_at, told_before, traps_in, writes
from .facts import Examined
from .mending import mended, policy_steps
from .obstacles import obstacle_of
from .places import Place, aliases_of, has_origin_access, names_of, places_of, reading, settled
from .remedies import culprits_of, policy_step

_WORDS: Final = {
    "allow-not-principal": "allows by NotPrincipal, which means everybody but those it names, strangers included",
    "negative": "allows everybody, and its conditions only name exceptions",
}
_WHYS: Final = {
    "allow-not-principal": "whoever sends no credentials at all is none of those that it names",
    "negative": "a request without the key that the condition names, such as a stranger's, is no exception",
}
_INSTEAD: Final = "whom it was to let in, name in a statement with Principal, or in the policy of his role"


def d19(examined: Examined) -> Iterator[Diagnosis]:
    """Statements with NotPrincipal, and such that only name exceptions."""
    if examined.bucket is None or not examined.bucket.facts.policy_read:
        return
    facts = settled(examined.bucket)
    traps = traps_in(facts.policy)
    labels = [each.label for each in facts.statements("s3:GetObject")]
    for kind in _WORDS:
        found = {place for place, trap in traps.items() if trap == kind}
        if not found:
            continue
        opened = [place for place, way in reads(examined) if way.culprits & found]
        written = bool(writes(examined).culprits & found)
        bad = any(is_error(kind, place, examined) for place in found)
        also = f"; so strangers read {names_of(opened)}" if opened else ""
        also += "; so strangers write" if written else ""
        yield Diagnosis(
            "D19", "error" if bad else "warning", kind,
            f"{' and '.join(labels[place] for place in sorted(found))} of the policy of {examined.name} "
            f"{_WORDS[kind]}{also}", _WHYS[kind],
            "\n".join([*policy_steps(examined, found, mild=not bad), _INSTEAD]), examined.aliases,
        )  # fmt: skip
    yield from _denials(examined, facts, [place for place, trap in traps.items() if trap == "deny-not-principal"])
    if not traps:
        yield Diagnosis("D19", "ok", "traps", "no statement means more than it seems to", alias=examined.aliases)


def _denials(examined: Examined, facts: BucketFacts, found: list[int]) -> Iterator[Diagnosis]:
    """Where one of them shuts what is public, that is told instead."""
    shut = any(obstacle_of(examined, place)[0] == "deny" for place in places_of(examined, "public"))
    if not found or shut:
        return
    labels = [each.label for each in facts.statements("s3:GetObject")]
    yield Diagnosis(
        "D19", "warning", "deny-not-principal",
        f"{' and '.join(labels[place] for place in found)} of the policy of {examined.name} denies by NotPrincipal",
        "it locks out whom it means to spare: a role's sessions have another name than the role, and a new role of "
        "the old name is another one", "\n".join(policy_steps(examined, mild=True)), examined.aliases,
    )  # fmt: skip


def d16(examined: Examined) -> Iterator[Diagnosis]:
    """A CDN that has a way in of its own, and everybody else has one as well."""
    if examined.bucket is None or not examined.bucket.facts.policy_read:
        return
    facts = settled(examined.bucket)
    behind = [
        place for place in places_of(examined, "cdn", "public")
        if has_origin_access(examined, place) and not (place.declared and place.intent == "public")
    ]  # fmt: skip
    told = told_before(examined, "D07")
    around = [place for place in behind if not (place.declared and place.intent == "cdn") and _is_read(facts, place)]
    culprits = frozenset().union(*(culprits_of(facts, _read_at(place)) for place in around))
    if around and not (culprits and culprits <= told):
        alias = around[0].alias
        policy, _ = mended(examined, culprits, mild=True, publishing=False)
        yield Diagnosis(
            "D16", "warning", "around-the-cdn",
            f"CloudFront has a way of its own into {names_of(around)} of {examined.name}, and everybody reads there "
            "without it too", "whoever goes around the CDN misses its rules, and costs more",
            f'if everybody may read at S3 too: S3SYNC = {{"INTENT": {{"{alias}": "public"}}}} in the settings\n'
            f'if only CloudFront may: S3SYNC = {{"INTENT": {{"{alias}": "cdn"}}}} in the settings, and\n'
            f"{policy_step(examined, policy)}", aliases_of(around),
        )  # fmt: skip
    elif behind and not around:
        yield Diagnosis("D16", "ok", "around-the-cdn", "only CloudFront reads what it serves", alias=aliases_of(behind))


def _hidden(place: Place) -> Place:
    return Place(place.storage, place.prefix, "private", place.declared, place.inner)


def _is_read(facts: BucketFacts, place: Place) -> bool:
    return reading(facts, _hidden(place))[0].verdict in OPEN


def _read_at(place: Place) -> reads_at:
    return reads_at(_hidden(place))

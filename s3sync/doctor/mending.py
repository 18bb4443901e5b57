"""The policy as it should be. All remedies that print it print the same, so that none undoes another."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..access import BucketFacts
from ..access.bucket_plan import merged
from ..access.facts import RESTRICT
from ..access.logic import YES
from ..access.patterns import Subject
from ..access.policy import READ_ACTION, Statement, effects_on
from .exposures import held_back, is_error, lists, reads, traps_of, writes
from .facts import Examined
from .obstacles import obstacle_of
from .places import (
    HIDDEN,
    Place,
    key_pattern,
    lies_within,
    places_of,
    resources_of,
    settled,
    statements_in,
    with_policy,
)
from .remedies import NO_PUBLIC_POLICY, Trouble, policy_step, update, wanted_of


def update_steps(examined: Examined, alias: str) -> list[str]:
    """All that it takes for our own command to work: intents that are clear, and no statement that would expose."""
    declare = [
        f'S3SYNC = {{"INTENT": {{"{place.alias}": "private"}}}} in the settings, or "public" if everybody may read'
        for place in places_of(examined, "undeclared")
    ]
    return [*declare, *guard_steps(examined), update(examined, alias)]


def guard_steps(examined: Examined) -> list[str]:
    """What takes out the statements that would expose what is private, once nothing holds back the policy."""
    assert examined.bucket is not None
    policy, wanted = settled(examined.bucket).policy, wanted_of(examined)
    staying = statements_in(policy if wanted is None else merged(policy, wanted))
    found = frozenset[int]().union(*(held_back(examined, place) for place in places_of(examined, "private")))
    culprits = [place for place in found if statements_in(policy)[place] in staying]
    return [policy_step(examined, mended(examined, culprits)[0])] if culprits else []


def taking_out(
    examined: Examined, alias: str, culprits: Collection[int], troubled: Trouble, *, mild: bool = False
) -> list[str]:
    """Steps by which these statements go: our own command, where they are its own; else the whole new policy."""
    assert examined.bucket is not None
    facts, wanted = settled(examined.bucket), wanted_of(examined)
    if wanted is not None:
        ours = merged(facts.policy, wanted)
        if ours is not facts.policy and not troubled(with_policy(facts, ours)):
            return update_steps(examined, alias)
    return policy_steps(examined, culprits, mild=mild)


def policy_steps(examined: Examined, besides: Collection[int] = (), *, mild: bool = False) -> list[str]:
    """The policy without what makes trouble, and without `besides`; `mild`: without what makes warnings, too."""
    policy, is_complete = mended(examined, besides, mild=mild)
    public = places_of(examined, "public")
    more = [] if is_complete or not public else [update(examined, public[0].alias)]
    return [policy_step(examined, policy), *more]


def mended(
    examined: Examined, besides: Collection[int] = (), *, mild: bool = False, publishing: bool = True
) -> tuple[Any, bool]:
    """That policy; and whether it lets everybody read what is public: a block would refuse one that does."""
    assert examined.bucket is not None
    facts, go = settled(examined.bucket), {*besides, *_to_go(examined, mild=mild)}
    kept: list[Any] = []
    for place, one in enumerate(statements_in(facts.policy)):
        if place not in go:
            kept += _spared(examined, facts, place, one, mild=mild)
    policy = {**facts.policy, "Statement": kept} if kept else None
    wanted = wanted_of(examined)
    blocked = bool(facts.levels(NO_PUBLIC_POLICY) or facts.levels(RESTRICT))
    return (policy if wanted is None or blocked or not publishing else merged(policy, wanted)), not blocked


def _to_go(examined: Examined, *, mild: bool) -> set[int]:
    """Statements that make errors; or warnings, too, but for those that somebody may have meant."""
    ways = [writes(examined), lists(examined), *(way for _, way in reads(examined, by_version=True))]
    ways += [way for place, way in reads(examined) if way.bad or not is_cdn(place)]
    found = {culprit for way in ways if way.bad or mild for culprit in way.culprits}
    traps = traps_of(examined)
    found |= {place for place, trap in traps.items() if is_error(trap, place, examined)}
    if mild:
        found |= {place for place, trap in traps.items() if trap == "negative"}
        found |= {number for number, *_ in broad(examined)}
        found |= {each for place in places_of(examined, "private", "cdn") for each in held_back(examined, place)
                  if not is_cdn(place)}  # fmt: skip
    return found


def is_cdn(place: Place) -> bool:
    """Whether only the storage lets one conclude that a CDN is to read, and nobody else."""
    return place.intent == "cdn" and not place.declared


# Statements that open too much


def broad(examined: Examined) -> Iterator[tuple[int, Statement, str]]:
    """Statements that open what is public, and more beside it: place, the statement, what it opens."""
    assert examined.bucket is not None
    facts = settled(examined.bucket)
    open_ = [place for place in places_of(examined, "public") if not obstacle_of(examined, place)[0]]
    ours = {place.prefix for place in places_of(examined, "public", *HIDDEN)}
    statements = statements_in(facts.policy) if facts.policy_read else []
    for number, (one, said) in enumerate(zip(statements, facts.statements(READ_ACTION), strict=False)):
        for resource in resources_of(one):
            if said.allows and not lies_within(resource, facts.name, ours) and _opens(facts, said, resource, open_):
                yield number, said, key_pattern(resource, facts.name) or resource
                break


def _opens(facts: BucketFacts, said: Statement, resource: str, places: Sequence[Place]) -> bool:
    """Whether this resource of a statement opens one of these places to everybody."""
    one = replace(said, resources=(resource,), excludes=False)
    subjects = [Subject(f"{facts.name}/{place.prefix}", is_prefix=True) for place in places]
    return any(YES in effects_on((one,), subject).allow for subject in subjects)


# Statements that shut too much


def _spared(examined: Examined, facts: BucketFacts, number: int, one: Any, *, mild: bool) -> list[Any]:
    """A statement as it may stay: nothing denies what is public, or by NotPrincipal."""
    public = places_of(examined, "public")
    shut = [place for place in public if obstacle_of(examined, place)[0] == "deny"]
    said = facts.statements(READ_ACTION)[number]
    subjects = [Subject(f"{facts.name}/{place.prefix}", is_prefix=True) for place in shut]
    denies = any(YES in effects_on((said,), subject).deny for subject in subjects)
    found = _narrowed(one, facts.name, [place.prefix for place in public]) if denies else [one]
    trapped = traps_of(examined).get(number) == "deny-not-principal" and (denies or mild)
    changed = [by_condition(each) if trapped else each for each in found]
    return [each for each in changed if each is not None]


def _narrowed(denial: Mapping[str, Any], bucket: str, public: Sequence[str]) -> list[dict[str, Any]]:
    """A denial of all objects becomes one of all that are not public; any other one goes."""
    resources = resources_of(denial)
    if "*" not in [key_pattern(each, bucket) for each in resources] or "" in public:
        return []
    arn = next(each for each in resources if key_pattern(each, bucket) == "*").removesuffix("/*")
    spared = [f"{arn}/{prefix}*" for prefix in public] + ([] if arn in resources else [arn])
    return [{**{name: value for name, value in denial.items() if name != "Resource"}, "NotResource": spared}]


def by_condition(denial: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same denial in the way that AWS recommends: for everybody, but on condition; None if it has none.

    "AWS JSON policy elements: NotPrincipal" (IAM User Guide).
    """
    whom = denial["NotPrincipal"]
    names = whom.get("AWS", []) if isinstance(whom, Mapping) else []
    names = [names] if isinstance(names, str) else list(names)
    accounts = [
        match[1] for name in names if (match := re.fullmatch(r"(?:arn:aws[\w-]*:iam::)?(\d{12})(?::root)?", name))
    ]
    arns = [name for name in names if not re.fullmatch(r"(?:arn:aws[\w-]*:iam::)?(\d{12})(?::root)?", name)]
    condition = {operator: dict(tests) for operator, tests in denial.get("Condition", {}).items()}
    if accounts:
        condition.setdefault("StringNotEquals", {})["aws:PrincipalAccount"] = accounts
    if arns:
        condition.setdefault("ArnNotEquals", {})["aws:PrincipalArn"] = arns
    if not accounts and not arns:
        return None
    plain = {name: value for name, value in denial.items() if name != "NotPrincipal"}
    return {**plain, "Principal": "*", "Condition": condition}

"""One answer for all keys that begin so, where the bucket's facts give one; else what has to be asked.

The same formula as for one object is put to everything that keys and objects below the prefix may differ in: what the
policy says of their keys, who owns them, what their ACLs grant. If the answer is always the same, it is final.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Literal

from .facts import NOTHING_GRANTED, AclSays, BucketFacts
from .logic import NO, UNREAD, YES, Truth
from .patterns import Subject
from .policy import Effects
from .reasons import Case
from .situation import Outcome, outcomes
from .verdict import (
    INTENTS,
    RANK,
    Access,
    Side,
    Verdict,
    judge_all,
    policy_effects,
    read_actions,
    situation_of,
    worst_verdict,
    worst_word,
)

Ask = Literal["nothing", "key", "object"]
Answer = tuple[str, ...]
Kind = tuple[Truth, AclSays]
Right = tuple[Truth, Truth]
Found = tuple[frozenset[Outcome], ...]
"""What strangers may do, for each right to read that is asked about."""

EITHER = (NO, YES)


@dataclass(frozen=True, slots=True)
class PrefixDecision:
    """What the bucket's facts say of all keys that begin so."""

    prefix: str
    ask: Ask
    """`nothing`: the answer is final. `key`: `decide` tells from each key, without a call. `object`: see `needs`."""
    needs: tuple[str, ...]
    """What differs: `key`, `owner_id`, `grants`. Owners come with the listing; an ACL is a call for each object, and
    can be left out where `decide` knows its answer with `grants=None`."""
    access: Access | None
    """Who may read them all at their plain addresses, encryption and archives aside, which a policy can't tell; None if
    that differs."""
    reason: str
    unread: tuple[str, ...] = ()
    """The facts that were not read and that the final answer `unknown` hangs on."""
    _cases: tuple[Case, ...] = field(default=(), repr=False, compare=False)
    _every: tuple[Found, ...] = field(default=(), repr=False, compare=False)

    @property
    def final(self) -> bool:
        """Whether this is the answer for every key, and no object need be looked at."""
        return self.ask == "nothing"

    def verdict(self, intent: str, *, declared: bool = True) -> Verdict:
        """What `decide` says of each object below a final prefix. Raises ValueError if it is not final."""
        if not self.final or intent not in INTENTS:
            raise ValueError(f"no final answer for {intent!r} objects below {self.prefix!r}")
        return _said(self._cases, self._every, intent, declared)


def decide_prefix(bucket: BucketFacts, prefix: str, *, by_version: bool | None = False) -> PrefixDecision:
    """What has to be asked about the keys that begin with `prefix`, and the answer if it is nothing.

    `by_version` is that of `decide`.
    """
    subject = Subject(f"{bucket.name}/{prefix}", is_prefix=True)
    spoken = [policy_effects(bucket, action, subject) for action in read_actions(bucket, by_version)]
    rights = [_rights(effects, place > 0) for place, effects in enumerate(spoken)]
    ways = [[_family(bucket, *right) for right in some] for some in rights]
    families = [_together(chosen) for chosen in product(*ways)]
    every = {found for family in families for found in family.values()}
    if len({_answer(found) for found in every}) > 1:
        needs = _needs([{kind: _answer(found) for kind, found in family.items()} for family in families])
        return PrefixDecision(prefix, "key" if needs == ("key",) else "object", needs, None, _why_not(needs))
    cases = tuple(_usual(bucket, effects, some[0]) for effects, some in zip(spoken, rights, strict=True))
    ordered = tuple(sorted(every, key=lambda found: [sorted(one) for one in found]))
    said = _said(cases, ordered, "undeclared", True)
    return PrefixDecision(prefix, "nothing", (), said.access, said.reason, said.unread, cases, ordered)


def _said(cases: tuple[Case, ...], every: tuple[Found, ...], intent: str, declared: bool) -> Verdict:
    """The verdict on which all agree; the mildest severity is sure."""
    said = [worst_verdict([*map(Side, cases, found)], intent, declared=declared) for found in every]
    return min(said, key=lambda one: (RANK[one.severity], one.by_version))


def _rights(effects: Effects, of_versions: bool) -> list[Right]:
    """Whether the policy allows and denies, for each way that a key may turn out.

    Versions are looked at only where the policy allows them; elsewhere they count as shut and leave the word to the
    plain right.
    """
    rights = product(effects.allow, effects.deny)
    return sorted({(allow, YES if of_versions and allow is NO else deny) for allow, deny in rights})


def _usual(bucket: BucketFacts, effects: Effects, right: Right) -> Case:
    """An object of the bucket's owner with an ACL of no importance, to name reasons."""
    owned = UNREAD if bucket.owner_id is None else YES
    return Case(bucket, effects, situation_of(bucket, *right, owned, NOTHING_GRANTED))


def _family(bucket: BucketFacts, allow: Truth, deny: Truth) -> dict[Kind, frozenset[Outcome]]:
    """The outcomes for each kind of object, where the policy says this of its key."""
    owners = (UNREAD,) if bucket.owner_id is None else EITHER
    kinds = [(owned, AclSays(*granted)) for owned in owners for granted in product(EITHER, repeat=3)]
    return {(owned, says): outcomes(situation_of(bucket, allow, deny, owned, says)) for owned, says in kinds}


def _together(chosen: tuple[dict[Kind, frozenset[Outcome]], ...]) -> dict[Kind, Found]:
    """The outcomes of all rights for each kind. Some keys may not exist that would turn out so; that is for safety."""
    return {kind: tuple(family[kind] for family in chosen) for kind in chosen[0]}


@lru_cache(maxsize=4096)
def _answer(found: Found) -> Answer:
    """Who reads, and the word for each intent."""
    words = (worst_word([judge_all(one, intent, YES, True)[0].word for one in found], intent) for intent in INTENTS)
    return (judge_all(found[0], INTENTS[0], YES, True)[1], *words)


def _needs(families: list[dict[Kind, Answer]]) -> tuple[str, ...]:
    """In what two keys or objects can differ and get different answers."""
    needs = ["key"] if any(len({family[kind] for family in families}) > 1 for kind in families[0]) else []
    owners = {owned for owned, _ in families[0]}
    acls = {says for _, says in families[0]}
    if any(len({family[owned, says] for owned in owners}) > 1 for family in families for says in acls):
        needs.append("owner_id")
    if any(len({family[owned, says] for says in acls}) > 1 for family in families for owned in owners):
        needs.append("grants")
    return tuple(needs)


def _why_not(needs: tuple[str, ...]) -> str:
    words = {"key": "its key (the policy speaks of some keys)", "owner_id": "its owner", "grants": "its ACL"}
    return "who reads an object depends on " + ", ".join(words[name] for name in needs)

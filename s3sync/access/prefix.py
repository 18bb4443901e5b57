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
from .policy import READ_ACTION, READ_VERSION_ACTION
from .reasons import Case
from .situation import Outcome, outcomes
from .verdict import INTENTS, Access, Verdict, judge_all, policy_effects, situation_of, verdict_on

Ask = Literal["nothing", "key", "object"]
Answer = tuple[str, ...]
Kind = tuple[Truth, AclSays]

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
    """Who may read them all, encryption and archives aside, which a policy can't tell; None if that differs."""
    reason: str
    unread: tuple[str, ...] = ()
    """The facts that were not read and that the final answer `unknown` hangs on."""
    _case: Case | None = field(default=None, repr=False, compare=False)
    _possible: frozenset[Outcome] = field(default=frozenset(), repr=False, compare=False)

    @property
    def final(self) -> bool:
        """Whether this is the answer for every key, and no object need be looked at."""
        return self.ask == "nothing"

    def verdict(self, intent: str, *, declared: bool = True) -> Verdict:
        """What `decide` says of each object below a final prefix. Raises ValueError if it is not final."""
        if self._case is None or not self.final or intent not in INTENTS:
            raise ValueError(f"no final answer for {intent!r} objects below {self.prefix!r}")
        return verdict_on(self._case, self._possible, intent, declared=declared)


def decide_prefix(bucket: BucketFacts, prefix: str, *, by_version: bool = False) -> PrefixDecision:
    """What has to be asked about the keys that begin with `prefix`, and the answer if it is nothing."""
    effects = policy_effects(
        bucket, READ_VERSION_ACTION if by_version else READ_ACTION, Subject(f"{bucket.name}/{prefix}", is_prefix=True)
    )
    rights = sorted(product(effects.allow, effects.deny))
    families = [_family(bucket, *right) for right in rights]
    every = [found for family in families for found in family.values()]
    if len({_answer(found) for found in every}) > 1:
        needs = _needs([{kind: _answer(found) for kind, found in family.items()} for family in families])
        return PrefixDecision(prefix, "key" if needs == ("key",) else "object", needs, None, _why_not(needs))
    usual = situation_of(bucket, *rights[0], UNREAD if bucket.owner_id is None else YES, NOTHING_GRANTED)
    case = Case(bucket, effects, usual)
    possible = frozenset[Outcome]().union(*every)
    said = verdict_on(case, possible, "undeclared")
    return PrefixDecision(prefix, "nothing", (), said.access, said.reason, said.unread, case, possible)


def _family(bucket: BucketFacts, allow: Truth, deny: Truth) -> dict[Kind, frozenset[Outcome]]:
    """The outcomes for each kind of object, where the policy says this of its key."""
    owners = (UNREAD,) if bucket.owner_id is None else EITHER
    kinds = [(owned, AclSays(*granted)) for owned in owners for granted in product(EITHER, repeat=3)]
    return {(owned, says): outcomes(situation_of(bucket, allow, deny, owned, says)) for owned, says in kinds}


@lru_cache(maxsize=4096)
def _answer(found: frozenset[Outcome]) -> Answer:
    """Who reads, and the word for each intent."""
    judged = [judge_all(found, intent, YES, True) for intent in INTENTS]
    return (judged[0][1], *(word for (word, _), _ in judged))


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

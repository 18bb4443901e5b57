"""One answer for all keys that begin so, where the bucket's facts give one; else what has to be asked.

The same formula as for one object is put to everything that keys and objects below the prefix may differ in: what the
policy says of their keys, who owns them, what their ACLs grant. If the answer is always the same, it is final.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from .facts import NOTHING_GRANTED, AclSays, BucketFacts
from .logic import NO, UNREAD, YES, Truth
from .patterns import Subject
from .policy import READ_ACTION, READ_VERSION_ACTION
from .reasons import Case
from .situation import Outcome, outcomes
from .verdict import INTENTS, Access, Verdict, policy_effects, situation_of, verdict_on

Ask = Literal["nothing", "key", "object"]
Answer = frozenset[Outcome]

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
    _answer: Answer = field(default=frozenset(), repr=False, compare=False)

    @property
    def final(self) -> bool:
        """Whether this is the answer for every key, and no object need be looked at."""
        return self.ask == "nothing"

    def verdict(self, intent: str, *, declared: bool = True) -> Verdict:
        """What `decide` says of each object below a final prefix. Raises ValueError if it is not final."""
        if self._case is None or not self.final or intent not in INTENTS:
            raise ValueError(f"no final answer for {intent!r} objects below {self.prefix!r}")
        return verdict_on(self._case, self._answer, intent, declared=declared)


def decide_prefix(bucket: BucketFacts, prefix: str, *, by_version: bool = False) -> PrefixDecision:
    """What has to be asked about the keys that begin with `prefix`, and the answer if it is nothing."""
    effects = policy_effects(
        bucket, READ_VERSION_ACTION if by_version else READ_ACTION, Subject(f"{bucket.name}/{prefix}", is_prefix=True)
    )
    rights = sorted(product(effects.allow, effects.deny))
    answers = {right: _answers(bucket, *right) for right in rights}
    every = {answer for by_object in answers.values() for answer in by_object.values()}
    if len(every) > 1:
        needs = _needs(list(answers.values()))
        return PrefixDecision(prefix, "key" if needs == ("key",) else "object", needs, None, _why_not(needs))
    situation = situation_of(bucket, *rights[-1], UNREAD if bucket.owner_id is None else NO, NOTHING_GRANTED)
    case = Case(bucket, effects, situation)
    (answer,) = every
    said = verdict_on(case, answer, "undeclared")
    return PrefixDecision(prefix, "nothing", (), said.access, said.reason, said.unread, case, answer)


ByObject = dict[tuple[Truth, AclSays], Answer]


def _answers(bucket: BucketFacts, allow: Truth, deny: Truth) -> ByObject:
    """The answer for each kind of object, where the policy says this of its key.

    Who may read anyway gains nothing that counts here from rewriting an ACL, so that is left out.
    """
    owners = (UNREAD,) if bucket.owner_id is None else EITHER
    found: ByObject = {}
    for owned, granted in product(owners, product(EITHER, repeat=3)):
        says = AclSays(*granted)
        raw = outcomes(situation_of(bucket, allow, deny, owned, says))
        found[owned, says] = frozenset(Outcome("public") if one.right == "public" else one for one in raw)
    return found


def _needs(families: list[ByObject]) -> tuple[str, ...]:
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

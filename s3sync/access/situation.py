"""From facts to who may read: one formula, put to all that the missing facts may be."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Literal, NamedTuple

from .logic import NO, UNREAD, VISITOR, YES, Truth, both, negated

Right = Literal["public", "conditional", "private"]


class Situation(NamedTuple):
    """All that decides about one object; what has the same situation has the same answer."""

    endpoint_kind: Truth
    """The endpoint lets nobody in without credentials."""
    requester_pays: Truth
    restrict: Truth
    """RestrictPublicBuckets, of bucket or account."""
    ignore: Truth
    """IgnorePublicAcls, of bucket or account."""
    ownership: Truth
    """BucketOwnerEnforced: ACLs are off."""
    policy_is_public: Truth
    allow: Truth
    deny: Truth
    owned: Truth
    """The object belongs to the bucket's owner."""
    everyone: Truth
    accounts: Truth
    control: Truth


class Outcome(NamedTuple):
    """What strangers may do."""

    right: Right
    """What somebody without credentials may do, encryption and archives aside."""
    accounts: bool = False
    """Anybody with an AWS account may read, browsers may not."""
    control: bool = False
    """A stranger may rewrite the ACL, and so let himself in."""


PRIVATE = Outcome("private")
CONDITIONAL = Outcome("conditional")
_RIGHTS: dict[Truth, Right] = {NO: "private", VISITOR: "conditional", YES: "public"}
_FACTS = {
    "allow": "policy", "deny": "policy", "owned": "owner_id", "everyone": "grants", "accounts": "grants",
    "control": "grants",
}  # fmt: skip
"""Where a fact has another name than the value made of it."""


@lru_cache(maxsize=65536)
def outcomes(situation: Situation) -> frozenset[Outcome]:
    """What strangers may do; more than one outcome, if facts are missing that decide."""
    return frozenset(_completed(situation).values())


@lru_cache(maxsize=4096)
def missing(situation: Situation) -> tuple[str, ...]:
    """What was not read and the answer hangs on."""
    completed = _completed(situation)
    found = []
    for place, name in enumerate(Situation._fields):
        if situation[place] is UNREAD and any(
            outcome != completed[_with(known, place, NO)] for known, outcome in completed.items()
        ):
            found.append(_FACTS.get(name, name))
    return tuple(dict.fromkeys(found))


def _with(known: Situation, place: int, value: Truth) -> Situation:
    return Situation._make((*known[:place], value, *known[place + 1 :]))


def _completed(situation: Situation) -> dict[Situation, Outcome]:
    """The outcome for everything that the missing facts may turn out to be.

    Whether they depend on the visitor need not be tried: what is the same for NO and YES is the same in between.
    """
    choices = [(NO, YES) if value is UNREAD else (value,) for value in situation]
    return {known: _outcome(known) for known in (Situation._make(values) for values in product(*choices))}


def _outcome(known: Situation) -> Outcome:
    """The decision itself, where everything is known.

    In this order: an access point or a bucket whose requesters pay lets no anonymous request through ("Access points
    restrictions", "Using Requester Pays buckets"). RestrictPublicBuckets refuses them all where the policy is public,
    even those that an ACL would allow ("Troubleshoot access denied (403 Forbidden) errors"). A Deny holds whoever owns
    the object; an Allow is the bucket owner's word and covers his own objects ("How Amazon S3 authorizes a request for
    an object operation"). BlockPublicAcls and BlockPublicPolicy refuse writes, and hide nothing that is there.
    """
    if YES in (known.endpoint_kind, known.requester_pays, known.deny, both(known.restrict, known.policy_is_public)):
        return PRIVATE
    acl = known.ownership is NO and known.ignore is NO
    grant = max(known.allow if YES in (known.ownership, known.owned) else NO, known.everyone if acl else NO)
    right = _RIGHTS[both(grant, negated(known.deny))]
    control = acl and known.control is YES
    return Outcome(right, acl and known.accounts is YES and right != "public", control)

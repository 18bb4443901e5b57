"""Why: one short sentence for people that names the fact which decides."""

from __future__ import annotations

from typing import NamedTuple

from .facts import IGNORE, RESTRICT, AclSays, BucketFacts
from .logic import NO, UNREAD, VISITOR, YES, Truth, both
from .policy import Effects
from .situation import Outcome, Situation, missing

_FLAGS = {"ignore": IGNORE, "restrict": RESTRICT}
_WORDS = {
    "bucket_block": "the bucket's public access block",
    "account_block": "the account's public access block",
    "ownership": "whether the bucket has ACLs (its object ownership)",
    "policy": "the bucket's policy",
    "policy_is_public": "whether AWS calls the policy public (its policy status)",
    "requester_pays": "who pays for requests",
    "endpoint_kind": "what kind of endpoint this is",
    "owner_id": "whether bucket and object have one owner",
    "grants": "the ACL",
    "sse": "how it is encrypted",
}


class Case(NamedTuple):
    """What the reason is made of."""

    bucket: BucketFacts
    effects: Effects
    situation: Situation
    says: AclSays = AclSays()
    act: str = "read it"
    """What is asked about, in words."""


def unread_facts(case: Case) -> tuple[str, ...]:
    """The names of the fields that would have to be read to tell."""
    names: list[str] = []
    for name in missing(case.situation):
        flag = _FLAGS.get(name)
        names += [name] if flag is None else [f"{level}_block" for level in case.bucket.levels(flag, UNREAD)]
    return tuple(dict.fromkeys(names))


def unknown(case: Case, unread: tuple[str, ...]) -> str:
    """Names what is missing."""
    words = [_WORDS[name] for name in unread]
    reason = f"could not tell without {' and '.join(words)}"
    odd = _labels(case, UNREAD)
    return f"{reason}; not understood: {odd}" if odd and "policy" in unread else reason


def because(case: Case, outcome: Outcome) -> str:
    """Names what decides."""
    known = case.situation
    guard = _guard(case)
    if guard:
        return guard
    if outcome.right == "public":
        owns = YES in (known.ownership, known.owned)
        return _allowed(case) if owns and known.allow is YES else f"the ACL lets everybody (AllUsers) {case.act}"
    if outcome.accounts:
        return f"the ACL lets AuthenticatedUsers {case.act}: whoever has an AWS account, though no browser"
    if outcome.control:
        return "the ACL lets strangers rewrite it (WRITE_ACP), and so let themselves in"
    if outcome.right == "conditional":
        return _depends(case)
    return f"{_policy_lets_nobody_in(case)}, and {_acl_lets_nobody_in(case)}"


def _guard(case: Case) -> str:
    """What keeps everybody out, whatever is granted."""
    known = case.situation
    if known.endpoint_kind is YES:
        return f"an endpoint of the kind {case.bucket.endpoint_kind} lets nobody in without credentials"
    if known.requester_pays is YES:
        return "the requester pays, so S3 refuses requests without credentials"
    if both(known.restrict, known.policy_is_public) is YES:
        return f"{RESTRICT} ({_levels(case, RESTRICT)}) refuses everybody, as the policy is public"
    return f"{_labels(case, YES, denies=True)} of the policy denies it" if known.deny is YES else ""


def _allowed(case: Case) -> str:
    return f"{_labels(case, YES)} of the policy lets everybody {case.act}"


def _depends(case: Case) -> str:
    """What the visitor has to bring."""
    depending = [one for one, ways in case.effects.speaking if VISITOR in ways]
    keys = ", ".join(dict.fromkeys(key for one in depending for key in one.conditions)) or "a policy variable"
    labels = " and ".join(one.label for one in depending)
    return f"depends on the visitor: {labels} of the policy ({keys})"


def _policy_lets_nobody_in(case: Case) -> str:
    known = case.situation
    if known.allow is NO:
        return "no policy" if case.bucket.policy is None else "no statement of the policy lets everybody in"
    if known.ownership is not YES and known.owned is not YES:
        return "another account owns it, so that the policy's Allow does not cover it"
    return "the policy lets nobody in"


def _acl_lets_nobody_in(case: Case) -> str:
    known = case.situation
    if known.ownership is YES:
        return "ACLs are off (BucketOwnerEnforced)"
    if known.ignore is YES:
        return f"{IGNORE} ({_levels(case, IGNORE)}) ignores ACLs; what they grant would count again without it"
    return "the ACL lets nobody in"


def _levels(case: Case, flag: str) -> str:
    return " and ".join(case.bucket.levels(flag))


def _labels(case: Case, value: Truth, *, denies: bool = False) -> str:
    """The statements that speak so."""
    speaking = [one for one, ways in case.effects.speaking if value in ways]
    return " and ".join([one.label for one in speaking if (one.denies if denies else one.allows)][:3])

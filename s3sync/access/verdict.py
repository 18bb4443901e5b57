"""Is an object readable by exactly whom it should be?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from .facts import AclSays, BucketFacts, ObjectFacts, acl_says
from .logic import NO, UNREAD, YES, Truth, truth
from .patterns import Subject
from .policy import READ_ACTION, READ_VERSION_ACTION, Effects, effects_on
from .reasons import Case, because, unknown, unread_facts
from .situation import PRIVATE, Outcome, Situation, outcomes

Intent = Literal["public", "private", "cdn", "undeclared"]
Word = Literal["OK", "EXPOSED", "UNREACHABLE", "CONDITIONAL", "UNDECLARED", "UNKNOWN"]
Severity = Literal["critical", "high", "warning", "error", "info"]
Access = Literal["public", "conditional", "authenticated", "private", "unreadable", "unknown"]

INTENTS: tuple[str, ...] = get_args(Intent)
UNREAD_POLICY = Effects(frozenset({UNREAD}), frozenset({UNREAD}), ())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether who reads an object is who should, how bad it is if not, and the fact that decides."""

    verdict: Word
    severity: Severity
    reason: str
    access: Access = "unknown"
    """Who reads it at its plain address, even where `by_version` decides. `authenticated`: anybody with an AWS account;
    `unreadable`: all may, but S3 can't give it out."""
    unread: tuple[str, ...] = ()
    """The facts that would have to be read to tell: names of fields of `BucketFacts` and `ObjectFacts`."""
    latent: bool = False
    """Only a setting holds back what is granted: it would be readable without."""
    by_version: bool = False
    """What decides is who reads it by a version's id; at its plain address it is less open."""


class Judged(NamedTuple):
    """A word and how bad it is."""

    word: Word
    severity: Severity


class Side(NamedTuple):
    """What bears on one way to read, and what strangers may do that way."""

    case: Case
    found: frozenset[Outcome]


_WORST: tuple[Word, ...] = ("OK", "CONDITIONAL", "UNKNOWN", "UNDECLARED", "EXPOSED")
"""Ascending. What is sure beats what is not known; but what is not known may be worse than a condition."""
_BY_VERSION = "by a version's id, such as ?versionId=null (s3:GetObjectVersion)"
RANK: dict[Severity, int] = {"info": 0, "warning": 1, "error": 2, "high": 3, "critical": 4}
_HIDING = ("private", "cdn")


def decide(
    bucket: BucketFacts,
    obj: ObjectFacts,
    intent: str = "undeclared",
    *,
    declared: bool = True,
    by_version: bool | None = False,
) -> Verdict:
    """Whether an object is readable by whom it should be. `cdn` means: by a CDN, not directly at S3.

    `declared=False` says that the intent was derived from the storage: what anybody reads through the CDN may be meant
    to be read at S3 as well. Reading by a version's id (`null` is one in each bucket) is another right: `by_version`
    asks about that one, or about the other (False). With None, what is hidden is as open as the more open of both,
    where the policy allows versions; what is public has to be readable without an id. Raises ValueError on another
    intent than the four.
    """
    if intent not in INTENTS:
        raise ValueError(f"{intent!r} is no intent: {', '.join(INTENTS)}")
    case, *others = (case_of(bucket, obj, action) for action in read_actions(bucket, by_version))
    cases = [case, *(other for other in others if other.situation.allow is not NO)]
    sides = [Side(case, outcomes(case.situation)) for case in cases]
    return worst_verdict(sides, intent, obj.readable, declared)


def read_actions(bucket: BucketFacts, by_version: bool | None) -> tuple[str, ...]:
    """What is to be asked: one right, or the plain one and then that to versions, where the policy parts them."""
    if by_version is None:
        return (READ_ACTION, READ_VERSION_ACTION) if bucket.versions_differ else (READ_ACTION,)
    return (READ_VERSION_ACTION if by_version else READ_ACTION,)


def case_of(bucket: BucketFacts, obj: ObjectFacts, action: str) -> Case:
    """All that bears on one object."""
    effects = policy_effects(bucket, action, Subject(f"{bucket.name}/{obj.key}"))
    (allow,), (deny,) = effects.allow, effects.deny
    owned = UNREAD if None in (bucket.owner_id, obj.owner_id) else truth(bucket.owner_id == obj.owner_id)
    says = acl_says(obj.grants, obj.owner_id)
    return Case(bucket, effects, situation_of(bucket, allow, deny, owned, says), says)


def policy_effects(bucket: BucketFacts, action: str, subject: Subject) -> Effects:
    """What the policy says to everybody about an action on a subject."""
    return effects_on(bucket.statements(action), subject) if bucket.policy_read else UNREAD_POLICY


def situation_of(bucket: BucketFacts, allow: Truth, deny: Truth, owned: Truth, says: AclSays) -> Situation:
    """Puts the facts side by side."""
    return Situation(
        bucket.closed, truth(bucket.requester_pays), bucket.restrict, bucket.ignore, bucket.enforced,
        bucket.policy_public, allow, deny, owned, says.everyone, says.accounts, says.control,
    )  # fmt: skip


def worst_verdict(sides: Sequence[Side], intent: str, readable: Truth = YES, declared: bool = True) -> Verdict:
    """The worse of both ways to read; for what is public, only the first counts."""
    plain, *others = (verdict_on(case, found, intent, readable, declared) for case, found in sides)
    return plain if intent == "public" or not others else _worse(plain, others[0])


def worst_word(words: Sequence[Word], intent: str) -> Word:
    """The word of `worst_verdict`."""
    return words[0] if intent == "public" else max(words, key=_WORST.index)


def _worse(plain: Verdict, version: Verdict) -> Verdict:
    reason = f"{_BY_VERSION}: {version.reason}"
    if plain.verdict == version.verdict == "UNKNOWN":
        unread = tuple(dict.fromkeys(plain.unread + version.unread))
        return plain if unread == plain.unread else replace(plain, reason=f"{plain.reason}; {reason}", unread=unread)
    worse = max(plain, version, key=lambda one: (_WORST.index(one.verdict), RANK[one.severity]))
    return plain if worse is plain else replace(version, reason=reason, access=plain.access, by_version=True)


def verdict_on(
    case: Case, found: frozenset[Outcome], intent: str, readable: Truth = YES, declared: bool = True
) -> Verdict:
    """What to call these outcomes. Several must agree on the word; the mildest severity is sure."""
    (word, severity), access = judge_all(found, intent, readable, declared)
    if word == "UNKNOWN":
        unread = unread_facts(case) + (("sse",) if readable is UNREAD else ())
        return Verdict(word, severity, unknown(case, unread), access, unread)
    reason = because(case, min(found))
    if access == "unreadable":
        reason += ", but it is encrypted or archived so that S3 can give it to nobody without credentials"
    if word != "OK":
        return Verdict(word, severity, reason, access)
    return _with_notes(case, intent, Verdict(word, severity, reason, access))


@lru_cache(maxsize=4096)
def judge_all(found: frozenset[Outcome], intent: str, readable: Truth, declared: bool) -> tuple[Judged, Access]:
    """The word, its severity, and who reads, for all outcomes at once."""
    ways = [(outcome, masked) for outcome in found for masked in _masks(readable)]
    judged = [_judge(outcome, intent, masked, declared) for outcome, masked in ways]
    accesses = {_access(outcome, masked) for outcome, masked in ways}
    access = accesses.pop() if len(accesses) == 1 else "unknown"
    if len({one.word for one in judged}) > 1:
        return Judged("UNKNOWN", "error"), access
    return min(judged, key=lambda one: RANK[one.severity]), access


def _masks(readable: Truth) -> tuple[bool, ...]:
    return (False, True) if readable is UNREAD else (readable is NO,)


def _access(outcome: Outcome, masked: bool) -> Access:
    if outcome.right == "public":
        return "unreadable" if masked else "public"
    return "authenticated" if outcome.accounts and outcome.right == "private" else outcome.right


def _judge(outcome: Outcome, intent: str, masked: bool, declared: bool) -> Judged:
    """The word for one outcome, and its severity. Who may rewrite an ACL can let himself in: always critical."""
    if intent == "public":
        judged = _judge_public(outcome, masked)
    elif intent == "undeclared":
        judged = _judge_undeclared(outcome)
    else:
        judged = _judge_hidden(outcome, intent, masked, declared)
    return Judged(judged.word, "critical") if outcome.control else judged


def _judge_public(outcome: Outcome, masked: bool) -> Judged:
    if outcome.right == "conditional":
        return Judged("CONDITIONAL", "warning")
    return Judged("OK", "info") if outcome.right == "public" and not masked else Judged("UNREACHABLE", "high")


def _judge_undeclared(outcome: Outcome) -> Judged:
    if outcome.right == "conditional" and not outcome.accounts and not outcome.control:
        return Judged("CONDITIONAL", "warning")
    return Judged("OK", "info") if outcome == PRIVATE else Judged("UNDECLARED", "warning")


def _judge_hidden(outcome: Outcome, intent: str, masked: bool, declared: bool) -> Judged:
    """What nobody should read directly. KMS or an archive in between is one setting away from a leak."""
    if outcome == PRIVATE:
        return Judged("OK", "info")
    if outcome.right == "conditional" and not outcome.accounts and not outcome.control:
        return Judged("CONDITIONAL", "high" if intent == "private" else "warning")
    if intent == "cdn" and not declared:
        return Judged("EXPOSED", "warning")
    return Judged("EXPOSED", "high" if masked else "critical")


def _with_notes(case: Case, intent: str, fine: Verdict) -> Verdict:
    """What is fine, but held by a single thing, is worth a warning."""
    known = case.situation
    notes = []
    lifted = known._replace(requester_pays=NO, restrict=NO, ignore=NO)
    latent = intent != "public" and lifted != known and PRIVATE not in outcomes(lifted)
    if latent:
        notes.append("it is readable without that setting")
    if known.ownership is NO and known.owned is NO:
        notes.append("it belongs to another account")
    if intent in _HIDING and known.ownership is NO and known.ignore is NO and case.says.shown is YES:
        notes.append("strangers may read its ACL")
    if not notes:
        return fine
    severity: Severity = fine.severity if fine.severity == "critical" else "warning"
    return replace(fine, severity=severity, reason="; ".join([fine.reason, *notes]), latent=latent)

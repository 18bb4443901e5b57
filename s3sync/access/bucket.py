"""Who may list a bucket's keys, and who may write into it, without having been chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .facts import NOTHING_GRANTED, AclSays, BucketFacts, Grant, acl_says
from .logic import NO, YES
from .patterns import Subject
from .reasons import Case, because, unknown, unread_facts
from .situation import CONDITIONAL, PRIVATE, Outcome, outcomes
from .verdict import Access, Severity, Verdict, Word, policy_effects, situation_of

WRITE_ACTIONS = {
    "s3:PutObject": "write into it",
    "s3:DeleteObject": "delete from it",
    "s3:PutObjectAcl": "rewrite ACLs in it",
    "s3:PutBucketAcl": "rewrite its ACL",
    "s3:PutBucketPolicy": "rewrite its policy",
}
"""What lets strangers change what others get, and in words."""
_WORST: tuple[Word, ...] = ("OK", "UNKNOWN", "CONDITIONAL", "EXPOSED")
_OF_BUCKETS = frozenset({"s3:PutBucketAcl", "s3:PutBucketPolicy"})


def list_access(bucket: BucketFacts, bucket_grants: Iterable[Grant] | None, *, private_inside: bool = False) -> Verdict:
    """Whether strangers may list the keys: `EXPOSED`, a warning; critical if objects inside are meant to be private.

    A bucket's ACL lets list by READ and upload by WRITE; it never lets anybody read an object ("ACL overview").
    """
    says = acl_says(bucket_grants)._replace(control=NO)
    case = _case(bucket, "s3:ListBucket", Subject(bucket.name), says, "list its keys")
    return _verdict([case], "critical" if private_inside else "warning")


def write_access(bucket: BucketFacts, bucket_grants: Iterable[Grant] | None) -> Verdict:
    """Whether strangers may write, delete, or change who may: `EXPOSED`, critical. To be judged, never to be tried."""
    acl = acl_says(bucket_grants)
    granted = AclSays(acl.writes, NO, acl.control)
    verdicts = []
    for action, act in WRITE_ACTIONS.items():
        says = granted if action == "s3:PutObject" else NOTHING_GRANTED
        cases = [_case(bucket, action, subject, says, act) for subject in _subjects(bucket, action)]
        verdicts.append(_verdict(cases, "critical"))
    return max(verdicts, key=lambda one: _WORST.index(one.verdict))


def _subjects(bucket: BucketFacts, action: str) -> list[Subject]:
    """The bucket, or a key of each kind that the policy tells apart: one example of each pattern, and one of none."""
    if action in _OF_BUCKETS:
        return [Subject(bucket.name)]
    patterns = {pattern for one in bucket.statements(action) for pattern in one.resources if "/" in pattern}
    keys = {re.sub(r"[*?]", "~", pattern.partition("/")[2]) for pattern in patterns} - {""}
    return [Subject(f"{bucket.name}/{key}") for key in sorted({"~", *keys})]


def _case(bucket: BucketFacts, action: str, subject: Subject, says: AclSays, act: str) -> Case:
    """As for an object of the bucket's owner: whoever owns a bucket speaks for it."""
    effects = policy_effects(bucket, action, subject)
    (allow,), (deny,) = effects.allow, effects.deny
    return Case(bucket, effects, situation_of(bucket, allow, deny, YES, says), says, act)


def _verdict(cases: list[Case], severity: Severity) -> Verdict:
    """The worst of these."""
    return max((_of_case(case, severity) for case in cases), key=lambda one: _WORST.index(one.verdict))


def _of_case(case: Case, severity: Severity) -> Verdict:
    found = outcomes(case.situation)
    words = {_word(outcome) for outcome in found}
    if len(words) > 1:
        unread = unread_facts(case)
        return Verdict("UNKNOWN", "error", unknown(case, unread), "unknown", unread)
    word, outcome = words.pop(), min(found)
    access: Access = "authenticated" if outcome.accounts else "private" if outcome.control else outcome.right
    mild: Severity = "info" if word == "OK" else "high" if word == "CONDITIONAL" else "critical"
    if word != "OK" and severity == "warning":
        mild = "warning"
    return Verdict(word, mild, because(case, outcome), access)


def _word(outcome: Outcome) -> Word:
    if outcome == PRIVATE:
        return "OK"
    return "CONDITIONAL" if outcome == CONDITIONAL else "EXPOSED"

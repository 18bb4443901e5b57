"""Who may list a bucket's keys, and who may write into it, without having been chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .facts import NOTHING_GRANTED, AclSays, BucketFacts, Grant, acl_says
from .logic import NO, YES
from .patterns import Subject
from .policy import actions_of
from .reasons import Case, because, unknown, unread_facts
from .situation import CONDITIONAL, PRIVATE, Outcome, outcomes
from .verdict import RANK, Access, Severity, Verdict, Word, policy_effects, situation_of

OF_OBJECTS = (
    "PutObject", "DeleteObject", "PutObjectAcl", "PutObjectVersionAcl", "DeleteObjectVersion",
    "PutObjectTagging", "PutObjectVersionTagging", "DeleteObjectTagging", "DeleteObjectVersionTagging",
    "ReplicateObject", "ReplicateDelete", "ReplicateTags", "ObjectOwnerOverrideToBucketOwner",
    "BypassGovernanceRetention", "PutObjectRetention", "PutObjectLegalHold", "RestoreObject",
    "AbortMultipartUpload", "UpdateObjectEncryption",
)  # fmt: skip
OF_BUCKETS = (
    "PutBucketAcl", "PutBucketPolicy", "DeleteBucketPolicy", "PutBucketPublicAccessBlock",
    "PutBucketOwnershipControls", "PutReplicationConfiguration", "PutLifecycleConfiguration",
    "PutBucketVersioning", "DeleteBucket", "PutBucketWebsite", "DeleteBucketWebsite", "PutBucketCORS",
    "PutBucketLogging", "PutBucketNotification", "PutBucketObjectLockConfiguration", "PutBucketRequestPayment",
    "PutBucketTagging", "PutEncryptionConfiguration", "PutInventoryConfiguration", "PutAnalyticsConfiguration",
    "PutMetricsConfiguration", "PutIntelligentTieringConfiguration", "PutAccelerateConfiguration",
    "InitiateReplication", "CreateBucket",
)  # fmt: skip
"""What lets strangers change what others get, or who may; the worst first. Any other that a policy names is added."""
_ACTS = {
    "s3:PutObject": "write into it",
    "s3:DeleteObject": "delete from it",
    "s3:PutObjectAcl": "rewrite ACLs in it",
    "s3:PutBucketAcl": "rewrite its ACL",
    "s3:PutBucketPolicy": "rewrite its policy",
}
_LOOKING = ("s3:get", "s3:list", "s3:head", "s3:describe")
_PLAIN_ACTION = re.compile(r"[A-Za-z0-9:*?-]{1,80}")


def list_access(bucket: BucketFacts, bucket_grants: Iterable[Grant] | None, *, private_inside: bool = False) -> Verdict:
    """Whether strangers may list the keys: `EXPOSED`, a warning; critical if objects inside are meant to be private.

    A bucket's ACL lets list by READ and upload by WRITE; it never lets anybody read an object ("ACL overview").
    """
    says = acl_says(bucket_grants)._replace(control=NO)
    subject = Subject(bucket.name)
    cases = [
        _case(bucket, "s3:ListBucket", subject, says, "list its keys"),
        _case(bucket, "s3:ListBucketVersions", subject, NOTHING_GRANTED, "list its versions"),
    ]
    return _verdict(cases, "critical" if private_inside else "warning")


def write_access(bucket: BucketFacts, bucket_grants: Iterable[Grant] | None) -> Verdict:
    """Whether strangers may write, delete, or change who may: `EXPOSED`, critical. To be judged, never to be tried."""
    acl = acl_says(bucket_grants)
    granted = AclSays(acl.writes, NO, acl.control)
    cases = [_case(bucket, "s3:PutObject", subject, granted, _ACTS["s3:PutObject"])
             for subject in _subjects(bucket, "s3:PutObject")]  # fmt: skip
    for action, act in _allowed_actions(bucket).items():
        cases += [_case(bucket, action, subject, NOTHING_GRANTED, act) for subject in _subjects(bucket, action)]
    return _verdict(cases, "critical")


def _allowed_actions(bucket: BucketFacts) -> dict[str, str]:
    """The actions beyond looking that the policy may allow to everybody, and what they do in words."""
    if not bucket.policy_read:
        return {}  # one question is enough to say so
    known = [f"s3:{name}" for name in (*OF_OBJECTS[:3], *OF_BUCKETS[:2], *OF_OBJECTS[3:], *OF_BUCKETS[2:])]
    acts = {action: _ACTS.get(action, f"use {action} on it") for action in known}
    lower = {action.lower() for action in known}
    for pattern in actions_of(bucket.policy):
        whole = pattern if ":" in pattern else f"s3:{pattern}"
        example = re.sub(r"[*?]", "~", whole)
        if not _may_be_looking(whole.lower()) and example.lower() not in lower:
            acts[example] = f"use {whole if _PLAIN_ACTION.fullmatch(whole) else 'an odd action'} on it"
    return {action: act for action, act in acts.items()
            if any(one.allows and one.speaks is not NO for one in bucket.statements(action))}  # fmt: skip


def _may_be_looking(pattern: str) -> bool:
    """Whether an action, or the beginning of a pattern, is one that only looks, or may still become one.

    What such a pattern has besides (`s3:*`), the known actions find.
    """
    beginning, *wild = re.split(r"[*?]", pattern, maxsplit=1)
    return any(beginning.startswith(word) or (wild and word.startswith(beginning)) for word in _LOOKING)


def _subjects(bucket: BucketFacts, action: str) -> list[Subject]:
    """The bucket, or a key of each kind that the policy tells apart, and one of none; both, for unknown actions."""
    name = action.removeprefix("s3:")
    whole = [] if name in OF_OBJECTS else [Subject(bucket.name)]
    if name in OF_BUCKETS:
        return whole
    speaking = [one for one in bucket.statements(action) if one.speaks is not NO]
    keys = {key for one in speaking for pattern in one.resources for key in _examples(pattern)} - {""}
    return [*whole, *(Subject(f"{bucket.name}/{key}") for key in sorted({"~", *keys}))]


def _examples(pattern: str) -> list[str]:
    """Keys that a resource may name: what follows the bucket's slash, or a wildcard that stands for it."""
    name = pattern.split(":", 5)[-1]
    behind = re.split(r"[*?]", name, maxsplit=1)[1:]
    keys = [name.partition("/")[2], *behind, *(f"~{rest}" for rest in behind)]
    return [re.sub(r"[*?]", "~", key) for key in keys]


def _case(bucket: BucketFacts, action: str, subject: Subject, says: AclSays, act: str) -> Case:
    """As for an object of the bucket's owner: whoever owns a bucket speaks for it."""
    effects = policy_effects(bucket, action, subject)
    (allow,), (deny,) = effects.allow, effects.deny
    return Case(bucket, effects, situation_of(bucket, allow, deny, YES, says), says, act)


def _verdict(cases: list[Case], severity: Severity) -> Verdict:
    """The worst of these: what is open for sure, then what is most severe."""
    verdicts = (_of_case(case, severity) for case in cases)
    return max(verdicts, key=lambda one: (one.verdict == "EXPOSED", RANK[one.severity]))


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

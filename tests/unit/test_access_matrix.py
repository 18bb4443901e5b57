"""Whether an object is readable by whom it should be: the cases that are worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from s3sync.access import ALL_USERS, AUTHENTICATED_USERS, BucketFacts, Grant, ObjectFacts, decide, decide_prefix
from s3sync.access.policy import ANONYMOUS

from .access_worlds import ACCOUNT, ARN, FLAGS, OAC, OAI, OTHER, OWNER, policy, statement

BOE, ACL_ON = {"ownership": "BucketOwnerEnforced"}, {"ownership": "ObjectWriter"}
ALLOW = policy(statement())
ALL_FOUR = dict.fromkeys(FLAGS, True)
MINE = Grant(OWNER, "FULL_CONTROL")
PUBLIC = [MINE, Grant(ALL_USERS, "READ")]
OPEN: dict[str, Any] = {"policy": ALLOW}


def only(flag: str) -> dict[str, bool]:
    return {name: name == flag for name in FLAGS}


def conditional(**condition: Any) -> dict[str, Any]:
    return {"policy": policy(statement(Condition=condition))}


IGNORED, RESTRICTED = only("IgnorePublicAcls"), only("RestrictPublicBuckets")
SECURE = {"Bool": {"aws:SecureTransport": "false"}}
ANY: dict[str, Any] = {"grants": [MINE]}
U, P, C, X = "public", "private", "cdn", "undeclared"

CASES: list[tuple[str, dict[str, Any], dict[str, Any], str, str, str]] = [
    # The case, the bucket, the object, the intent, verdict and severity.
    ("as AWS makes buckets", {**BOE, "bucket_block": ALL_FOUR, "account_block": ALL_FOUR}, ANY, P, "OK", "info"),
    ("as AWS makes buckets", {**BOE, "bucket_block": ALL_FOUR}, ANY, U, "UNREACHABLE", "high"),
    ("nothing opens it", BOE, ANY, U, "UNREACHABLE", "high"),
    ("nothing opens it", BOE, ANY, C, "OK", "info"),
    ("nothing opens it", BOE, ANY, X, "OK", "info"),
    ("policy opens all", {**BOE, **OPEN}, ANY, U, "OK", "info"),
    ("policy opens all", {**BOE, **OPEN}, ANY, P, "EXPOSED", "critical"),
    ("policy opens all", {**BOE, **OPEN}, ANY, C, "EXPOSED", "critical"),
    ("policy opens all", {**BOE, **OPEN}, ANY, X, "UNDECLARED", "warning"),
    ("policy opens static", {"policy": policy(statement(resource=f"{ARN}/static/*"))}, {"key": "static/a"}, U, "OK",
     "info"),
    ("policy opens static", {"policy": policy(statement(resource=f"{ARN}/static/*"))}, {"key": "media/a"}, P, "OK",
     "info"),
    ("pattern without a slash", {"policy": policy(statement(resource=f"{ARN}/static*"))}, {"key": "static-private/a"},
     P,
     "EXPOSED", "critical"),
    ("restricted by bucket", {**OPEN, "bucket_block": RESTRICTED, "policy_is_public": True}, ANY, U, "UNREACHABLE",
     "high"),
    ("restricted by account", {**OPEN, "account_block": RESTRICTED, "policy_is_public": True}, ANY, U, "UNREACHABLE",
     "high"),
    ("restricted, status told by the policy", {**OPEN, "bucket_block": RESTRICTED}, ANY, U, "UNREACHABLE", "high"),
    ("restricted, held by that alone", {**OPEN, "bucket_block": RESTRICTED}, ANY, P, "OK", "warning"),
    ("restricted, status unread", {**OPEN, "bucket_block": RESTRICTED, "policy_is_public": None}, ANY, U, "UNKNOWN",
     "error"),
    ("restricted, status unread, no Allow", {"bucket_block": RESTRICTED, "policy_is_public": None}, ANY, P, "OK",
     "info"),
    ("restricted, status unread, public ACL", {**ACL_ON, "bucket_block": RESTRICTED, "policy_is_public": None},
     {"grants": PUBLIC}, U, "OK", "info"),
    ("restricted, not public", {**ACL_ON, "bucket_block": RESTRICTED, "policy_is_public": False}, {"grants": PUBLIC}, U,
     "OK", "info"),
    ("restricted, public by another right", {**ACL_ON, "bucket_block": RESTRICTED,
     "policy": policy(statement(Action="s3:PutObject"))}, {"grants": PUBLIC}, U, "UNREACHABLE", "high"),
    ("account's block unread", {**OPEN, "account_block": None}, ANY, U, "UNKNOWN", "error"),
    ("account's block unread", {**OPEN, "account_block": None}, ANY, P, "UNKNOWN", "error"),
    ("BlockPublicPolicy looks at writes", {**OPEN, "bucket_block": only("BlockPublicPolicy")}, ANY, U, "OK", "info"),
    ("origin access control", {"policy": policy(statement(Principal=OAC))}, ANY, C, "OK", "info"),
    ("origin access control", {"policy": policy(statement(Principal=OAC))}, ANY, U, "UNREACHABLE", "high"),
    ("origin access identity", {"policy": policy(statement(Principal=OAI))}, ANY, C, "OK", "info"),
    ("one account", {"policy": policy(statement(Principal=ACCOUNT))}, ANY, P, "OK", "info"),
    ("everybody but", {"policy": policy({**{k: v for k, v in statement().items() if k != "Principal"},
     "NotPrincipal": ACCOUNT})}, ANY, P, "EXPOSED", "critical"),
    ("some addresses", conditional(IpAddress={"aws:SourceIp": "192.0.2.0/24"}), ANY, P, "CONDITIONAL", "high"),
    ("some addresses", conditional(IpAddress={"aws:SourceIp": "192.0.2.0/24"}), ANY, U, "CONDITIONAL", "warning"),
    ("some addresses", conditional(IpAddress={"aws:SourceIp": "192.0.2.0/24"}), ANY, C, "CONDITIONAL", "warning"),
    ("some addresses", conditional(IpAddress={"aws:SourceIp": "192.0.2.0/24"}), ANY, X, "CONDITIONAL", "warning"),
    ("all addresses", conditional(IpAddress={"aws:SourceIp": "0.0.0.0/0"}), ANY, P, "EXPOSED", "critical"),
    ("some referrers", conditional(StringLike={"aws:Referer": "https://example.com/*"}), ANY, P, "CONDITIONAL", "high"),
    ("one network", conditional(StringEquals={"aws:SourceVpc": "vpc-1"}), ANY, P, "OK", "info"),
    ("one organization", conditional(StringEquals={"aws:PrincipalOrgID": "o-1"}), ANY, P, "OK", "info"),
    ("not that organization", conditional(StringNotEquals={"aws:PrincipalOrgID": "o-1"}), ANY, P, "EXPOSED",
     "critical"),
    ("a tag", conditional(StringEquals={"s3:ExistingObjectTag/public": "yes"}), ANY, P, "CONDITIONAL", "high"),
    ("https only", {"policy": policy(statement(), statement("Deny", Condition=SECURE))}, ANY, U, "OK", "info"),
    ("https only, by http", {"policy": policy(statement(), statement("Deny", Condition=SECURE)),
     "endpoint_kind": "website"}, ANY, U, "UNREACHABLE", "high"),
    ("only through the endpoint", {"policy": policy(statement(), statement("Deny", Condition={
     "StringNotEquals": {"aws:SourceVpce": "vpce-1"}}))}, ANY, U, "UNREACHABLE", "high"),
    ("denied below", {"policy": policy(statement(), statement("Deny", f"{ARN}/media/private/*"))},
     {"key": "media/private/x"}, P, "OK", "info"),
    ("denied below", {"policy": policy(statement(), statement("Deny", f"{ARN}/media/private/*"))},
     {"key": "media/x"}, P, "EXPOSED", "critical"),
    ("listing only", {"policy": policy(statement(Action="s3:ListBucket", Resource=ARN))}, ANY, P, "OK", "info"),
    ("actions have no case", {"policy": policy(statement(Action="S3:get*"))}, ANY, P, "EXPOSED", "critical"),
    ("ACLs off", BOE, {"grants": PUBLIC}, P, "OK", "info"),
    ("ACLs off", BOE, {"grants": None}, P, "OK", "info"),
    ("public ACL", ACL_ON, {"grants": PUBLIC}, U, "OK", "info"),
    ("public ACL", ACL_ON, {"grants": PUBLIC}, P, "EXPOSED", "critical"),
    ("public ACL", {"ownership": "BucketOwnerPreferred"}, {"grants": PUBLIC}, P, "EXPOSED", "critical"),
    ("private ACL", ACL_ON, {"grants": [MINE]}, P, "OK", "info"),
    ("private ACL", ACL_ON, {"grants": [MINE]}, U, "UNREACHABLE", "high"),
    ("anonymous owner", ACL_ON, {"owner_id": ANONYMOUS, "grants": [Grant(ANONYMOUS, "FULL_CONTROL")]}, P,
     "EXPOSED", "critical"),
    ("granted to the anonymous user by his id", ACL_ON, {"grants": [MINE, Grant(ANONYMOUS, "READ")]}, U, "OK", "info"),
    ("granted to the anonymous user by his id", ACL_ON, {"grants": [MINE, Grant(ANONYMOUS, "READ")]}, P, "EXPOSED",
     "critical"),
    ("anonymous owner, who may grant himself all", ACL_ON, {"owner_id": ANONYMOUS, "grants": []}, P, "EXPOSED",
     "critical"),
    ("anonymous owner, ACL unread", ACL_ON, {"owner_id": ANONYMOUS, "grants": None}, P, "EXPOSED", "critical"),
    ("anonymous owner, ignored", {**ACL_ON, "bucket_block": IGNORED},
     {"owner_id": ANONYMOUS, "grants": [Grant(ANONYMOUS, "FULL_CONTROL")]}, P, "OK", "warning"),
    ("another account's, opened by policy", {**ACL_ON, **OPEN}, {"owner_id": OTHER, "grants": []}, U, "UNREACHABLE",
     "high"),
    ("another account's, opened by policy", {**ACL_ON, **OPEN}, {"owner_id": OTHER, "grants": []}, P, "OK", "warning"),
    ("another account's, ACLs off", {**BOE, **OPEN}, {"owner_id": OTHER, "grants": []}, U, "OK", "info"),
    ("another account's, denied", {**ACL_ON, "policy": policy(statement("Deny"))}, {"owner_id": OTHER,
     "grants": PUBLIC}, U,
     "UNREACHABLE", "high"),
    ("owner unread", {**ACL_ON, **OPEN}, {"owner_id": None, "grants": []}, U, "UNKNOWN", "error"),
    ("bucket's owner unread", {**ACL_ON, **OPEN, "owner_id": None}, {"grants": []}, U, "UNKNOWN", "error"),
    ("owner unread, public ACL", {**ACL_ON, **OPEN}, {"owner_id": None, "grants": PUBLIC}, U, "OK", "info"),
    ("any account", ACL_ON, {"grants": [Grant(AUTHENTICATED_USERS, "READ")]}, P, "EXPOSED", "critical"),
    ("any account", ACL_ON, {"grants": [Grant(AUTHENTICATED_USERS, "READ")]}, U, "UNREACHABLE", "high"),
    ("any account", ACL_ON, {"grants": [Grant(AUTHENTICATED_USERS, "READ")]}, X, "UNDECLARED", "warning"),
    ("any account, denied", {**ACL_ON, "policy": policy(statement("Deny"))},
     {"grants": [Grant(AUTHENTICATED_USERS, "READ")]}, P, "OK", "info"),
    ("ACL for all to rewrite", ACL_ON, {"grants": [Grant(ALL_USERS, "WRITE_ACP")]}, P, "EXPOSED", "critical"),
    ("ACL for all to rewrite", ACL_ON, {"grants": [Grant(ALL_USERS, "WRITE_ACP")]}, U, "UNREACHABLE", "critical"),
    ("ACL for all to rewrite", ACL_ON, {"grants": [Grant(ALL_USERS, "FULL_CONTROL")]}, U, "OK", "critical"),
    ("ACL for all to read", ACL_ON, {"grants": [Grant(ALL_USERS, "READ_ACP")]}, P, "OK", "warning"),
    ("ACL of a stranger kind", ACL_ON, {"grants": [Grant(ALL_USERS, "PEEK")]}, P, "UNKNOWN", "error"),
    ("ACL for the log group", ACL_ON, {"grants": [Grant("http://acs.amazonaws.com/groups/s3/LogDelivery", "READ")]}, P,
     "OK", "info"),
    ("ignored by bucket", {**ACL_ON, "bucket_block": IGNORED}, {"grants": PUBLIC}, P, "OK", "warning"),
    ("ignored by account", {**ACL_ON, "account_block": IGNORED}, {"grants": PUBLIC}, U, "UNREACHABLE", "high"),
    ("ignored ACL, open policy", {**ACL_ON, **OPEN, "bucket_block": IGNORED}, {"grants": []}, U, "OK", "info"),
    ("BlockPublicAcls looks at writes", {**ACL_ON, "bucket_block": only("BlockPublicAcls")}, {"grants": PUBLIC}, P,
     "EXPOSED", "critical"),
    ("account's block unread, public ACL", {**ACL_ON, "account_block": None}, {"grants": PUBLIC}, P, "UNKNOWN",
     "error"),
    ("bucket's block unread, public ACL", {**ACL_ON, "bucket_block": None}, {"grants": PUBLIC}, P, "UNKNOWN", "error"),
    ("one flag unread, public ACL", {**ACL_ON, "bucket_block": {"IgnorePublicAcls": None}}, {"grants": PUBLIC}, P,
     "UNKNOWN", "error"),
    ("account's block unread, bucket ignores", {**ACL_ON, "account_block": None, "bucket_block": IGNORED},
     {"grants": PUBLIC}, P, "OK", "warning"),
    ("account's block unread, bucket restricts", {**OPEN, "account_block": None, "bucket_block": RESTRICTED}, ANY, U,
     "UNREACHABLE", "high"),
    ("account's block unread, nothing granted", {**ACL_ON, "account_block": None}, {"grants": [MINE]}, P, "OK", "info"),
    ("public ACL, denied", {**ACL_ON, "policy": policy(statement("Deny"))}, {"grants": PUBLIC}, P, "OK", "info"),
    ("public ACL, some denied", {**ACL_ON, "policy": policy(statement("Deny", Condition={
     "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))}, {"grants": PUBLIC}, P, "CONDITIONAL", "high"),
    ("ACL unread", ACL_ON, {"grants": None}, P, "UNKNOWN", "error"),
    ("ACL unread", ACL_ON, {"grants": None}, U, "UNKNOWN", "error"),
    ("ACL unread, ignored", {**ACL_ON, "bucket_block": IGNORED}, {"grants": None}, P, "OK", "info"),
    ("ACL unread, opened by policy", {**ACL_ON, **OPEN}, {"grants": None}, U, "OK", "info"),
    ("ownership unread", {"ownership": None}, {"grants": PUBLIC}, P, "UNKNOWN", "error"),
    ("ownership unread, nothing granted", {"ownership": None}, {"grants": [MINE]}, P, "OK", "info"),
    ("ownership of a new kind", {"ownership": "Somebody"}, {"grants": PUBLIC}, P, "UNKNOWN", "error"),
    ("policy unread", {"policy_read": False}, ANY, P, "UNKNOWN", "error"),
    ("policy unread, restricted", {"policy_read": False, "policy_is_public": True, "bucket_block": RESTRICTED}, ANY, P,
     "OK", "info"),
    ("archived", OPEN, {"storage_class": "GLACIER"}, U, "UNREACHABLE", "high"),
    ("archived", OPEN, {"storage_class": "DEEP_ARCHIVE"}, U, "UNREACHABLE", "high"),
    ("archived", OPEN, {"storage_class": "DEEP_ARCHIVE_ACCESS"}, U, "UNREACHABLE", "high"),
    ("archived", OPEN, {"storage_class": "GLACIER"}, P, "EXPOSED", "high"),
    ("archived, but instantly there", OPEN, {"storage_class": "GLACIER_IR"}, U, "OK", "info"),
    ("archived, nothing granted", BOE, {"storage_class": "GLACIER"}, P, "OK", "info"),
    ("KMS", OPEN, {"sse": "aws:kms"}, U, "UNREACHABLE", "high"),
    ("KMS", OPEN, {"sse": "aws:kms:dsse"}, P, "EXPOSED", "high"),
    ("KMS", OPEN, {"sse": "aws:kms"}, X, "UNDECLARED", "warning"),
    ("customer's key", OPEN, {"sse": "SSE-C"}, U, "UNREACHABLE", "high"),
    ("S3's key", OPEN, {"sse": "AES256"}, U, "OK", "info"),
    ("a new encryption", OPEN, {"sse": "aws:new"}, U, "UNKNOWN", "error"),
    ("a new encryption", OPEN, {"sse": "aws:new"}, P, "EXPOSED", "high"),
    ("requester pays", {**OPEN, "requester_pays": True}, ANY, U, "UNREACHABLE", "high"),
    ("requester pays", {**OPEN, "requester_pays": True}, ANY, P, "OK", "warning"),
    ("requester pays, nothing granted", {"requester_pays": True}, ANY, P, "OK", "info"),
    ("requester pays, unread", {**OPEN, "requester_pays": None}, ANY, U, "UNKNOWN", "error"),
    ("access point", {**OPEN, "endpoint_kind": "access point"}, ANY, U, "UNREACHABLE", "high"),
    ("access point", {**OPEN, "endpoint_kind": "access_point"}, ANY, P, "OK", "info"),
    ("directory bucket", {**OPEN, "endpoint_kind": "directory"}, ANY, U, "UNREACHABLE", "high"),
    ("Object Lambda", {**OPEN, "endpoint_kind": "Object-Lambda"}, ANY, P, "OK", "info"),
    ("multi-Region access point", {**OPEN, "endpoint_kind": "mrap"}, ANY, P, "OK", "info"),
    ("endpoint of a new kind", {**OPEN, "endpoint_kind": "orbital"}, ANY, P, "UNKNOWN", "error"),
    ("website, by another spelling", {"policy": policy(statement(), statement("Deny", Condition=SECURE)),
     "endpoint_kind": "Website"}, ANY, U, "UNREACHABLE", "high"),
    ("website", {**OPEN, "endpoint_kind": "website"}, ANY, U, "OK", "info"),
    ("not a policy", {"policy": "everybody"}, ANY, P, "UNKNOWN", "error"),
    ("policy without statements", {"policy": {}}, ANY, P, "UNKNOWN", "error"),
    ("policy with no statement", {"policy": {"Statement": []}}, ANY, P, "OK", "info"),
    ("statement that is none", {"policy": policy(statement(), {"Effect": "Maybe"})}, ANY, U, "UNKNOWN", "error"),
    ("not a policy, and all restricted", {"policy": [], "policy_is_public": True, "bucket_block": ALL_FOUR}, ANY, P,
     "OK", "info"),
    ("a policy variable", {"policy": policy(statement(resource=f"{ARN}/${{aws:username}}/*"))}, {"key": "a/b"}, P,
     "CONDITIONAL", "high"),
    ("a policy variable elsewhere", {"policy": policy(statement(resource=f"{ARN}/home/${{aws:username}}/*"))},
     {"key": "media/b"}, P, "OK", "info"),
]  # fmt: skip


@pytest.mark.parametrize(("bucket", "obj", "intent", "verdict", "severity"), [case[1:] for case in CASES],
                         ids=[f"{number} {case[0]}, {case[3]}" for number, case in enumerate(CASES)])  # fmt: skip
def test_decide(bucket: dict[str, Any], obj: dict[str, Any], intent: str, verdict: str, severity: str) -> None:
    """What is right is OK, what is wrong has a name, and what nobody knows is neither."""
    found = decide(
        BucketFacts(**{"name": "b", "owner_id": OWNER, **bucket}),
        ObjectFacts(**{"key": "media/a", "owner_id": OWNER, **obj}),
        intent,
    )
    assert (verdict, severity) == (found.verdict, found.severity), found


REASONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (OPEN, ANY, "statement 1 of the policy lets everybody read it"),
    ({"policy": policy(statement(Sid="PublicRead"))}, ANY,
     'statement "PublicRead" of the policy lets everybody read it'),
    ({"policy": policy(statement(Sid="\x1b[2J"))}, ANY, "statement 1 of the policy lets everybody read it"),
    ({"policy": policy(statement(), statement("Deny", Sid="Not"))}, ANY, 'statement "Not" of the policy denies it'),
    ({**OPEN, "bucket_block": RESTRICTED, "account_block": RESTRICTED}, ANY,
     "RestrictPublicBuckets (bucket and account) refuses everybody, as the policy is public"),
    (ACL_ON, {"grants": PUBLIC}, "the ACL lets everybody (AllUsers) read it"),
    (ACL_ON, {"grants": [MINE]}, "no policy, and the ACL lets nobody in"),
    ({**ACL_ON, "account_block": IGNORED}, {"grants": PUBLIC}, "IgnorePublicAcls (account) ignores ACLs"),
    (ACL_ON, {"grants": [Grant(AUTHENTICATED_USERS, "READ")]}, "AuthenticatedUsers"),
    (ACL_ON, {"grants": [Grant(ALL_USERS, "WRITE_ACP")]}, "WRITE_ACP"),
    (BOE, ANY, "ACLs are off (BucketOwnerEnforced)"),
    (conditional(IpAddress={"aws:SourceIp": "192.0.2.0/24"}), ANY, "statement 1 of the policy (aws:SourceIp)"),
    (conditional(StringLike={"\x1b[2J": "x"}), ANY, "statement 1 of the policy (an odd key)"),
    ({**ACL_ON, **OPEN}, {"owner_id": OTHER, "grants": []}, "another account owns it"),
    ({**OPEN, "requester_pays": True}, ANY, "the requester pays"),
    ({**OPEN, "endpoint_kind": "mrap"}, ANY, "mrap"),
    ({**OPEN, "account_block": None}, ANY, "the account's public access block"),
    (ACL_ON, {"grants": None}, "the ACL"),
    ({"policy": policy(statement(Effect="Maybe", Sid="Odd"))}, ANY, 'not understood: statement "Odd"'),
    (OPEN, {"sse": "aws:kms"}, "encrypted or archived"),
]  # fmt: skip


@pytest.mark.parametrize(("bucket", "obj", "expected"), REASONS)
def test_reasons(bucket: dict[str, Any], obj: dict[str, Any], expected: str) -> None:
    """The fact that decides is named."""
    found = decide(
        BucketFacts(**{"name": "b", "owner_id": OWNER, **bucket}),
        ObjectFacts(**{"key": "media/a", "owner_id": OWNER, **obj}),
    )
    assert expected in found.reason


def test_what_was_not_read_is_named_by_its_field() -> None:
    """Who asks the server must know what to ask for, and nothing that would not help."""
    bucket = BucketFacts("b", OWNER, "ObjectWriter", {}, None, requester_pays=None)
    found = decide(bucket, ObjectFacts("a", OWNER, PUBLIC), "private")
    assert ("requester_pays", "account_block") == found.unread
    assert () == decide(bucket, ObjectFacts("a", OWNER, [MINE]), "private").unread


def test_a_bucket_of_which_nothing_is_known() -> None:
    """It is neither open nor shut."""
    for intent in (U, P, C, X):
        found = decide(BucketFacts.unread("b"), ObjectFacts("a"), intent)
        assert ("UNKNOWN", "error", "unknown") == (found.verdict, found.severity, found.access)


def test_a_derived_cdn() -> None:
    """What anybody reads through the CDN may be read at S3 too, for all that a guess is worth."""
    bucket, obj = BucketFacts("b", OWNER, policy=ALLOW), ObjectFacts("a", OWNER, [])
    assert "warning" == decide(bucket, obj, "cdn", declared=False).severity
    assert "critical" == decide(bucket, obj, "private", declared=False).severity


def test_a_version_is_another_right() -> None:
    """`?versionId` needs GetObjectVersion, which a policy may give without the other."""
    bucket = BucketFacts("b", OWNER, policy=policy(statement(Action="s3:GetObjectVersion")))
    assert "private" == decide(bucket, ObjectFacts("a", OWNER, []), "private").access
    assert "public" == decide(bucket, ObjectFacts("a", OWNER, []), "private", by_version=True).access


@pytest.mark.parametrize("denied", [False, True])
def test_the_worse_of_both_rights(denied: bool) -> None:
    """Each bucket has versions with the id `null`: a policy that opens them opens the objects."""
    made = [statement(Action="s3:GetObjectVersion"), *([statement("Deny")] if denied else [])]
    bucket, obj = BucketFacts("b", OWNER, policy=policy(*made)), ObjectFacts("a", OWNER, [])
    found = decide(bucket, obj, "private", by_version=None)
    assert ("EXPOSED", "critical", "private", True) == (found.verdict, found.severity, found.access, found.by_version)
    assert "s3:GetObjectVersion" in found.reason
    assert "UNREACHABLE" == decide(bucket, obj, "public", by_version=None).verdict
    assert "EXPOSED" == decide_prefix(bucket, "", by_version=None).verdict("private").verdict


def test_the_plain_right_is_named_where_both_are_given() -> None:
    """Versions are mentioned only where they decide."""
    bucket = BucketFacts("b", OWNER, policy=policy(statement(Action="s3:Get*")))
    found = decide(bucket, ObjectFacts("a", OWNER, []), "private", by_version=None)
    assert ("EXPOSED", False) == (found.verdict, found.by_version)
    assert "Version" not in found.reason


def test_an_intent_that_there_is_not() -> None:
    """A misspelt intent judges nothing."""
    with pytest.raises(ValueError, match="'pubic' is no intent"):
        decide(BucketFacts("b"), ObjectFacts("a"), "pubic")

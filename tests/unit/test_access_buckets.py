"""What bucket facts say of all keys, of listing and of writing; and which storages are at odds."""

from __future__ import annotations

from typing import Any

import pytest

from s3sync.access import (
    ALL_USERS,
    AUTHENTICATED_USERS,
    BucketFacts,
    Grant,
    ObjectFacts,
    Place,
    conflicts,
    decide,
    decide_prefix,
    list_access,
    write_access,
)

from .access_worlds import ARN, OTHER, OWNER, policy, statement

BOE, ACL_ON = {"ownership": "BucketOwnerEnforced"}, {"ownership": "ObjectWriter"}
STATIC = policy(statement(resource=f"{ARN}/static/*"))
ALLOW, DENY = policy(statement()), policy(statement("Deny"))
RESTRICTED, IGNORED = {"RestrictPublicBuckets": True}, {"IgnorePublicAcls": True}
HOTLINKS = {"StringLike": {"aws:Referer": "https://example.com/*"}}

PREFIXES: list[tuple[dict[str, Any], str, str | None, tuple[str, ...]]] = [
    # The bucket, the prefix, who reads (None: it differs), and in what the objects differ.
    (BOE, "", "private", ()),
    ({**ACL_ON, "bucket_block": IGNORED}, "", "private", ()),
    ({**ACL_ON, "policy": ALLOW, "bucket_block": RESTRICTED}, "", "private", ()),
    ({**ACL_ON, "requester_pays": True}, "", "private", ()),
    ({**ACL_ON, "endpoint_kind": "access point"}, "", "private", ()),
    ({**ACL_ON, "policy": DENY}, "", "private", ()),
    ({**ACL_ON, "policy": policy(statement("Deny", f"{ARN}/media/*"))}, "media/private/", "private", ()),
    ({**BOE, "policy": ALLOW}, "", "public", ()),
    ({**BOE, "policy": STATIC}, "static/", "public", ()),
    ({**BOE, "policy": STATIC}, "static/css/", "public", ()),
    ({**BOE, "policy": STATIC}, "media/", "private", ()),
    ({**BOE, "policy": STATIC}, "", None, ("key",)),
    ({**BOE, "policy": STATIC}, "static", None, ("key",)),
    ({**BOE, "policy": policy(statement(Condition=HOTLINKS))}, "media/", "conditional", ()),
    ({**BOE, "policy": policy(statement(), statement("Deny", f"{ARN}/media/private/*"))}, "media/", None, ("key",)),
    ({**BOE, "policy": policy(statement(), statement("Deny", f"{ARN}/media/private/*"))}, "static/", "public", ()),
    ({**BOE, "policy": ALLOW, "account_block": None}, "", "unknown", ()),
    ({**BOE, "policy": ALLOW, "account_block": None, "bucket_block": RESTRICTED}, "", "private", ()),
    ({**BOE, "account_block": None}, "", "private", ()),
    ({**BOE, "policy_read": False}, "", "unknown", ()),
    (ACL_ON, "", None, ("grants",)),
    ({**ACL_ON, "account_block": None}, "", None, ("grants",)),
    ({**ACL_ON, "policy": STATIC}, "static/", None, ("owner_id", "grants")),
    ({**ACL_ON, "policy": STATIC}, "media/", None, ("grants",)),
    ({**ACL_ON, "policy": STATIC}, "", None, ("key", "owner_id", "grants")),
    ({**ACL_ON, "policy": ALLOW, "bucket_block": IGNORED}, "", None, ("owner_id",)),
    ({**ACL_ON, "policy": ALLOW, "bucket_block": IGNORED, "owner_id": None}, "", "unknown", ()),
    ({"ownership": None}, "", None, ("grants",)),
    ({"policy_read": False, "ownership": None, "bucket_block": None, "account_block": None}, "", "unknown", ()),
    ({"policy_read": False, "ownership": "ObjectWriter"}, "", None, ("owner_id", "grants")),
    ({"policy_read": False, "ownership": "ObjectWriter", "owner_id": None}, "", "unknown", ()),
]


@pytest.mark.parametrize(("facts", "prefix", "access", "needs"), PREFIXES)
def test_decide_prefix(facts: dict[str, Any], prefix: str, access: str | None, needs: tuple[str, ...]) -> None:
    """No object is asked about whose answer is known, and none is passed over whose is not."""
    found = decide_prefix(BucketFacts(**{"name": "b", "owner_id": OWNER, **facts}), prefix)
    ask = "nothing" if not needs else "key" if needs == ("key",) else "object"
    assert (access, needs, ask) == (found.access, found.needs, found.ask)
    assert found.final is (ask == "nothing")
    assert found.reason


def test_a_final_answer_judges_each_intent() -> None:
    """One question to the bucket is enough for a table of aliases."""
    found = decide_prefix(BucketFacts("b", OWNER, policy=STATIC), "static/")
    expected = {"public": "OK", "private": "EXPOSED", "cdn": "EXPOSED", "undeclared": "UNDECLARED"}
    assert expected == {intent: found.verdict(intent).verdict for intent in expected}
    assert "warning" == found.verdict("cdn", declared=False).severity
    with pytest.raises(ValueError, match="'pubic'"):
        found.verdict("pubic")


@pytest.mark.parametrize(
    ("facts", "severity", "reason"),
    [
        ({**ACL_ON, "policy": DENY}, "info", "statement 1 of the policy denies it"),
        ({**ACL_ON, "policy": ALLOW, "bucket_block": RESTRICTED}, "warning", "RestrictPublicBuckets (bucket)"),
        ({**ACL_ON, "bucket_block": IGNORED}, "info", "no policy, and IgnorePublicAcls (bucket) ignores ACLs"),
        (
            {**BOE, "policy": policy(statement("Deny", f"{ARN}/a/*"))},
            "info",
            "no statement of the policy lets everybody in",
        ),
    ],
)
def test_reasons_of_final_answers(facts: dict[str, Any], severity: str, reason: str) -> None:
    """They are about all objects, not about one that another account owns."""
    found = decide_prefix(BucketFacts("b", OWNER, **facts), "").verdict("private")
    assert ("OK", severity) == (found.verdict, found.severity)
    assert found.reason.startswith(reason)
    assert "another account" not in found.reason


def test_no_verdict_without_a_final_answer() -> None:
    """Who forgets to look at the objects must notice."""
    with pytest.raises(ValueError, match="no final answer"):
        decide_prefix(BucketFacts("b", OWNER, policy=STATIC), "").verdict("private")


def test_facts_missing_below_a_prefix_are_named() -> None:
    """A final `unknown` says what to read."""
    found = decide_prefix(BucketFacts("b", OWNER, policy=ALLOW, account_block=None), "")
    assert ("account_block",) == found.unread
    assert "UNKNOWN" == found.verdict("private").verdict


def test_owners_spare_most_acls() -> None:
    """Where the policy covers the owner's objects, `decide` knows without the ACL; of others it asks."""
    bucket = BucketFacts("b", OWNER, "ObjectWriter", policy=ALLOW)
    assert "public" == decide(bucket, ObjectFacts("a", OWNER)).access
    assert ("grants",) == decide(bucket, ObjectFacts("a", OTHER)).unread


def test_versions_below_a_prefix() -> None:
    """The right to old versions is asked for by its own name."""
    bucket = BucketFacts("b", OWNER, policy=policy(statement(Action="s3:GetObjectVersion")))
    assert ("private", "public") == (
        decide_prefix(bucket, "").access,
        decide_prefix(bucket, "", by_version=True).access,
    )


LISTING = policy(statement(Action="s3:ListBucket", Resource=ARN))
VERSIONS = policy(statement(Action="s3:ListBucketVersions", Resource=ARN))
LISTS: list[tuple[dict[str, Any], list[Grant] | None, str, str]] = [
    (BOE, [], "OK", "info"),
    ({**BOE, "policy": LISTING}, [], "EXPOSED", "warning"),
    ({**BOE, "policy": VERSIONS}, [], "EXPOSED", "warning"),
    ({**BOE, "policy_read": False}, [], "UNKNOWN", "error"),
    ({**BOE, "policy": ALLOW}, [], "OK", "info"),
    ({**BOE, "policy": LISTING, "bucket_block": RESTRICTED}, [], "OK", "info"),
    ({**BOE, "policy": LISTING, "account_block": None}, [], "UNKNOWN", "error"),
    ({**BOE, "policy": policy(statement(Action="s3:List*", Resource=ARN,
     Condition={"StringLike": {"s3:prefix": "a/*"}}))},
     [], "CONDITIONAL", "warning"),
    (ACL_ON, [Grant(ALL_USERS, "READ")], "EXPOSED", "warning"),
    (ACL_ON, [Grant(ALL_USERS, "FULL_CONTROL")], "EXPOSED", "warning"),
    (ACL_ON, [Grant(AUTHENTICATED_USERS, "READ")], "EXPOSED", "warning"),
    (ACL_ON, [Grant(ALL_USERS, "WRITE")], "OK", "info"),
    (ACL_ON, [Grant(ALL_USERS, "WRITE_ACP")], "OK", "info"),
    (ACL_ON, None, "UNKNOWN", "error"),
    (BOE, None, "OK", "info"),
    ({**ACL_ON, "bucket_block": IGNORED}, [Grant(ALL_USERS, "READ")], "OK", "info"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "grants", "verdict", "severity"), LISTS)
def test_list_access(facts: dict[str, Any], grants: list[Grant] | None, verdict: str, severity: str) -> None:
    """Who may list learns each name, and no content."""
    found = list_access(BucketFacts("b", OWNER, **facts), grants)
    assert (verdict, severity) == (found.verdict, found.severity), found


def test_listing_next_to_private_objects() -> None:
    """Names alone may tell what nobody should know."""
    bucket = BucketFacts("b", OWNER, policy=LISTING)
    assert "critical" == list_access(bucket, [], private_inside=True).severity


UPLOADS = statement(Action="s3:PutObject", resource=f"{ARN}/uploads/*")
WRITES: list[tuple[dict[str, Any], list[Grant] | None, str, str]] = [
    (BOE, [], "OK", ""),
    ({**BOE, "policy": ALLOW}, [], "OK", ""),
    ({**BOE, "policy": policy(UPLOADS)}, [], "EXPOSED", "write into it"),
    ({**BOE, "policy": policy(UPLOADS, statement("Deny", f"{ARN}/uploads/*", Action="*"))}, [], "OK", ""),
    ({**BOE, "policy": policy(UPLOADS, statement("Deny", f"{ARN}/uploads/a/*", Action="*"))}, [], "EXPOSED",
     "write into it"),
    ({**BOE, "policy": policy(statement(Action="s3:Delete*"))}, [], "EXPOSED", "delete from it"),
    ({**BOE, "policy": policy(statement(Action="s3:PutObjectAcl"))}, [], "EXPOSED", "rewrite ACLs in it"),
    ({**BOE, "policy": policy(statement(Action="s3:*", Resource=ARN))}, [], "EXPOSED", "rewrite its"),
    ({**BOE, "policy": policy(statement(Action="s3:Put*", NotResource=[f"{ARN}/x/*"]) | {"Resource": "*"})}, [],
     "UNKNOWN", "not understood"),
    ({**BOE, "policy": policy({k: v for k, v in UPLOADS.items() if k != "Resource"} | {"NotResource": f"{ARN}/x/*"})},
     [],
     "EXPOSED", "write into it"),
    ({**BOE, "policy_read": False}, [], "UNKNOWN", "policy"),
    (ACL_ON, [Grant(ALL_USERS, "WRITE")], "EXPOSED", "write into it"),
    (ACL_ON, [Grant(AUTHENTICATED_USERS, "WRITE")], "EXPOSED", "write into it"),
    (ACL_ON, [Grant(ALL_USERS, "WRITE_ACP")], "EXPOSED", "WRITE_ACP"),
    (ACL_ON, [Grant(ALL_USERS, "READ")], "OK", ""),
    (BOE, [Grant(ALL_USERS, "WRITE")], "OK", ""),
    (ACL_ON, None, "UNKNOWN", "the ACL"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "grants", "verdict", "reason"), WRITES)
def test_write_access(facts: dict[str, Any], grants: list[Grant] | None, verdict: str, reason: str) -> None:
    """Whoever may write can put his own page where yours was; nobody tries that on a live bucket."""
    found = write_access(BucketFacts("b", OWNER, **facts), grants)
    severity = {"OK": "info", "EXPOSED": "critical", "UNKNOWN": "error"}[verdict]
    assert (verdict, severity) == (found.verdict, found.severity), found
    assert reason in found.reason


@pytest.mark.parametrize("action", [
    "PutObjectVersionAcl", "DeleteObjectVersion", "PutObjectTagging", "ReplicateObject", "AbortMultipartUpload",
    "ObjectOwnerOverrideToBucketOwner", "BypassGovernanceRetention", "DeleteBucket", "DeleteBucketPolicy",
    "PutBucketPublicAccessBlock", "PutBucketOwnershipControls", "PutBucketAcl", "PutReplicationConfiguration",
    "PutLifecycleConfiguration", "PutBucketVersioning", "InventNewThing", "InventNew*", "putbucketversioning",
])  # fmt: skip
def test_whatever_is_no_looking_is_writing(action: str) -> None:
    """S3 gets new actions; what a policy lets everybody do is told, known or not."""
    bucket = BucketFacts("b", OWNER, policy=policy(statement(Action=f"s3:{action}", Resource=["*"])))
    found = write_access(bucket, [])
    assert ("EXPOSED", "critical") == (found.verdict, found.severity), found


@pytest.mark.parametrize("action", ["s3:Get*", "s3:G*", "s3:ListBucket*", "s3:DescribeJob", "s3:HeadObject"])
def test_looking_is_no_writing(action: str) -> None:
    """Who reads and who lists is judged elsewhere."""
    assert (
        "OK" == write_access(BucketFacts("b", OWNER, policy=policy(statement(Action=action, Resource="*"))), []).verdict
    )


def test_a_wildcard_may_stand_for_the_slash() -> None:
    """`b*.jpg` names keys, too."""
    bucket = BucketFacts("b", OWNER, policy=policy(statement(Action="s3:PutObject", Resource=f"{ARN}*.jpg")))
    assert "EXPOSED" == write_access(bucket, []).verdict


def test_what_is_unread_is_no_ok() -> None:
    """Nothing is known, so nothing is fine."""
    for found in (write_access(BucketFacts.unread("b"), None), list_access(BucketFacts.unread("b"), None)):
        assert ("UNKNOWN", "error") == (found.verdict, found.severity)


MIXED = (("public/", "public"), ("", "private"))
PLACES: list[tuple[Place, Place, list[tuple[str, tuple[str, str]]]]] = [
    (Place("a", "b", "", "private"), Place("s", "b", "static/", "public"), [("static/", ("private", "public"))]),
    (Place("s", "b", "static/", "public"), Place("a", "b", "", "private"), [("static/", ("public", "private"))]),
    (Place("a", "b", "", "private"), Place("s", "c", "static/", "public"), []),
    (Place("a", "b", "media/", "private"), Place("s", "b", "static/", "public"), []),
    (Place("a", "b", "media/", "private"), Place("s", "b", "media-2/", "public"), []),
    (Place("a", "b", "", "private"), Place("s", "b", "static/", "private"), []),
    (Place("a", "b", "", "private", (("static/", "public"),)), Place("s", "b", "static/", "public"), []),
    (Place("a", "b", "", "private", (("media/", "public"),)), Place("s", "b", "static/", "private"), []),
    (Place("a", "b", "", "private", (("st", "public"),)), Place("s", "b", "static/", "public"), []),
    (Place("a", "b", "", "private", (("static/", "skip"),)), Place("s", "b", "static/", "public"), []),
    (Place("a", "b", "", "x", (("static/x/", "private"), ("static/", "public"))), Place("s", "b", "static/", "public"),
     [("static/x/", ("private", "public"))]),
    (Place("a", "b", "", "x", MIXED), Place("s", "b", "", "x", MIXED), []),
    (Place("a", "b", "m/", "x", MIXED), Place("s", "b", "m/", "private"), [("m/public/", ("public", "private"))]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "expected"), PLACES)
def test_conflicts(one: Place, other: Place, expected: list[tuple[str, tuple[str, str]]]) -> None:
    """Two storages that share keys and mean different things: nobody can tell who is to read them."""
    assert [(one.alias, other.alias)] * len(expected) == [found.aliases for found in conflicts([one, other])]
    assert expected == [(found.prefix, found.intents) for found in conflicts([one, other])]

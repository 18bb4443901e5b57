"""Buckets, objects and policies for the tests of who can read what."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from s3sync.access import ALL_USERS, AUTHENTICATED_USERS, BucketFacts, Grant, ObjectFacts
from s3sync.access.policy import ANONYMOUS

OWNER, OTHER = "owner", "other"
ARN = "arn:aws:s3:::b"
FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
OAI = {"CanonicalUser": "0a1b2c"}
OAC = {"Service": "cloudfront.amazonaws.com"}
ACCOUNT = {"AWS": "arn:aws:iam::111122223333:root"}

CONDITIONS: list[tuple[dict[str, Any], int]] = [
    # The condition, and what it says of an anonymous visitor: 0 no, 1 it depends, 2 yes.
    ({"Bool": {"aws:SecureTransport": "true"}}, 2),
    ({"Bool": {"aws:SecureTransport": "false"}}, 0),
    ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, 1),
    ({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/0"]}}, 2),
    ({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, 1),
    ({"StringLike": {"aws:Referer": "https://example.com/*"}}, 1),
    ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, 0),
    ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, 2),
    ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}, 2),
    ({"StringEquals": {"s3:ExistingObjectTag/public": "yes"}}, 1),
    ({"Unheard": {"of:this": "x"}}, 1),
    ({"Null": {"aws:PrincipalArn": "true"}}, 2),
    ({"Null": {"aws:PrincipalArn": "false"}}, 0),
]

PRINCIPALS: list[tuple[dict[str, Any], bool]] = [
    ({"Principal": "*"}, True),
    ({"Principal": {"AWS": "*"}}, True),
    ({"Principal": {"AWS": ["111122223333", "*"]}}, True),
    ({"NotPrincipal": ACCOUNT}, True),
    ({"NotPrincipal": "*"}, False),
    ({"Principal": ACCOUNT}, False),
    ({"Principal": OAI}, False),
    ({"Principal": {**OAC, **ACCOUNT}}, False),
]

ACTIONS: list[tuple[dict[str, Any], bool]] = [
    ({"Action": "s3:GetObject"}, True),
    ({"Action": ["s3:ListBucket", "S3:get*"]}, True),
    ({"Action": "*"}, True),
    ({"Action": "s3:GetObjectVersion"}, False),
    ({"Action": "s3:ListBucket"}, False),
    ({"NotAction": "s3:Put*"}, True),
    ({"NotAction": ["s3:PutObject", "s3:GetObj?ct"]}, False),
]


def statement(effect: str = "Allow", resource: str | list[str] = f"{ARN}/*", **more: Any) -> dict[str, Any]:
    """A statement for everybody who reads objects."""
    return {"Effect": effect, "Principal": "*", "Action": "s3:GetObject", "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def mostly(usual: Any, *other: Any) -> st.SearchStrategy[Any]:
    """The usual value three times as often as all others together."""
    return st.one_of(*[st.just(usual)] * 3, st.sampled_from(other))


_FOLDERS = st.sampled_from(["", "a", "b", "a/", "a/b", "a/b/", "b/"])
KEYS = st.builds(str.__add__, _FOLDERS, st.text("ab/*?", min_size=1, max_size=3))
PREFIXES = _FOLDERS
_WILD = st.lists(st.sampled_from(["a", "b", "/", "*", "?", "a/", "ab"]), max_size=4).map("".join)
PATTERNS = st.one_of(st.just("*"), *[PREFIXES.map(lambda beginning: f"{beginning}*")] * 2, _WILD)


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Allow", "Deny")) -> dict[str, Any]:
    """Well-formed statements."""
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(effects))}
    made |= draw(mostly(*PRINCIPALS))[0]
    made |= draw(mostly(*ACTIONS))[0]
    resources = [f"{ARN}/{pattern}" for pattern in draw(st.lists(PATTERNS, min_size=1, max_size=2))]
    made[draw(mostly("Resource", "NotResource"))] = resources[0] if len(resources) == 1 else resources
    if draw(st.integers(0, 2)) == 0:
        made["Condition"] = draw(st.sampled_from(CONDITIONS))[0]
    return made


POLICIES = st.one_of(st.none(), *[st.lists(statements(), max_size=3).map(lambda made: policy(*made))] * 3)
BLOCKS = st.one_of(st.just({}), st.just({}), st.dictionaries(st.sampled_from(FLAGS), st.booleans(), max_size=4))
OWNERSHIPS = st.sampled_from(["BucketOwnerEnforced", "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"])


@st.composite
def buckets(draw: st.DrawFn, unread: bool = False) -> BucketFacts:
    """Buckets of which everything is known, or of which some facts could not be read."""

    def fact(values: st.SearchStrategy[Any]) -> Any:
        return None if unread and draw(st.integers(0, 5)) == 0 else draw(values)

    return BucketFacts(
        "b",
        fact(st.just(OWNER)),
        fact(OWNERSHIPS),
        fact(BLOCKS),
        fact(BLOCKS),
        draw(POLICIES),
        policy_read=not unread or draw(st.integers(0, 3)) > 0,
        policy_is_public=fact(st.booleans()),
        requester_pays=fact(mostly(False, False, True)),
        endpoint_kind=fact(mostly("bucket", "bucket", "access point")),
    )


GRANTS = st.builds(
    Grant,
    st.sampled_from([OWNER, OTHER, ALL_USERS, AUTHENTICATED_USERS, ANONYMOUS]),
    st.sampled_from(["READ", "FULL_CONTROL", "WRITE_ACP", "READ_ACP"]),
)


@st.composite
def objects(draw: st.DrawFn, keys: st.SearchStrategy[str] = KEYS, unread: bool = False) -> ObjectFacts:
    """Objects without encryption and not archived."""
    owner = draw(st.sampled_from([OWNER, OWNER, OTHER, ANONYMOUS, *([None] if unread else [])]))
    acls = st.lists(GRANTS, max_size=2)
    return ObjectFacts(draw(keys), owner, draw(st.one_of(st.none(), acls) if unread else acls))

"""What must hold of whoever can read what, in any bucket."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3sync.access import (
    ALL_USERS,
    AUTHENTICATED_USERS,
    BucketFacts,
    Grant,
    ObjectFacts,
    decide,
    decide_prefix,
    list_access,
    write_access,
)
from s3sync.access.policy import ANONYMOUS
from s3sync.access.verdict import INTENTS

from .access_worlds import (
    ACTIONS,
    ARN,
    CONDITIONS,
    GRANTS,
    KEYS,
    OWNER,
    PREFIXES,
    PRINCIPALS,
    buckets,
    objects,
    policy,
    statement,
    statements,
)

MANY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
RANK = ["OK", "CONDITIONAL", "EXPOSED"]


def matches(pattern: str, text: str) -> bool:
    """Globs by the letter of their definition; slow, and of no kinship with the code."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return matches(pattern[1:], text) or (text != "" and matches(pattern, text[1:]))
    return text != "" and pattern[0] in ("?", text[0]) and matches(pattern[1:], text[1:])


def said_of(made: dict[str, Any], key: str) -> int:
    """Whether a statement of `statements` speaks of a key: 0 no, 1 it depends, 2 yes."""
    picked = {name: value for name, value in made.items() if name in ("Principal", "NotPrincipal")}
    done = {name: value for name, value in made.items() if name in ("Action", "NotAction")}
    element = "Resource" if "Resource" in made else "NotResource"
    patterns = made[element] if isinstance(made[element], list) else [made[element]]
    named = any(matches(pattern, f"{ARN}/{key}") for pattern in patterns)
    if not next(truth for value, truth in PRINCIPALS if value == picked):
        return 0
    if not next(truth for value, truth in ACTIONS if value == done) or named is (element == "NotResource"):
        return 0
    return next(truth for value, truth in CONDITIONS if value == made["Condition"]) if "Condition" in made else 2


def told(bucket: BucketFacts, obj: ObjectFacts) -> str:
    """The procedure in the order in which it is written down, for a bucket of which everything is known."""
    allow = deny = 0
    for made in (bucket.policy or {"Statement": []})["Statement"]:
        if made["Effect"] == "Allow":
            allow = max(allow, said_of(made, obj.key))
        else:
            deny = max(deny, said_of(made, obj.key))
    blocks = [*(bucket.bucket_block or {}).items(), *(bucket.account_block or {}).items()]
    if bucket.endpoint_kind != "bucket" or bucket.requester_pays or deny == 2:
        return "private"
    if bucket.policy_is_public and ("RestrictPublicBuckets", True) in blocks:
        return "private"
    acl_on = bucket.ownership != "BucketOwnerEnforced"
    grant = allow if not acl_on or obj.owner_id == bucket.owner_id else 0
    if acl_on and ("IgnorePublicAcls", True) not in blocks:
        readers = [one.grantee for one in obj.grants or () if one.permission in ("READ", "FULL_CONTROL")]
        if any("AllUsers" in reader or reader.startswith("65a011") for reader in readers):
            grant = 2
        elif not grant and any("AuthenticatedUsers" in reader for reader in readers):
            return "authenticated"
    return ["private", "conditional", "public"][min(grant, 2 - deny)]


@MANY
@given(buckets(), objects())
def test_one_object_is_judged_by_the_procedure(bucket: BucketFacts, obj: ObjectFacts) -> None:
    """The code says what the procedure says, which is written here a second time."""
    if bucket.policy is None:  # then it can't be public
        bucket = dataclasses.replace(bucket, policy_is_public=False)
    assert told(bucket, obj) == decide(bucket, obj).access


ENDS = ("", "a", "/", "b/a", "?", "a/b/c")
ACLS = (None, [], *([Grant(*grant)] for grant in (
    (OWNER, "FULL_CONTROL"), (ALL_USERS, "READ"), (ALL_USERS, "WRITE_ACP"), (AUTHENTICATED_USERS, "READ"),
    (ANONYMOUS, "FULL_CONTROL"))))  # fmt: skip
KINDS = [ObjectFacts("", owner, acl) for owner in (OWNER, "other", ANONYMOUS, None) for acl in ACLS]


@MANY
@given(buckets(), PREFIXES, st.booleans(), st.sampled_from([None, False, True]), st.data())
def test_a_final_answer_for_a_prefix_is_that_of_each_object(
    bucket: BucketFacts, prefix: str, unread: bool, by_version: bool | None, data: st.DataObject
) -> None:
    """Ten million objects are judged by seven calls: each of them must have got its own answer."""
    if unread:
        bucket = data.draw(buckets(unread=True))
    decision = decide_prefix(bucket, prefix, by_version=by_version)
    answers = {
        end: {answer_for(bucket, dataclasses.replace(kind, key=prefix + end), by_version) for kind in KINDS}
        for end in ENDS
    }
    if decision.final:
        expected = (decision.access, *(decision.verdict(intent).verdict for intent in INTENTS))
        assert {expected} == set().union(*answers.values())
    if decision.ask == "key":
        assert all(len(found) == 1 for found in answers.values())


def answer_for(bucket: BucketFacts, obj: ObjectFacts, by_version: bool | None) -> tuple[str, ...]:
    found = [decide(bucket, obj, intent, by_version=by_version) for intent in INTENTS]
    return (found[0].access, *(verdict.verdict for verdict in found))


@MANY
@given(buckets(unread=True), objects(unread=True), statements(effects=("Deny",)), st.integers(0, 3))
def test_a_deny_never_opens_anything(bucket: BucketFacts, obj: ObjectFacts, deny: dict[str, Any], at: int) -> None:
    """What is denied on top of the rest takes away, wherever it stands."""
    made = [*(bucket.policy or {"Statement": []})["Statement"]]
    stricter = dataclasses.replace(bucket, policy=policy(*made[:at], deny, *made[at:]))
    before, after = (decide(one, obj, "private").verdict for one in (bucket, stricter))
    if after != "UNKNOWN" and before != "UNKNOWN":
        assert RANK.index(after) <= RANK.index(before)
    assert "OK" == after or "OK" != before
    assert "EXPOSED" == before or "EXPOSED" != after


@MANY
@given(buckets(unread=True), objects(unread=True))
def test_what_is_not_known_is_not_called_private(bucket: BucketFacts, obj: ObjectFacts) -> None:
    """`OK` needs that nothing which the missing facts may be makes it anything else."""
    if decide(bucket, obj, "private").verdict == "OK":
        for whole, known in completions(bucket, obj):
            assert "OK" == decide(whole, known, "private").verdict, (whole, known)


@MANY
@given(buckets(unread=True), objects(unread=True), st.sampled_from(INTENTS))
def test_what_is_unknown_hangs_on_what_is_said_to_be_missing(
    bucket: BucketFacts, obj: ObjectFacts, intent: str
) -> None:
    """Each fact that is named is missing, and there are none named where there is a verdict."""
    found = decide(bucket, obj, intent)
    assert bool(found.unread) is (found.verdict == "UNKNOWN")
    for name in found.unread:
        holders = (obj,) if name == "grants" else (bucket, obj) if name == "owner_id" else (bucket,)
        assert any(getattr(one, name) is None for one in holders) or (name == "policy" and not bucket.policy_read)


def completions(bucket: BucketFacts, obj: ObjectFacts) -> list[tuple[BucketFacts, ObjectFacts]]:
    """What the missing facts may turn out to be."""
    flags = [dict(zip(("IgnorePublicAcls", "RestrictPublicBuckets"), both, strict=True)) for both in
             itertools.product((False, True), repeat=2)]  # fmt: skip
    policies = [None, policy(statement()), policy(statement("Deny")), policy(statement(Condition=CONDITIONS[2][0]))]
    wholes = [
        BucketFacts("b", owner, ownership, own, account, document, True, status, pays, kind)
        for owner, ownership, own, account, document, status, pays, kind in itertools.product(
            [bucket.owner_id or OWNER],
            [bucket.ownership] if bucket.ownership else ["BucketOwnerEnforced", "ObjectWriter"],
            flags if bucket.bucket_block is None else [bucket.bucket_block],
            flags if bucket.account_block is None else [bucket.account_block],
            [bucket.policy] if bucket.policy_read else policies,
            [False, True] if bucket.policy_is_public is None else [bucket.policy_is_public],
            [False, True] if bucket.requester_pays is None else [bucket.requester_pays],
            ["bucket", "mrap"] if bucket.endpoint_kind is None else [bucket.endpoint_kind],
        )
    ]
    acls = (
        [[], [Grant(ALL_USERS, "READ")], [Grant(AUTHENTICATED_USERS, "WRITE_ACP")]]
        if obj.grants is None
        else [obj.grants]
    )
    known = [
        ObjectFacts(obj.key, owner, acl)
        for owner in ([OWNER, "other"] if None in (obj.owner_id, bucket.owner_id) else [obj.owner_id])
        for acl in acls
    ]
    return list(itertools.product(wholes[:256], known))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from(["*", "Allow", "Deny", "s3:GetObject", f"{ARN}/*", "0.0.0.0/0", "${a}", "true"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "Statement", "Effect", "Principal", "NotPrincipal", "AWS", "Action", "NotAction", "Resource", "NotResource",
        "Condition", "Sid", "IpAddress", "aws:SourceIp", "Null", "Bool", "aws:SecureTransport", "NumericEquals",
        "s3:TlsVersion", "StringLikeIfExists", "aws:PrincipalArn", "", "ForAnyValue:"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A policy in which one thing is not what it should be."""
    made = draw(statements())
    made[draw(st.sampled_from([*made, "Condition", "Extra"]))] = draw(JSON)
    return policy(draw(statements()), made)


@MANY
@given(st.one_of(JSON, spoilt()), KEYS, buckets(unread=True), st.lists(GRANTS, max_size=2))
def test_no_policy_is_too_odd(document: Any, key: str, bucket: BucketFacts, grants: list[Any]) -> None:
    """Whatever a server has stored, there is a verdict; and all of the odd policy is in it, or none."""
    odd = dataclasses.replace(bucket, policy=document)
    found = decide(odd, ObjectFacts(key, OWNER, grants), "private")
    decision = decide_prefix(odd, key[:1])
    assert not decision.final or decision.verdict("private").verdict == found.verdict
    for said in (found, decision, list_access(odd, grants), write_access(odd, grants)):
        assert said.reason


@MANY
@given(spoilt(), KEYS)
def test_an_odd_policy_is_never_the_reason_to_call_it_private(document: Any, key: str) -> None:
    """Without the odd statement it would be as private: or there is no `OK`."""
    obj = ObjectFacts(key, OWNER, [])
    if decide(BucketFacts("b", OWNER, policy=document), obj, "private").verdict == "OK":
        denied = policy(document["Statement"][0])
        odd = document["Statement"][1]
        assert (
            odd.get("Effect") == "Deny"
            or "OK" == decide(BucketFacts("b", OWNER, policy=denied), obj, "private").verdict
        )

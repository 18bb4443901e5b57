"""Where a storage's objects lie, who is to read them, and who does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..access import ALL_USERS, AUTHENTICATED_USERS, BucketFacts, Grant, ObjectFacts, Verdict, decide, decide_prefix
from ..access.documents import quoted
from ..access.logic import NO, YES
from ..access.verdict import RANK
from .facts import BucketSeen, Examined, StorageSeen

HIDDEN: Final = ("private", "cdn", "undeclared")
"""What strangers are not known to be welcome to."""
_NAME: Final = "s3sync.jpg"
_ABSENT: Final[Mapping[str, Mapping[str, Any]]] = {
    "GetBucketOwnershipControls": {"ownership": "ObjectWriter"},
    "GetPublicAccessBlock": {"bucket_block": {}},
    "GetAccountPublicAccessBlock": {"account_block": {}},
    "GetBucketPolicy": {"policy": None, "policy_read": True, "policy_is_public": False},
    "GetBucketPolicyStatus": {"policy_is_public": "derive"},
    "GetBucketRequestPayment": {"requester_pays": False},
}
"""What holds where a server has no such thing at all."""
READ_BY: Final[Mapping[str, str]] = {
    "ownership": "GetBucketOwnershipControls", "bucket_block": "GetPublicAccessBlock",
    "account_block": "GetAccountPublicAccessBlock", "policy": "GetBucketPolicy",
    "policy_is_public": "GetBucketPolicyStatus", "requester_pays": "GetBucketRequestPayment",
    "owner_id": "GetBucketAcl", "grants": "GetBucketAcl", "endpoint_kind": "HeadBucket", "sse": "GetBucketEncryption",
}  # fmt: skip
"""Field of `BucketFacts` -> the operation that tells it."""


_CLOUDFRONT: Final = "cloudfront.amazonaws.com"
_IDENTITY: Final = re.compile(r"arn:aws[a-z-]*:iam::cloudfront:user/.+")


@dataclass(frozen=True, slots=True)
class Place:
    """Keys that one storage means one thing by."""

    storage: StorageSeen
    prefix: str
    """Of keys; empty: the whole bucket."""
    intent: str
    declared: bool
    inner: tuple[str, ...]
    """Prefixes of keys that begin so, and are other places."""

    @property
    def alias(self) -> str:
        """The storage's."""
        return self.storage.alias

    @property
    def named(self) -> str:
        """For people."""
        return self.prefix or f"all of {self.storage.bucket}"


def places_of(examined: Examined, *intents: str) -> list[Place]:
    """All places of these intents."""
    every = {storage.prefix + names for storage in examined.storages for names, _ in storage.rules}
    found = []
    for storage in examined.storages:
        written = {names for names, _ in storage.declared}
        for names, intent in storage.rules:
            prefix = storage.prefix + names
            inner = tuple(sorted(other for other in every if other != prefix and other.startswith(prefix)))
            if intent in intents:
                found.append(Place(storage, prefix, intent, names in written, inner))
    return found


def aliases_of(places: Iterable[Place]) -> str:
    """Each once."""
    return ", ".join(dict.fromkeys(place.alias for place in places))


def names_of(places: Iterable[Place]) -> str:
    """For people."""
    return " and ".join(dict.fromkeys(place.named for place in places))


def settled(bucket: BucketSeen) -> BucketFacts:
    """The facts, where what the server does not have counts as not configured."""
    facts = bucket.facts
    for operation, values in _ABSENT.items():
        if bucket.unread.get(operation, "").startswith("not-implemented"):
            facts = replace(facts, **values)
    return facts


# Policies, statement by statement


def statements_in(policy: Any) -> list[Any]:
    """As they were parsed; none, if there is nothing of the kind."""
    found = policy.get("Statement") if isinstance(policy, Mapping) else None
    return list(found) if isinstance(found, list | tuple) else [found] if isinstance(found, Mapping) else []


def with_statements(facts: BucketFacts, statements: Sequence[Any]) -> BucketFacts:
    """The bucket with these statements alone. What AWS calls its policy stays, so that blocks act as before."""
    called = {YES: True, NO: False}.get(facts.policy_public)
    policy = {**facts.policy, "Statement": list(statements)} if statements else None
    return replace(facts, policy=policy, policy_is_public=called)


def with_policy(facts: BucketFacts, policy: Any) -> BucketFacts:
    """The bucket with another policy."""
    return replace(facts, policy=policy, policy_read=True, policy_is_public="derive")


def resources_of(statement: Any) -> list[str]:
    """The patterns of its `Resource`."""
    found = statement.get("Resource") if isinstance(statement, Mapping) else None
    return [str(one) for one in (found if isinstance(found, list | tuple) else [] if found is None else [found])]


def key_pattern(resource: str, bucket: str) -> str | None:
    """What a resource says of keys; None if it names no keys of this bucket plainly."""
    match = re.match(r"arn:aws[a-z-]*:s3:::", resource)
    name = resource[match.end() :] if match else resource
    return name[len(bucket) + 1 :] if name.startswith(f"{bucket}/") else None


def lies_within(resource: str, bucket: str, prefixes: Iterable[str]) -> bool:
    """Whether all keys that a resource names begin with one of these."""
    pattern = key_pattern(resource, bucket)
    return pattern is not None and any(pattern.startswith((quoted(prefix), prefix)) for prefix in prefixes)


# Who reads


def reading(facts: BucketFacts, place: Place, *, by_version: bool = False) -> tuple[Verdict, bool]:
    """Who reads what is hidden here; and whether ACLs of objects may say something else."""
    decision = decide_prefix(facts, place.prefix, by_version=by_version)
    if decision.final:
        return decision.verdict(place.intent, declared=place.declared), False
    found = [
        decide(facts, ObjectFacts(key, facts.owner_id, ()), place.intent, declared=place.declared,
               by_version=by_version)
        for key in _examples(facts, place)
    ]  # fmt: skip
    worst = max(found, key=lambda one: (one.verdict == "EXPOSED", RANK[one.severity]))
    return worst, "grants" in decision.needs


def _examples(facts: BucketFacts, place: Place) -> Iterator[str]:
    """A key of each kind that the policy tells apart."""
    yield place.prefix + _NAME
    for statement in statements_in(facts.policy):
        for resource in resources_of(statement):
            pattern = key_pattern(resource, facts.name) or ""
            behind = re.split(r"[*?]", pattern, maxsplit=1)[-1]
            for text in (pattern, place.prefix + pattern, place.prefix + behind):
                key = re.sub(r"[*?]", "~", text)
                if key.startswith(place.prefix) and not key.startswith(place.inner or ("\0",)):
                    yield key


def new_object(facts: BucketFacts, place: Place) -> Verdict:
    """Who reads what the storage writes here, where everybody is to."""
    made = ObjectFacts(place.prefix + _NAME, facts.owner_id, grants_of(place.storage))
    return decide(facts, made, "public")


def grants_of(storage: StorageSeen) -> list[Grant]:
    """What the ACL that it sends grants to strangers."""
    acl = storage.storage.acl
    found = [Grant(ALL_USERS, "READ")] if acl in ("public-read", "public-read-write") else []
    found += [Grant(AUTHENTICATED_USERS, "READ")] if acl == "authenticated-read" else []
    for name, permission in (("GrantRead", "READ"), ("GrantFullControl", "FULL_CONTROL")):
        said = str(storage.parameters.get(name, ""))
        found += [Grant(group, permission) for group in (ALL_USERS, AUTHENTICATED_USERS) if group in said]
    return found


def has_origin_access(examined: Examined, place: Place) -> bool:
    """Whether the policy lets CloudFront read here, by an origin access control or an identity."""
    assert examined.bucket is not None
    facts = settled(examined.bucket)
    granted = [
        {**{name: value for name, value in one.items() if name != "Condition"}, "Principal": "*"}
        for one in statements_in(facts.policy)
        if isinstance(one, Mapping) and one.get("Effect") == "Allow" and _is_cloudfront(one.get("Principal"))
    ]  # fmt: skip
    alone = BucketFacts(facts.name, "owner", policy={"Version": "2012-10-17", "Statement": granted})
    return bool(granted) and decide_prefix(alone, place.prefix).access != "private"


def _is_cloudfront(principal: Any) -> bool:
    if not isinstance(principal, Mapping):
        return False
    services, users = (
        [found] if isinstance(found, str) else list(found or ())
        for found in (principal.get("Service"), principal.get("AWS"))
    )
    return _CLOUDFRONT in services or any(_IDENTITY.fullmatch(str(user)) for user in users)

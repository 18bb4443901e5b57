"""Checks of the switches that shut what is public, and of those that keep ACLs from publishing what is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..access import BucketFacts
from ..access.facts import IGNORE, RESTRICT
from ..access.logic import NO, UNREAD, YES, either
from ..core.events import Diagnosis
from .acls import NO_PUBLIC_ACLS, READ_AT, acl_trouble, sends_public, without_acl
from .facts import BucketSeen, Examined
from .mending import update_steps
from .obstacles import obstacle_of
from .places import aliases_of, names_of, new_object, places_of, settled, with_policy
from .remedies import NO_PUBLIC_POLICY, unknown

_FLAGS: Final = (NO_PUBLIC_ACLS, IGNORE, NO_PUBLIC_POLICY, RESTRICT)
_WITHOUT_SWITCH: Final = ("spaces", "wasabi", "gcs")
"""Providers with ACLs of objects, and nothing that switches them off for a bucket."""


def d06(examined: Examined) -> Iterator[Diagnosis]:
    """Blocks that shut what is meant for everybody."""
    public = places_of(examined, "public")
    if examined.bucket is None or not public:
        return
    facts = settled(examined.bucket)
    shut = [place for place in public if obstacle_of(examined, place)[0] == "block"]
    at_account = [flag for flag in (RESTRICT, NO_PUBLIC_POLICY) if "account" in facts.levels(flag)]
    if not at_account:  # the remedy for a refused ACL lifts the rest
        shut = [place for place in shut if place.alias not in acl_trouble(examined)]
        if not shut and acl_trouble(examined):
            return
    if not shut:
        yield Diagnosis("D06", "ok", "public-blocked", "no block shuts what is public", alias=aliases_of(public))
        return
    flags = (RESTRICT, NO_PUBLIC_POLICY, *([IGNORE] if any(sends_public(place.storage) for place in shut) else []))
    acting = [f"{flag} ({' and '.join(facts.levels(flag))})" for flag in flags if facts.levels(flag)]
    *first, last = update_steps(examined, shut[0].alias)
    steps = [*first, *([_account_step(facts)] if at_account else []), last]
    why = "strangers get 403"
    if at_account:
        why += "; the account's block holds for all its buckets: leave it, and let a CDN read, if others rely on it"
    yield Diagnosis(
        "D06", "error", "public-blocked",
        f"{names_of(shut)} of {examined.name} is for everybody, and shut by {' and '.join(acting)}", why,
        "\n".join(steps), aliases_of(shut),
    )  # fmt: skip


def _account_step(facts: BucketFacts) -> str:
    block = {flag: bool((facts.account_block or {}).get(flag)) for flag in _FLAGS}
    block |= {NO_PUBLIC_POLICY: False, RESTRICT: False}
    flags = ",".join(f"{flag}={str(on).lower()}" for flag, on in block.items())
    account = '"$(aws sts get-caller-identity --query Account --output text)"'
    return f"aws s3control put-public-access-block --account-id {account} --public-access-block-configuration {flags}"


def d20(examined: Examined) -> Iterator[Diagnosis]:
    """Private objects that one wrong ACL would publish."""
    hidden = places_of(examined, "private", "cdn")
    if examined.bucket is None or not hidden:
        return
    facts, provider = settled(examined.bucket), examined.bucket.provider
    lid = either(facts.enforced, facts.ignore, facts.closed)
    aliases = aliases_of(hidden)
    if lid is YES:
        how = "ACLs are off (BucketOwnerEnforced)" if facts.enforced is YES else f"{IGNORE} is on"
        how = how if facts.enforced is YES or facts.ignore is YES else "the endpoint lets nobody in"
        yield Diagnosis("D20", "ok", "acls-count", f"no ACL makes {names_of(hidden)} public: {how}", alias=aliases)
    elif provider in _WITHOUT_SWITCH or _has_no_switch(examined.bucket):
        words = "this server can't switch ACLs off: s3_verify_acl looks at each object"
        yield Diagnosis("D20", "ok", "acls-count", words, alias=aliases)
    elif lid is UNREAD:
        operations = [READ_AT[level] for level in facts.levels(IGNORE, UNREAD)]
        operations += ["GetBucketOwnershipControls"] if facts.enforced is UNREAD else []
        what = f"whether an ACL can make {names_of(hidden)} public"
        yield unknown(examined, "D20", "acls-count", what, operations, aliases)
    elif not _relies_on_acls(examined, facts) and not acl_trouble(examined):
        yield Diagnosis(
            "D20", "warning", "acls-count",
            f"ACLs of objects count in {examined.name}: neither BucketOwnerEnforced nor {IGNORE} is on",
            f"one object that is written with a public ACL under {names_of(hidden)} is open to everybody",
            "\n".join(update_steps(examined, hidden[0].alias)), aliases,
        )  # fmt: skip


def _has_no_switch(bucket: BucketSeen) -> bool:
    lacking = [operation for operation, why in bucket.unread.items() if why.startswith("not-implemented")]
    return {"GetPublicAccessBlock", "GetBucketOwnershipControls"} <= set(lacking)


def _relies_on_acls(examined: Examined, facts: BucketFacts) -> bool:
    """Whether something public is so by the ACLs of its objects: then D23 has more to say."""
    bare = with_policy(facts, None)
    return any(new_object(bare, place).verdict == "OK" for place in places_of(examined, "public"))


def d23(examined: Examined) -> Iterator[Diagnosis]:
    """Public and private objects in one bucket."""
    public, hidden = places_of(examined, "public"), places_of(examined, "private", "cdn", "undeclared")
    if examined.bucket is None or not public or not hidden:
        return
    facts, aliases = settled(examined.bucket), aliases_of([*public, *hidden])
    acls_on = facts.enforced is NO and facts.ignore is NO
    if acl_trouble(examined):
        return  # the remedy is the same
    if acls_on and _relies_on_acls(examined, facts):
        senders = [storage for storage in examined.storages if sends_public(storage)]
        yield Diagnosis(
            "D23", "warning", "shared-by-acls",
            f"{names_of(public)} (public) and {names_of(hidden)} (hidden) share {examined.name}, and nothing but the "
            "ACL of each object keeps them apart",
            "one object that is written with the wrong ACL is open to everybody, or to nobody",
            without_acl(examined, senders), aliases,
        )  # fmt: skip
    elif not acls_on and not any(obstacle_of(examined, place)[0] for place in public):
        words = f"the policy alone opens {names_of(public)} of {examined.name}"
        yield Diagnosis("D23", "ok", "shared", words, alias=aliases)

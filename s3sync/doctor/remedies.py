"""What to type: the commands that mend a bucket, whole."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable
from typing import Any, Final

from ..access import BucketFacts
from ..access.bucket_plan import Wanted, statements_for
from ..access.documents import AliasFacts, partition_of
from ..access.logic import YES
from ..access.needs import CannotExpress
from ..core.events import Diagnosis
from .facts import BucketSeen, Examined, StorageSeen
from .places import statements_in, with_policy, with_statements

HARMLESS_ACLS: Final = (None, "", "bucket-owner-full-control")
"""What a bucket without ACLs accepts ("Controlling ownership of objects and disabling ACLs")."""
NO_PUBLIC_POLICY: Final = "BlockPublicPolicy"
Trouble = Callable[[BucketFacts], bool]


def aws(examined: Examined, command: str, *options: str) -> str:
    """A call of Amazon's command line for this bucket."""
    storage = examined.storages[0]
    words = ["aws", "s3api", command, "--bucket", examined.name, *options]
    if storage.endpoint_is_written:
        words += ["--endpoint-url", storage.endpoint]
    elif storage.region:
        words += ["--region", storage.region]
    return shlex.join(words)


def update(examined: Examined, alias: str, *, acls: bool | None = None) -> str:
    """Our command that sets block, policy and ownership. Where a storage goes on sending ACLs, they are accepted."""
    if acls is None:
        acls = examined.bucket is not None and examined.bucket.facts.enforced is not YES and _any_acl(examined)
    return f"python manage.py s3_create_bucket --update --no-input --storage {shlex.quote(alias)}" + " --acls" * acls


def _any_acl(examined: Examined) -> bool:
    return any(refused_acl(storage) for storage in examined.storages)


def refused_acl(storage: StorageSeen) -> bool:
    """Whether it sends an ACL that a bucket without ACLs refuses."""
    return storage.storage.acl not in HARMLESS_ACLS or bool(storage.storage.grants)


def lifted(examined: Examined) -> BucketFacts:
    """The bucket without what might hold back its policy."""
    bucket = _bucket(examined)
    facts = with_policy(bucket.facts, bucket.facts.policy)
    return BucketFacts(facts.name, "owner", policy=facts.policy)


def _bucket(examined: Examined) -> BucketSeen:
    assert examined.bucket is not None
    return examined.bucket


# Policies


def culprits_of(facts: BucketFacts, troubled: Trouble) -> frozenset[int]:
    """The places of the statements each of which makes this trouble, whatever the other ones allow."""
    every = statements_in(facts.policy)
    if not facts.policy_read or not every or not troubled(facts):
        return frozenset()
    denials = [one for one in every if _effect(one) == "Deny"]
    return frozenset(
        place for place, one in enumerate(every)
        if _effect(one) != "Deny" and troubled(with_statements(facts, [one, *denials]))
    )  # fmt: skip


def _effect(statement: Any) -> Any:
    return statement.get("Effect") if isinstance(statement, dict) else None


def wanted_of(examined: Examined) -> Wanted | None:
    """What our command would make of the policy; None where the storages don't tell."""
    aliases = [
        AliasFacts(
            alias=storage.alias, bucket=storage.bucket, prefix=storage.prefix, rules=storage.rules,
            partition=partition_of(storage.region or ""), region=storage.region or "",
            has_domain=storage.storage.custom_domain,
        )
        for storage in examined.storages
    ]  # fmt: skip
    try:
        return Wanted(aliases=aliases, statements=statements_for(aliases, None))
    except CannotExpress:
        return None


def policy_step(examined: Examined, policy: Any) -> str:
    """The call that sets this policy."""
    if policy is None:
        return aws(examined, "delete-bucket-policy")
    return aws(examined, "put-bucket-policy", "--policy", json.dumps(policy))


def acl_step(examined: Examined, strangers: Iterable[str]) -> str:
    """The call that takes strangers out of the bucket's own ACL, and leaves all others."""
    grants = [grant for grant in _bucket(examined).acl or () if not grant.grantee.endswith(tuple(strangers))]
    owner = _bucket(examined).facts.owner_id
    if {(grant.grantee, grant.permission) for grant in grants} <= {(owner, "FULL_CONTROL")}:
        return aws(examined, "put-bucket-acl", "--acl", "private")
    options: list[str] = []
    for permission, option in (
        ("FULL_CONTROL", "--grant-full-control"), ("READ", "--grant-read"), ("WRITE", "--grant-write"),
        ("READ_ACP", "--grant-read-acp"), ("WRITE_ACP", "--grant-write-acp"),
    ):  # fmt: skip
        whom = [grant.grantee for grant in grants if grant.permission == permission]
        named = ",".join(f"uri={each}" if "://" in each else f"id={each}" for each in whom)
        options += [option, named] if whom else []
    return aws(examined, "put-bucket-acl", *options)


# What could not be read


def unknown(examined: Examined, check: str, title: str, what: str, operations: Iterable[str], alias: str) -> Diagnosis:
    """A diagnosis of what could not be looked at, for want of these operations."""
    said = _bucket(examined).unread
    reasons = list(dict.fromkeys(_why_not(each, said.get(each, "no answer")) for each in operations))
    rights = [reason.removeprefix("needs ") for reason in reasons if reason.startswith("needs ")]
    fix = (
        f"allow {', '.join(rights)} to whoever runs this; what all its checks need, this prints:\n"
        "python manage.py s3_verify_acl --print-policy iam --for s3_doctor"
        if rights else f"run it again, or as the bucket's owner: {', '.join(reasons)}"
    )  # fmt: skip
    return Diagnosis(
        check, "unknown", title, f"could not check {what} ({', '.join(reasons)})",
        "what nobody could look at may be wrong", fix, alias,
    )  # fmt: skip


def _why_not(operation: str, said: str) -> str:
    return said if said.startswith("needs ") else f"{operation}: {said}"

"""What the project's storages ask of their buckets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..access.bucket_plan import Wanted, covered, statements_for
from ..access.documents import AliasFacts, cors_rules, is_behind_cdn, key_statement
from ..access.needs import CannotExpress
from ..core.bucket_report import BucketState
from ..core.events import Finding
from ..exceptions import ConfigurationError, GuardRefused
from ..s3.options import find_backends
from ..s3.providers import endpoint_kind
from ..s3.target import Target
from ..s3.told import storage_facts
from .documents import Settings, describe
from .intents import Intents
from .run import Run
from .targets import static_target_of

_HARMLESS_ACLS = (None, "", "bucket-owner-full-control")
"""What a bucket without ACLs accepts ("Controlling ownership of objects and disabling ACLs")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketOptions:
    """What `s3_create_bucket` was asked for."""

    aliases: tuple[str, ...] = ()
    """Empty: all that are on S3. Others in the same bucket are looked at anyway."""
    update: bool = False
    versioning: bool = False
    cors: bool = False
    origins: tuple[str, ...] = ()
    distribution: str | None = None
    acls: bool = False
    consent: Callable[[BucketState], bool] = lambda _: True
    """Asked before an existing bucket is changed."""


def groups_of(settings: Settings, aliases: Sequence[str]) -> list[list[Target]]:
    """The storages of these aliases, by bucket, with all others that are in the same one. Raises ConfigurationError."""
    on_s3 = [alias for alias, backend in find_backends(settings.storages).items() if backend.s3_class]
    named = {alias: static_target_of(alias, settings.storages)[0] for alias in aliases or on_s3}
    if not named:
        raise ConfigurationError(
            "No alias of STORAGES is on S3, so there is no bucket to make.", code="NotOnS3",
            hint="add an alias whose BACKEND is storages.backends.s3.S3Storage to STORAGES",
        )  # fmt: skip
    others = [static_target_of(alias, settings.storages)[0] for alias in on_s3 if alias not in named]
    groups: dict[str, list[Target]] = {}
    for target in named.values():
        groups.setdefault(target.identity, []).append(target)
    for target in others:
        if target.identity in groups:
            groups[target.identity].append(target)
    return list(groups.values())


def wanted_of(run: Run, settings: Settings, targets: Sequence[Target], wishes: BucketOptions) -> Wanted:
    """What these storages ask of their bucket. Raises ConfigurationError and GuardRefused."""
    public_acl = False
    for target in targets:
        public_acl |= _check_acl(run, target, acls=wishes.acls)
    aliases = [_facts_of(target, settings) for target in targets]
    _check_places(aliases, wishes.distribution)
    _tell_of_cdn(run, aliases, wishes.distribution)
    try:
        origins = wishes.origins or ((settings.site_origin,) if settings.site_origin else ())
        return Wanted(
            aliases=aliases, sends_public_acl=public_acl, acls=wishes.acls, versioning=wishes.versioning,
            cors=cors_rules(origins)["CORSRules"][0] if wishes.cors else None,
            statements=_apart(statements_for(aliases, wishes.distribution)),
        )  # fmt: skip
    except CannotExpress as error:
        raise ConfigurationError(
            f"What is meant for {targets[0].bucket} can't be set up: {error}.", code="CannotExpress",
            hint="declare who is to read in S3SYNC['INTENT'], or name the site's origin with --origin",
        ) from error  # fmt: skip


def _facts_of(target: Target, settings: Settings) -> AliasFacts:
    """With rules that cover all names."""
    kind = endpoint_kind(target.bucket, is_aws=target.is_aws)
    if kind != "bucket":
        raise ConfigurationError(
            f"{target.bucket} names something else than a general purpose bucket ({kind}).", code="NoBucket",
            hint="this command makes general purpose buckets only",
        )  # fmt: skip
    intents = Intents(target, settings.intent_for(target.alias) or ())
    rules = [(prefix, intents.of(prefix + "s3sync.jpg").intent) for prefix in intents.prefixes]
    return replace(describe(target.alias, settings).facts, rules=rules)


def _check_places(aliases: Sequence[AliasFacts], distribution: str | None) -> None:
    both = covered(aliases, distribution)
    if both is not None:
        outer, inner = both
        raise GuardRefused(
            f"What lets others read {outer.alias!r} ({outer.prefix or 'the whole bucket'}) would let them read "
            f"{inner.alias!r} ({inner.prefix or 'the whole bucket'}) too, which is private.", code="Exposes",
            hint="give them locations apart, or buckets",
        )  # fmt: skip


def _apart(statements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """No two with one Sid, as aliases `a-b` and `a_b` would have."""
    found: dict[str, dict[str, Any]] = {}
    for statement in statements:
        sid = statement["Sid"]
        while sid in found:
            sid += "x"
        found[sid] = {**statement, "Sid": sid}
    return list(found.values())


def _check_acl(run: Run, target: Target, *, acls: bool) -> bool:
    """Whether the storage sends a public ACL. Raises ConfigurationError if the bucket is to accept none."""
    facts = storage_facts(target, target.key_of("s3sync.jpg"))
    sends = facts.acl not in _HARMLESS_ACLS or bool(facts.grants)
    if sends and not acls:
        raise ConfigurationError(
            f"The storage {target.alias!r} sends the ACL {facts.acl or 'of its Grant*'!r} with each object, which a "
            "bucket of today refuses (BucketOwnerEnforced).", code="AccessControlListNotSupported",
            hint="remove default_acl (AWS_DEFAULT_ACL; ACL and Grant* in object_parameters) from the storage: who "
            "reads is then said by the bucket's policy; or add --acls, for a bucket that accepts ACLs",
        )  # fmt: skip
    if (not facts.acl_is_told or target.decides_by_key) and not acls:
        run.emit(Finding("acl-untold", "warning", (
            f"{target.alias}: {type(target.storage).__name__} decides for each object what it is written with; the "
            "bucket refuses those that come with an ACL (--acls makes one that accepts them)."
        )))  # fmt: skip
    return acls and facts.acl_is_public


def _tell_of_cdn(run: Run, aliases: Sequence[AliasFacts], distribution: str | None) -> None:
    for facts in aliases:
        if distribution is None and any(intent == "cdn" for _, intent in facts.rules):
            run.emit(Finding("cdn-unnamed", "warning", (
                f"{facts.alias} is read by a CDN, which can't read it yet: once there is a distribution, run this "
                "again with --update --distribution ARN; if everybody is to read at S3 itself, declare it 'public' in "
                "S3SYNC['INTENT']."
            )))  # fmt: skip
        statement = key_statement(facts, distribution) if distribution and is_behind_cdn(facts) else None
        if statement is not None:
            run.emit(Finding("kms-policy", "warning", (
                f"The policy of the KMS key {facts.kms_key} has to let the distribution decrypt: print the statement "
                "with s3_verify_acl --print-policy bucket --distribution ARN."
            )))  # fmt: skip

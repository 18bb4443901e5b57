"""`--print-policy`: what the project's storages come to, as documents to paste. No network, no credentials."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ..access.documents import (
    AliasFacts,
    Document,
    bucket_policy,
    cors_rules,
    iam_policy,
    is_behind_cdn,
    key_statement,
    partition_of,
)
from ..access.intent import derive
from ..access.needs import CannotExpress, needs_of
from ..exceptions import ConfigurationError
from ..media_setting import MediaEntry, media_aliases
from ..s3.options import find_backends, read_storage
from ..s3.target import Target
from ..s3.told import storage_facts
from .targets import static_target_of

KINDS: Final = ("iam", "bucket", "cors")
DEPLOY: Final = ("s3_push_media", "collectstatic --s3")
"""The commands of a deployment, for which a policy is meant where none are named."""
_AMAZON = re.compile(r"(?:^|[./])s3[.-](?:dualstack\.|fips\.)?(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$")
_PROBES = ("s3sync.css", "s3sync.jpg", "s3sync/s3sync.pdf")


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media(self) -> tuple[MediaEntry, ...]: ...
    @property
    def media_storage(self) -> str: ...
    @property
    def static_storage(self) -> str: ...
    @property
    def storages(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def site_origin(self) -> str | None: ...
    def intent_for(self, alias: str) -> list[tuple[str, str]] | None: ...


@dataclass(frozen=True, slots=True)
class Printed:
    """A document, and what belongs to it but not into it."""

    document: Document
    key_statements: Mapping[str, Document] = field(default_factory=dict)
    """KMS key, as the storage names it -> a statement for its own policy."""
    notes: Sequence[str] = ()
    """What was assumed, in whole sentences."""


def print_policy(
    settings: Settings, kind: str, *, alias: str | None = None, commands: Collection[str] = (),
    distribution: str | None = None, origins: Collection[str] = (),
) -> Printed:  # fmt: skip
    """The document of this kind. `alias`: for this storage alone. Raises ConfigurationError.

    `commands` are lines such as `s3_push_media --delete`, with no other options than those of `access.needs`. Each is
    meant for the alias that it works on, and s3_verify_acl for all. `origins` are like `https://www.example.com`; those
    of the site if none is given.
    """
    try:
        if kind == "cors":
            site = settings.site_origin
            return Printed(cors_rules(origins or ([site] if site else ())))
        if kind == "bucket":
            return _bucket(settings, alias, distribution)
        return _iam(settings, alias, commands or DEPLOY)
    except CannotExpress as error:
        raise ConfigurationError(
            f"The document can't be written: {error}.", code="CannotExpress", hint=_HINTS.get(kind)
        ) from error


_HINTS = {
    "cors": "name the site's origin with --origin, or set S3SYNC['CSS']['ORIGIN']",
    "bucket": "declare who is to read in S3SYNC['INTENT'], name a distribution with --distribution, "
    "or one alias with --storage",
}


def _iam(settings: Settings, alias: str | None, commands: Collection[str]) -> Printed:
    uses: dict[str, list[str]] = {}
    for command in commands:
        needs_of(command)
        for each in [alias] if alias else _aliases_of(command, settings):
            uses.setdefault(each, []).append(command)
    if not uses:
        raise _nothing_on_s3()
    described = {each: describe(each, settings) for each in uses}
    notes = [note for facts in described.values() for note in facts.notes]
    return Printed(iam_policy((described[each].facts, uses[each]) for each in uses), notes=notes)


def _aliases_of(command: str, settings: Settings) -> list[str]:
    """Those on S3 that a command works on by itself."""
    on_s3 = _on_s3(settings)
    name = command.split()[0]
    if name in ("s3_push_media", "s3_pull_media"):
        return [alias for alias in media_aliases(settings) if alias in on_s3]
    if name in ("collectstatic", "s3_collectstatic", "s3_lint_css"):
        return [settings.static_storage] if settings.static_storage in on_s3 else []
    if name == "s3_verify_media":  # any may be some field's, but for that of static files
        return [alias for alias in on_s3 if alias != settings.static_storage]
    return on_s3


def _bucket(settings: Settings, alias: str | None, distribution: str | None) -> Printed:
    described = [describe(each, settings) for each in ([alias] if alias else _on_s3(settings))]
    if not described:
        raise _nothing_on_s3()
    buckets = sorted({each.facts.bucket for each in described})
    if len(buckets) > 1:
        raise ConfigurationError(
            f"A bucket has a policy of its own, and the storages are in {len(buckets)}: {', '.join(buckets)}.",
            code="SeveralBuckets", hint="name one alias with --storage",
        )  # fmt: skip
    document: Document = {}
    keys: dict[str, Document] = {}
    for each in described:
        document = bucket_policy(each.facts, distribution=distribution, existing=document)
        statement = key_statement(each.facts, distribution) if distribution and is_behind_cdn(each.facts) else None
        if statement is not None:
            keys.setdefault(str(each.facts.kms_key), statement)
    notes = ["put-bucket-policy replaces the policy that the bucket has: merge them first."]
    return Printed(document, keys, [*notes, *(note for each in described for note in each.notes)])


@dataclass(frozen=True, slots=True)
class Described:
    """An alias, and what was assumed of it."""

    facts: AliasFacts
    notes: Sequence[str] = ()


def describe(alias: str, settings: Settings) -> Described:
    """What the alias comes to, from an instance that never connects. Raises ConfigurationError."""
    backend = find_backends(settings.storages).get(alias)
    if backend is not None and backend.s3_class is not None:
        # A class that asks S3 while it is made is not made.
        error = read_storage(backend.s3_class, settings.storages[alias].get("OPTIONS", {})).error
        if error is not None:
            raise ConfigurationError(f"The storage {alias!r} can't be made: {error}", code="Storage") from error
    target, keeper = static_target_of(alias, settings.storages)
    written, told = _written(target)
    endpoint = str(target.storage.endpoint_url or _endpoint_by_environment() or "")
    region = str(target.storage.region_name or _region_in(endpoint) or os.environ.get("AWS_DEFAULT_REGION") or "")
    notes = _notes(target, written, told, keeper)
    facts = AliasFacts(
        alias=alias, bucket=target.bucket, prefix=target.listing_prefix(""), region=region,
        partition=partition_of(region), is_aws=not endpoint or _region_in(endpoint) is not None,
        sends_acl=not told or any(_sends_acl(params) for params in written),
        sends_tags=any("Tagging" in params for params in written), kms_key=_kms_key(written),
        rules=settings.intent_for(alias) or [("", derive(storage_facts(target, target.key_of(_PROBES[0]))).intent)],
        has_domain=bool(target.storage.custom_domain),
    )  # fmt: skip
    return Described(facts, notes)


def _written(target: Target) -> tuple[list[Mapping[str, Any]], bool]:
    """What some objects would be written with, and whether that tells of all objects."""
    found: list[Mapping[str, Any]] = []
    told = not (target.decides_by_key or target.saves_itself)
    for name in _PROBES:
        try:
            found.append(dict(target.storage._get_write_parameters(target.key_of(name))))
        except Exception:  # noqa: BLE001  the user's own code, here asked without content
            told = False
    return found, told


def _sends_acl(params: Mapping[str, Any]) -> bool:
    return any(name == "ACL" or name.startswith("Grant") for name in params)


def _kms_key(written: Sequence[Mapping[str, Any]]) -> str | None:
    keys = {str(params["SSEKMSKeyId"]) for params in written if params.get("SSEKMSKeyId")}
    return min(keys, default=None)


def _notes(target: Target, written: Sequence[Mapping[str, Any]], told: bool, keeper: Any) -> list[str]:
    cls, found = type(target.storage).__name__, []
    if not told and not any(_sends_acl(params) for params in written):
        found.append(
            f"{cls} decides for each object what it is written with: s3:PutObjectAcl is there in case it sends an ACL."
        )
    by_kms = any(params.get("ServerSideEncryption") in ("aws:kms", "aws:kms:dsse") for params in written)
    if by_kms and _kms_key(written) is None:
        found.append(
            f"{target.alias!r} encrypts with the bucket's KMS key: if it is not S3's own, "
            "add kms:Decrypt and kms:GenerateDataKey on it."
        )
    if getattr(keeper, "bucket_name", None):
        found.append(
            f"The manifest of {target.alias!r} is kept in {keeper.bucket_name}: "
            "add s3:GetObject and s3:PutObject on it, and s3:ListBucket on that bucket."
        )
    return found


def _on_s3(settings: Settings) -> list[str]:
    return [alias for alias, backend in find_backends(settings.storages).items() if backend.s3_class]


def _endpoint_by_environment() -> str | None:
    """As botocore reads it, but for what stands in a profile."""
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def _region_in(endpoint: str) -> str | None:
    """The region of an endpoint that is Amazon's; empty if it names none, None if it is another's."""
    host = re.sub(r"^[a-z]+://|[:/].*$", "", endpoint.lower()) if "://" in endpoint else endpoint.lower()
    found = _AMAZON.search(host)
    if found:
        return found["region"]
    return "" if host == "s3.amazonaws.com" else None


def _nothing_on_s3() -> ConfigurationError:
    return ConfigurationError(
        "No alias of STORAGES that these commands work on is on S3.", code="NotOnS3", hint="name one with --storage"
    )

"""What `s3_doctor` reads of one bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..doctor.credentials import OF_CREDENTIALS
from ..doctor.facts import Answer, BucketSeen, Examined, Site, StorageSeen
from ..doctor.servers import sends_trailers
from ..s3.bucket_calls import ABSENT, CORS, DETAILS, ENCRYPTION, VERSIONING, WEBSITE, Call
from ..s3.bucket_facts import BucketReading, Unread, read_bucket
from ..s3.checkup import caller_of, identified, misspelt, reach_of, refused
from ..s3.rights import rights_of
from ..s3.target import Target
from .providers import acl_as_provider, as_provider

_OF_ALL = ("GetAccountPublicAccessBlock", "GetCallerIdentity")
"""Their rights are on `*`, not on the bucket."""


def examined(
    targets: Sequence[Target], storages: Sequence[StorageSeen], site: Site, beside: Sequence[StorageSeen] = ()
) -> Examined:
    """All that can be read in a few calls, with the credentials that these storages share.

    `beside` are others in the same bucket: what its policy opens may be meant for them.
    Nothing more is asked than makes sense: of a dead endpoint one call tells as much as twenty.
    """
    first = targets[0]
    caller = caller_of(first)
    if not caller.found:
        return Examined(storages=[*storages, *beside], caller=caller, reach=None, bucket=None, site=site)
    caller, account = identified(first, caller)
    reach = reach_of(first, account)
    if not reach.listing.well and (trouble := misspelt(first)) is not None:
        caller = replace(caller, trouble=trouble)
        return Examined(storages=[*storages, *beside], caller=caller, reach=None, bucket=None, site=site)
    if reach.listing.code in OF_CREDENTIALS:
        caller = replace(caller, trouble=refused(first, reach.listing))
    rights: dict[str, list[Answer]] = {}
    if reach.listing.well or reach.listing.code == "AccessDenied":
        rights = {
            target.alias: rights_of(target, would_trail=sends_trailers(seen))
            for target, seen in zip(targets, storages, strict=True)
        }
    inside = any(answer.well for answers in rights.values() for answer in answers)
    bucket = _bucket_seen(first, account) if inside else None
    return Examined(storages=[*storages, *beside], caller=caller, reach=reach, bucket=bucket, rights=rights, site=site)


def _bucket_seen(target: Target, account: str | None = None) -> BucketSeen:
    reading = read_bucket(target.client, target.bucket, is_aws=target.is_aws, account_id=account, besides=DETAILS)
    versioning = _detail(reading, VERSIONING, "")
    return BucketSeen(
        facts=as_provider(reading), acl=acl_as_provider(reading), provider=reading.provider,
        unread={each.operation: _why(each, target.bucket) for each in reading.unread},
        encryption=_detail(reading, ENCRYPTION, ""), versioning="" if versioning == "Off" else versioning,
        website=_detail(reading, WEBSITE, False), cors=_detail(reading, CORS, []),
    )  # fmt: skip


def _detail(reading: BucketReading, call: Call, absent: Any) -> Any:
    """None where it is unread."""
    found = reading.details.get(call.operation)
    return absent if found is ABSENT else found


def _why(unread: Unread, bucket: str) -> str:
    if unread.code in ("OtherAccount", "UnknownAccount"):
        return "the account of the bucket is not known"
    if unread.why != "denied":
        return unread.why
    return f"needs {unread.action} on {'*' if unread.operation in _OF_ALL else bucket}"

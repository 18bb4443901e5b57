"""Changes to the ACL of one object: public grants taken away or given, all others kept.

PutObjectAcl replaces the whole ACL and knows no condition ("PutObjectAcl", Amazon S3 API Reference). So the ACL is
read, changed and written as grants by header, for the very version that was read, and read again; where the bucket
keeps no versions, the ETag tells whether it still is the same object. A canned ACL would take away what other accounts
were granted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..access import Grant

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
ANONYMOUS = "65a011a29cdf8ec533ec3d1ccaae921c"
"""The canonical id of who gives none ("Access control list (ACL) overview", Amazon S3 User Guide)."""
_PUBLIC = (ALL_USERS, AUTHENTICATED_USERS, ANONYMOUS)
_HEADERS = {
    "FULL_CONTROL": "GrantFullControl", "READ": "GrantRead", "READ_ACP": "GrantReadACP", "WRITE": "GrantWrite",
    "WRITE_ACP": "GrantWriteACP",
}  # fmt: skip


class Raced(Exception):
    """Somebody else writes the same ACL, or the same object."""


class NotGrantable(Exception):
    """An ACL has a line that PutObjectAcl has no argument for."""


@dataclass(frozen=True, slots=True)
class VersionedAcl:
    """The ACL of one version of an object."""

    version: str | None
    """None where the bucket keeps no versions."""
    owner: str | None
    grants: tuple[Grant, ...]
    etag: str | None = None
    """Of the object as it was when the ACL was read; None: not known."""
    sse: str | None = None
    storage_class: str = "STANDARD"


def read_acl(client: Any, bucket: str, key: str, version: str | None = None) -> VersionedAcl:
    """Raises what boto3 raises."""
    extra = {} if version is None else {"VersionId": version}
    answer = client.get_object_acl(Bucket=bucket, Key=key, **extra)
    grants = tuple(
        Grant(str(grant["Grantee"].get("URI") or grant["Grantee"].get("ID") or ""), str(grant["Permission"]))
        for grant in answer.get("Grants", ())
    )
    return VersionedAcl(version, answer.get("Owner", {}).get("ID"), grants)


def read_current(client: Any, bucket: str, key: str, extra: Mapping[str, Any]) -> VersionedAcl:
    """The ACL of the current version. `extra` is what a HEAD has to name besides. Raises what boto3 raises."""
    head = client.head_object(Bucket=bucket, Key=key, **extra)
    version = head.get("VersionId")
    acl = read_acl(client, bucket, key, None if version in (None, "", "null") else str(version))
    sse = "SSE-C" if head.get("SSECustomerAlgorithm") else head.get("ServerSideEncryption")
    # An archive tier comes only with what is in INTELLIGENT_TIERING, and then it is what counts.
    storage_class = head.get("ArchiveStatus") or head.get("StorageClass") or "STANDARD"
    return replace(acl, etag=head.get("ETag"), sse=sse, storage_class=storage_class)


def without_public(grants: Sequence[Grant]) -> tuple[Grant, ...]:
    """What is left when strangers lose what they have."""
    return tuple(grant for grant in grants if grant.grantee not in _PUBLIC)


def with_public_read(grants: Sequence[Grant]) -> tuple[Grant, ...]:
    """As it is, and readable by everybody."""
    read = Grant(ALL_USERS, "READ")
    return tuple(grants) if read in grants else (*grants, read)


def overwritten(client: Any, bucket: str, key: str, acl: VersionedAcl, extra: Mapping[str, Any]) -> bool:
    """Whether another object has taken the place of the one whose ACL this is. Raises what boto3 raises."""
    if acl.version is not None or acl.etag is None:
        return False
    return bool(client.head_object(Bucket=bucket, Key=key, **extra).get("ETag") != acl.etag)


def write_acl(
    client: Any, bucket: str, key: str, acl: VersionedAcl, grants: Sequence[Grant], extra: Mapping[str, Any]
) -> None:
    """Gives an object these grants, and makes sure of it. Raises Raced, NotGrantable, or what boto3 raises.

    What has been overwritten meanwhile is not opened: should that have happened, the ACL of before is given back.
    """
    for _ in range(2):
        if overwritten(client, bucket, key, acl, extra):
            raise Raced(key)
        _put(client, bucket, key, acl, grants)
        if set(read_acl(client, bucket, key, acl.version).grants) != set(grants):
            continue
        if _opens(acl.grants, grants) and overwritten(client, bucket, key, acl, extra):
            _put(client, bucket, key, acl, acl.grants)
            raise Raced(key)
        return
    raise Raced(key)


def grant_arguments(grants: Sequence[Grant]) -> dict[str, str]:
    """The arguments of PutObjectAcl for these grants. Raises NotGrantable."""
    named: dict[str, list[str]] = defaultdict(list)
    for grant in grants:
        if grant.permission not in _HEADERS or not grant.grantee:
            raise NotGrantable(f"{grant.permission!r} for {grant.grantee!r}")
        kind = "uri" if grant.grantee.startswith("http") else "id"
        named[_HEADERS[grant.permission]].append(f'{kind}="{grant.grantee}"')
    return {header: ", ".join(grantees) for header, grantees in named.items()}


def _put(client: Any, bucket: str, key: str, acl: VersionedAcl, grants: Sequence[Grant]) -> None:
    extra = {} if acl.version is None else {"VersionId": acl.version}
    client.put_object_acl(Bucket=bucket, Key=key, **grant_arguments(grants), **extra)


def _opens(before: Iterable[Grant], after: Iterable[Grant]) -> bool:
    """Whether strangers are given anything that they did not have."""
    return any(grant.grantee in _PUBLIC for grant in set(after) - set(before))

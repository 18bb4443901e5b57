"""Changes to the ACL of one object: public grants taken away or given, all others kept.

PutObjectAcl replaces the whole ACL and knows no condition ("PutObjectAcl", Amazon S3 API Reference). So the ACL is
read, changed and written as grants by header, for the very version that was read, and read again. A canned ACL would
take away what other accounts were granted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..access import Grant

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
ANONYMOUS = "65a011a29cdf8ec533ec3d1ccaae921c"
"""The canonical id of who gives none ("Access control list (ACL) overview", Amazon S3 User Guide)."""
_PUBLIC = (ALL_USERS, AUTHENTICATED_USERS, ANONYMOUS)
_HEADERS = {
    "FULL_CONTROL": "GrantFullControl", "READ": "GrantRead", "READ_ACP": "GrantReadACP", "WRITE_ACP": "GrantWriteACP",
}  # fmt: skip


class Raced(Exception):
    """Somebody else writes the same ACL, or the same object."""


@dataclass(frozen=True, slots=True)
class VersionedAcl:
    """The ACL of one version of an object."""

    version: str | None
    """None where the bucket keeps no versions."""
    owner: str | None
    grants: tuple[Grant, ...]


def read_acl(client: Any, bucket: str, key: str, version: str | None = None) -> VersionedAcl:
    """Raises what boto3 raises."""
    extra = {} if version is None else {"VersionId": version}
    answer = client.get_object_acl(Bucket=bucket, Key=key, **extra)
    grants = tuple(
        Grant(str(grant["Grantee"].get("URI") or grant["Grantee"].get("ID") or ""), str(grant["Permission"]))
        for grant in answer.get("Grants", ())
    )
    return VersionedAcl(version, answer.get("Owner", {}).get("ID"), grants)


def version_of(client: Any, bucket: str, key: str, extra: Mapping[str, Any]) -> str | None:
    """The current version of an object; None where the bucket keeps none. Raises what boto3 raises."""
    version = client.head_object(Bucket=bucket, Key=key, **extra).get("VersionId")
    return None if version in (None, "", "null") else str(version)


def without_public(grants: Sequence[Grant]) -> tuple[Grant, ...]:
    """What is left when strangers lose what they have."""
    return tuple(grant for grant in grants if grant.grantee not in _PUBLIC)


def with_public_read(grants: Sequence[Grant]) -> tuple[Grant, ...]:
    """As it is, and readable by everybody."""
    read = Grant(ALL_USERS, "READ")
    return tuple(grants) if read in grants else (*grants, read)


def write_acl(client: Any, bucket: str, key: str, acl: VersionedAcl, grants: Sequence[Grant]) -> None:
    """Gives an object these grants, and makes sure of it. Raises Raced, or what boto3 raises."""
    for _ in range(2):
        extra = {} if acl.version is None else {"VersionId": acl.version}
        client.put_object_acl(Bucket=bucket, Key=key, **grant_arguments(grants), **extra)
        if set(read_acl(client, bucket, key, acl.version).grants) == set(grants):
            return
    raise Raced(key)


def grant_arguments(grants: Sequence[Grant]) -> dict[str, str]:
    """The arguments of PutObjectAcl for these grants."""
    named: dict[str, list[str]] = defaultdict(list)
    for grant in grants:
        kind = "uri" if grant.grantee.startswith("http") else "id"
        named[_HEADERS[grant.permission]].append(f'{kind}="{grant.grantee}"')
    return {header: ", ".join(grantees) for header, grantees in named.items()}

"""What an object's headers and ACL are, what the storage would write, and the copy onto itself that mends them.

A copy writes everything anew: what it does not name is lost (Amazon S3 API, CopyObject). So all that is there is sent
again, and the ACL too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from .errors import WrongAnswer, trouble_of
from .objects import MD5_METADATA, customer_key, etag_of
from .target import Target

MAX_COPY_BYTES = 5 * 1024**3
"""CopyObject's limit for one object."""

_HEADERS = (
    "ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage",
    "WebsiteRedirectLocation", "ServerSideEncryption", "SSEKMSKeyId", "StorageClass",
)  # fmt: skip
_PRESENT = (*_HEADERS, "BucketKeyEnabled", "Expires")
_SAME_TYPE = {"application/javascript": "text/javascript", "application/x-javascript": "text/javascript"}
_GROUPS = "http://acs.amazonaws.com/groups/global/"
_CANNED = {
    "private": frozenset[tuple[str, str]](),
    "public-read": frozenset({("AllUsers", "READ")}),
    "public-read-write": frozenset({("AllUsers", "READ"), ("AllUsers", "WRITE")}),
    "authenticated-read": frozenset({("AuthenticatedUsers", "READ")}),
}
_GRANT_ARGUMENTS = {
    "FULL_CONTROL": "GrantFullControl", "READ": "GrantRead", "READ_ACP": "GrantReadACP", "WRITE_ACP": "GrantWriteACP",
}  # fmt: skip


class CannotTell(Exception):
    """The ACL could not be read, so neither a verdict nor a copy would be safe."""


def difference(
    target: Target, key: str, wanted: Mapping[str, Any], answer: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Header -> (what the object has, what the storage writes), for the headers that the storage sets.

    `answer` is a HEAD's; where the storage sets a canned ACL, one GetObjectAcl is asked. Raises what botocore raises.
    """
    found = {}
    for header in _HEADERS:
        if header not in wanted:
            continue
        have = answer.get(header, "STANDARD" if header == "StorageClass" else None)
        if _comparable(header, have) != _comparable(header, wanted[header]):
            found[header] = (have, wanted[header])
    have_metadata, want_metadata = _metadata(answer), _metadata(wanted)
    if not want_metadata.items() <= have_metadata.items():  # what others have added is theirs
        found["Metadata"] = (have_metadata, want_metadata)
    if wanted.get("ACL") in _CANNED:
        groups = _group_grants(_grants(target, key))
        if groups != _CANNED[wanted["ACL"]]:
            have_acl = ", ".join(sorted(f"{group} {right}" for group, right in groups)) or "private"
            found["ACL"] = (have_acl, wanted["ACL"])
    return found


def mend(target: Target, key: str, wanted: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Copies an object onto itself with the storage's headers over those that it has; returns its new ETag.

    The copy is made only while the object still has the ETag of the HEAD. Raises what botocore raises.
    """
    arguments = {header: answer[header] for header in _PRESENT if answer.get(header) is not None}
    arguments.update({name: value for name, value in wanted.items() if name != "Metadata"})
    metadata = {str(name).lower(): value for name, value in answer.get("Metadata", {}).items()}
    metadata.update({str(name).lower(): value for name, value in wanted.get("Metadata", {}).items()})
    arguments["Metadata"] = metadata
    arguments.update({f"CopySource{name}": value for name, value in customer_key(wanted).items()})
    if not any(name == "ACL" or name.startswith("Grant") for name in wanted):
        arguments.update(_grant_arguments(_grants(target, key, may_lack=True)))
    source = {"Bucket": target.bucket, "Key": key}
    etag = etag_of(answer)
    for form in (f'"{etag}"', etag):
        try:
            copied = target.client.copy_object(
                Bucket=target.bucket, Key=key, CopySource=source, CopySourceIfMatch=form, MetadataDirective="REPLACE",
                **arguments,
            )  # fmt: skip
            break
        except ClientError as error:
            # Ceph RGW 16 wants the ETag of a condition without its quotes.
            if form == etag or trouble_of(error).http != 412 or target.is_aws:
                raise
    new = etag_of(copied.get("CopyObjectResult", {}))
    if not new:
        raise WrongAnswer(operation="CopyObject", missing="an ETag")
    return new


def _comparable(header: str, value: Any) -> Any:
    if header == "ContentType" and isinstance(value, str):
        return _SAME_TYPE.get(value.lower(), value.lower())
    return value


def _metadata(source: Mapping[str, Any]) -> dict[str, str]:
    metadata = {str(name).lower(): str(value) for name, value in (source.get("Metadata") or {}).items()}
    metadata.pop(MD5_METADATA, None)
    return metadata


def _grants(target: Target, key: str, *, may_lack: bool = False) -> list[Mapping[str, Any]]:
    try:
        acl = target.client.get_object_acl(Bucket=target.bucket, Key=key)
    except ClientError as error:
        if may_lack and trouble_of(error).http in (405, 501):
            return []  # R2, B2: there are no ACLs that a copy could lose
        raise
    if "Owner" not in acl and "Grants" not in acl:  # to take it for an empty one would lose what there is
        raise WrongAnswer(operation="GetObjectAcl", missing="the ACL")
    owner = acl.get("Owner", {}).get("ID")
    grants: list[Mapping[str, Any]] = acl.get("Grants", [])
    # Grants that are sent replace the owner's own too, so either all are sent, or none is worth it.
    return grants if any(grant.get("Grantee", {}).get("ID") != owner for grant in grants) else []


def _group_grants(grants: list[Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    found = set()
    for grant in grants:
        uri = str(grant.get("Grantee", {}).get("URI", ""))
        if uri.startswith(_GROUPS):
            found.add((uri.removeprefix(_GROUPS), str(grant.get("Permission"))))
    return frozenset(found)


def _grant_arguments(grants: list[Mapping[str, Any]]) -> dict[str, str]:
    """Grants as the headers that a copy takes; grantees by id or group, as AWS has dropped e-mail grantees."""
    headers: dict[str, list[str]] = {}
    for grant in grants:
        grantee, argument = grant["Grantee"], _GRANT_ARGUMENTS.get(str(grant.get("Permission")))
        if argument is None:
            raise CannotTell(f"an unknown permission in the ACL: {grant.get('Permission')}")
        who = f'uri="{grantee["URI"]}"' if "URI" in grantee else f'id="{grantee["ID"]}"'
        headers.setdefault(argument, []).append(who)
    return {argument: ", ".join(who) for argument, who in headers.items()}

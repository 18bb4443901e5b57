"""Calls about one object, or one of its headers, through the storage's own client."""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ..core.objects import Head, RemoteObject
from .errors import WrongAnswer, trouble_of
from .transfer import Put

MD5_METADATA = "s3sync-md5"
"""User metadata that names the MD5 of an object whose ETag does not."""

_CHECKSUMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
_TRIES = 3
_CUSTOMER_KEY = ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")


def customer_key(params: Mapping[str, Any]) -> dict[str, Any]:
    """What a HEAD or GET has to name of an object that was written with these parameters: its key, for SSE-C."""
    return {name: params[name] for name in _CUSTOMER_KEY if name in params}


def write_arguments(put: Put) -> dict[str, Any]:
    """The arguments of a write that come from the storage, and our metadata where it is wanted."""
    params = dict(put.parameters.params)
    if put.carries_md5 or put.multipart_etag is not None:
        params["Metadata"] = {**params.get("Metadata", {}), MD5_METADATA: put.md5}
    return params


def head_object(
    client: Any, bucket: str, key: str, *, checksums: bool = False, extra: Mapping[str, Any] | None = None
) -> Mapping[str, Any] | None:
    """What a HEAD answers, or None if there is no such object. Raises what botocore raises.

    `extra` are further arguments, such as `customer_key` gives. Whoever may list only under a prefix is told 403 of a
    missing key ("HeadObject", Amazon S3 API; Ceph RGW does so): then a listing tells.
    """
    arguments: dict[str, Any] = {"Bucket": bucket, "Key": key, **(extra or {})}
    if checksums:
        arguments["ChecksumMode"] = "ENABLED"
    for _ in range(_TRIES):
        try:
            answer: Mapping[str, Any] = client.head_object(**arguments)
        except ClientError as error:
            trouble = trouble_of(error)
            if trouble.http == 404 or (trouble.http == 403 and is_missing(client, bucket, key)):
                return None
            raise
        if "LastModified" in answer:
            return answer
    raise WrongAnswer(operation="HeadObject", missing="Last-Modified")


def is_missing(client: Any, bucket: str, key: str) -> bool:
    """Whether a listing says for sure that there is no such object."""
    try:
        found = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
    except ClientError:
        return False
    return all(entry["Key"] != key for entry in found)


def content_of(client: Any, bucket: str, key: str, *, extra: Mapping[str, Any] | None = None) -> bytes:
    """A small object's content, gzip undone. Raises what botocore raises."""
    for left in reversed(range(_TRIES)):
        answer = client.get_object(Bucket=bucket, Key=key, **(extra or {}))
        try:
            with answer["Body"] as body:
                data: bytes = body.read()
            if etag_of(answer):
                break
            raise WrongAnswer(operation="GetObject", missing="an ETag")
        except BotoCoreError:  # botocore tries again until the content begins, and no more
            if not left:
                raise
    return gzip.decompress(data) if answer.get("ContentEncoding") == "gzip" else data


def delete_object(
    client: Any, bucket: str, key: str, *, condition: Mapping[str, str], extra: Callable[[str], Mapping[str, Any]]
) -> bool:
    """Deletes an object, if `condition` holds: whether it is gone. Raises what botocore raises.

    A HEAD, with what `extra` gives for the key, is asked where the answer does not tell: it is another than S3's 204,
    or it refuses the condition, as it does too where an earlier try has deleted the object and its answer was lost.
    """
    for _ in range(_TRIES):
        refused = None
        try:
            answer = client.delete_object(Bucket=bucket, Key=key, **condition)
            if answer["ResponseMetadata"]["HTTPStatusCode"] == 204:
                return True
        except ResponseParserError:
            pass
        except ClientError as error:
            trouble = trouble_of(error)
            refused = trouble.http
            if refused not in (404, 409, 412) or not condition or trouble.code == "NoSuchBucket":
                raise
        if head_object(client, bucket, key, extra=extra(key)) is None:
            return True
        if refused in (409, 412):
            return False
    raise WrongAnswer(operation="DeleteObject", missing="its status, 204,")


def content_facts(answer: Mapping[str, Any]) -> Head:
    """What a HEAD tells of the content.

    A checksum counts only if it covers the whole object: a composite one is made of the parts' ("Checking object
    integrity", Amazon S3 User Guide).
    """
    whole = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    found = {name: answer[f"Checksum{name}"] for name in _CHECKSUMS if answer.get(f"Checksum{name}")}
    checksums = {name: value for name, value in found.items() if whole and "-" not in value}
    return Head(
        int(answer.get("ContentLength", 0)), etag_of(answer), encryption_of(answer), checksums,
        answer.get("Metadata", {}).get(MD5_METADATA),
    )  # fmt: skip


def object_of(key: str, answer: Mapping[str, Any]) -> RemoteObject:
    """What a HEAD has found, as a listing would show it."""
    modified: datetime = answer["LastModified"]
    shown = modified.astimezone(timezone.utc).isoformat()
    return RemoteObject(key, int(answer.get("ContentLength", 0)), etag_of(answer), shown)


def skew_of(answer: Mapping[str, Any]) -> float:
    """Seconds by which the server's clock is ahead of ours, by the `Date` of an answer; 0 where it says nothing.

    The header holds whole seconds and has travelled: less than two seconds says nothing.
    """
    date = server_time(answer)
    skew = 0.0 if date is None else date - time.time()
    return skew if abs(skew) > 2.0 else 0.0


def server_time(answer: Mapping[str, Any]) -> float | None:
    """The `Date` of an answer, in whole seconds since the epoch; None where it has none that can be read."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def etag_of(answer: Mapping[str, Any]) -> str:
    """An answer's ETag, without its quotes."""
    return str(answer.get("ETag", "")).strip('"')


def encryption_of(answer: Mapping[str, Any]) -> str | None:
    """How an object is encrypted: `AES256`, `aws:kms`, `aws:kms:dsse`, `SSE-C`, or None."""
    if answer.get("SSECustomerAlgorithm"):
        return "SSE-C"
    value: str | None = answer.get("ServerSideEncryption")
    return value


def content_md5(md5: str) -> str:
    """The header's form of 32 hexadecimal digits (RFC 1864)."""
    return base64.b64encode(bytes.fromhex(md5)).decode()

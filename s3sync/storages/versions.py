"""Which of two copies of an upload is the later one: that on S3, or that in the place where the files were until now.

While a site moves, processes of the old deploy go on writing to the old place, also under names that are on S3 already.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import S3Transfer
from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage

S3_ERRORS: Final = (ClientError, BotoCoreError, Boto3Error)
_SECOND: Final = 1.0
"""S3 keeps whole seconds, cut off."""
_MD5 = re.compile(r"[0-9a-f]{32}\Z")


def modified_at(storage: Storage, name: str) -> float | None:
    """When the file was last written, in seconds since the epoch; None where there is none. A folder is no file."""
    if isinstance(storage, FileSystemStorage):
        try:
            status = os.stat(storage.path(name))
        except (OSError, ValueError):  # as os.path.isfile: also a name that is too long for this disk, but not for S3
            return None
        return status.st_mtime if stat.S_ISREG(status.st_mode) else None
    if not storage.exists(name):
        return None
    try:
        return float(storage.get_modified_time(name).timestamp())
    except NotImplementedError:
        return 0.0


def ask(storage: Any, key: str) -> Mapping[str, Any]:
    """What S3 says of its copy. Raises what boto3 raises."""
    also = {
        name: value for name, value in storage.get_object_parameters(key).items()
        if name in S3Transfer.ALLOWED_DOWNLOAD_ARGS
    }  # fmt: skip
    answer: Mapping[str, Any] = storage.connection.meta.client.head_object(Bucket=storage.bucket_name, Key=key, **also)
    return answer


def is_later(storage: Storage, name: str, written: float, answer: Mapping[str, Any]) -> bool:
    """Whether the old place's file, `written` then, is a later version than the copy that S3 has told of.

    By S3's clock. A file that was only touched, and holds the bytes that S3 has, is none. Within a second, which is all
    that S3 tells, the content decides where an ETag tells that.
    """
    after = written - (answer["LastModified"].timestamp() - _skew(answer))
    if after <= -_SECOND:
        return False
    same = _is_same(storage, name, answer)
    return after > _SECOND if same is None else not same


def _skew(answer: Mapping[str, Any]) -> float:
    """Seconds by which S3's clock is ahead of ours."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    try:
        return parsedate_to_datetime(date).timestamp() + _SECOND / 2 - time.time() if date else 0.0
    except ValueError:
        return 0.0


def _is_same(storage: Storage, name: str, answer: Mapping[str, Any]) -> bool | None:
    """Whether both hold the same bytes; None where S3 does not tell."""
    etag: str = answer.get("ETag", "").strip('"')
    if not _MD5.match(etag) or answer.get("ServerSideEncryption", "AES256") != "AES256":
        return None
    if storage.size(name) != int(answer["ContentLength"]):
        return None if answer.get("ContentEncoding") else False
    digest = hashlib.md5(usedforsecurity=False)
    with storage.open(name) as opened:
        for chunk in opened.chunks():
            digest.update(chunk)
    return digest.hexdigest() == etag


def says_missing(error: Exception) -> bool:
    """Whether S3 has answered that there is no such object."""
    if isinstance(error, FileNotFoundError):
        return True
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return bool(status == 404 and response.get("Error", {}).get("Code") != "NoSuchBucket")


def require_bucket(storage: Any, bucket: str, name: str) -> None:
    """Raises ImproperlyConfigured if there is no such bucket: a HEAD says the same of a missing object."""
    try:
        storage.connection.meta.client.head_bucket(Bucket=bucket)
    except S3_ERRORS as error:  # any other one says nothing of what has just been answered
        if says_missing(error):
            raise ImproperlyConfigured(
                f"There is no bucket {bucket!r}, so {name!r} can't be read from it. Correct bucket_name, or "
                "make the bucket with manage.py s3_create_bucket."
            ) from error

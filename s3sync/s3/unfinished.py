"""Uploads in parts that nobody has finished: their parts are kept, and paid for, until somebody aborts them.

"Uploading and copying objects using multipart upload" (Amazon S3 User Guide).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from .errors import trouble_of


class Unfinished(NamedTuple):
    """An upload in parts that was begun, and neither completed nor aborted."""

    key: str
    id: str
    begun: datetime
    """Aware; by the server's clock."""


def list_unfinished(client: Any, bucket: str, prefix: str) -> Iterator[Unfinished]:
    """All under a prefix. Raises what botocore raises."""
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for upload in page.get("Uploads", ()):
            yield Unfinished(upload["Key"], upload["UploadId"], upload["Initiated"])


def abort(client: Any, bucket: str, upload: Unfinished) -> None:
    """Gives up its parts; one that is gone already is fine. Raises what botocore raises."""
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=upload.key, UploadId=upload.id)
    except ClientError as error:
        if trouble_of(error).code != "NoSuchUpload":
            raise

"""Who serves a bucket, as far as an endpoint's name and its answers tell, and what is known of each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

_HOSTS = {
    ".r2.cloudflarestorage.com": "r2", ".backblazeb2.com": "b2", ".digitaloceanspaces.com": "spaces",
    ".wasabisys.com": "wasabi", ".storage.googleapis.com": "gcs",
}  # fmt: skip
_RGW_REQUEST = re.compile(r"tx[0-9a-f]{21}-[0-9a-f]{10}-[0-9a-f]+-.+").fullmatch
"""Ceph's ids are Swift's with two more parts: instance and zone."""
_LACKS: dict[str, frozenset[str]] = {
    "ceph": frozenset({"GetBucketOwnershipControls", "GetBucketEncryption", "GetBucketWebsite"}),
    "moto?": frozenset({"GetBucketRequestPayment"}),
    "minio": frozenset({"GetPublicAccessBlock", "GetBucketRequestPayment", "GetBucketWebsite"}),
    "r2": frozenset({"GetPublicAccessBlock", "GetBucketRequestPayment", "GetBucketVersioning", "GetBucketWebsite"}),
    "b2": frozenset({"GetPublicAccessBlock", "GetBucketRequestPayment", "GetBucketWebsite"}),
    "spaces": frozenset({"GetPublicAccessBlock", "GetBucketRequestPayment", "GetBucketWebsite"}),
}
_KINDS = (
    (re.compile(r"arn:[^:]*:s3-object-lambda:.*|.*--ol-s3"), "object lambda"),
    (re.compile(r"arn:[^:]*:s3::.*:accesspoint[:/].*\.mrap"), "mrap"),
    (re.compile(r"arn:[^:]*:s3[^:]*:.*accesspoint[:/].*|.*-s3alias|.*--xa-s3|.*--op-s3"), "access point"),
    (re.compile(r".*--x-s3"), "directory"),
)
"""Names of what is used like a bucket ("Using access points", "Bucket naming rules", Amazon S3 User Guide)."""


def provider_of(client: Any, headers: Iterable[tuple[str, str]], *, is_aws: bool) -> str:
    """A provider's short name, or `unknown`; `headers` are those of some answers, names in small letters."""
    host = "." + (urlsplit(client.meta.endpoint_url).hostname or "")
    for domain, name in _HOSTS.items():
        if host.endswith(domain):
            return name
    said = list(headers)
    servers = " ".join(value for name, value in said if name == "server")
    if "Werkzeug" in servers:
        return "moto?"
    if is_aws:
        return "aws"
    if "MinIO" in servers:
        return "minio"
    names = {name for name, _ in said}
    by_ids = any(name == "x-amz-request-id" and _RGW_REQUEST(value) for name, value in said)
    return "ceph" if "Ceph" in servers or (by_ids and "x-trans-id" not in names) else "unknown"


def lacks(provider: str) -> frozenset[str]:
    """Operations that read what does not exist there: if one is not implemented, the thing is as good as not set up.

    Only where leaving it out can't hide who reads: without ownership controls ACLs hold, without the block or the payer
    more may be read, not less. What exists nowhere else is not guessed at.
    """
    return _LACKS.get(provider, frozenset())


def endpoint_kind(bucket: str, *, is_aws: bool) -> str:
    """What is used like a bucket, in the words of `BucketFacts.endpoint_kind`."""
    if is_aws or bucket.startswith("arn:"):
        for pattern, kind in _KINDS:
            if pattern.fullmatch(bucket):
                return kind
    return "bucket"

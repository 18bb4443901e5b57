"""What is known of a server beyond what it answers: providers whose own rules decide who reads.

Cloudflare R2 and Backblaze B2 have no ACLs of objects, and answer some questions with an error or not at all. Their
rules are in their own documents; a stranger's request confirms them (docs/access.md).
"""

from __future__ import annotations

from dataclasses import replace

from ..access import BucketFacts, Grant
from ..s3.bucket_facts import BucketReading

_NO_OBJECT_ACLS = ("r2", "b2", "minio")
_NO_BLOCK = ("b2", "minio", "spaces", "wasabi", "r2")


def as_provider(reading: BucketReading) -> BucketFacts:
    """The facts, completed by what the provider's rules say."""
    facts, provider = reading.facts, reading.provider
    if provider in _NO_BLOCK:
        facts = replace(facts, bucket_block=facts.bucket_block or {}, account_block={})
    if provider in _NO_OBJECT_ACLS:
        facts = replace(facts, ownership="BucketOwnerEnforced", requester_pays=False, endpoint_kind="bucket")
    if provider == "r2":  # strangers come through r2.dev or a custom domain only, never through the S3 endpoint
        facts = replace(facts, policy=None, policy_read=True, policy_is_public=False)
    if provider == "b2":  # a bucket is private or public as a whole, and its ACL says which
        public = any(grant.grantee.endswith("/AllUsers") and grant.permission == "READ" for grant in reading.acl or ())
        policy = _open_policy(facts.name) if public else None
        facts = replace(facts, policy=policy, policy_read=reading.acl is not None, policy_is_public=public)
    return facts


def _open_policy(bucket: str) -> dict[str, object]:
    statement = {
        "Sid": "PublicBucket", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }  # fmt: skip
    return {"Version": "2012-10-17", "Statement": [statement]}


def acl_as_provider(reading: BucketReading) -> list[Grant] | None:
    """The bucket's own ACL; empty where there is no such thing."""
    return [] if reading.acl is None and reading.provider in ("r2", "minio") else reading.acl

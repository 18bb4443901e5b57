"""What keeps everybody from reading what is public."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from ..access import BucketFacts, Verdict
from ..access.facts import RESTRICT
from ..access.logic import YES
from .facts import BucketSeen, Examined
from .places import Place, new_object, settled, statements_in, with_policy
from .remedies import NO_PUBLIC_POLICY

Obstacle = Literal["", "unread", "endpoint", "provider", "payer", "deny", "block", "policy"]


def obstacle_of(examined: Examined, place: Place) -> tuple[Obstacle, Verdict]:
    """What keeps everybody from reading what is public; nothing, if all is well."""
    assert examined.bucket is not None
    bucket, facts = examined.bucket, settled(examined.bucket)
    verdict = new_object(facts, place)
    if verdict.verdict != "UNREACHABLE":
        return ("unread" if verdict.verdict == "UNKNOWN" else "", verdict)
    return _obstacle(bucket, facts, place), verdict


def _obstacle(bucket: BucketSeen, facts: BucketFacts, place: Place) -> Obstacle:
    if facts.closed is YES:
        return "endpoint"
    if bucket.provider in ("r2", "b2"):
        return "provider"
    if facts.requester_pays:
        return "payer"
    if new_object(_opened(facts, place), place).verdict == "UNREACHABLE":
        return "deny"
    without_ignoring = replace(facts, bucket_block={}, account_block={})
    ignored = facts.ignore is YES and new_object(without_ignoring, place).verdict != "UNREACHABLE"
    blocked = facts.levels(RESTRICT) or facts.levels(NO_PUBLIC_POLICY)
    return "block" if blocked or ignored else "policy"


def _opened(facts: BucketFacts, place: Place) -> BucketFacts:
    """The bucket with nothing in the way but its policy's own denials."""
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{facts.name}/*"}
    policy = {"Version": "2012-10-17", "Statement": [*statements_in(facts.policy), allow]}
    return with_policy(replace(facts, bucket_block={}, account_block={}, ownership="BucketOwnerEnforced"), policy)

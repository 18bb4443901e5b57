"""What `s3_doctor` reads of one bucket."""

from __future__ import annotations

from collections.abc import Sequence

from ..doctor.facts import Answer, BucketSeen, Caller, Examined, Reach, Site, StorageSeen
from ..s3.bucket_facts import read_bucket
from ..s3.target import Target
from .providers import acl_as_provider, as_provider


def examined(targets: Sequence[Target], storages: Sequence[StorageSeen], site: Site) -> Examined:
    """All that can be read in a few calls, with the credentials that these storages share."""
    reading = read_bucket(targets[0].client, targets[0].bucket, is_aws=targets[0].is_aws)
    ok = Answer(operation="HeadBucket")
    return Examined(
        storages=storages, caller=Caller(found=True), reach=Reach(head=ok, listing=ok),
        bucket=BucketSeen(
            facts=as_provider(reading), acl=acl_as_provider(reading), provider=reading.provider,
            unread={each.operation: f"needs {each.action} on {targets[0].bucket}" for each in reading.unread},
        ),
        site=site,
    )  # fmt: skip

"""Checks of what else a bucket is set up for: encryption, payers, a website, versions."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..access.logic import YES
from ..core.events import Diagnosis
from .exposures import reads, reads_at, told_before
from .facts import Examined, StorageSeen
from .mending import taking_out
from .places import aliases_of, names_of, places_of, settled
from .remedies import aws, unknown

_AES = json.dumps({"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})


def d11(examined: Examined) -> Iterator[Diagnosis]:
    """Keys of KMS under what is public."""
    public = places_of(examined, "public")
    if examined.bucket is None or not public:
        return
    bucket, own = examined.bucket, _chosen
    sick = [place for place in public if (own(place.storage) or bucket.encryption or "").startswith("aws:kms")]
    unasked = [place for place in public if bucket.encryption is None and not own(place.storage)]
    if unasked and not _lacks(examined, "GetBucketEncryption"):
        what = f"how {names_of(unasked)} is encrypted"
        yield unknown(examined, "D11", "kms-public", what, ["GetBucketEncryption"], aliases_of(unasked))
    if sick:
        steps = []
        hidden = places_of(examined, "private", "cdn", "undeclared")
        for storage in {place.alias: place.storage for place in sick}.values():
            if own(storage) or hidden:
                steps.append(
                    f'write "ServerSideEncryption": "AES256" into object_parameters in OPTIONS of '
                    f'STORAGES["{storage.alias}"]' + (", and no SSEKMSKeyId" if own(storage) else "")
                )
            else:
                option = ("--server-side-encryption-configuration", _AES)
                steps.append(aws(examined, "put-bucket-encryption", *option))
        steps += [_again(examined, prefix) for prefix in dict.fromkeys(place.prefix for place in sick)]
        yield Diagnosis(
            "D11", "error", "kms-public",
            f"{names_of(sick)} of {examined.name} is for everybody, and what is written there is encrypted with a key "
            f"of KMS ({'by the storage' if own(sick[0].storage) else 'by the default of the bucket'})",
            "S3 gives it to nobody without credentials: 400, requests have to be signed", "\n".join(steps),
            aliases_of(sick),
        )  # fmt: skip
    elif not unasked:
        words = f"no key of KMS is needed to read {names_of(public)}"
        yield Diagnosis("D11", "ok", "kms-public", words, alias=aliases_of(public))


def _chosen(storage: StorageSeen) -> str:
    return str(storage.parameters.get("ServerSideEncryption") or "")


def _again(examined: Examined, prefix: str) -> str:
    """What is there keeps its encryption until it is written again; a copy onto itself does that."""
    where = f"s3://{examined.name}/{prefix}"
    call = aws(examined, "x").replace(f"aws s3api x --bucket {examined.name}", "")
    return f"aws s3 cp {where} {where} --recursive --sse AES256{call}"


def d12(examined: Examined) -> Iterator[Diagnosis]:
    """Requester Pays under what is public."""
    public = places_of(examined, "public")
    if examined.bucket is None or not public:
        return
    pays = settled(examined.bucket).requester_pays
    alias = aliases_of(public)
    if pays is None:
        yield unknown(examined, "D12", "requester-pays", "who pays for requests", ["GetBucketRequestPayment"], alias)
    elif pays:
        yield Diagnosis(
            "D12", "error", "requester-pays",
            f"{names_of(public)} is for everybody, and requesters pay for {examined.name}",
            "S3 refuses everybody who sends no credentials: 403",
            aws(examined, "put-bucket-request-payment", "--request-payment-configuration", "Payer=BucketOwner"), alias,
        )  # fmt: skip
    else:
        yield Diagnosis("D12", "ok", "requester-pays", "the owner pays for requests", alias=alias)


def d13(examined: Examined) -> Iterator[Diagnosis]:
    """A website over what is private."""
    hidden = places_of(examined, "private", "cdn", "undeclared")
    if examined.bucket is None or not hidden:
        return
    website, alias = examined.bucket.website, aliases_of(hidden)
    if website is None and not _lacks(examined, "GetBucketWebsite"):
        what = "whether the bucket is a website"
        yield unknown(examined, "D13", "website", what, ["GetBucketWebsite"], alias)
    elif website:
        yield Diagnosis(
            "D13", "warning", "website", f"{examined.name} is set up as a website, and has {names_of(hidden)} in it",
            "the website's address is http only, and tells strangers by 404 or 403 which objects there are",
            aws(examined, "delete-bucket-website"), alias,
        )  # fmt: skip
    else:
        yield Diagnosis("D13", "ok", "website", "the bucket is no website", alias=alias)


def d14(examined: Examined) -> Iterator[Diagnosis]:
    """Who reads by a version's id; and what versions there are."""
    if examined.bucket is None:
        return
    told = told_before(examined, "D14")
    found = [(place, way) for place, way in reads(examined, by_version=True) if not way.culprits <= told]
    if found:
        places = [place for place, _ in found]
        culprits = frozenset().union(*(way.culprits for _, way in found))
        steps = taking_out(
            examined, places[0].alias, culprits,
            lambda facts: any(reads_at(place, by_version=True)(facts) for place in places),
        )  # fmt: skip
        yield Diagnosis(
            "D14", "error", "versions-exposed",
            f"strangers read {names_of(places)} of {examined.name} by a version's id (s3:GetObjectVersion): "
            f"{found[0][1].verdict.reason}",
            "the id `null` is one in each bucket, versioned or not: ?versionId=null gets what was to be hidden",
            "\n".join(steps), aliases_of(places),
        )  # fmt: skip
    elif examined.bucket.versioning is None and not _lacks(examined, "GetBucketVersioning"):
        what = "whether old versions are kept"
        yield unknown(examined, "D14", "versions", what, ["GetBucketVersioning"], examined.aliases)
    else:
        yield Diagnosis("D14", "ok", "versions", _versions(examined), alias=examined.aliases)


def _versions(examined: Examined) -> str:
    assert examined.bucket is not None
    if not examined.bucket.versioning:
        return "no old versions are kept"
    kept = "old versions are kept" if examined.bucket.versioning == "Enabled" else "old versions were kept, and remain"
    facts = settled(examined.bucket)
    own = "" if YES in (facts.enforced, facts.ignore) else ", with ACLs of their own, which s3_verify_acl does not mend"
    return kept + own


def _lacks(examined: Examined, operation: str) -> bool:
    assert examined.bucket is not None
    return examined.bucket.unread.get(operation, "").startswith("not-implemented")

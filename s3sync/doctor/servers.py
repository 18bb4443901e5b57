"""Checks of who serves the bucket, and what it does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..core.events import Diagnosis
from .facts import Answer, Examined, StorageSeen
from .reaching import option

_NAMES: Final[Mapping[str, str]] = {
    "aws": "Amazon S3", "ceph": "Ceph RGW", "minio": "MinIO", "r2": "Cloudflare R2", "b2": "Backblaze B2",
    "spaces": "DigitalOcean Spaces", "wasabi": "Wasabi", "gcs": "Google Cloud Storage", "moto?": "moto",
    "unknown": "a server that does not tell its name",
}  # fmt: skip
_STANDARD = ("STANDARD", "")
NO_ACLS: Final[Mapping[str, str]] = {
    "r2": "has no ACLs: objects are public by a custom domain of the bucket, or r2.dev",
    "b2": "takes an object's ACL only where it is the bucket's own",
    "minio": "has no ACLs of objects: they are public by a policy of the bucket",
}
_CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "r2": (*_STANDARD, "STANDARD_IA"), "b2": _STANDARD, "minio": (*_STANDARD, "REDUCED_REDUNDANCY"),
    "spaces": _STANDARD, "wasabi": _STANDARD,
}  # fmt: skip
_NO_TAGS: Final = ("r2", "b2")
_NO_KMS: Final = ("r2", "b2", "spaces", "wasabi")
_TAKE_TRAILERS: Final = ("aws", "moto?")
_TRAILING: Final = "UploadPart"


def sends_trailers(storage: StorageSeen) -> bool:
    """Whether the site's own uploads have a checksum behind the body, which not every server takes."""
    return storage.use_ssl and not storage.is_aws and storage.checksums in (None, "when_supported")


def d25(facts: Examined) -> Iterator[Diagnosis]:
    """What the storages ask for, and this provider has not."""
    if facts.bucket is None:
        return
    provider = facts.bucket.provider
    name = _NAMES.get(provider, provider)
    for storage in facts.storages:
        lacks = list(_lacks(provider, storage))
        for title, what, fix in lacks:
            yield Diagnosis("D25", "warning", title, f"{name} {what}", "uploads fail, or do without a word of it",
                fix, storage.alias)  # fmt: skip
        if not lacks:
            yield Diagnosis("D25", "ok", "provider", f"{name}: the storage asks for nothing that is not known there",
                alias=storage.alias)  # fmt: skip


def _lacks(provider: str, storage: StorageSeen) -> Iterator[tuple[str, str, str]]:
    asked = storage.parameters
    place = f'OPTIONS of STORAGES["{storage.alias}"]'
    acl = storage.storage.acl or ", ".join(storage.storage.grants)
    if provider in NO_ACLS and acl and acl != "private":
        yield "no-acls", f"{NO_ACLS[provider]}; the storage asks for {acl}", (
            f"remove default_acl (AWS_DEFAULT_ACL), and ACL and Grant* in object_parameters, from {place}"
        )  # fmt: skip
    kept = _without(asked, "StorageClass")
    if str(asked.get("StorageClass") or "") not in _CLASSES.get(provider, (str(asked.get("StorageClass") or ""),)):
        yield "storage-class", f"has no storage class {asked['StorageClass']}", f"{kept} from {place}"
    if provider in _NO_TAGS and asked.get("Tagging"):
        yield "no-tags", "has no tags of objects", f"{_without(asked, 'Tagging')} from {place}"
    if provider in _NO_KMS and str(asked.get("ServerSideEncryption") or "").startswith("aws:kms"):
        yield "no-kms", "has no KMS", f"{_without(asked, 'ServerSideEncryption, SSEKMSKeyId')} from {place}"


def _without(asked: Mapping[str, Any], names: str) -> str:
    return f"remove {names} of object_parameters"


def d26(facts: Examined) -> Iterator[Diagnosis]:
    """boto3's default checksums: they stand behind the body, and not every server takes that."""
    if facts.bucket is None:
        return
    for storage in facts.storages:
        yield _checksums(facts.bucket.provider, storage, facts.rights.get(storage.alias, ()))


def _checksums(provider: str, storage: StorageSeen, answers: Any) -> Diagnosis:
    by_operation: dict[str, Answer] = {answer.operation: answer for answer in answers}
    trailing, plain = by_operation.get(_TRAILING), by_operation.get("PutObject")
    takes = provider in _TAKE_TRAILERS or (trailing is not None and trailing.code == "NoSuchUpload")
    if not sends_trailers(storage) or takes:
        seen = "the server takes what boto3 sends" if takes else "the site's own uploads have no trailing checksums"
        return Diagnosis("D26", "ok", "checksums", seen, alias=storage.alias)
    refused = trailing is not None and plain is not None and plain.well and not _proves_nothing(trailing)
    if trailing is None or not refused:
        return Diagnosis("D26", "ok", "checksums", "whether the server takes boto3's trailing checksums is not proven "
            "(--write shows it)", alias=storage.alias)  # fmt: skip
    return Diagnosis(
        "D26", "error", "checksums-refused",
        f"{storage.endpoint} refuses boto3's trailing checksums ({trailing.code}, HTTP {trailing.http})",
        "each upload of the site's users fails; s3_push_media and collectstatic --s3 leave these checksums out",
        "from botocore.config import Config  # at the top of the settings\n"
        f"{option(storage, 'client_config', trailing.hint)}\n"
        "and, if there is a client_config, with what it says besides",
        storage.alias,
    )  # fmt: skip


def _proves_nothing(answer: Answer) -> bool:
    return answer.http is None or answer.http >= 500 or answer.well

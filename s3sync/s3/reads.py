"""How a storage reads its objects, told from its class and options."""

from __future__ import annotations

from typing import Any

from s3transfer.manager import TransferManager
from storages.backends.s3 import S3Storage

from .target import Target, overrides

_OF_READS = frozenset(TransferManager.ALLOWED_DOWNLOAD_ARGS) - {"VersionId", "ChecksumMode"}
_OPENING = ("_open", "open")


def opens_itself(target: Target) -> bool:
    """Whether the class has its own way of reading, so that each object has to go through its `open`."""
    return _overridden(target, *_OPENING) is not None


def why_not_fast(target: Target) -> str | None:
    """Why no object can be read the fast way; None where some may.

    Whoever makes his clients himself is not second-guessed.
    """
    name = _overridden(target, "connection", "bucket", *_OPENING)
    return f"{type(target.storage).__name__} overrides {name}" if name else None


def read_parameters(target: Target, key: str) -> dict[str, Any]:
    """What a GET or HEAD of this key names besides, as the storage's own `open()` does (django-storages, `S3File`)."""
    own = target.storage.get_object_parameters(key)
    return {**target.head_parameters(key), **{name: value for name, value in own.items() if name in _OF_READS}}


def names_within(target: Target, storage: object) -> str | None:
    """What makes the names of another storage the target's; None where its objects are elsewhere."""
    if not isinstance(storage, S3Storage):
        return None
    other = Target.of("", storage)
    same = other.bucket == target.bucket and (storage.endpoint_url or "") == (target.storage.endpoint_url or "")
    if not same or other.has_own_keys or not other.prefix.startswith(target.prefix):
        return None
    return other.prefix[len(target.prefix) :]


def _overridden(target: Target, *names: str) -> str | None:
    """The first of these that the storage's class has a way of its own for."""
    return next((name for name in names if overrides(target.storage, name)), None)

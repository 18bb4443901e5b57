"""What a storage says about who reads its objects, by its options and its methods; nothing is asked of a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.staticfiles.storage import HashedFilesMixin
from storages.backends.s3 import S3Storage

from ..access.intent import StorageFacts
from ..storages.cutover import written
from .addresses import exact_url
from .target import AWS_DOMAINS, Target, overrides

_SIGNATURES = ("X-Amz-Signature=", "Signature=", "Key-Pair-Id=")


def storage_facts(target: Target, key: str) -> StorageFacts:
    """What the storage says about who reads the object under this key."""
    params, storage = _told_parameters(target, key), target.storage
    wants = bool(storage.querystring_auth)
    signs = storage.cloudfront_signer is not None
    domain = str(storage.custom_domain or "")
    grants = tuple(str(value) for name, value in (params or {}).items() if name.startswith("Grant"))
    return StorageFacts(
        acl=None if params is None else params.get("ACL"), grants=grants, acl_is_told=params is not None,
        url_is_signed=_signs(target, key, wants and (signs or not domain)), wants_signed=wants,
        custom_domain=bool(domain),
        custom_domain_is_s3=domain.partition("/")[0].endswith(AWS_DOMAINS), custom_domain_signs=signs,
    )  # fmt: skip


def _signs(target: Target, key: str, by_options: bool) -> bool:
    """Whether `url()` gives a signed URL: as the options say, unless the class has a `url` of its own."""
    url = written(type(target.storage), "url")
    if url in (S3Storage.url, HashedFilesMixin.url):
        return by_options
    try:
        query = exact_url(target.storage, target.name_of(key)).partition("?")[2]
    except Exception:  # noqa: BLE001  the user's own code
        return by_options
    return any(mark in query for mark in _SIGNATURES)


def _told_parameters(target: Target, key: str) -> Mapping[str, Any] | None:
    """What the object under this key would be written with; None if only its content could tell."""
    try:
        if overrides(target.storage, "_get_write_parameters"):
            return dict(target.storage._get_write_parameters(key))
        return target.rendering_of(key).parameters.params
    except Exception:  # noqa: BLE001  the user's own code, here asked without content
        return None

"""A storage as `s3_doctor` sees it: what its instance tells, without a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..doctor.facts import StorageSeen
from ..s3.addresses import exact_url
from ..s3.checkup import unsendable
from ..s3.target import Target, checksum_calculation
from ..s3.told import storage_facts
from .intents import Intents

_NAME = "s3sync.jpg"


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def static_storage(self) -> str: ...
    @property
    def storages(self) -> Mapping[str, Mapping[str, Any]]: ...
    def intent_for(self, alias: str) -> list[tuple[str, str]] | None: ...


def seen(target: Target, settings: Settings, live: Any) -> StorageSeen:
    """What the storage says of itself. `live` is the storage as the site uses it, for what the target's copy changes.

    Makes the target's client, and raises what botocore raises then.
    """
    storage, declared = target.storage, settings.intent_for(target.alias) or ()
    intents = Intents(target, declared)
    key = target.prefix + _NAME
    config = target.client.meta.config
    origin, path, signature = _address_of(target)
    facts = storage_facts(target, key)
    parameters = _parameters_of(target, key)
    return StorageSeen(
        alias=target.alias, bucket=target.bucket, prefix=target.prefix, identity=target.identity,
        class_name=type(storage).__name__, endpoint=target.endpoint,
        endpoint_is_written=bool(storage.endpoint_url), is_aws=target.is_aws, region=target.region,
        serves_static=target.alias == settings.static_storage, storage=facts, declared=declared,
        rules=[(prefix, intents.of(prefix + _NAME).intent) for prefix in intents.prefixes],
        parameters=parameters, unsendable=unsendable(target, parameters), acl_option=_acl_option(storage, facts.acl),
        url_origin=origin, url_path=path, signature_version=signature or str(config.signature_version or ""),
        expire=float(storage.querystring_expire) if facts.url_is_signed else None,
        checksums=checksum_calculation(live), use_ssl=target.endpoint.startswith("https:"),
        verifies=storage.verify is not False, has_own_keys=target.has_own_keys,
        has_options="OPTIONS" in settings.storages[target.alias],
    )  # fmt: skip


def _parameters_of(target: Target, key: str) -> Mapping[str, Any]:
    try:
        return dict(target.rendering_of(key).parameters.params)
    except Exception:  # noqa: BLE001  the user's own code, here asked without content
        return {}


def _acl_option(storage: Any, acl: str | None) -> str:
    """Where the ACL that it sends is written, as far as that can be told."""
    if any(name == "ACL" or name.startswith("Grant") for name in storage.object_parameters or {}):
        return "object_parameters"
    return "default_acl" if acl and acl == storage.default_acl else ""


def _address_of(target: Target) -> tuple[str, str, str]:
    """Where `url()` leads: origin, and the path before the name; and how S3 is to read its signature, if there is one.

    boto3 signs addresses by the old version where nobody asks for the new one, whatever it signs requests with.
    """
    try:
        parts = urlsplit(exact_url(target.storage, _NAME))
    except Exception:  # noqa: BLE001  the user's own code, or no credentials to sign with, which has a check of its own
        return "", "", ""
    host = parts.netloc.rpartition("@")[2]
    origin = f"{parts.scheme or 'https'}://{host}" if host else ""
    signature = "s3v4" if "X-Amz-Signature=" in parts.query else "s3" if "AWSAccessKeyId=" in parts.query else ""
    return origin, parts.path.removesuffix(_NAME), signature

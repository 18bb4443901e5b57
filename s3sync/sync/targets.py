"""From an alias of STORAGES to a target, or to words that say why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.files.storage import InvalidStorageError, storages

from ..core.report import TargetFacts
from ..exceptions import ConfigurationError
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.options import find_backends, has_own_keys, is_s3, read_options
from ..s3.static_storage import without_manifest
from ..s3.target import Target


def target_of(alias: str, configured: Mapping[str, Mapping[str, Any]]) -> Target:
    """The target behind an alias. `configured` is STORAGES. Raises ConfigurationError; asks nothing of the network."""
    return target_from(alias, _storage_of(alias, configured, lambda: storages[alias], "MEDIA_STORAGE"))


def static_target_of(
    alias: str, configured: Mapping[str, Mapping[str, Any]], setting: str | None = None
) -> tuple[Target, Any]:
    """As `target_of`, but a manifest is not read; and the storage that keeps the manifest, if that is another one.

    `setting` is what the caller takes the alias from where no option names one.
    """
    storage = _storage_of(alias, configured, lambda: without_manifest(configured[alias]) or storages[alias], setting)
    keeper = getattr(storage, "manifest_storage", storage)
    return target_from(alias, storage), None if keeper is storage else keeper


def _storage_of(
    alias: str, configured: Mapping[str, Mapping[str, Any]], make: Callable[[], Any], setting: str | None
) -> Any:
    if alias not in configured:
        raise _not_usable(f"There is no storage {alias!r} in STORAGES", configured, setting)
    try:
        storage = make()
    except InvalidStorageError as error:
        raise ConfigurationError(f"The storage {alias!r} can't be made: {error}", code="InvalidStorage") from error
    except (ImproperlyConfigured, SuspiciousOperation, ValueError, TypeError) as error:
        raise ConfigurationError(f"The storage {alias!r} is not configured well: {error}", code="Storage") from error
    except REMOTE_ERRORS as error:  # a manifest storage reads its bucket when it is made
        trouble, bucket = trouble_of(error), str(configured[alias].get("OPTIONS", {}).get("bucket_name") or alias)
        raise ConfigurationError(
            f"The storage {alias!r} can't be made: {trouble.code}: {trouble.message}", code=trouble.code,
            hint=hint_for(trouble, operation_of(error) or "GetObject", bucket, "*"),
        ) from error  # fmt: skip
    except Exception as error:
        raise ConfigurationError(f"The storage {alias!r} can't be made: {error}", code=type(error).__name__) from error
    if not is_s3(type(storage)):
        what = f"The storage {alias!r} is a {type(storage).__name__}, not on S3"
        raise _not_usable(what, configured, setting)
    return storage


def target_from(alias: str, storage: Any) -> Target:
    """The target behind a storage, which `alias` stands for in messages. Raises ConfigurationError."""
    try:
        target = Target.of(alias, storage)
        target.bucket  # noqa: B018  an overridden property may raise
    except Exception as error:
        raise ConfigurationError(
            f"The storage {alias!r} can't be read: {type(error).__name__}: {error}", code="Storage",
            hint=f"correct its OPTIONS or the class {type(storage).__name__}",
        ) from error  # fmt: skip
    if not target.bucket:
        raise ConfigurationError(
            f"The storage {alias!r} has no bucket name.", code="NoBucketName",
            hint="set bucket_name in its OPTIONS, or AWS_STORAGE_BUCKET_NAME",
        )  # fmt: skip
    _check_location(target)
    return target


def facts_of(target: Target) -> TargetFacts:
    """A target for the report. Makes its client."""
    endpoint = None if target.is_aws and not target.storage.endpoint_url else target.endpoint
    return TargetFacts(target.alias, target.bucket, target.prefix, endpoint, target.region)


def foreign_names(target: Target, configured: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Prefixes of names, under this target, that are another alias's location in the same bucket.

    An alias at the very same location gives the empty prefix: nobody can tell whose an object without a file is.
    """
    found = []
    for alias, backend in find_backends(configured).items():
        if alias == target.alias or backend.s3_class is None:
            continue
        options = read_options(backend.s3_class, configured[alias].get("OPTIONS", {}))
        # Whatever the endpoints are called: one server has many names, and a bucket's own is enough to be careful.
        if str(options.get("bucket_name") or "") != target.bucket:
            continue
        if has_own_keys(backend.s3_class):
            found.append("")
            continue
        location = str(options.get("location") or "").strip("/")
        location += "/" if location else ""
        if location.startswith(target.prefix):
            found.append(location[len(target.prefix) :])
    return tuple(found)


def _check_location(target: Target) -> None:
    """A location such as `a//b` or `a/../b`, outside of which the storage itself takes every name to be."""
    try:
        target.storage._normalize_name("probe")
    except SuspiciousOperation as error:
        raise ConfigurationError(
            f"The storage {target.alias!r} can't store anything under its location {target.storage.location!r}.",
            code="Location", hint="write location without '.', '..' and double slashes, such as 'media'",
        ) from error  # fmt: skip


def _not_usable(what: str, configured: Mapping[str, Mapping[str, Any]], setting: str | None) -> ConfigurationError:
    usable = [alias for alias, backend in find_backends(configured).items() if backend.s3_class]
    if usable:
        names = ", ".join(repr(alias) for alias in usable)
        return ConfigurationError(
            f"{what}. On S3: {names}.", code="NotOnS3",
            hint=f"name one with --storage {usable[0]}" + (f", or as S3SYNC[{setting!r}]" if setting else ""),
        )  # fmt: skip
    return ConfigurationError(
        f"{what}, and no other alias of STORAGES is.", code="NotOnS3",
        hint="add an alias whose BACKEND is storages.backends.s3.S3Storage to STORAGES, and name it with --storage",
    )  # fmt: skip

"""What the entries of `STORAGES` come to, found out without a network, credentials or a manifest.

django-storages decides each option as OPTIONS > class attribute > `AWS_*` setting > its own default
(`storages.base.BaseStorage.__init__`), and a subclass may decide more in `__init__`. So the storage is really
constructed, but by a subclass of its class that cannot connect and loads no manifest.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

SECRET_OPTIONS: Final = frozenset(
    {
        "access_key",
        "secret_key",
        "security_token",
        "cloudfront_key",
        "cloudfront_key_id",
        "cloudfront_signer",
        "proxies",
    }
)

#: The Django settings that stand for an option of S3Storage (`S3Storage.get_default_settings`, django-storages 1.14).
OPTION_OF_SETTING: Final[Mapping[str, str]] = {
    "AWS_STORAGE_BUCKET_NAME": "bucket_name",
    "AWS_LOCATION": "location",
    "AWS_S3_REGION_NAME": "region_name",
    "AWS_S3_ENDPOINT_URL": "endpoint_url",
    "AWS_S3_CUSTOM_DOMAIN": "custom_domain",
    "AWS_S3_URL_PROTOCOL": "url_protocol",
    "AWS_DEFAULT_ACL": "default_acl",
    "AWS_QUERYSTRING_AUTH": "querystring_auth",
    "AWS_QUERYSTRING_EXPIRE": "querystring_expire",
    "AWS_S3_FILE_OVERWRITE": "file_overwrite",
    "AWS_S3_OBJECT_PARAMETERS": "object_parameters",
    "AWS_S3_SIGNATURE_VERSION": "signature_version",
    "AWS_S3_ADDRESSING_STYLE": "addressing_style",
    "AWS_S3_FILE_NAME_CHARSET": "file_name_charset",
    "AWS_IS_GZIPPED": "gzip",
    "GZIP_CONTENT_TYPES": "gzip_content_types",
    "AWS_S3_USE_SSL": "use_ssl",
    "AWS_S3_VERIFY": "verify",
    "AWS_S3_MAX_MEMORY_SIZE": "max_memory_size",
    "AWS_S3_USE_THREADS": "use_threads",
    "AWS_S3_TRANSFER_CONFIG": "transfer_config",
    "AWS_S3_CLIENT_CONFIG": "client_config",
    "AWS_S3_SESSION_PROFILE": "session_profile",
    "AWS_S3_PROXIES": "proxies",
    "AWS_S3_ACCESS_KEY_ID": "access_key",
    "AWS_ACCESS_KEY_ID": "access_key",
    "AWS_S3_SECRET_ACCESS_KEY": "secret_key",
    "AWS_SECRET_ACCESS_KEY": "secret_key",
    "AWS_SESSION_TOKEN": "security_token",
    "AWS_SECURITY_TOKEN": "security_token",
    "AWS_CLOUDFRONT_KEY_ID": "cloudfront_key_id",
    "AWS_CLOUDFRONT_KEY": "cloudfront_key",
}


class OfflineError(Exception):
    """The class wants to talk to S3 while it is constructed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What a dotted path names: a class, or the error that importing it gave."""

    path: str
    value: Any = None
    error: Exception | None = None
    missing: bool = False
    """Whether the module or the name in it does not exist, rather than fails."""

    @property
    def s3_class(self) -> type | None:
        return self.value if is_s3(self.value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The effective options of a storage; with `error` they are what could be told without its `__init__`."""

    options: Mapping[str, Any] = field(default_factory=dict)
    error: Exception | None = None


def find_backend(path: str) -> Backend:
    """The object that this BACKEND names. Never raises, whatever the imported module does."""
    module_path, _, name = path.rpartition(".")
    try:
        value = getattr(import_module(module_path), name, None)
    except ModuleNotFoundError as error:
        # `error.name` tells a module that is not there from one that is there and misses a library of its own.
        absent = f"{module_path}.".startswith(f"{error.name}.")
        return Backend(path=path, error=error, missing=absent)
    except Exception as error:  # noqa: BLE001 (a module of the project can fail in any way)
        return Backend(path=path, error=error, missing=not module_path)
    if not callable(value):
        reason = f"module {module_path!r} has no class {name!r}"
        return Backend(path=path, error=ImportError(reason), missing=True)
    return Backend(path=path, value=value)


def is_s3(backend_class: object) -> bool:
    """Whether this is django-storages' `S3Storage` (of which `S3Boto3Storage` is another name) or a subclass."""
    # Whoever subclasses it has imported its module; so this costs no import where S3 is not used.
    base = getattr(sys.modules.get("storages.backends.s3"), "S3Storage", None)
    return base is not None and isinstance(backend_class, type) and issubclass(backend_class, base)


def has_own_keys(storage_class: type) -> bool:
    """Whether the class has its own rule for keys, so that nobody can tell where its objects lie."""
    from storages.backends.s3 import S3Storage

    return getattr(storage_class, "_normalize_name", None) is not S3Storage._normalize_name


def s3_aliases(storages_setting: Mapping[str, Any]) -> list[str]:
    """The aliases of this `STORAGES` that are on S3, in its order; what cannot be imported is not."""
    return [alias for alias, backend in find_backends(storages_setting).items() if backend.s3_class]


def find_backends(storages_setting: Mapping[str, Any]) -> dict[str, Backend]:
    """Alias -> what its BACKEND names, but for Django's own storages, which need no looking at."""
    found = {}
    for alias, entry in storages_setting.items():
        path = entry.get("BACKEND") if isinstance(entry, Mapping) else None
        if isinstance(path, str) and not path.startswith(("django.core.", "django.contrib.")):
            found[alias] = find_backend(path)
    return found


def read_options(backend_class: type, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options that a storage of this class and these OPTIONS would work with, secrets left out."""
    return read_storage(backend_class, options).options


def read_storage(backend_class: type, options: Mapping[str, Any]) -> Reading:
    """As `read_options`, with the error that constructing the storage gives. Never raises, never connects."""
    instance: Any = None
    problem: Exception | None = None
    try:
        offline: Any = _offline(backend_class)
        instance = offline.__new__(offline, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            instance.__init__(**options)
    except Exception as error:  # noqa: BLE001 (so can its __init__)
        problem = error
    if instance is None:
        instance = object.__new__(backend_class)
    return Reading(options=_effective(instance, options, constructed=problem is None), error=problem)


def _offline(backend_class: type) -> type:
    """A subclass that behaves like its base until it would connect; a manifest is taken for an empty one."""

    def refuse(_: object) -> None:
        raise OfflineError(f"{backend_class.__name__} asks S3 while it is constructed")

    members = {
        "__module__": backend_class.__module__,
        "__qualname__": backend_class.__qualname__,
        "connection": property(refuse),
        "unsigned_connection": property(refuse),
        "bucket": property(refuse),
        "_create_session": refuse,
        "load_manifest": lambda _: ({}, ""),
    }
    return types.new_class(backend_class.__name__, (backend_class,), exec_body=lambda body: body.update(members))


def _effective(instance: Any, options: Mapping[str, Any], *, constructed: bool) -> dict[str, Any]:
    effective = {}
    for name, default in _defaults(instance).items():
        if name in SECRET_OPTIONS:
            continue
        if not constructed and isinstance(options, Mapping) and name in options:
            effective[name] = options[name]
            continue
        try:
            value = getattr(instance, name, default)
        except Exception:  # noqa: BLE001 (and its properties)
            value = None
        # A property of the subclass that has no answer here, away from a request or its tenant: nothing can be told.
        if value or not isinstance(getattr(type(instance), name, None), property):
            effective[name] = value
    return effective


def _defaults(instance: Any) -> Mapping[str, Any]:
    try:
        return dict(instance.get_default_settings())
    except Exception:  # noqa: BLE001 (and its defaults)
        from storages.backends.s3 import S3Storage

        return dict(S3Storage.get_default_settings(instance))

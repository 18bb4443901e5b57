"""The storage of static files: made without reading its manifest, and what its class says about hashed names."""

from __future__ import annotations

import copy
import types
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.contrib.staticfiles.storage import HashedFilesMixin, ManifestFilesMixin
from django.core.files.storage import FileSystemStorage
from storages.backends.s3 import S3Storage

from ..exceptions import ConfigurationError
from .addresses import exact_url
from .options import find_backend

_OURS = frozenset({"file_hash", "manifest_name", "manifest_strict", "url"})
"""What a class may decide about hashed names without our having to leave the work to it; `url` is for page views."""
_PROBE = "s3sync-probe.css"


def without_manifest(entry: Mapping[str, Any]) -> Any:
    """The storage of an entry of STORAGES, but that it takes its manifest for empty; None if it keeps none.

    Django's ManifestFilesMixin reads the manifest when it is made: a request, credentials and a network for what a run
    that writes the manifest anew has no use for. Raises whatever the class raises.
    """
    cls = find_backend(str(entry.get("BACKEND"))).value
    if not (isinstance(cls, type) and issubclass(cls, ManifestFilesMixin)):
        return None
    return _subclass(cls, {"load_manifest": lambda _: ({}, "")})(**entry.get("OPTIONS", {}))


def keeps_manifest(storage: Any) -> bool:
    """Whether names are hashed, and a manifest tells which is which."""
    return isinstance(storage, ManifestFilesMixin)


def file_hash_of(storage: Any) -> Any:
    """The storage's own `file_hash`; None where it is Django's."""
    own = _written_class(storage).file_hash is not HashedFilesMixin.file_hash  # type: ignore[attr-defined]
    return storage.file_hash if own else None


def why_staged(storage: Any) -> str | None:
    """Why the class has to do the post-processing itself; None where we can, with the same outcome."""
    cls = _written_class(storage)
    if not issubclass(cls, ManifestFilesMixin):
        return "post_process" if hasattr(cls, "post_process") else None
    for name in dir(ManifestFilesMixin):
        decided = not name.startswith("__") and name not in _OURS
        if decided and getattr(cls, name) is not getattr(ManifestFilesMixin, name):
            return name
    return None


def staged(storage: Any, folder: str) -> Any:
    """A storage of the same class and options whose files lie in a folder, and whose manifest does too."""
    disk = FileSystemStorage(location=folder, allow_overwrite=True)  # as S3 does
    members = {
        name: _of_disk(disk, name)
        for name in (
            "_open", "_save", "exists", "delete", "listdir", "size",
            "get_modified_time", "get_created_time", "get_accessed_time",
        )
    }  # fmt: skip
    own = copy.copy(storage)
    own.__class__ = _subclass(type(storage), members)
    own.querystring_auth = False
    own.manifest_storage = own
    return own


class Addresses:
    """The URLs of a storage's objects, never signed. Used by one thread."""

    def __init__(self, storage: S3Storage) -> None:
        self._live = storage
        self._storage = copy.copy(storage)
        self._storage.querystring_auth = False
        self._storage.cloudfront_signer = None

    @cached_property
    def is_signed(self) -> bool:
        """Whether the storage itself gives out URLs that nobody could make up: nobody reads without."""
        storage = self._live
        signs = not (storage.custom_domain and storage.cloudfront_signer is None)
        return (bool(storage.querystring_auth) and signs) or (self._has_own_url and "?" in exact_url(storage, _PROBE))

    def url(self, name: str) -> str:
        """The URL of the object of exactly this name, without a query: that is where classes of their own sign.

        Raises ConfigurationError where the storage can't tell.
        """
        try:
            return exact_url(self._storage, name).partition("?")[0]
        except Exception as error:
            raise ConfigurationError(
                f"{type(self._storage).__name__}.url() raised {type(error).__name__} for {name!r}: {error}", code="Url",
                hint="correct the storage's class or its OPTIONS",
            ) from error  # fmt: skip

    @property
    def root(self) -> str:
        """What every URL begins with."""
        return self.url(_PROBE).removesuffix(_PROBE)

    @property
    def is_uniform(self) -> bool:
        """Whether a URL is always the root and the name, so that references between files need no host."""
        return not self._has_own_url or not urlsplit(self.root).netloc

    @property
    def _has_own_url(self) -> bool:
        return _written_class(self._storage).url not in (S3Storage.url, HashedFilesMixin.url)  # type: ignore[attr-defined]


def _written_class(storage: Any) -> type:
    """The class as the project has written it, beneath what we put on top."""
    return next(cls for cls in type(storage).__mro__ if "_s3sync" not in vars(cls))


def _subclass(cls: type, members: Mapping[str, Any]) -> type:
    body = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "_s3sync": True, **members}
    return types.new_class(cls.__name__, (cls,), exec_body=lambda namespace: namespace.update(body))


def _of_disk(disk: FileSystemStorage, name: str) -> Any:
    method = getattr(disk, name)
    return lambda _, *args, **kwargs: method(*args, **kwargs)

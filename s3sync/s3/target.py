"""A storage instance, read: where its objects go, how they are written, and what it leaves to a fast engine.

Everything comes from the instance, never from settings: subclasses and overridden methods decide. The live storage is
not touched; we work on a copy with a connection of its own.
"""

from __future__ import annotations

import contextlib
import copy
import mimetypes
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from django.contrib.staticfiles.storage import HashedFilesMixin
from s3transfer.utils import ChunksizeAdjuster
from storages.backends.s3 import S3Storage
from storages.utils import ReadBytesWrapper, clean_name

from ..core.objects import is_plain
from ..storages.cutover import s3_alone, written
from .content_types import content_type_of
from .objects import customer_key
from .transfer import WriteParameters

POOL_SIZE = 32
"""Connections, and threads, of the boto3 engine."""

_CACHED = 4096
"""Entries that a cache of renderings may have: names and parameters may be as many as objects."""
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")
"""What the hosts of Amazon's own endpoints end with."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """How one file becomes an object: what it is stored with, and what happens to its bytes before."""

    parameters: WriteParameters
    encoding: str = ""
    """Empty: the bytes are sent as they are."""
    render: Callable[[IO[bytes]], IO[bytes]] | None = None


@dataclass(eq=False)
class Target:
    """Where one storage alias keeps its objects. Attributes that ask boto3 are computed when first used.

    `storage` is a copy of the live instance, with `client_config` merged. Any thread may call the methods.
    """

    alias: str
    storage: S3Storage
    _renderings: dict[str, Rendering] = field(default_factory=dict)
    _interned: dict[str, WriteParameters] = field(default_factory=dict)
    _client: Any = None
    cache_control: Callable[[str], str | None] = lambda _: None
    """Key -> the Cache-Control that it gets where the storage gives none."""
    etags_are_md5: bool = True
    """False once the target has shown that its 32 digit ETags are something else."""

    @classmethod
    def of(cls, alias: str, storage: S3Storage) -> Target:
        """Reads a live storage, of one with an old place behind it the S3 side. Asks nothing of the network."""
        own = copy.copy(s3_alone(storage))
        if overrides(own, "connection"):
            return cls(alias, own)
        extra: dict[str, Any] = {"max_pool_connections": max(POOL_SIZE, own.client_config.max_pool_connections or 0)}
        if checksum_calculation(own) is None:
            # boto3's default sends a trailing checksum over https, which Ceph RGW and others answer with 411.
            extra["request_checksum_calculation"] = "when_required"
        own.client_config = own.client_config.merge(Config(**extra))
        # One connection for all threads, where the storage would make one for each: an overridden `_save`, which runs
        # in a worker, is to use the client that we count and put conditions on.
        own._connections = SimpleNamespace()
        return cls(alias, own)

    def new_session(self) -> Any:
        """A session as the storage makes it, read anew from its options and profile; None if it has its own way."""
        return None if overrides(self.storage, "connection") else self.storage._create_session()

    @cached_property
    def bucket(self) -> str:
        """The bucket's name; empty if none is configured."""
        if overrides(self.storage, "bucket"):
            with contextlib.suppress(BotoCoreError, ValueError):  # who makes the client meets the same, and tells
                return str(self.storage.bucket.name or "")
        return str(self.storage.bucket_name or "")

    @cached_property
    def prefix(self) -> str:
        """What each key of this storage begins with: empty, or ending with `/`."""
        location = str(self.storage.location or "").strip("/")
        return location + "/" if location else ""

    @property
    def client(self) -> Any:
        """The storage's own boto3 client: its session, credentials, endpoint and hooks. Threads may share it."""
        if self._client is None:
            self._client = self.storage.connection.meta.client
        return self._client

    @property
    def endpoint(self) -> str:
        """The URL that requests go to, without a name and password that may stand in it."""
        return without_userinfo(str(self.client.meta.endpoint_url))

    @cached_property
    def is_aws(self) -> bool:
        """Whether Amazon itself answers, whose conditional writes need no proof."""
        return (urlsplit(self.endpoint).hostname or "").endswith(AWS_DOMAINS)

    @property
    def region(self) -> str | None:
        """The region that requests are signed for."""
        return self.client.meta.region_name or None

    @property
    def pool_size(self) -> int:
        """How many requests the client's connection pool serves at once."""
        return int(self.client.meta.config.max_pool_connections)

    @cached_property
    def transfer_config(self) -> TransferConfig:
        """The storage's own rules for large files."""
        config: TransferConfig = self.storage.transfer_config
        return config

    def part_size_for(self, size: int) -> int:
        """What s3transfer cuts a file of `size` bytes into: as configured, unless parts get too many or small."""
        return int(ChunksizeAdjuster().adjust_chunksize(self.transfer_config.multipart_chunksize, size))

    @cached_property
    def saves_itself(self) -> bool:
        """Whether the class has its own way of saving, so that each object has to go through its `_save`."""
        return overrides(self.storage, "_save") or overrides(self.storage, "_get_write_parameters")

    @cached_property
    def decides_by_key(self) -> bool:
        """Whether the class may write each object with other parameters."""
        return any(
            overrides(self.storage, name) for name in ("get_object_parameters", "_get_write_parameters", "url")
            if not (name == "url" and type(self.storage).url is HashedFilesMixin.url)
        )  # fmt: skip

    @cached_property
    def _has_own_parameters(self) -> bool:
        return overrides(self.storage, "get_object_parameters")

    @cached_property
    def has_own_keys(self) -> bool:
        """Whether the class has its own rule for keys, so that nobody can tell a key's name."""
        return overrides(self.storage, "_normalize_name")

    @cached_property
    def sends_as_is(self) -> bool:
        """Whether no file is changed on its way, whatever its key; then `rendering_of` need not be asked to know."""
        own = overrides(self.storage, "get_object_parameters") or overrides(self.storage, "_get_write_parameters")
        return not (self.storage.gzip or own)

    @cached_property
    def has_plain_keys(self) -> bool:
        """Whether a key is the prefix and the name, and the listing is sorted (not so in S3 Express)."""
        return not self.has_own_keys and not self.bucket.endswith("--x-s3")

    def listing_prefix(self, names: str) -> str:
        """What to list for the keys of all names that begin with `names`."""
        if not self.has_own_keys:
            return self.prefix + names
        return self.prefix if self.key_of("probe").startswith(self.prefix) else ""

    def is_regular(self, name: str) -> bool:
        """Whether this name's key is just the prefix and the name."""
        return self.has_plain_keys and is_plain(name)

    def key_of(self, name: str) -> str:
        """The full key that the storage gives to a name. Raises SuspiciousOperation for a name outside the location."""
        if self.is_regular(name):
            return self.prefix + name
        return str(self.storage._normalize_name(clean_name(name)))

    def name_of(self, key: str) -> str:
        """The name that a listed key would have."""
        return key[len(self.prefix) :] if key.startswith(self.prefix) else key

    @property
    def why_not_fast(self) -> str | None:
        """Why objects can't go the fast way, as far as the storage's class tells; None where they may."""
        for method in ("_save", "_get_write_parameters", "connection", "bucket"):
            if overrides(self.storage, method):
                return f"{type(self.storage).__name__} overrides {method}"
        if checksum_calculation(self.storage, ours="when_required") == "when_supported":
            return "request_checksum_calculation is when_supported"
        return None

    def rendering_of(self, key: str) -> Rendering:
        """How the file with this key is stored."""
        kind = self._kind_of(key)
        if kind is not None and (lifetime := self.cache_control(key)) is not None:
            kind += " " + lifetime
        rendering = self._renderings.get(kind) if kind is not None else None
        if rendering is None:
            rendering = self._rendering_of(key)
            if kind is not None and len(self._renderings) < _CACHED:
                self._renderings[kind] = rendering
        return rendering

    def _kind_of(self, key: str) -> str | None:
        """What decides on the parameters of a key, if it is the extension alone; None: ask for each key."""
        base = key.rpartition("/")[2]
        stem, dot, extension = base.rpartition(".")
        if not stem or "." in stem or ":" in key or self._has_own_parameters:
            return None
        return dot + extension if dot else None

    def _rendering_of(self, key: str) -> Rendering:
        """Django-storages calls `get_object_parameters` with the full key, so do we."""
        storage = self.storage
        if overrides(storage, "_get_write_parameters"):
            # It may need the content; each object goes through `_save` anyway.
            params = dict(S3Storage._get_write_parameters(storage, key))
        else:
            params = dict(storage._get_write_parameters(key))
        if mimetypes.guess_type(key)[0] is None and "ContentType" not in storage.get_object_parameters(key):
            params["ContentType"] = content_type_of(key) or params["ContentType"]
        if "CacheControl" not in params and (lifetime := self.cache_control(key)) is not None:
            params["CacheControl"] = lifetime
        if storage.gzip and params["ContentType"] in storage.gzip_content_types and "ContentEncoding" not in params:
            params["ContentEncoding"] = "gzip"
            return Rendering(self._intern(params), "gzip", self._compress)
        return Rendering(self._intern(params))

    def _compress(self, stream: IO[bytes]) -> IO[bytes]:
        compressed: IO[bytes] = self.storage._compress_content(ReadBytesWrapper(stream))
        return compressed

    def _intern(self, params: Mapping[str, Any]) -> WriteParameters:
        identity = repr(sorted(params.items(), key=lambda item: item[0]))
        found = self._interned.get(identity)
        if found is None:
            found = WriteParameters(params)
            if len(self._interned) < _CACHED:
                found = self._interned.setdefault(identity, found)
        return found

    def head_parameters(self, key: str) -> dict[str, Any]:
        """What a HEAD of this key has to name besides: the customer's key, where the storage encrypts by one."""
        return customer_key(self.rendering_of(key).parameters.params)

    @property
    def variant(self) -> str:
        """A label for how this storage renders in general, under which fingerprints are kept."""
        if not self.storage.gzip:
            return "plain"
        way = type(self.storage)._compress_content
        return f"gzip {way.__module__}.{way.__qualname__}"

    @property
    def identity(self) -> str:
        """A label for endpoint and bucket, under which the state keeps what it knows."""
        return f"{self.endpoint.rstrip('/')}/{self.bucket}"


def without_userinfo(url: str) -> str:
    """An address without the name and password that may stand in it, as fit for a report."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def checksum_calculation(storage: S3Storage, ours: str | None = None) -> str | None:
    """What the user has said about boto3's request checksums, in code, environment or profile; None: nothing."""
    said: str | None = getattr(storage.client_config, "request_checksum_calculation", None)
    said = said or os.environ.get("AWS_REQUEST_CHECKSUM_CALCULATION")
    if said is None and ours is None:
        try:
            profile: Mapping[str, Any] = storage._create_session()._session.get_scoped_config()
        except Exception:  # noqa: BLE001  a broken profile is reported when the client is made
            return None
        said = profile.get("request_checksum_calculation")
    return said.lower() if said else None


def overrides(storage: S3Storage, name: str) -> bool:
    """Whether the storage's class has this method from somebody else than django-storages and us."""
    return written(type(storage), name) is not getattr(S3Storage, name)

"""What is asked of an engine that reads objects, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..core.objects import RemoteObject
from .objects import MD5_METADATA, encryption_of, etag_of

SEGMENT = 8 * 1024 * 1024
"""Bytes; what is larger goes straight to the disk, in segments of this size."""


class Sink(Protocol):
    """Takes a large object. Any thread may call; `write` and `finish` raise OSError."""

    def open(self) -> None: ...
    def missing(self) -> list[tuple[int, int]]: ...
    def write(self, data: bytes, offset: int) -> None: ...
    def done(self, start: int) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...
    @property
    def is_encoded(self) -> bool: ...
    @is_encoded.setter
    def is_encoded(self, encoded: bool) -> None: ...


@dataclass(slots=True)
class Get:
    """One object to be read, in the version that was listed. Owned by one engine at a time."""

    obj: RemoteObject
    name: str
    extra: Mapping[str, Any]
    """Further arguments that the storage's reads carry."""
    sink: Sink | None
    """Where a large one goes; None: into memory."""
    spool: Callable[[Iterator[bytes]], None]
    """Takes what the storage's own `open()` gives, where it has one; raises OSError."""
    ticket: Any = None
    """The caller's own; engines hand it back untouched."""
    again: bool = False
    """Its bytes did not have its ETag, and are asked for once more."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an answer says of the object besides its bytes."""

    etag: str = ""
    encryption: str | None = None
    encoding: str = ""
    """`Content-Encoding`."""
    md5: str | None = None
    """Our own `s3sync-md5` metadata."""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Facts:
        """Of an answer of boto3's."""
        md5 = answer.get("Metadata", {}).get(MD5_METADATA)
        return cls(etag_of(answer), encryption_of(answer), str(answer.get("ContentEncoding") or ""), md5)


@dataclass(frozen=True, slots=True)
class Got:
    """The object is here, with the length that was listed."""

    get: Get
    body: bytes | None
    """None: it is in the sink, or spooled."""
    facts: Facts = field(default_factory=Facts)
    as_opened: bool = False
    """The storage's own `open()` has read it: its bytes need not be those that are stored."""


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such object any more."""

    get: Get


@dataclass(frozen=True, slots=True)
class Moved:
    """Another version has taken its place."""

    get: Get
    obj: RemoteObject


@dataclass(frozen=True, slots=True)
class Missed:
    """It could not be read, and nothing more will be tried."""

    get: Get
    code: str
    """S3's error code, or the name of a local trouble."""
    http: int | None
    message: str
    local: OSError | None = None
    """This machine's trouble, where it was that."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The fast engine does not know; the boto3 engine is to read this object."""

    get: Get
    code: str


Fetched = Got | Gone | Moved | Missed
Delivery = Fetched | Declined


class DeliverFetched(Protocol):
    """Takes one delivery; engines call it from their own threads, so it has to be thread-safe and quick."""

    def __call__(self, delivery: Delivery, /) -> None: ...

"""What an engine is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5
from typing import Any, Protocol


class WriteParameters:
    """The arguments of `put_object` that come from the storage, but for Bucket, Key and Body.

    Interned by the target: objects with equal parameters share one instance, so an engine may key its templates by
    identity. Never changed after it is made.
    """

    __slots__ = ("params",)

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = dict(params)


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold in the bucket for a PUT to be carried out (RFC 9110, section 13.1)."""

    if_match: str | None = None
    """The unquoted ETag that the object must still have; None means that the key must be new."""

    @property
    def is_new(self) -> bool:
        """Whether this is `If-None-Match: *`."""
        return self.if_match is None


@dataclass(slots=True)
class Put:
    """One object to store, ready to be sent. Owned by one engine at a time."""

    key: str
    parameters: WriteParameters
    size: int
    """Bytes to be sent."""
    known_md5: str | None
    """Of those bytes, 32 hexadecimal digits; None where the body is in memory and nobody has hashed it yet."""
    body: bytes | None
    """None: stream `path` instead (large files)."""
    path: str
    """The local file."""
    condition: Condition | None
    name: str
    multipart_etag: str | None = None
    """The ETag to expect where the body goes up in parts."""
    carries_md5: bool = False
    """Whether user metadata is to name the MD5, as the target's ETags don't. Uploads in parts always do."""
    ticket: Any = None
    """The caller's own; engines hand it back untouched."""
    assumed: bool = False
    """Nobody has looked for the object: where the condition does not hold, the caller decides anew."""
    part_md5s: bytes = b""
    """Of the parts that the body goes up in, 16 bytes each."""
    sha256: str | None = None
    """Of the body, 64 hexadecimal digits, where somebody has computed it already."""

    @property
    def md5(self) -> str:
        """Of the bytes to be sent, 32 hexadecimal digits. Computed when somebody asks; one thread at a time may."""
        if self.known_md5 is None:
            self.known_md5 = md5(self.body or b"", usedforsecurity=False).hexdigest()
        return self.known_md5


@dataclass(frozen=True, slots=True)
class Stored:
    """The server has confirmed the object."""

    put: Put
    etag: str
    """Unquoted, as answered; may be empty (Ceph RGW's CompleteMultipartUpload)."""
    encryption: str | None = None
    """The answer's `x-amz-server-side-encryption`, or `SSE-C`."""
    size: int | None = None
    """Bytes stored, where they are not those of the Put (a storage that saves in its own way)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The object was not stored, and nothing more will be tried."""

    put: Put
    code: str
    """S3's error code, or the name of a local trouble."""
    http: int | None
    message: str
    conflict: bool = False
    """Somebody else's object is there: a matter for people, not a failure."""
    left: tuple[str, int] | None = None
    """ETag and size of an object that was stored all the same: ours, but not what was to be sent."""
    found: Mapping[str, Any] | None = None
    """Of a conflict, what a HEAD has just answered, if one was asked."""
    parts_left: bool = False
    """Whether parts of it lie in the bucket, as there is no right to remove them."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The fast engine does not know; the boto3 engine is to send this object, its condition included."""

    put: Put
    code: str
    """Why, for the log: an HTTP status (`503`), `broken` or `timeout`."""


Completion = Stored | Refused | HandedOver


class Deliver(Protocol):
    """Takes one completion; engines call it from their own threads, so it has to be thread-safe and quick."""

    def __call__(self, completion: Completion, /) -> None: ...


class Engine(Protocol):
    """Sends prepared objects. `submit` and `close` are called by one thread; completions come from another."""

    name: str

    def submit(self, put: Put) -> None:
        """Queues one object; never blocks. The caller bounds how many are under way."""

    def cancel(self) -> None:
        """Gives up what is not yet on the wire and aborts multipart uploads; every Put is still completed."""

    def close(self) -> None:
        """Ends threads and connections; call when nothing is under way."""

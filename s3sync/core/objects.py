"""The nouns: a file on this side, an object on that side, and what is known of both.

What a run makes one of for each name is a named tuple, not a frozen dataclass, which costs thrice as much to make.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple


def is_plain(name: str) -> bool:
    """Whether storages take a name as it is, rather than read its backslashes as slashes; also of lines: all names."""
    return "\\" not in name


class LocalFile(NamedTuple):
    """One regular file, as the walk saw it."""

    name: str
    """Storage-relative, with `/` on every system."""
    path: str
    """What to open; for a symbolic link, the real path that it leads to."""
    size: int
    """Bytes on the disk, before any rendering."""
    mtime_ns: int
    ctime_ns: int
    inode: int
    settled: tuple[str, int] | None = None
    """ETag and size of the object that an earlier run found equal to the file as it is; None: nobody has looked."""


class RemoteObject(NamedTuple):
    """One object, as the bucket's listing shows it."""

    key: str
    size: int
    """Bytes as stored."""
    etag: str
    """Without its quotes."""
    modified: str
    """`LastModified` as listed, ISO 8601 in UTC; parsed only when somebody asks."""

    @property
    def modified_at(self) -> float:
        """`LastModified` in whole seconds since the epoch, on the server's clock; infinite if it can't be read.

        Servers write its fraction in many ways, and S3 itself keeps none.
        """
        try:
            return datetime.strptime(self.modified[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
        except ValueError:
            return math.inf


class Fingerprint(NamedTuple):
    """What tells the bytes of one file, as they would be sent, from all others."""

    size: int
    md5: str
    """32 hexadecimal digits."""


class Known(NamedTuple):
    """What an earlier run saw stored under a key: `fingerprint`'s bytes, listed with this ETag and size."""

    etag: str
    size: int
    fingerprint: Fingerprint
    source: str = ""
    """Which source last held this file: only it may have the object deleted."""

    def stands_for(self, obj: RemoteObject) -> bool:
        """Whether the listing still shows the object that this record is about."""
        return self.etag == obj.etag and self.size == obj.size and bool(self.etag)


class Digest(NamedTuple):
    """All that one pass over a file's bytes (as they would be sent) has computed."""

    size: int
    md5: str
    multipart: Mapping[int, str] = MappingProxyType({})
    """Part size in bytes -> the ETag that S3 gives to an upload in parts of that size."""
    checksums: Mapping[str, str] = MappingProxyType({})
    """S3's name of an algorithm (`CRC32`, `SHA256`...) -> base64 of the full object's checksum."""
    parts: Mapping[int, bytes] = MappingProxyType({})
    """Part size in bytes -> the MD5s of such parts, 16 bytes each, one after the other."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The part of it that is kept."""
        return Fingerprint(self.size, self.md5)

    def merged(self, before: Digest | None) -> Digest:
        """With what an earlier reading has computed, if it was of the same bytes."""
        if before is None or before.fingerprint != self.fingerprint:
            return self
        return self._replace(
            multipart={**before.multipart, **self.multipart}, checksums={**before.checksums, **self.checksums}
        )


@dataclass(frozen=True, slots=True)
class Head:
    """What a HEAD of an object says of its content."""

    size: int
    etag: str
    encryption: str | None = None
    """`AES256`, `aws:kms`, `aws:kms:dsse`, `SSE-C` or None."""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """Full-object checksums only."""
    md5: str | None = None
    """Our own `s3sync-md5` metadata."""

    @property
    def etag_is_md5(self) -> bool:
        """Whether S3's encryption leaves a 32 digit ETag the MD5 of the bytes (Common Response Headers, `ETag`)."""
        return self.encryption in (None, "AES256")

"""Reads files that others may be writing, and computes all that is asked about their bytes in one pass."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, NamedTuple

from ..core.objects import Digest, LocalFile

_CHUNK = 1024 * 1024
_LARGE = 16 * 1024 * 1024
"""Bytes from which it is worth a thread to compute several digests at once."""
_TRIES = 3
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Render = Callable[[IO[bytes]], IO[bytes]]
"""Makes of a file's bytes those that are sent."""


class Restless(Exception):
    """The file changed each time while it was read."""


class Interrupted(Exception):
    """The run ends; nobody needs the reading any more."""


class NotRegular(Exception):
    """The name no longer leads to a regular file."""


class Reading(NamedTuple):
    """One consistent reading of a file."""

    file: LocalFile
    """As it was when it was read."""
    digest: Digest
    data: bytes | None
    """The bytes to be sent, if they were small enough to be kept."""
    path: str
    """Where the bytes to be sent lie on the disk: the file itself, or a temporary one that holds its rendering."""

    def discard(self) -> None:
        """Removes the temporary file, if there is one."""
        if self.path != self.file.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


def read(
    file: LocalFile,
    *,
    render: Render | None = None,
    keep: int,
    part_sizes: Sequence[int] = (),
    checksums: Sequence[str] = (),
    stop: Callable[[], bool] = lambda: False,
) -> Reading:
    """The file's bytes as they would be sent, and their digest. Any thread may call.

    Bytes are kept in memory if there are at most `keep` of them. Raises OSError (also FileNotFoundError), `NotRegular`,
    `Restless` if the file was written to during three readings, or `Interrupted` once `stop` says so.
    """
    tries = _TRIES
    if render is None and file.size <= keep and not part_sizes and not checksums:
        if (reading := _read_at_once(file, keep)) is not None:
            return reading
        tries -= 1
    for _ in range(tries):
        descriptor, before = _open(file)
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            reading = _read_open(file, stream, before, render, keep, part_sizes, checksums, stop)
            after = os.fstat(descriptor)
        if _is_same(before, after) and (render is not None or reading.digest.size == after.st_size):
            return reading
        reading.discard()
    raise Restless(file.name)


def _read_at_once(file: LocalFile, limit: int) -> Reading | None:
    """The file's bytes and their digest, without a stream object, which is half of what a small file costs.

    None if it holds more than `limit` bytes, or was written to meanwhile: then `read` it. Raises what that raises. Any
    thread may call.
    """
    descriptor, before = _open(file)
    size = before.st_size
    try:
        if size > limit:
            return None
        data = os.read(descriptor, size + 1)  # one more, to see a file that has grown
        while len(data) < size and (more := os.read(descriptor, size + 1 - len(data))):
            data += more
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if len(data) != after.st_size or not _is_same(before, after):
        return None
    return Reading(_as_of(file, before), Digest(len(data), _md5(data)), data, file.path)


def _open(file: LocalFile) -> tuple[int, os.stat_result]:
    # A link put in the file's place, a FIFO or a device must neither lead elsewhere nor block.
    descriptor = os.open(file.path, _FLAGS)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotRegular(file.name)
    return descriptor, status


def head(file: LocalFile, size: int) -> bytes:
    """At most `size` bytes of the file's beginning; empty if it can't be read. Any thread may call."""
    try:
        descriptor = os.open(file.path, _FLAGS)
    except OSError:
        return b""
    try:
        return os.read(descriptor, size) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def is_unchanged(file: LocalFile) -> bool:
    """Whether the path still leads to the same file with the same size and time."""
    try:
        status = os.stat(file.path, follow_symlinks=False)
    except OSError:
        return False
    return (status.st_ino, status.st_size, status.st_mtime_ns) == (file.inode, file.size, file.mtime_ns)


def is_untouched(file: LocalFile) -> bool:
    """Whether nothing was done to the file at all: whoever rewrites it in place may set its time back, but not the
    time of that."""
    try:
        status = os.stat(file.path, follow_symlinks=False)
    except OSError:
        return False
    found = status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return found == (file.inode, file.size, file.mtime_ns, file.ctime_ns)


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether nobody wrote to the open file. Its change time tells of a modification time that was set back; it tells
    nothing where links were made or taken away, as when another file replaces this one."""
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return False
    return before.st_ctime_ns == after.st_ctime_ns or before.st_nlink != after.st_nlink


def _as_of(file: LocalFile, status: os.stat_result) -> LocalFile:
    if file[2:] == (found := (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)):
        return file
    return LocalFile(file.name, file.path, *found)


def _read_open(
    file: LocalFile, stream: Any, status: os.stat_result, render: Render | None, keep: int,
    part_sizes: Sequence[int], checksums: Sequence[str], stop: Callable[[], bool],
) -> Reading:  # fmt: skip
    source = stream if render is None else render(stream)
    digester = Digester(part_sizes, checksums, status.st_size >= _LARGE)
    kept: list[bytes] | None = []
    copy = _Copy(render is not None)
    try:
        for chunk in iter(lambda: source.read(_CHUNK), b""):
            if stop():
                raise Interrupted(file.name)
            digester.update(chunk)
            if kept is not None:
                kept.append(chunk)
                if digester.size > keep:
                    copy.write(kept)
                    kept = None
            else:
                copy.write((chunk,))
    except BaseException:
        copy.discard()
        raise
    finally:
        digester.close()
    data = None if kept is None else b"".join(kept)
    return Reading(_as_of(file, status), digester.digest(), data, copy.close() or file.path)


class _Copy:
    """A temporary file, made when the first bytes come, if it is wanted at all."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._stream: IO[bytes] | None = None

    def write(self, chunks: Sequence[bytes]) -> None:
        if not self._wanted:
            return
        if self._stream is None:
            self._stream = tempfile.NamedTemporaryFile(prefix="s3sync-", delete=False)  # noqa: SIM115
        self._stream.writelines(chunks)

    def close(self) -> str | None:
        if self._stream is None:
            return None
        self._stream.close()
        return self._stream.name

    def discard(self) -> None:
        name = self.close()
        if name is not None:
            os.unlink(name)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Digester:
    """Feeds every computation that was asked for."""

    def __init__(self, part_sizes: Sequence[int], checksums: Sequence[str], large: bool = False) -> None:
        self.size = 0
        others = len(part_sizes) + len(checksums)
        self._pool = ThreadPoolExecutor(others, thread_name_prefix="s3sync-hash") if large and others else None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._parts = {size: _Parts(size) for size in part_sizes}
        self._checksums = {name: CHECKSUMS[name]() for name in checksums}

    def update(self, chunk: bytes) -> None:
        """Side by side where the file is large: hashing lets other threads run."""
        self.size += len(chunk)
        others = [*self._parts.values(), *self._checksums.values()]
        if self._pool is not None:
            running = [self._pool.submit(other.update, chunk) for other in others]
            self._md5.update(chunk)
            for each in running:
                each.result()
            return
        self._md5.update(chunk)
        for other in others:
            other.update(chunk)

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def digest(self) -> Digest:
        return Digest(
            self.size, self._md5.hexdigest(), {size: parts.etag() for size, parts in self._parts.items()},
            {name: base64.b64encode(checksum.digest()).decode() for name, checksum in self._checksums.items()},
            {size: b"".join(parts.digests) for size, parts in self._parts.items()},
        )  # fmt: skip


class _Parts:
    """S3's ETag of a multipart upload: the MD5 of the parts' MD5s, and their number."""

    def __init__(self, part_size: int) -> None:
        self._part_size, self._room = part_size, part_size
        self._part = hashlib.md5(usedforsecurity=False)
        self.digests: list[bytes] = []

    def update(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            if not self._room:
                self._end_part()
            self._part.update(view[: self._room])
            taken = min(self._room, len(view))
            self._room -= taken
            view = view[taken:]

    def _end_part(self) -> None:
        self.digests.append(self._part.digest())
        self._part = hashlib.md5(usedforsecurity=False)
        self._room = self._part_size

    def etag(self) -> str:
        self._end_part()
        return f"{_md5(b''.join(self.digests))}-{len(self.digests)}"


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, chunk: bytes) -> None:
        self._value = zlib.crc32(chunk, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


CHECKSUMS: dict[str, Callable[[], Any]] = {
    "CRC32": _Crc32,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
}
"""S3's names of the checksums that the standard library can compute."""


@contextlib.contextmanager
def temporary_spool() -> Iterator[IO[str]]:
    """A text file for lists that may not fit into memory; gone when it is left."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape", prefix="s3sync-") as spool:
        yield spool

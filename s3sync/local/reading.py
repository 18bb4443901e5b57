"""Reads files that others may be writing, and computes all that is asked about their bytes in one pass."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final, NamedTuple

from ..core.objects import Digest, LocalFile
from .digests import CHECKSUMS as CHECKSUMS
from .digests import DEPTH
from .digests import Digester as Digester

_CHUNK = 1024 * 1024
_PIECE = 256 * 1024
"""Bytes that stay in the processor's cache until all digests have seen them."""
AT_ONCE = 128 * 1024
"""Bytes; to hash more takes longer than to hand it to a thread, and lets other threads run meanwhile."""
_LARGE = 16 * 1024 * 1024
"""Bytes from which it is worth a thread to compute several digests at once."""
_TRIES = 3
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Render = Callable[[IO[bytes]], IO[bytes]]
"""Makes of a file's bytes those that are sent."""


NOT_HASHED: Final = ""
"""In place of an MD5."""


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
        if (reading := read_at_once(file, keep)) is not None:
            return reading
        tries -= 1
    for _ in range(tries):
        descriptor, before = _open(file)
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            digester = Digester(part_sizes, checksums)
            if render is None and before.st_size > keep:
                reading = _read_through(file, stream, before, digester, stop)
            else:
                reading = _read_open(file, stream, before, render, keep, digester, stop)
            after = os.fstat(descriptor)
        if _is_same(before, after) and (render is not None or reading.digest.size == after.st_size):
            return reading
        reading.discard()
    raise Restless(file.name)


def read_at_once(file: LocalFile, limit: int, *, hashed: bool = True) -> Reading | None:
    """The file's bytes and their digest, without a stream object, which is half of what a small file costs.

    Not `hashed`: the digest's MD5 is `NOT_HASHED`, as somebody else will see to that. None if it holds more than
    `limit` bytes, or was written to meanwhile: then `read` it. Raises what that raises. Any thread may call.
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
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest() if hashed else NOT_HASHED
    return Reading(_as_of(file, before), Digest(len(data), md5), data, file.path)


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
    if file[2:6] == (found := (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)):
        return file
    return LocalFile(file.name, file.path, *found)


def _read_through(
    file: LocalFile, stream: Any, status: os.stat_result, digester: Digester, stop: Callable[[], bool]
) -> Reading:
    """For the digests alone."""
    large = status.st_size >= _LARGE
    with digester.side_by_side() if large else contextlib.nullcontext(digester.update) as update:
        for piece in _pieces(stream, DEPTH + 1 if large else 1):
            if stop():
                raise Interrupted(file.name)
            update(piece)
    return Reading(_as_of(file, status), digester.digest(), None, file.path)


def _pieces(stream: Any, count: int) -> Iterator[memoryview]:
    """The bytes of a raw stream; each piece stays as it is until `count` more were asked for."""
    for buffer in itertools.cycle([memoryview(bytearray(_PIECE)) for _ in range(count)]):
        if not (size := stream.readinto(buffer)):
            return
        yield buffer[:size]


def _read_open(
    file: LocalFile, stream: Any, status: os.stat_result, render: Render | None, keep: int, digester: Digester,
    stop: Callable[[], bool],
) -> Reading:  # fmt: skip
    source = stream if render is None else render(stream)
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


@contextlib.contextmanager
def temporary_spool() -> Iterator[IO[str]]:
    """A text file for lists that may not fit into memory; gone when it is left."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape", prefix="s3sync-") as spool:
        yield spool

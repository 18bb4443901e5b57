"""All that is computed of a file's bytes in one pass over them."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import Any

from ..core.objects import Digest

DEPTH = 8
"""Pieces that one computation may be behind the others."""


class Digester:
    """Feeds every computation that was asked for."""

    def __init__(self, part_sizes: Sequence[int] = (), checksums: Sequence[str] = ()) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._parts = {size: _Parts(size) for size in part_sizes}
        self._checksums = {name: CHECKSUMS[name]() for name in checksums}
        self._others: list[Any] = [*self._parts.values(), *self._checksums.values()]
        self._first_ends = sorted(part_sizes, reverse=True)

    def update(self, chunk: bytes | memoryview) -> None:
        """Takes the next bytes."""
        self._update_whole(chunk)
        for other in self._others:
            other.update(chunk)

    @contextmanager
    def side_by_side(self) -> Iterator[Callable[[memoryview], None]]:
        """An `update` that leaves all but the MD5 of the whole to threads, which end with it.

        What it is given has to stay as it is until it was called `DEPTH` times more. Hashing lets other threads run.
        """
        beside = [_Beside(other.update) for other in self._others]

        def update(piece: memoryview) -> None:
            for each in beside:
                each.put(piece)
            self._update_whole(piece)

        try:
            yield update
        finally:
            for each in beside:
                each.close()

    def digest(self) -> Digest:
        """The results."""
        for parts in self._parts.values():
            if parts.first is None:  # there is but one
                parts.first = self._md5.digest()
        return Digest(
            self.size, self._md5.hexdigest(), {size: parts.etag() for size, parts in self._parts.items()},
            {name: base64.b64encode(checksum.digest()).decode() for name, checksum in self._checksums.items()},
            {size: b"".join(parts.digests()) for size, parts in self._parts.items()},
        )  # fmt: skip

    def _update_whole(self, chunk: bytes | memoryview) -> None:
        """The MD5 of the whole is that of the first part too, where that ends: of two parts, one need not be hashed."""
        start, end = self.size, self.size + len(chunk)
        while self._first_ends and self._first_ends[-1] < end:
            part_size = self._first_ends.pop()
            self._md5.update(memoryview(chunk)[start - self.size : part_size - self.size])
            self._parts[part_size].first = self._md5.digest()
            start = part_size
        self._md5.update(memoryview(chunk)[start - self.size :] if start > self.size else chunk)
        self.size = end


class _Parts:
    """S3's ETag of a multipart upload: the MD5 of the parts' MD5s, and their number."""

    def __init__(self, part_size: int) -> None:
        self.first: bytes | None = None
        """The MD5 of the first part, which somebody else computes."""
        self._part_size, self._skip, self._room = part_size, part_size, part_size
        self._part: Any = None
        self._digests: list[bytes] = []

    def update(self, chunk: bytes | memoryview) -> None:
        """All bytes from the beginning on, the first part's too."""
        skipped = min(self._skip, len(chunk))
        self._skip -= skipped
        view = memoryview(chunk)[skipped:]
        while view:
            if self._part is None or not self._room:
                self._begin_part()
            taken = min(self._room, len(view))
            self._part.update(view[:taken])
            self._room -= taken
            view = view[taken:]

    def _begin_part(self) -> None:
        if self._part is not None:
            self._digests.append(self._part.digest())
        self._part = hashlib.md5(usedforsecurity=False)
        self._room = self._part_size

    def digests(self) -> list[bytes]:
        last = [] if self._part is None else [self._part.digest()]
        return [self.first or b"", *self._digests, *last]

    def etag(self) -> str:
        digests = self.digests()
        return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


class _Beside:
    """A computation in a thread of its own."""

    def __init__(self, update: Callable[[memoryview], None]) -> None:
        self._update = update
        self._pieces: SimpleQueue[memoryview | None] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(DEPTH):
            self._room.put(None)
        self._thread = Thread(target=self._run, name="s3sync-hash", daemon=True)
        self._thread.start()

    def put(self, piece: memoryview) -> None:
        """Waits while it is too far behind."""
        self._room.get()
        self._pieces.put(piece)

    def close(self) -> None:
        """Waits until all pieces are done."""
        self._pieces.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._update(piece)
            self._room.put(None)


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, chunk: bytes | memoryview) -> None:
        self._value = zlib.crc32(chunk, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


CHECKSUMS: dict[str, Callable[[], Any]] = {
    "CRC32": _Crc32,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
}
"""S3's names of the checksums that the standard library can compute."""

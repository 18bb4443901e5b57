"""A large file in the making: filled in segments, and gone on with after a run that was killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .placing import Destination


@dataclass(slots=True, kw_only=True)
class Segments:
    """An unfinished file that is filled in segments, in any order, and knows later which of them it has.

    Behind the content it holds a byte for each segment, and one for how the content is encoded. Any thread may call.
    """

    destination: Destination
    name: str
    size: int
    """Bytes of the content."""
    length: int
    """Bytes of a segment."""
    _descriptor: int = -1

    def open(self) -> None:
        """Goes on with what is there, or begins. Raises OSError."""
        count = -(-self.size // self.length)
        self._descriptor = self.destination.open_unfinished(self.name, os.O_RDWR | os.O_CREAT)
        self.destination.keep(self.name)
        if os.fstat(self._descriptor).st_size != self.size + count + 1:
            os.ftruncate(self._descriptor, 0)
            os.ftruncate(self._descriptor, self.size + count + 1)

    def missing(self) -> list[tuple[int, int]]:
        """Where segments begin that are still to be fetched, and their lengths, in bytes."""
        count = -(-self.size // self.length)
        done = os.pread(self._descriptor, count, self.size)
        starts = (place * self.length for place, mark in enumerate(done) if not mark)
        return [(start, min(self.length, self.size - start)) for start in starts]

    def write(self, data: bytes, offset: int) -> None:
        """Takes some bytes. Raises OSError."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written

    def done(self, start: int) -> None:
        """The segment that begins there is whole. Its mark must not outlive it, should the machine go down."""
        getattr(os, "fdatasync", os.fsync)(self._descriptor)
        os.pwrite(self._descriptor, b"\1", self.size + start // self.length)

    @property
    def is_encoded(self) -> bool:
        """Whether the content is compressed."""
        return os.pread(self._descriptor, 1, os.fstat(self._descriptor).st_size - 1) == b"\1"

    @is_encoded.setter
    def is_encoded(self, encoded: bool) -> None:
        if encoded:
            os.pwrite(self._descriptor, b"\1", os.fstat(self._descriptor).st_size - 1)

    def finish(self) -> None:
        """Leaves the content alone, and has it on the disk. Raises OSError."""
        os.ftruncate(self._descriptor, self.size)
        os.fsync(self._descriptor)

    def chunks(self, stop: Callable[[], bool]) -> Iterable[bytes]:
        """The content, from its beginning; ends early once `stop` says so."""
        offset = 0
        while offset < self.size and not stop():
            chunk = os.pread(self._descriptor, min(1 << 20, self.size - offset), offset)
            if not chunk:
                return
            yield chunk
            offset += len(chunk)

    def close(self) -> None:
        """Lets go of the file, which stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

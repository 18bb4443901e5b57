"""What is to be sent, read and hashed: small files at once, larger ones by threads, never more than memory allows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from ..core.objects import Digest
from ..local import reading
from ..s3.target import Target
from ..s3.uploader import FAST_LIMIT
from .desk import Desk
from .jobs import Job

_READERS = 4
_QUEUED = 4 * _READERS


@dataclass(slots=True)
class Ticket:
    """What an upload has to remember."""

    job: Job
    reading: reading.Reading
    tries: int
    multipart_etag: str | None = None
    part_md5s: bytes = b""
    sha256: str | None = None
    """Of the bytes in memory; None: nobody has computed it yet."""


Got = Ticket | tuple[Job, Exception]
"""What became of a reading."""


class Bodies:
    """Reads files for the uploads of one run. `fetch` is called by the run's own thread."""

    def __init__(
        self, target: Target, desk: Desk, got: Callable[[Got], None], *, stop: Callable[[], bool],
        needs_sha256: Callable[[], bool],
    ) -> None:  # fmt: skip
        """`got` is told, by the run's own thread, what has become of each reading that `fetch` left to a thread.

        `needs_sha256` tells whether requests will name it; threads ask, as hashing is theirs.
        """
        self._target, self._desk, self._tell = target, desk, got
        self._stop, self._needs_sha256 = stop, needs_sha256
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="s3sync-read")
        self._threshold = target.transfer_config.multipart_threshold
        self._in_memory = min(FAST_LIMIT, self._threshold - 1)
        self._here = min(reading.AT_ONCE, self._in_memory)
        self._in_parts = not target.saves_itself
        self.count = 0
        """Readings under way."""
        self.bytes = 0
        """What they may come to hold in memory."""

    @property
    def full(self) -> bool:
        """Whether enough waits for a thread."""
        return self.count >= _QUEUED

    def fetch(self, job: Job, tries: int) -> Got | None:
        """The file's bytes, or why they can't be had; None if a thread sees to it."""
        file = job.pair.file
        if file.size <= self._here and job.rendering.render is None:
            # Whoever sends the bytes hashes them too, in another process perhaps; a storage that saves itself does not.
            read = job.read if self._in_parts and not tries else None
            try:
                read = read or reading.read_at_once(file, self._here, hashed=not self._in_parts)
                read = read or reading.read(file, keep=self._in_memory)
            except Exception as error:  # noqa: BLE001  of whatever kind, it is this one file's
                return job, error
            if read.digest.size < self._threshold:  # else it has grown beyond what goes up in one piece
                return Ticket(job, read, tries)
        self.count += 1
        self.bytes += self._held(job)
        self._threads.submit(self._fetch, job, tries)
        return None

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _held(self, job: Job) -> int:
        return min(job.pair.file.size, self._in_memory) if self._keeps(job) else 0

    def _keeps(self, job: Job) -> bool:
        """Whether the bytes may fit into memory, as far as the file's size tells."""
        return job.rendering.render is not None or job.pair.file.size <= self._in_memory

    def _fetch(self, job: Job, tries: int) -> None:
        """In a thread, so whatever happens is handed on."""
        got: Got
        try:
            got = self._read(job, tries)
        except Exception as error:  # noqa: BLE001  a storage's own rendering may raise anything
            got = job, error
        self._desk.post(self._got, got)

    def _got(self, got: Got) -> None:
        self.count -= 1
        self.bytes -= self._held(got[0] if isinstance(got, tuple) else got.job)
        self._tell(got)

    def _read(self, job: Job, tries: int) -> Ticket:
        """One reading for the digest, and for the ETag of an upload in parts."""
        threshold, in_parts, stop = self._threshold, self._in_parts, self._stop
        render, file = job.rendering.render, job.pair.file
        sizes = (self._target.part_size_for(file.size),) if in_parts and not render and file.size >= threshold else ()
        read = reading.read(
            file, render=render, keep=self._in_memory if self._keeps(job) else 0, part_sizes=sizes, stop=stop
        )
        digest = read.digest
        if in_parts and not digest.multipart and digest.size >= threshold:
            digest = self._in_parts_too(read)
        if digest.multipart:
            return Ticket(job, read, tries, next(iter(digest.multipart.values())), next(iter(digest.parts.values())))
        signed = read.data is not None and in_parts and self._needs_sha256()
        return Ticket(job, read, tries, sha256=sha256(read.data or b"").hexdigest() if signed else None)

    def _in_parts_too(self, read: reading.Reading) -> Digest:
        """The digest of what is only known since its rendering to go up in parts."""
        rendered, size = read.file._replace(path=read.path), self._target.part_size_for(read.digest.size)
        try:
            return reading.read(rendered, keep=0, part_sizes=(size,), stop=self._stop).digest
        except Exception:
            read.discard()
            raise

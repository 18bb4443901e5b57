"""One object that has come: are these its bytes, and where do they go? Any thread may call."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..core.comparison import part_sizes_for, pull_time_ns
from ..core.objects import Digest, Fingerprint, Head, LocalFile, RemoteObject
from ..local import reading
from ..local.obstacles import Taken
from ..local.placing import Destination
from ..local.segments import Segments
from ..s3.fetching import Facts, Got
from ..s3.target import Target

_CHUNK = 1024 * 1024


class Damaged(Exception):
    """What has come is not what the object's ETag stands for."""

    def __init__(self, md5: str, etag: str) -> None:
        super().__init__(f"it has the MD5 {md5} and the ETag {etag}")
        self.md5 = md5


class NotGzip(Exception):
    """What is said to be compressed is not."""


class Same(Exception):
    """Somebody has written a file of that name meanwhile, with these very bytes."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        super().__init__()
        self.fingerprint = fingerprint


class Occupied(Exception):
    """Somebody has written another file of that name meanwhile."""


@dataclass(frozen=True, slots=True)
class Placed:
    """It is in its place."""

    file: LocalFile
    fingerprint: Fingerprint | None
    """Of the file as a push would send it; None where the storage's own rendering failed."""
    etag_is_no_md5: bool = False


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Looks at what has come, and puts it in place."""

    target: Target
    destination: Destination
    stop: Callable[[], bool]

    def settle(self, got: Got) -> Placed | Exception:
        """Raises nothing: whatever happens is the result."""
        obj, sink = got.get.obj, got.get.sink
        unfinished = self.destination.unfinished(obj.key, obj.etag)
        try:
            return self._settle(got, unfinished)
        except reading.Interrupted as error:
            return error
        except Exception as error:  # noqa: BLE001  the worker's boundary
            if isinstance(sink, Segments):
                sink.close()
            self.destination.discard(unfinished)
            return error
        finally:
            if isinstance(sink, Segments):
                sink.close()

    def _settle(self, got: Got, unfinished: str) -> Placed:
        obj, sink, ticket = got.get.obj, got.get.sink, got.get.ticket
        sizes = part_sizes_for(obj.size, obj.etag, self.target.transfer_config.multipart_chunksize)
        digester = reading.Digester(sizes, ())
        made, no_md5 = unfinished, False
        if got.as_opened:
            digest = None
        elif isinstance(sink, Segments):
            for chunk in sink.chunks(self.stop):
                digester.update(chunk)
            if self.stop():
                raise reading.Interrupted(ticket.name)
            digest = digester.digest()
            no_md5 = self._vouch(obj, got.facts, digest, ticket.md5)
            made = self._made_of(sink, unfinished)
            if made != unfinished:
                digest = None
        else:
            body = got.body or b""
            digester.update(body)
            digest = digester.digest()
            no_md5 = self._vouch(obj, got.facts, digest, ticket.md5)
            if self._is_packed(got.facts.encoding):
                self.destination.write(unfinished, _unpacked(io.BytesIO(body)))
                digest = None
            else:
                self.destination.write(unfinished, (body,))
        file = self._placed(made, got, digest)
        return Placed(file, self._fingerprint(file, ticket.rendering.render, digest), no_md5)

    def _is_packed(self, encoding: str) -> bool:
        """Whether the storage's `open()` would unpack it (django-storages, `S3File`)."""
        return encoding == "gzip" and bool(self.target.storage.gzip)

    def _made_of(self, sink: Segments, unfinished: str) -> str:
        """The name of the file that is to get its place."""
        encoded = sink.is_encoded
        sink.finish()
        if not encoded or not self.target.storage.gzip:
            return unfinished
        made = unfinished + "-unpacked"
        descriptor = self.destination.open_unfinished(unfinished, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as packed:
            self.destination.write(made, _unpacked(packed))
        self.destination.discard(unfinished)
        return made

    def _placed(self, made: str, got: Got, digest: Digest | None) -> LocalFile:
        ticket = got.get.ticket
        try:
            return self.destination.place(made, ticket.name, ticket.seen, pull_time_ns(ticket.obj))
        except Taken as taken:
            ours = digest.md5 if digest is not None else self._md5_of(made)
            self.destination.discard(made)
            theirs = reading.read(taken.file, keep=0)
            if theirs.digest.md5 != ours:
                raise Occupied from taken
            fingerprint = self._fingerprint(taken.file, ticket.rendering.render, theirs.digest)
            raise (Same(fingerprint) if fingerprint is not None else Occupied()) from taken
        except BaseException:
            if made.endswith("-unpacked"):
                self.destination.discard(made)
            raise

    def _md5_of(self, made: str) -> str:
        digester = reading.Digester((), ())
        with os.fdopen(self.destination.open_unfinished(made, os.O_RDONLY), "rb") as stream:
            for chunk in iter(lambda: stream.read(_CHUNK), b""):
                digester.update(chunk)
        return digester.digest().md5

    def _fingerprint(self, file: LocalFile, render: Any, digest: Digest | None) -> Fingerprint | None:
        """Of the file as a push would send it."""
        if render is None and digest is not None:
            return digest.fingerprint
        try:
            read = reading.read(file, render=render, keep=0)
        except Exception:  # noqa: BLE001  a storage's own rendering may raise anything; and a user may have been quick
            return None
        read.discard()
        return read.digest.fingerprint

    def _vouch(self, obj: RemoteObject, facts: Facts, digest: Digest, before: str | None) -> bool:
        """Whether the ETag has turned out to be no MD5. Raises Damaged where the bytes are not vouched for."""
        if obj.etag == digest.md5 or obj.etag in digest.multipart.values() or facts.md5 == digest.md5:
            return False
        plain = len(obj.etag) == 32
        tells = plain and self.target.etags_are_md5 and Head(obj.size, obj.etag, facts.encryption).etag_is_md5
        if digest.size == obj.size and not tells and facts.md5 is None:
            return False  # its length is all that can be told
        if before != digest.md5 or digest.size != obj.size or (plain and self.target.is_aws):
            raise Damaged(digest.md5, obj.etag)
        return plain  # the same bytes came twice: so it is stored


def _unpacked(packed: Any) -> Iterator[bytes]:
    """Raises NotGzip."""
    try:
        with gzip.GzipFile(mode="rb", fileobj=packed) as stream:
            yield from _chunks(stream)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise NotGzip(str(error)) from error


def _chunks(stream: Any) -> Iterable[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk

"""Reads objects by the storage's own client, in a pool of threads: right in every case.

Each read is on condition of the ETag that was listed (`If-Match`), so that a file never holds pieces of two versions.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from botocore.exceptions import ResponseStreamingError
from urllib3.exceptions import HTTPError

from ..core.objects import RemoteObject
from .attempts import Cancelled
from .errors import REMOTE_ERRORS, THROTTLING, TRANSIENT, Trouble, WrongAnswer, trouble_of
from .fetching import DeliverFetched, Facts, Fetched, Get, Gone, Got, Missed, Moved
from .limits import Limits
from .objects import etag_of, head_object
from .reads import opens_itself
from .target import Target

_TRIES = 6
_THROTTLED_TRIES = 10
_LARGE_AT_ONCE = 4
_CHUNK = 256 * 1024
_MEASURED = 16 * 1024
"""Bytes between two looks at the limit."""
_CHANGED = frozenset({"PreconditionFailed", "412", "NoSuchKey", "404", "ConditionalRequestConflict", "409"})
_BROKEN = frozenset({"IncompleteReadError", "FlexibleChecksumError", "ChecksumError"})
"""What botocore says of a body that is not whole."""


class Boto3Gets:
    """`submit` never blocks; deliveries come from the pool's threads."""

    def __init__(
        self, target: Target, *, deliver: DeliverFetched, workers: int,
        progress: Callable[[int], None] = lambda _: None, limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self._limits = limits or Limits()
        self._target, self._deliver, self._progress = target, deliver, progress
        self._client, self._bucket = target.client, target.bucket
        self._opens_itself = opens_itself(target)
        self._workers = max(1, min(workers, target.pool_size))
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="s3sync-get")
        large = min(_LARGE_AT_ONCE, self._workers)
        self._large = ThreadPoolExecutor(large, thread_name_prefix="s3sync-large")
        self._ahead = max(1, self._workers // large)
        self._cancelled = threading.Event()

    def submit(self, get: Get) -> None:
        """Queues one object."""
        pool = self._pool if get.sink is None else self._large
        future: Future[None] = pool.submit(self._run, get)
        future.add_done_callback(lambda done: self._deliver(_given_up(get)) if done.cancelled() else None)

    def cancel(self) -> None:
        """Drops what is queued, and leaves large objects where they are; small ones on the wire come to their end."""
        self._cancelled.set()

    def close(self) -> None:
        """Ends the threads."""
        self.cancel()
        self._large.shutdown(wait=True, cancel_futures=True)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, get: Get) -> None:
        """The worker: whatever happens becomes a delivery."""
        delivery: Fetched
        try:
            delivery = self._fetched(get)
        except Cancelled:
            delivery = _given_up(get)
        except FileNotFoundError as error:  # a storage's own `open()` says so
            delivery = Gone(get) if self._opens_itself else _missed(get, error)
        except Exception as error:  # noqa: BLE001  the worker's boundary
            delivery = _missed(get, error)
        self._deliver(delivery)

    def _fetched(self, get: Get) -> Fetched:
        if get.sink is not None:
            get.sink.open()
        unconditional, number, left = False, -1, get.obj.size + 1
        while True:
            number += 1
            if get.sink is not None and (missing := len(get.sink.missing())) < left:
                number, left = 0, missing  # it gets on
            if self._cancelled.is_set():
                raise Cancelled
            try:
                if self._opens_itself:
                    return self._opened(get)
                if get.sink is not None:
                    return self._in_segments(get, get.sink, unconditional)
                return self._at_once(get, unconditional)
            except REMOTE_ERRORS as error:
                trouble = trouble_of(error)
                if trouble.code in _CHANGED or isinstance(error, _Another):
                    found = self._look_again(get)
                    if found is not None:
                        return found
                    if number + 1 >= _TRIES:
                        raise
                    unconditional = True
                    self._wait(number, trouble)
                    continue
                passes = trouble.code in TRANSIENT | _BROKEN or trouble.code == "TLS"
                tries = _THROTTLED_TRIES if trouble.code in THROTTLING else _TRIES if passes else 1
                if number + 1 >= tries:
                    raise
                self._wait(number, trouble)

    def _look_again(self, get: Get) -> Gone | Moved | None:
        """What has become of the object; None if it is what was listed, and the server has misread the condition."""
        answer = head_object(self._client, self._bucket, get.obj.key, extra=get.extra)
        if answer is None:
            return Gone(get)
        etag, size = etag_of(answer), int(answer.get("ContentLength", 0))
        if (etag, size) == (get.obj.etag, get.obj.size):
            return None
        modified = answer["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return Moved(get, RemoteObject(get.obj.key, size, etag, modified))

    def _arguments(self, get: Get, unconditional: bool) -> dict[str, Any]:
        arguments = {"Bucket": self._bucket, "Key": get.obj.key, **get.extra}
        if get.obj.etag and not unconditional:
            arguments["IfMatch"] = f'"{get.obj.etag}"'
        return arguments

    def _at_once(self, get: Get, unconditional: bool) -> Got:
        answer = self._client.get_object(**self._arguments(get, unconditional))
        body = answer["Body"]
        with contextlib.closing(body):
            facts = self._facts(get, answer)
            if int(answer.get("ContentLength", -1)) != get.obj.size:
                raise _Another
            data = b"".join(self._read(body))
        return Got(get, data, facts)

    def _facts(self, get: Get, answer: Mapping[str, Any]) -> Facts:
        facts = Facts.of(answer)
        if not facts.etag and get.obj.etag:
            raise WrongAnswer(operation="GetObject", missing="an ETag")
        if facts.etag != get.obj.etag:
            raise _Another
        return facts

    def _in_segments(self, get: Get, sink: Any, unconditional: bool) -> Got:
        """Several segments at a time, those of earlier tries and runs left out."""
        facts = Facts(get.obj.etag)
        missing = iter(sink.missing())
        under_way: set[Future[Facts]] = set()
        try:
            while True:
                while len(under_way) < self._ahead and (place := next(missing, None)) is not None:
                    under_way.add(self._pool.submit(self._segment, get, sink, place, unconditional))
                if not under_way:
                    break
                ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in ended:
                    facts = future.result()
        finally:
            for future in under_way:
                future.cancel()
            wait(under_way)
        if self._cancelled.is_set() and sink.missing():
            raise Cancelled
        return Got(get, None, facts)

    def _segment(self, get: Get, sink: Any, place: tuple[int, int], unconditional: bool) -> Facts:
        """One segment, streamed to the disk. Raises Cancelled."""
        start, length = place
        if self._cancelled.is_set():
            raise Cancelled
        arguments = self._arguments(get, unconditional)
        answer = self._client.get_object(Range=f"bytes={start}-{start + length - 1}", **arguments)
        body = answer["Body"]
        with contextlib.closing(body):
            facts = self._facts(get, answer)
            if answer.get("ContentRange") != f"bytes {start}-{start + length - 1}/{get.obj.size}":
                raise WrongAnswer(operation="GetObject", missing="the Content-Range that was asked for")
            offset = start
            for chunk in self._read(body):
                if self._cancelled.is_set():
                    raise Cancelled
                sink.write(chunk, offset)
                offset += len(chunk)
                self._progress(len(chunk))
        if offset != start + length:
            raise WrongAnswer(operation="GetObject", missing="the end of the body")
        if facts.encoding == "gzip":
            sink.is_encoded = True
        sink.done(start)
        return facts

    def _opened(self, get: Get) -> Got:
        """By the storage's own `open()`. What it gives may have another length than the object."""
        with self._target.storage.open(get.name, "rb") as stream:
            get.spool(self._chunks_of(stream))
        return Got(get, None, as_opened=True)

    def _chunks_of(self, stream: Any) -> Iterator[bytes]:
        while chunk := stream.read(self._chunk):
            self._measure(chunk)
            if self._cancelled.is_set():
                raise Cancelled
            yield chunk

    @property
    def _chunk(self) -> int:
        return _MEASURED if self._limits.meters_bytes else _CHUNK

    def _read(self, body: Any) -> Iterator[bytes]:
        """A body in pieces, no faster than the limits allow."""
        for chunk in _read(body, self._chunk):
            self._measure(chunk)
            yield chunk

    def _measure(self, chunk: bytes) -> None:
        """Where there is a limit, a small object may take its time too. Raises Cancelled."""
        if self._limits.meters_bytes:
            self._limits.wait(size=len(chunk))
            if self._cancelled.is_set():
                raise Cancelled

    def _wait(self, attempt: int, trouble: Trouble) -> None:
        limit = 8.0 if trouble.code in THROTTLING else 2.0
        delay = trouble.retry_after or min(limit, 0.25 * 2**attempt) * random.uniform(0.5, 1.0)
        if self._cancelled.wait(min(delay, 30.0)):
            raise Cancelled


class _Another(WrongAnswer):
    """The answer is of another version than the one that was asked for."""

    def __init__(self) -> None:
        super().__init__(operation="GetObject", missing="the version that was asked for")


def _given_up(get: Get) -> Missed:
    return Missed(get, "Cancelled", None, "the run ended before it was fetched")


def _missed(get: Get, error: Exception) -> Missed:
    trouble = trouble_of(error)
    return Missed(get, trouble.code, trouble.http, trouble.message, error if isinstance(error, OSError) else None)


def _read(body: Any, chunk: int) -> Iterator[bytes]:
    """A body in pieces. Raises what botocore raises: it passes on some of urllib3's own errors."""
    try:
        yield from body.iter_chunks(chunk)
    except HTTPError as error:
        raise ResponseStreamingError(error=error) from error

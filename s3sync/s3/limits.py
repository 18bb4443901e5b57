"""`--bwlimit` and `--max-rps`: how fast all of a run's threads together may be."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

from ..core.rate import Bucket
from .calls import CallCounter
from .hooks import Hooks

_CHUNK = 16 * 1024
"""Bytes of a body between two looks at the limit."""
_STREAM = 64 * 1024
"""Bytes a second that each body under way has at least: S3 gives up connections on which nothing comes for 20 s."""
_BURST = 0.25
"""Seconds' worth of bytes that may go at once."""
_CATCH_UP = 0.05
"""Seconds' worth of requests that may go at once: clocks and threads are never on time."""
_MANY = 1 << 16
_SLICE = 0.2


class Limits:
    """One allowance of bytes and one of requests for the whole run. Any thread may ask."""

    def __init__(
        self, bandwidth: float | None = None, requests: float | None = None, *,
        stop: Callable[[], bool] = lambda: False, now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        """Bytes of content a second, and requests a second; None is no limit. Nothing is waited for once `stop()`."""
        self._bandwidth, self._rate, self._stop, self._now, self._sleep = bandwidth, requests, stop, now, sleep
        self._bytes = Bucket(bandwidth, max(_CHUNK, bandwidth * _BURST)) if bandwidth else None
        self._requests = Bucket(requests, max(1.0, requests * _CATCH_UP)) if requests else None
        self._guard = threading.Lock()

    @property
    def any(self) -> bool:
        """Whether there is anything to keep."""
        return self._bytes is not None or self._requests is not None

    @property
    def meters_bytes(self) -> bool:
        """Whether bodies are to be sent in measure."""
        return self._bytes is not None

    @property
    def streams(self) -> int:
        """How many objects may be under way at once, so that each gets on, and none has to wait for long."""
        by_bytes = self._bandwidth // _STREAM if self._bandwidth else _MANY
        return max(1, int(min(by_bytes, self._rate or _MANY)))

    def at_once(self, size: int) -> bool:
        """Whether a body of so many bytes may go in one piece."""
        return self._bandwidth is None or size <= max(_CHUNK, self._bandwidth * _BURST)

    def wait(self, *, requests: int = 0, size: int = 0) -> None:
        """Returns when so much may be sent."""
        with self._guard:
            now = self._now()
            rest = max(
                self._requests.reserve(requests, now) if self._requests and requests else 0.0,
                self._bytes.reserve(size, now) if self._bytes and size else 0.0,
            )
        until = now + rest
        while rest > 0 and not self._stop():
            self._sleep(min(rest, _SLICE))
            rest = until - self._now()

    def sent(self, size: int) -> float:
        """Takes note of a request that has gone, with so many bytes; returns the seconds until the next one may."""
        with self._guard:
            now, rest = self._now(), 0.0
            if self._requests is not None:
                self._requests.reserve(1, now)
                rest = self._requests.owed(now)
            if self._bytes is not None:
                self._bytes.reserve(size, now)
                rest = max(rest, self._bytes.owed(now))
        return rest


class Throttle(Hooks):
    """Keeps a boto3 client within limits: each request that it sends, and each body, whoever makes the call.

    That covers s3transfer's parts and retries, and a storage's own `_save`. Threads may share it.
    """

    def __init__(self, client: Any, limits: Limits, calls: CallCounter) -> None:
        self._limits, self._calls = limits, calls
        super().__init__(client, *([("before-send.s3", self._before)] if limits.any else []))

    def _before(self, request: Any, **_: Any) -> None:
        if self._calls.is_paused:
            return
        self._limits.wait(requests=1)
        if request.body and self._limits.meters_bytes:
            body = request.body
            request.body = Metered(io.BytesIO(body) if isinstance(body, (bytes, bytearray)) else body, self._limits)


class Metered:
    """A body that is not read faster than the limits allow; urllib3 reads it piece by piece, as it sends it."""

    def __init__(self, stream: Any, limits: Limits) -> None:
        self._stream, self._limits = stream, limits

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, and no more than a piece."""
        data: bytes = self._stream.read(_CHUNK if size < 0 else min(size, _CHUNK))
        self._limits.wait(size=len(data))
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

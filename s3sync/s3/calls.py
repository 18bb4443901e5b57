"""Counts what a client puts on the wire, by operation, retries included."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

_EVENT = "before-send.s3"
_unsent = threading.local()
_numbers = itertools.count()
"""botocore ignores a handler whose id it has already, so each counter needs one of its own."""


class CallCounter:
    """Counts every request of a client from now on, until it is closed. Threads may share it."""

    def __init__(self, client: Any) -> None:
        self._lock = threading.Lock()
        self._events, self._id = client.meta.events, f"s3sync-calls-{next(_numbers)}"
        self._closed = False
        self.counts: Counter[str] = Counter()
        self._events.register(_EVENT, self._count, unique_id=self._id)

    def close(self) -> None:
        """Leaves the client; the counts stay."""
        with self._lock:
            self._closed = True
        self._events.unregister(_EVENT, unique_id=self._id)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within it, this thread's requests are built but never sent, so no counter counts them."""
        _unsent.is_so = True
        try:
            yield
        finally:
            _unsent.is_so = False

    @property
    def is_paused(self) -> bool:
        """Whether this thread is within `paused`."""
        return bool(getattr(_unsent, "is_so", False))

    def sent(self, operation: str) -> None:
        """Counts a request that went out without the client."""
        with self._lock:
            if not self._closed:  # a thread may be about to send just now, or still hold on to the handler
                self.counts[operation] += 1

    def _count(self, event_name: str, **_: Any) -> None:
        if not self.is_paused:
            self.sent(event_name.rpartition(".")[2])

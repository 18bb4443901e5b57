"""Counts what a client puts on the wire, by operation, retries included."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any


class CallCounter:
    """Counts every request of a client from now on. Threads may share it."""

    def __init__(self, client: Any) -> None:
        self._lock = threading.Lock()
        self._local = threading.local()
        self.counts: Counter[str] = Counter()
        client.meta.events.register("before-send.s3", self._count, unique_id="s3sync-calls")

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within it, this thread's requests are built but never sent, so they don't count."""
        self._local.paused = True
        try:
            yield
        finally:
            self._local.paused = False

    def _count(self, event_name: str, **_: Any) -> None:
        if not getattr(self._local, "paused", False):
            with self._lock:
                self.counts[event_name.rpartition(".")[2]] += 1

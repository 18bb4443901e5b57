"""Where workers' results wait for the one thread that decides, counts and prints."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

_NAP = 0.001
"""Seconds."""


class Desk:
    """Any thread may `post`; one thread does the `work`."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Callable[[Any], None], Any]] = queue.SimpleQueue()

    def post(self, then: Callable[[Any], None], result: Any) -> None:
        """Leaves a result; `then(result)` is called by the working thread."""
        self._queue.put((then, result))

    def gather(self, count: int, patience: float) -> None:
        """Waits until `count` results lie here, at most `patience` seconds.

        It sleeps rather than waits to be woken: two threads that wake each other for every single object spend more
        time on the interpreter's lock than on the object.
        """
        until = time.monotonic() + patience
        while self._queue.qsize() < count and time.monotonic() < until:
            time.sleep(_NAP)

    def work(self, timeout: float = 0.0) -> bool:
        """Does all that lies here; waits up to `timeout` seconds for the first. Tells whether there was any."""
        try:
            then, result = self._queue.get(timeout=timeout) if timeout else self._queue.get_nowait()
        except queue.Empty:
            return False
        then(result)
        while True:
            try:
                then, result = self._queue.get_nowait()
            except queue.Empty:
                return True
            then(result)

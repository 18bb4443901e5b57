"""Where workers' results wait for the one thread that decides, counts and prints."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

_NAP = 0.001
"""Seconds."""
_T = TypeVar("_T")


class Desk:
    """Any thread may `post`, and add to a tray; one thread does the `work`."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Callable[[Any], None], Any]] = queue.SimpleQueue()
        self._trays: list[Tray[Any]] = []

    def post(self, then: Callable[[Any], None], result: Any) -> None:
        """Leaves a result; `then(result)` is called by the working thread."""
        self._queue.put((then, result))

    def tray(self, then: Callable[[list[_T]], None]) -> Tray[_T]:
        """A place for results that come by the thousand: `then` gets all that lie there in one list, in their order."""
        tray = Tray(self.post, then)
        self._trays.append(tray)
        return tray

    def gather(self, count: int, patience: float) -> None:
        """Waits until `count` results lie here, at most `patience` seconds.

        It sleeps rather than waits to be woken: two threads that wake each other for every single object spend more
        time on the interpreter's lock than on the object.
        """
        until = time.monotonic() + patience
        while self._queue.qsize() + sum(map(len, self._trays)) < count and time.monotonic() < until:
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


class Tray(Generic[_T]):
    """Results of one kind, which the working thread takes together; any thread may `add`."""

    def __init__(self, post: Callable[[Callable[[Any], None], Any], None], then: Callable[[list[_T]], None]) -> None:
        self._post, self._then = post, then
        self._results: deque[_T] = deque()
        self._announced = False

    def __len__(self) -> int:
        return len(self._results)

    def add(self, result: _T) -> None:
        """Leaves one result."""
        self._results.append(result)
        if not self._announced:  # looked at after the result is there: `_take` resets it before it looks for results
            self._announced = True
            self._post(self._take, None)

    def _take(self, _: None) -> None:
        self._announced = False
        results = []
        while self._results:
            results.append(self._results.popleft())
        if results:
            self._then(results)

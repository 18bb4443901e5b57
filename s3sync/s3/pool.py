"""The fast engine's connections: which are free, how more are made, and what ends them."""

from __future__ import annotations

import time
from typing import Protocol

from .opening import Opening, Route
from .origin import Origin
from .reactor import Reactor
from .wire import Connection, Line

IDLE_LIMIT = 3.0
"""Seconds after which an idle connection is not trusted any more: a server that has just dropped it looks the same."""


class Listener(Protocol):
    """Hears what comes of the pool's connections. Called from the event loop's thread only."""

    def answered(self, connection: Connection) -> None:
        """`status`, `headers` and `body` are there; the connection may already serve the next request."""

    def broke(self, connection: Connection, code: str) -> None:
        """No answer will come: the request may or may not have been carried out."""

    def opened(self) -> None:
        """There is one more connection to take."""

    def unreachable(self, error: BaseException) -> None:
        """A connection could not be made."""


class Pool:
    """Keep-alive connections to one origin, of one event loop; lives in that loop's thread."""

    def __init__(
        self,
        loop: Reactor,
        listener: Listener,
        *,
        make: type[Connection] = Connection,
        keeps_bodies: bool = False,
    ) -> None:
        self.origin: Origin | None = None
        """Set before the first connection is asked for."""
        self.busy = 0
        """Connections with a request under way."""
        self._loop, self._listener, self._make, self._keeps_bodies = loop, listener, make, keeps_bodies
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []  # the warmest last
        self._opening: set[Opening] = set()
        self._route: Route | None = None
        self._buffer = memoryview(bytearray(64 * 1024))

    @property
    def live(self) -> int:
        """Connections that serve, or may serve, a request; not those that are about to go."""
        return self.busy + len(self._idle)

    @property
    def opening(self) -> int:
        return len(self._opening)

    def take(self) -> Connection | None:
        """A connection that is ready for a request; give it to `send`, or `put_back`."""
        oldest = time.monotonic() - IDLE_LIMIT
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.active >= oldest:
                return connection
            connection.close()
        return None

    def put_back(self, connection: Connection) -> None:
        self._idle.append(connection)

    def close_idle(self, number: int) -> None:
        """Ends so many of the connections that are free, the coldest first."""
        for connection in self._idle[:number]:
            connection.close()

    def send(self, connection: Connection, job: tuple[object, ...], head: bytes, body: bytes) -> None:
        connection.job = job
        self.busy += 1
        connection.send(head, body)

    def open(self, number: int) -> None:
        """Begins to make so many more; the listener hears of each, never from within this call."""
        if self._route is None:
            assert self.origin is not None
            self._route = Route(self._loop, self.origin)
        for _ in range(number):
            self._opening.add(Opening(self._route, self._opened))

    def sweep(self) -> None:
        """Every so often from now on: ends what has not moved for the origin's `read_timeout`.

        The loop sees to what can be read before its timers, so that one that was held up ends nothing wrongly.
        """
        limit = self.origin.read_timeout if self.origin else 60.0
        stale = time.monotonic() - limit
        for connection in [each for each in self._connections if each.busy and each.active < stale]:
            connection.abandon("timeout")
        self._loop.call_later(min(1.0, limit / 4), self.sweep)

    def abandon_all(self, code: str) -> None:
        """Gives up every request under way."""
        for connection in [each for each in self._connections if each.busy]:
            connection.abandon(code)

    def close(self) -> None:
        """Ends all connections, and nobody hears of it; to be called when the loop has been stopped."""
        for opening in self._opening:
            opening.cancel()
        for connection in self._connections:
            connection.close()
        self._opening.clear()
        self._connections.clear()
        self._idle.clear()

    def _opened(self, opening: Opening, line: Line | None, error: BaseException | None) -> None:
        self._opening.discard(opening)
        if line is not None:
            try:
                made = self._make(self._loop, line, self, self._buffer, keeps_bodies=self._keeps_bodies)
            except OSError as reason:
                error = reason
            else:
                self._connections.add(made)
                self._idle.append(made)
                self._listener.opened()
                return
        assert error is not None
        self._listener.unreachable(error)

    # What connections tell (wire.Owner)

    def answered(self, connection: Connection) -> None:
        self.busy -= 1
        if connection.reusable:
            self._idle.append(connection)
        self._listener.answered(connection)

    def broke(self, connection: Connection, code: str) -> None:
        self.busy -= 1
        self._listener.broke(connection, code)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

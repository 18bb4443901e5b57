"""How a connection comes about: the name, its addresses one after the other, TLS; all without waiting for any."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import takewhile
from time import monotonic
from typing import Any

from .origin import Origin
from .reactor import WRITE, Reactor
from .wire import Line

NAME_LIMIT = 5.0
"""Seconds for which the answer to a name is used again: S3's own are good for about as long, and give other addresses
then."""

Address = tuple[Any, ...]
"""As `getaddrinfo` gives them."""
Told = Callable[[list[Address], BaseException | None], None]


class Route:
    """What all connections to an origin share: its name's addresses and its TLS context. Of one loop's thread."""

    def __init__(self, loop: Reactor, origin: Origin) -> None:
        self.loop, self.origin = loop, origin
        self._addresses: list[Address] = []
        self._good_until = float("-inf")
        self._asking: list[Told] = []
        self._turn = 0
        self._context: Any = None

    def ask(self, told: Told) -> None:
        """Tells the addresses, the best first, or the error; perhaps at once, perhaps in a later round of the loop."""
        if self._good_until >= monotonic():
            told(self._in_turn(), None)
            return
        where = self.origin.host, self.origin.port
        try:
            self._addresses = socket.getaddrinfo(*where, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):  # a name, or what is none: the look-up will say
            self._asking.append(told)
            if len(self._asking) == 1:
                self._look_up(where)
        else:
            self._good_until = float("inf")
            told(self._in_turn(), None)

    def wrapped(self, sock: socket.socket) -> socket.socket:
        """A connected socket as one that speaks TLS, whose handshake is next; the other is of no use any more."""
        if self._context is None:
            from .tls import context_of

            assert self.origin.tls is not None
            self._context = context_of(self.origin.tls)
        made: socket.socket = self._context.wrap_socket(
            sock, server_hostname=self.origin.host, do_handshake_on_connect=False
        )
        return made

    def _look_up(self, where: tuple[str, int]) -> None:
        """In a thread, as only the system's resolver knows what the system thinks of a name, and it waits."""
        from threading import Thread

        loop, found = self.loop, self._found

        def look_up() -> None:
            addresses: list[Address] = []
            error: BaseException | None = None
            try:
                addresses = socket.getaddrinfo(*where, type=socket.SOCK_STREAM)
            except Exception as reason:  # noqa: BLE001  UnicodeError is one of them
                error = reason
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(found, addresses, error)

        try:
            Thread(target=look_up, name="s3sync-name", daemon=True).start()
        except RuntimeError as error:  # too many threads
            found([], error)

    def _found(self, addresses: list[Address], error: BaseException | None) -> None:
        if addresses:
            self._addresses, self._good_until = addresses, monotonic() + NAME_LIMIT
        asking, self._asking = self._asking, []
        for told in asking:  # each by itself: an error of one is not to cost the others their answer
            self.loop.call_soon(told, self._in_turn() if addresses else [], error)

    def _in_turn(self) -> list[Address]:
        """Each time another of those that are as good as the first (of its family) comes first: S3 has many servers."""
        equal = len(list(takewhile(lambda each: each[0] == self._addresses[0][0], self._addresses)))
        first = self._turn % equal
        self._turn += 1
        return self._addresses[first:equal] + self._addresses[:first] + self._addresses[equal:]


class Opening:
    """A connection in the making. `done` is told a line or the error, once, and never from within the constructor."""

    def __init__(self, route: Route, done: Callable[[Opening, Line | None, BaseException | None], None]) -> None:
        self._route, self._loop, self._done = route, route.loop, done
        self._addresses: Iterator[Address] = iter(())
        self._socket: socket.socket | None = None
        self._error: BaseException | None = None
        self._over = False
        self._timer = self._loop.call_later(route.origin.connect_timeout, self._out_of_time)
        self._loop.call_soon(self._begin)

    def cancel(self) -> None:
        """Gives it up; `done` hears nothing."""
        self._over = True
        self._timer.cancel()
        self._drop()

    def _begin(self) -> None:
        if not self._over:
            self._route.ask(self._resolved)

    def _resolved(self, addresses: list[Address], error: BaseException | None) -> None:
        if self._over:
            return
        self._addresses, self._error = iter(addresses), error
        self._next()

    def _next(self) -> None:
        """Begins to connect to the next address."""
        for family, kind, protocol, _, address in self._addresses:
            try:
                self._socket = made = socket.socket(family, kind, protocol)
                made.setblocking(False)
                code = made.connect_ex(address)
                if code in (0, errno.EINPROGRESS):
                    self._loop.watch(made, WRITE, self._connected)
                    return
                raise OSError(code, os.strerror(code))
            except Exception as error:  # noqa: BLE001  no more files, no such family, nobody there
                self._failed_with(error)
        self._fail(self._error or OSError("the name has no address"))

    def _connected(self, events: int) -> None:
        made = self._socket
        if made is None:
            return
        self._loop.forget(made)
        code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._failed_with(OSError(code, os.strerror(code)))
            self._next()
            return
        secure = self._route.origin.tls is not None
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # one packet for a small object
            if secure:
                self._socket = made = self._route.wrapped(made)
                self._loop.watch(made, WRITE, self._shake)  # it is ours to begin
        except Exception as error:  # noqa: BLE001  no authorities, a name that no certificate can have
            self._fail(error)
            return
        if not secure:
            self._finish(Line(made))

    def _shake(self, events: int) -> None:
        from .tls import TlsLine, shaken

        made: Any = self._socket
        if made is None:
            return
        try:
            event = shaken(made)
            if event:
                self._loop.rewatch(made, event, self._shake)
                return
            self._loop.forget(made)
        except Exception as error:  # noqa: BLE001  mostly a certificate that is not trusted
            self._fail(error)
            return
        self._finish(TlsLine(made))

    def _failed_with(self, error: BaseException) -> None:
        self._error = error
        self._drop()

    def _out_of_time(self) -> None:
        if self._over:  # since the timer fell due, in this very round
            return
        self._fail(TimeoutError(f"no connection in {self._route.origin.connect_timeout:g} seconds"))

    def _fail(self, error: BaseException) -> None:
        self.cancel()
        self._done(self, None, error)

    def _finish(self, line: Line) -> None:
        self._over, self._socket = True, None
        self._timer.cancel()
        self._done(self, line, None)

    def _drop(self) -> None:
        made, self._socket = self._socket, None
        if made is not None:
            with suppress(KeyError, ValueError):  # it is not, or no longer, watched
                self._loop.forget(made)
            made.close()

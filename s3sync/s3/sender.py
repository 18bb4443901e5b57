"""The process that signs and sends for the fast engine; `far.Far` is its other end.

It has a bare interpreter, knows nothing of Django or botocore, and gets all that it works with over one socket: where
the server is, the templates of the requests, the credentials (which so stand in no argument and no file), the jobs.
It may have to wait for all of that: it can be started before the other end knows them.
When that socket ends, it ends: nothing goes on without the process that asked for it.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import pickle
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from ..child import leave_signals_to_parent
from ..garbage import look_rarely, spare_what_is_here
from .origin import Origin
from .pace import Pace
from .reactor import READ, WRITE, Reactor
from .send_loop import SendLoop, Told

_LENGTH = 4
"""Bytes before each message that say how long it is."""
_READ = 1024 * 1024
_ROOM = 64 * 1024
_MOST_PARTS = 512
"""Buffers of one system call; POSIX promises 16, Linux and macOS take 1,024."""
_EVERY = 1.0
"""Seconds between two looks at who is there."""
_TOGETHER = 64
"""Results that go back at once, at most ..."""
_SOON = 0.002
"""... or those of so many seconds: each message wakes a thread at the other end."""


class Frames:
    """Messages over a socket between two processes of one and the same program. Each end is used by one thread.

    A message is a tuple of plain values; what is large stands behind it as it is, and only its sizes within.
    """

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._buffer = bytearray(_READ)
        self._start = self._end = 0

    def send(self, kind: str, payload: Any, bodies: Sequence[bytes] = ()) -> None:
        """Sends one message; waits as long as it takes. Raises OSError if nobody is there."""
        parts: list[bytes | memoryview] = [framed(kind, payload, [len(body) for body in bodies]), *bodies]
        while parts:
            sent = self.socket.sendmsg(parts[:_MOST_PARTS])
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if sent:
                parts[0] = memoryview(parts[0])[sent:]

    def receive(self) -> Iterator[tuple[str, Any, list[bytes]]]:
        """The messages that are complete after one more reading. Raises EOFError if there will be none any more."""
        with memoryview(self._buffer) as view:
            read = self.socket.recv_into(view[self._end :])
            if not read:
                raise EOFError
            self._end += read
            wanted = 0
            while self._end - self._start >= _LENGTH:
                begin = self._start + _LENGTH
                size = begin + int.from_bytes(view[self._start : begin], "big")
                wanted = size - self._start
                if size > self._end:
                    break
                kind, payload, sizes = marshal.loads(view[begin:size])
                wanted += sum(sizes)
                if self._start + wanted > self._end:
                    break
                bodies = []
                for length in sizes:
                    bodies.append(bytes(view[size : size + length]))
                    size += length
                self._start, wanted = size, 0
                yield kind, payload, bodies
        self._make_room(wanted)

    def _make_room(self, wanted: int) -> None:
        """For the rest of a message that has come in part, and is `wanted` bytes long as far as that is known."""
        if self._start == self._end:
            self._start = self._end = 0
        elif len(self._buffer) - self._start < max(wanted, _ROOM):
            rest = self._buffer[self._start : self._end]
            if wanted + _ROOM > len(self._buffer):
                self._buffer = bytearray(2 * wanted)
            self._buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the other end has gone
            self.socket.shutdown(socket.SHUT_RDWR)  # closing tells nobody, where a forked process has this end too
        self.socket.close()


def framed(kind: str, payload: Any, sizes: Sequence[int] = ()) -> bytes:
    """A message as it goes over the socket, but for its bodies."""
    data = marshal.dumps((kind, payload, list(sizes)))
    return len(data).to_bytes(_LENGTH, "big") + data


class Sender:
    """Runs a `SendLoop` for the process at the other end."""

    def __init__(self, end: socket.socket, parent: int) -> None:
        self._frames, self._parent = Frames(end), parent
        self._loop = Reactor()
        self._credentials: Any = None
        self._templates: dict[int, Any] = {}
        self._results: list[Told] = []
        self._unsent: deque[memoryview] = deque()
        self._soon = False
        self._events = READ
        self._send: SendLoop

    def run(self) -> None:
        """Works until the other end has gone."""
        end = self._frames.socket
        origin, start, ceiling = self._setup()
        self._send = SendLoop(
            self._loop, Pace(start, ceiling), credentials=lambda: self._credentials, tell=self._tell
        )  # fmt: skip
        self._send.pool.origin = Origin.of_plain(origin)
        end.setblocking(False)
        self._loop.watch(end, READ, self._ready)
        self._say("ready", None)
        self._look_up()
        self._send.run()

    def _look_up(self) -> None:
        _end_without(self._parent)
        self._loop.call_later(_EVERY, self._look_up)

    def _setup(self) -> tuple[Any, int, int]:
        """Waits for the first message."""
        self._frames.socket.settimeout(_EVERY)
        while True:
            try:
                for kind, payload, _ in self._frames.receive():
                    assert kind == "setup"
                    return payload  # type: ignore[no-any-return]
            except TimeoutError:
                _end_without(self._parent)

    def _ready(self, events: int) -> None:
        if events & READ:
            self._hear()
        if events & WRITE:
            self._write()

    def _hear(self) -> None:
        try:
            for kind, payload, bodies in self._frames.receive():
                self._obey(kind, payload, bodies)
        except BlockingIOError:
            return
        except (OSError, EOFError):
            os._exit(0)

    def _obey(self, kind: str, payload: Any, bodies: list[bytes]) -> None:
        if kind == "jobs":
            templates = self._templates
            for (number, template, *others), body in zip(payload, bodies, strict=True):
                self._send.inbox.append((number, templates[template], *others, body))
            self._send.pump()
        elif kind == "template":
            self._templates[payload[0]] = pickle.loads(payload[1])
        elif kind == "credentials":
            access_key, secret_key, token = payload
            self._credentials = SimpleNamespace(access_key=access_key, secret_key=secret_key, token=token)
        elif kind == "cancel":
            self._send.cancel()

    def _tell(self, results: list[Told]) -> None:
        self._results += results
        if len(self._results) >= _TOGETHER:
            self._report()
        elif not self._soon:
            self._soon = True
            self._loop.call_later(_SOON, self._report)

    def _report(self) -> None:
        self._soon = False
        results, self._results = self._results, []
        error, self._send.error = self._send.error, None
        if results or error:
            send = self._send
            self._say("told", (results, send.requests, send.pool.live, send.degraded, error))

    def _say(self, kind: str, payload: Any) -> None:
        self._unsent.append(memoryview(framed(kind, payload)))
        if len(self._unsent) == 1:
            self._write()

    def _write(self) -> None:
        """Never waits: the other end may be writing to us, and wait for our reading."""
        end = self._frames.socket
        while self._unsent:
            try:
                sent = end.send(self._unsent[0])
            except BlockingIOError:
                self._look(READ | WRITE)
                return
            except OSError:
                os._exit(0)
            rest = self._unsent.popleft()[sent:]
            if rest:
                self._unsent.appendleft(rest)
        self._look(READ)

    def _look(self, events: int) -> None:
        if events != self._events:
            self._events = events
            self._loop.rewatch(self._frames.socket, events, self._ready)


def _end_without(parent: int) -> None:
    """Ends with the process that asked for it, also where one that it has forked still holds the other end."""
    if os.getppid() != parent:
        os._exit(0)


def main(number: int, parent: int) -> None:
    """The whole process. `number` is the descriptor of its end of the socket, `parent` who has started it."""
    leave_signals_to_parent()
    look_rarely()
    spare_what_is_here()
    Sender(socket.socket(fileno=number), parent).run()

"""HTTP/1.1 for one purpose: send a request, read the answer, use the connection again.

Framing is RFC 9112's, by httptools (llhttp, without leniencies). What is not a complete, well-framed answer to the
request under way is "broken": the caller never has to wonder what a half answer means.
"""

from __future__ import annotations

import socket
from time import monotonic
from typing import Any, Protocol

import httptools

from .reactor import READ, WRITE, Reactor

HEAD_LIMIT = 64 * 1024
"""Bytes of status lines and headers that one answer may have."""
BODY_KEPT = 64 * 1024
"""Bytes of an answer's body that are kept; S3's error documents have some hundred."""
BODY_LIMIT = 1024 * 1024
"""Bytes of a body that are read at all."""
_WANTED = {
    name.encode(): name
    for name in (
        "etag", "retry-after", "x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm"
    )
}  # fmt: skip
_NONE = memoryview(b"")


class Line:
    """A connected socket that never waits."""

    __slots__ = ("_receive", "_send", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._send, self._receive = sock.send, sock.recv_into

    def begin(self, head: bytes, body: bytes) -> int:
        """Sends what there is room for, and says how much that was.

        -1: nothing, and it is to be tried again when something has come in. Raises OSError.
        """
        try:
            return self.socket.sendmsg((head, body))
        except BlockingIOError:
            return 0

    def send(self, rest: memoryview) -> int:
        """The same for what is left."""
        try:
            return self._send(rest)
        except BlockingIOError:
            return 0

    def receive(self, buffer: memoryview) -> int:
        """How many bytes have come; 0 at the end, -1 if there are none yet. Raises OSError."""
        try:
            return self._receive(buffer)
        except BlockingIOError:
            return -1


class Owner(Protocol):
    """Hears what becomes of a connection. Called from the event loop's thread only."""

    def answered(self, connection: Connection) -> None:
        """`status`, `headers` and `body` are there, and `reusable` says whether another request may follow."""

    def broke(self, connection: Connection, code: str) -> None:
        """No answer will come: the request may or may not have been carried out. The connection is closed."""

    def closed(self, connection: Connection) -> None:
        """The connection has gone; the last that is heard of it."""


class Connection:
    """One keep-alive connection with at most one request under way. Lives in the loop's thread."""

    __slots__ = (
        "_buffer", "_closed", "_complete", "_events", "_excess", "_keeps_alive", "_keeps_bodies", "_line", "_loop",
        "_owner", "_parser", "_received", "_unsent", "active", "body", "busy", "headers", "job", "status",
    )  # fmt: skip
    body_limit = BODY_LIMIT

    def __init__(
        self, loop: Reactor, line: Line, owner: Owner, buffer: memoryview, *, keeps_bodies: bool = False
    ) -> None:
        """`buffer` takes what is read; the connections of a loop share it, as each read is parsed before the next.

        `keeps_bodies`: those of 200s too. Raises OSError, and closes the line, if the system can watch no more of them.
        """
        self._loop, self._line, self._owner, self._buffer = loop, line, owner, buffer
        self._keeps_bodies = keeps_bodies
        self._parser = httptools.HttpResponseParser(self)
        self._unsent = _NONE
        self._events = READ
        self._complete = self._excess = self._closed = False
        self._keeps_alive = True
        self._received = 0
        self.job: Any = None
        """The owner's own, for the request under way."""
        self.busy = False
        self.active = monotonic()
        """When bytes were last seen to move, by `time.monotonic`."""
        self.status = 0
        self.headers: dict[str, str] = {}
        """Of the answer; names in small letters, and only those that somebody reads."""
        self.body = b""
        """Of an answer other than 200 (or any: `keeps_bodies`), at most `BODY_KEPT` bytes."""
        try:
            loop.watch(line.socket, READ, self._ready)  # once: to look away and back again takes the kernel each time
        except OSError:
            line.socket.close()
            raise

    @property
    def reusable(self) -> bool:
        return self._keeps_alive and not self._excess and not self._closed

    def send(self, head: bytes, body: bytes) -> None:
        """Starts a request; the owner hears of its end by `answered` or `broke`, never from within this call."""
        self.busy, self.active = True, monotonic()
        self._complete = self._keeps_alive = False
        self._received, self.status, self.headers, self.body = 0, 0, {}, b""
        try:
            sent = self._line.begin(head, body)
        except OSError:
            self._unsent = memoryview(head + body)  # what may be there already is an answer to less than that
            self._loop.call_soon(self._lost)
            return
        if sent < len(head) + len(body):
            whole = sent >= len(head)
            self._unsent = memoryview(body)[sent - len(head) :] if whole else memoryview(head + body)[max(0, sent) :]
            self._look(READ | WRITE if sent >= 0 else READ)

    def abandon(self, code: str) -> None:
        """Gives up the request under way, and the connection with it."""
        self.busy = False
        self.close()
        self._owner.broke(self, code)

    def close(self) -> None:
        """Ends the connection at once, without a goodbye; harmless if it has ended. `closed` is told later."""
        if self._closed:
            return
        self._closed, self._unsent = True, _NONE
        self._loop.forget(self._line.socket)
        self._line.socket.close()
        self._loop.call_soon(self._owner.closed, self)

    # Called by the loop

    def _ready(self, events: int) -> None:
        if not self._closed:  # in this very round, perhaps
            self._read()
            if self._unsent:
                self._write_on()

    def _read(self) -> None:
        """Takes what has come; more than once only if there is, or may be, more of the same answer."""
        more = True
        while more:
            try:
                size = self._line.receive(self._buffer)
            except OSError:
                size = 0
            if size <= 0:
                if not size:
                    self._lost()
                return
            more = self._take(size)

    def _write_on(self) -> None:
        try:
            sent = self._line.send(self._unsent)
        except OSError:
            self._lost()
            return
        if sent > 0:
            self.active = monotonic()
            self._unsent = self._unsent[sent:] or _NONE  # an empty part of a body keeps all of it
        self._look(READ | WRITE if self._unsent and sent >= 0 else READ)

    def _look(self, events: int) -> None:
        if events != self._events:
            self._events = events
            self._loop.rewatch(self._line.socket, events, self._ready)

    def _lost(self) -> None:
        if self.busy:
            self.abandon("broken")
        else:
            self.close()

    def _take(self, size: int) -> bool:
        """Parses what was read; whether the answer goes on."""
        if not self.busy:  # nobody asked: 408 on an idle connection, or an answer too many
            self.close()
            return False
        self.active = monotonic()
        self._received += size
        try:
            self._parser.feed_data(self._buffer[:size])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # also bytes after "Connection: close"
            self._excess = True
            if not self._complete:
                self.abandon("broken")
                return False
        if self._complete:
            self._end()
            return False
        if self._received > (self.body_limit if self.status else HEAD_LIMIT):
            self.abandon("broken")
            return False
        return True

    # Called by the parser, from within feed_data

    def on_message_begin(self) -> None:
        # A second message behind the answer; httptools would go on parsing it without a word.
        self._excess = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if (wanted := _WANTED.get(name.lower())) and not self._complete:
            self.headers[wanted] = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        if not self._complete:
            self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if (self.status != 200 or self._keeps_bodies) and len(self.body) < BODY_KEPT and not self._complete:
            self.body = (self.body + body)[:BODY_KEPT]

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if self.status < 200:  # 100, 102, 103: the answer is yet to come, in a message of its own
            self.status, self.headers, self.body = 0, {}, b""
            return
        # Only here does the parser know.
        self._complete, self._keeps_alive = True, self._parser.should_keep_alive()

    def _end(self) -> None:
        if self._unsent:
            # Answered before the request was out: no 200 can be true then, and what follows would be taken for a head.
            self._excess = True
            if self.status == 200:
                self.abandon("broken")
                return
        self.busy = False
        if not self.reusable:
            self.close()
        self._owner.answered(self)

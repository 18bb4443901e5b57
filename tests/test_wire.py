"""The HTTP client: answers whole and broken, over real sockets."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s3sync.s3.reactor import READ, WRITE, Reactor
from s3sync.s3.wire import BODY_KEPT, BODY_LIMIT, HEAD_LIMIT, Connection, Line
from tests.scripted import OK, Scripted, Talk, answer, once, saying, scripted

PATIENCE = 5.0
DENIED = b"<Error><Code>AccessDenied</Code></Error>"


@dataclass
class Notes:
    """An owner that writes down what it hears."""

    heard: list[str] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    reusable: list[bool] = field(default_factory=list)

    def answered(self, connection: Connection) -> None:
        self.heard.append("answered")
        self.answers.append((connection.status, dict(connection.headers), bytes(connection.body)))
        self.reusable.append(connection.reusable)

    def broke(self, connection: Connection, code: str) -> None:
        self.heard.append(code)

    def closed(self, connection: Connection) -> None:
        self.heard.append("closed")


class Wired:
    """A loop with one connection, which goes on for as long as a test wants to hear something."""

    def __init__(self, loop: Reactor, line: Line) -> None:
        self.loop, self.notes = loop, Notes()
        self.connection = Connection(loop, line, self.notes, memoryview(bytearray(4096)))

    def until(self, done: Callable[[], bool]) -> None:
        limit = time.monotonic() + PATIENCE

        def look() -> None:
            assert time.monotonic() < limit, self.notes.heard
            if done():
                self.loop.stop()
            else:
                self.loop.call_later(0.002, look)

        self.loop.call_soon(look)
        self.loop.run_forever()

    def hear(self, count: int) -> None:
        self.until(lambda: len(self.notes.heard) >= count)


@contextmanager
def wired(port: int) -> Iterator[Wired]:
    """One connection to a server of this machine."""
    loop, sock = Reactor(), socket.create_connection(("127.0.0.1", port))
    sock.setblocking(False)
    try:
        wire = Wired(loop, Line(sock))
        yield wire
        wire.connection.close()
    finally:
        sock.close()
        loop.close()


def exchange(
    script: Callable[[Talk], None], *bodies: bytes, then: Callable[[Wired], Any] | None = None
) -> tuple[Notes, Scripted]:
    """Sends bodies over one connection, each after the answer to the one before."""
    with scripted(script) as server, wired(server.port) as wire:
        for number, body in enumerate(bodies, start=1):
            head = f"PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
            wire.connection.send(head.encode(), body)
            wire.hear(number)
        if then is not None:
            then(wire)
        wire.connection.close()
        wire.hear(len(bodies) + 1)
        return wire.notes, server


def test_a_connection_is_used_again() -> None:
    """Three requests, one connection; nothing of an answer is left over in the next."""

    def script(talk: Talk) -> None:
        talk.read()
        talk.say(OK)
        talk.read()
        talk.say(answer(403, DENIED, b"x-amz-server-side-encryption: aws:kms"))
        talk.read()
        talk.say(answer(200))

    notes, server = exchange(script, b"1", b"", b"333")

    assert [
        (200, {"etag": '"abc"'}, b""),
        (403, {"x-amz-server-side-encryption": "aws:kms"}, DENIED),
        (200, {}, b""),
    ] == notes.answers
    assert [True, True, True] == notes.reusable
    assert [(b"1", 0), (b"", 0), (b"333", 0)] == [(asked.body, asked.connection) for asked in server.requests]


COMPLETE = {
    "byte by byte": ([bytes([byte]) for byte in OK], 200, True),
    "chunked": (
        [b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<E>\r\n", b"4\r\n</E>\r\n0\r\n", b"\r\n"],
        500, True,
    ),
    "100 first": ([b"HTTP/1.1 100 Continue\r\n\r\n", OK], 200, True),
    "100 and the answer at once": ([b"HTTP/1.1 100 Continue\r\n\r\n" + OK], 200, True),
    "103 with headers": ([b"HTTP/1.1 103 Early Hints\r\nETag: wrong\r\n\r\n", OK], 200, True),
    "204 without length": ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, True),
    "Connection: close": ([answer(200, b"", b"Connection: close")], 200, False),
    "HTTP/1.0": ([b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"], 200, False),
    "a second answer behind it": ([OK + answer(403, DENIED)], 200, False),
    "garbage behind it": ([OK + b"\x00\x01garbage"], 200, False),
    "garbage behind the last one": ([answer(200, b"", b"Connection: close") + b"garbage"], 200, False),
    "the head of a second answer": ([OK + b"HTTP/1.1 5"], 200, False),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPLETE)
def test_complete_answers(name: str) -> None:
    """Whatever its framing, a complete answer counts; only after a clean one the connection does."""
    parts, status, reusable = COMPLETE[name]
    notes, _ = exchange(saying(*parts), b"body")
    assert ["answered", "closed"] == notes.heard
    assert [status] == [each[0] for each in notes.answers]
    assert [reusable] == notes.reusable
    if status == 200:
        assert notes.answers[0][1].get("etag", '"abc"') == '"abc"'
    if name == "chunked":
        assert notes.answers[0][2] == b"<E></E>"


BROKEN = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 20",
    "half a head": b"HTTP/1.1 200 OK\r\nETag: x\r\n",
    "only 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12",
    "a body without length": b"HTTP/1.1 200 OK\r\nETag: x\r\n\r\n12345",
    "garbage": b"\x15\x03\x01\x00\x02\x02",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare line feed in the head": b"HTTP/1.1 200 OK\nETag: x\n: y\n\n",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * HEAD_LIMIT,
    "an endless body": b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\n12345\r\n" * (BODY_LIMIT // 8),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_answers(name: str) -> None:
    """A half answer is none, however much it looks like 200."""
    # What has no end must be cut off by us: there the server goes on waiting.
    script = saying if "endless" in name else once
    notes, _ = exchange(script(BROKEN[name]), b"body")
    assert ["broken", "closed"] == notes.heard
    assert [] == notes.answers


def test_only_the_beginning_of_an_error_is_kept() -> None:
    """The body of a 200 is nobody's business; of others some kilobytes are enough."""
    notes, _ = exchange(saying(answer(500, b"e" * (2 * BODY_KEPT))), b"")
    assert b"e" * BODY_KEPT == notes.answers[0][2]
    notes, _ = exchange(saying(answer(200, b"e" * 100)), b"")
    assert b"" == notes.answers[0][2]


@pytest.mark.parametrize(("early", "heard"), [(OK, "broken"), (answer(403, DENIED), "answered")])
def test_answers_before_the_body_is_out(early: bytes, heard: str) -> None:
    """A refusal may come early, and costs the connection; a 200 for half a body is a lie."""

    gone = threading.Event()

    def script(talk: Talk) -> None:
        talk.read_head()
        talk.say(early)
        gone.wait(20)

    notes, _ = exchange(script, bytes(32 * 1024 * 1024), then=lambda _: gone.set())
    assert [heard, "closed"] == notes.heard
    assert [False] * len(notes.answers) == notes.reusable


def test_bytes_that_nobody_asked_for() -> None:
    """A server that says something on an idle connection (408, mostly) loses it."""

    def script(talk: Talk) -> None:
        talk.read()
        talk.say(OK)
        time.sleep(0.05)
        talk.say(answer(408))
        talk.read()

    def wait(wire: Wired) -> None:
        wire.hear(2)
        assert not wire.connection.reusable

    notes, _ = exchange(script, b"1", then=wait)
    assert ["answered", "closed"] == notes.heard


@pytest.mark.parametrize("size", [0, 1, 256 * 1024 + 1, 8 * 1024 * 1024 + 1])
def test_bodies_arrive_as_they_are(size: int) -> None:
    """Also where the server reads slowly, so that writing has to wait."""
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]

    def script(talk: Talk) -> None:
        time.sleep(0.05)
        talk.read()
        talk.say(OK)

    notes, server = exchange(script, body)
    assert ["answered", "closed"] == notes.heard
    assert body == server.requests[0].body


class Dribble(Line):
    """A line that takes some bytes at a time, now and then none, and ends with an error where it is told to."""

    def __init__(self, sock: socket.socket, steps: list[int], until: float) -> None:
        super().__init__(sock)
        self.steps, self.until, self.taken = itertools.cycle(steps), until, bytearray()

    def begin(self, head: bytes, body: bytes) -> int:
        return self.send(memoryview(head + body))

    def send(self, rest: memoryview) -> int:
        if len(self.taken) >= self.until:
            raise ConnectionResetError
        step = next(self.steps)
        self.taken += rest[: max(0, step)]
        return min(step, len(rest))


@settings(deadline=None)
@example(3, 5, [-1], float("inf"))
@example(3, 5, [0, -1, 2, 3], 8)
@given(
    st.integers(1, 60), st.integers(0, 200), st.lists(st.integers(-1, 50), min_size=1, max_size=5),
    st.one_of(st.just(float("inf")), st.integers(0, 260)),
)  # fmt: skip
def test_bytes_go_out_in_their_order(head: int, body: int, steps: list[int], until: float) -> None:
    """However few the line takes at a time; where it breaks, the owner hears so, and not from within `send`."""
    whole = bytes(range(1, 1 + head)), bytes(range(50, 50 + body))
    here, there = socket.socketpair()
    loop, line = Reactor(), Dribble(here, [*steps, 7], until)
    here.setblocking(False)
    with there, here:
        wire = Wired(loop, line)
        wire.connection.send(*whole)
        assert [] == wire.notes.heard
        # What waits for something to come in gets it: half of a 100 (Continue) at a time.
        said = itertools.cycle(b"HTTP/1.1 100 Continue\r\n\r\n")

        def done() -> bool:
            if wire.notes.heard or len(line.taken) == head + body:
                return True
            there.send(bytes([next(said)]))
            return False

        wire.until(done)
        if len(line.taken) < head + body:
            assert ["broken"] == wire.notes.heard[:1]
            assert until < head + body
        else:
            assert b"".join(whole) == line.taken
        wire.connection.close()
    loop.close()


def test_an_answer_to_what_could_not_be_sent() -> None:
    """If it is there already it counts; the connection does not any more."""
    here, there = socket.socketpair()
    loop = Reactor()
    here.setblocking(False)
    with here, there:
        wire = Wired(loop, Dribble(here, [5], until=0))
        wire.connection.send(b"head", b"body")
        there.send(answer(403, DENIED))
        wire.hear(2)
        assert ["answered", "closed"] == wire.notes.heard
        assert [False] == wire.notes.reusable
        wire.connection.close()
    loop.close()


def test_only_what_can_go_on_is_watched() -> None:
    """A line that is full is not asked again and again, nor one that has to read first, nor one that has sent all."""
    here, there = socket.socketpair()
    loop = Reactor()
    here.setblocking(False)
    with here, there:
        connection = Wired(loop, Dribble(here, [-1, 0, -1, 3, 50], float("inf"))).connection
        connection.send(b"head", b"body")
        seen = [connection._events]
        for _ in range(4):
            connection._ready(READ)
            seen.append(connection._events)
        assert [READ, READ | WRITE, READ, READ | WRITE, READ] == seen
        connection.close()
    loop.close()


def test_one_answer_may_end_another_connection() -> None:
    """Also one that could be read in the same round."""
    loop, pairs = Reactor(), [socket.socketpair() for _ in range(2)]
    wires = [Wired(loop, Line(here)) for here, _ in pairs]
    errors: list[BaseException] = []
    loop.set_exception_handler(errors.append)
    for number, (wire, (here, there)) in enumerate(zip(wires, pairs, strict=True)):
        here.setblocking(False)
        wire.connection.send(b"head", b"")
        there.send(OK)
        wire.notes.answered = lambda _, other=wires[1 - number]: other.connection.abandon("timeout")  # type: ignore[method-assign]
    loop.call_later(0.02, loop.stop)
    loop.run_forever()
    assert [[], ["timeout", "closed"]] == sorted(wire.notes.heard for wire in wires)
    assert [] == errors
    for wire, (here, there) in zip(wires, pairs, strict=True):
        wire.connection.close()
        here.close()
        there.close()
    loop.close()


def test_a_large_body_is_not_copied() -> None:
    """It waits in its own bytes."""
    body = bytes(32 * 1024 * 1024)

    def script(talk: Talk) -> None:
        talk.read_head()
        time.sleep(0.1)
        talk.file.read(len(body))
        talk.say(OK)

    with scripted(script) as server, wired(server.port) as wire:
        wire.connection.send(b"PUT /k HTTP/1.1\r\nContent-Length: 33554432\r\n\r\n", body)
        assert wire.connection._unsent.obj is body
        wire.hear(1)
        assert "answered" == wire.notes.heard[0]


class Fed(Line):
    """A line that takes everything, and reads what it was given."""

    def __init__(self, sock: socket.socket, pieces: list[bytes]) -> None:
        super().__init__(sock)
        self.pieces = pieces

    def begin(self, head: bytes, body: bytes) -> int:
        return len(head) + len(body)

    def receive(self, buffer: memoryview) -> int:
        if not self.pieces:
            return -1
        piece = self.pieces.pop(0)
        buffer[: len(piece)] = piece
        return len(piece)


ANSWERS = {
    "100, then 200": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "403": answer(403, DENIED),
    "200, closing": answer(200, b"", b"Connection: close", b'ETag: "x"'),
    "chunks": b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<E>\r\n4;x=y\r\n</E>\r\n0\r\n\r\n",
    "too many": OK + OK,
    "no end": b"HTTP/1.1 200 OK\r\n\r\n",
    "nonsense": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
}


@settings(deadline=None)
@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(1, 40), max_size=12))
def test_where_an_answer_is_split_makes_no_difference(name: str, steps: list[int]) -> None:
    """TCP may cut a stream anywhere: the outcome is that of the whole, but for what comes after the end."""
    whole = _fed([ANSWERS[name]])
    pieces, rest = [], ANSWERS[name]
    for step in steps:
        pieces, rest = [*pieces, rest[:step]], rest[step:]
    assert whole == _fed([*pieces, rest])


def _fed(pieces: list[bytes]) -> tuple[Any, ...]:
    here, there = socket.socketpair()
    loop = Reactor()
    with here, there:
        line = Fed(here, [piece for piece in pieces if piece])
        wire = Wired(loop, line)
        wire.connection.send(b"head", b"")
        while line.pieces and not wire.connection._closed:
            wire.connection._ready(READ)
        told = list(wire.notes.heard), wire.notes.answers, wire.connection.reusable
        wire.connection.close()
    loop.close()
    return told


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_garbage_never_raises(pieces: list[bytes]) -> None:
    """Whatever comes, the owner hears at most one end of a request."""
    heard, _, _ = _fed([b"HTTP/1.1 " + pieces[0], *pieces[1:]] if pieces else [])
    assert len(heard) <= 1

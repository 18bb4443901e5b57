"""The HTTP client: answers whole and broken, over real sockets."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.s3.wire import BODY_KEPT, BODY_LIMIT, CHUNK, HEAD_LIMIT, Connection
from tests.scripted import OK, Scripted, Talk, answer, once, saying, scripted

DENIED = b"<Error><Code>AccessDenied</Code></Error>"


@dataclass
class Notes:
    """An owner that writes down what it hears."""

    heard: list[str] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    reusable: list[bool] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, connection: Connection) -> None:
        self.heard.append("answered")
        self.answers.append((connection.status, dict(connection.headers), bytes(connection.body)))
        self.reusable.append(connection.reusable)
        self.changed.set()

    def broke(self, connection: Connection, code: str) -> None:
        self.heard.append(code)
        self.changed.set()

    def closed(self, connection: Connection) -> None:
        self.heard.append("closed")
        self.changed.set()

    async def hear(self, count: int) -> None:
        async with asyncio.timeout(20) if hasattr(asyncio, "timeout") else _Forever():
            while len(self.heard) < count:
                self.changed.clear()
                await self.changed.wait()


class _Forever:
    """Python 3.10 has no asyncio.timeout."""

    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *_: object) -> None: ...


def exchange(
    script: Callable[[Talk], None], *bodies: bytes, then: Callable[[Notes, Connection], Any] | None = None
) -> tuple[Notes, Scripted]:
    """Sends bodies over one connection, each after the answer to the one before."""

    async def run(port: int) -> Notes:
        notes = Notes()
        connection = Connection(notes, memoryview(bytearray(4096)))
        await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", port)
        for number, body in enumerate(bodies, start=1):
            connection.send(f"PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode(), body)
            await notes.hear(number)
        if then is not None:
            await then(notes, connection)
        connection.close()
        await notes.hear(len(bodies) + 1)
        return notes

    with scripted(script) as server:
        return asyncio.run(run(server.port)), server


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

    async def end(*_: object) -> None:
        gone.set()

    notes, _ = exchange(script, bytes(32 * 1024 * 1024), then=end)
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

    async def wait(notes: Notes, connection: Connection) -> None:
        await notes.hear(2)
        assert not connection.reusable

    notes, _ = exchange(script, b"1", then=wait)
    assert ["answered", "closed"] == notes.heard


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 8 * 1024 * 1024 + 1])
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


def test_the_transport_is_not_flooded() -> None:
    """A large body waits in its own bytes, not in the transport's copy."""
    seen: list[int] = []

    def script(talk: Talk) -> None:
        talk.read_head()
        time.sleep(0.1)
        talk.file.read(32 * 1024 * 1024)
        talk.say(OK)

    async def run(port: int) -> None:
        notes = Notes()
        connection = Connection(notes, memoryview(bytearray(4096)))
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", port)
        connection.send(b"PUT /k HTTP/1.1\r\nContent-Length: 33554432\r\n\r\n", bytes(32 * 1024 * 1024))
        while not notes.heard:
            seen.append(transport.get_write_buffer_size())
            await asyncio.sleep(0.005)
        connection.close()
        assert notes.heard[0] == "answered"

    with scripted(script) as server:
        asyncio.run(run(server.port))
    assert 0 < max(seen) <= CHUNK + 64 * 1024


class Line:
    """A transport that goes nowhere."""

    aborted = False

    def write(self, chunk: bytes) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


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
    async def run() -> tuple[Any, ...]:
        notes, buffer = Notes(), memoryview(bytearray(4096))
        connection = Connection(notes, buffer)
        connection.connection_made(Line())  # type: ignore[arg-type]
        connection.send(b"head", b"")
        for piece in filter(None, pieces):
            buffer[: len(piece)] = piece
            if not connection._transport.aborted:
                connection.buffer_updated(len(piece))
        return notes.heard, notes.answers, connection.reusable

    return asyncio.run(run())


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_garbage_never_raises(pieces: list[bytes]) -> None:
    """Whatever comes, the owner hears at most one end of a request."""
    heard, _, _ = _fed([b"HTTP/1.1 " + pieces[0], *pieces[1:]] if pieces else [])
    assert len(heard) <= 1

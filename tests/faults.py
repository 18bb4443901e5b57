"""What can go wrong between a client and an S3 server, one fault at a time, on the bytes themselves.

`FaultProxy` stands between the two, speaks TLS to both where the server does, and asks `fault` as soon as it has read a
request's head. A fault is a function of an `Exchange`: it forwards what it likes, answers what it likes, and resets the
connection or lets it wait. Without one, the request passes unchanged.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from ssl import create_default_context
from typing import NoReturn
from urllib.error import HTTPError

from tests.proxy import Proxy, Request, Response, Stream, _describe, _parse_head, _read_body, _read_head, _Upstream
from tests.servers import Server

PATIENCE = 20.0
"""Seconds after which a stalled connection ends whatever the client does."""
RESET = struct.pack("ii", 1, 0)
"""A lingering time of zero: closing sends RST, not FIN."""
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>to use this network<br></body></html>"
XHTML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>to use this network</body></html>'
ERROR_IN_200 = b'<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>try again</Message></Error>'


class Cut(Exception):
    """The connection has ended, or is to end now."""


class Exchange:
    """One request and what is to become of it."""

    def __init__(
        self, proxy: FaultProxy, connection: socket.socket, stream: Stream, upstream: _Upstream, head: bytes
    ) -> None:
        start, headers = _parse_head(head)
        self.request = _describe(start, headers, b"")
        self._proxy, self._connection, self._stream, self._upstream = proxy, connection, stream, upstream
        self._body: bytes | None = None
        self._head = head
        if "100-continue" in headers.get("expect", "").lower():
            self._head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:"))

    def read(self) -> bytes:
        """The whole body."""
        if self._body is None:
            self._invite()
            self._body = _read_body(self._stream, self.request.headers)
            self.request.size = len(self._body)
        return self._body

    def read_half(self) -> bytes:
        """Half of the body, and no more."""
        self._invite()
        return self._stream.read(int(self.request.headers.get("content-length", "0")) // 2)

    def ask(self) -> Response:
        """The server's answer to the request as it came."""
        return self._upstream.ask(self.request.method, self._head + self.read())

    def ask_in_part(self) -> NoReturn:
        """Gives the server, too, no more than half of the body."""
        half = self.read_half()
        with suppress(OSError, ValueError):
            self._upstream.begin(self._head + half)
        self._upstream.close()
        self.reset()

    def answer(self, response: Response) -> None:
        """Sends an answer as a server would."""
        self.request.status = response.status
        self.send(self.encoded(response))

    def encoded(self, response: Response) -> bytes:
        """An answer's bytes."""
        return response.encode(head_only=self.request.method == "HEAD")

    def send(self, data: bytes) -> None:
        """Sends any bytes."""
        self._connection.sendall(data)

    def send_beneath(self, data: bytes) -> None:
        """Sends bytes beneath TLS, where there is any."""
        socket.socket.sendall(self._connection, data)

    def wait(self, seconds: float = PATIENCE) -> None:
        """Waits until the client gives up."""
        deadline = time.monotonic() + seconds
        with suppress(OSError):
            self._connection.settimeout(0.1)
            while time.monotonic() < deadline and not self._proxy.closing:
                try:
                    if not self._connection.recv(1):
                        break
                except TimeoutError:
                    continue

    def reset(self) -> NoReturn:
        """Ends the connection by RST, as a crash or a middlebox does."""
        reset(self._connection)
        raise Cut

    def end(self) -> NoReturn:
        """Ends the connection by FIN, without a word."""
        raise Cut

    def list_page(self, size: int) -> Response:
        """What the server would have answered to this listing, had it been asked for pages of so many keys."""
        return self._proxy.list_page(self.request, size)

    def _invite(self) -> None:
        if "100-continue" in self.request.headers.get("expect", "").lower():
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")


Fault = Callable[[Exchange], None]
"""Deals with one exchange; raises `Cut` where the connection is not to be used again."""


class FaultProxy(Proxy):
    """Stands before a server and lets pass what `fault` returns None for.

    `fault` is asked by one thread at a time, with the request's head. `on_connect` is asked for each connection, and
    says how it ends at once: "reset", "handshake" (a reset after the first bytes), "end" (by FIN then), or None.
    """

    def __init__(self, upstream: Server) -> None:
        super().__init__(upstream)
        self.fault: Callable[[Request], Fault | None] | None = None
        self.on_connect: Callable[[], str | None] | None = None
        self.closing = False
        self.met: list[str] = []
        """What was done, in words, for a test that fails."""
        self._client = upstream.client(signature_version="s3v4")

    def __exit__(self, *exc_info: object) -> None:
        self.closing = True
        super().__exit__(*exc_info)
        self._client.close()

    def list_page(self, request: Request, size: int) -> Response:
        """Asks for the same listing in pages of another size, which takes a signature of its own."""
        names = {"prefix": "Prefix", "continuation-token": "ContinuationToken", "encoding-type": "EncodingType"}
        arguments = {argument: request.query[name] for name, argument in names.items() if request.query.get(name)}
        url = self._client.generate_presigned_url(
            "list_objects_v2", Params={"Bucket": request.bucket, "MaxKeys": size, **arguments}
        )
        context = create_default_context(cafile=self._upstream.ca) if self._upstream.ca else None
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if context:
            handlers.append(urllib.request.HTTPSHandler(context=context))
        with urllib.request.build_opener(*handlers).open(url, timeout=30) as answer:
            return Response(answer.status, headers=dict(answer.headers), body=answer.read())

    def _serve(self, connection: socket.socket) -> None:
        with self._turn:
            verdict = self.on_connect() if self.on_connect else None
        if verdict is not None:
            self.met.append(f"connection: {verdict}")
            if verdict in ("handshake", "end"):
                connection.settimeout(5)
                with suppress(OSError):
                    connection.recv(1 << 16)
            if verdict == "end":
                connection.close()
            reset(connection)
            return
        super()._serve(connection)

    def _serve_one(self, connection: socket.socket, stream: Stream, upstream: _Upstream) -> bool:
        head = _read_head(stream)
        if not head:
            return False
        exchange = Exchange(self, connection, stream, upstream, head)
        fault = self._chosen(exchange.request)
        try:
            (fault or passed)(exchange)
        except Cut:
            return False
        except HTTPError as error:
            self.errors.append(error)
            return False
        return exchange.request.headers.get("connection", "").lower() != "close"

    def _chosen(self, request: Request) -> Fault | None:
        with self._turn:
            self.requests.append(request)
            try:
                fault = self.fault(request) if self.fault else None
            except Exception as error:  # noqa: BLE001 -- handed to the test, which is in another thread
                self.errors.append(error)
                return None
            if fault is not None:
                self.met.append(f"{request.operation} {request.key}: {name_of(fault)}")
            return fault


def reset(connection: socket.socket) -> None:
    """Closes a socket so that the other side gets an RST, also while a file of it is open."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        os.close(connection.detach())


def name_of(fault: Fault) -> str:
    """The name in `FAULTS`."""
    return next((name for name, each in FAULTS.items() if each is fault), getattr(fault, "__name__", "?"))


# The faults


def passed(exchange: Exchange) -> None:
    """No fault."""
    exchange.answer(exchange.ask())


def reset_head(exchange: Exchange) -> None:
    """Nobody reads the body."""
    exchange.reset()


def reset_body(exchange: Exchange) -> None:
    """Half of the body is read."""
    exchange.read_half()
    exchange.reset()


def reset_body_at_server(exchange: Exchange) -> None:
    """Half of the body reaches the server."""
    exchange.ask_in_part()


def not_served(exchange: Exchange) -> None:
    """The request has come whole, and goes nowhere."""
    exchange.read()
    exchange.reset()


def lost(exchange: Exchange) -> None:
    """It is done, and the answer never comes."""
    exchange.ask()
    exchange.reset()


def lost_quietly(exchange: Exchange) -> None:
    """The same, by FIN."""
    exchange.ask()
    exchange.end()


def closed_after(exchange: Exchange) -> None:
    """All is well, but the next request on this connection meets a reset."""
    exchange.answer(exchange.ask())
    exchange.reset()


def cut_status(exchange: Exchange) -> None:
    """Some bytes of the status line."""
    exchange.send(exchange.encoded(exchange.ask())[:7])
    exchange.reset()


def cut_answer(exchange: Exchange) -> None:
    """Half of the answer, then a reset."""
    data = exchange.encoded(exchange.ask())
    exchange.send(data[: len(data) // 2])
    exchange.reset()


def cut_answer_quietly(exchange: Exchange) -> None:
    """All but the last byte, then the end."""
    exchange.send(exchange.encoded(exchange.ask())[:-1])
    exchange.end()


def stall(exchange: Exchange) -> None:
    """The server never hears of it."""
    exchange.read()
    exchange.wait()
    exchange.end()


def stall_body(exchange: Exchange) -> None:
    """Nobody reads on."""
    exchange.read_half()
    exchange.wait()
    exchange.end()


def stall_lost(exchange: Exchange) -> None:
    """It is done, and nobody answers."""
    exchange.ask()
    exchange.wait()
    exchange.end()


def stall_answer(exchange: Exchange) -> None:
    """The answer stops half way."""
    data = exchange.encoded(exchange.ask())
    exchange.send(data[: len(data) // 2])
    exchange.wait()
    exchange.end()


def slow(exchange: Exchange) -> None:
    """The answer comes in pieces."""
    data = exchange.encoded(exchange.ask())
    for start in range(0, len(data), 1 + len(data) // 4):
        time.sleep(0.03)
        exchange.send(data[start : start + 1 + len(data) // 4])


def twice(exchange: Exchange) -> None:
    """The request is delivered twice; the client hears what the server said to the second."""
    exchange.ask()
    exchange.answer(exchange.ask())


def bad_status(exchange: Exchange) -> None:
    """It is done, and the answer is no HTTP."""
    exchange.ask()
    exchange.send(b"HTTP/9.z twohundred\r\n\x00\xff\r\n\r\n")
    exchange.end()


def bad_chunks(exchange: Exchange) -> None:
    """The length of a chunk is no number."""
    answer = exchange.ask()
    exchange.send(
        b"HTTP/1.1 %d OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<a/>\r\nzz\r\n" % answer.status
    )
    exchange.end()


def length_too_long(exchange: Exchange) -> None:
    """The answer has fewer bytes than it says."""
    answer = exchange.ask()
    body = answer.body or b""
    exchange.send(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (answer.status, len(body) + 10) + body)
    exchange.end()


def length_too_short(exchange: Exchange) -> None:
    """The answer has more bytes than it says."""
    answer = exchange.ask()
    exchange.send(b"HTTP/1.1 %d OK\r\nContent-Length: 3\r\n\r\n<a>and so on</a>" % answer.status)
    exchange.end()


def garbage(exchange: Exchange) -> None:
    """Bytes that are not even TLS, where TLS is spoken."""
    exchange.read()
    exchange.send_beneath(b"\x00" * 40 + b"Hello")
    exchange.end()


def _in_its_place(response: Response, *, done: bool) -> Fault:
    def fault(exchange: Exchange) -> None:
        exchange.ask() if done else exchange.read()
        exchange.answer(response)

    return fault


def error_500(code: str = "InternalError", *, done: bool = False) -> Fault:
    """The server fails, before or after it has done what it was asked for."""
    return _in_its_place(Response(500, code), done=done)


def answered(
    status: int, code: str = "", *, body: bytes | None = None, done: bool = False, **headers: str
) -> Fault:
    """An answer that the server did not give; `done`: though it did what was asked for."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return _in_its_place(Response(status, code, fields, body), done=done)


def page_cut(exchange: Exchange) -> None:
    """XML cut in half, in an answer that is whole as HTTP goes."""
    answer = exchange.ask()
    exchange.answer(replace(answer, body=(answer.body or b"")[: len(answer.body or b"") // 2]))


def page_of_another_bucket(exchange: Exchange) -> None:
    """A listing, but not of what was asked for: what a mixed-up cache gives."""
    name = b"another-" + exchange.request.bucket.encode()
    exchange.answer(Response(200, headers={"Content-Type": "application/xml"}, body=_page(name, b"media/zzz")))


def page_of_another_prefix(exchange: Exchange) -> None:
    """A listing of the same bucket, from another place in it."""
    name = exchange.request.bucket.encode()
    exchange.answer(Response(200, headers={"Content-Type": "application/xml"}, body=_page(name, b"elsewhere/zzz")))


def _page(bucket: bytes, key: bytes) -> bytes:
    return (
        b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Name>%s</Name><Prefix></Prefix><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents>"
        b"<Key>%s</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag><Size>1</Size>"
        b"</Contents></ListBucketResult>" % (bucket, key)
    )


CONNECTION: Mapping[str, Fault] = {
    "reset-head": reset_head,
    "reset-body": reset_body,
    "reset-body-at-server": reset_body_at_server,
    "not-served": not_served,
    "lost": lost,
    "lost-quietly": lost_quietly,
    "closed-after": closed_after,
    "cut-status": cut_status,
    "cut-answer": cut_answer,
    "cut-answer-quietly": cut_answer_quietly,
    "slow": slow,
    "garbage": garbage,
}
STALLS: Mapping[str, Fault] = {
    "stall": stall, "stall-body": stall_body, "stall-lost": stall_lost, "stall-answer": stall_answer
}  # fmt: skip
ANSWERS: Mapping[str, Fault] = {
    "bad-status": bad_status,
    "bad-chunks": bad_chunks,
    "length-too-long": length_too_long,
    "length-too-short": length_too_short,
    "html": answered(200, body=HTML, Content_Type="text/html"),
    "html-done": answered(200, body=HTML, Content_Type="text/html", done=True),
    "xhtml": answered(200, body=XHTML, Content_Type="text/html"),
    "xhtml-done": answered(200, body=XHTML, Content_Type="text/html", done=True),
    "empty": answered(200),
    "empty-done": answered(200, done=True),
    "html-502": answered(502, body=HTML, Content_Type="text/html"),
    "html-504-done": answered(504, body=HTML, Content_Type="text/html", done=True),
}
STATUS: Mapping[str, Fault] = {
    "500": error_500(),
    "500-done": error_500(done=True),
    "503": answered(503, "SlowDown"),
    "503-wait": answered(503, "SlowDown", Retry_After="1"),
    "503-odd-wait": answered(503, "SlowDown", Retry_After="\xb2"),
    "429": answered(429, "TooManyRequests"),
}
DELIVERY: Mapping[str, Fault] = {"twice": twice}
IN_200: Mapping[str, Fault] = {
    "error-in-200": answered(200, body=ERROR_IN_200),
    "error-in-200-done": answered(200, body=ERROR_IN_200, done=True),
    "cut-xml-done": page_cut,
}
"""For answers that have a document in them: CompleteMultipartUpload, CopyObject."""
PAGES: Mapping[str, Fault] = {
    "page-cut": page_cut, "page-of-another-bucket": page_of_another_bucket,
    "page-of-another-prefix": page_of_another_prefix,
}  # fmt: skip
FAULTS: Mapping[str, Fault] = {**CONNECTION, **STALLS, **ANSWERS, **STATUS, **DELIVERY, **IN_200, **PAGES}

_SAFE_TO_REPEAT = ("PutObject", "UploadPart", "DeleteObject")


def fits(name: str, operation: str) -> bool:
    """Whether a fault can befall an operation: what has no body can't lose half of it."""
    if name in PAGES:
        return operation.startswith("List")
    if name in IN_200:
        return operation in ("CompleteMultipartUpload", "CopyObject")
    if name in DELIVERY:
        return operation in _SAFE_TO_REPEAT
    if name in ("reset-body", "reset-body-at-server", "stall-body"):
        return operation in ("PutObject", "UploadPart")
    return True


class ByName:
    """Each named thing meets its fault, so many times: `{("PutObject", "media/lost.bin"): "lost"}`."""

    def __init__(self, plan: Mapping[tuple[str, str], str], times: int = 1) -> None:
        self.left = dict.fromkeys(plan, times)
        self._plan = plan

    def __call__(self, request: Request) -> Fault | None:
        what = request.operation, request.key
        if self.left.get(what, 0) == 0:
            return None
        self.left[what] -= 1
        return FAULTS[self._plan[what]]

    @property
    def unmet(self) -> list[tuple[str, str]]:
        """What nobody asked for often enough."""
        return [what for what, left in self.left.items() if left]


class ByChance:
    """Every request meets one of all the faults that fit it, with some probability, until `most` are used up."""

    def __init__(self, chance: random.Random, probability: float, most: int) -> None:
        self._chance, self._probability, self._left = chance, probability, most

    def __call__(self, request: Request) -> Fault | None:
        if self._chance.random() >= self._probability or self._left <= 0:
            return None
        self._left -= 1
        kinds = [name for name in FAULTS if fits(name, request.operation)]
        stalls = [name for name in kinds if name in STALLS]
        # A stall takes the client's whole read_timeout, so it is rarer than the rest.
        usual = [name for name in kinds if name not in STALLS]
        return FAULTS[self._chance.choice(stalls if stalls and self._chance.random() < 0.05 else usual)]

    def on_connect(self) -> str | None:
        """The same for connections."""
        if self._chance.random() >= self._probability or self._left <= 0:
            return None
        self._left -= 1
        return self._chance.choice(["reset", "handshake", "end"])

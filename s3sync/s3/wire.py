"""HTTP/1.1 for one purpose: send a request, read the answer, use the connection again.

Framing is RFC 9112's, by httptools (llhttp, without leniencies). What is not a complete, well-framed answer to the
request under way is "broken": the caller never has to wonder what a half answer means.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

import httptools
from botocore.httpsession import create_urllib3_context, get_cert_path

from .capture import session_of
from .signing import NotFast

CHUNK = 256 * 1024
"""Bytes given to the transport at once: a body waits in its own bytes, not in the transport's copies of it."""
HEAD_LIMIT = 64 * 1024
"""Bytes of status lines and headers that one answer may have."""
BODY_KEPT = 64 * 1024
"""Bytes of an answer's body that are kept; S3's error documents have some hundred."""
BODY_LIMIT = 1024 * 1024
"""Bytes of a body that are read at all."""
_WANTED = frozenset(
    {b"etag", b"retry-after", b"x-amz-server-side-encryption", b"x-amz-server-side-encryption-customer-algorithm"}
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where connections go, and how: what the client's own HTTP session would do for this address."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    connect_timeout: float
    """Seconds; also for the TLS handshake."""
    read_timeout: float
    """Seconds without a byte in either direction."""

    @classmethod
    def of(cls, client: Any, url: str) -> Origin:
        """Raises NotFast for what only botocore's session can do: proxies and client certificates."""
        session, parts = session_of(client), urlsplit(url)
        # The session has already weighed the config, HTTP(S)_PROXY and NO_PROXY against each other.
        if session._proxy_config.proxy_url_for(url):
            raise NotFast("a proxy is in the way")
        if session._cert_file:
            raise NotFast("a client certificate is wanted")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotFast(f"an address of another form: {parts.scheme}://{parts.netloc}")
        secure = parts.scheme == "https"
        tls = _tls_context(session._verify) if secure else None
        config = client.meta.config
        timeouts = _seconds(config.connect_timeout), _seconds(config.read_timeout)
        return cls(parts.hostname, parts.port or (443 if secure else 80), tls, *timeouts)

    def is_for(self, url: str) -> bool:
        """Whether connections made for this origin serve that URL too."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        return (self.host, self.port, self.tls is not None) == (parts.hostname, port, secure)


class Owner(Protocol):
    """Hears what becomes of a connection. Called from the event loop's thread only."""

    def answered(self, connection: Connection) -> None:
        """`status`, `headers` and `body` are there, and `reusable` says whether another request may follow."""

    def broke(self, connection: Connection, code: str) -> None:
        """No answer will come: the request may or may not have been carried out. The connection is closed."""

    def closed(self, connection: Connection) -> None:
        """The connection has gone; the last that is heard of it."""


class Connection(asyncio.BufferedProtocol):
    """One keep-alive connection with at most one request under way. Lives in the event loop's thread."""

    body_limit = BODY_LIMIT

    def __init__(self, owner: Owner, buffer: memoryview, *, keeps_bodies: bool = False) -> None:
        """`buffer` takes what is read; the connections of a loop share it, as each read is parsed before the next.

        `keeps_bodies`: those of 200s too.
        """
        self._owner, self._buffer, self._keeps_bodies = owner, buffer, keeps_bodies
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self._unsent = memoryview(b"")
        self._paused = self._complete = self._excess = False
        self._keeps_alive = True
        self._received = 0
        self.job: Any = None
        """The owner's own, for the request under way."""
        self.busy = False
        self.active = 0.0
        """When bytes were last seen to move, by `time.monotonic`."""
        self.status = 0
        self.headers: dict[str, str] = {}
        """Of the answer; names in small letters, and only those that somebody reads."""
        self.body = b""
        """Of an answer other than 200 (or any: `keeps_bodies`), at most `BODY_KEPT` bytes."""

    @property
    def reusable(self) -> bool:
        return self._keeps_alive and not self._excess and not self._transport.is_closing()

    def send(self, head: bytes, body: bytes) -> None:
        """Starts a request; the owner hears of its end by `answered` or `broke`, never from within this call."""
        self.busy, self.active = True, monotonic()
        self._complete = self._keeps_alive = False
        self._received, self.status, self.headers, self.body = 0, 0, {}, b""
        if len(body) <= CHUNK:
            # One packet for a small object: Nagle's algorithm is off (asyncio does that for every TCP socket).
            self._transport.write(head + body)
            return
        self._transport.write(head)
        self._unsent = memoryview(body)
        self._write_on()

    def abandon(self, code: str) -> None:
        """Gives up the request under way, and the connection with it."""
        self.busy = False
        self.close()
        self._owner.broke(self, code)

    def close(self) -> None:
        """Ends the connection at once; harmless if it has ended, or was never made."""
        self._unsent = memoryview(b"")
        if self._transport is not None:
            self._transport.abort()

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.active = transport, monotonic()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.busy:
            self.abandon("broken")
        self._owner.closed(self)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused, self.active = False, monotonic()
        self._write_on()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self.busy:  # nobody asked: 408 on an idle connection, or an answer too many
            self.close()
            return
        self.active = monotonic()
        self._received += nbytes
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # also bytes after "Connection: close"
            self._excess = True
            if not self._complete:
                self.abandon("broken")
                return
        if self._complete:
            self._end()
        elif self._received > (self.body_limit if self.status else HEAD_LIMIT):
            self.abandon("broken")

    # Called by the parser, from within feed_data

    def on_message_begin(self) -> None:
        # A second message behind the answer; httptools would go on parsing it without a word.
        self._excess = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if (small := name.lower()) in _WANTED and not self._complete:
            self.headers[small.decode()] = value.decode("latin-1").strip()

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

    def _write_on(self) -> None:
        while self._unsent and not self._paused:
            chunk, self._unsent = self._unsent[:CHUNK], self._unsent[CHUNK:]
            self._transport.write(chunk)

    def _end(self) -> None:
        if self._unsent or self._transport.get_write_buffer_size():
            # Answered before the request was out: no 200 can be true then, and what follows would be taken for a head.
            self._excess = True
            if self.status == 200:
                self.abandon("broken")
                return
        self.busy = False
        if not self.reusable:
            self.close()
        self._owner.answered(self)


def _tls_context(verify: Any) -> ssl.SSLContext:
    """What botocore hands to urllib3, with the same certificates trusted; `verify` is already resolved by botocore."""
    context: ssl.SSLContext = create_urllib3_context()
    context.set_alpn_protocols(["http/1.1"])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if verify:
        try:
            context.load_verify_locations(cafile=get_cert_path(verify))
        except OSError as error:
            raise NotFast(f"the CA bundle {verify} cannot be read: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
    return context


def _seconds(value: float | None) -> float:
    return 86400.0 if value is None else float(value)

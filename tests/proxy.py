"""A reverse proxy in front of an S3 server: it counts what is asked, and breaks what a test tells it to break.

The client's request head goes upstream as it came, Host included, so that signatures stay valid.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers import Server

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}

BUCKET_QUERIES = {
    "acl": "BucketAcl",
    "cors": "BucketCors",
    "encryption": "BucketEncryption",
    "lifecycle": "BucketLifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "PublicAccessBlock",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
OBJECT_QUERIES = {"acl": "ObjectAcl", "attributes": "ObjectAttributes", "tagging": "ObjectTagging"}
VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "HEAD": "Head", "POST": "Post"}


@dataclass(slots=True, kw_only=True)
class Request:
    """One request, as the proxy saw it."""

    method: str
    path: str
    """Percent-encoded, as sent."""
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    """Only while a rule looks at it, unless `Proxy.keep_bodies`; framed as sent, where it came in chunks."""
    size: int
    """Bytes of the body."""
    bucket: str
    key: str
    operation: str
    """S3's name for it, such as `PutObject`."""
    status: int | None = None
    """What was answered; None until then, and for ever where the connection was cut."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a rule answers in the server's place."""

    status: int
    code: str = ""
    """S3's error code; makes an XML body where `body` is None."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def encode(self, *, head_only: bool) -> bytes:
        """The bytes for the wire; what answers a HEAD keeps its own Content-Length and has no body."""
        body = self.body
        if body is None:
            body = f"<Error><Code>{escape(self.code)}</Code></Error>".encode() if self.code else b""
        lines = [f"HTTP/1.1 {self.status} {self.code or 'Answer'}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP]
        length = next((v for name, v in self.headers.items() if name.lower() == "content-length"), None)
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {length if head_only and length is not None else len(body)}")
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + (b"" if head_only else body)


class Stream(Protocol):
    """What is read of a socket's file."""

    def read(self, size: int = ..., /) -> bytes: ...
    def readline(self, size: int = ..., /) -> bytes: ...
    def close(self) -> None: ...


Verdict = Response | float | Literal["drop", "drop-after"] | Callable[[Response], Response] | None
Rule = Callable[[Request], Verdict]
"""What to do with a request: see `Proxy.rule`."""


class Proxy:
    """The proxy itself; it listens from `with` on, on a free port.

    Set `rule` to break things. It is called for each request, by one thread at a time, and returns

    - None: forward it;
    - a `Response`: answer so, the server never hears of it;
    - a number: wait that many seconds, then forward it;
    - "drop": cut the connection, the server never hears of it;
    - "drop-after": forward it, then cut the connection instead of answering;
    - a function: forward it, and answer what the function makes of the server's `Response`.
    """

    def __init__(self, upstream: Server) -> None:
        self.requests: list[Request] = []
        self.rule: Rule | None = None
        self.keep_bodies = False
        self.atomic = False
        """Writes of one key go one at a time: moto looks at a condition and stores in two steps, S3 in one."""
        self._counting = threading.Lock()
        self.under_way = 0
        """Requests that are not answered yet; those of a dead process too."""
        self._writing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.errors: list[BaseException] = []
        """What rules raised; the fixture fails a test that leaves any."""
        self._upstream = upstream
        self._turn = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._tls: ssl.SSLContext | None = None
        scheme = "http"
        if upstream.ca:
            scheme = "https"
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(upstream.ca, upstream.ca.with_suffix(".key"))
        self.server = replace(upstream, endpoint_url=f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}")
        """Give this to a project or a client in place of the real one."""

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        _close(self._listener)
        for connection in list(self._open):
            _close(connection)

    def count(self) -> Counter[str]:
        """How often each operation was asked for."""
        return Counter(request.operation for request in self.requests)

    def clear(self) -> None:
        """Forget the requests so far."""
        self.requests.clear()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        upstream = _Upstream(self._upstream)
        self._open.add(connection)
        try:
            if self._tls:
                plain, connection = connection, self._tls.wrap_socket(connection, server_side=True)
                self._open.discard(plain)
                self._open.add(connection)
            with connection.makefile("rb", buffering=1 << 16) as stream:
                while self._serve_one(connection, stream, upstream):
                    pass
        except (OSError, ValueError):
            pass  # an end hung up: the other one notices by itself
        finally:
            upstream.close()
            self._open.discard(connection)
            _close(connection)

    def _serve_one(self, connection: socket.socket, stream: Stream, upstream: _Upstream) -> bool:
        """Serve one request; False when the connection shall end."""
        head = _read_head(stream)
        if not head:
            return False
        start, headers = _parse_head(head)
        if "100-continue" in headers.get("expect", "").lower():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:"))
        request = _describe(start, headers, _read_body(stream, headers))
        with self._counting:
            self.under_way += 1
        try:
            answer = self._answer(request, head, upstream)
        finally:
            with self._counting:
                self.under_way -= 1
        if answer is None:
            return False
        request.status = answer.status
        connection.sendall(answer.encode(head_only=request.method == "HEAD"))
        return headers.get("connection", "").lower() != "close"

    def _answer(self, request: Request, head: bytes, upstream: _Upstream) -> Response | None:
        """What to answer; None where the connection is to be cut."""
        verdict = self._judge(request)
        body = request.body
        if not self.keep_bodies:
            request.body = b""
        if verdict == "drop":
            return None
        if isinstance(verdict, float | int):
            time.sleep(verdict)
        if isinstance(verdict, Response):
            return verdict
        with self._writing[request.path] if self.atomic and request.method != "GET" else nullcontext():
            answer = upstream.ask(request.method, head + body)
        if verdict == "drop-after":
            return None
        return verdict(answer) if callable(verdict) else answer

    def _judge(self, request: Request) -> Verdict:
        with self._turn:
            self.requests.append(request)
            try:
                return self.rule(request) if self.rule else None
            except Exception as error:  # noqa: BLE001 -- handed to the test, which is in another thread
                self.errors.append(error)
                return Response(500, "RuleRaised")


class _Upstream:
    """A kept connection to the server behind; it is the client's counterpart, one for one."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket: socket.socket | None = None
        self._stream: Stream | None = None

    def ask(self, method: str, message: bytes) -> Response:
        """Send a whole request, read its whole answer; a kept connection that turns out dead is replaced once."""
        kept = self._socket is not None
        try:
            return self._exchange(method, message)
        except _NoAnswer:
            self.close()
            if not kept:
                raise
            return self._exchange(method, message)

    def begin(self, message: bytes) -> Stream:
        """Send a request, or a part of one; where its answer will come."""
        if self._socket is None or self._stream is None:
            self._socket = self._connect()
            self._stream = self._socket.makefile("rb", buffering=1 << 16)
        self._socket.sendall(message)
        return self._stream

    def _exchange(self, method: str, message: bytes) -> Response:
        try:
            stream = self.begin(message)
            head = _read_head(stream)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _NoAnswer from error
        if not head:
            raise _NoAnswer
        start, headers = _parse_head(head)
        status = int(start.split()[1])
        if status < 200:
            raise ValueError("an informational answer without an Expect")
        bare = method == "HEAD" or status in (204, 304)
        body = b"" if bare else _read_body(stream, headers, until_end=True, dechunk=True)
        if headers.get("connection", "").lower() == "close" or not start.startswith("HTTP/1.1"):
            self.close()
        lines = head.decode("latin-1").split("\r\n")[1:]
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        return Response(status, headers=fields, body=body)

    def _connect(self) -> socket.socket:
        url = urlsplit(self._server.endpoint_url)
        host = url.hostname or ""
        connection = socket.create_connection((host, url.port or 80), timeout=120)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if url.scheme == "https":
            return ssl.create_default_context(cafile=self._server.ca).wrap_socket(connection, server_hostname=host)
        return connection

    def close(self) -> None:
        if self._stream:
            self._stream.close()
        if self._socket:
            _close(self._socket)
        self._socket = self._stream = None


class _NoAnswer(ConnectionError):
    """The server ended the connection before the first byte of its answer."""


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _read_head(stream: Stream) -> bytes:
    """A message's head with its empty line; nothing at the end of the connection."""
    lines = []
    while line := stream.readline(1 << 16):
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


def _parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return start, headers


def _read_body(
    stream: Stream, headers: dict[str, str], *, until_end: bool = False, dechunk: bool = False
) -> bytes:
    """A message's body; chunks stay framed unless `dechunk`, and a body without length is read only if `until_end`."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _read_chunks(stream, dechunk=dechunk)
    length = headers.get("content-length")
    if length is None:
        return stream.read() if until_end else b""
    body = stream.read(int(length))
    if len(body) < int(length):
        raise ConnectionError("the body ended early")
    return body


def _read_chunks(stream: Stream, *, dechunk: bool) -> bytes:
    framed, data = [], []
    while True:
        line = stream.readline()
        size = int(line.split(b";")[0], 16)
        chunk = stream.read(size) if size else b""
        end = stream.readline() if size else _read_trailer(stream)
        framed += [line, chunk, end]
        data.append(chunk)
        if not size:
            return b"".join(data if dechunk else framed)


def _read_trailer(stream: Stream) -> bytes:
    lines = []
    while line := stream.readline():
        lines.append(line)
        if line == b"\r\n":
            break
    return b"".join(lines)


def _describe(start: str, headers: dict[str, str], body: bytes) -> Request:
    method, target, _ = start.split(" ", 2)
    path, _, query_string = target.partition("?")
    query = dict(parse_qsl(query_string, keep_blank_values=True))
    host = headers.get("host", "").partition(":")[0]
    if host.endswith(".localhost"):
        bucket, key = host.removesuffix(".localhost"), path.lstrip("/")
    else:
        bucket, _, key = path[1:].partition("/")
    return Request(
        method=method,
        path=path,
        query=query,
        headers=headers,
        body=body,
        size=len(body),
        bucket=bucket,
        key=unquote(key),
        operation=name_operation(method, bucket, key, query, headers),
    )


def name_operation(method: str, bucket: str, key: str, query: dict[str, str], headers: dict[str, str]) -> str:
    """S3's own name for a request (API reference, "Actions"), as far as this project and its tests send them."""
    if not bucket:
        return "ListBuckets"
    return _object_operation(method, query, headers) if key else _bucket_operation(method, query)


def _object_operation(method: str, query: dict[str, str], headers: dict[str, str]) -> str:
    copied = "Copy" if "x-amz-copy-source" in headers else ""
    if "uploadId" in query:
        part = f"UploadPart{copied}"
        named = {"PUT": part, "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}
        return named[method]
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "PostObject"
    for parameter, noun in OBJECT_QUERIES.items():
        if parameter in query:
            return VERBS[method] + noun
    return "CopyObject" if copied else f"{VERBS[method]}Object"


def _bucket_operation(method: str, query: dict[str, str]) -> str:
    for parameter, noun in BUCKET_QUERIES.items():
        if parameter in query:
            return VERBS[method] + noun
    if method == "GET":
        for parameter, name in {"uploads": "ListMultipartUploads", "versions": "ListObjectVersions"}.items():
            if parameter in query:
                return name
        return "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
    return {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket", "POST": "DeleteObjects"}[method]

"""A server that has as many objects as one likes, and keeps none: pages, ACLs and ETags are made when asked for.

What is measured against it is the client. It looks at no signature. Objects are numbered; `Canned.name(number)` and
`Canned.content(number)` are what each one is, so that a test can put the same files on the disk.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from tests.servers import Server

OWNER = "0123456789abcdef" * 4
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
GRANT = (
    '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
    f"<ID>{OWNER}</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>"
)
ACL = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<AccessControlPolicy {NAMESPACE}><Owner><ID>{OWNER}</ID></Owner>'
    f"<AccessControlList>{GRANT}</AccessControlList></AccessControlPolicy>"
).encode()
PAYER = f"<RequestPaymentConfiguration {NAMESPACE}><Payer>BucketOwner</Payer></RequestPaymentConfiguration>".encode()
ABSENT = {
    "policy": "NoSuchBucketPolicy", "policyStatus": "NoSuchBucketPolicy", "cors": "NoSuchCORSConfiguration",
    "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration", "website": "NoSuchWebsiteConfiguration",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError", "lifecycle": "NoSuchLifecycleConfiguration",
    "ownershipControls": "OwnershipControlsNotFoundError",
}  # fmt: skip
CHUNK = 1 << 20


def name(number: int) -> str:
    """The storage name of an object. They ascend with their numbers, and some of them have to be quoted."""
    folder, base = divmod(number, 1000)
    return f"{folder:05}/{base:03}" + (" é+.txt" if number % 7 == 0 else ".txt")


def content(number: int) -> bytes:
    """What is stored."""
    return b"%d" % number


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a client has asked for."""

    start: int
    """The number of its first object."""
    token: str | None
    start_after: str | None
    by_botocore: bool
    """Whether the client itself has asked for it."""


Break = Callable[[Page, bytes], bytes | None]
"""Makes of a page and its whole answer what is sent before the connection ends; None: the answer is sent as it is."""


@dataclass
class Canned:
    """Set what it has, then give `server` to a project."""

    objects: int = 0
    page_size: int = 1000
    prefix: str = "media/"
    knows_start_after: bool = True
    break_page: Break = lambda page, answer: None
    pages: list[Page] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    parts: dict[int, int] = field(default_factory=dict)
    """Part number -> bytes."""
    facts: dict[str, bytes] = field(default_factory=dict)
    """What the bucket answers to `?policy` and its like, in place of being without."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._expired = self._first = ""
        url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.server = Server(kind="canned", endpoint_url=url, access_key="testing", secret_key="testing")

    def __enter__(self) -> Canned:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def key(self, number: int) -> str:
        """Where an object lies."""
        return self.prefix + name(number)

    def expire_tokens(self) -> None:
        """From now on, no token that was given out is taken."""
        self._expired += "x"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        with suppress(OSError, ValueError), connection, connection.makefile("rb", 1 << 16) as stream:
            while request := stream.readline():
                headers = _headers(stream)
                if "100-continue" in headers.get("expect", "").lower():
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                method, target, _ = request.decode("latin-1").split(" ", 2)
                answer, whole = self._answer(method, target, headers, stream)
                connection.sendall(answer)
                if not whole:
                    break
        self._open.discard(connection)

    def _answer(
        self, method: str, target: str, headers: dict[str, str], stream: IO[bytes]
    ) -> tuple[bytes, bool]:
        """What is said, and whether the connection stays."""
        length = int(headers.get("content-length", 0))
        path, _, query_string = target.partition("?")
        query = dict(parse_qsl(query_string, keep_blank_values=True))
        key = unquote(path[1:].partition("/")[2])
        if method == "GET" and not key and query.get("list-type") == "2":
            return self._list(query, by_botocore="amz-sdk-invocation-id" in headers)
        digest = _swallow(stream, length, hashed="partNumber" not in query)
        with self._lock:
            if method == "PUT" and "if-none-match" in headers:
                if self._first == key:  # sent once more: somebody wants to know whether conditions are kept
                    return _encoded(412, _error("PreconditionFailed"), method), True
                self._first = self._first or key
            status, body, more = (self._of_object if key else self._of_bucket)(method, key, query, length, digest)
        return _encoded(status, body, method, **more), True

    def _of_bucket(
        self, method: str, key: str, query: dict[str, str], length: int, digest: str
    ) -> tuple[int, bytes, dict[str, str]]:
        for fact, code in ABSENT.items():
            if fact in query:
                self.asked[fact] += 1
                return (200, self.facts[fact], {}) if fact in self.facts else (404, _error(code), {})
        self.asked[f"{method} bucket"] += 1
        if "requestPayment" in query:
            return 200, PAYER, {}
        return 200, ACL if "acl" in query else b"", {}

    def _of_object(
        self, method: str, key: str, query: dict[str, str], length: int, digest: str
    ) -> tuple[int, bytes, dict[str, str]]:
        if "partNumber" in query:
            self.asked["UploadPart"] += 1
            self.parts[int(query["partNumber"])] = length
            return 200, b"", {"ETag": '"part"'}
        if "uploads" in query:
            self.asked["CreateMultipartUpload"] += 1
            begun = f"<InitiateMultipartUploadResult {NAMESPACE}><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            return 200, begun.encode(), {}
        if "uploadId" in query:
            self.asked["CompleteMultipartUpload" if method == "POST" else "AbortMultipartUpload"] += 1
            told = f"<Key>{escape(key)}</Key><ETag></ETag>"  # as Ceph RGW 16 tells it
            done = f"<CompleteMultipartUploadResult {NAMESPACE}>{told}</CompleteMultipartUploadResult>"
            return (200, done.encode(), {}) if method == "POST" else (204, b"", {})
        if "acl" in query:
            self.asked["GetObjectAcl"] += 1
            return 200, ACL, {}
        self.asked[f"{method} object"] += 1
        if method == "PUT":
            return 200, b"", {"ETag": f'"{digest}"'}
        return (204, b"", {}) if method == "DELETE" else (404, _error("NoSuchKey"), {})

    def _list(self, query: dict[str, str], *, by_botocore: bool) -> tuple[bytes, bool]:
        token, after = query.get("continuation-token"), query.get("start-after")
        if token is not None and not token.startswith(f"t{self._expired}-"):
            self.asked["expired"] += 1
            return _encoded(400, _error("InvalidArgument", "The continuation token provided is incorrect"), "GET"), True
        start = int((token or "0").rpartition("-")[2])
        if after is not None and self.knows_start_after:
            start = self._number_after(after)
        page = Page(start, token, after, by_botocore)
        with self._lock:
            self.pages.append(page)
        answer = _encoded(200, self._page(start, query), "GET")
        broken = self.break_page(page, answer)
        return (answer, True) if broken is None else (broken, False)

    def _page(self, start: int, query: dict[str, str]) -> bytes:
        end = min(self.objects, start + self.page_size)
        owner = f"<Owner><ID>{OWNER}</ID></Owner>" if query.get("fetch-owner") == "true" else ""
        coded = query.get("encoding-type") == "url"
        wanted = query.get("prefix", "")
        contents = []
        for number in range(start, end):
            key, data = self.key(number), content(number)
            if not key.startswith(wanted):
                continue
            etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
            contents.append(
                f"<Contents><Key>{quote(key) if coded else escape(key)}</Key>"
                f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{etag}&quot;</ETag>"
                f"<Size>{len(data)}</Size><StorageClass>STANDARD</StorageClass>{owner}</Contents>"
            )
        more = f"<NextContinuationToken>t{self._expired}-{end}</NextContinuationToken>" if end < self.objects else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult {NAMESPACE}>'
            f"<EncodingType>url</EncodingType><IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}"
            f"{''.join(contents)}</ListBucketResult>"
        ).encode()

    def _number_after(self, key: str) -> int:
        """Of the first object whose key is greater."""
        low, high = 0, self.objects
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.key(middle) <= key else (low, middle)
        return low


def _headers(stream: IO[bytes]) -> dict[str, str]:
    found = {}
    while (line := stream.readline().strip()) != b"":
        field_name, _, value = line.decode("latin-1").partition(":")
        found[field_name.lower()] = value.strip()
    return found


def _swallow(stream: IO[bytes], length: int, *, hashed: bool) -> str:
    """Reads a body; tells its MD5, but of a part, whose ETag nobody compares."""
    digest = hashlib.md5(usedforsecurity=False)
    room = memoryview(bytearray(min(length, CHUNK)))
    while length:
        count = stream.readinto(room[: min(length, CHUNK)])  # type: ignore[attr-defined]
        if not count:
            raise ConnectionError
        length -= count
        if hashed:
            digest.update(room[:count])
    return digest.hexdigest()


def _error(code: str, message: str = "") -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def _encoded(status: int, body: bytes, method: str, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Answer", f"Content-Length: {len(body)}", "Content-Type: application/xml"]
    lines += [f"{field_name}: {value}" for field_name, value in headers.items()]
    return "\r\n".join([*lines, "\r\n"]).encode() + (b"" if method == "HEAD" else body)


def refusal(status: int, code: str) -> bytes:
    """An answer for `break_page`, whole."""
    return _encoded(status, _error(code), "GET", Connection="close")


def whole(body: bytes) -> bytes:
    """A 200 with this body, for `break_page`."""
    return _encoded(200, body, "GET", Connection="close")

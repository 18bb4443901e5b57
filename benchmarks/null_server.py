"""An S3 server that does as little as one can: takes PUTs, remembers their keys, answers with the body's MD5.

    python benchmarks/null_server.py            prints its port on the first line, ends with its standard input

It looks at no signature and keeps no content, so what is measured against it is the client. It enforces
`If-None-Match`, and lists what was put, in order. Every key has the same ACL; below `different/` each has its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from bisect import bisect_right
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import httptools

OBJECTS: dict[str, tuple[int, str]] = {}
REQUESTS: dict[str, int] = {}
_PAGE = 1000
_GRANT = (
    '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{}">{}</Grantee>'
    "<Permission>{}</Permission></Grant>"
)
_ID = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
_ACL = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    f"<Owner><ID>{_ID}</ID><DisplayName>%s</DisplayName></Owner><AccessControlList>"
    + _GRANT.format("CanonicalUser", f"<ID>{_ID}</ID>", "FULL_CONTROL")
    + _GRANT.format("Group", "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>", "READ")
    + "</AccessControlList></AccessControlPolicy>"
)


class Connection(asyncio.Protocol):
    """One client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._only_new, self._size, self._md5 = b"", False, 0, hashlib.md5(usedforsecurity=False)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"if-none-match":
            self._only_new = True
        elif name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        self._md5.update(body)

    def on_message_complete(self) -> None:
        method, url = self._parser.get_method().decode(), urlsplit(self._url.decode())
        path = unquote(url.path)
        if method == "GET" and url.query == "acl":
            REQUESTS["GET acl"] = REQUESTS.get("GET acl", 0) + 1
            self._answer(b"200 OK", (_ACL % (escape(path) if "/different/" in path else "somebody")).encode())
            return
        lists = method == "GET" and path.rstrip("/").count("/") == 1
        operation = f"{method} list" if lists else method
        REQUESTS[operation] = REQUESTS.get(operation, 0) + 1
        if method == "PUT":
            self._put(path)
        elif lists:
            self._answer(b"200 OK", listing(path.split("/")[1], parse_qs(url.query)))
        elif method == "HEAD" and path in OBJECTS:
            size, etag = OBJECTS[path]
            self._transport.write(
                b'HTTP/1.1 200 OK\r\nETag: "%s"\r\nContent-Length: %d\r\n\r\n' % (etag.encode(), size)
            )
        else:
            self._answer(b"404 Not Found", b"" if method == "HEAD" else b"<Error><Code>NoSuchKey</Code></Error>")

    def _put(self, path: str) -> None:
        if self._only_new and path in OBJECTS:
            self._answer(b"412 Precondition Failed", b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        etag = self._md5.hexdigest()
        OBJECTS[path] = (self._size, etag)
        self._transport.write(b'HTTP/1.1 200 OK\r\nETag: "%s"\r\nContent-Length: 0\r\n\r\n' % etag.encode())

    def _answer(self, status: bytes, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


def listing(bucket: str, query: dict[str, list[str]]) -> bytes:
    """One page of ListObjectsV2, or of ListObjects."""
    start = f"/{bucket}/"
    keys = sorted(path[len(start) :] for path in OBJECTS if path.startswith(start + query.get("prefix", [""])[0]))
    after = query.get("continuation-token", query.get("marker", [""]))[0]
    keys = keys[bisect_right(keys, after) if after else 0 :]
    page = keys[:_PAGE]
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2030-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{OBJECTS[start + key][1]}&quot;</ETag><Size>{OBJECTS[start + key][0]}</Size></Contents>"
        for key in page
    )
    more = len(keys) > len(page)
    token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
    return (
        f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
    ).encode()


async def main() -> None:
    """Serves on a free loopback port until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

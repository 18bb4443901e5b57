"""An S3 server that does as little as one can: takes PUTs, remembers their keys, answers with the body's MD5.

    python -m benchmarks.null_server [CERTIFICATE KEY]     prints "PORT TLS_PORT", ends with its standard input

It looks at no signature and keeps no content, so what is measured against it is the client. It enforces
`If-None-Match` and `If-Match`, knows uploads in parts, and lists what was put, in order. null_server.c does the same
at a tenth of the cost, and says what `/__/` is for; this one is for machines without a compiler, and answers requests
for ACLs besides: every key has the same; below `different/` each has its own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import httptools

from .null_state import STATE, Stored, control, listing

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


def refusal(status: str, code: str) -> tuple[str, str]:
    """An answer that S3 gives to what it refuses."""
    STATE.counts["refused"] = STATE.counts.get("refused", 0) + 1
    return status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"


def without_frames(body: bytes) -> Iterator[bytes]:
    """The content of a body in chunks of `aws-chunked`."""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            return
        yield body[:length]
        body = body[length + 2 :]


class Connection(asyncio.Protocol):
    """One client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        STATE.counts["connections"] = STATE.counts.get("connections", 0) + 1
        self._transport: Any = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._size, self._md5 = b"", 0, hashlib.md5(usedforsecurity=False)
        self._headers: dict[str, str] = {}
        self._chunks = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        if name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if "aws-chunked" in self._headers.get("content-encoding", ""):
            self._chunks += body
            return
        self._size += len(body)
        if "content-md5" not in self._headers:
            self._md5.update(body)

    def on_message_complete(self) -> None:
        for chunk in without_frames(self._chunks):
            self._size += len(chunk)
            self._md5.update(chunk)
        method, url = self._parser.get_method().decode(), urlsplit(self._url.decode("latin-1"))
        path = unquote(url.path, errors="surrogateescape").lstrip("/")
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        if path.startswith("__/"):
            self._send("200 OK", json.dumps(control(path[3:], query)), {})
            return
        operation, (status, body), headers = self._carry_out(method, path, query)
        STATE.counts[operation] = STATE.counts.get(operation, 0) + 1
        if STATE.latency:
            asyncio.get_running_loop().call_later(STATE.latency, self._send, status, body, headers)
        else:
            self._send(status, body, headers)

    def _carry_out(
        self, method: str, path: str, query: dict[str, str]
    ) -> tuple[str, tuple[str, str], dict[str, str]]:  # fmt: skip
        bucket, _, key = path.partition("/")
        if method == "GET" and "acl" in query:
            return "GetObjectAcl", ("200 OK", _ACL % (escape(path) if "/different/" in path else "somebody")), {}
        if not key:
            return self._of_bucket(method, bucket, query)
        found = STATE.objects.get(path)
        if method == "PUT":
            return self._put(path, query)
        if method == "POST":
            return self._post(path, query)
        if method == "DELETE":
            if "uploadId" in query:
                STATE.uploads.pop(query["uploadId"], None)
                return "AbortMultipartUpload", ("204 No Content", ""), {}
            STATE.forget(path)
            return "DeleteObject", ("204 No Content", ""), {}
        if method == "HEAD" and found:
            stamp = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(found.modified))
            shown = {"ETag": f'"{found.etag}"', "Last-Modified": stamp, "Content-Length": str(found.size)}
            return "HeadObject", ("200 OK", ""), found.metadata | shown
        if method == "HEAD":
            return "HeadObject", ("404 Not Found", ""), {}
        return "GetObject", refusal("501 Not Implemented", "NotImplemented"), {}

    def _of_bucket(
        self, method: str, bucket: str, query: dict[str, str]
    ) -> tuple[str, tuple[str, str], dict[str, str]]:  # fmt: skip
        if method == "HEAD":
            return "HeadBucket", ("200 OK", ""), {"x-amz-bucket-region": "us-east-1"}
        if method == "PUT":
            return "CreateBucket", ("200 OK", ""), {}
        if method != "GET":
            return "other", refusal("501 Not Implemented", "NotImplemented"), {}
        if "location" in query:
            return "other", ("200 OK", "<LocationConstraint/>"), {}
        if "uploads" in query:
            return "other", ("200 OK", "<ListMultipartUploadsResult/>"), {}
        return "ListObjects", ("200 OK", listing(bucket, query)), {}

    def _put(self, path: str, query: dict[str, str]) -> tuple[str, tuple[str, str], dict[str, str]]:
        given = self._headers.get("content-md5")
        md5 = base64.b64decode(given) if given else self._md5.digest()
        answered = {"ETag": f'"{md5.hex()}"'}
        STATE.counts["bytes"] = STATE.counts.get("bytes", 0) + self._size
        if "uploadId" in query:
            if query["uploadId"] not in STATE.uploads:
                return "UploadPart", refusal("404 Not Found", "NoSuchUpload"), {}
            STATE.uploads[query["uploadId"]][1][int(query["partNumber"])] = self._size, md5
            return "UploadPart", ("200 OK", ""), answered
        if "x-amz-copy-source" in self._headers:
            source = STATE.objects.get(unquote(self._headers["x-amz-copy-source"]).lstrip("/"))
            if source is None:
                return "CopyObject", refusal("404 Not Found", "NoSuchKey"), {}
            STATE.store(path, Stored(source.size, source.etag, time.time(), self._metadata()))
            return (
                "CopyObject",
                ("200 OK", f"<CopyObjectResult><ETag>&quot;{source.etag}&quot;</ETag></CopyObjectResult>"),
                {},
            )
        refused = self._refused(path)
        if refused:
            return "PutObject", refused, {}
        STATE.store(path, Stored(self._size, md5.hex(), time.time(), self._metadata()))
        return "PutObject", ("200 OK", ""), answered

    def _post(self, path: str, query: dict[str, str]) -> tuple[str, tuple[str, str], dict[str, str]]:
        bucket, _, key = path.partition("/")
        named = f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key>"
        if "uploads" in query:
            number = str(next(STATE.numbers))
            STATE.uploads[number] = self._metadata(), {}
            body = f"{named}<UploadId>{number}</UploadId>"
            body = f"<InitiateMultipartUploadResult>{body}</InitiateMultipartUploadResult>"
            return "CreateMultipartUpload", ("200 OK", body), {}
        if "uploadId" not in query:
            return "other", refusal("501 Not Implemented", "NotImplemented"), {}
        metadata, parts = STATE.uploads.get(query["uploadId"], ({}, {}))
        refused = self._refused(path) if parts else refusal("404 Not Found", "NoSuchUpload")
        if refused:
            return "CompleteMultipartUpload", refused, {}
        whole = hashlib.md5(b"".join(parts[number][1] for number in sorted(parts)), usedforsecurity=False).hexdigest()
        etag = f"{whole}-{len(parts)}"
        STATE.store(path, Stored(sum(size for size, _ in parts.values()), etag, time.time(), metadata))
        del STATE.uploads[query["uploadId"]]
        body = f"<CompleteMultipartUploadResult>{named}<ETag>&quot;{etag}&quot;</ETag></CompleteMultipartUploadResult>"
        return "CompleteMultipartUpload", ("200 OK", body), {}

    def _refused(self, path: str) -> tuple[str, str] | None:
        found, wanted = STATE.objects.get(path), self._headers.get("if-match")
        if "if-none-match" in self._headers and found:
            return refusal("412 Precondition Failed", "PreconditionFailed")
        if wanted is not None and found is None:
            return refusal("404 Not Found", "NoSuchKey")
        if wanted is not None and found and found.etag != wanted.strip('"'):
            return refusal("412 Precondition Failed", "PreconditionFailed")
        return None

    def _metadata(self) -> dict[str, str]:
        return {name: value for name, value in self._headers.items() if name.startswith("x-amz-meta-")}

    def _send(self, status: str, body: str, headers: dict[str, str]) -> None:
        content = body.encode("utf-8", "surrogateescape")
        lines = {"Content-Length": str(len(content))} if not status.startswith("204") else {}
        head = "".join(f"{name}: {value}\r\n" for name, value in (lines | headers).items())
        self._transport.write(f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + content)


async def main() -> None:
    """Serves on free loopback ports until standard input ends."""
    loop = asyncio.get_running_loop()
    server, tls_port = await loop.create_server(Connection, "127.0.0.1", 0), 0
    if len(sys.argv) > 2:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        secure = await loop.create_server(Connection, "127.0.0.1", 0, ssl=context)
        tls_port = secure.sockets[0].getsockname()[1]
    print(server.sockets[0].getsockname()[1], tls_port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

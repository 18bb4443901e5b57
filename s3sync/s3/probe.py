"""Fetches a URL as a stranger's browser would: no credentials, no cookies, no proxy's or netrc's help."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import unescape

from .capture import unsent
from .signing import quote_key

_HOPS = 5
_TIMEOUT = 20.0
_REDIRECTS = (301, 302, 303, 307, 308)
_READ = 4096
"""Bytes of a body that are read: S3's error documents have some hundred."""
_PAUSES = (0.5, 2.0)
"""Seconds before a server that was busy is asked again."""
_CODE = re.compile(rb"<Error>.*?<Code>([^<]{1,200})</Code>", re.DOTALL)
_FIRST_BYTE = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
_PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back in the end."""

    status: int | None
    """The HTTP status; None where no answer came."""
    url: str
    """What was asked last, without its query: that may hold a signature."""
    error: str = ""
    """Why there is no answer, or why it is not what was asked for."""
    code: str = ""
    """S3's own word for a refusal, such as `AccessDenied` or `InvalidObjectState`; empty where there was none."""

    @property
    def is_readable(self) -> bool:
        """Whether the file can be read: also an empty one, which has no first byte."""
        return self.status in (200, 206, 416) and not self.error


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer, redirects included."""

    status: int
    location: str | None
    body: bytes
    """Its beginning; of a refusal, or if it was asked for."""


class Stranger:
    """Any thread may call. `verify` as boto3 takes it: False, or the path of a bundle of certificates."""

    def __init__(self, verify: bool | str | None = None) -> None:
        bundle = verify if isinstance(verify, str) else os.environ.get("AWS_CA_BUNDLE")
        self._context = ssl.create_default_context(cafile=bundle or None)
        if verify is False:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def fetch(self, url: str) -> Fetched:
        """Asks for the first byte, and follows redirects."""
        return self._fetch(url, _FIRST_BYTE)[0]

    def fetch_content(self, url: str) -> tuple[Fetched, bytes]:
        """Asks for all, and follows redirects; gives the first 4,096 bytes."""
        return self._fetch(url, {"Accept-Encoding": "identity"})

    def fetch_listing(self, client: Any, bucket: str, prefix: str = "") -> Fetched:
        """Asks for a listing of the bucket, one key long; readable if there is one, though the bucket be empty.

        The client only tells the address. Raises what botocore raises.
        """
        fetched, body = self._fetch(listing_url(client, bucket, prefix), {"Accept-Encoding": "identity"})
        if fetched.status == 200 and b"<ListBucketResult" not in body:
            return Fetched(200, fetched.url, "the answer is no listing")
        return fetched

    def _fetch(self, url: str, headers: dict[str, str]) -> tuple[Fetched, bytes]:
        for _ in range(_HOPS):
            try:
                answer = self._patiently(url, headers)
            except (OSError, http.client.HTTPException, ValueError) as error:
                return Fetched(None, _bare(url), str(error) or type(error).__name__), b""
            if answer.status not in _REDIRECTS or answer.location is None:
                code = _code(answer.body) if answer.status >= 300 else ""
                return Fetched(answer.status, _bare(url), code=code), answer.body
            url = urljoin(url, answer.location)
        return Fetched(None, _bare(url), "too many redirects"), b""

    def _patiently(self, url: str, headers: dict[str, str]) -> _Answer:
        """The answer, unless it is a 503: then that to another try."""
        for pause in _PAUSES:
            answer = self._ask(url, headers)
            if answer.status != 503:
                return answer
            time.sleep(pause)
        return self._ask(url, headers)

    def _ask(self, url: str, headers: dict[str, str]) -> _Answer:
        connection, target = self._connection(url)
        try:
            # http.client sends the path as it is: dot segments and all.
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            wanted = answer.status not in (206, 416) and ("Range" not in headers or answer.status != 200)
            body = answer.read(_READ) if wanted else b""
            return _Answer(answer.status, answer.getheader("Location"), body)
        finally:
            connection.close()

    def _connection(self, url: str) -> tuple[http.client.HTTPConnection, str]:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not parts.hostname:
            raise ValueError("the address names no host")
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=_TIMEOUT, context=self._context
            ), target
        if parts.scheme != "http":
            raise ValueError(f"an address that begins with {parts.scheme}:")
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT), target


def object_url(client: Any, bucket: str, key: str) -> str:
    """The plain, unsigned URL of an object, as this client addresses it (by path or by host).

    Every key arrives as it is: S3 wants it percent-encoded once and never normalised. Sends nothing; raises what
    botocore raises where there are no credentials, NotFast where a hook of the user's answers in S3's place.
    """
    request = unsent(client, "HEAD", lambda its: its.head_object(Bucket=bucket, Key=_PROBE))
    return request.url.partition("?")[0].removesuffix(_PROBE) + quote_key(key)


def listing_url(client: Any, bucket: str, prefix: str = "") -> str:
    """The URL of a listing that is one key long; as `object_url`."""
    arguments = {"Bucket": bucket, "MaxKeys": 1, **({"Prefix": prefix} if prefix else {})}
    return unsent(client, "GET", lambda its: its.list_objects_v2(**arguments)).url


def _code(body: bytes) -> str:
    found = _CODE.search(body)
    return unescape(found[1].decode("utf-8", "replace")) if found else ""


def _bare(url: str) -> str:
    return url.partition("?")[0]

"""What a server really answered, behind botocore's back: its parser reads any XML as the document that it expects.

A server that does not know a sub-resource often answers as if it had not been named: with 200 and a listing, nothing at
all, or the object's content. botocore makes an empty result of that, which looks like "nothing is configured".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from hashlib import md5
from typing import Any
from xml.etree import ElementTree

from botocore.awsrequest import AWSResponse

from .pace import THROTTLED


class WrongDocument(Exception):
    """The server has answered 200, but not with what it was asked for."""


class Tap:
    """Stands in for botocore's HTTP session and looks at each answer; for `with_session`. Threads may share it."""

    def __init__(self, session: Any, check: Callable[[bytes, Mapping[str, str]], None] | None = None) -> None:
        """`check` gets body and headers of each 200, and may raise WrongDocument, which botocore lets through."""
        self._session, self._check = session, check
        self._local = threading.local()

    @property
    def body(self) -> bytes:
        """The last answer to this thread; empty if there was none."""
        body: bytes = getattr(self._local, "body", b"")
        return body

    @property
    def headers(self) -> Mapping[str, str]:
        """The last answer's, whatever its status."""
        headers: Mapping[str, str] = getattr(self._local, "headers", {})
        return headers

    @property
    def throttled(self) -> bool:
        """Whether this thread was asked for patience since `begin`, retries included."""
        return bool(getattr(self._local, "throttled", False))

    def begin(self) -> None:
        """Forgets what this thread was answered."""
        self._local.body, self._local.headers, self._local.throttled = b"", {}, False

    def send(self, request: Any) -> AWSResponse:
        self._local.body = b""
        response: AWSResponse = self._session.send(request)
        self._local.headers = response.headers
        if response.status_code in THROTTLED:
            self._local.throttled = True
        if response.status_code == 200:
            self._local.body = response.content
            if self._check is not None:
                self._check(response.content, response.headers)
        return response


def local(tag: str) -> str:
    """An element's name without its namespace."""
    return tag.rpartition("}")[2]


def is_object_itself(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether this is the content of an object: its ETag is the MD5 of the answer, as no sub-resource's is."""
    etag = headers.get("etag", "").strip('"')
    return bool(etag) and etag == md5(body, usedforsecurity=False).hexdigest()


def booleans(body: bytes, names: Iterable[str]) -> dict[str, bool]:
    """The truth values in a flat document, also where they are spelt `TRUE`, which botocore takes for false.

    As in the example of "GetBucketPolicyStatus", Amazon S3 API Reference.
    """
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return {}
    found = {local(child.tag): (child.text or "").strip().lower() == "true" for child in root}
    return {name: found[name] for name in names if name in found}

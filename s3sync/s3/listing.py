"""The bucket's listing: asked for by botocore, or as it would (`list_fast`), read by parsers of our own (`pages`)."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic
from xml.etree import ElementTree

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from ..core.objects import RemoteObject
from .calls import CallCounter
from .detached import with_session
from .errors import trouble_of
from .list_fast import FastPages
from .objects import server_time, skew_of
from .pages import Item, Listed, Page, parse_owned_page, parse_page, translate_owned_page, translate_page
from .ranges import FEWEST_MARKS, Marks, NotTaken, Ranges

_EMPTY = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></ListBucketResult>'
_TRIES = 4
_PAUSE = 0.2
"""Seconds."""
_PLAIN = re.compile(r"(?!.*(-s3alias|--ol-s3)$)[a-z0-9.-]+\Z")
"""The name of a bucket; what stands for an access point is not what its listings say."""
_NOT_TAKEN = ("InvalidArgument", "InvalidRequest")
"""What servers say of a continuation token that they don't know, or no longer."""


class BrokenListing(Exception):
    """The server's answer was no whole listing."""


class _Pages(Generic[Item]):
    """All objects under a prefix, in the server's order, fetched a page ahead by a thread of its own.

    `skew` is the server's clock minus ours in seconds, by its `Date`.
    """

    _ALSO: Mapping[str, Any] = {}
    """Further arguments of each call."""

    def __init__(self, client: Any, bucket: str, prefix: str, calls: CallCounter | None = None) -> None:
        """`calls`: further pages of a long listing may be asked for without the client, and are counted there."""
        self._tap = _Tap(client._endpoint.http_session)
        self._client = with_session(client, self._tap)
        self._bucket, self._prefix = bucket, prefix
        self._arguments = {"Bucket": bucket, "Prefix": prefix, "EncodingType": "url", **self._ALSO}
        self._fast = None if calls is None else FastPages(client, self._arguments, calls)
        self.skew = 0.0
        self._closed = threading.Event()
        self._first: Page[Item] | None = None
        self.begin_at: Sequence[str] = ()
        """The `marks` of an earlier listing under this prefix: with enough of them, this one is done in ranges."""
        self.marks: Sequence[str] | None = None
        """Such keys of this listing, when it has ended."""

    def open(self) -> None:
        """Fetches the first page. Raises what botocore raises: this is where wrong credentials and buckets show."""
        self._first = self._fetch(None, "")

    def __iter__(self) -> Iterator[Item]:
        for objects in self.pages():
            yield from objects

    def pages(self) -> Iterator[Sequence[Item]]:
        """The same, a page at a time."""
        marks = Marks()
        try:
            for objects in self._pages():
                marks.passed(objects)
                yield objects
        finally:
            self._closed.set()
        self.marks = marks.keys

    def _pages(self) -> Iterator[Sequence[Item]]:
        page, self._first = self._first or self._fetch(None, ""), None
        if page.next_token is not None and len(self.begin_at) >= FEWEST_MARKS:
            yield from Ranges(self._fetch, self.begin_at, self._closed).pages(page)
            return
        pages: queue.Queue[Page[Item] | BaseException | None] = queue.Queue(maxsize=2)
        if page.next_token is None:
            yield page.objects
            return
        thread = threading.Thread(target=self._fetch_ahead, args=(page, pages), daemon=True)
        thread.start()
        while True:
            yield page.objects
            following = pages.get()
            if following is None:
                return
            if isinstance(following, BaseException):
                raise following
            page = following

    def _fetch_ahead(self, page: Page[Item], pages: queue.Queue[Page[Item] | BaseException | None]) -> None:
        result: Page[Item] | BaseException | None = None
        last = ""
        try:
            while page.next_token is not None and not self._closed.is_set():
                last = page.objects[-1].key if page.objects else last
                page = self._fetch(page.next_token, last)
                self._hand_on(pages, page)
        except BaseException as error:  # noqa: BLE001  the reading thread raises it
            result = error
        self._hand_on(pages, result)

    def _hand_on(
        self, pages: queue.Queue[Page[Item] | BaseException | None], item: Page[Item] | BaseException | None
    ) -> None:
        while not self._closed.is_set():
            try:
                pages.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def _fetch(self, token: str | None, last: str) -> Page[Item]:
        """The page of a token; without one that of what comes after the key `last`."""
        if token is None:
            return self._begun_after(last) if last else self._ask({})
        page = self._ask_on(token, last)
        if page.next_token == token:
            raise BrokenListing(f"the listing of {self._bucket} does not go on after {token!r}")
        return page

    def _begun_after(self, key: str) -> Page[Item]:
        try:
            return self._ask({"StartAfter": key})
        except (ClientError, BrokenListing) as error:
            # Whatever the reason: a listing that would do without must not fail. If it is no matter of where to begin,
            # the next page after a token meets it too.
            raise NotTaken from error

    def _ask_on(self, token: str, last: str) -> Page[Item]:
        """The page of this token; where the server does not know it any more, what comes after the last key."""
        try:
            return self._ask({"ContinuationToken": token})
        except ClientError as error:
            if not last or trouble_of(error).code not in _NOT_TAKEN:
                raise
            page = self._ask({"StartAfter": last})
            if page.objects and page.objects[0].key <= last:  # it does not know that either
                raise
            return page

    def _ask(self, place: Mapping[str, str]) -> Page[Item]:
        for left in reversed(range(_TRIES)):
            quick = self._fast.body(place) if self._fast is not None and place else None
            try:
                page = self._asked(place) if quick is None else self._parse(quick)
                self._check(page)
                return page
            except (ElementTree.ParseError, ValueError, KeyError) as error:
                if self._fast is not None and quick is not None:
                    self._fast.decline(f"{error}")
                if not left:
                    raise BrokenListing(f"the listing of {self._bucket} could not be read: {error}") from error
            except ClientError as error:
                # A token that the server itself has given: what refuses it may be a node that has not heard of it.
                if not place or not left or trouble_of(error).http != 400:
                    raise
            self._closed.wait(_PAUSE)
        raise AssertionError

    def _check(self, page: Page[Item]) -> None:
        """Raises ValueError for a page of something else, as a mixed-up cache gives: it would look like our objects."""
        if page.bucket and page.bucket != self._bucket and _PLAIN.match(self._bucket):
            raise ValueError(f"it is that of {page.bucket}")
        strange = next((key for key in page.keys if not key.startswith(self._prefix)), None)
        if strange is not None:
            raise ValueError(f"it holds {strange!r}, but {self._prefix!r} was asked for")

    def _asked(self, place: Mapping[str, str]) -> Page[Item]:
        """The page that botocore gets."""
        self._tap.body = None
        answer = self._client.list_objects_v2(**self._arguments, **place)
        self._note_clock(answer)
        # Without a body, nothing went through the tap: a hook has answered, as that of moto's `mock_aws` does.
        return self._translate(answer) if self._tap.body is None else self._parse(self._tap.body)

    def _parse(self, body: bytes) -> Page[Item]:
        raise NotImplementedError

    def _translate(self, answer: Mapping[str, Any]) -> Page[Item]:
        raise NotImplementedError

    def _note_clock(self, answer: Any) -> None:
        if server_time(answer) is not None:
            self.skew = skew_of(answer)


class Listing(_Pages[RemoteObject]):
    """The objects under a prefix, as a push needs them."""

    def _parse(self, body: bytes) -> Page[RemoteObject]:
        return parse_page(body)

    def _translate(self, answer: Mapping[str, Any]) -> Page[RemoteObject]:
        return translate_page(answer)


class OwnedListing(_Pages[Listed]):
    """The same with owners and storage classes, which makes pages half as large again."""

    _ALSO: Mapping[str, Any] = {"FetchOwner": True}

    def _parse(self, body: bytes) -> Page[Listed]:
        return parse_owned_page(body)

    def _translate(self, answer: Mapping[str, Any]) -> Page[Listed]:
        return translate_owned_page(answer)


class _Tap(threading.local):
    """Stands in for botocore's HTTP session: keeps a good answer, and gives botocore's slow parser an empty one.

    Each thread has an answer of its own.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self.body: bytes | None = None
        """None: since somebody has said so, nothing good has come through."""

    def send(self, request: Any) -> AWSResponse:
        self.body = None
        response: AWSResponse = self._session.send(request)
        if response.status_code != 200:
            return response
        self.body = response.content
        return AWSResponse(response.url, 200, response.headers, _Raw(_EMPTY))  # type: ignore[arg-type]


class _Raw:
    """What AWSResponse reads a body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body

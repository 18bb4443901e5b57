"""Asks for the further pages of a long listing: signed from a template, sent by botocore's own HTTP session.

Of the three milliseconds of processor time that botocore takes for a page, this leaves the half that its session takes.
It only ever brings whole answers: where one is anything else than a 200, botocore asks for that page and for all that
nobody has asked for yet. It knows redirects, retries, clock skew and error models.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from .calls import CallCounter
from .capture import AWKWARD, EXPRESS, compare, credentials_of, session_of, unsent
from .errors import REMOTE_ERRORS
from .signing import Captured, Moment, NotFast, Template
from .target import Target, overrides

logger = logging.getLogger(__name__)

_OPERATION: Final = "ListObjectsV2"
_EMPTY: Final = sha256(b"").hexdigest()
_NAMES: Final = {"ContinuationToken": "continuation-token", "StartAfter": "start-after"}
_WORTH: Final = 6
"""Further pages that botocore asks for before: of fewer, the proof would take more than it saves."""


def may_go_fast(target: Target, engine: str) -> bool:
    """Whether pages may be asked for without the client: not where botocore is wanted, or clients are of own make."""
    return engine != "boto3" and not any(overrides(target.storage, name) for name in ("connection", "bucket"))


class PageTemplate(Template):
    """Writes the signed head of the request for any page of one listing."""

    QUERY = "%%(query)s"
    SIGNED_QUERY = "%%(signed_query)s"
    NEEDED = frozenset({"x-amz-content-sha256", "x-amz-date"})

    def __init__(self, request: Captured) -> None:
        """`request` is botocore's for the first page; what the others' address adds is for `capture_pages` to prove."""
        super().__init__(request, "", _EMPTY, urlsplit(request.url).query)
        self._first = urlsplit(request.url).query

    def head_of(self, place: Mapping[str, str], now: Moment) -> bytes:
        """The whole head, with its empty line. Raises NotFast if the session token has come or gone."""
        if now is not self._moment:
            self._enter(now)
        query = "&".join([self._first, *(f"{_NAMES[name]}={quote(text, safe='-_.~')}" for name, text in place.items())])
        signed = "&".join(sorted(query.split("&")))
        fields = {"path": self._prefix, "sha": _EMPTY, "query": query, "signed_query": signed}
        fields["signature"] = self._signature(self._canonical_now % fields)
        return (self._head_now % fields).encode()


def capture_pages(client: Any, arguments: Mapping[str, Any]) -> PageTemplate:
    """A template for all pages of the listing with these arguments of ListObjectsV2, proven on some.

    Raises NotFast with the reason. Sends nothing to S3.
    """
    session_of(client)  # what sends has to be botocore's
    if str(arguments["Bucket"]).endswith(EXPRESS):
        raise NotFast("an S3 Express bucket")
    places: list[dict[str, str]] = [{}, {"ContinuationToken": AWKWARD}, {"StartAfter": "a" + AWKWARD}]
    requests = [unsent(client, "GET", partial(_ask, {**arguments, **place})) for place in places]
    if any("host" in dict(request.by_name()) for request in requests):
        raise NotFast("a Host header of its own")
    template, credentials = PageTemplate(requests[0]), credentials_of(client)
    for place, request in zip(places, requests, strict=True):
        compare(template, request, credentials, partial(template.head_of, place))
    return template


def _ask(arguments: Mapping[str, Any], client: Any) -> None:
    client.list_objects_v2(**arguments)


class FastPages:
    """Any thread may call."""

    def __init__(self, client: Any, arguments: Mapping[str, Any], calls: CallCounter) -> None:
        """`arguments` are those of the first page; `calls` is to count what is sent."""
        self._client, self._arguments, self._calls = client, arguments, calls
        self._turn = threading.RLock()
        self._before = _WORTH
        self._template: PageTemplate | None = None
        self._declined = False

    def body(self, place: Mapping[str, str]) -> bytes | None:
        """The answer's body for the page at this token, or after this key. None: botocore is to ask for it."""
        request = None
        with self._turn, self._declining():
            request = self._request(place)
        if request is None:
            return None
        with self._declining():
            self._calls.sent(_OPERATION)
            answer: AWSResponse = session_of(self._client).send(request)
            if answer.status_code == 200:
                return bytes(answer.content)
            self.decline(f"{answer.status_code}")
        return None

    def decline(self, reason: str, error: Exception | None = None) -> None:
        """From here on, botocore is to ask. `error` is one that nobody has reckoned with."""
        with self._turn:
            declined, self._declined = self._declined, True
        if not declined:
            level = logging.INFO if error is None else logging.WARNING
            logger.log(level, "botocore itself lists from here on: %s", reason, exc_info=error)

    @contextmanager
    def _declining(self) -> Iterator[None]:
        """Whatever is raised, botocore will meet it too and has the words for it; or it is ours alone."""
        try:
            yield
        except (NotFast, *REMOTE_ERRORS) as error:
            self.decline(str(error) if isinstance(error, NotFast) else type(error).__name__)
        except Exception as error:  # noqa: BLE001  a hook of the project's own may raise anything
            self.decline(type(error).__name__, error)

    def _request(self, place: Mapping[str, str]) -> AWSPreparedRequest | None:
        if self._declined:
            return None
        self._before -= 1
        if self._before >= 0:
            return None
        if self._template is None:
            with self._calls.paused():
                self._template = capture_pages(self._client, self._arguments)
        head = self._template.head_of(place, Moment.at(time.time(), credentials_of(self._client)))
        return _prepared(self._template.url, head)


def _prepared(url: str, head: bytes) -> AWSPreparedRequest:
    """A request for botocore's session, which writes the head anew, with the same `Host`, from its pieces."""
    request, _host, *lines = head.decode("ascii").split("\r\n")[:-2]
    method, target, _version = request.split(" ")
    headers: Any = dict(line.split(": ", 1) for line in lines)
    return AWSPreparedRequest(method, urlsplit(url)._replace(path="", query="").geturl() + target, headers, None, False)

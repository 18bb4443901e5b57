"""Reads small objects as fast as one thread can: heads signed from a template, keep-alive connections.

It only ever confirms: a 200 with the length and the ETag that were listed. Everything else goes back as `Declined`, for
the boto3 engine, which knows redirects, retries, clock skew and error models.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from ..core.objects import RemoteObject
from .answers import element
from .calls import CallCounter
from .capture import AWKWARD, EXPRESS, compare, credentials_of, session_of, unsent
from .fetching import SEGMENT, Declined, DeliverFetched, Facts, Get, Got, Missed
from .keyed_wire import KeyedWire, Passed
from .objects import MD5_METADATA
from .signing import Captured, Moment, NotFast, Template, etag_value
from .target import Target
from .transfer import Condition
from .wire import HEAD_LIMIT, Connection

_EMPTY: Final = sha256(b"").hexdigest()
_MD5_HEADER: Final = f"x-amz-meta-{MD5_METADATA}"
_WANTED: Final = frozenset({b"content-encoding", b"content-range", _MD5_HEADER.encode()})


class GetTemplate(Template):
    """Writes the signed head of a conditional GET of any key."""

    NEEDED = frozenset({"x-amz-content-sha256", "x-amz-date", "if-match"})

    def __init__(self, request: Captured, key: str) -> None:
        super().__init__(request, key, _EMPTY)

    def head_of(self, obj: RemoteObject, now: Moment) -> bytes:
        """The whole head, with its empty line. Raises NotFast if the session token has come or gone."""
        return self.head(obj.key, 0, _EMPTY[:32], _EMPTY, etag_value(Condition(obj.etag), quoted=True), now)


def capture_get(client: Any, bucket: str, probe: RemoteObject) -> GetTemplate:
    """A template for all of a bucket's keys, proven on some; raises NotFast with the reason. Sends nothing to S3."""
    if bucket.endswith(EXPRESS):
        raise NotFast("an S3 Express bucket")
    try:
        session_of(client)
        probes = (probe, probe._replace(key=probe.key + AWKWARD, etag=f"{1:032x}-2"))
        requests = [_unsent_get(client, bucket, each) for each in probes]
        template = GetTemplate(requests[0], probe.key)
        credentials = credentials_of(client)
        for each, request in zip(probes, requests, strict=True):
            compare(template, request, credentials, lambda now, each=each: template.head_of(each, now))  # type: ignore[misc]
    except NotFast:
        raise
    except Exception as error:
        # boto3 will meet the same trouble and has the words for it.
        raise NotFast(f"{type(error).__name__}: {error}") from error
    return template


def _unsent_get(client: Any, bucket: str, obj: RemoteObject) -> Captured:
    arguments = {"Bucket": bucket, "Key": obj.key, "IfMatch": f'"{obj.etag}"'}
    return unsent(client, "GET", lambda its: its.get_object(**arguments))


class Receiving(Connection):
    """A connection that keeps the whole body of a 200."""

    __slots__ = ("_pieces",)
    body_limit = SEGMENT + HEAD_LIMIT

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self._pieces: list[bytes] = []

    @property
    def content(self) -> bytes:
        """The body of a 200."""
        return b"".join(self._pieces)

    def send(self, head: bytes, body: bytes) -> None:
        self._pieces = []
        super().send(head, body)

    def on_body(self, body: bytes) -> None:
        if self.status != 200:
            super().on_body(body)
        elif not self._complete:
            self._pieces.append(body)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if (small := name.lower()) in _WANTED and not self._complete:
            self.headers[small.decode()] = value.decode("latin-1").strip()


class _GetWire(KeyedWire[Get, Got | Missed]):
    """Connections that ask for objects."""

    connection_class = Receiving

    def __init__(
        self, client: Any, template: GetTemplate, *, start: int, ceiling: int, rest: Callable[[Get], float] | None
    ) -> None:  # fmt: skip
        super().__init__(client, template.url, start=start, ceiling=ceiling, rest=rest)
        self._template = template

    def _head_of(self, job: Get, now: Moment) -> bytes:
        return self._template.head_of(job.obj, now)

    def _meaning(self, job: Get, answer: Connection) -> Got | Missed | Passed:
        if answer.status == 200 and isinstance(answer, Receiving):
            facts, body = _facts_of(answer.headers), answer.content
            right = facts.etag == job.obj.etag and len(body) == job.obj.size
            return Got(job, body, facts) if right else Passed(job, "other")
        if answer.status == 403 and element(answer.body, "Code") == "AccessDenied":
            return Missed(job, "AccessDenied", 403, element(answer.body, "Message"))
        return Passed(job, str(answer.status))


def _facts_of(headers: dict[str, str]) -> Facts:
    encryption = headers.get("x-amz-server-side-encryption")
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        encryption = "SSE-C"
    etag = headers.get("etag", "").strip('"')
    return Facts(etag, encryption, headers.get("content-encoding", ""), headers.get(_MD5_HEADER))


class FastGets:
    """`prepare`, `submit` and `close` belong to one thread; deliveries come from the engine's own."""

    def __init__(
        self, target: Target, *, deliver: DeliverFetched, start: int, ceiling: int, calls: CallCounter,
        rest: Callable[[int], float] | None = None,
    ) -> None:  # fmt: skip
        """`start` and `ceiling` are numbers of connections; `calls` is not to count what is never sent. `rest` is told
        the bytes that each request asks for, and says for how many seconds none is to follow.
        """
        self._target, self._deliver_to, self._calls = target, deliver, calls
        self._start, self._ceiling = start, ceiling
        self._rest = None if rest is None else (lambda get: rest(get.obj.size))
        self._wire: _GetWire | None = None
        self._refused: str | None = None
        self._ended = False
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="s3sync-fast-get", daemon=True)

    @property
    def requests(self) -> int:
        """GetObject requests put on the wire, those included that were declined afterwards."""
        return self._wire.requests if self._wire is not None else 0

    def prepare(self, obj: RemoteObject) -> str | None:
        """None if objects can be read the fast way, else why not. Some milliseconds the first time."""
        if self._refused is None and self._wire is None:
            try:
                with self._calls.paused():
                    template = capture_get(self._target.client, self._target.bucket, obj)
                self._wire = _GetWire(
                    self._target.client, template, start=self._start, ceiling=self._ceiling, rest=self._rest
                )
            except NotFast as reason:
                self._refused = str(reason)
            else:
                self._thread.start()
        return self._refused or (self._wire.degraded if self._wire is not None else None)

    def submit(self, get: Get) -> None:
        """Queues one small object."""
        assert self._wire is not None
        self._wire.submit(get)
        self._wire.wake()

    def cancel(self) -> None:
        """Declines what is not on the wire."""
        self._cancelled.set()
        if self._wire is not None:
            self._wire.wake()

    def close(self) -> None:
        """Ends the thread and its connections; to be called when nothing is under way."""
        self._ended = True
        if self._wire is not None:
            self._wire.wake()
            self._thread.join(10.0)

    def _run(self) -> None:
        wire = self._wire
        assert wire is not None
        while not self._ended:
            if self._cancelled.is_set():
                wire.decline()
            wire.turn()
            while wire.results:
                result = wire.results.popleft()
                self._deliver_to(Declined(*result) if isinstance(result, Passed) else result)
        wire.close()

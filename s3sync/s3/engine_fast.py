"""The fast engine: one thread, one event loop, heads signed from templates, keep-alive connections.

It only ever confirms. A 200 is final, and so is a plain AccessDenied; everything else goes back as `HandedOver`, for
the boto3 engine, which knows redirects, retries, clock skew and error models.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any

from .answers import outcome
from .capture import capture, credentials_of
from .pace import Pace
from .pool import Pool
from .signing import Moment, NotFast, Template, kind_of
from .transfer import Completion, Condition, Deliver, HandedOver, Put, WriteParameters
from .wire import Connection, Origin

logger = logging.getLogger(__name__)

ENOUGH = 32
"""So many objects in a row handed over for one and the same cause: the fast way is not for this target."""
NO_VERDICT = ("429", "503", "cancelled", "not-fast", "stale")
"""Causes that say nothing about the target, however often they come."""
MOST_PARAMETERS = 64
"""So many sets of write parameters are proven. Whoever has more has some for each key, and proving costs more than it
saves."""
THROTTLED = (429, 503)
INTERNAL = "an unexpected error"


class FastEngine:
    """Sends small prepared objects as fast as one thread can; see `transfer.Engine`.

    `prepare`, `submit` and `close` belong to one thread, `cancel` to any (a signal handler's too); `deliver` is called
    from the engine's own. The caller asks `prepare` first and submits only shapes that it took.
    """

    name = "fast"

    def __init__(
        self, client: Any, bucket: str, *, deliver: Deliver, start: int, ceiling: int,
        probing: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        rest: Callable[[int], float] | None = None,
    ) -> None:  # fmt: skip
        """`client` is the storage's own; `start` and `ceiling` are numbers of connections.

        `probing` is entered while requests are built that are not sent. `rest` is told the bytes of each request and
        gives the seconds until the next one may go.
        """
        self.degraded: str | None = None
        """Why everything is handed over from now on; the caller may stop using the engine."""
        self.quote_etags = True
        """False for servers that want the ETag of `If-Match` bare (Ceph RGW 16)."""
        self.requests = 0
        """PutObject requests put on the wire, those included that were handed over afterwards."""
        self._client, self._bucket, self._deliver_to, self._probing = client, bucket, deliver, probing
        self._templates: dict[tuple[WriteParameters, str, bool], Template | str] = {}
        self._parameters: set[WriteParameters] = set()
        self._pace, self._rest = Pace(start, ceiling), rest
        self._inbox: deque[tuple[Put, Template | None]] = deque()
        self._hungry = True  # a submit has to wake the loop
        self._ended = self._cancelled = False
        self._resting = False
        self._moment: Moment | None = None
        self._second = 0
        self._streak: tuple[str, int] = ("", 0)
        self._loop = asyncio.SelectorEventLoop()
        self._pool = Pool(self._loop, self)
        self._thread = threading.Thread(target=self._run, name="s3sync-fast", daemon=True)
        self._thread.start()

    # For the caller

    def prepare(
        self, parameters: WriteParameters, keys: tuple[str, ...], condition: Condition | None = None,
        *, carries_md5: bool = False,
    ) -> str | None:  # fmt: skip
        """None if objects with these parameters and this kind of condition can go the fast way, else why not.

        `keys` are some of those to be sent. Some milliseconds the first time; each shape is asked about once.
        """
        template = self._template(parameters, condition, keys, carries_md5)
        return template if isinstance(template, str) else None

    def submit(self, put: Put) -> None:
        """Queues one object whose body is in memory."""
        template = self._template(put.parameters, put.condition, (put.key,), put.carries_md5)
        self._inbox.append((put, None if isinstance(template, str) else template))
        if self._hungry:
            self._hungry = False
            self._call(self._pump)
        if self._ended:
            self._drain("internal")

    def cancel(self) -> None:
        """Hands over what is not on the wire; asked a second time, what is on the wire too."""
        self._call(self._cancel)

    def close(self) -> None:
        """Ends the thread and its connections; whatever is still under way is handed over as `cancelled`."""
        self._call(self._loop.stop)
        self._thread.join(10.0)  # it may hang in a refresh of the credentials

    def _template(
        self, parameters: WriteParameters, condition: Condition | None, keys: tuple[str, ...], carries_md5: bool
    ) -> Template | str:
        shape = parameters, kind_of(condition), carries_md5
        known = self._templates.get(shape)
        if known is None:
            if parameters not in self._parameters and len(self._parameters) >= MOST_PARAMETERS:
                return "parameters differ from key to key"
            self._parameters.add(parameters)
            known = self._templates[shape] = self._proven(parameters, condition, keys, carries_md5)
        return known

    def _proven(
        self, parameters: WriteParameters, condition: Condition | None, keys: tuple[str, ...], carries_md5: bool
    ) -> Template | str:
        try:
            with self._probing():
                template = capture(self._client, self._bucket, parameters, condition, keys, carries_md5=carries_md5)
            if self._pool.origin is None:
                self._pool.origin = Origin.of(self._client, template.url)
        except NotFast as reason:
            return str(reason)
        return template if self._pool.origin.is_for(template.url) else "its requests go to another server"

    def _call(self, callback: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended; `submit` sees to what is queued
            self._loop.call_soon_threadsafe(callback)

    # The loop's thread, from here on

    def _run(self) -> None:
        self._loop.set_exception_handler(self._on_exception)
        self._loop.call_soon(self._pool.sweep)
        try:
            self._loop.run_forever()
        finally:
            self._cancelled = self._ended = True
            self._pool.abandon_all("cancelled")
            self._drain("cancelled")
            self._pool.close()
            self._loop.close()

    def _pump(self) -> None:
        """Puts on the wire what may go there; called whenever something has changed."""
        while True:
            if not self._inbox:
                self._hungry = True
                if not self._inbox:  # looked at again, as `submit` appends first and looks at the flag then
                    return
                self._hungry = False
            if self.degraded or self._cancelled:
                self._drain("cancelled" if self._cancelled else "degraded")
                continue
            if self._pool.busy >= self._pace.limit or self._pausing():
                return
            put, template = self._inbox[0]
            connection = self._pool.take() if template else None
            if template and connection is None:
                self._open_more()
                return
            self._inbox.popleft()
            self._start(connection, put, template)

    def _start(self, connection: Connection | None, put: Put, template: Template | None) -> None:
        """Sends one object, or hands it over; raises nothing, as it is the only one who knows of it."""
        try:
            if template is None or connection is None or put.body is None:
                raise NotFast("its shape was not proven")
            head = self._head(put, template)
            self._pool.send(connection, (put, time.monotonic()), head, put.body)
            self.requests += 1
            if self._rest is not None:
                self._pace.resume_at = max(self._pace.resume_at, time.monotonic() + self._rest(put.size))
        except NotFast:
            if connection is not None:
                self._pool.put_back(connection)
            self._hand_over(put, "not-fast")
        except Exception as error:  # noqa: BLE001 - whatever it is, the object is not to be lost to it
            if connection is None or not connection.busy:
                self._hand_over(put, "internal")
            self._collapse(error)

    def _open_more(self) -> None:
        room = int(self._pace.limit) - self._pool.busy - self._pool.opening
        wanted = min(room, len(self._inbox) - self._pool.opening)
        self._pool.open(wanted)
        # Objects that come in while there is room need connections of their own, at once.
        self._hungry = wanted < room

    def _head(self, put: Put, template: Template) -> bytes:
        digest = sha256(put.body or b"").hexdigest() if template.signs_payload else None
        now = self._now()
        return template.head(put.key, put.size, put.md5, digest, put.condition, now, quote_etag=self.quote_etags)

    def _now(self) -> Moment:
        second = int(time.time())
        if second != self._second or self._moment is None:
            try:
                self._moment = Moment.at(second, credentials_of(self._client))
            except Exception as error:
                self.degraded = f"no credentials: {error}"
                raise NotFast(self.degraded) from error
            self._second = second
        return self._moment

    def _pausing(self) -> bool:
        """Whether the server has asked for a rest; the pump comes back when it is over."""
        rest = self._pace.resume_at - time.monotonic()
        if rest > 0 and not self._resting:
            self._resting = True
            self._loop.call_later(rest, self._resume)
        return rest > 0

    def _resume(self) -> None:
        self._resting = False
        self._pump()

    # What the connections tell (pool.Listener)

    def opened(self) -> None:
        self._pump()

    def unreachable(self, error: BaseException) -> None:
        if self._pool.live:
            self._pace.not_above(self._pool.live)
        elif self._inbox:
            self._hand_over(self._inbox.popleft()[0], "unreachable")
            if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
                self.degraded = "connections time out"  # waiting for that 32 times over helps nobody
        self._pump()

    def answered(self, connection: Connection) -> None:
        put, sent_at = connection.job
        completion: Completion = HandedOver(put, "internal")
        try:
            completion = outcome(put, connection)
            self._learn(completion, connection, sent_at)
        finally:  # an exception goes on to `_on_exception`
            self._deliver(completion)
        self._pump()

    def _learn(self, completion: Completion, connection: Connection, sent_at: float) -> None:
        if not isinstance(completion, HandedOver) or (completion.code == "412" and completion.put.assumed):
            self._pace.succeeded(time.monotonic())
            self._streak = ("", 0)
            return
        if connection.status in THROTTLED:
            self._pace.throttled(sent_at, time.monotonic(), connection.headers.get("retry-after"))
        self._count(completion.code)

    def broke(self, connection: Connection, code: str) -> None:
        self._hand_over(connection.job[0], code)
        self._pump()

    # Handing over

    def _hand_over(self, put: Put, code: str) -> None:
        self._count(code)
        self._deliver(HandedOver(put, code))

    def _count(self, code: str) -> None:
        same, times = self._streak
        self._streak = (code, times + 1 if code == same else 1)
        if times + 1 >= ENOUGH and code == same and code not in NO_VERDICT:
            self.degraded = self.degraded or f"{ENOUGH} objects in a row were not accepted: {code}"

    def _deliver(self, completion: Completion) -> None:
        try:
            self._deliver_to(completion)
        except Exception:
            logger.exception("The caller could not take a completion.")

    def _drain(self, code: str) -> None:
        """Hands over the queue. By `popleft` alone, as `submit` may do so too when the loop has ended."""
        while True:
            try:
                put, _ = self._inbox.popleft()
            except IndexError:
                return
            self._deliver(HandedOver(put, code))

    def _cancel(self) -> None:
        if self._cancelled:
            self._pool.abandon_all("cancelled")
        self._cancelled = True
        self._drain("cancelled")

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._collapse(context.get("exception") or RuntimeError(context.get("message")))

    def _collapse(self, error: BaseException) -> None:
        """An error of our own: no object is to be lost to it, and boto3 does the rest of the run."""
        if self.degraded != INTERNAL:
            self.degraded = INTERNAL
            logger.error("The fast engine gives up after an unexpected error.", exc_info=error)
        self._pool.abandon_all("internal")
        self._hungry = True  # the pump may have been interrupted; what comes in from now on must wake it
        self._drain("internal")

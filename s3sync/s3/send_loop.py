"""The fast engine's loop: puts jobs on the wire, one signed head and one body each, and tells what was answered.

It knows nothing of the objects but what is to be sent, so that it may run in a thread of this process (`near`) or in a
process of its own (`far`), whose interpreter's lock nobody else wants. It only ever confirms: see `engine_fast`.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections import deque
from collections.abc import Callable
from hashlib import md5, sha256
from typing import Any

from .answers import DENIED, told
from .pace import Pace
from .pool import Pool
from .reactor import Reactor
from .signing import Moment, NotFast, Template
from .wire import Connection

ENOUGH = 32
"""So many objects in a row handed over for one and the same cause: the fast way is not for this target."""
NO_VERDICT = ("429", "503", "cancelled", "not-fast", "stale")
"""Causes that say nothing about the target, however often they come."""
THROTTLED = (429, 503)
INTERNAL = "an unexpected error"

Job = tuple[int, Any, str, "str | None", "str | None", "str | None", bool, bytes]
"""Number, template, key, MD5 and SHA-256 (hexadecimal, as far as they are known already), `If-Match`'s value, whether
412 is an answer that was reckoned with, and the body. The template is None where there is none."""
Told = tuple[int, str, str, "str | None", "str | None"]
"""Number; "" for what is stored, `answers.DENIED`, or why it is handed over; the ETag or a message; the encryption; the
MD5 of what was sent, if it was computed here."""


class SendLoop:
    """Sends jobs over keep-alive connections. But for `inbox` and `hungry`, it is for its loop's thread alone."""

    def __init__(
        self, loop: Reactor, pace: Pace, *, credentials: Callable[[], Any], tell: Callable[[list[Told]], None],
        rest: Callable[[int], float] | None = None,
    ) -> None:  # fmt: skip
        """`credentials` gives botocore's frozen ones; it is asked once a second. `tell` is called in the loop's thread.

        `rest` is told the bytes of each request and gives the seconds until the next one may go.
        """
        self.degraded: str | None = None
        """Why everything is handed over from now on."""
        self.requests = 0
        """PutObject requests put on the wire, those included that were handed over afterwards."""
        self.inbox: deque[Job] = deque()
        self.hungry = True
        """Whether `pump` has to be called when something is in the inbox."""
        self.pace, self.pool = pace, Pool(loop, self)
        self.error: str | None = None
        """The traceback of an error of our own."""
        self._loop, self._credentials, self._tell, self._rest = loop, credentials, tell, rest
        self._cancelled = self._resting = False
        self.most: int | None = None
        """How many connections it makes do with, once it has been asked to."""
        self._moment: Moment | None = None
        self._second = 0
        self._streak: tuple[str, int] = ("", 0)

    def run(self) -> None:
        """Runs the loop in this thread until it is stopped; then nothing is under way any more."""
        self._loop.set_exception_handler(self._collapse)
        self._loop.call_soon(self.pool.sweep)
        try:
            self._loop.run_forever()
        finally:
            self._cancelled = True
            self.pool.abandon_all("cancelled")
            self.drain("cancelled")
            self.pool.close()
            self._loop.close()

    def pump(self) -> None:
        """Puts on the wire what may go there; to be called whenever something has changed."""
        while True:
            if not self.inbox:
                self.hungry = True
                if not self.inbox:  # looked at again, as who fills it looks at the flag afterwards
                    return
                self.hungry = False
            if self.degraded or self._cancelled:
                self.drain("cancelled" if self._cancelled else "degraded")
                continue
            if self.pool.busy >= self.pace.limit or self._pausing():
                return
            job = self.inbox[0]
            connection = self.pool.take() if job[1] is not None else None
            if job[1] is not None and connection is None:
                self._open_more()
                return
            self.inbox.popleft()
            self._start(connection, job)

    def cancel(self) -> None:
        """Hands over what is not on the wire; asked a second time, what is on the wire too."""
        if self._cancelled:
            self.pool.abandon_all("cancelled")
        self._cancelled = True
        self.drain("cancelled")

    def retire(self, most: int) -> None:
        """Makes do with so many connections from now on; others do the bulk."""
        self.most = most
        self.pace.lower(max(1, most))
        self._close_surplus()

    def carry_on(self, most: int) -> None:
        """May have so many connections again: the others have gone."""
        self.most = None
        self.pace.allow(most)

    def drain(self, code: str) -> None:
        """Hands over the inbox. By `popleft` alone, as another thread may do so too when the loop has ended."""
        while True:
            try:
                job = self.inbox.popleft()
            except IndexError:
                return
            self._tell([(job[0], code, "", None, None)])

    def _start(self, connection: Connection | None, job: Job) -> None:
        """Sends one object, or hands it over; raises nothing, as it is the only one who knows of it."""
        try:
            if connection is None:
                raise NotFast("its shape was not proven")
            (head, md5_hex), body = self._head(job), job[7]
            self.pool.send(connection, (job, time.monotonic(), md5_hex), head, body)
            self.requests += 1
            if self._rest is not None:
                self.pace.resume_at = max(self.pace.resume_at, time.monotonic() + self._rest(len(body)))
        except NotFast:
            if connection is not None:
                self.pool.put_back(connection)
            self._hand_over(job, "not-fast")
        except Exception as error:  # noqa: BLE001 - whatever it is, the object is not to be lost to it
            if connection is None or not connection.busy:
                self._hand_over(job, "internal")
            self._collapse(error)

    def _head(self, job: Job) -> tuple[bytes, str]:
        """The head, and the MD5 that it names."""
        _, template, key, md5_hex, digest, etag, _, body = job
        assert isinstance(template, Template)
        if md5_hex is None:
            md5_hex = md5(body, usedforsecurity=False).hexdigest()
        if digest is None and template.signs_payload:
            digest = sha256(body).hexdigest()
        return template.head(key, len(body), md5_hex, digest, etag, self._now()), md5_hex

    def _now(self) -> Moment:
        second = int(time.time())
        if second != self._second or self._moment is None:
            try:
                self._moment = Moment.at(second, self._credentials())
            except Exception as error:
                self.degraded = f"no credentials: {error}"
                raise NotFast(self.degraded) from error
            self._second = second
        return self._moment

    def _open_more(self) -> None:
        room = int(self.pace.limit) - self.pool.busy - self.pool.opening
        wanted = min(room, len(self.inbox) - self.pool.opening)
        self.pool.open(wanted)
        # Objects that come in while there is room need connections of their own, at once.
        self.hungry = wanted < room

    def _close_surplus(self) -> None:
        if self.most is not None and self.pool.live > self.most and not (self.most == 0 and self.inbox):
            self.pool.close_idle(self.pool.live - self.most)

    def _pausing(self) -> bool:
        """Whether the server has asked for a rest; the pump comes back when it is over."""
        rest = self.pace.resume_at - time.monotonic()
        if rest > 0 and not self._resting:
            self._resting = True
            self._loop.call_later(rest, self._resume)
        return rest > 0

    def _resume(self) -> None:
        self._resting = False
        self.pump()

    # What the connections tell (pool.Listener)

    def opened(self) -> None:
        self._close_surplus()
        self.pump()

    def unreachable(self, error: BaseException) -> None:
        if self.pool.live:
            self.pace.not_above(self.pool.live)
        elif self.inbox:
            self._hand_over(self.inbox.popleft(), "unreachable")
            if isinstance(error, TimeoutError):
                self.degraded = "connections time out"  # waiting for that 32 times over helps nobody
        self.pump()

    def answered(self, connection: Connection) -> None:
        job, sent_at, md5_hex = connection.job
        connection.job = None  # it may be idle for long, and bodies are large
        result: tuple[str, str, str | None] = "internal", "", None
        try:
            result = told(connection.status, connection.headers, connection.body)
            self._learn(result[0], job[6], connection, sent_at)
        finally:  # an exception goes on to `_collapse`
            self._tell([(job[0], *result, md5_hex)])
        self._close_surplus()
        self.pump()

    def _learn(self, code: str, assumed: bool, connection: Connection, sent_at: float) -> None:
        if not code or code == DENIED or (code == "412" and assumed):
            self.pace.succeeded(time.monotonic())
            self._streak = ("", 0)
            return
        if connection.status in THROTTLED:
            self.pace.throttled(sent_at, time.monotonic(), connection.headers.get("retry-after"))
        self._count(code)

    def broke(self, connection: Connection, code: str) -> None:
        job, connection.job = connection.job[0], None
        self._hand_over(job, code)
        self.pump()

    # Handing over

    def _hand_over(self, job: Job, code: str) -> None:
        self._count(code)
        self._tell([(job[0], code, "", None, None)])

    def _count(self, code: str) -> None:
        same, times = self._streak
        self._streak = (code, times + 1 if code == same else 1)
        if times + 1 >= ENOUGH and code == same and code not in NO_VERDICT:
            self.degraded = self.degraded or f"{ENOUGH} objects in a row were not accepted: {code}"

    def _collapse(self, error: BaseException) -> None:
        """An error of our own: no object is to be lost to it, and boto3 does the rest of the run."""
        if self.degraded != INTERNAL:
            self.degraded = INTERNAL
            self.error = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.pool.abandon_all("internal")
        self.hungry = True  # the pump may have been interrupted; what comes in from now on must wake it
        self.drain("internal")
        with contextlib.suppress(Exception):
            self._tell([])

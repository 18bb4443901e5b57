"""Where a `SendLoop` runs: in a thread of this process (`Near`), or in a process of its own (`far.Far`)."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from .pace import Pace
from .reactor import Reactor
from .send_loop import Job, SendLoop, Told
from .signing import NotFast, Template, etag_value
from .transfer import Put

logger = logging.getLogger(__name__)

_LONGEST_GOODBYE = 10.0

Deliver = Callable[[Put, Told], None]


class Lane:
    """What both have: which objects are under way, and whom to tell. `submit` and `cancel` are for any one thread."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._puts: dict[int, Put] = {}
        self._number = 0

    @property
    def degraded(self) -> str | None:
        """Why everything is handed over from now on."""
        raise NotImplementedError

    def _job(self, put: Put, template: Any, quoted: bool) -> Job:
        """Takes note of an object, and says what is to be sent."""
        self._number += 1
        self._puts[self._number] = put
        etag = None
        if template is not None:
            try:
                etag = etag_value(put.condition, quoted)
            except NotFast:
                template = None
        return self._number, template, put.key, put.known_md5, put.sha256, etag, put.assumed, put.body or b""

    def _tell(self, results: list[Told]) -> None:
        for result in results:
            put = self._puts.pop(result[0], None)
            if put is None:
                continue
            if put.known_md5 is None:
                put.known_md5 = result[4]
            try:
                self._deliver(put, result)
            except Exception:
                logger.exception("The caller could not take a completion.")


class Near(Lane):
    """A thread of this process."""

    def __init__(
        self, pace: Pace, *, credentials: Callable[[], Any], deliver: Deliver, rest: Callable[[int], float] | None
    ) -> None:
        super().__init__(deliver)
        self._reactor = Reactor()
        by_size = None if rest is None else (lambda job: rest(len(job[7])))
        self.loop = SendLoop(self._reactor, pace, credentials=credentials, tell=self._told, rest=by_size)
        self._ended = False
        self.thread = threading.Thread(target=self._run, name="s3sync-fast", daemon=True)
        self.thread.start()

    @property
    def degraded(self) -> str | None:
        return self.loop.degraded

    @property
    def waiting(self) -> int:
        """How many objects are not on the wire yet."""
        return len(self.loop.inbox)

    def submit(self, put: Put, template: Template | None, quoted: bool) -> None:
        self.loop.inbox.append(self._job(put, template, quoted))
        if self.loop.hungry:
            self.loop.hungry = False
            self._call(self.loop.pump)
        if self._ended:
            self.loop.drain("internal")

    def cancel(self) -> None:
        self._call(self.loop.cancel)

    def retire(self, most: int) -> None:
        """Makes do with so many connections from now on."""
        self._call(self.loop.retire, most)

    def carry_on(self, most: int) -> None:
        """May have so many again: nobody else has any."""
        self._call(self.loop.carry_on, most)

    def leaves_the_rest(self) -> bool:
        """Whether others may send too: it has retired, its surplus is closed, and the server wants no rest."""
        most, pool = self.loop.most, self.loop.pool
        if self._ended:
            return True
        return most is not None and pool.live + pool.opening <= most and self.loop.pace.resume_at <= time.monotonic()

    def close(self) -> None:
        self._call(self._reactor.stop)
        self.thread.join(_LONGEST_GOODBYE)  # it may hang in a refresh of the credentials

    def _call(self, callback: Any, *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended; `submit` sees to what is queued
            self._reactor.call_soon_threadsafe(callback, *arguments)

    def _told(self, results: list[Told]) -> None:
        if self.loop.error is not None:
            error, self.loop.error = self.loop.error, None
            logger.error("The fast engine gives up after an unexpected error.\n%s", error)
        self._tell(results)

    def _run(self) -> None:
        try:
            self.loop.run()
        finally:
            self._ended = True
            self.loop.drain("cancelled")

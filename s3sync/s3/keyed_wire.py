"""Small requests for very many keys: botocore as referee, our own signatures, one thread's event loop.

As in the fast engine for uploads, it only ever confirms. Everything else is passed on to boto3, which knows redirects,
retries, clock skew and error models.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from .capture import credentials_of
from .documents import THROTTLED
from .pace import Pace
from .pool import Pool
from .reactor import Reactor
from .session_origin import origin_of
from .signing import Moment, NotFast
from .wire import Connection

logger = logging.getLogger(__name__)

ENOUGH = 32
"""So many jobs in a row passed on for one and the same cause: the fast way is not for this target."""
NO_VERDICT = ("404", "412", "429", "503", "cancelled", "not-fast")
"""Causes that say nothing about the target, however often they come."""
INTERNAL = "an unexpected error"


class Passed(NamedTuple):
    """The wire does not know; boto3 is to do this job."""

    job: Any
    code: str
    """Why, for the log: an HTTP status (`503`), `broken` or `timeout`."""


Job = TypeVar("Job")
Answer = TypeVar("Answer")


class KeyedWire(ABC, Generic[Job, Answer]):
    """Keep-alive connections for requests without a body. It belongs to one thread, which runs the loop in `turn`."""

    connection_class: ClassVar[type[Connection]] = Connection

    def __init__(
        self, client: Any, url: str, *, start: int, ceiling: int, rest: Callable[[Job], float] | None = None
    ) -> None:  # fmt: skip
        """`start` and `ceiling` are numbers of connections. `rest` is told of each request that was sent, and says for
        how many seconds none is to follow. Raises NotFast where only botocore can connect.
        """
        origin = origin_of(client, url)
        self.degraded: str | None = None
        """Why everything is passed on from now on; the caller may stop using it."""
        self.requests = 0
        """Requests put on the wire, those included whose keys were passed on."""
        self.results: deque[Answer | Passed] = deque()
        self.pace, self._rest = Pace(start, ceiling), rest
        self._client = client
        self._inbox: deque[Job] = deque()
        self._resting = self._turning = False
        self._moment: Moment | None = None
        self._second = 0
        self._streak: tuple[str, int] = ("", 0)
        self._loop = Reactor()
        self._loop.set_exception_handler(self._collapse)
        self._pool = Pool(self._loop, self, make=self.connection_class, keeps_bodies=True)
        self._pool.origin = origin
        self._pool.sweep()

    @abstractmethod
    def _head_of(self, job: Job, now: Moment) -> bytes:
        """The whole head of a job's request. Raises NotFast."""

    @abstractmethod
    def _outcome(self, job: Job, answer: Connection) -> Answer | Passed:
        """What an answer means: it confirms, or it is boto3's to explain."""

    def submit(self, job: Job) -> None:
        """Queues one job; `turn` sends it. Any thread may call, and then `wake`."""
        self._inbox.append(job)

    def turn(self) -> None:
        """Returns when there are results, or somebody has called `wake`."""
        try:
            self._pump()
        except Exception as error:  # noqa: BLE001  no job is to be lost to it
            self._collapse(error)
        if not self.results:
            self._turning = True
            try:
                self._loop.run_forever()
            finally:
                self._turning = False

    def wake(self) -> None:
        """Ends the turn; any thread may call."""
        try:
            self._loop.call_soon_threadsafe(self._end_turn)
        except RuntimeError:  # it is closed
            return

    def abandon(self) -> None:
        """Forgets all jobs and what was answered."""
        self._inbox.clear()
        self._pool.abandon_all("cancelled")
        self.results.clear()

    def decline(self) -> None:
        """Passes on what is not on the wire."""
        self._pass_on_all("cancelled")

    def close(self) -> None:
        """Ends all connections."""
        self.abandon()
        self._pool.close()
        self._loop.close()

    def _pump(self) -> None:
        """Puts on the wire what may go there; called whenever something has changed."""
        while self._inbox:
            if self.degraded:
                self._pass_on_all("degraded")
                return
            if self._pool.busy >= int(self.pace.limit) or self._pausing():
                return
            connection = self._pool.take()
            if connection is None:
                room = int(self.pace.limit) - self._pool.busy - self._pool.opening
                self._pool.open(min(room, len(self._inbox) - self._pool.opening))
                return
            self._start(connection, self._inbox.popleft())

    def _start(self, connection: Connection, job: Job) -> None:
        try:
            head = self._head_of(job, self._now())
            self._pool.send(connection, (job, time.monotonic()), head, b"")
            self.requests += 1
            if self._rest is not None:
                self.pace.resume_at = max(self.pace.resume_at, time.monotonic() + self._rest(job))
        except NotFast:
            self._pool.put_back(connection)
            self._pass_on(job, "not-fast")
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is not to be lost to it
            if not connection.busy:
                self._pass_on(job, "internal")
            self._collapse(error)

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
        """Whether the server, or a limit, has asked for a rest; the pump comes back when it is over."""
        rest = self.pace.resume_at - time.monotonic()
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
            self.pace.not_above(self._pool.live)
        elif self._inbox:
            self._pass_on(self._inbox.popleft(), "unreachable")
            if isinstance(error, TimeoutError):
                self.degraded = "connections time out"  # waiting for that 32 times over helps nobody
        self._pump()

    def answered(self, connection: Connection) -> None:
        job, sent_at = connection.job
        result: Answer | Passed = Passed(job, "internal")
        try:
            result = self._outcome(job, connection)
            self._learn(result, connection, sent_at)
        finally:  # an exception goes on to `_collapse`
            self._deliver(result)
        self._pump()

    def broke(self, connection: Connection, code: str) -> None:
        self._pass_on(connection.job[0], code)
        self._pump()

    def _learn(self, result: Answer | Passed, connection: Connection, sent_at: float) -> None:
        if not isinstance(result, Passed):
            self.pace.succeeded()
            self._streak = ("", 0)
            return
        if connection.status in THROTTLED:
            self.pace.throttled(sent_at, time.monotonic(), connection.headers.get("retry-after"))
        self._count(result.code)

    # Passing on

    def _pass_on(self, job: Job, code: str) -> None:
        self._count(code)
        self._deliver(Passed(job, code))

    def _pass_on_all(self, code: str) -> None:
        while self._inbox:
            self._deliver(Passed(self._inbox.popleft(), code))

    def _count(self, code: str) -> None:
        same, times = self._streak
        self._streak = (code, times + 1 if code == same else 1)
        if self._streak[1] >= ENOUGH and code not in NO_VERDICT:
            self.degraded = self.degraded or f"{ENOUGH} requests in a row were not answered: {code}"

    def _deliver(self, result: Answer | Passed) -> None:
        self.results.append(result)
        self._end_turn()

    def _end_turn(self) -> None:
        if self._turning:  # else the next one, or the loop's own end, would be over before it began
            self._loop.stop()

    def _collapse(self, error: BaseException) -> None:
        """An error of our own: no job is to be lost to it, and boto3 does the rest."""
        if self.degraded != INTERNAL:
            self.degraded = INTERNAL
            logger.error("The fast way of reading gives up after an unexpected error.", exc_info=error)
        self._pool.abandon_all("internal")
        self._pass_on_all("internal")

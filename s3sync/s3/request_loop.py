"""What every fast way of asking S3 is made of: jobs that wait, keep-alive connections, a pace, and when to give up.

It only ever confirms. A job whose answer says anything else, or that gets none, is handed over: somebody else has
boto3 do it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from .pace import THROTTLED, Pace
from .pool import Pool
from .reactor import Reactor
from .signing import Moment, NotFast
from .wire import Connection

ENOUGH = 32
"""So many jobs in a row handed over for one and the same cause: the fast way is not for this target."""
INTERNAL = "an unexpected error"

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


class RequestLoop(ABC, Generic[Job, Outcome]):
    """Puts jobs on the wire and tells what comes of each: once, whatever happens. It belongs to its loop's thread."""

    no_verdict: ClassVar[tuple[str, ...]] = ("429", "503", "cancelled", "not-fast", "stale")
    """Causes that say nothing about the target, however often they come."""
    connection_class: ClassVar[type[Connection]] = Connection
    keeps_bodies: ClassVar[bool] = False
    """Whether the body of a 200 is of interest."""
    all_alike: ClassVar[bool] = True
    """Whether jobs cost the same, so that the pace may compare how many are done in a second."""

    def __init__(
        self, loop: Reactor, pace: Pace, *, credentials: Callable[[], Any], rest: Callable[[Job], float] | None
    ) -> None:  # fmt: skip
        """`credentials` gives botocore's frozen ones; it is asked once a second. `rest` is told of each job that was
        sent, and gives the seconds until the next one may go.
        """
        self.degraded: str | None = None
        """Why everything is handed over from now on."""
        self.requests = 0
        """Requests put on the wire, those included whose jobs were handed over afterwards."""
        self.inbox: deque[Job] = deque()
        self.pace = pace
        self.pool = Pool(loop, self, make=self.connection_class, keeps_bodies=self.keeps_bodies)
        self._loop, self._credentials, self._rest = loop, credentials, rest
        self._cancelled = self._resting = False
        self._moment: Moment | None = None
        self._second = 0
        self._streak: tuple[str, int] = ("", 0)
        loop.set_exception_handler(self._collapse)

    @abstractmethod
    def _request(self, job: Job, now: Moment) -> tuple[bytes, bytes, Any]:
        """The whole head, the body, and what `_outcome` wants to know of them. Raises NotFast."""

    @abstractmethod
    def _outcome(self, job: Job, note: Any, answer: Connection) -> tuple[str, Outcome]:
        """Why this is not an answer that was reckoned with ("" if it is), and what it means for the job."""

    @abstractmethod
    def _undone(self, job: Job, code: str) -> Outcome:
        """What is told of a job that is handed over."""

    @abstractmethod
    def _deliver(self, outcome: Outcome) -> None:
        """Tells what came of a job."""

    @abstractmethod
    def _report(self, error: BaseException) -> None:
        """Takes note of an error of our own."""

    def pump(self) -> None:
        """Puts on the wire what may go there; to be called whenever something has changed."""
        while self._has_job():
            if self.degraded or self._cancelled:
                self.drain("cancelled" if self._cancelled else "degraded")
                continue
            if self.pool.busy >= self.pace.limit or self._pausing():
                return
            connection = self.pool.take()
            if connection is None:
                self._open_more()
                return
            self._start(connection, self.inbox.popleft())

    def drain(self, code: str) -> None:
        """Hands over the inbox. By `popleft` alone, as another thread may do so too when the loop has ended."""
        while True:
            try:
                job = self.inbox.popleft()
            except IndexError:
                return
            self._deliver(self._undone(job, code))

    def _has_job(self) -> bool:
        return bool(self.inbox)

    def _open_more(self) -> int:
        """Begins to make the connections that are missing; says for how many more jobs there would be room."""
        room = int(self.pace.limit) - self.pool.busy - self.pool.opening
        wanted = min(room, len(self.inbox) - self.pool.opening)
        self.pool.open(wanted)
        return room - wanted

    def _start(self, connection: Connection, job: Job) -> None:
        """Sends one, or hands it over; raises nothing, as it is the only one who knows of it."""
        try:
            head, body, note = self._request(job, self._now())
            self.pool.send(connection, (job, time.monotonic(), note), head, body)
            self.requests += 1
            if self._rest is not None:
                self.pace.resume_at = max(self.pace.resume_at, time.monotonic() + self._rest(job))
        except NotFast:
            self.pool.put_back(connection)
            self._hand_over(job, "not-fast")
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is not to be lost to it
            if not connection.busy:
                self._hand_over(job, "internal")
            self._collapse(error)

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

    def _pausing(self) -> bool:
        """Whether the server, or a limit, has asked for a rest; the pump comes back when it is over."""
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
        job, sent_at, note = connection.job
        connection.job = None  # it may be idle for long, and bodies are large
        outcome: Outcome | None = None
        try:
            code, outcome = self._outcome(job, note, connection)
            self._learn(code, connection, sent_at)
        finally:  # an exception goes on to `_collapse`
            self._deliver(self._undone(job, "internal") if outcome is None else outcome)
        self.pump()

    def broke(self, connection: Connection, code: str) -> None:
        job, connection.job = connection.job[0], None
        self._hand_over(job, code)
        self.pump()

    def _learn(self, code: str, answer: Connection, sent_at: float) -> None:
        if not code:
            if self.all_alike:
                self.pace.succeeded(time.monotonic(), sent_at)
            else:
                self.pace.succeeded()
            self._streak = ("", 0)
            return
        if answer.status in THROTTLED:
            self.pace.throttled(sent_at, time.monotonic(), answer.headers.get("retry-after"))
        self._count(code)

    # Handing over

    def _hand_over(self, job: Job, code: str) -> None:
        self._count(code)
        self._deliver(self._undone(job, code))

    def _count(self, code: str) -> None:
        same, times = self._streak
        self._streak = (code, times + 1 if code == same else 1)
        if self._streak[1] >= ENOUGH and code not in self.no_verdict:
            self.degraded = self.degraded or f"{ENOUGH} requests in a row were not accepted: {code}"

    def _collapse(self, error: BaseException) -> None:
        """An error of our own: no job is to be lost to it, and boto3 does the rest."""
        if self.degraded != INTERNAL:
            self.degraded = INTERNAL
            self._report(error)
        self.pool.abandon_all("internal")
        self.drain("internal")

"""Small requests for very many keys: botocore as referee, our own signatures, one thread's event loop.

As in the fast engine for uploads, it only ever confirms. Everything else is passed on to boto3, which knows redirects,
retries, clock skew and error models.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from .capture import credentials_of
from .pace import Pace
from .reactor import Reactor
from .request_loop import RequestLoop
from .session_origin import origin_of
from .signing import Moment
from .wire import Connection

logger = logging.getLogger(__name__)


class Passed(NamedTuple):
    """The wire does not know; boto3 is to do this job."""

    job: Any
    code: str
    """Why, for the log: an HTTP status (`503`), `broken` or `timeout`."""


Job = TypeVar("Job")
Answer = TypeVar("Answer")


class KeyedWire(RequestLoop[Job, Answer | Passed]):
    """Keep-alive connections for requests without a body. It belongs to one thread, which runs the loop in `turn`."""

    no_verdict = (*RequestLoop.no_verdict, "404", "412")
    keeps_bodies = True
    all_alike = False

    def __init__(
        self, client: Any, url: str, *, start: int, ceiling: int, rest: Callable[[Job], float] | None = None
    ) -> None:  # fmt: skip
        """`start` and `ceiling` are numbers of connections. Raises NotFast where only botocore can connect."""
        origin = origin_of(client, url)
        super().__init__(Reactor(), Pace(start, ceiling), credentials=partial(credentials_of, client), rest=rest)
        self.results: deque[Answer | Passed] = deque()
        self._turning = False
        self.pool.origin = origin
        self.pool.sweep()

    @abstractmethod
    def _head_of(self, job: Job, now: Moment) -> bytes:
        """The whole head of a job's request. Raises NotFast."""

    @abstractmethod
    def _meaning(self, job: Job, answer: Connection) -> Answer | Passed:
        """What an answer means: it confirms, or it is boto3's to explain."""

    def submit(self, job: Job) -> None:
        """Queues one job; `turn` sends it. Any thread may call, and then `wake`."""
        self.inbox.append(job)

    def turn(self) -> None:
        """Returns when there are results, or somebody has called `wake`."""
        try:
            self.pump()
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
        self.inbox.clear()
        self.pool.abandon_all("cancelled")
        self.results.clear()

    def decline(self) -> None:
        """Passes on what is not on the wire."""
        self.drain("cancelled")

    def close(self) -> None:
        """Ends all connections."""
        self.abandon()
        self.pool.close()
        self._loop.close()

    def _end_turn(self) -> None:
        if self._turning:  # else the next one, or the loop's own end, would be over before it began
            self._loop.stop()

    def _request(self, job: Job, now: Moment) -> tuple[bytes, bytes, Any]:
        return self._head_of(job, now), b"", None

    def _outcome(self, job: Job, note: Any, answer: Connection) -> tuple[str, Answer | Passed]:
        meaning = self._meaning(job, answer)
        return meaning.code if isinstance(meaning, Passed) else "", meaning

    def _undone(self, job: Job, code: str) -> Answer | Passed:
        return Passed(job, code)

    def _deliver(self, outcome: Answer | Passed) -> None:
        self.results.append(outcome)
        self._end_turn()

    def _report(self, error: BaseException) -> None:
        logger.error("The fast way of reading gives up after an unexpected error.", exc_info=error)

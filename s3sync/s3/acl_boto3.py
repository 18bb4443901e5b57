"""GetObjectAcl through boto3: right in every case, slow, and what it says is final."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from .acl_documents import ObjectAcl, acl_of, check_acl
from .detached import with_session
from .documents import Tap, WrongDocument
from .errors import DOWN, NO_RETRY_MENDS, THROTTLING, Trouble, trouble_of
from .pace import Pace
from .target import Target

HOPELESS_AFTER = 50
"""So many keys in a row that could not be read for one and the same cause: nobody asks for the others."""
_HOPELESS = (NO_RETRY_MENDS | DOWN | {"WrongDocument"}) - {"AccessDenied", "403", "InvalidArgument", "InvalidRequest"}
_THROTTLED_TRIES = 3
"""Beyond botocore's own retries."""


class Boto3Acls:
    """The storage's own client in a pool of threads. `submit`, `send`, `take` and the like belong to one thread."""

    def __init__(self, target: Target, workers: int, notify: Callable[[], None]) -> None:
        """`notify` is called by the pool's threads when there is a result."""
        self._tap = Tap(target.client._endpoint.http_session, check_acl)
        self._client, self._bucket = with_session(target.client, self._tap), target.bucket
        self._workers, self._notify = workers, notify
        self._pool: ThreadPoolExecutor | None = None
        self._pace = Pace(workers, workers)
        self._waiting: deque[str] = deque()
        self._busy = 0
        self._round = 0
        self._streak: tuple[str, int] = ("", 0)
        self._hopeless: Trouble | None = None
        self._cancelled = False
        self.results: deque[tuple[int, ObjectAcl, float, bool]] = deque()
        """Round, answer, when it was asked for, and whether the server asked for patience meanwhile."""

    def submit(self, key: str) -> None:
        self._waiting.append(key)

    def send(self) -> None:
        """Starts what may be started now."""
        while self._waiting and self._hopeless is not None:
            unasked = ObjectAcl(self._waiting.popleft(), None, None, self._hopeless)
            self.results.append((self._round, unasked, 0.0, False))
            self._notify()
        while self._waiting and self._busy < int(self._pace.limit):
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="s3sync-acl")
            self._busy += 1
            self._pool.submit(self._run, self._waiting.popleft(), self._round)

    def take(self) -> Iterator[ObjectAcl]:
        """What has come in."""
        while self.results:
            number, acl, sent_at, throttled = self.results.popleft()
            asked = sent_at > 0
            self._busy -= asked
            if number != self._round:
                continue
            if asked:
                self._learn(acl, sent_at, throttled)
            yield acl

    def heard(self) -> None:
        """Takes note that the server does answer, somebody else."""
        self._streak = ("", 0)

    def abandon(self) -> None:
        """Forgets all keys; what is under way is not waited for."""
        self._waiting.clear()
        self._round += 1

    def cancel(self) -> None:
        self._cancelled = True

    def close(self) -> None:
        self.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _learn(self, acl: ObjectAcl, sent_at: float, throttled: bool) -> None:
        if throttled:
            self._pace.throttled(sent_at, time.monotonic(), None)
        elif acl.error is None:
            self._pace.succeeded()
        code = acl.error.code if acl.error else ""
        same, times = self._streak
        self._streak = (code, times + 1 if code == same else 1)
        if code in _HOPELESS and self._streak[1] >= HOPELESS_AFTER:
            self._hopeless = acl.error

    # The pool's threads

    def _run(self, key: str, number: int) -> None:
        """Whatever happens becomes a result."""
        sent_at = time.monotonic()
        self._tap.begin()
        try:
            acl = self._ask(key)
        except Exception as error:  # noqa: BLE001  the worker's boundary
            acl = ObjectAcl(key, None, None, _trouble_of(error))
        self.results.append((number, acl, sent_at, self._tap.throttled))
        self._notify()

    def _ask(self, key: str) -> ObjectAcl:
        tries = 0
        while True:
            tries += 1
            try:
                owner, grants = acl_of(self._client.get_object_acl(Bucket=self._bucket, Key=key))
                return ObjectAcl(key, owner, grants)
            except Exception as error:
                trouble = _trouble_of(error)
                # A wrong document may have been somebody's on the way; a second one is the server's own.
                most = _THROTTLED_TRIES if trouble.code in THROTTLING else 2 if trouble.code == "WrongDocument" else 1
                if tries >= most or self._wait(tries, trouble):
                    raise

    def _wait(self, tries: int, trouble: Trouble) -> bool:
        """Rests before another try; True if there is to be none."""
        patient = min(trouble.retry_after or 0.5 * 2**tries * random.uniform(0.5, 1.0), 30.0)
        end = time.monotonic() + (patient if trouble.code in THROTTLING else 0.0)
        while not self._cancelled and (rest := end - time.monotonic()) > 0:
            time.sleep(min(rest, 0.1))
        return self._cancelled


def _trouble_of(error: BaseException) -> Trouble:
    if isinstance(error, WrongDocument):
        return Trouble("WrongDocument", 200, f"the endpoint does not answer GetObjectAcl with an ACL: {error}")
    trouble = trouble_of(error)
    if trouble.code == "404":  # without a body
        return Trouble("NoSuchKey", 404, trouble.message)
    return trouble

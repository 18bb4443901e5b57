"""Reads the ACLs of very many objects, one request each: there is no other way to learn what an ACL grants."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Iterable, Iterator
from types import TracebackType

from storages.backends.s3 import S3Storage

from .acl_boto3 import Boto3Acls
from .acl_documents import ObjectAcl
from .acl_wire import AclWire, capture_acl
from .calls import CallCounter
from .keyed_wire import Passed
from .signing import NotFast
from .target import POOL_SIZE, Target

__all__ = ["AclReader", "ObjectAcl"]

MOST_CONNECTIONS = 128
_PROVEN_ON = 3


class AclReader:
    """Reads ACLs by the fast way where it is proven, else by boto3. A context manager, used by one thread."""

    def __init__(self, target: Target, *, engine: str = "auto", workers: int | None, calls: CallCounter) -> None:
        """`workers` is the ceiling of requests under way; `calls` counts those of boto3."""
        self._target, self._calls, self._ceiling = target, calls, workers or MOST_CONNECTIONS
        self.why_not_fast = "asked for boto3" if engine == "boto3" else _why_not_fast(target)
        self._wire: AclWire | None = None
        self._changed: queue.SimpleQueue[None] = queue.SimpleQueue()  # an Event may block a signal handler
        self._slow = Boto3Acls(target, min(self._ceiling, POOL_SIZE, target.pool_size), self._wake)
        self._under_way = 0
        self._cancelled = False

    @property
    def requests(self) -> int:
        """GetObjectAcl requests that went the fast way; `calls` has those of boto3."""
        return self._wire.requests if self._wire else 0

    @property
    def engine(self) -> str:
        """The way that the bulk has gone, for the report."""
        return "fast" if self.why_not_fast is None or self.requests else "boto3"

    def read(self, keys: Iterable[str]) -> Iterator[ObjectAcl]:
        """Each key's ACL, or why it could not be read, in any order; a bounded window of `keys` is taken at a time."""
        source = iter(keys)
        if self._wire is None and self.why_not_fast is None:
            source = self._begin(source)
        try:
            while not self._cancelled:
                self._fill(source)
                if not self._under_way:
                    return
                yield from self._settle()
        finally:
            self._forget()

    def cancel(self) -> None:
        """Ends `read` soon, with keys unread; any thread and any signal handler may call."""
        self._cancelled = True
        self._slow.cancel()
        self._wake()

    def close(self) -> None:
        """Ends threads and connections."""
        self._slow.close()
        if self._wire is not None:
            self._wire.close()

    def __enter__(self) -> AclReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, source: Iterator[str]) -> Iterator[str]:
        """Proves the fast way on some of the keys."""
        first = tuple(itertools.islice(source, _PROVEN_ON))
        if first:
            try:
                with self._calls.paused():
                    template = capture_acl(self._target.client, self._target.bucket, first)
                start = min(self._ceiling, 64 if self._target.is_aws else 16)
                self._wire = AclWire(self._target.client, template, start=start, ceiling=self._ceiling)
            except NotFast as reason:
                self.why_not_fast = str(reason)
        return itertools.chain(first, source)

    def _fill(self, source: Iterator[str]) -> None:
        window = max(64, 4 * self._ceiling)
        for key in itertools.islice(source, max(0, window - self._under_way)):
            self._under_way += 1
            if self._wire is not None and self.why_not_fast is None:
                self._wire.submit(key)
            else:
                self._slow.submit(key)

    def _settle(self) -> Iterator[ObjectAcl]:
        """Waits until something is there, and gives it."""
        self._slow.send()
        if self._wire is None:
            self._changed.get()
        elif not self._slow.results:
            self._wire.turn()
        while self._wire is not None and self._wire.results:
            result = self._wire.results.popleft()
            if isinstance(result, Passed):
                self.why_not_fast = self._wire.degraded
                self._slow.submit(result.job)
                continue
            if result.error is None:
                self._slow.heard()
            self._under_way -= 1
            yield result
        for acl in self._slow.take():
            self._under_way -= 1
            yield acl

    def _wake(self) -> None:
        self._changed.put(None)
        if self._wire is not None:
            self._wire.wake()

    def _forget(self) -> None:
        """What is still under way when the caller has had enough."""
        if self._under_way:
            self._slow.abandon()
            if self._wire is not None:
                self._wire.abandon()
        self._under_way = 0


def _why_not_fast(target: Target) -> str | None:
    """Whoever makes his clients himself is not second-guessed."""
    for name in ("connection", "bucket"):
        if getattr(type(target.storage), name) is not getattr(S3Storage, name):
            return f"{type(target.storage).__name__} overrides {name}"
    return None

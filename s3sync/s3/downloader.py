"""Reads objects by whichever engine fits each. One thread calls `submit` and `settle`."""

from __future__ import annotations

from collections.abc import Callable

from .calls import CallCounter
from .fetching import Declined, DeliverFetched, Delivery, Fetched, Get
from .get_boto3 import Boto3Gets
from .get_fast import FastGets
from .limits import Limits
from .reads import why_not_fast
from .target import Target

WINDOW_BYTES = 64 * 1024 * 1024
"""Bytes of objects that may be in memory at once."""


class Downloader:
    """The reading side of one run."""

    def __init__(
        self, target: Target, calls: CallCounter, *, engine: str, workers: int | None, deliver: DeliverFetched,
        progress: Callable[[int], None] = lambda _: None, limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self._limits = limits = limits or Limits()
        ceiling = workers or 128
        self.boto3 = Boto3Gets(
            target, deliver=deliver, workers=min(ceiling, 32, limits.streams), progress=progress, limits=limits
        )
        self.why_not_fast = "asked for boto3" if engine == "boto3" else why_not_fast(target)
        self.fast: FastGets | None = None
        if self.why_not_fast is None:
            start = min(ceiling, 64 if target.is_aws else 16)
            self.fast = FastGets(
                target,
                deliver=deliver,
                start=start,
                ceiling=ceiling,
                calls=calls,
                rest=limits.sent if limits.any else None,
            )
        self._window = max(64, 4 * ceiling)
        self.count = 0
        self.bytes = 0

    @property
    def engine(self) -> str:
        """The engine that does the bulk, for the report."""
        return "boto3" if self.fast is None or (self.why_not_fast and not self.fast.requests) else "fast"

    @property
    def full(self) -> bool:
        """Whether as much is under way as memory and good manners allow."""
        return self.count >= self._window or self.bytes >= WINDOW_BYTES

    def submit(self, get: Get) -> None:
        """Takes one object; never blocks."""
        self.count += 1
        self.bytes += _in_memory(get)
        if self.fast is not None and self._may_go_fast(get):
            self.fast.submit(get)
        else:
            self.boto3.submit(get)

    def settle(self, delivery: Delivery) -> Fetched | None:
        """Takes what an engine delivered; None if the object goes on to the other engine."""
        if isinstance(delivery, Declined):
            self.boto3.submit(delivery.get)
            return None
        self.count -= 1
        self.bytes -= _in_memory(delivery.get)
        return delivery

    def cancel(self) -> None:
        """Stops what has not begun; everything is still to be collected."""
        if self.fast is not None:
            self.fast.cancel()
        self.boto3.cancel()

    def close(self) -> None:
        """Ends threads and connections."""
        if self.fast is not None:
            self.fast.close()
        self.boto3.close()

    def _may_go_fast(self, get: Get) -> bool:
        if self.fast is None or get.sink is not None or get.extra or get.again or not get.obj.etag:
            return False
        if not self._limits.at_once(get.obj.size):
            return False  # boto3 reads it in measure
        self.why_not_fast = self.why_not_fast or self.fast.prepare(get.obj)
        return self.why_not_fast is None


def _in_memory(get: Get) -> int:
    return 0 if get.sink is not None else get.obj.size

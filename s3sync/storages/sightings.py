"""What is remembered of S3, so that it need not be asked for each address on each page."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import Final

MOST: Final = 100_000
"""Keys at most; those that were learnt first are forgotten first."""


class Sightings:
    """Which keys were there, and which were not until when. Any thread may call; times are of one monotonic clock."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, now: float) -> bool | None:
        """Whether it is there; None if that has to be asked."""
        until = self._until.get(key)
        if until is None:
            return None
        if until == math.inf:
            return True
        return False if now < until else None

    def put(self, key: str, there: bool, *, until: float = 0.0) -> None:
        """It is there, for ever; or it is not, for the time being, unless an upload was quicker than the question."""
        with self._lock:
            self._until[key] = math.inf if there else max(until, self._until.get(key, until))
            if len(self._until) > self._most:
                self._until.popitem(last=False)

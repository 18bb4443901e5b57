"""How many requests may be under way at once, learnt from the server's answers."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

LONGEST_PAUSE = 30.0
"""Seconds; whatever `Retry-After` says."""


class Pace:
    """Additive growth, halved when the server says that it is too much.

    Until the first refusal it grows by one for every two successes, so that a short run gets up to speed at all;
    afterwards by one in each round trip. Times are seconds of any one steadily growing clock. Not thread-safe.
    """

    def __init__(self, start: int, ceiling: int) -> None:
        self.limit = float(min(start, ceiling))
        self.resume_at = 0.0
        """Nothing new is to be sent before this time."""
        self._ceiling = float(ceiling)
        self._halved_at = float("-inf")

    def succeeded(self) -> None:
        if self.limit < self._ceiling:
            step = 0.5 if self._halved_at == float("-inf") else 1.0 / self.limit
            self.limit = min(self._ceiling, self.limit + step)

    def throttled(self, sent_at: float, now: float, retry_after: str | None) -> None:
        """Takes note of a 503 or 429 that answered a request sent at `sent_at`."""
        if sent_at >= self._halved_at:  # else it is an echo of the pace that was halved already
            self.limit = max(1.0, self.limit / 2)
            self._halved_at = now
        self.resume_at = max(self.resume_at, now + _pause(retry_after))

    def not_above(self, limit: int) -> None:
        """Takes note that no more connections than these can be had just now."""
        self.limit = max(1.0, min(self.limit, float(limit)))


def _pause(retry_after: str | None) -> float:
    """Seconds to wait, from `Retry-After`'s number or date (RFC 9110, section 10.2.3); 0 where it says nothing."""
    if not retry_after:
        return 0.0
    try:
        seconds = float(retry_after) if retry_after.isdigit() else _until(retry_after)
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_PAUSE)


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()

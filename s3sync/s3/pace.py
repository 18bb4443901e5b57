"""How many requests may be under way at once, learnt from the server's answers."""

from __future__ import annotations

import time

THROTTLED = (429, 503)
"""Statuses that ask for a rest."""
LONGEST_PAUSE = 30.0
"""Seconds; whatever `Retry-After` says."""
_GAIN = 1.05
"""How many times as many answers in a second are more, and not chance."""
_GAIN_LATER = 1.25
"""The same once there were enough connections: what is tried every so often must not creep up by chance."""
_FEWEST = 32
"""Answers from which a rate is taken."""
_FEW = 32
"""Connections that are not too many, however fast answers come."""
_PER_SECOND = 200_000
"""Answers. A process of ours sends 20,000 small requests in a second at the very most, and most servers take no more
than ten times as long for each as for the fastest."""
_CONTENT = 2.0
"""Seconds after which it is tried again whether more at a time would bring more."""


class Pace:
    """Additive growth, halved when the server says that it is too much.

    Until the first refusal it grows by one for every two successes, so that a short run gets up to speed at all;
    afterwards by one in each round trip. Where it is told the times of successes, and was never refused, it stops as
    soon as more at a time bring no more in a second: then the line, the server or this processor is the limit, and
    more connections only cost. It stops earlier where answers come so fast that this process could not keep more
    connections busy. Times are seconds of any one steadily growing clock. Not thread-safe.
    """

    def __init__(self, start: int, ceiling: int) -> None:
        self.limit = float(min(start, ceiling))
        self.resume_at = 0.0
        """Nothing new is to be sent before this time."""
        self._ceiling = float(ceiling)
        self._halved_at = float("-inf")
        self._answers, self._since = 0, float("-inf")
        self._best, self._best_limit = 0.0, self.limit
        self._doubted, self._gain = False, _GAIN
        self._content_at: float | None = None
        self._fastest = float("inf")

    def succeeded(self, now: float | None = None, sent_at: float = float("-inf")) -> None:
        if now is not None and self._halved_at == float("-inf"):  # after that, refusals say what is too much
            self._fastest = min(self._fastest, now - sent_at)
            self._answers += 1
            if self._answers >= max(_FEWEST, self.limit):  # about a round trip
                self._judge(now)
        most = min(self._ceiling, max(_FEW, self._fastest * _PER_SECOND))
        if self.limit < most and not self._doubted and self._content_at is None:
            step = 0.5 if self._halved_at == float("-inf") else 1.0 / self.limit
            self.limit = min(self._ceiling, self.limit + step)

    def throttled(self, sent_at: float, now: float, retry_after: str | None) -> None:
        """Takes note of a 503 or 429 that answered a request sent at `sent_at`."""
        self._forget()
        if sent_at >= self._halved_at:  # else it is an echo of the pace that was halved already
            self.limit = max(1.0, self.limit / 2)
            self._halved_at = now
        self.resume_at = max(self.resume_at, now + _pause(retry_after))

    def not_above(self, limit: int) -> None:
        """Takes note that no more connections than these can be had just now."""
        self.limit = max(1.0, min(self.limit, float(limit)))

    def lower(self, ceiling: int) -> None:
        """Has to do with so many at most from now on."""
        self._ceiling = min(self._ceiling, float(ceiling))
        self.limit = min(self.limit, self._ceiling)

    def allow(self, ceiling: int) -> None:
        """May grow up to so many again."""
        self._ceiling = float(ceiling)

    def _judge(self, now: float) -> None:
        """Looks at the rate of a round trip; what brings no more twice in a row is taken back."""
        rate = self._answers / max(now - self._since, 1e-9)
        self._answers, self._since = 0, now
        if self._content_at is not None:
            if now - self._content_at >= _CONTENT:
                self._best, self._best_limit, self._doubted, self._content_at = rate, self.limit, False, None
                self._fastest = float("inf")
        elif rate > self._best * self._gain:
            self._best, self._best_limit, self._doubted = rate, self.limit, False
        elif not self._doubted:
            self._doubted = True
        else:
            self.limit, self._content_at = min(self.limit, self._best_limit), now
            self._gain = _GAIN_LATER

    def _forget(self) -> None:
        """Begins to compare anew."""
        self._best, self._best_limit, self._doubted, self._content_at = 0.0, self.limit, False, None


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
    from email.utils import parsedate_to_datetime  # costs a process of its own more than all else here

    return parsedate_to_datetime(date).timestamp() - time.time()

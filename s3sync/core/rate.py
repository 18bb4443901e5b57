"""How long to wait so that a rate is kept."""

from __future__ import annotations


class Bucket:
    """A token bucket, kept as the time at which everything that was granted will have been paid for.

    Whatever is asked for is granted, in turn, for a time to come: asking again is never necessary. Times are seconds of
    any one steadily growing clock. Not thread-safe.
    """

    def __init__(self, rate: float, burst: float) -> None:
        """`rate` in tokens a second; `burst` tokens may go at once after a rest."""
        self._rate = rate
        self._burst = burst / rate
        self._paid = float("-inf")

    def reserve(self, tokens: float, now: float) -> float:
        """Grants so many tokens; returns the seconds until they may be used.

        In any time `t` no more than `rate * t + burst` tokens become usable, but for the last grant, which is whole.
        """
        begin = max(self._paid, now - self._burst)
        self._paid = begin + tokens / self._rate
        return max(0.0, begin - now)

    def owed(self, now: float) -> float:
        """Seconds until the next grant may be used."""
        return max(0.0, self._paid - now)

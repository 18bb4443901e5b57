"""What `CutoverStorage` had to fetch from the old place: counted, logged and told to whoever listens."""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from django.dispatch import Signal

logger: Final = logging.getLogger("s3sync.cutover")

fell_back: Final = Signal()
"""Sent in the thread of the request whenever the old place helps out. Arguments: `storage`, `name`, `method`."""

MOST: Final = 100_000
"""Names that are remembered at most, of each kind, so that no visitor can make a process grow."""


@dataclass(frozen=True, slots=True)
class Told:
    """The counts of a process at one moment."""

    total: int
    """How often the old place had to help out."""
    names: int
    """How many different names that were; counted anew after `MOST`."""
    by_method: dict[str, int]
    """`open`, `url`, `size`... -> how often."""
    last: datetime | None
    """When the last time was, in UTC."""
    s3_errors: int
    """How often S3 could not be asked and the old place answered in its stead (`on_s3_error`)."""
    failed_copies: int
    """How many uploads are on S3 but could not be copied to the old place (`write_to_local`)."""


class Fallbacks:
    """Counts of this process, since its start, over all storages. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin anew, for tests."""
        with self._lock:
            self._by_method: Counter[str] = Counter()
            self._names: OrderedDict[str, None] = OrderedDict()
            self._said: set[tuple[str, str]] = set()
            self._last: datetime | None = None
            self._s3_errors = self._failed_copies = 0

    def read(self) -> Told:
        """The counts as they are now."""
        with self._lock:
            return Told(
                self._by_method.total(), len(self._names), dict(self._by_method), self._last, self._s3_errors,
                self._failed_copies,
            )  # fmt: skip

    def note(self, storage: Any, name: str, method: str, place: str) -> None:
        """The old place has helped out. One line for the first time that it does with this name."""
        with self._lock:
            self._by_method[method] += 1
            self._last = datetime.now(timezone.utc)
            is_first = name not in self._names
            self._names[name] = None
            if len(self._names) > MOST:
                self._names.popitem(last=False)
        if is_first:
            logger.warning("not on S3 yet, served from %s: %r (%s)", place, name, method)
        fell_back.send_robust(sender=type(storage), storage=storage, name=name, method=method)

    def note_error(self, name: str, method: str, error: Exception, *, helped: bool) -> None:
        """S3 could not be asked. One line for each method and kind of error."""
        code = code_of(error)
        with self._lock:
            self._s3_errors += helped
            is_first = (method, code) not in self._said
            self._said.add((method, code))
        if is_first:
            outcome = "the old place answers" if helped else "that is raised, as it does not mean that it isn't there"
            logger.error("S3 can't tell of %r (%s): %s: %s. %s", name, method, code, _hint(code), outcome)

    def note_failed_copy(self, name: str, place: str, error: Exception) -> None:
        """An upload is on S3, but not in the old place."""
        with self._lock:
            self._failed_copies += 1
        logger.error(
            "on S3, but not copied to %s: %r (%s: %s). After a switch back it would be missing there, unless "
            "s3_pull_media or a copy by hand brings it", place, name, type(error).__name__, error,
        )  # fmt: skip


fallbacks: Final = Fallbacks()
"""The counts of this process: `fallbacks.read().total`."""


def code_of(error: Exception) -> str:
    """S3's word for an error, or the exception's name."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def _hint(code: str) -> str:
    if code in ("403", "AccessDenied", "Forbidden"):
        return "needs s3:GetObject on the objects, and s3:ListBucket on the bucket, without which S3 says 403 for 404"
    return "manage.py s3_doctor says what is in the way"

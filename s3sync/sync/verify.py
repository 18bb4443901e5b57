"""After a push: is everything there that was sent, as it was sent?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing

from ..core.comparison import Action, Reason
from ..core.events import Failure, Finding, Outcome, Result
from ..core.objects import RemoteObject
from ..core.plan import ascending
from ..s3.listing import Listing
from ..s3.target import Target
from .run import Run, RunEnded

_OFTEN = 64


class Verification:
    """Remembers on the disk what was stored, and holds a second listing against it. Used by the run's own thread."""

    def __init__(self, run: Run, target: Target) -> None:
        self._run, self._target = run, target
        self._began = 0.0
        # An empty name makes a temporary database on the disk, which goes with the connection.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("CREATE TABLE pushed (key TEXT PRIMARY KEY, etag TEXT, size INT) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def stored(self, key: str, etag: str, size: int) -> None:
        """Takes note of one object that the server confirmed."""
        self._database.execute("INSERT OR REPLACE INTO pushed VALUES (?, ?, ?)", (key, etag, size))

    def finish(self, prefix: str, began: float) -> None:
        """Lists again; whatever is not as it was sent becomes a failure, or a conflict if it is newer and not ours.

        `began` is the run's start on the server's clock, in seconds since the epoch.
        """
        self._began = began
        listing = Listing(self._target.client, self._target.bucket, prefix)
        with closing(ascending(self._watched(listing))) as objects:
            try:
                self._compare(objects)
            except RunEnded:
                detail = "The verification ended early: not all that was sent was looked at again."
                self._run.emit(Finding("verify-unfinished", "warning", detail))

    def _compare(self, objects: Iterator[RemoteObject]) -> None:
        obj = next(objects, None)
        for key, etag, size in self._pushed():
            while obj is not None and obj.key < key:
                obj = next(objects, None)
            self._hold_against(key, etag, size, obj if obj is not None and obj.key == key else None)

    def _watched(self, objects: Iterable[RemoteObject]) -> Iterator[RemoteObject]:
        for number, obj in enumerate(objects):
            if not number % _OFTEN:
                self._run.go_on("verifying")
            yield obj

    def close(self) -> None:
        """Drops what was remembered."""
        self._database.close()

    def _pushed(self) -> Iterator[tuple[str, str, int]]:
        yield from self._database.execute("SELECT key, etag, size FROM pushed ORDER BY key")

    def _hold_against(self, key: str, etag: str, size: int, obj: RemoteObject | None) -> None:
        name = self._target.name_of(key)
        if obj is None:
            failure = Failure("NotListed", hint="push again", message="it was stored, but the listing does not show it")
            self._run.emit(Outcome(name, key, Action.UPLOAD, Result.FAILED, size=size, error=failure))
        elif obj.etag != etag and obj.modified_at + 1.0 >= self._began:
            self._run.emit(Outcome(name, key, Action.CONFLICT, Result.SKIPPED, Reason.NEWER, obj.size, existed=True))
        elif obj.etag != etag or obj.size != size:
            failure = Failure("NotAsSent", hint="push again", message=f"listed with ETag {obj.etag}, {etag} was sent")
            self._run.emit(Outcome(name, key, Action.UPLOAD, Result.FAILED, size=size, error=failure))

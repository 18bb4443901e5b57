"""`s3_verify_media`, the side of the bucket: one listing of each place, joined with what the rows name."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..core.derived import Derived
from ..core.media_report import Listed, MediaReport
from ..core.objects import RemoteObject
from ..core.plan import ascending
from ..core.scope import HIDDEN, Scope
from ..core.values import MISSING, SIZE, Expected, joined
from ..local.ledger import Ledger
from ..s3.calls import CallCounter
from ..s3.list_fast import may_go_fast
from ..s3.listing import Listing
from .media_places import Place
from .run import Run

_ROUND = 1000
"""Objects after which it is asked whether the run has to stop."""
_CHUNK = 1024 * 1024


@dataclass(slots=True, kw_only=True)
class PlaceListing:
    """One place, looked at once. Used by one thread."""

    run: Run
    report: MediaReport
    ledger: Ledger
    place: Place
    scope: Scope
    """With what other storages keep in this place."""
    derived: Derived
    min_age: float
    row: Listed
    engine: str
    """With `boto3`, nothing goes past botocore."""
    _latest: float = 0.0
    _seen: int = 0
    _key: str | None = None
    _verdict: str | None = None
    _local: int | None = None

    def read(self) -> bool:
        """Tells whether the listing was read to its end. Raises what listing raises."""
        target = self.place.target
        calls = CallCounter(target.client)
        prefix, counted = target.listing_prefix(self.scope.prefix), calls if may_go_fast(target, self.engine) else None
        listing = Listing(target.client, target.bucket, prefix, counted)
        try:
            listing.open()
            self._latest = time.time() + listing.skew - self.min_age
            return self._join(listing)
        finally:
            calls.close()
            self.report.requests.update(calls.counts)

    def _join(self, listing: Listing) -> bool:
        number = self.place.number
        pairs = joined(self.ledger.expected(number), ascending(self._counted(listing)))
        for count, (each, obj) in enumerate(pairs):
            if count % _ROUND == 0:
                self.run.watcher.moved(self.run.progress)
                if self.run.stopping:
                    return False
            if each is None:
                if obj is not None:
                    self.ledger.spare(number, obj, excused=self._is_excused(obj))
            elif each.column >= 0:
                self.run.progress.files_done += 1
                self._judge(each, obj)
        self.row.objects = self._seen
        self.place.listed = True
        return True

    def _counted(self, listing: Listing) -> Iterator[RemoteObject]:
        ours = self.place.target.prefix + HIDDEN
        for obj in listing:
            if obj.key.startswith(ours):
                continue  # locks, which are nobody's files
            self._seen += 1
            self.report.counts["listed"] += 1
            yield obj

    def _judge(self, each: Expected, obj: RemoteObject | None) -> None:
        if each.key != self._key:  # many rows may name one object
            self._key = each.key
            self._verdict, self._local = self._compared(each, obj)
        if self._verdict is not None:
            size = obj.size if obj is not None else None
            self.ledger.blame(each, self.place.number, self._verdict, size, self._local)

    def _compared(self, each: Expected, obj: RemoteObject | None) -> tuple[str | None, int | None]:
        files = list(self._files_of(each))
        size = files[0][1] if files else None
        if obj is None:
            return MISSING, size
        if not files or self.place.target.saves_itself or any(obj.size == there for _, there in files):
            return None, size
        return (None if any(obj.size == self._rendered_size(each.key, path) for path, _ in files) else SIZE), size

    def _files_of(self, each: Expected) -> Iterator[tuple[str, int]]:
        """Path and size of the files that may have been pushed to this key, as far as they are there."""
        target = self.place.target
        for root in self.place.sources:
            name = target.name_of(each.key) if target.has_plain_keys else each.name
            path = os.path.normpath(os.path.join(root, name))
            try:
                status = os.stat(path)
            except (OSError, ValueError):
                continue
            if path.startswith(root.rstrip("/") + "/") and stat.S_ISREG(status.st_mode):
                yield path, status.st_size

    def _rendered_size(self, key: str, path: str) -> int | None:
        """How many bytes the storage makes of a file (gzip); None where it sends files as they are."""
        try:
            render = self.place.target.rendering_of(key).render
            if render is None:
                return None
            with open(path, "rb") as stream:
                source = render(stream)
                return sum(len(chunk) for chunk in iter(lambda: source.read(_CHUNK), b""))
        except Exception:  # noqa: BLE001  the storage's own code; or the file has gone
            return None

    def _is_excused(self, obj: RemoteObject) -> bool:
        """Whether an object that no row names is no orphan: young, derived, another storage's, or out of scope."""
        name = self.place.target.name_of(obj.key)
        if self.scope.leaves_out_object(name) or self.derived.covers(name):
            return True
        return self.min_age > 0 and obj.modified_at > self._latest

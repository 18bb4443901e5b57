"""A lock that hosts share: a small object, changed by conditional writes alone ("Conditional writes", S3 User Guide).

One object stands for the names under one prefix of one target. It is empty while it is free, and never deleted: that
needs no right beyond those of a push, and Ceph RGW 16 deletes whatever the condition. To acquire it is

1. to store a claim, by `If-None-Match: *`, or by `If-Match` in place of one that is free or has expired;
2. to list the others: whoever has names in common, and holds its lock or has the wider prefix, goes first; the claim of
   any other is taken away, by `If-Match`;
3. to store the claim as held, by `If-Match`, which fails if another has taken it away.

Of two that both claim before they list, each sees the other in step 2; else the later one sees the earlier. Whoever
lists last either gives way or has taken the other's claim away, so never both hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ..core.claims import Claim
from ..core.scope import LOCKS
from ..exceptions import LockHeld
from .errors import REMOTE_ERRORS, trouble_of
from .lock_object import Found, LockObject, NotKept
from .objects import customer_key
from .target import Target

__all__ = ["BucketLock", "NotKept"]

_TRIES: Final = 4
_FREE: Final = b""
_SENT: Final = ("ServerSideEncryption", "BucketKeyEnabled", "RequestPayer", "ExpectedBucketOwner")


def now() -> float:
    """Seconds of a clock that goes on while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class BucketLock:
    """One run's lock. `acquire` and `release` are for one thread; any may ask `why_lost`, or `confirm`."""

    def __init__(self, target: Target, claim: Claim, clock: Callable[[], float] = now) -> None:
        self.target, self.claim, self._clock = target, claim, clock
        self.key = self._key_of(claim.prefix)
        self.taken_over: Claim | None = None
        """Whose lock had expired."""
        self._object = LockObject(target.client, target.bucket, self.key, _parameters(target, self.key))
        self._etag = ""
        self._until = 0.0
        self._lost = ""
        self._trouble = "nobody has answered"
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="s3sync-lock", daemon=True)

    def acquire(self) -> None:
        """Raises LockHeld, NotKept where the server does not keep conditions, and what botocore raises."""
        began = self._clock()
        self._claim()
        try:
            if not self.target.is_aws:
                self._object.prove(self.claim.encode())
            for found in self._others():
                self._settle_with(*found)
            self._hold()
        except NotKept:
            with contextlib.suppress(*REMOTE_ERRORS):
                self._object.clear()
            raise
        except BaseException:
            self._free()
            raise
        self._until = began + self.claim.seconds
        self._keeper.start()

    def confirm(self) -> None:
        """Renews the lock now, or finds that it is lost; raises nothing."""
        with self._turn:
            # Nobody may be renewing what has expired: a run for names in common may have passed by it.
            if self.why_lost() is not None or self._ended.is_set():
                return
            began = self._clock()
            claim = self.claim.next(held=True)
            try:
                etag = self._object.replace(self._etag, claim.encode())
            except REMOTE_ERRORS as error:
                self._trouble = trouble_of(error).code
                return
            if etag is None:
                self._lost = "another run has taken it"
            else:
                self._etag, self.claim, self._until = etag, claim, began + claim.seconds

    def why_lost(self) -> str | None:
        """Why the run must not go on; None while the lock is its own. It asks nobody."""
        if not self._lost and self._clock() >= self._until - self.claim.seconds / 10:
            self._lost = f"it could not be renewed in time ({self._trouble})"
        return self._lost or None

    def release(self) -> bool:
        """Frees the lock for others; whether that is done. Raises nothing: what is left expires by itself."""
        self._ended.set()
        return self.why_lost() is not None or self._free()

    def _keep(self) -> None:
        while not self._ended.wait(self.claim.seconds / (20 if self._clock() > self._overdue else 3)):
            self.confirm()

    @property
    def _overdue(self) -> float:
        """When the next renewal ought to have been, so that trouble is tried more often."""
        return self._until - self.claim.seconds * 0.6

    def _claim(self) -> None:
        """Step 1."""
        body = self.claim.encode()
        for _ in range(_TRIES):
            etag = self._object.create(body)
            found = self._object.read() if etag is None else None
            if found is not None:
                if found.body == body:  # the answer to the first try was lost
                    etag = found.etag
                else:
                    if found.claim is not None:
                        raise self._held_by(found)
                    self.taken_over = found.expired
                    etag = self._object.replace(found.etag, body)
            if etag is not None:
                self._etag = etag
                return
        raise LockHeld("Other runs begin at this moment.", code="LockHeld", hint=f"they want the lock {self._place}")

    def _others(self) -> Iterator[tuple[LockObject, Found]]:
        """Step 2: other locks that are not free and have names in common."""
        folder = self.target.prefix + LOCKS
        client, bucket = self.target.client, self.target.bucket
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        for entry in [entry for page in pages for entry in page.get("Contents", ())]:
            if entry["Key"] == self.key or not entry["Size"]:
                continue
            other = LockObject(client, bucket, entry["Key"], _parameters(self.target, entry["Key"]), self._object.bare)
            found = other.read()
            if found is not None and found.claim is not None and found.claim.overlaps(self.claim):
                yield other, found

    def _settle_with(self, other: LockObject, found: Found) -> None:
        claim = found.claim
        if claim is not None and (self.claim.yields_to(claim) or other.replace(found.etag, _FREE) is None):
            raise self._held_by(found)

    def _hold(self) -> None:
        """Step 3."""
        claim = self.claim.next(held=True)
        etag = self._object.replace(self._etag, claim.encode())
        if etag is None:
            self._etag = ""
            raise LockHeld(
                "Another run began at the same moment, and goes first.", code="LockHeld",
                hint=f"it has taken the lock {self._place}",
            )  # fmt: skip
        self._etag, self.claim = etag, claim

    def _free(self) -> bool:
        with self._turn:
            try:
                return not self._etag or self._object.replace(self._etag, _FREE) is not None
            except REMOTE_ERRORS:
                return False

    def _held_by(self, found: Found) -> LockHeld:
        claim = found.claim
        left = 0.0 if claim is None else claim.seconds - found.age
        who = "another run" if claim is None else claim.who
        return LockHeld(
            f"Another run works on this target: {who}.", code="LockHeld",
            hint=f"it holds {self._place}, which ends in {max(1, round(left))} s unless that run renews it",
        )  # fmt: skip

    @property
    def _place(self) -> str:
        return f"s3://{self.target.bucket}/{self.key}"

    def _key_of(self, prefix: str) -> str:
        digest = hashlib.sha256(prefix.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return f"{self.target.prefix}{LOCKS}{digest}"


def _parameters(target: Target, key: str) -> Mapping[str, Any]:
    """What a lock is written with: encrypted as the storage's objects are, and never with an ACL of theirs."""
    try:
        given = dict(target.storage.get_object_parameters(key))
    except Exception:  # noqa: BLE001  the user's own code, for a key that it does not expect
        given = {}
    kept = {name: value for name, value in given.items() if name in _SENT or name.startswith("SSEKMS")}
    return kept | customer_key(given)

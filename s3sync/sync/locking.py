"""The lock of a run that writes to a target: of this host, or one that hosts share."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import lock as locks
from ..core.claims import Claim
from ..core.events import Finding
from ..core.scope import LOCKS
from ..exceptions import ConfigurationError, RemoteError
from ..s3.bucket_lock import BucketLock, NotKept
from ..s3.calls import CallCounter
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.target import Target
from .guard import Publicity
from .run import Run

BUCKET = "bucket"


@contextlib.contextmanager
def locked(
    run: Run, target: Target, wish: str, state_dir: Path | None, intent: Sequence[tuple[str, str]] | None = None
) -> Iterator[None]:
    """Holds the lock that `--lock` asks for; none where nothing is written. `intent` is that of the target's alias.

    `bucket` is a lock on the run's prefix of the target, for all hosts; while it is held, the run stops once it is
    lost. Raises LockHeld, ConfigurationError where the server can't lock, or RemoteError.
    """
    if run.options.dry_run:
        wish = "none"
    if wish != BUCKET:
        with locks.held(wish, f"{target.identity}/{target.prefix}", state_dir):
            yield
        return
    lock = BucketLock(target, _claim(run, target, intent))
    with _counted(run, target):
        _acquire(lock)
    if lock.taken_over is not None:
        detail = f"The lock of {lock.taken_over.who} had expired, and was taken over."
        run.emit(Finding("lock-expired", "warning", detail))
    run.why_lost, run.keep_lock = lock.why_lost, lock.confirm
    try:
        yield
    finally:
        with _counted(run, target):
            released = lock.release()
        run.why_lost, run.keep_lock = _never, _nothing
        if not released:
            detail = f"The lock {lock.key} could not be freed: other runs wait until it expires."
            run.emit(Finding("lock-left", "warning", detail))


def _claim(run: Run, target: Target, intent: Sequence[tuple[str, str]] | None) -> Claim:
    """Where everybody may come to read it, it tells nothing of this host."""
    try:
        is_public = Publicity(target, intent).covers(target.prefix + LOCKS, LOCKS)
    except Exception:  # noqa: BLE001  the storage's own code
        is_public = True
    owner = "" if is_public else f"process {os.getpid()} on {socket.gethostname()}"
    return Claim(run=run.report.run_id, prefix=run.options.prefix, owner=owner)


def _acquire(lock: BucketLock) -> None:
    target = lock.target
    try:
        lock.acquire()
    except NotKept as error:
        raise ConfigurationError(
            f"The server can't lock for several hosts: {error}.", code="LockNotKept",
            hint="use --lock auto and let one host push, or none; s3_doctor --write shows what the server keeps",
        ) from error  # fmt: skip
    except REMOTE_ERRORS as error:
        trouble, operation = trouble_of(error), operation_of(error) or "PutObject"
        hint = hint_for(trouble, operation, target.bucket, target.prefix + "*") or trouble.message
        raise RemoteError(
            operation, target.bucket, lock.key, code=trouble.code, http=trouble.http, hint=hint
        ) from error


@contextlib.contextmanager
def _counted(run: Run, target: Target) -> Iterator[None]:
    calls = CallCounter(target.client)
    try:
        yield
    finally:
        calls.close()
        run.report.requests.update(calls.counts)


def _never() -> str | None:
    return None


def _nothing() -> None:
    return None

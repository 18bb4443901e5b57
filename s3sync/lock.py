"""One run at a time for each target, by a lock that the system gives back when a process dies."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from .exceptions import ConfigurationError, LockHeld


@contextlib.contextmanager
def held(wish: str, target: str, state_dir: Path | None) -> Iterator[None]:
    """Holds the lock that `--lock` asks for: `auto`, `none`, or a path. Raises LockHeld at once if it is taken.

    `auto` is a file in the state directory (in the system's temporary folder where that can't be written), one for each
    target. The lock is the operating system's (flock), so a killed process leaves none behind.
    """
    if wish == "none":
        yield
        return
    if wish == "bucket":
        raise ConfigurationError("Here is nothing to lock in a bucket.", code="LockUnusable", hint="use --lock auto")
    paths = _automatic(target, state_dir) if wish == "auto" else [Path(wish)]
    lock = _acquire(paths, asked_for=wish != "auto")
    try:
        yield
    finally:
        lock.release()


def _automatic(target: str, state_dir: Path | None) -> list[Path]:
    name = hashlib.sha256(target.encode()).hexdigest()[:16] + ".lock"
    temporary = Path(tempfile.gettempdir()) / f"s3sync-{name}"
    return [temporary] if state_dir is None else [state_dir / name, temporary]


def _acquire(paths: list[Path], *, asked_for: bool) -> filelock.BaseFileLock:
    trouble: OSError | None = None
    for path in paths:
        lock = filelock.FileLock(path, blocking=False)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout:
            raise LockHeld(
                "Another run works on this target.", code="LockHeld", hint=f"it holds the lock {path}"
            ) from None
        except (OSError, NotImplementedError) as error:
            trouble = error if isinstance(error, OSError) else OSError(str(error))
            continue
        return lock
    where = paths[0] if asked_for else paths[-1]
    raise ConfigurationError(
        f"The lock file {str(where)!r} can't be used: {trouble}.",
        code="LockUnusable",
        hint="use --lock PATH or --lock none",
    )

"""One process at a time in a folder of unfinished files; the system gives the lock back when a process dies."""

from __future__ import annotations

import fcntl
import os

from ..exceptions import LockHeld


def hold(folder: int, name: str, place: str) -> int:
    """A descriptor that holds the lock `name` until it is closed; `place` is the folder's path, for people.

    Raises LockHeld, or OSError where the folder can't be used. A file system without locks gives none.
    """
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LockHeld(
                "Another pull writes to this folder.", code="LockHeld", hint=f"it holds the lock {place}/{name}"
            ) from None
        except OSError:
            return descriptor
        if _is_named(descriptor, folder, name):
            return descriptor
        os.close(descriptor)  # whoever held it has removed it


def _is_named(descriptor: int, folder: int, name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return False

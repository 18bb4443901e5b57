"""What is in folders; where a file system is slow to say it, as over a network, many answers are asked for at once.

A folder, and a status, takes such a file system half a millisecond whatever it is asked for: hundreds of thousands of
files would take minutes one after another. The order in which a walk comes to them stays the same.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

FILE, FOLDER, LINK = range(3)
Found = tuple[str, os.DirEntry[str], int, os.stat_result | None]
"""One directory entry: what it is sorted by, itself, its kind, and its status if that is known already.

(A plain tuple: there is one for each name.)
"""

_SLOW = 0.000_1
"""Seconds that a status takes where it does not come from this machine's memory."""
_SAMPLES = 4
_EVERY = 16
_THREADS = 32
_FOLDERS = 16
"""So many folders are looked into before the walk comes to them."""
_CHUNK = 256
"""Entries whose status is asked for at once."""
_MOST = 5000
"""Entries of a folder whose statuses are kept until the walk comes to it."""


class Ahead:
    """Looks for one walk; used by its thread."""

    def __init__(self) -> None:
        self._quickest, self._samples = float("inf"), 0
        self._pool: ThreadPoolExecutor | None = None
        self._folders: dict[str, Future[list[Found]]] = {}

    def entries(self, path: str) -> list[Found]:
        """Everything in a folder, in no order. Raises OSError."""
        future = self._folders.pop(path, None)
        return _listed(path) if future is None else future.result()

    def statuses(self, found: list[Found], enters: Callable[[str], bool]) -> Iterator[list[Found]]:
        """The same entries, some at a time; `enters` tells which folders, by their base names, the walk is going to
        look into.
        """
        for start in range(0, len(found), _CHUNK):
            chunk = found[start : start + _CHUNK]
            if self._pool is None and not any(map(self._is_slow, chunk[::_EVERY])):
                yield chunk
                continue
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3sync-stat")
            yield from self._looked_up(self._pool, found[start:], enters)
            return

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_slow(self, item: Found) -> bool:
        """Whether even the quickest of some statuses was slow: any one may have been held up by chance."""
        if item[2] != FILE:
            return False
        began = time.perf_counter()
        try:
            item[1].stat(follow_symlinks=False)
        except OSError:
            return False
        self._quickest = min(self._quickest, time.perf_counter() - began)
        self._samples += 1
        if self._samples < _SAMPLES:
            return False
        slow = self._quickest >= _SLOW
        self._quickest, self._samples = float("inf"), 0
        return slow

    def _looked_up(
        self, pool: ThreadPoolExecutor, found: list[Found], enters: Callable[[str], bool]
    ) -> Iterator[list[Found]]:
        folders = (item[1] for item in found if item[2] == FOLDER and enters(item[1].name))
        self._look_into(pool, islice(folders, _FOLDERS))
        for start in range(0, len(found), _CHUNK):
            ready: list[Found] = []
            for item in pool.map(_with_status, found[start : start + _CHUNK]):
                ready.append(item)
                if item[2] == FOLDER:  # one that the walk enters next
                    self._look_into(pool, islice(folders, 1))
                    yield ready
                    ready = []
            yield ready

    def _look_into(self, pool: ThreadPoolExecutor, folders: Iterable[os.DirEntry[str]]) -> None:
        for folder in folders:
            self._folders[folder.path] = pool.submit(_listed_with_statuses, folder.path)


def _listed(path: str) -> list[Found]:
    with os.scandir(path) as entries:
        return [
            (entry.name, entry, FILE, None) if entry.is_file(follow_symlinks=False) else _found(entry)
            for entry in entries
        ]


def _listed_with_statuses(path: str) -> list[Found]:
    if not stat.S_ISDIR(os.stat(path, follow_symlinks=False).st_mode):
        raise FileNotFoundError(path)  # it was a folder a moment ago
    found = _listed(path)
    return found if len(found) > _MOST else [_with_status(item) for item in found]


def _with_status(item: Found) -> Found:
    """Leaves it to the walk to meet an error again. (Before Python 3.12, an entry's own `stat` lets no thread run.)"""
    order, entry, kind, status = item
    if status is not None or kind == LINK:
        return item
    try:
        return order, entry, kind, os.stat(entry.path, follow_symlinks=False)
    except OSError:
        return item


def _found(entry: os.DirEntry[str]) -> Found:
    if entry.is_dir(follow_symlinks=False):
        return entry.name + "/", entry, FOLDER, None
    if entry.is_symlink():
        return entry.name + "/" if _leads_to_folder(entry) else entry.name, entry, LINK, None
    return entry.name, entry, FILE, None  # a FIFO, a socket, a device: its status will tell


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False

"""A temporary folder for files that this run has made."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ..core.objects import LocalFile


class Spool:
    """Takes bytes, gives files. Used by one thread."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._count = 0

    def write(self, name: str, data: bytes) -> LocalFile:
        """A file of this static name that holds these bytes. Raises OSError."""
        path = self._path()
        with open(path, "wb") as stream:
            stream.write(data)
        return _described(name, path)

    def copy(self, name: str, source: IO[bytes]) -> LocalFile:
        """A file of this static name that holds what `source` has to give. Raises OSError."""
        path = self._path()
        with open(path, "wb") as stream:
            shutil.copyfileobj(source, stream)
        return _described(name, path)

    def subfolder(self) -> str:
        """An empty folder."""
        path = self._path()
        os.mkdir(path)
        return path

    def _path(self) -> str:
        self._count += 1
        return os.path.join(self.folder, str(self._count))


@contextmanager
def open_spool() -> Iterator[Spool]:
    """A spool that is gone when it is left."""
    with tempfile.TemporaryDirectory(prefix="s3sync-", ignore_cleanup_errors=True) as folder:
        yield Spool(os.path.realpath(folder))


def _described(name: str, path: str) -> LocalFile:
    status = os.stat(path)
    return LocalFile(name, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def write_all(descriptor: int, data: bytes) -> None:
    """All of it; a disk that gets full takes a part first."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

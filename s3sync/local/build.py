"""A rendered collection, written into a folder."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from ..core.objects import LocalFile
from . import reading

_BESIDE = ".s3sync-"
_CHUNK = 1024 * 1024


class FileChanged(Exception):
    """The file is gone, or no longer the one that was found, and hashed."""


class NotWritten(Exception):
    """The folder does not take a file; why, in words."""


class BuildFolder:
    """Takes files under their names. Used by one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._checked: set[str] = set()

    def write(self, file: LocalFile) -> None:
        """The file is there whole or not at all, with the modification time of its source.

        Raises OSError where the source can't be read, FileChanged, or NotWritten.
        """
        path = os.path.join(self._folder, *file.name.split("/"))
        _check(file)
        with open(file.path, "rb") as source:
            try:
                self._prepare(os.path.dirname(path))
                if os.path.islink(path) or not os.path.isfile(path) or not filecmp.cmp(file.path, path, shallow=False):
                    _copy(file, source, path)
            except OSError as error:
                raise NotWritten(in_words(error)) from error
        _check(file)

    def strangers(self, names: Collection[str]) -> list[str]:
        """Names of files in the folder that are not among `names`, in order; of links to folders too."""
        found = []
        for above, folders, bases in os.walk(self._folder):
            links = [base for base in folders if os.path.islink(os.path.join(above, base))]
            for base in (*bases, *links):
                name = os.path.relpath(os.path.join(above, base), self._folder).replace(os.sep, "/")
                if name not in names:
                    found.append(name)
        return sorted(found)

    def _prepare(self, above: str) -> None:
        """Makes the folders of a file. What lies behind a link is not ours to replace: raises NotWritten."""
        if above in self._checked:
            return
        if above != self._folder:
            self._prepare(os.path.dirname(above))
            if os.path.islink(above):
                raise NotWritten(f"{above} is a link, and would lead the file elsewhere")
        os.makedirs(above, exist_ok=True)
        self._checked.add(above)


def write_whole(path: str, data: bytes) -> None:
    """Puts bytes in the place of a file, in one step; where a link leads, if it is one. Raises OSError."""
    path = os.path.realpath(path)
    with _beside(path) as temporary:
        with open(temporary, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)


def check_place(path: str) -> None:
    """Raises OSError where `write_whole` could not put a file."""
    with _beside(os.path.realpath(path)):
        pass


def in_words(error: OSError) -> str:
    """What the operating system says."""
    return str(error.strerror or error).lower()


def _copy(file: LocalFile, source: IO[bytes], path: str) -> None:
    with _beside(path) as temporary:
        with open(temporary, "wb") as stream:
            shutil.copyfileobj(source, stream, _CHUNK)
        os.utime(temporary, ns=(file.mtime_ns, file.mtime_ns))
        _check(file)
        os.replace(temporary, path)


def _check(file: LocalFile) -> None:
    if not reading.is_unchanged(file):
        raise FileChanged(file.name)


@contextlib.contextmanager
def _beside(path: str) -> Iterator[str]:
    """The name of a new file beside `path`, readable as files are; gone afterwards, unless it was moved."""
    umask = os.umask(0o077)
    os.umask(umask)
    descriptor, temporary = tempfile.mkstemp(prefix=_BESIDE, dir=os.path.dirname(path) or ".")
    os.close(descriptor)
    try:
        os.chmod(temporary, 0o666 & ~umask)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)

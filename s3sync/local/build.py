"""A rendered collection, written into a folder."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ..core.objects import LocalFile

_BESIDE = ".s3sync-"


def write_tree(files: Iterable[LocalFile], folder: Path) -> Iterator[tuple[LocalFile, OSError | None]]:
    """Writes each file under its name, in the given order; tells for each whether that went well.

    A file is there whole or not at all, with the modification time of its source.
    """
    for file in files:
        try:
            _write(file, os.path.join(folder, *file.name.split("/")))
        except OSError as error:
            yield file, error
        else:
            yield file, None


def write_whole(path: str, data: bytes) -> None:
    """Puts bytes in the place of a file, in one step. Raises OSError."""
    with _beside(path) as temporary:
        with open(temporary, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)


def strangers(folder: Path, names: Collection[str]) -> list[str]:
    """Names of files in the folder that are not among `names`, in order."""
    found = []
    for above, _, bases in os.walk(folder):
        for base in bases:
            name = os.path.relpath(os.path.join(above, base), folder).replace(os.sep, "/")
            if name not in names:
                found.append(name)
    return sorted(found)


def _write(file: LocalFile, path: str) -> None:
    if os.path.isfile(path) and filecmp.cmp(file.path, path, shallow=False):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with _beside(path) as temporary:
        shutil.copyfile(file.path, temporary)
        os.utime(temporary, ns=(file.mtime_ns, file.mtime_ns))
        os.replace(temporary, path)


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

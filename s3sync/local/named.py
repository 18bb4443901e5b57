"""The files of a list (`--files-from`) instead of those that a walk finds, by the same rules.

The list is read as rsync reads one: a name a line, or ended by NUL; blank lines, and lines that begin with `#` or `;`,
are no names (`./#1.jpg` is one). It may hold millions in any order: they are sorted on the disk.
"""

from __future__ import annotations

import errno
import os
import select
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, NamedTuple

from ..core.comparison import Reason
from ..core.events import Failure
from ..core.objects import LocalFile
from ..core.plan import Entry, Passed
from ..exceptions import SourceError
from .walk import NOT_UTF8, Walk, composed, is_utf8

_CHUNK = 1 << 20
_PATIENCE = 0.2
"""Seconds."""
_LONGEST = 64 * 1024
"""Bytes of a record: no system takes a longer path."""
_OUTSIDE = Failure("OutsideSource", hint="name files under the source only", message="it is not under the source")
_FOLDER = "a folder: name its files, or push it with --prefix"


class _Folder(NamedTuple):
    """A folder on the way to a name."""

    name: str
    path: str
    """Real, where links led to it."""
    above: tuple[tuple[int, int], ...]
    """Identities of the folders down to it, itself included."""


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """The list at `path`, or standard input for `-`. Raises SourceError."""
    try:
        stream = open(os.dup(0) if path == "-" else path, "rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise _unreadable(path, str(error.strerror or error).lower()) from error
    with stream:
        yield stream


def _unreadable(path: str, reason: str) -> SourceError:
    return SourceError(path, reason, code="FilesFromUnreadable", hint="name a list of files with --files-from")


@dataclass(slots=True, kw_only=True)
class NamedFiles(Walk):
    """Iterate once: each name of the list, once, in the order of keys. Raises SourceError for what is no list."""

    source: str
    """The folder as it was written; names may begin with it."""
    listed_in: str
    null: bool = False
    stop: Callable[[], bool] = lambda: False
    """Whether nobody wants the names any more; asked while the list is waited for."""
    _folders: list[_Folder] = field(default_factory=list)
    """From the root to the latest name's folder."""
    _place: str = ""

    def __iter__(self) -> Iterator[Entry]:
        self._place = os.path.realpath(self.root)
        status = os.stat(self._place)
        self._folders = [_Folder("", self._place, ((status.st_dev, status.st_ino),))]
        with closing(sqlite3.connect("", isolation_level=None)) as database:  # no name: on the disk, and temporary
            try:
                database.execute("CREATE TABLE named (name BLOB PRIMARY KEY) WITHOUT ROWID")
                database.execute("BEGIN")
                with opened(self.listed_in) as stream:
                    names = ((name,) for name in self._names(stream))
                    database.executemany("INSERT OR IGNORE INTO named VALUES (?)", names)
            except sqlite3.Error as error:
                raise OSError(f"the names of {self.listed_in!r} can't be sorted on the disk: {error}") from error
            if not self.stop():  # half a list is none
                for (name,) in database.execute("SELECT name FROM named ORDER BY name"):
                    yield from self._entry(os.fsdecode(name))

    def _names(self, stream: IO[bytes]) -> Iterator[bytes]:
        for record in self._records(stream):
            text = record if self.null else record.removesuffix(b"\r")
            comment = not self.null and text.startswith((b"#", b";"))
            # A file may be called so: it is not to be left out in silence.
            if text and not (comment and not os.path.lexists(self._path(text))):
                yield self._relative(text)

    def _path(self, text: bytes) -> bytes:
        return os.path.join(os.fsencode(self._place), text)

    def _relative(self, text: bytes) -> bytes:
        """The name under the source; what lies outside keeps its absolute path, or begins with `..`."""
        if text.startswith(b"/"):
            path = os.path.normpath(text)
            path = path[1:] if path.startswith(b"//") else path
            for root in (os.path.abspath(self.source), self._place):
                folder = os.fsencode(root.rstrip(os.sep))
                if path == folder or path.startswith(folder + b"/"):
                    return path[len(folder) :].lstrip(b"/") or b"."
            return path
        return os.path.normpath(text)

    def _records(self, stream: IO[bytes]) -> Iterator[bytes]:
        end, rest = b"\0" if self.null else b"\n", b""
        ended = False
        while chunk := self._chunk(stream):
            *whole, rest = (rest + chunk).split(end)
            for record in whole:
                ended = True
                self._check(record)
                yield record
            self._check(rest)
        if self.null and not ended and b"\n" in rest and not os.path.lexists(self._path(rest)):
            raise _unreadable(self.listed_in, "it holds lines, not names ended by NUL: leave --null out")
        yield rest

    def _chunk(self, stream: IO[bytes]) -> bytes:
        try:
            while not select.select([stream], [], [], _PATIENCE)[0]:
                if self.stop():
                    return b""
            return stream.read(_CHUNK)
        except OSError as error:
            raise _unreadable(self.listed_in, str(error.strerror or error).lower()) from error

    def _check(self, record: bytes) -> None:
        if not self.null and b"\0" in record:
            raise _unreadable(self.listed_in, "it holds names ended by NUL: add --null")
        if len(record) > _LONGEST:
            raise _unreadable(self.listed_in, f"it holds a name of more than {_LONGEST:,} bytes, so it is no list")

    def _entry(self, name: str) -> Iterator[Entry]:
        if name.startswith(("/", "../")) or name == "..":
            yield Passed(name, failure=_OUTSIDE, storable=False)
            return
        if name == ".":
            yield Passed(name, Reason.SPECIAL, storable=False, detail=_FOLDER)
            return
        entry = self._found(name)
        if isinstance(entry, LocalFile) and is_utf8(name):
            spelled = self._spelled(name)
            if spelled == name and self.is_regular(name):
                yield entry
            else:
                self.hold(entry)
        elif isinstance(entry, LocalFile):
            yield Passed(name, failure=NOT_UTF8, storable=False)
        else:  # there is no listing whose objects it would have to cover
            yield replace(entry, storable=False)

    def _spelled(self, name: str) -> str:
        return composed(name) if self.compose else name

    def _found(self, name: str) -> Entry:
        if not self._spelled(name).startswith(self.scope.prefix):
            return Passed(name, Reason.IGNORED)
        try:
            folder = self._folder_of(name)
            if isinstance(folder, Passed):
                return folder
            return self._named(folder, self._spelled(name), os.path.join(folder.path, name.rpartition("/")[2]))
        except (FileNotFoundError, NotADirectoryError):
            return Passed(name, Reason.VANISHED)
        except OSError as error:
            return Passed(name, failure=self._failure(name, error))

    def _folder_of(self, name: str) -> _Folder | Passed:
        """The folder that a name lies in, by way of each one above it; what was found of the latest is kept."""
        parts = name.split("/")[:-1]
        del self._folders[len(parts) + 1 :]
        for depth in range(1, len(parts) + 1):
            below = "/".join(parts[:depth])
            if depth < len(self._folders) and self._folders[depth].name == below:
                continue
            del self._folders[depth:]
            if self.scope.leaves_out_folder(self._spelled(below)):
                return Passed(name, Reason.IGNORED)
            found = self._enter(self._folders[-1], below, parts[depth - 1])
            if found is None:
                return Passed(name, Reason.LINK)
            self._folders.append(found)
        return self._folders[-1]

    def _enter(self, folder: _Folder, name: str, base: str) -> _Folder | None:
        """A folder within a folder; None for a link that is not followed. Raises OSError."""
        path = os.path.join(folder.path, base)
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            followed = self._follow(path)
            if followed is None:
                return None
            path, status = followed
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        identity = (status.st_dev, status.st_ino)
        return None if identity in folder.above else _Folder(name, path, (*folder.above, identity))

    def _follow(self, link: str) -> tuple[str, os.stat_result] | None:
        """Where a link leads, and what is there; None where it leads nowhere, in a circle, or where it must not."""
        path = os.path.realpath(link)
        if not self._may_follow(path, self._place) or not os.path.lexists(path):
            return None
        status = os.lstat(path)
        return None if stat.S_ISLNK(status.st_mode) else (path, status)

    def _named(self, folder: _Folder, name: str, path: str) -> Entry:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            followed = self._follow(path)
            if followed is None:
                return Passed(name, self.scope.leaves_out_file(name) or Reason.LINK)
            path, status = followed
        if stat.S_ISDIR(status.st_mode):
            if self.scope.leaves_out_folder(name):
                return Passed(name, Reason.IGNORED)
            in_circle = (status.st_dev, status.st_ino) in folder.above
            return Passed(name, Reason.LINK) if in_circle else Passed(name, Reason.SPECIAL, detail=_FOLDER)
        return self._file(name, path, status) or Passed(name, Reason.IGNORED)

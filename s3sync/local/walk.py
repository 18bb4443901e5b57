"""A sorted walk over a folder that never follows a link out of it and never stops at what it can't read.

The order is that of the keys in S3: each folder's entries sorted by name, with `/` appended to folders. Code points
sort like UTF-8's bytes, so names need no encoding; names that are not UTF-8 have no place among keys and come first.
"""

from __future__ import annotations

import errno
import os
import stat
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from operator import itemgetter
from typing import Any

from ..core.columns import Files
from ..core.comparison import Reason
from ..core.events import Failure
from ..core.objects import LocalFile
from ..core.plan import Entry, Passed
from ..core.scope import Scope
from .ahead import FILE, LINK, Ahead, Found

MAX_KEY_BYTES = 1024
"""Amazon S3 User Guide, "Naming Amazon S3 objects": at most 1,024 bytes of UTF-8."""


NOT_UTF8 = Failure("NotUTF8", hint="S3 keys are UTF-8: rename the file", message="the name is not UTF-8")
TOO_DEEP = Failure("TooDeep", hint="folders are nested more than 250 deep: push a folder within by --source")
_DEEPEST = 250
"""Levels; each takes three of the frames that Python allows."""
PATH_TOO_LONG = Failure("PathTooLong", hint="push a folder within by --source", message="the path can't be opened")
TOO_LONG = Failure("KeyTooLongError", hint="rename the file: a key has at most 1,024 bytes of UTF-8")


@dataclass(slots=True, kw_only=True)
class Walk:
    """Iterate once, in one thread. Afterwards `complete` tells whether every folder could be read."""

    root: str
    scope: Scope
    hold: Callable[[Entry], None]
    """Takes what has a key but no place in the sorted stream."""
    is_regular: Callable[[str], bool]
    """Whether a name's key is just the prefix and the name; asked of many names too, as lines of one text."""
    follow_symlinks: bool = False
    min_age: float = 0.0
    compose: bool = False
    """Names get Unicode's composed form (NFC), whatever form the disk has; paths stay."""
    now: Callable[[], float] = time.time
    key_overhead: int = 0
    """Bytes that the key has before the name."""
    complete: bool = True
    files: int = 0
    """Regular files in scope so far."""
    _ahead: Ahead = field(default_factory=Ahead)

    def parameters(self) -> dict[str, Any]:
        """What another `Walk` needs to walk the same, but for `hold`."""
        names = (each.name for each in fields(self) if each.init and not each.name.startswith("_"))
        return {name: getattr(self, name) for name in names if name not in ("hold", "complete", "files")}

    def __iter__(self) -> Iterator[Entry]:
        yield from _one_by_one(self.stretches())

    def stretches(self) -> Iterator[Entry | Files]:
        """The same, where files that follow each other in a folder may come together."""
        root = os.path.realpath(self.root)
        status = os.stat(root)
        try:
            yield from self._folder(root, root, "", ((status.st_dev, status.st_ino),))
        finally:
            self._ahead.close()

    def _folder(self, root: str, path: str, name: str, above: tuple[tuple[int, int], ...]) -> Iterator[Entry | Files]:
        """Everything below one folder; `name` is empty for the root, and ends with `/` below it."""
        if len(above) > _DEEPEST:
            self.complete = False
            yield Passed(name[:-1], failure=TOO_DEEP, folder=True)
            return
        try:
            found = self._ahead.entries(path)
        except FileNotFoundError:
            yield Passed(name[:-1], Reason.VANISHED, folder=True)
            return
        except OSError as error:
            yield self._closed(name[:-1], error)
            return
        if not self._in_order(name, "\n".join(map(_order, found))):
            for item in found:
                if not self._in_order(name, item[1].name):
                    yield from self._set_aside(root, item, name, above)
            found = [item for item in found if self._in_order(name, item[1].name)]
        found.sort(key=_order)
        for chunk in self._ahead.statuses(found, lambda base: not self.scope.leaves_out_folder(name + base)):
            yield from self._part(root, path, chunk, name, above)

    def _in_order(self, parent: str, base: str) -> bool:
        """Whether a name stands where its key does; also of lines: whether all do."""
        name = parent + base
        if not name.isascii() and not (is_utf8(name) and (not self.compose or composed(base) == base)):
            return False
        return self.is_regular(name)

    def _part(
        self, root: str, path: str, chunk: list[Found], parent: str, above: tuple[tuple[int, int], ...]
    ) -> Iterator[Entry | Files]:
        """Some of a folder's entries. What is no plain file in scope, or may not be, is looked at by itself."""
        doubtful = self._doubtful(parent, [item[0] for item in chunk if item[2] == FILE])
        latest = self.now() - self.min_age if self.min_age else None
        plain: list[tuple[str, os.stat_result]] = []
        for item in chunk:
            base, entry, kind, status = item
            if kind == FILE and base not in doubtful:
                try:
                    status = status or entry.stat(follow_symlinks=False)
                except OSError:
                    pass  # to be met again
                else:
                    if stat.S_ISREG(status.st_mode) and (latest is None or status.st_mtime <= latest):
                        plain.append((base, status))
                        continue
            if plain:
                yield self._stretch(plain, path, parent)
                plain = []
            if kind != FILE:
                yield from self._branch(root, item, parent + entry.name, above)
            elif (leaf := self._leaf(entry, parent + entry.name, status)) is not None:
                yield leaf
        if plain:
            yield self._stretch(plain, path, parent)

    def _stretch(self, plain: list[tuple[str, os.stat_result]], path: str, parent: str) -> Files:
        """Base names and statuses of files in a folder."""
        self.files += len(plain)
        names = [parent + base for base, _ in plain]
        statuses = [status for _, status in plain]
        stamps = (
            [status.st_size for status in statuses], [status.st_mtime_ns for status in statuses],
            [status.st_ctime_ns for status in statuses], [status.st_ino for status in statuses],
        )  # fmt: skip
        return Files(names, stamps, folder=os.path.join(path, ""), skip=len(parent))

    def _doubtful(self, parent: str, bases: list[str]) -> Collection[str]:
        """Those of these names that may be out of scope, or too long for a key; of most folders none."""
        if (len(parent) + max(map(len, bases), default=0)) * 4 + self.key_overhead > MAX_KEY_BYTES:
            return bases
        return self.scope.left_out(parent, bases)

    def _set_aside(self, root: str, item: Found, parent: str, above: tuple[tuple[int, int], ...]) -> Iterator[Entry]:
        """Walks an entry that has no place among the keys: files are held, the rest is passed."""
        order, direct, kind, status = item
        name = parent + (composed(direct.name) if self.compose else direct.name)
        if "\\" in name and self._is_out_of_scope(item, name):
            # Its object lies where other names are in scope: it is no orphan there.
            self.hold(Passed(name, Reason.IGNORED, folder=order.endswith("/")))
            return
        below: Iterable[Entry | Files | None]
        below = (self._leaf(direct, name, status),) if kind == FILE else self._branch(root, item, name, above)
        for entry in _one_by_one(below):
            if not is_utf8(entry.name):
                reason = entry.reason if isinstance(entry, Passed) else None
                yield Passed(entry.name, reason, None if reason else NOT_UTF8, storable=False)
            else:
                self.hold(entry)
                if isinstance(entry, Passed):
                    yield replace(entry, storable=False)

    def _is_out_of_scope(self, item: Found, name: str) -> bool:
        if not is_utf8(name):
            return False
        if item[0].endswith("/"):
            return self.scope.leaves_out_folder(name)
        return not name.startswith(self.scope.prefix)

    def _branch(
        self, root: str, item: Found, name: str, above: tuple[tuple[int, int], ...]
    ) -> Iterator[Entry | Files]:
        """A folder, or a link: followed where it stays inside the root, or the user said so; never in a circle."""
        _, entry, kind, status = item
        linked = kind == LINK
        path = os.path.realpath(entry.path) if linked else entry.path
        allowed = not linked or self._may_follow(path, root)
        try:
            status = status or os.stat(path, follow_symlinks=False)
        except OSError as error:
            if linked:
                # What it led to may have been a folder, on a disk that is not there today.
                yield from self._link(name, folder=True)
            elif isinstance(error, FileNotFoundError):
                yield Passed(name, Reason.VANISHED, folder=True)
            else:
                yield self._closed(name, error)
            return
        if not stat.S_ISDIR(status.st_mode):
            if allowed and not stat.S_ISLNK(status.st_mode):
                yield from filter(None, (self._file(name, path, status),))
            else:
                # Where the link itself could not be read, it may have led to a folder.
                yield from self._link(name, folder=path == entry.path)
            return
        identity = (status.st_dev, status.st_ino)
        if self.scope.leaves_out_folder(name):
            return
        if identity in above or not allowed:
            yield Passed(name, Reason.LINK, folder=True)
        else:
            yield from self._folder(root, path, name + "/", (*above, identity))

    def _may_follow(self, path: str, root: str) -> bool:
        """Whether a link may lead there: it is within the root, or the user said so."""
        return self.follow_symlinks or path == root or path.startswith(root.rstrip(os.sep) + os.sep)

    def _link(self, name: str, *, folder: bool = False) -> Iterator[Passed]:
        """A link that is not followed, if anybody wants to hear of it."""
        prefix = self.scope.prefix
        if name.startswith(prefix) or (folder and prefix.startswith(name + "/")):
            yield Passed(name, self.scope.leaves_out_file(name) or Reason.LINK, folder=folder)

    def _leaf(self, entry: os.DirEntry[str], name: str, status: os.stat_result | None) -> Entry | None:
        try:
            return self._file(name, entry.path, status or entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return Passed(name, Reason.VANISHED)
        except OSError as error:
            return Passed(name, failure=self._failure(name, error))

    def _closed(self, name: str, error: OSError) -> Passed:
        """A folder that can't be looked into. No object lies below one whose name alone is too long for a key."""
        failure = self._failure(name, error)
        self.complete = self.complete and failure is TOO_LONG
        return Passed(name, failure=failure, folder=True)

    def _failure(self, name: str, error: OSError) -> Failure:
        if error.errno != errno.ENAMETOOLONG:
            return unreadable(error)
        return TOO_LONG if self._too_long(name) else PATH_TOO_LONG

    def _file(self, name: str, path: str, status: os.stat_result) -> Entry | None:
        if not name.startswith(self.scope.prefix):
            return None
        reason = self.scope.leaves_out_file(name)
        if reason is not None:
            return Passed(name, reason)
        if not stat.S_ISREG(status.st_mode):
            return Passed(name, Reason.SPECIAL)
        if self.min_age and status.st_mtime > self.now() - self.min_age:
            return Passed(name, Reason.YOUNG)
        if len(name) * 4 + self.key_overhead > MAX_KEY_BYTES and self._too_long(name):
            return Passed(name, failure=TOO_LONG)
        self.files += 1
        return LocalFile(name, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def _too_long(self, name: str) -> bool:
        return len(name.encode("utf-8", "surrogateescape")) + self.key_overhead > MAX_KEY_BYTES


_order = itemgetter(0)


def _one_by_one(entries: Iterable[Entry | Files | None]) -> Iterator[Entry]:
    for entry in entries:
        if isinstance(entry, Files):
            yield from entry
        elif entry is not None:
            yield entry


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC), as browsers and databases have it; macOS writes names decomposed.

    What is no UTF-8 stays as it is.
    """
    return unicodedata.normalize("NFC", name) if is_utf8(name) else name


def is_utf8(text: str) -> bool:
    """Whether a name can be a key, rather than bytes that no encoding has taken."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unreadable(error: OSError) -> Failure:
    """A file or folder that the operating system won't let us read, in words."""
    hint = "make it readable for the user that runs this command"
    return Failure("Unreadable", hint=hint, message=str(error.strerror))

"""Puts what was fetched under its name in a folder: whole or not at all, and never over what came there meanwhile.

Files are made in the folder `.s3sync/`, which a push leaves out, and get their names when they are whole. Each part of
the way to a name is opened by itself, without following links (openat and O_NOFOLLOW, POSIX), so that no link, whoever
puts it there and when, leads out of the folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from ..core.objects import LocalFile
from ..core.pulling import unfit_for_files
from ..core.scope import HIDDEN, UNFINISHED
from .exchange import exchange
from .obstacles import InTheWay, Taken, code_of, described, what_is
from .sole import hold
from .spool import write_all

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
"""How file systems say that they have no hard links."""
FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # with one of these, the next fares no better


@dataclass(slots=True, kw_only=True)
class Destination:
    """A folder that is written to. `open` and `close` belong to one thread, everything else to any."""

    root: str
    """Its real path."""
    label: str
    """Of the target: only its own unfinished files are gone on with, and swept away."""
    file_mode: int | None = None
    """Permissions of files, as chmod has it; None leaves them to the umask."""
    folder_mode: int | None = None
    _root: int = -1
    _workshop: int = -1
    _lock: int = -1
    _umask: int = 0o022
    _used: set[str] = field(default_factory=set)

    def open(self) -> None:
        """Makes the folder if it is not there. Raises OSError; LockHeld, as two would write to one unfinished file."""
        os.makedirs(self.root, exist_ok=True)
        self._root = os.open(self.root, _FOLDER)
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        with suppress(FileExistsError):
            os.mkdir(name := HIDDEN.rstrip("/"), 0o700, dir_fd=self._root)
        try:
            self._workshop = os.open(name, _FOLDER, dir_fd=self._root)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror} (it has to be a folder)", f"{self.root}/{name}") from error
        try:
            self._lock = hold(self._workshop, self._prefix + "lock", f"{self.root}/{name}")
        finally:
            if self._lock < 0:  # what is in it is another run's
                os.close(self._workshop)
                self._workshop = -1
        self.keep(self._prefix + "lock")

    def close(self, *, sweep: bool) -> None:
        """Lets go of the folder; with `sweep`, unfinished files that this run had no use for are removed."""
        if self._workshop >= 0:
            if sweep:
                self._sweep()
            with suppress(OSError):
                os.unlink(self._prefix + "lock", dir_fd=self._workshop)
            os.close(self._lock)
            os.close(self._workshop)
        if self._root >= 0:
            with suppress(OSError):  # it is not empty
                os.rmdir(HIDDEN.rstrip("/"), dir_fd=self._root)
            os.close(self._root)
        self._root = self._workshop = self._lock = -1

    def _sweep(self) -> None:
        for name in os.listdir(self._workshop):
            if name.startswith(self._prefix) and name not in self._used:
                with suppress(OSError):
                    os.unlink(name, dir_fd=self._workshop)

    @property
    def _prefix(self) -> str:
        return hashlib.sha256(self.label.encode("utf-8", "surrogateescape")).hexdigest()[:12] + "-"

    def unfinished(self, key: str, etag: str) -> str:
        """The name of the file that is being made of this version of an object."""
        digest = hashlib.sha256(f"{key}\0{etag}".encode("utf-8", "surrogateescape"))
        return self._prefix + digest.hexdigest()[:32]

    def keep(self, name: str) -> None:
        """Has an unfinished file stay for the next run."""
        self._used.add(name)

    def discard(self, name: str) -> None:
        """Removes an unfinished file, if there is one."""
        self._used.discard(name)
        with suppress(OSError):
            os.unlink(name, dir_fd=self._workshop)

    def open_unfinished(self, name: str, flags: int) -> int:
        """A descriptor of an unfinished file. Raises OSError."""
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._workshop)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Makes an unfinished file of these bytes; none is left where it raises OSError, or what `chunks` raises."""
        try:
            descriptor = os.open(name, _NEW, 0o600, dir_fd=self._workshop)
        except FileExistsError:  # a killed run has left it
            os.unlink(name, dir_fd=self._workshop)
            descriptor = os.open(name, _NEW, 0o600, dir_fd=self._workshop)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as stream:
                for chunk in chunks:
                    write_all(stream.fileno(), chunk)
        except BaseException:
            self.discard(name)
            raise

    def place(self, unfinished: str, name: str, seen: LocalFile | None, modified_ns: int | None) -> LocalFile:
        """Gives a finished file its name and time, and the permissions; says what it is now.

        `seen` is the file that it replaces, None where there was none: only if that is still so. Raises Taken if not,
        InTheWay, or OSError; the unfinished file is left then.
        """
        self._finish(unfinished, modified_ns)
        *above, base = name.split("/")
        folder = self._folder(above)
        try:
            try:
                self._named(self._workshop, unfinished, folder, base, name, seen)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._named_across(unfinished, folder, base, name, seen, modified_ns)
            return described(name, os.path.join(self.root, name), os.stat(base, dir_fd=folder, follow_symlinks=False))
        finally:
            os.close(folder)

    def remove_copy(self, name: str) -> None:
        """Removes what a killed run has left beside a name on another file system; raises nothing."""
        *above, base = name.split("/")
        if base.startswith(UNFINISHED + self._prefix):
            with suppress(OSError, InTheWay):
                folder = self._folder(above)
                try:
                    os.unlink(base, dir_fd=folder)
                finally:
                    os.close(folder)

    def find(self, name: str) -> LocalFile | None:
        """The regular file that has this name, if there is one and no link leads to it."""
        path = os.path.join(self.root, name)
        if unfit_for_files(name) is not None or self.obstacle(name, None) is not None:
            return None
        try:
            return described(name, path, os.lstat(path))
        except (OSError, ValueError):
            return None

    def obstacle(self, name: str, seen: LocalFile | None) -> InTheWay | None:
        """What would keep a file from getting this name, as far as can be told now. Makes nothing."""
        try:
            os.fsencode(name)
        except UnicodeEncodeError:  # a system whose locale is not UTF-8
            return InTheWay("the encoding of names on this system", repr(name), code="UnfitName")
        path = self.root
        for part in name.split("/")[:-1]:
            path = os.path.join(path, part)
            try:
                status = os.lstat(path)
            except OSError:  # it is to be made; or placing will tell
                return None
            if not stat.S_ISDIR(status.st_mode):
                return InTheWay(what_is(status), path, code=code_of(status))
        path = os.path.join(self.root, name)
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if seen is None or not stat.S_ISREG(status.st_mode):
            return None if stat.S_ISREG(status.st_mode) else InTheWay(what_is(status), path, code=code_of(status))
        return None

    def _finish(self, unfinished: str, modified_ns: int | None) -> None:
        descriptor = self.open_unfinished(unfinished, os.O_RDONLY)
        try:
            os.fchmod(descriptor, 0o666 & ~self._umask if self.file_mode is None else self.file_mode)
            if modified_ns is not None:
                os.utime(descriptor, ns=(modified_ns, modified_ns))
        finally:
            os.close(descriptor)

    def _folder(self, parts: list[str]) -> int:
        """A descriptor of the folder below the root that is reached so; made where it is not there."""
        descriptor = os.dup(self._root)
        path = self.root
        for part in parts:
            path = os.path.join(path, part)
            try:
                below = self._subfolder(descriptor, part, path)
            finally:
                os.close(descriptor)
            descriptor = below
        return descriptor

    def _subfolder(self, above: int, part: str, path: str) -> int:
        try:
            return os.open(part, _FOLDER, dir_fd=above)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=above)
            descriptor = self._entered(above, part, path)
            if self.folder_mode is not None:
                os.fchmod(descriptor, self.folder_mode)
            return descriptor
        except OSError:
            return self._entered(above, part, path)

    def _entered(self, above: int, part: str, path: str) -> int:
        try:
            return os.open(part, _FOLDER, dir_fd=above)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            status = os.stat(part, dir_fd=above, follow_symlinks=False)
            raise InTheWay(what_is(status), path, code=code_of(status)) from error

    def _named(self, source: int, made: str, folder: int, base: str, name: str, seen: LocalFile | None) -> None:
        if seen is not None and self._check(folder, base, name, seen):
            if exchange(source, made, folder, base):
                self._look_at_replaced(source, made, folder, base, name, seen)
            else:
                os.replace(made, base, src_dir_fd=source, dst_dir_fd=folder)
            return
        try:
            os.link(made, base, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            self._say_what_is_there(folder, base, name)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._claim(folder, base, name)
            os.replace(made, base, src_dir_fd=source, dst_dir_fd=folder)
        else:
            os.unlink(made, dir_fd=source)

    def _named_across(
        self, unfinished: str, folder: int, base: str, name: str, seen: LocalFile | None, modified_ns: int | None
    ) -> None:
        """The same where the folder is another file system: through a hidden copy in that folder."""
        copy = UNFINISHED + unfinished
        with suppress(FileNotFoundError):
            os.unlink(copy, dir_fd=folder)
        try:
            with (
                os.fdopen(self.open_unfinished(unfinished, os.O_RDONLY), "rb", buffering=0) as source,
                os.fdopen(os.open(copy, _NEW, 0o600, dir_fd=folder), "wb", buffering=0) as sink,
            ):
                while chunk := source.read(1 << 20):
                    write_all(sink.fileno(), chunk)
                os.fchmod(sink.fileno(), stat.S_IMODE(os.fstat(source.fileno()).st_mode))
                if modified_ns is not None:
                    os.utime(sink.fileno(), ns=(modified_ns, modified_ns))
            self._named(folder, copy, folder, base, name, seen)
        finally:
            with suppress(OSError):
                os.unlink(copy, dir_fd=folder)
        self.discard(unfinished)

    def _check(self, folder: int, base: str, name: str, seen: LocalFile) -> bool:
        """Whether the file to be replaced is still there. Raises Taken if it is not the one that was looked at."""
        try:
            status = os.stat(base, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(status.st_mode):
            raise InTheWay(what_is(status), os.path.join(self.root, name), code=code_of(status))
        found = described(name, os.path.join(self.root, name), status)
        if found[2:] != seen[2:]:
            raise Taken(found)
        return True

    def _look_at_replaced(self, source: int, made: str, folder: int, base: str, name: str, seen: LocalFile) -> None:
        """Lets go of the file that had the name before; if somebody was quicker than the check, it gets it back."""
        status = os.stat(made, dir_fd=source, follow_symlinks=False)
        if (status.st_ino, status.st_size, status.st_mtime_ns) == (seen.inode, seen.size, seen.mtime_ns):
            os.unlink(made, dir_fd=source)
            return
        exchange(source, made, folder, base)
        self._say_what_is_there(folder, base, name)

    def _claim(self, folder: int, base: str, name: str) -> None:
        """An empty file of that name, so that nobody else makes one."""
        try:
            descriptor = os.open(base, _NEW, 0o600, dir_fd=folder)
            os.utime(descriptor, (0, 0))  # should it stay, it is older than any object
            os.close(descriptor)
        except FileExistsError:
            self._say_what_is_there(folder, base, name)

    def _say_what_is_there(self, folder: int, base: str, name: str) -> None:
        path = os.path.join(self.root, name)
        status = os.stat(base, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise InTheWay(what_is(status), path, code=code_of(status))
        if base not in os.listdir(folder):
            raise InTheWay("a file whose name differs in its case, or in how its accents are written,", path,
                           code="NameCollision")  # fmt: skip
        raise Taken(described(name, path, status))

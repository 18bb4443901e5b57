"""What the staticfiles finders find: the files of one collection, by name."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import FileSystemFinder, get_finders
from django.contrib.staticfiles.utils import get_files
from django.core.files.storage import FileSystemStorage

from ..core.comparison import Reason
from ..core.events import Failure
from ..core.objects import LocalFile
from ..core.plan import Passed
from ..core.scope import is_junk
from ..exceptions import ConfigurationError, SourceError
from .spool import Spool
from .walk import MAX_KEY_BYTES, NOT_UTF8, TOO_LONG, unreadable

_GONE = Failure(
    "Missing", hint="it is a link that leads nowhere, or has just gone: mend or remove it",
    message="it was found, but there is no such file",
)  # fmt: skip
_CLIMBS = Failure("NameOutsideLocation", hint="correct the prefix in STATICFILES_DIRS", message="its name climbs out")


class TreeFinder:
    """Finds everything below one folder, as if it were the only entry of STATICFILES_DIRS."""

    def __init__(self, folder: Path) -> None:
        self._storage = FileSystemStorage(location=folder)

    def list(self, ignore_patterns: Sequence[str] | None) -> Iterable[tuple[str, Any]]:
        """Pairs of path and storage, as Django's finders give them."""
        return ((path, self._storage) for path in get_files(self._storage, ignore_patterns))


@dataclass(slots=True)
class Collection:
    """What was found. The first file found under a name is the one that counts, as in Django."""

    files: dict[str, LocalFile] = field(default_factory=dict)
    passed: dict[str, Passed] = field(default_factory=dict)
    """Names whose files can't be had, or can't be stored."""
    duplicates: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    """Names of files that really lie outside every static folder, where links lead."""
    absent: list[str] = field(default_factory=list)
    """Folders of STATICFILES_DIRS that are not there."""


def collect(folder: Path | None, ignore_patterns: Sequence[str], spool: Spool, key_overhead: int) -> Collection:
    """All files of the staticfiles finders, or of `folder` instead. Raises SourceError if a part can't be listed.

    `ignore_patterns` as Django's finders take them. Files of a finder's storage that has no paths are copied into the
    spool. `key_overhead` is what a key has before the name, in bytes.
    """
    if folder is not None and not folder.is_dir():
        raise SourceError(str(folder), "it is no folder", code="SourceUnreadable", hint="name a built tree with --from")
    finders = _finders() if folder is None else [TreeFinder(folder)]
    collector = _Collector(spool, key_overhead)
    for finder in finders:
        locations = getattr(finder, "locations", ()) if isinstance(finder, FileSystemFinder) else ()
        collector.collection.absent += [str(root) for _, root in locations if not os.path.isdir(root)]
    for name, path, storage in _listed(finders, list(ignore_patterns)):
        collector.add(name, path, storage)
    collector.find_outside()
    return collector.collection


def _finders() -> list[Any]:
    try:
        return list(get_finders())
    except Exception as error:  # ImportError, ImproperlyConfigured, or whatever a class of the project's raises
        raise ConfigurationError(
            f"STATICFILES_FINDERS can't be used: {type(error).__name__}: {error}", code="Finders",
            hint="correct STATICFILES_FINDERS, or the class that it names",
        ) from error  # fmt: skip


def _listed(finders: Iterable[Any], ignore_patterns: list[str]) -> Iterator[tuple[str, str, Any]]:
    for finder in finders:
        try:
            for path, storage in finder.list(ignore_patterns):
                prefix = getattr(storage, "prefix", None)
                name = os.path.join(prefix, path) if prefix else path
                yield posixpath.normpath(name.replace(os.sep, "/")), path, storage
        except (OSError, RecursionError) as error:
            reason = str(getattr(error, "strerror", None) or error).lower()
            raise SourceError(
                str(getattr(error, "filename", None) or type(finder).__name__), reason, code="SourceUnreadable",
                hint="static files are only pushed when all of them could be found",
            ) from error  # fmt: skip
        except Exception as error:
            raise ConfigurationError(
                f"The finder {type(finder).__name__} raised {type(error).__name__}: {error}", code="Finder",
                hint="correct the class, or take it out of STATICFILES_FINDERS",
            ) from error  # fmt: skip


class _Collector:
    def __init__(self, spool: Spool, key_overhead: int) -> None:
        self.collection = Collection()
        self._spool, self._longest = spool, MAX_KEY_BYTES - key_overhead
        self._folders: dict[str, str] = {}
        self._roots: set[str] = set()

    def add(self, name: str, path: str, storage: Any) -> None:
        collection = self.collection
        if name in collection.files or name in collection.passed:
            collection.duplicates.append(name)
            return
        if is_junk(name.rpartition("/")[2]):
            collection.passed[name] = Passed(name, Reason.JUNK)
            return
        if name.startswith(("../", "/")) or name == "..":
            collection.passed[name] = Passed(name, failure=_CLIMBS, storable=False)
            return
        try:
            encoded = name.encode()
        except UnicodeEncodeError:
            collection.passed[name] = Passed(name, failure=NOT_UTF8, storable=False)
            return
        if len(encoded) > self._longest:
            collection.passed[name] = Passed(name, failure=TOO_LONG, storable=False)
            return
        try:
            collection.files[name] = self._file(name, path, storage)
        except FileNotFoundError:
            collection.passed[name] = Passed(name, failure=_GONE)
        except _Special:
            collection.passed[name] = Passed(name, Reason.SPECIAL)
        except OSError as error:
            collection.passed[name] = Passed(name, failure=unreadable(error))
        except Exception as error:
            raise ConfigurationError(
                f"The finder's storage {type(storage).__name__} raised {type(error).__name__} for {name!r}: {error}",
                code="Finder", hint="correct the class, or take its finder out of STATICFILES_FINDERS",
            ) from error  # fmt: skip

    def _file(self, name: str, path: str, storage: Any) -> LocalFile:
        try:
            full = str(storage.path(path))
        except NotImplementedError:  # a storage elsewhere
            with storage.open(path) as stream:
                return self._spool.copy(name, stream)
        location = getattr(storage, "location", None)
        if location:
            self._roots.add(self._real(str(location)))
        folder, _, base = full.rpartition(os.sep)
        full = os.path.join(self._real(folder), base)
        status = os.lstat(full)
        if stat.S_ISLNK(status.st_mode):
            full = os.path.realpath(full)
            status = os.stat(full)
        if not stat.S_ISREG(status.st_mode):
            raise _Special
        return LocalFile(name, full, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def _real(self, folder: str) -> str:
        """A folder's real path; asked of the system once for each folder, not for each file."""
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(folder)
        return real

    def find_outside(self) -> None:
        roots = tuple(root.rstrip(os.sep) + os.sep for root in self._roots)
        if roots:
            inside = (*roots, self._spool.folder + os.sep)
            self.collection.outside = [
                name for name, file in self.collection.files.items() if not file.path.startswith(inside)
            ]


class _Special(Exception):
    """It is no regular file."""

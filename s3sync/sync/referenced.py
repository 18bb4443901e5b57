"""The names that this project's databases hold: values of the file fields whose files one storage has."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from django.core.files.storage import FileSystemStorage

from ..exceptions import ConfigurationError, S3SyncError
from ..local.ledger import Ledger
from ..rows.columns import Table, databases, file_tables, find_models, lives_in, real
from ..rows.reading import Unreadable, read_values, refusal_of
from ..s3.reads import names_within
from ..s3.target import Target
from ..s3.values import NoKey, key_of_value

_KEPT = 1000
"""Storages that are remembered: a class may make a new one for each row."""


class _Places:
    """Which storages keep their files in a target. Used by one thread."""

    def __init__(self, target: Target, folders: Sequence[str]) -> None:
        self._target, self._folders = target, folders
        self._found: dict[int, tuple[Any, str | None]] = {}

    def of(self, storage: Any) -> str | None:
        """What to put before values to have names of the target; None where their files are elsewhere.

        They are the target's if the storage has its bucket, endpoint and a location below its own; or if it keeps
        files in a folder that stands for the target on this machine.
        """
        found = self._found.get(id(storage))
        if found is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            # An id is unique among those that live.
            found = self._found[id(storage)] = storage, self._look(storage)
        return found[1]

    def _look(self, storage: Any) -> str | None:
        try:
            storage = real(storage)
        except Exception as error:
            raise ConfigurationError(
                f"A field's storage can't be made: {type(error).__name__}: {error}", code="Storage",
                hint="correct it, or leave --referenced out",
            ) from error  # fmt: skip
        within = names_within(self._target, storage)
        if within is not None:
            return within
        if not isinstance(storage, FileSystemStorage):
            return None
        place = os.path.realpath(storage.location).rstrip("/") + "/"
        roots = (folder.rstrip("/") + "/" for folder in self._folders)
        return next((place[len(root) :] for root in roots if place.startswith(root)), None)


def referenced_names(target: Target, folders: Sequence[str] = (), names: Sequence[str] = ()) -> Iterator[str]:
    """The names in ascending order, each once, as the target has them. Memory does not grow with their number.

    `folders` are real paths of those that stand for the target on this machine; `names` are the databases to read,
    none: all. Raises ConfigurationError where no field keeps its files there, or a table can't be read.
    """
    places = _Places(target, folders)
    try:
        with closing(Ledger()) as ledger:
            _read_all(target, places, ledger, names)
            last = None
            for each in ledger.expected(0):
                if each.key != last:
                    last = each.key
                    yield target.name_of(last)
    except sqlite3.Error as error:
        raise S3SyncError(
            f"The names don't fit on the disk ({error}).", code="DiskFull",
            hint="make room in the folder for temporary files, or name another one in TMPDIR and SQLITE_TMPDIR",
        ) from error  # fmt: skip


def _read_all(target: Target, places: _Places, ledger: Ledger, names: Sequence[str]) -> None:
    tables = [table for table in file_tables(find_models()) if _leads_to(table, places)]
    if not tables:
        raise ConfigurationError(
            f"No FileField of this project keeps its files in the storage {target.alias!r}.", code="NothingReferenced",
            hint="leave --referenced out, or name the storage that the fields use with --storage",
        )  # fmt: skip
    absent: dict[str, Unreadable] = {}
    there = set()
    for database in databases(names):
        if (refusal := refusal_of(database)) is not None:
            raise _unreadable(f"The database {database!r}", refusal)
        for table in tables:
            if not lives_in(table.model, database):
                continue
            try:
                _read(table, database, target, places, ledger)
                there.add(table.label)
            except Unreadable as error:
                if not error.absent:
                    raise _unreadable(f"The table of {table.label} in {database!r}", error) from error
                absent[table.label] = error
    for label, missing in absent.items():
        if label not in there:  # what it would name would stay away, and nobody would know
            raise _unreadable(f"The table of {label}", missing) from missing


def _leads_to(table: Table, places: _Places) -> bool:
    """Whether any of its values may be the target's. A history's are not: nobody reads files by them."""
    table.columns[:] = [
        column for column in table.columns
        if column.storage is not None and (column.attr_class is not None or places.of(column.storage) is not None)
    ]  # fmt: skip
    return bool(table.columns)


def _read(table: Table, database: str, target: Target, places: _Places, ledger: Ledger) -> None:
    for value in read_values(table, database):
        place = places.of(value.storage)
        if place is None:
            continue
        try:
            key = key_of_value(target, place + value.name)
        except NoKey:  # the storage would not open it either
            continue
        if key.startswith(target.prefix + place):
            ledger.name(0, key)


def _unreadable(what: str, why: object) -> ConfigurationError:
    return ConfigurationError(
        f"{what} can't be read: {why}", code="DatabaseUnreadable",
        hint="check DATABASES, and run manage.py migrate; or name the databases to read with --database",
    )  # fmt: skip


class Referenced:
    """Tells whether a name is among sorted ones; quick as long as it is asked in ascending order. Of one thread."""

    def __init__(self, names: Callable[[], Iterator[str]]) -> None:
        self._make = names
        self._names = names()
        self._next = next(self._names, None)
        self._last = ""
        self._all: frozenset[str] | None = None

    def __contains__(self, name: str) -> bool:
        if name < self._last and self._all is None:  # a server that does not keep S3's order
            self._all = frozenset(self._make())
        self._last = name
        if self._all is not None:
            return name in self._all
        while self._next is not None and self._next < name:
            self._next = next(self._names, None)
        return self._next == name

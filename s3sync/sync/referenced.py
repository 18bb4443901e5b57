"""The names that this project's database holds: values of the FileFields whose files one storage has."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

from django.apps import apps
from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError, models, router
from django.utils.functional import LazyObject, empty

from ..exceptions import ConfigurationError
from ..s3.reads import names_within
from ..s3.target import Target

_BATCH = 2000


def file_fields() -> Iterator[models.FileField]:
    """Each FileField of each model that has a table, once."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy or model._meta.swapped:
            continue
        for field in model._meta.local_concrete_fields:
            if isinstance(field, models.FileField):
                yield field


def place_of(field: models.FileField, target: Target, folder: str | None) -> str | None:
    """What to put before the field's values to have names of this target; None where its files are elsewhere.

    They are the target's if the field's storage has its bucket, endpoint and a location below its own; or if it keeps
    files in `folder`, which stands for the target on this machine.
    """
    storage = field.storage
    if isinstance(storage, LazyObject):
        if storage._wrapped is empty:
            storage._setup()
        storage = storage._wrapped
    within = names_within(target, storage)
    if within is not None:
        return within
    if folder is None or not isinstance(storage, FileSystemStorage):
        return None
    place = os.path.realpath(storage.location)
    return _below(place.rstrip("/") + "/", folder.rstrip("/") + "/")


def referenced_names(target: Target, folder: str | None = None) -> Iterator[str]:
    """The names in ascending order, each once, as the target has them. Memory does not grow with their number.

    `folder` is the real path of a folder that stands for the target on this machine. Raises ConfigurationError where
    no field keeps its files there, or a table can't be read.
    """
    places = [(field, place) for field in file_fields() if (place := place_of(field, target, folder)) is not None]
    if not places:
        raise ConfigurationError(
            f"No FileField of this project keeps its files in the storage {target.alias!r}.", code="NothingReferenced",
            hint="leave --referenced out, or name the storage that the fields use with --storage",
        )  # fmt: skip
    # An empty name makes a temporary database on the disk, which goes with the connection.
    with closing(sqlite3.connect("", isolation_level=None)) as names:
        names.execute("CREATE TABLE name (name TEXT PRIMARY KEY) WITHOUT ROWID")
        names.execute("BEGIN")
        for field, place in places:
            names.executemany("INSERT OR IGNORE INTO name VALUES (?)", _rows(field, place, target))
        yield from (name for (name,) in names.execute("SELECT name FROM name ORDER BY name"))


def _rows(field: models.FileField, place: str, target: Target) -> Iterator[tuple[str]]:
    model = field.model
    rows = model._base_manager.using(router.db_for_read(model)).order_by()
    values = rows.exclude(**{field.attname: ""}).exclude(**{f"{field.attname}__isnull": True})
    try:
        for value in values.values_list(field.attname, flat=True).iterator(chunk_size=_BATCH):
            try:
                yield (target.name_of(target.key_of(place + str(value))),)
            except SuspiciousOperation:  # the storage would not open it either
                continue
    except DatabaseError as error:
        raise ConfigurationError(
            f"The table of {model._meta.label} can't be read: {error}", code="DatabaseUnreadable",
            hint="check DATABASES, and run manage.py migrate, or leave --referenced out",
        ) from error  # fmt: skip


def _below(place: str, whole: str) -> str | None:
    return place[len(whole) :] if place.startswith(whole) else None


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

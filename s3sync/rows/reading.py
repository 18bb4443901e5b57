"""Rows, streamed: a table of millions is never in memory, and no lock or cursor outlives a page where that matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import DatabaseError, NotSupportedError, connections, models
from django.db.models import Q, TextField
from django.db.models.base import ModelState
from django.db.models.functions import Cast

from .columns import Column, Model, Table

_PAGE = 2000
_ASKED_AT_ONCE = 500
"""Keys in one query; SQLite takes 999 at least."""


class Value(NamedTuple):
    """What one row says in one column."""

    column: Column
    pk: Any
    name: str
    storage: Any


class Unreadable(Exception):
    """A table of this database can't be read. `absent`: there is none."""

    def __init__(self, reason: str, *, absent: bool = False) -> None:
        super().__init__(reason)
        self.absent = absent


def read_values(table: Table, database: str, page: int = _PAGE) -> Iterator[Value]:
    """Every value of the table that is not empty, whatever the model's managers hide. Raises Unreadable."""
    plain = [column for column in table.columns if column.attr_class is None]
    if plain:
        for pk, *names in _guarded(table.model, database, [column.name for column in plain], page):
            for column, name in zip(plain, names, strict=True):
                if name:
                    yield Value(column, pk, _text(name), column.storage)
    for column in table.columns:
        if column.attr_class is not None:
            yield from _read_choosing(table.model, column, database, page)


def still_there(table: Table, column: Column, database: str, values: Sequence[tuple[Any, str]]) -> set[int]:
    """Places in `values` (pk as text or number, name) of those that the database still has. Raises Unreadable."""
    pk_field: Any = table.model._meta.pk
    if len(getattr(table.model._meta, "pk_fields", ())) > 1:
        return set(range(len(values)))
    found: set[int] = set()
    for start in range(0, len(values), _ASKED_AT_ONCE):
        part = values[start : start + _ASKED_AT_ONCE]
        try:
            wanted = [pk_field.to_python(pk) for pk, _ in part]
            rows = _rows_of(table.model, database).filter(pk__in=wanted).values_list("pk", column.name)
            now = {str(pk): _text(name or "") for pk, name in rows}
        except (DatabaseError, ImproperlyConfigured) as error:
            raise _unreadable(table.model, database, error) from error
        found |= {start + place for place, (pk, name) in enumerate(part) if now.get(str(pk)) == name}
    return found


def read_texts(table: Table, column: Column, database: str, needles: Sequence[str]) -> Iterator[tuple[Any, str]]:
    """Primary key and text of the rows whose text holds one of `needles`. Raises Unreadable."""
    wanted = reduce(or_, (Q(s3sync_text__contains=needle) for needle in needles))
    rows = _rows_of(table.model, database).annotate(s3sync_text=Cast(column.name, TextField())).filter(wanted)
    try:
        for pk, text in _stream(rows, table.model, database, ["s3sync_text"], _PAGE):
            yield pk, _text(text or "")
    except _TROUBLE as error:
        raise _unreadable(table.model, database, error) from error


_TROUBLE = (DatabaseError, ImproperlyConfigured, FieldError, NotSupportedError)


def _read_choosing(model: Model, column: Column, database: str, page: int) -> Iterator[Value]:
    """As `read_values`, of files whose class may choose a storage by the row.

    The row is put together without its constructor, whose signals would have images opened for their size.
    """
    field: Any = model._meta.get_field(column.name)
    names = [each.attname for each in model._meta.concrete_fields]
    place = names.index(field.attname)
    for pk, *values in _guarded(model, database, names, page, only=[column.name]):
        if not values[place]:
            continue
        row = model.__new__(model)
        row._state = ModelState()
        row._state.db, row._state.adding = database, False
        row.__dict__.update(zip(names, values, strict=True))
        try:
            storage = field.attr_class(row, field, _text(values[place])).storage
        except Exception as error:
            raise Unreadable(f"{column.name} of {pk}: {type(error).__name__}: {error}") from error
        yield Value(column, pk, _text(values[place]), storage)


def _guarded(
    model: Model, database: str, names: Sequence[str], page: int, only: Sequence[str] | None = None
) -> Iterator[Any]:
    filled = reduce(or_, (Q(**{f"{name}__isnull": False}) & ~Q(**{name: ""}) for name in only or names))
    try:
        yield from _stream(_rows_of(model, database).filter(filled), model, database, names, page)
    except _TROUBLE as error:
        raise _unreadable(model, database, error) from error


def _rows_of(model: Model, database: str) -> models.QuerySet[Any]:
    """All rows. Not by a manager: even the base manager may be one that hides some."""
    rows: models.QuerySet[Any] = models.QuerySet(model, using=database)
    return rows


def _stream(rows: models.QuerySet[Any], model: Model, database: str, names: Sequence[str], page: int) -> Iterator[Any]:
    """The rows' keys and these values.

    Page by page where the driver would hold the whole answer (MySQL; or server-side cursors are off) or the lock
    (SQLite). A view has no key to go by.
    """
    settings = connections[database]
    paged = settings.vendor in ("sqlite", "mysql") or settings.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    if not paged or not model._meta.managed:
        yield from rows.order_by().values_list("pk", *names).iterator(chunk_size=page)
        return
    rows = rows.order_by("pk")
    after: dict[str, Any] = {}
    while found := list(rows.filter(**after).values_list("pk", *names)[:page]):
        yield from found
        if len(found) < page:
            return
        after = {"pk__gt": found[-1][0]}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(getattr(value, "name", value) or "")


def _unreadable(model: Model, database: str, error: Exception) -> Unreadable:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    connection = connections[database]
    try:
        if not connection.in_atomic_block:
            with connection.cursor() as cursor:
                tables = connection.introspection.table_names(cursor, include_views=True)
            absent = connection.introspection.identifier_converter(model._meta.db_table) not in tables
            return Unreadable(reason, absent=absent)
    except DatabaseError:
        pass
    return Unreadable(reason)


def refusal_of(database: str) -> str | None:
    """Why this database can't be talked to, or None."""
    try:
        connections[database].ensure_connection()
    except Exception as error:  # noqa: BLE001  drivers that are not installed, too
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return None

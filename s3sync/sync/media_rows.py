"""`s3_verify_media`, the side of the database: what its rows name is written into the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.events import Finding, Verified
from ..core.media_report import FieldSummary, MediaReport
from ..core.old_urls import OldUrls
from ..core.scope import Scope
from ..core.values import IMPOSSIBLE, OLD_URL, WRONG_STORAGE
from ..exceptions import ConfigurationError
from ..local.ledger import Ledger
from ..rows.columns import Column, Model, Table, databases, file_tables, lives_in, text_tables, thumbnail_tables
from ..rows.reading import Unreadable, Value, read_texts, read_values, refusal_of, still_there
from ..s3.values import NoKey, key_of_value
from .media_places import Beside, Place, Places
from .run import Run

_ROUND = 1000
"""Rows after which it is asked whether the run has to stop."""
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Field:
    """One field in one database; its number is that of the ledger."""

    number: int
    table: Table
    column: Column
    database: str
    summary: FieldSummary


class Rows:
    """Reads what the rows of all databases name. Used by one thread."""

    def __init__(
        self, run: Run, report: MediaReport, places: Places, ledger: Ledger, scope: Scope, names: Sequence[str]
    ) -> None:  # fmt: skip
        """`names` are the databases to read; none: all."""
        self._run, self._report, self._places, self._ledger, self._scope = run, report, places, ledger, scope
        self._names = tuple(names)
        self._databases: list[str] = []
        """Those that can be read."""
        self._absent: dict[str, list[str]] = {}
        self._there: set[str] = set()
        self._unread = 0
        self.fields: list[Field] = []

    @property
    def is_whole(self) -> bool:
        """Whether everything could be read."""
        return not self._unread and not self._run.stopping

    # Values

    def read(self, models: Iterable[Model]) -> None:
        """All values. Raises an S3SyncError where nothing can be read, or a storage can't be made."""
        tables = [_with(table, [each for each in table.columns if each.storage is not None])
                  for table in file_tables(models)]  # fmt: skip
        tables = [table for table in tables if table.columns]
        for table in tables:
            for column in table.columns:
                self._places.of(column.storage, f"{column.model}.{column.name}")
        self._databases = self._reachable()
        for database in self._databases:
            for table in tables:
                if lives_in(table.model, database):
                    self._read_table(table, database)
        self._tell_of_absent(len(tables))

    def _reachable(self) -> list[str]:
        wanted = databases(self._names)
        if not wanted:
            raise ConfigurationError("DATABASES has no database to read.", code="NoDatabase", hint="set DATABASES")
        refusals = {database: refusal_of(database) for database in wanted}
        refused = {database: reason for database, reason in refusals.items() if reason is not None}
        for database, reason in refused.items():
            if len(refused) == len(wanted):
                raise ConfigurationError(
                    f"The database {database!r} can't be read: {reason}.".replace("..", "."), code="Database",
                    hint="check DATABASES, and whether its server is up",
                )  # fmt: skip
            self._undecided("database-unread", f"the database {database!r} can't be read: {reason}")
        return [database for database in wanted if database not in refused]

    def _undecided(self, what: str, detail: str) -> None:
        self._unread += 1
        self._report.undecided = True
        self._run.emit(Finding(what, "error", f"{detail.rstrip('.')}."))

    def _read_table(self, table: Table, database: str) -> None:
        fields: dict[str, Field] = {}
        for column in table.columns:
            summary = FieldSummary(column.model, column.name, database)
            fields[column.name] = Field(len(self.fields) + len(fields), table, column, database, summary)
        report = self._report
        try:
            for number, value in enumerate(read_values(table, database)):
                if not fields[value.column.name].summary.values or value.column.attr_class is not None:
                    self._label(fields[value.column.name], value.storage)
                self._note(value, fields[value.column.name])
                if number % _ROUND == 0:
                    self._run.watcher.moved(self._run.progress)
                    if self._run.stopping:
                        break
        except Unreadable as error:
            if error.absent:
                self._absent.setdefault(table.label, []).append(database)
                return
            self._undecided("rows-unread", f"{table.label} in {database!r} can't be read: {error}")
        self._there.add(table.label)
        for each in fields.values():
            self._label(each, each.column.storage)
            report.fields[each.column.model, each.column.name, database] = each.summary
            self.fields.append(each)

    def _label(self, field: Field, storage: Any) -> None:
        place = self._places.of(storage, f"{field.column.model}.{field.column.name}")
        words = f"{place.label} ({place.where})" if isinstance(place, Place) else f"{place.label}, {place.detail}"
        if words not in field.summary.storages:
            field.summary.storages.append(words)

    def _note(self, value: Value, field: Field) -> None:
        if not self._scope.covers(value.name):
            return
        field.summary.values += 1
        self._report.counts["scanned"] += 1
        self._run.progress.files += 1
        place = self._places.of(value.storage, field.column.model)
        if isinstance(place, Beside):
            if place.verdict == WRONG_STORAGE:
                self._tell(value, field, WRONG_STORAGE, None, place.detail)
            else:
                field.summary.verdicts[place.verdict] += 1
            return
        try:
            key = key_of_value(place.target, value.name)
        except NoKey as error:
            self._tell(value, field, IMPOSSIBLE, place, str(error))
            return
        self._ledger.expect(place.number, key, field.number, _plain(value.pk), value.name)

    def _tell(self, value: Value, field: Field, verdict: str, place: Place | None, detail: str) -> None:
        # The report finds the summary by its name, which it gets once the table was read.
        self._report.fields.setdefault((field.column.model, field.column.name, field.database), field.summary)
        self._run.emit(Verified(
            verdict=verdict, name=value.name, key=None, alias=place.alias if place else None,
            bucket=place.target.bucket if place else None, model=field.column.model, field=field.column.name,
            database=field.database, pk=_plain(value.pk), detail=detail,
        ))  # fmt: skip

    def _tell_of_absent(self, tables: int) -> None:
        nowhere = {label: where for label, where in self._absent.items() if label not in self._there}
        if nowhere and len(nowhere) == tables and not self._there:
            all_of_them = ", ".join(sorted({database for each in nowhere.values() for database in each}))
            raise ConfigurationError(
                f"No model with files has a table in {all_of_them}: nothing can be verified.", code="NoTables",
                hint="run manage.py migrate, or check DATABASES",
            )  # fmt: skip
        for label, where in nowhere.items():
            detail = f"{label} has no table in {', '.join(where)}: run manage.py migrate, if it is to have one."
            self._run.emit(Finding("no-table", "warning", detail))

    def gone(self, field: Field, batch: Sequence[tuple[int, int | str | None, str]]) -> list[int]:
        """Numbers of the values in this batch that the database does not have any more: they are missing no object."""
        try:
            there = still_there(field.table, field.column, field.database, [(pk, name) for _, pk, name in batch])
        except Unreadable:
            return []
        return [number for place, (number, _, _) in enumerate(batch) if place not in there]

    # What else names objects

    def read_other_names(self, models: Iterable[Model]) -> None:
        """What histories and easy_thumbnails have written down: it may be missing, and yet is no orphan."""
        tables = [_with(table, [each for each in table.columns if each.storage is None])
                  for table in file_tables(models)]  # fmt: skip
        for table in [*tables, *thumbnail_tables()]:
            for database in self._databases if table.columns else ():
                if lives_in(table.model, database):
                    self._read_names(table, database)

    def _read_names(self, table: Table, database: str) -> None:
        try:
            for value in read_values(table, database):
                self.name_everywhere(value.name)
        except Unreadable as error:
            if not error.absent:
                self._undecided("rows-unread", f"{table.label} in {database!r} can't be read: {error}")

    def name_everywhere(self, name: str) -> None:
        """Nobody knows in which storage it is."""
        for place in self._places.all:
            key = place.key_of(name)
            if key is not None:
                self._ledger.name(place.number, key)

    def read_bodies(self, models: Iterable[Model], old: OldUrls) -> None:
        """Texts that hold URLs of the old folder. What these name is no orphan."""
        for database in self._databases:
            for table in text_tables(models):
                for column in table.columns if lives_in(table.model, database) else ():
                    self._read_bodies(table, column, database, old)

    def _read_bodies(self, table: Table, column: Column, database: str, old: OldUrls) -> None:
        summary = FieldSummary(column.model, column.name, database, body=True)
        try:
            for pk, text in read_texts(table, column, database, old.needles):
                found = list(old.find(text))
                for each in found:
                    self.name_everywhere(each.name)
                if found:
                    self._report.fields.setdefault((column.model, column.name, database), summary)
                    summary.values += 1
                    more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
                    self._run.emit(Verified(
                        verdict=OLD_URL, name=found[0].name, key=None, alias=None, model=column.model,
                        field=column.name, database=database, pk=_plain(pk), detail=found[0].url + more,
                    ))  # fmt: skip
                if self._run.stopping:
                    return
        except Unreadable as error:
            if not error.absent:
                self._undecided("bodies-unread", f"{table.label}.{column.name} in {database!r} can't be read: {error}")


def _with(table: Table, columns: list[Column]) -> Table:
    return Table(table.model, columns)


def _plain(pk: Any) -> int | str | None:
    """A primary key as the ledger and JSON can hold it."""
    if isinstance(pk, int) and not isinstance(pk, bool) and -_LARGEST <= pk < _LARGEST:
        return pk
    return None if pk is None else str(pk)

"""What the rows of a database name, and what a bucket has, until both have been held against each other.

A private SQLite database in a temporary file that is gone with the process (SQLite, "Temporary Databases"): millions of
names are sorted on the disk, in UTF-8 binary order, as S3 sorts keys.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ..core.objects import RemoteObject
from ..core.values import MISSING, WRONG_STORAGE, Expected, folded, likeness

_BATCH = 5000
_NOBODY = -1
"""The field of a key that is named, but missed by nobody."""
_SCHEMA = """
CREATE TABLE value (id INTEGER PRIMARY KEY, place INT, key TEXT, field INT, pk, name TEXT);
CREATE TABLE object (place INT, key TEXT, size INT, excused INT);
CREATE TABLE amiss (id INTEGER PRIMARY KEY, verdict TEXT, place INT, size INT, local_size INT);
CREATE TABLE instead (id INTEGER PRIMARY KEY, verdict TEXT, place INT, key TEXT);
CREATE TABLE wanted (key TEXT, id INT);
CREATE INDEX by_wanted ON wanted (key);
"""
_ABSENT = f"SELECT id FROM amiss WHERE verdict = '{MISSING}'"
_OBJECTS = (
    "SELECT key FROM object WHERE place = ?1",
    f"SELECT DISTINCT key FROM value WHERE place = ?1 AND field >= 0 AND id NOT IN ({_ABSENT})",
)
"""All that a place has: what no row names, and what some row does."""
_OPEN = f"{_ABSENT} AND place = ? AND id NOT IN (SELECT id FROM instead)"
"""Values of a place for which nothing was found yet."""


class Amiss(NamedTuple):
    """A value that the bucket does not bear out, and what was found instead."""

    field: int
    place: int
    pk: int | str | None
    name: str
    key: str
    verdict: str
    size: int | None
    local_size: int | None
    other_place: int | None
    other: str | None


class Ledger:
    """Used by one thread. Any method raises sqlite3.Error where the disk is full."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA cache_size=-8192; {_SCHEMA}")
        self._database.execute("BEGIN")
        self._database.create_function("folded", 1, folded, deterministic=True)
        self._database.create_function("likeness", 2, likeness, deterministic=True)
        self._values: list[tuple[Any, ...]] = []
        self._objects: list[tuple[Any, ...]] = []
        self._amiss: list[tuple[Any, ...]] = []

    def close(self) -> None:
        """Frees the disk."""
        self._database.close()

    def expect(self, place: int, key: str, field: int, pk: int | str | None, name: str) -> None:
        """A row names this key. `field` and `place` are numbers of the caller's."""
        self._values.append((place, key, field, pk, name))
        if len(self._values) >= _BATCH:
            self._flush()

    def name(self, place: int, key: str) -> None:
        """Somebody names this key, but nothing is amiss if there is no object."""
        self.expect(place, key, _NOBODY, None, "")

    def expected(self, place: int) -> Iterator[Expected]:
        """The keys that are named, ascending, one for each row; of `name`, with a negative `column`."""
        self._flush()
        query = "SELECT key, id, field, pk, name FROM value WHERE place = ? ORDER BY key"
        return map(Expected._make, self._database.execute(query, (place,)))

    def blame(self, each: Expected, place: int, verdict: str, size: int | None, local_size: int | None) -> None:
        """This value has no object, or another than it should."""
        self._amiss.append((each.id, verdict, place, size, local_size))
        if len(self._amiss) >= _BATCH:
            self._flush()

    def spare(self, place: int, obj: RemoteObject, *, excused: bool) -> None:
        """No row names this object. `excused`: and yet it is no orphan."""
        self._objects.append((place, obj.key, obj.size, excused))
        if len(self._objects) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        insert = self._database.executemany
        insert("INSERT INTO value (place, key, field, pk, name) VALUES (?, ?, ?, ?, ?)", self._values)
        insert("INSERT INTO object VALUES (?, ?, ?, ?)", self._objects)
        insert("INSERT INTO amiss VALUES (?, ?, ?, ?, ?)", self._amiss)
        for batch in (self._values, self._objects, self._amiss):
            batch.clear()

    def withdraw(self, place: int) -> dict[int, int]:
        """Takes back what was said of a place whose listing broke off. How many values of each field name it."""
        self._flush()
        for table in ("object", "amiss"):
            self._database.execute(f"DELETE FROM {table} WHERE place = ?", (place,))
        query = "SELECT field, count(*) FROM value WHERE place = ? AND field >= 0 GROUP BY field"
        return dict(self._database.execute(query, (place,)))

    def is_wanted(self, place: int) -> bool:
        """Whether any row names a key of this place."""
        self._flush()
        query = "SELECT EXISTS (SELECT 1 FROM value WHERE place = ? AND field >= 0)"
        return bool(self._database.execute(query, (place,)).fetchone()[0])

    # What was found instead

    def find_alike(self, place: int) -> None:
        """Looks in a place, for its missing values, for objects whose keys differ in Unicode form or case only."""
        if not self._want(f"SELECT folded(key), id FROM value WHERE id IN ({_OPEN})", place):
            return
        for there in _OBJECTS:
            self._database.execute(
                # Of two that are alike, the one in another Unicode form is meant: its verdict sorts last, and stays.
                "INSERT OR REPLACE INTO instead"
                " SELECT value.id, likeness(value.key, there.key) AS verdict, ?1, there.key"
                f" FROM ({there}) AS there CROSS JOIN wanted ON wanted.key = folded(there.key)"
                " CROSS JOIN value ON value.id = wanted.id WHERE verdict IS NOT NULL ORDER BY verdict", (place,),
            )  # fmt: skip

    def find_elsewhere(self, place: int, other: int, key_of: Callable[[str], str | None]) -> None:
        """Looks in another place for what is missing in a place. `key_of` gives a name's key there."""
        self._database.create_function("key_of", 1, key_of)
        if not self._want(f"SELECT key_of(name), id FROM value WHERE id IN ({_OPEN})", place):
            return
        for there in _OBJECTS:
            self._database.execute(
                f"INSERT OR IGNORE INTO instead SELECT wanted.id, '{WRONG_STORAGE}', ?1, there.key"
                f" FROM ({there}) AS there CROSS JOIN wanted ON wanted.key = there.key", (other,),
            )  # fmt: skip

    def _want(self, query: str, place: int) -> bool:
        self._flush()
        self._database.execute("DELETE FROM wanted")
        return self._database.execute(f"INSERT INTO wanted {query}", (place,)).rowcount > 0

    # What is left

    def missing(self, field: int) -> Iterator[list[tuple[int, int | str | None, str]]]:
        """The values of a field that have no object, in batches: number, primary key, name."""
        self._flush()
        after = 0
        query = (
            f"SELECT amiss.id, pk, name FROM amiss JOIN value USING (id) WHERE verdict = '{MISSING}' AND field = ?"
            f" AND amiss.id > ? ORDER BY amiss.id LIMIT {_BATCH}"
        )
        while batch := self._database.execute(query, (field, after)).fetchall():
            yield batch
            after = batch[-1][0]

    def forget(self, ids: Sequence[int]) -> None:
        """These rows have gone meanwhile, or say something else."""
        self._database.executemany("DELETE FROM amiss WHERE id = ?", ((each,) for each in ids))

    def amiss(self) -> Iterator[Amiss]:
        """All that is amiss, by field and key."""
        self._flush()
        rows = self._database.execute(
            "SELECT field, amiss.place, pk, name, value.key, coalesce(instead.verdict, amiss.verdict), size,"
            " local_size, instead.place, instead.key FROM amiss JOIN value USING (id) LEFT JOIN instead USING (id)"
            " ORDER BY field, value.key, id"
        )
        return map(Amiss._make, rows)

    def orphans(self, place: int) -> Iterator[tuple[str, int]]:
        """Key and size of the objects that no row names, and that nothing was mistaken for; by key."""
        self._flush()
        yield from self._database.execute(
            "SELECT key, size FROM object WHERE place = ?1 AND NOT excused"
            " AND key NOT IN (SELECT key FROM instead WHERE place = ?1) ORDER BY key", (place,),
        )  # fmt: skip

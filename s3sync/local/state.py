"""What earlier runs knew, in one SQLite file. Losing it costs time and makes the tool more careful, nothing else.

*Fingerprints* save hashing: they hold for a file while inode, size, mtime and ctime are as they were, for one *variant*
(how the target renders in general) and *encoding* (how this file was rendered). *Known* objects are those that we sent
or found equal; their record tells a user's upload from our own. The bucket's listing is always the truth about it.

No write-ahead log: it needs shared memory, which network file systems don't have (SQLite, "Write-Ahead Logging").
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import platformdirs

from ..core.columns import Files, Objects
from ..core.objects import Fingerprint, Known, LocalFile, RemoteObject
from .lookahead import Lookahead, Row
from .settled import ROWS, Place
from .state_file import as_text, note_walk, number_of, opened, replaced

_BITS = 0x7FFF_FFFF_FFFF_FFFF
_SETTLED_NS = 2_000_000_000
"""A file that changed less than this ago may change again within its time stamp's resolution (as git has it)."""
_AT_ONCE = 8000
"""Changes that are stored together at most."""
_HELD = "SELECT target, place, (SELECT text FROM label WHERE id = place) FROM held"
_UPDATE_KNOWN = """
INSERT INTO known (target, key, etag, size, sent_size, md5, source) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (target, key) DO UPDATE SET etag = excluded.etag, size = excluded.size, source = excluded.source,
    place = CASE WHEN sent_size = excluded.sent_size AND md5 = excluded.md5 THEN place END,
    sent_size = excluded.sent_size, md5 = excluded.md5
"""
"""Of an object whose file was not looked at anew: what the row has of that stays, where it is of the same bytes."""
_SAVE = """
INSERT OR REPLACE INTO fingerprint SELECT ?, substr(key, ?), encoding, inode, file_size, mtime_ns, ctime_ns,
    sent_size, md5 FROM known WHERE target = ? AND key = ? AND place = ? AND ctime_ns >= ifnull(
        (SELECT ctime_ns FROM fingerprint WHERE place = ? AND name = substr(key, ?)), -1)
"""
"""A row's fingerprint, unless the file has changed since, and the later one was kept by itself."""


def default_directory() -> Path | None:
    """The user's state directory for this project, or None for a user without a home."""
    try:
        return platformdirs.user_state_path("s3sync")
    except (RuntimeError, OSError):
        return None


class State:
    """One run's view of the state file. Used by one thread; writes are collected and stored in batches.

    Never raises for trouble with the file: it warns once, through `warn`, and goes on in memory.
    """

    def __init__(
        self, directory: Path | None, *, root: str, target: str, variant: str, warn: Callable[[str], None],
        source: str = "", prefix: str | None = None,
    ) -> None:  # fmt: skip
        """`source` is written into each known record; `Known.source` says which one wrote it last.

        `prefix` is what a key has before its file's name; None: it is not as simple as that.
        """
        self.source, self._prefix, self._target, self._warn = source, prefix, target, warn
        self._root, self._place = root, f"{as_text(root)}\0{variant}"
        self._held_place = f"{self._place}\0{prefix}"
        self._new_fingerprints: dict[str, tuple[Any, ...]] = {}
        self._new_known: dict[str, tuple[Any, ...]] = {}
        self._forgotten: set[str] = set()
        self._flushed, self._due = time.monotonic(), 0
        self._read_only = False
        self._database, self._path = opened(directory, warn)
        self._ids: dict[str, int] = {}
        self._fingerprints = Lookahead(self._fetch_fingerprints)
        self._known = Lookahead(self._fetch_known)
        self._settled = Lookahead(self._fetch_settled)
        self._elsewhere: list[tuple[str, Lookahead]] | None = None

    def fingerprint(self, file: LocalFile, encoding: str) -> Fingerprint | None:
        """The fingerprint of a file that has not changed since it was taken."""
        stamp = (encoding, *_status(file))
        row = self._fingerprints.get(file.name)
        if row is not None and row[1:6] == stamp:
            return Fingerprint(row[6], row[7].hex())
        if self._elsewhere is None:
            self._elsewhere = self._beside_objects()
        for prefix, rows in self._elsewhere:
            row = rows.get(prefix + file.name)
            if row is not None and row[1:6] == stamp:
                return Fingerprint(row[6], row[7].hex())
        return None

    def known(self, key: str) -> Known | None:
        """The record of the object under this key."""
        pending = self._new_known.get(key)
        if pending is not None:
            return Known(pending[0], pending[1], Fingerprint(pending[2], pending[3].hex()), self.source)
        row = None if key in self._forgotten else self._known.get(key)
        return None if row is None else Known(row[1], row[2], Fingerprint(row[3], row[4].hex()), row[5] or "")

    def is_settled(self, key: str, file: LocalFile, encoding: str, obj: RemoteObject) -> bool:
        """Whether both sides are as they were when they were found equal, or made so, by this very source.

        Says no more than `known` and `fingerprint` do, at a fraction of their price. False where it can't tell.
        """
        if self._prefix is None or key in self._new_known or key in self._forgotten:
            return False
        return not self._unsettled([(0, (key, obj.etag, obj.size, encoding, *_status(file)))])

    @property
    def place(self) -> Place | None:
        """Where another process finds what `is_settled` goes by, if it can."""
        if self._prefix is None or self._path is None:
            return None
        ids = (self._id(text) for text in (self._target, self._held_place, self.source))
        return Place(f"{self._path.as_uri()}?mode=ro", self._prefix, *ids)

    def can_settle(self, obj: RemoteObject) -> bool:
        """Whether `is_settled` may come to hold of this object."""
        return self._prefix is not None and bool(obj.etag)

    def unsettled(self, files: Files, objects: Objects, encodings: Iterable[str]) -> list[int]:
        """The places of those of which `is_settled` does not hold, or may not; keys ascend."""
        keys, sizes, etags = objects.keys, objects.sizes, objects.etags
        if self._prefix is None or not (self._new_known.keys().isdisjoint(keys) and self._forgotten.isdisjoint(keys)):
            return list(range(len(keys)))
        if files.settled == (etags, sizes) and all(etags):
            return []
        columns = zip(*files.settled, etags, sizes, encodings, strict=False)
        return self._unsettled([
            (place, (keys[place], etag, size, encoding, *_status(files[place])))
            for place, (known, stored, etag, size, encoding) in enumerate(columns)
            if known != etag or stored != size or not etag
        ])  # fmt: skip

    def _unsettled(self, wanted: list[tuple[int, Row]]) -> list[int]:
        """Of these places those that have another row than this, or no ETag."""
        rows = self._settled.get_all([row[0] for _, row in wanted])
        return [place for (place, wish), row in zip(wanted, rows, strict=True) if row != wish or not wish[1]]

    def remember_fingerprint(self, file: LocalFile, encoding: str, fingerprint: Fingerprint) -> None:
        """Keeps a fingerprint, unless the file changed a moment ago."""
        now = time.time_ns()
        # A modification time in the future was set by somebody; the change time tells when.
        if now - file.ctime_ns < _SETTLED_NS or 0 <= now - file.mtime_ns < _SETTLED_NS:
            return
        size, md5 = fingerprint
        self._new_fingerprints[file.name] = (encoding, *_status(file), size, bytes.fromhex(md5))
        self._flush_if_due()

    def remember_known(self, key: str, known: Known) -> None:
        """Records an object that we sent or found equal."""
        etag, listed_size, (size, md5), _ = known
        self._new_known[key] = (etag, listed_size, size, bytes.fromhex(md5))
        self._flush_if_due()

    def forget(self, key: str) -> None:
        """Drops the record of an object that we deleted."""
        self._new_known.pop(key, None)
        self._forgotten.add(key)
        self._flush_if_due()

    def fact(self, name: str) -> str | None:
        """What was found out about the target itself."""
        rows = self._query("SELECT value FROM fact WHERE target = ? AND name = ?", (self._target, name))
        return rows[0][0] if rows else None

    def remember_fact(self, name: str, value: str) -> None:
        """Keeps what was found out about the target."""
        self._write(lambda: self._database.execute(
            "INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", (self._target, name, value)
        ))  # fmt: skip

    def note_walk(self, alias: str, text: str) -> None:
        """Keeps a text for `state_file.walk_noted`."""
        self._write(lambda: note_walk(self._database, self._root, alias, text))

    def flush(self) -> None:
        """Stores what was collected."""
        self._flushed, self._due = time.monotonic(), 0
        if not (self._new_fingerprints or self._new_known or self._forgotten):
            return
        fingerprints, known, forgotten = self._new_fingerprints, self._new_known, self._forgotten
        self._new_fingerprints, self._new_known, self._forgotten = {}, {}, set()
        for rows in (self._fingerprints, self._known, self._settled):
            rows.drop()
        self._elsewhere, self._ids = None, {}
        self._write(lambda: self._store(fingerprints, known, forgotten))

    def _store(
        self, fingerprints: dict[str, tuple[Any, ...]], known: dict[str, tuple[Any, ...]], forgotten: set[str]
    ) -> None:
        texts = (self._target, self._place, self._held_place, self.source)
        target, place, held_place, source = (number_of(self._database, text) for text in texts)
        alone, together = [], []
        prefix, start = self._prefix, len(self._prefix or "")
        for key, record in known.items():
            name = key[start:]
            taken = fingerprints.get(name) if prefix is not None and key.startswith(prefix) else None
            if taken is not None and taken[5:] == record[2:]:
                del fingerprints[name]
                together.append((target, key, *record, source, held_place, *taken[:5]))
            else:
                alone.append((target, key, *record, source))
        many = self._database.executemany
        self._save_from_others(target, held_place, known)
        many("DELETE FROM known WHERE target = ? AND key = ?", ((target, key) for key in forgotten))
        many("INSERT OR REPLACE INTO known VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", together)
        many(_UPDATE_KNOWN, alone)
        many(
            "INSERT OR REPLACE INTO fingerprint VALUES (?,?,?,?,?,?,?,?,?)",
            ((place, name, *taken) for name, taken in fingerprints.items()),
        )
        if together:
            self._database.execute("INSERT OR IGNORE INTO held VALUES (?, ?)", (target, held_place))

    def close(self) -> None:
        """Stores what was collected and lets go of the file."""
        self.flush()
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def _flush_if_due(self) -> None:
        self._due += 1
        if self._due >= _AT_ONCE or (not self._due % 64 and time.monotonic() - self._flushed > 1.0):
            self.flush()

    def _save_from_others(self, target: int, held_place: int, keys: Iterable[str]) -> None:
        """Fingerprints of other places' files leave the rows that this place's files are to have."""
        others = self._database.execute(_HELD + " WHERE target = ? AND place <> ?", (target, held_place)).fetchall()
        for _, other, text in others:
            root_and_variant, _, prefix = text.rpartition("\0")
            number = number_of(self._database, root_and_variant)
            kept = number, len(prefix) + 1
            self._database.executemany(_SAVE, ((*kept, target, key, other, *kept) for key in keys))

    def _beside_objects(self) -> list[tuple[str, Lookahead]]:
        """Fingerprints of this place's files that stand in the rows of known objects, of any target: by prefix."""
        return [
            (text.rpartition("\0")[2], Lookahead(partial(self._fetch_beside, target, place)))
            for target, place, text in self._query(_HELD, ()) if text.startswith(self._place + "\0")
        ]  # fmt: skip

    def _fetch_beside(self, target: int, place: int, key: str, limit: int) -> list[Row]:
        return self._query(
            "SELECT key, encoding, inode, file_size, mtime_ns, ctime_ns, sent_size, md5 FROM known"
            " WHERE target = ? AND key >= ? AND place = ? ORDER BY key LIMIT ?",
            (target, key, place, limit),
        )

    def _fetch_fingerprints(self, name: str, limit: int) -> list[Row]:
        return self._query(
            "SELECT name, encoding, inode, file_size, mtime_ns, ctime_ns, sent_size, md5 FROM fingerprint"
            " WHERE place = ? AND name >= ? ORDER BY name LIMIT ?",
            (self._id(self._place), name, limit),
        )

    def _fetch_known(self, key: str, limit: int) -> list[tuple[str, Known]]:
        return self._query(
            "SELECT key, etag, size, sent_size, md5, (SELECT text FROM label WHERE id = source) FROM known"
            " WHERE target = ? AND key >= ? ORDER BY key LIMIT ?",
            (self._id(self._target), key, limit),
        )

    def _fetch_settled(self, key: str, limit: int) -> list[Row]:
        target, place, source = (self._id(text) for text in (self._target, self._held_place, self.source))
        return self._query(ROWS, (target, key, place, source, limit))

    def _id(self, text: str) -> int:
        found = self._ids.get(text)
        if found is None:
            rows = self._query("SELECT id FROM label WHERE text = ?", (text,))
            found = self._ids[text] = rows[0][0] if rows else 0  # which no row has
        return found

    def _query(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._lose(error)
            return []

    def _write(self, store: Callable[[], object]) -> None:
        if self._read_only:
            return
        try:
            with self._database:
                store()
        except sqlite3.Error as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        self._elsewhere, self._ids = None, {}  # what was written last is not there
        if type(error) is sqlite3.DatabaseError and self._path is not None:  # damaged, but not at its beginning
            self._database.close()
            self._database, self._path = replaced(self._path, error, self._warn), None
        elif not self._read_only:
            self._read_only = True
            self._warn(f"The state file can't be used ({error}): going on without it; the next run will hash more.")


def _status(file: LocalFile) -> tuple[int, ...]:
    """What changes when the file does, as far as SQLite's 63 bits go: some file systems number inodes with 64."""
    _, _, size, mtime_ns, ctime_ns, inode, _ = file
    return inode & _BITS, size & _BITS, mtime_ns & _BITS, ctime_ns & _BITS

"""What earlier runs knew, in one SQLite file. Losing it costs time and makes the tool more careful, nothing else.

*Fingerprints* save hashing: they hold for a file while inode, size, mtime and ctime are as they were, for one *variant*
(how the target renders in general) and *encoding* (how this file was rendered). *Known* objects are those that we sent
or found equal; their record tells a user's upload from our own. The bucket's listing is always the truth about it.

No write-ahead log: it needs shared memory, which network file systems don't have (SQLite, "Write-Ahead Logging").
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from ..core.objects import Fingerprint, Known, LocalFile, RemoteObject
from . import lookahead
from .lookahead import Lookahead

FILE_NAME = "state.sqlite3"
_VERSION = 1
_BITS = 0x7FFF_FFFF_FFFF_FFFF
_SETTLED_NS = 2_000_000_000
"""A file that changed less than this ago may change again within its time stamp's resolution (as git has it)."""

_SCHEMA = """
CREATE TABLE fingerprint (root TEXT, variant TEXT, name TEXT, encoding TEXT, inode INT, size INT, mtime_ns INT,
    ctime_ns INT, sent_size INT, md5 BLOB, PRIMARY KEY (root, variant, name)) WITHOUT ROWID;
CREATE TABLE known (target TEXT, key TEXT, etag TEXT, size INT, sent_size INT, md5 BLOB, source TEXT,
    PRIMARY KEY (target, key)) WITHOUT ROWID;
CREATE TABLE fact (target TEXT, name TEXT, value TEXT, PRIMARY KEY (target, name)) WITHOUT ROWID;
"""


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
        self.source, self._prefix = source, prefix
        self._root = os.fsencode(root).decode("utf-8", "backslashreplace")
        self._target, self._variant, self._warn = target, variant, warn
        self._new_fingerprints: list[tuple[Any, ...]] = []
        self._new_known: dict[str, tuple[Any, ...]] = {}
        self._forgotten: set[str] = set()
        self._flushed = time.monotonic()
        self._read_only = False
        self._path: Path | None = None
        self._database = self._open(directory)
        self._fingerprints: Lookahead[tuple[Any, ...]] = Lookahead(self._fetch_fingerprints)
        self._known: Lookahead[Known] = Lookahead(self._fetch_known)
        self._settled: Lookahead[tuple[Any, ...]] = Lookahead(self._fetch_settled)

    def fingerprint(self, file: LocalFile, encoding: str) -> Fingerprint | None:
        """The fingerprint of a file that has not changed since it was taken."""
        row = self._fingerprints.get(file.name)
        if row is None or row[:5] != (encoding, *_status(file)):
            return None
        return Fingerprint(row[5], row[6].hex())

    def known(self, key: str) -> Known | None:
        """The record of the object under this key."""
        pending = self._new_known.get(key)
        if pending is not None:
            return Known(pending[2], pending[3], Fingerprint(pending[4], pending[5].hex()), pending[6])
        return None if key in self._forgotten else self._known.get(key)

    def is_settled(self, key: str, file: LocalFile, encoding: str, obj: RemoteObject) -> bool:
        """Whether both sides are as they were when they were found equal, or made so, by this very source.

        Says no more than `known` and `fingerprint` do, at a fraction of their price. False where it can't tell.
        """
        if self._prefix is None or key in self._new_known or key in self._forgotten:
            return False
        row = self._settled.get(key)
        return row is not None and row == (obj.etag, obj.size, encoding, *_status(file)) and bool(obj.etag)

    def unsettled(
        self, files: Sequence[LocalFile], objects: Sequence[RemoteObject], encodings: Iterable[str]
    ) -> list[int]:
        """The places of those of which `is_settled` does not hold, or may not; keys ascend."""
        keys = [obj.key for obj in objects]
        if self._prefix is None or not (self._new_known.keys().isdisjoint(keys) and self._forgotten.isdisjoint(keys)):
            return list(range(len(keys)))
        sides = zip(self._settled.get_all(keys), files, objects, encodings, strict=False)  # one may be without end
        return [
            place
            for place, (row, (_, _, size, mtime, ctime, inode), (_, stored, etag, _), encoding) in enumerate(sides)
            if row != (etag, stored, encoding, inode, size, mtime, ctime) or not etag
        ]

    def remember_fingerprint(self, file: LocalFile, encoding: str, fingerprint: Fingerprint) -> None:
        """Keeps a fingerprint, unless the file changed a moment ago."""
        now = time.time_ns()
        # A modification time in the future was set by somebody; the change time tells when.
        if now - file.ctime_ns < _SETTLED_NS or 0 <= now - file.mtime_ns < _SETTLED_NS:
            return
        self._new_fingerprints.append((
            self._root, self._variant, file.name, encoding, *_status(file),
            fingerprint.size, bytes.fromhex(fingerprint.md5),
        ))  # fmt: skip
        self._flush_if_due()

    def remember_known(self, key: str, known: Known) -> None:
        """Records an object that we sent or found equal."""
        fingerprint = known.fingerprint
        self._new_known[key] = (
            self._target, key, known.etag, known.size, fingerprint.size, bytes.fromhex(fingerprint.md5),
            self.source,
        )  # fmt: skip
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

    def flush(self) -> None:
        """Stores what was collected."""
        self._flushed = time.monotonic()
        if not (self._new_fingerprints or self._new_known or self._forgotten):
            return
        fingerprints, known, forgotten = self._new_fingerprints, self._new_known, self._forgotten
        self._new_fingerprints, self._new_known, self._forgotten = [], {}, set()
        self._fingerprints.drop()
        self._known.drop()
        self._settled.drop()

        def store() -> None:
            self._database.executemany(
                "DELETE FROM known WHERE target = ? AND key = ?", ((self._target, key) for key in forgotten)
            )
            self._database.executemany("INSERT OR REPLACE INTO known VALUES (?,?,?,?,?,?,?)", known.values())
            self._database.executemany("INSERT OR REPLACE INTO fingerprint VALUES (?,?,?,?,?,?,?,?,?,?)", fingerprints)

        self._write(store)

    def close(self) -> None:
        """Stores what was collected and lets go of the file."""
        self.flush()
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def _flush_if_due(self) -> None:
        due = len(self._new_fingerprints) + len(self._new_known) + len(self._forgotten)
        if due >= 4 * lookahead.BATCH or (due % 64 == 0 and time.monotonic() - self._flushed > 1.0):
            self.flush()

    def _fetch_fingerprints(self, name: str, limit: int) -> list[tuple[str, tuple[Any, ...]]]:
        rows = self._query(
            "SELECT name, encoding, inode, size, mtime_ns, ctime_ns, sent_size, md5 FROM fingerprint"
            " WHERE root = ? AND variant = ? AND name >= ? ORDER BY name LIMIT ?",
            (self._root, self._variant, name, limit),
        )
        return [(row[0], row[1:]) for row in rows]

    def _fetch_known(self, key: str, limit: int) -> list[tuple[str, Known]]:
        rows = self._query(
            "SELECT key, etag, size, sent_size, md5, source FROM known"
            " WHERE target = ? AND key >= ? ORDER BY key LIMIT ?",
            (self._target, key, limit),
        )
        return [(row[0], Known(row[1], row[2], Fingerprint(row[3], row[4].hex()), row[5])) for row in rows]

    def _fetch_settled(self, key: str, limit: int) -> list[tuple[str, tuple[Any, ...]]]:
        rows = self._query(
            "SELECT k.key, k.etag, k.size, f.encoding, f.inode, f.size, f.mtime_ns, f.ctime_ns FROM known k"
            " LEFT JOIN fingerprint f ON f.root = ? AND f.variant = ? AND f.name = substr(k.key, ?)"
            " AND f.md5 = k.md5 AND f.sent_size = k.sent_size AND k.source = ?"
            " WHERE k.target = ? AND k.key >= ? ORDER BY k.key LIMIT ?",
            (self._root, self._variant, len(self._prefix or "") + 1, self.source, self._target, key, limit),
        )
        return [(row[0], row[1:]) for row in rows]

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
        if type(error) is sqlite3.DatabaseError and self._path is not None:  # damaged, but not at its beginning
            self._database.close()
            self._database, self._path = self._replace_corrupt(self._path, error), None
        elif not self._read_only:
            self._read_only = True
            self._warn(f"The state file can't be used ({error}): going on without it; the next run will hash more.")

    def _open(self, directory: Path | None) -> sqlite3.Connection:
        if directory is None:
            self._warn("No state directory (this user has no home): set S3SYNC_STATE_DIR to keep what a run learns.")
            return _connect(":memory:")
        path = directory / FILE_NAME
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            database = _connect(str(path))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                return self._in_memory(path, error)
            return self._replace_corrupt(path, error)
        except OSError as error:
            return self._in_memory(path, error)
        self._path = path
        return database

    def _replace_corrupt(self, path: Path, error: Exception) -> sqlite3.Connection:
        aside = path.with_name(f"{path.name}.corrupt-{time.time_ns()}")
        try:
            os.replace(path, aside)
            connection = _connect(str(path))
        except (OSError, sqlite3.Error) as again:
            return self._in_memory(path, again)
        self._warn(f"The state file {path} was damaged ({error}): kept as {aside.name}, started anew.")
        return connection

    def _in_memory(self, path: Path, error: Exception) -> sqlite3.Connection:
        self._warn(f"The state file {path} can't be used ({error}): going on in memory; the next run will hash more.")
        return _connect(":memory:")


def _status(file: LocalFile) -> tuple[int, ...]:
    """What changes when the file does, as far as SQLite's 63 bits go: some file systems number inodes with 64."""
    _, _, size, mtime_ns, ctime_ns, inode = file
    return inode & _BITS, size & _BITS, mtime_ns & _BITS, ctime_ns & _BITS


def _connect(path: str) -> sqlite3.Connection:
    """Opens a state file, and makes its tables if it is new."""
    database = sqlite3.connect(path, timeout=30.0)
    try:
        database.execute("PRAGMA synchronous = NORMAL")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise sqlite3.OperationalError(f"it was written by a newer version (format {version})")
        if version == 0:
            with database:
                database.execute("BEGIN IMMEDIATE")
                if database.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for statement in _SCHEMA.split(";"):
                        database.execute(statement)
                    database.execute(f"PRAGMA user_version = {_VERSION}")
        else:
            # Writes, so that a file we may only read is found out now and not after the first upload. (BEGIN IMMEDIATE
            # alone begins a mere reading there.)
            database.execute("BEGIN IMMEDIATE")
            database.execute(f"PRAGMA user_version = {_VERSION}")
            database.rollback()
    except BaseException:
        database.close()
        raise
    return database

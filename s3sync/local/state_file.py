"""The state file's tables, and how it is opened.

Targets, sources and places are long texts that stand in each row: a row has their number (`label`). A *place* is a
root and a variant; with the prefix of keys behind it, it is one whose files are in the rows of what is *known* (`held`
tells of which target, so that others need not be searched).

A known object's row has the file with it, as it was when both were found equal: most of an unchanged run is to read
these rows, in the order of keys. A fingerprint that stands there is not written twice.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

FILE_NAME = "state.sqlite3"
_VERSION = 2
_SCHEMA = """
CREATE TABLE label (id INTEGER PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE fingerprint (place INT, name TEXT, encoding TEXT, inode INT, file_size INT, mtime_ns INT, ctime_ns INT,
    sent_size INT, md5 BLOB, PRIMARY KEY (place, name)) WITHOUT ROWID;
CREATE TABLE known (target INT, key TEXT, etag TEXT, size INT, sent_size INT, md5 BLOB, source INT, place INT,
    encoding TEXT, inode INT, file_size INT, mtime_ns INT, ctime_ns INT, PRIMARY KEY (target, key)) WITHOUT ROWID;
CREATE TABLE held (target INT, place INT, PRIMARY KEY (target, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fact (target TEXT, name TEXT, value TEXT, PRIMARY KEY (target, name)) WITHOUT ROWID
"""
_FOLDERS = ""
"""In place of a target: facts about folders."""
_FORMER = ("fingerprint", "known")
"""Tables of the first format, which was in no release. To do without them costs time, nothing else."""


def opened(directory: Path | None, warn: Callable[[str], None]) -> tuple[sqlite3.Connection, Path | None]:
    """The state file of a directory, and its path; where there can be none, one in memory and None. Never raises."""
    if directory is None:
        warn("No state directory (this user has no home): set S3SYNC_STATE_DIR to keep what a run learns.")
        return _connect(":memory:"), None
    path = directory / FILE_NAME
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _connect(str(path)), path
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            return _in_memory(path, error, warn), None
        return replaced(path, error, warn), None
    except OSError as error:
        return _in_memory(path, error, warn), None


def replaced(path: Path, error: Exception, warn: Callable[[str], None]) -> sqlite3.Connection:
    """A new file in place of a damaged one, which is kept beside it."""
    aside = path.with_name(f"{path.name}.corrupt-{time.time_ns()}")
    try:
        os.replace(path, aside)
        connection = _connect(str(path))
    except (OSError, sqlite3.Error) as again:
        return _in_memory(path, again, warn)
    warn(f"The state file {path} was damaged ({error}): kept as {aside.name}, started anew.")
    return connection


def _in_memory(path: Path, error: Exception, warn: Callable[[str], None]) -> sqlite3.Connection:
    warn(f"The state file {path} can't be used ({error}): going on in memory; the next run will hash more.")
    return _connect(":memory:")


def _connect(path: str) -> sqlite3.Connection:
    """Opens a state file, and makes its tables if it is new. Raises sqlite3.Error."""
    database = sqlite3.connect(path, timeout=30.0)
    try:
        database.execute("PRAGMA synchronous = NORMAL")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise sqlite3.OperationalError(f"it was written by a newer version (format {version})")
        if version < _VERSION:
            with database:
                database.execute("BEGIN IMMEDIATE")
                if database.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                    _make_tables(database)
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


def _make_tables(database: sqlite3.Connection) -> None:
    for table in _FORMER:
        database.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in _SCHEMA.split(";"):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {_VERSION}")


def number_of(database: sqlite3.Connection, text: str) -> int:
    """The number that stands for a text in rows, which gets one if it has none; within a transaction."""
    database.execute("INSERT OR IGNORE INTO label (text) VALUES (?)", (text,))
    return int(database.execute("SELECT id FROM label WHERE text = ?", (text,)).fetchone()[0])


def walk_noted(directory: Path | None, root: str) -> str | None:
    """What the last run has noted of its walk of this folder, or None; to be asked at any time. Never raises."""
    if directory is None:
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{(directory / FILE_NAME).as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT value FROM fact WHERE target = ? AND name = ?", (_FOLDERS, as_text(root)))
            row = found.fetchone()
            return None if row is None else str(row[0])
    except (sqlite3.Error, ValueError):
        return None


def note_walk(database: sqlite3.Connection, root: str, text: str) -> None:
    """Keeps it for the next run; within a transaction."""
    database.execute("INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", (_FOLDERS, as_text(root), text))


def as_text(path: str) -> str:
    """A path in UTF-8, whatever its bytes are."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")

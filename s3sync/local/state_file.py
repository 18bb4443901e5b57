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

from .settled import Stamp

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
_PATIENCE = 0.5
"""Seconds; while another run is writing, what would only be of use is not waited for."""
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


def state_stamp(directory: Path | None) -> Stamp | None:
    """Of a directory's state file, if there is one. Never raises."""
    try:
        status = os.stat(directory / FILE_NAME) if directory is not None else None
    except (OSError, ValueError):
        return None
    return None if status is None else (status.st_ino, status.st_size, status.st_mtime_ns)


def walk_noted(directory: Path | None, root: str, alias: str) -> str | None:
    """What the last run to this alias has noted of its walk of this folder; None if there was none. Never raises.

    To be asked at any time. Where it can't be told, it is the empty text, which says nothing.
    """
    if directory is None or state_stamp(directory) is None:
        return None
    uri = f"{(directory / FILE_NAME).as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE)) as database:
            found = database.execute(
                "SELECT value FROM fact WHERE target = ? AND name = ?", (_FOLDERS, _walk_of(root, alias))
            )
            row = found.fetchone()
            return None if row is None else str(row[0])
    except (sqlite3.Error, ValueError):
        return ""


def note_walk(database: sqlite3.Connection, root: str, alias: str, text: str) -> None:
    """Keeps it for the next run; within a transaction."""
    database.execute("INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", (_FOLDERS, _walk_of(root, alias), text))


def _walk_of(root: str, alias: str) -> str:
    return f"{as_text(root)}\0{alias}"


def as_text(path: str) -> str:
    """A path in UTF-8, whatever its bytes are."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")

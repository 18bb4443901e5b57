"""Of which files an earlier run has found the object equal, in the process that walks a large folder."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ..core.columns import Files
from .lookahead import Lookahead, Row

ROWS = """
SELECT key, etag, size, encoding, inode, file_size, mtime_ns, ctime_ns FROM known
WHERE target = ? AND key >= ? AND place = ? AND source = ? ORDER BY key LIMIT ?
"""


Stamp = tuple[int, int, int]
"""What tells whether the state file is the same and unchanged: inode, size and mtime_ns."""


class Place(NamedTuple):
    """Where the state has them."""

    uri: str
    """The file, to be read only."""
    prefix: str
    """What a key has before its file's name."""
    target: int
    place: int
    source: int


class Settled:
    """Reads a state file beside the run that writes it. Used by one thread."""

    def __init__(self, place: Place) -> None:
        """Raises sqlite3.Error."""
        self._place = place
        self._database = sqlite3.connect(place.uri, uri=True, timeout=30.0)
        self._database.execute("PRAGMA cache_size = -256")
        self._rows = Lookahead(self._fetch)

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def seen(self, files: Files) -> Files:
        """The same files, which are sent as they are, with what is known of them; their names ascend."""
        rows = self._rows.get_all([self._place.prefix + name for name in files.names])
        sizes, mtimes, ctimes, inodes = files.stamps
        stamps = [("",) * len(rows), *map(tuple, (inodes, sizes, mtimes, ctimes))]
        if None not in rows:
            _, etags, stored, *found = zip(*rows, strict=True)
            if found == stamps:  # as is most often so
                return files.with_settled((list(etags), list(stored)))
        same = [
            row if row is not None and row[3:] == stamp else (None, None, None)
            for row, stamp in zip(rows, zip(*stamps, strict=True), strict=True)
        ]
        return files.with_settled(([row[1] for row in same], [row[2] for row in same]))

    def _fetch(self, key: str, limit: int) -> list[Row]:
        _, _, target, place, source = self._place
        try:
            return self._database.execute(ROWS, (target, key, place, source, limit)).fetchall()
        except sqlite3.Error:
            return []  # from here on the run looks at its rows itself, and tells of trouble

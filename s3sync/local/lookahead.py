"""Reads rows some thousand at a time, where a sorted walk asks for one after another."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

BATCH = 500

Row = tuple[Any, ...]
"""A name, which is text, and what the table has of it."""


class Lookahead:
    """Reads a table in the order in which a sorted walk asks, a batch of rows at a time.

    A name before the batch (a file without its place in the order) is asked for singly. Who asks for few names gets
    small batches.
    """

    def __init__(self, fetch: Callable[[str, int], list[Row]]) -> None:
        """`fetch` gets so many rows in the order of their names, from a name on."""
        self._fetch = fetch
        self._rows: list[Row] = []
        self._names: list[str] = []
        self._first, self._last, self._ended = "", "", False
        self._asked = 0

    def get(self, name: str) -> Row | None:
        """The row of a name."""
        if name < self._first:
            rows = self._fetch(name, 1)
            return rows[0] if rows and rows[0][0] == name else None
        self._asked += 1
        if name > self._last and not self._ended:
            self._read(name)
        place = bisect_left(self._names, name)
        return self._rows[place] if self._names[place : place + 1] == [name] else None

    def get_all(self, names: list[str]) -> list[Row | None]:
        """The same of several, which ascend."""
        if names[0] >= self._first:
            self._asked += len(names)
            if names[-1] > self._last and not self._ended:
                self._read(names[0])
            place = bisect_left(self._names, names[0])
            if self._names[place : place + len(names)] == names:
                return [*self._rows[place : place + len(names)]]
        return [self.get(name) for name in names]

    def drop(self) -> None:
        """Forgets the batch: the table is about to change."""
        self._rows, self._names = [], []
        self._first, self._last, self._ended = "", "", False

    def _read(self, name: str) -> None:
        """Gets a batch that begins with this name, of as many rows as the last one's use tells."""
        size = min(BATCH, 4 * self._asked)
        self._rows, self._asked = self._fetch(name, size), 0
        self._names = [row[0] for row in self._rows]
        self._first, self._ended = name, len(self._rows) < size
        self._last = self._names[-1] if self._names else name

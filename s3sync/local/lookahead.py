"""Reads rows some thousand at a time, where a sorted walk asks for one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

BATCH = 2000
_FIRST_BATCH = 16

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
        self._rows: dict[str, Row] = {}
        self._first, self._last, self._ended = "", "", False
        self._asked = 0

    def get(self, name: str) -> Row | None:
        """The row of a name."""
        if name < self._first:
            rows = self._fetch(name, 1)
            return rows[0] if rows and rows[0][0] == name else None
        if name > self._last and not self._ended:
            size = min(BATCH, max(_FIRST_BATCH, 4 * self._asked))
            rows = self._fetch(name, size)
            self._rows, self._asked = {row[0]: row for row in rows}, 0
            self._first, self._ended = name, len(rows) < size
            self._last = rows[-1][0] if rows else name
        self._asked += 1
        return self._rows.get(name)

    def get_all(self, names: Sequence[str]) -> list[Row | None]:
        """The same of several, which ascend."""
        if names[0] < self._first or (names[-1] > self._last and not self._ended):
            return [self.get(name) for name in names]
        self._asked += len(names)
        return list(map(self._rows.get, names))

    def drop(self) -> None:
        """Forgets the batch: the table is about to change."""
        self._rows = {}
        self._first, self._last, self._ended = "", "", False

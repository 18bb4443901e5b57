"""The names that references are looked up in."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Set


class Names(Collection[str]):
    """All static names. `in` is exact; `similar` finds what differs only in case or in Unicode normal form.

    A set or mapping is kept, not copied, and must not change afterwards.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names if isinstance(names, (Set, Mapping)) else frozenset(names)
        self._folded: dict[str, str] | None = None

    @classmethod
    def of(cls, known: Collection[str]) -> Names:
        """The same object if it is one already."""
        return known if isinstance(known, cls) else cls(known)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def similar(self, name: str) -> str | None:
        """A known name that reads the same to a person, or None. Of several, the first in order."""
        if self._folded is None:
            self._folded = {_fold(known): known for known in sorted(self._names, reverse=True)}
        return self._folded.get(_fold(name))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())

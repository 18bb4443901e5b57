"""Values of file fields against the objects of a bucket: what each comes to, and what it was mistaken for.

| key listed | besides | verdict |
|---|---|---|
| yes | no file here, or as large as stored | `ok` |
| yes | a file of another size here | `size` |
| no | another key is the same text in another Unicode form (NFC, NFD) | `normalization` |
| no | another key differs in upper and lower case only | `case` |
| no | another storage of this run has an object of that name | `wrong-storage` |
| no | none of these | `missing` |
| there can be none | too long for a key, or leads out of the location | `impossible` |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple
from unicodedata import normalize

from .objects import RemoteObject

MISSING, SIZE, WRONG_STORAGE = "missing", "size", "wrong-storage"
NORMALIZATION, CASE, IMPOSSIBLE = "normalization", "case", "impossible"
FAILING: Final = (MISSING, SIZE, WRONG_STORAGE, NORMALIZATION, CASE, IMPOSSIBLE)
"""With one of these, the site shows something else than it did, or nothing: exit 3."""
UNDECIDED, LOCAL, ELSEWHERE = "undecided", "local", "elsewhere"
OLD_URL, ORPHAN = "old-url", "orphan"
OF_VALUES: Final = (*FAILING, UNDECIDED, LOCAL, ELSEWHERE)
"""What else than `ok` a value may come to."""
VERDICTS: Final = (*OF_VALUES, OLD_URL, ORPHAN)

LONGEST_KEY: Final = 1024
"""Bytes in UTF-8 ("Creating object key names", Amazon S3 User Guide)."""


class Expected(NamedTuple):
    """A key that some row names."""

    key: str
    id: int
    """Of the row's entry in the ledger."""
    column: int
    pk: int | str | None
    name: str


def joined(
    expected: Iterable[Expected], objects: Iterable[RemoteObject]
) -> Iterator[tuple[Expected | None, RemoteObject | None]]:
    """Each expected key with its object, if there is one, and each object that none of them names.

    Both sides ascend by key; a million rows may name one object, so none of them is held.
    """
    rest = iter(objects)
    obj, taken = next(rest, None), False
    for each in expected:
        while obj is not None and obj.key < each.key:
            if not taken:
                yield None, obj
            obj, taken = next(rest, None), False
        taken = taken or (obj is not None and obj.key == each.key)
        yield each, obj if obj is not None and obj.key == each.key else None
    while obj is not None:
        if not taken:
            yield None, obj
        obj, taken = next(rest, None), False


def folded(key: str) -> str:
    """Equal for keys that differ in Unicode form and case only: some disks take such names for one."""
    if key.isascii():
        return key.lower()
    return normalize("NFC", normalize("NFC", key).casefold())


def likeness(key: str, other: str) -> str | None:
    """`normalization` or `case`, by which alone two keys differ; None for equal ones, and for others."""
    if key == other:
        return None
    if normalize("NFC", key) == normalize("NFC", other):
        return NORMALIZATION
    return CASE if folded(key) == folded(other) else None


def no_key(key: str) -> str | None:
    """Why no object can have this key, or None."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if size > LONGEST_KEY:
        return f"its key would have {size:,} bytes, and S3 takes {LONGEST_KEY:,}"
    return None if key else "its key would be empty"


def fits(stored: int, sizes: Collection[int]) -> bool:
    """Whether an object may hold the bytes of a file: as they are, or as the storage renders them."""
    return stored in sizes

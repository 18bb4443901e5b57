"""Hypothesis strategies: names as file systems and buckets have them, worlds to decide about."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

QUICK = settings(deadline=None, max_examples=50)
SLOW = settings(deadline=None, max_examples=20)
"""For properties that write files."""

# What sorts around `/`, what NFC and NFD tell apart, what terminals stumble over, what needs two UTF-16 units.
ODD_CHARACTERS = "ab-./0 A\\\n\t%+~\x7féẞ\u0301中\uffff😀"


def is_possible_part(part: str) -> bool:
    """Whether a folder can hold an entry of this name."""
    return part not in ("", ".", "..") and len(part.encode()) <= 255


def parts(characters: str = ODD_CHARACTERS) -> st.SearchStrategy[str]:
    """Base names of files and folders."""
    odd = st.text(characters.replace("/", ""), min_size=1, max_size=4)
    return st.one_of(st.sampled_from(["a", "b", "a-b", "a.b", "a0", "e\u0301", "é"]), odd).filter(is_possible_part)


def names(characters: str = ODD_CHARACTERS) -> st.SearchStrategy[str]:
    """Storage names, one to four folders deep."""
    return st.lists(parts(characters), min_size=1, max_size=4).map("/".join)


def trees(characters: str = ODD_CHARACTERS, max_size: int = 12) -> st.SearchStrategy[list[str]]:
    """Sets of names that a file system can hold: none is both a file and a folder."""
    return st.sets(names(characters), max_size=max_size).map(_without_folders)


def _without_folders(found: set[str]) -> list[str]:
    return sorted(name for name in found if not any(other.startswith(name + "/") for other in found))


def globs() -> st.SearchStrategy[str]:
    """Patterns for `--ignore` and `--include`, some of which match what `names` makes."""
    pieces = st.sampled_from(["a", "b", "a-b", "*", "?", "/", ".", "[ab]", "[!a]", "é", "a/*", "*.b", "-"])
    return st.lists(pieces, min_size=1, max_size=3).map("".join)


def file_system_names() -> st.SearchStrategy[str]:
    """What Python makes of any bytes in a folder: not UTF-8 becomes lone surrogates."""
    return st.binary(min_size=1, max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))

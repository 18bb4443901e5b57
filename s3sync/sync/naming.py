"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.objects import LocalFile

_NAMED = 5


def some(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def spelled(files: Sequence[LocalFile]) -> list[str]:
    """The names of files; where they differ only in Unicode's form, so that this can be seen."""
    if len({file.name for file in files}) == len(files):
        return [repr(file.name) for file in files]
    return [ascii(file.path) for file in files]

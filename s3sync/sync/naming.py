"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 5


def some(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more

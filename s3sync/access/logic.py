"""Truth that knows what it doesn't know.

Two kinds of not knowing are kept apart. `VISITOR`: the answer depends on who asks (address, referrer, time), so there
is none for everybody. `UNREAD`: there is an answer, but the fact behind it could not be read or understood. Neither is
`NO`.

What is true of many keys at once is a set of truths (`Ways`): one for each way that a key may turn out.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache, reduce
from itertools import product


class Truth(IntEnum):
    """Kleene's three values, and one for facts that are missing. The order is that of "or"."""

    NO = 0
    VISITOR = 1
    UNREAD = 2
    YES = 3

    __hash__ = int.__hash__  # Enum hashes names, in Python: half the time of a decision


NO, VISITOR, UNREAD, YES = Truth
_NOT = {NO: YES, VISITOR: VISITOR, UNREAD: UNREAD, YES: NO}

Ways = frozenset[Truth]
"""The truths that a statement may have for the keys in question. One key: one truth."""

NEVER: Ways = frozenset({NO})
ALWAYS: Ways = frozenset({YES})
SOMETIMES: Ways = frozenset({NO, YES})


def truth(value: bool | None) -> Truth:
    """A fact as it was read; None is a fact that was not."""
    return UNREAD if value is None else YES if value else NO


def negated(value: Truth) -> Truth:
    """Not."""
    return _NOT[value]


def either(*values: Truth) -> Truth:
    """Or; NO for nothing."""
    return max(values, default=NO)


def both(*values: Truth) -> Truth:
    """And; YES for nothing."""
    return _NOT[max((_NOT[value] for value in values), default=NO)]


@lru_cache(maxsize=16)
def negated_ways(ways: Ways) -> Ways:
    """Not, for each way."""
    return frozenset(_NOT[way] for way in ways)


@lru_cache(maxsize=256)
def either_way(one: Ways, other: Ways) -> Ways:
    """Or, for each pair of ways. Some pairs may belong to no key: the set is never too small, but may be too large."""
    return frozenset(max(pair) for pair in product(one, other))


@lru_cache(maxsize=256)
def both_ways(one: Ways, other: Ways) -> Ways:
    """And, for each pair of ways."""
    return frozenset(both(*pair) for pair in product(one, other))


def any_way(several: list[Ways]) -> Ways:
    """Or of many; NO for none."""
    return reduce(either_way, several, NEVER)

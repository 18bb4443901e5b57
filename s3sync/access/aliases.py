"""Storages that share a bucket, and mean different things by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from .intent import Rules


@dataclass(frozen=True, slots=True)
class Place:
    """Where a storage's objects lie, and who is meant to read them."""

    alias: str
    bucket: str
    """A label that no other bucket has, its endpoint included."""
    prefix: str
    """What its keys begin with: empty, or with a slash at the end."""
    intent: str
    """Of what no rule names."""
    rules: Rules = ()
    """The written intents, by prefixes of names; first match wins."""

    def intent_of(self, key: str) -> str:
        """Who is meant to read the object under a key of this place."""
        name = key[len(self.prefix) :]
        return next((intent for prefix, intent in self.rules if name.startswith(prefix)), self.intent)


class Conflict(NamedTuple):
    """Keys of which two storages say different things."""

    aliases: tuple[str, str]
    prefix: str
    """Keys that begin so, unless another rule has them."""
    intents: tuple[str, str]


def conflicts(places: Sequence[Place]) -> list[Conflict]:
    """Where the places of two storages overlap and their intents differ: a mistake in the settings.

    Nobody can tell then who is to read what lies there. `skip` leaves the judgement to the other storage.
    """
    return [conflict for one, other in combinations(places, 2) for conflict in _between(one, other)]


def _between(one: Place, other: Place) -> list[Conflict]:
    """Intents change only where a rule's prefix begins, so it is enough to ask there."""
    if one.bucket != other.bucket:
        return []
    inner = max(one.prefix, other.prefix, key=len)
    if not inner.startswith(min(one.prefix, other.prefix, key=len)):
        return []
    borders = {inner, *(place.prefix + prefix for place in (one, other) for prefix, _ in place.rules)}
    found = []
    for border in sorted(border for border in borders if border.startswith(inner)):
        intents = (one.intent_of(border), other.intent_of(border))
        if intents[0] != intents[1] and "skip" not in intents:
            found.append(Conflict((one.alias, other.alias), border, intents))
    return found

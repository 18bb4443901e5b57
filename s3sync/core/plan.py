"""Two sorted inventories become one stream of pairs; and the guards that stand before a delete.

S3 lists keys in UTF-8 binary order (ListObjectsV2, "Listing objects"), which is the order of Python's `str`. The walk
yields names in the same order, so a merge of the two holds one file and one object at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .comparison import Reason
from .events import Failure
from .objects import LocalFile, RemoteObject


@dataclass(frozen=True, slots=True)
class Passed:
    """A name that the walk saw and that will not be sent. Its object, if there is one, is no orphan."""

    name: str
    reason: Reason | None = None
    """Why it is left out by choice; None where it could not be had."""
    failure: Failure | None = None
    folder: bool = False
    """Everything below it is passed too."""
    storable: bool = True
    """False: no key can have this name (not UTF-8)."""


Entry = LocalFile | Passed


@dataclass(slots=True)
class Held:
    """Files whose key is not where their name would put it, so that they have no place in the sorted stream."""

    by_key: dict[str, list[LocalFile]] = field(default_factory=dict)

    def add(self, key: str, file: LocalFile) -> None:
        """Keeps a file until its object passes by, or the listing has ended."""
        self.by_key.setdefault(key, []).append(file)


@dataclass(frozen=True, slots=True)
class Match:
    """What stands under one key on both sides."""

    key: str
    files: tuple[LocalFile, ...] = ()
    """More than one: names that collide in this key."""
    obj: RemoteObject | None = None
    passed: Passed | None = None


class Join:
    """Merges a walk and a listing. Iterate once; afterwards `disordered` tells whether the server kept S3's order."""

    def __init__(
        self, entries: Iterable[Entry], objects: Iterable[RemoteObject], key_of: Callable[[str], str], held: Held
    ) -> None:
        self._entries = entries
        self._objects = self._ascending(iter(objects))
        self._key_of = key_of
        self._held = held
        self.disordered = False

    def __iter__(self) -> Iterator[Match]:
        obj = next(self._objects, None)
        covered: str | None = None
        last = ""
        for entry in self._entries:
            if isinstance(entry, Passed) and not entry.storable:
                yield Match(entry.name, passed=entry)
                continue
            key = self._key_of(entry.name)
            if isinstance(entry, LocalFile) and key <= last:
                self._held.add(key, entry)
                continue
            last = key
            while obj is not None and (obj.key < key or (covered is not None and obj.key.startswith(covered))):
                if covered is None or not obj.key.startswith(covered):
                    yield self._without_place(obj)
                obj = next(self._objects, None)
            if isinstance(entry, Passed):
                if entry.folder:
                    covered = key + "/" if entry.name else key
                if obj is not None and obj.key == key and not entry.folder:
                    obj = next(self._objects, None)
                yield Match(key, passed=entry)
                continue
            same = obj if obj is not None and obj.key == key else None
            yield Match(key, (entry, *self._held.by_key.pop(key, ())), same)
            if same is not None:
                obj = next(self._objects, None)
        while obj is not None:
            if covered is None or not obj.key.startswith(covered):
                yield self._without_place(obj)
            obj = next(self._objects, None)
        for key, files in sorted(self._held.by_key.items()):
            yield Match(key, tuple(files))

    def _without_place(self, obj: RemoteObject) -> Match:
        return Match(obj.key, tuple(self._held.by_key.pop(obj.key, ())), obj)

    def _ascending(self, objects: Iterator[RemoteObject]) -> Iterator[RemoteObject]:
        """The listing, in order: from the first break on, the rest is held in memory and sorted."""
        last = ""
        for obj in objects:
            if obj.key < last:
                self.disordered = True
                yield from sorted([obj, *objects])
                return
            last = obj.key
            yield obj


@dataclass(frozen=True, slots=True)
class DeleteLimit:
    """How many objects one run may delete before it takes the wish for a mistake."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> DeleteLimit:
        """Reads `N` or `P%`; raises ValueError for anything else."""
        number = text[:-1] if text.endswith("%") else text
        value = float(number) if text.endswith("%") else int(number)
        if value < 0:
            raise ValueError(text)
        return cls(percent=float(value)) if text.endswith("%") else cls(count=int(value))

    def allows(self, deletes: int, in_scope: int) -> bool:
        """Whether `deletes` of `in_scope` objects may go. By default 10 % may, and ten always."""
        if self.count is not None:
            return deletes <= self.count
        if self.percent is not None:
            return deletes * 100 <= self.percent * in_scope
        return deletes <= 10 or deletes * 10 <= in_scope

"""Two sorted inventories become one stream of pairs; and the guards that stand before a delete.

S3 lists keys in UTF-8 binary order (ListObjectsV2, "Listing objects"), which is the order of Python's `str`. The walk
yields names in the same order, so a merge of the two holds one file and one object at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

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
    detail: str = ""
    """Why exactly, for people."""


Entry = LocalFile | Passed


@dataclass(slots=True)
class Held:
    """What has a key that is not where its name would put it, so that it has no place in the sorted stream."""

    by_key: dict[str, list[LocalFile]] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    """Keys of names that the walk passed."""
    covers: tuple[str, ...] = ()
    """What the keys below passed folders begin with."""

    def add(self, key: str, entry: Entry) -> None:
        """Keeps a file until its object passes by, or the listing has ended; of what was passed, keeps the key."""
        if isinstance(entry, LocalFile):
            self.by_key.setdefault(key, []).append(entry)
            return
        self.passed.add(key)
        if entry.folder:
            self.covers = (*self.covers, key + "/")

    def passes(self, key: str) -> bool:
        """Whether the walk saw what belongs to this key, and passed it."""
        return key in self.passed or key.startswith(self.covers)


class Match(NamedTuple):
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
        self.listed = 0
        """Objects seen so far."""
        self.ended = False
        """Whether that is all of them."""
        self._entries = entries
        self._objects = ascending(self._counted(objects), self._broke)
        self._key_of = key_of
        self._held = held
        self.disordered = False

    def __iter__(self) -> Iterator[Match]:
        obj = next(self._objects, None)
        covers: tuple[str, ...] = ()
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
            while obj is not None and (obj.key < key or obj.key.startswith(covers)):
                if not obj.key.startswith(covers):
                    yield from self._without_place(obj)
                obj = next(self._objects, None)
            if isinstance(entry, Passed):
                if entry.folder:
                    # A link that leads nowhere stands before its place as a folder: covers may overlap.
                    covers = (*(cover for cover in covers if cover > key), key + "/" if entry.name else key)
                if obj is not None and obj.key == key and (not entry.folder or entry.reason is Reason.LINK):
                    if others := self._held.by_key.pop(key, None):  # another name, not passed, has the same key
                        yield Match(key, tuple(others), obj)
                    obj = next(self._objects, None)
                yield Match(key, passed=entry)
                continue
            same = obj if obj is not None and obj.key == key else None
            yield Match(key, (entry, *self._held.by_key.pop(key, ())), same)
            if same is not None:
                obj = next(self._objects, None)
        while obj is not None:
            if not obj.key.startswith(covers):
                yield from self._without_place(obj)
            obj = next(self._objects, None)
        for key, files in sorted(self._held.by_key.items()):
            yield Match(key, tuple(files))

    def _without_place(self, obj: RemoteObject) -> Iterator[Match]:
        files = tuple(self._held.by_key.pop(obj.key, ()))
        if files or not self._held.passes(obj.key):
            yield Match(obj.key, files, obj)

    def _counted(self, objects: Iterable[RemoteObject]) -> Iterator[RemoteObject]:
        for obj in objects:
            self.listed += 1
            yield obj
        self.ended = True

    def _broke(self) -> None:
        self.disordered = True


class Keyed(Protocol):
    """What has a key."""

    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=Keyed)


def ascending(objects: Iterable[K], broke: Callable[[], None] = lambda: None) -> Generator[K, None, None]:
    """A listing, in order, each key once.

    From the first break of S3's order on, which is told by calling `broke`, the rest is held in memory and sorted.
    """
    last, rest = "", iter(objects)
    for obj in rest:
        if obj.key < last:
            broke()
            yield from {each.key: each for each in sorted([obj, *rest], key=lambda each: each.key)}.values()
            return
        if obj.key == last:  # a page that begins with the last object of the one before
            continue
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
        if not 0 <= value < float("inf"):  # neither is "nan"
            raise ValueError(text)
        return cls(percent=float(value)) if text.endswith("%") else cls(count=int(value))

    def allows(self, deletes: int, in_scope: int) -> bool:
        """Whether `deletes` of `in_scope` objects may go. By default 10 % may, and ten always."""
        if self.count is not None:
            return deletes <= self.count
        if self.percent is not None:
            return deletes * 100 <= self.percent * in_scope
        return deletes <= 10 or deletes * 10 <= in_scope

"""Two sorted inventories become one stream of pairs; and the guards that stand before a delete.

S3 lists keys in UTF-8 binary order (ListObjectsV2, "Listing objects"), which is the order of Python's `str`. The walk
yields names in the same order, so a merge of the two holds one page of objects and a part of one folder at a time.

Of most runs most names are on both sides. Where the keys of several files that follow each other are those of the next
objects, they stay together (`Batch`): comparing lists costs a tenth of looking at each name.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import lt
from typing import NamedTuple, Protocol, TypeVar

from .columns import Files, Objects
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


class Batch(NamedTuple):
    """Files and objects that stand abreast: one of each under every key, and nothing else there."""

    files: Files
    objects: Objects

    def matches(self, places: Iterable[int] | None = None) -> Iterator[Match]:
        """They one by one: all, or those at these places."""
        for place in range(len(self.files)) if places is None else places:
            yield Match(self.objects.keys[place], (self.files[place],), self.objects[place])


class Join:
    """Merges a walk and a listing. Iterate once."""

    def __init__(
        self, entries: Iterable[Entry | Files], pages: Iterable[Sequence[RemoteObject]],
        key_of: Callable[[str], str], held: Held,
    ) -> None:  # fmt: skip
        """`pages` are the listed objects, in the server's order."""
        self._entries = entries
        self._listed = _Listed(pages)
        self._key_of = key_of
        self._held = held
        self._covers: tuple[str, ...] = ()
        self._last = ""

    @property
    def listed(self) -> int:
        """Objects seen so far."""
        return self._listed.count

    @property
    def ended(self) -> bool:
        """Whether that is all of them."""
        return self._listed.ended

    @property
    def disordered(self) -> bool:
        """Whether the server did not keep S3's order."""
        return self._listed.disordered

    def __iter__(self) -> Iterator[Match | Batch]:
        listed = self._listed
        listed.advance()
        for entry in self._entries:
            if isinstance(entry, Files):
                yield from self._stretch(entry)
            elif isinstance(entry, Passed) and not entry.storable:
                yield Match(entry.name, passed=entry)
            else:
                yield from self._entry(entry, self._key_of(entry.name))
        while (obj := listed.obj) is not None:
            if not obj.key.startswith(self._covers):
                yield from self._without_place(obj)
            listed.advance()
        for key, files in sorted(self._held.by_key.items()):
            yield Match(key, tuple(files))

    def _stretch(self, files: Files) -> Iterator[Match | Batch]:
        first, held = self._key_of(files.names[0]), self._held.by_key
        prefix = first[: len(first) - len(files.names[0])]
        keys = [prefix + name for name in files.names]
        # A covered folder holds all of them or none, as they are of one folder.
        alone = first.startswith(self._covers) or (bool(held) and not held.keys().isdisjoint(keys))
        start = 0
        while start < len(files):
            count = 0 if alone else self._listed.count_abreast(keys, start)
            if not count:
                yield from self._entry(files[start], keys[start])
                start += 1
                continue
            objects = self._listed.take(count)
            start += count
            self._last = keys[start - 1]
            yield Batch(files[start - count : start], objects)
            self._listed.advance()

    def _entry(self, entry: Entry, key: str) -> Iterator[Match]:
        if isinstance(entry, LocalFile) and key <= self._last:
            self._held.add(key, entry)
            return
        self._last = key
        listed = self._listed
        while (obj := listed.obj) is not None and (obj.key < key or obj.key.startswith(self._covers)):
            if not obj.key.startswith(self._covers):
                yield from self._without_place(obj)
            listed.advance()
        if isinstance(entry, Passed):
            if entry.folder:
                # A link that leads nowhere stands before its place as a folder: covers may overlap.
                covers = (cover for cover in self._covers if cover > key)
                self._covers = (*covers, key + "/" if entry.name else key)
            if obj is not None and obj.key == key and (not entry.folder or entry.reason is Reason.LINK):
                if others := self._held.by_key.pop(key, None):  # another name, not passed, has the same key
                    yield Match(key, tuple(others), obj)
                listed.advance()
            yield Match(key, passed=entry)
            return
        same = obj if obj is not None and obj.key == key else None
        yield Match(key, (entry, *self._held.by_key.pop(key, ())), same)
        if same is not None:
            listed.advance()

    def _without_place(self, obj: RemoteObject) -> Iterator[Match]:
        files = tuple(self._held.by_key.pop(obj.key, ()))
        if files or not self._held.passes(obj.key):
            yield Match(obj.key, files, obj)


class _Listed:
    """The listed objects, in order, each key once: one at a time, or as many as there are files for."""

    def __init__(self, pages: Iterable[Sequence[RemoteObject]]) -> None:
        self.obj: RemoteObject | None = None
        """The one that is looked at; None before the first, and after the last."""
        self.count = 0
        """Objects so far, with that one."""
        self.ended = self.disordered = False
        self._pages = self._in_order(self._to_the_end(pages))
        self._page = Objects.of(())
        self._place = 0

    def advance(self) -> None:
        """Looks at the next one."""
        self._place += 1
        if self._place >= len(self._page):
            self._page, self._place = next(self._pages, Objects.of(())), 0
        self.obj = None
        if self._page:
            self.obj = self._page[self._place]
            self.count += 1

    def count_abreast(self, keys: list[str], start: int) -> int:
        """How many objects of this page, from the one that is looked at on, have the keys from `start` on."""
        if self.obj is None or self.obj.key != keys[start]:
            return 0
        wanted = keys[start:] if start else keys
        there = self._page.keys[self._place : self._place + len(wanted)]
        if wanted == there:
            return len(there)
        both = zip(wanted, there, strict=False)
        return next((place for place, (one, other) in enumerate(both) if one != other), len(there))

    def take(self, count: int) -> Objects:
        """So many of this page, from the one that is looked at on; the last of them is looked at then."""
        taken = self._page[self._place : self._place + count]
        self._place += count - 1
        self.count += count - 1
        self.obj = taken[-1]
        return taken

    def _to_the_end(self, pages: Iterable[Sequence[RemoteObject]]) -> Iterator[Sequence[RemoteObject]]:
        yield from pages
        self.ended = True

    def _in_order(self, pages: Iterator[Sequence[RemoteObject]]) -> Iterator[Objects]:
        last = ""
        for page in map(Objects.of, pages):
            if not page:
                continue
            if page.keys[0] <= last or not all(map(lt, page.keys, islice(page.keys, 1, None))):
                rest = ascending(chain(page, chain.from_iterable(pages)), self._broke, last)
                yield from (Objects.of((obj,)) for obj in rest)
            else:
                yield page
            last = page.keys[-1]

    def _broke(self) -> None:
        self.disordered = True


class Keyed(Protocol):
    """What has a key."""

    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=Keyed)


def ascending(
    objects: Iterable[K], broke: Callable[[], None] = lambda: None, last: str = ""
) -> Generator[K, None, None]:
    """A listing that goes on after the key `last`, in order, each key once.

    From the first break of S3's order on, which is told by calling `broke`, the rest is held in memory and sorted.
    """
    rest = iter(objects)
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
        if not 0 <= value < float("inf") or (text.endswith("%") and value > 100):  # neither is "nan"
            raise ValueError(text)
        return cls(percent=float(value)) if text.endswith("%") else cls(count=int(value))

    def allows(self, deletes: int, in_scope: int) -> bool:
        """Whether `deletes` of `in_scope` objects may go. By default 10 % may, and ten always."""
        if self.count is not None:
            return deletes <= self.count
        if self.percent is not None:
            return deletes * 100 <= self.percent * in_scope
        return deletes <= 10 or deletes * 10 <= in_scope

"""A large bucket's listing in several ranges of keys at once, as each page takes a server its time.

Where the ranges begin is what the last listing has left: every so many objects a key (`Marks`). A bucket that is as it
was then is listed in as many requests as one page after the other would take, as each range is one of whole pages; a
range to which keys were added takes one more. What comes of it is the same in any case, but from a server that keeps
no order; such a one leaves no marks.
"""

from __future__ import annotations

import queue
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import lt
from typing import Generic

from .pages import Item, Page

WHOLE_PAGE = 1000
"""Keys (ListObjectsV2, "MaxKeys")."""
_PAGES = 3
"""Of a range, if nothing was added."""
_AHEAD = 3
"""Ranges that are listed beside the one that is read. Each holds at most about `_PAGES` pages, of 350 KiB."""
_PATIENCE = 0.05
"""Seconds. A reader who has waited less in all is the slower one, and needs no more than one range beside its own."""
FEWEST_MARKS = 3
_NAP = 0.2
"""Seconds."""


class NotTaken(Exception):
    """The server does not let anybody begin after a key."""


class Marks:
    """Collects the keys at which the next listing may begin its ranges."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._missing, self._last = _PAGES * WHOLE_PAGE, ""

    def passed(self, objects: Sequence[Item]) -> None:
        """Takes note of the next objects of a listing."""
        self._last = objects[-1].key if objects else self._last
        while self._missing <= len(objects):
            key = objects[self._missing - 1].key
            if key.isprintable():  # servers echo it, and XML 1.0 can't hold all characters that a key may have
                self._keys.append(key)
            objects = objects[self._missing :]
            self._missing = _PAGES * WHOLE_PAGE
        self._missing -= len(objects)

    @property
    def keys(self) -> list[str]:
        """They in order; none after which there is nothing."""
        return self._keys[:-1] if self._keys[-1:] == [self._last] else self._keys


@dataclass(frozen=True, slots=True)
class _End(Generic[Item]):
    """Of a range: what its last page had beyond it, and the token of the page after that, if it is not all."""

    rest: Sequence[Item] = ()
    token: str | None = None
    last: str = ""
    """The key that the last page ended with."""


@dataclass(frozen=True, slots=True)
class _Astray(Generic[Item]):
    """A page that does not follow what was listed before it; None: it does not even begin where it was asked to."""

    page: Page[Item] | None


@dataclass(slots=True)
class _Range(Generic[Item]):
    """The keys after `start`, up to `end`; None: all."""

    start: str
    end: str | None
    found: queue.Queue[Sequence[Item] | _End[Item] | _Astray[Item] | BaseException] = field(
        default_factory=lambda: queue.Queue(maxsize=_PAGES + 1)
    )


class Ranges(Generic[Item]):
    """Lists a bucket in ranges. Iterate `pages` once, in one thread."""

    def __init__(
        self, fetch: Callable[[str | None, str], Page[Item]], marks: Iterable[str], closed: threading.Event
    ) -> None:
        """`fetch` gets the page of a token, or without one that which begins after a key; any thread calls it. It may
        raise NotTaken for a key.

        `closed` is set when nobody wants more.
        """
        self._fetch, self._closed = fetch, closed
        ends = list(marks)
        self._begun = 0
        self._ranges: list[_Range[Item]] = [
            _Range(start, end) for start, end in zip(["", *ends], [*ends, None], strict=True)
        ]

    def pages(self, first: Page[Item]) -> Iterator[Sequence[Item]]:
        """All objects, in order; `first` is the first page. Raises what `fetch` raises."""
        end: _End[Item] = _End()
        waited = 0.0
        for number, each in enumerate(self._ranges):
            while True:
                self._begin(number + (_AHEAD if waited > _PATIENCE else 1), first)
                asked = time.monotonic()
                found = each.found.get()
                waited += time.monotonic() - asked
                if isinstance(found, BaseException):
                    raise found
                if isinstance(found, _Astray):
                    yield from self._one_by_one(end if found.page is None else _all_of(found.page))
                    return
                if isinstance(found, _End):
                    end = found
                    break
                yield found
            if end.token is None:
                return

    def _begin(self, last: int, first: Page[Item]) -> None:
        """Has the ranges listed up to that of this number."""
        while self._begun <= last and self._begun < len(self._ranges):
            arguments = self._ranges[self._begun], None if self._begun else first
            threading.Thread(target=self._list, args=arguments, daemon=True).start()
            self._begun += 1

    def _list(self, wanted: _Range[Item], page: Page[Item] | None) -> None:
        end: _End[Item] | _Astray[Item] | BaseException
        try:
            end = self._listed(wanted, page)
        except BaseException as error:  # noqa: BLE001  the reading thread raises it
            end = error
        self._hand_on(wanted, end)

    def _listed(self, wanted: _Range[Item], page: Page[Item] | None) -> _End[Item] | _Astray[Item]:
        last = wanted.start
        try:
            page = page or self._fetch(None, last)
        except NotTaken:
            return _Astray(None)
        while not self._closed.is_set():
            keys = page.keys
            if not all(map(lt, [last, *keys], keys)):
                return _Astray(None if last == wanted.start != "" and keys[0] <= last else page)
            last = keys[-1] if keys else last
            if page.next_token is not None and wanted.end is not None and last >= wanted.end:
                cut = bisect_right(keys, wanted.end)
                self._hand_on(wanted, page.objects[:cut])
                return _End(page.objects[cut:], page.next_token, last)
            self._hand_on(wanted, page.objects)
            if page.next_token is None:
                break
            page = self._fetch(page.next_token, last)
        return _End()

    def _one_by_one(self, end: _End[Item]) -> Iterator[Sequence[Item]]:
        """What comes after a range, without any others."""
        yield end.rest
        token, last = end.token, end.last
        while token is not None:
            page = self._fetch(token, last)
            yield page.objects
            token, last = page.next_token, page.objects[-1].key if page.objects else last

    def _hand_on(self, wanted: _Range[Item], item: Sequence[Item] | _End[Item] | _Astray[Item] | BaseException) -> None:
        while not self._closed.is_set():
            try:
                wanted.found.put(item, timeout=_NAP)
                return
            except queue.Full:
                continue


def _all_of(page: Page[Item]) -> _End[Item]:
    return _End(page.objects, page.next_token, page.objects[-1].key)

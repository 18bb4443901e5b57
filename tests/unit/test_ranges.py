"""A listing in ranges: the same objects as one page after the other gives, in as many requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3sync.core.objects import RemoteObject
from s3sync.s3 import ranges
from s3sync.s3.pages import Page
from s3sync.s3.ranges import Marks, NotTaken, Ranges
from tests.strategies import QUICK

_SOME = st.sets(st.text("ab/é", min_size=1, max_size=4)).map(sorted)
KEYS = [f"{number:03}" for number in range(40)]


class Bucket:
    """Answers as a server does, in its own order; `start_after` is "honoured", "inclusive", "ignored" or "refused"."""

    def __init__(self, keys: Sequence[str], page: int = 3, start_after: str = "honoured") -> None:
        self.keys, self.page, self.start_after = keys, page, start_after
        self.requests = 0
        self._lock = threading.Lock()

    def fetch(self, token: str | None, last: str) -> Page[RemoteObject]:
        with self._lock:
            self.requests += 1
        if token is None and last and self.start_after == "refused":
            raise NotTaken
        if token is None:
            token = f"0 {'' if self.start_after == 'ignored' else last}"
        start, _, after = token.partition(" ")
        found = [key for key in self.keys if key > after or (key == after and self.start_after == "inclusive")]
        end = int(start) + self.page
        objects = [RemoteObject(key, 1, "e", "") for key in found[int(start) : end]]
        return Page(objects, f"{end} {after}" if end < len(found) else None, "b")

    def listed(self, marks: Sequence[str]) -> list[str]:
        """What a listing in these ranges gives."""
        closed = threading.Event()
        try:
            return keys_of(Ranges(self.fetch, marks, closed).pages(self.fetch(None, "")))
        finally:
            closed.set()


def keys_of(pages: Iterator[Sequence[RemoteObject]]) -> list[str]:
    return [obj.key for objects in pages for obj in objects]


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "WHOLE_PAGE", 3)
    monkeypatch.setattr(ranges, "_PAGES", 2)


def marks_of(keys: Sequence[str]) -> list[str]:
    marks = Marks()
    for start in range(0, len(keys), 4):
        marks.passed([RemoteObject(key, 1, "e", "") for key in keys[start : start + 4]])
    return marks.keys


def test_marks() -> None:
    """Every so many objects one, however they come."""
    assert KEYS[5::6] == marks_of(KEYS)
    assert [] == marks_of(KEYS[:5])
    assert KEYS[5:30:6] == marks_of(KEYS[:36])  # nothing comes after the last one
    assert ["011", "017"] == marks_of([*KEYS[:5], "004\x01", *KEYS[6:19]])  # no XML can hold the first
    assert ["011", "017"] == marks_of([*KEYS[:5], "004\uffff", *KEYS[6:19]])


@pytest.mark.parametrize("count", [4, 6, 7, 12, 13, 39, 40])
def test_an_unchanged_bucket_costs_not_one_request_more(count: int) -> None:
    """Its ranges are of whole pages."""
    bucket = Bucket(KEYS[:count])

    assert KEYS[:count] == bucket.listed(marks_of(KEYS[:count]))
    assert -(-count // 3) == bucket.requests


CHANGES = {
    "one was added": ([*KEYS[:20], "019a", *KEYS[20:]], 15),
    "one was added at the end": ([*KEYS, "100"], 14),
    "the first has gone": (KEYS[1:], 14),
    "one has gone": (KEYS[:20] + KEYS[21:], 14),
    "a mark has gone": (KEYS[:11] + KEYS[12:], 14),
    "the last half has gone": (KEYS[:20], 7 + 3),
    "all but few have gone": (KEYS[:4], 2 + 3),
    "all have gone": ([], 1 + 3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_bucket(change: str) -> None:
    """What is there is listed. It costs a page more for a range that has grown, and for those begun in vain."""
    keys, most = CHANGES[change]
    bucket = Bucket(keys)

    assert list(keys) == bucket.listed(marks_of(KEYS))
    assert bucket.requests <= most


@QUICK
@given(
    _SOME, _SOME, st.integers(1, 4), st.sampled_from(["honoured", "inclusive", "ignored", "refused"]),
)  # fmt: skip
@example(KEYS, KEYS[3::7], 3, "ignored")
@example(KEYS, KEYS[3::7], 3, "refused")
@example(KEYS, KEYS[3::7], 3, "inclusive")
def test_any_ranges_give_all_keys_once(keys: list[str], marks: list[str], page: int, start_after: str) -> None:
    """Wherever they begin, whatever the server makes of that."""
    assert keys == Bucket(keys, page, start_after).listed(marks)


@QUICK
@given(st.permutations(KEYS[:12]), st.sets(st.sampled_from(KEYS[:12])).map(sorted), st.integers(1, 4))
def test_a_server_without_order_that_begins_at_the_start(keys: list[str], marks: list[str], page: int) -> None:
    """It gives what it gives to somebody who reads one page after the other."""
    assert keys == Bucket(keys, page, "ignored").listed(marks)


def test_ranges_are_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page of the first range comes before the second range has been asked for."""
    bucket, begun = Bucket(KEYS), threading.Event()

    def fetch(token: str | None, last: str) -> Page[RemoteObject]:
        if token is None and last:
            begun.set()
        elif token is not None and token.endswith(" "):
            assert begun.wait(20)
        return bucket.fetch(token, last)

    found = keys_of(Ranges(fetch, marks_of(KEYS), threading.Event()).pages(fetch(None, "")))
    assert KEYS == found


def test_only_some_are_listed_ahead() -> None:
    """Memory does not grow with the bucket while nobody reads."""
    keys = [f"{number:05}" for number in range(3000)]
    bucket, closed = Bucket(keys), threading.Event()
    pages = Ranges(bucket.fetch, marks_of(keys), closed).pages(bucket.fetch(None, ""))
    next(pages)
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(0.3)

    assert bucket.requests <= (ranges._AHEAD + 1) * 2
    assert keys[3:] == keys_of(pages)
    closed.set()


def test_what_fails_ends_the_listing() -> None:
    """As it would one page after the other: after what came before it."""
    bucket = Bucket(KEYS)

    def fetch(token: str | None, last: str) -> Page[RemoteObject]:
        if last >= KEYS[11]:
            raise OSError("gone")
        return bucket.fetch(token, last)

    pages = Ranges(fetch, marks_of(KEYS), threading.Event()).pages(fetch(None, ""))
    assert KEYS[:12] == keys_of(islice(pages, 4))
    with pytest.raises(OSError, match="gone"):
        next(pages)

"""Two sorted inventories become one stream; and how much one run may delete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3sync.core.columns import Files
from s3sync.core.comparison import Reason
from s3sync.core.events import Failure
from s3sync.core.objects import LocalFile, RemoteObject
from s3sync.core.plan import Batch, DeleteLimit, Entry, Held, Join, Match, Passed
from tests.strategies import QUICK, names
from tests.unit.worlds import abreast

PREFIX = "media/"


def file(name: str) -> LocalFile:
    number = sum(map(ord, name))
    return LocalFile(name, f"/srv/{name}", number, number + 1, number + 2, number + 3, (name, number + 4))


def obj(name: str, etag: str = "e") -> RemoteObject:
    return RemoteObject(PREFIX + name, 1, etag, "2026-03-01T12:00:00Z")


def key_of(name: str) -> str:
    return PREFIX + name.replace("\\", "/")


def join(entries: Iterable[Entry], objects: Iterable[RemoteObject], held: Held | None = None) -> Join:
    return Join(entries, ((each,) for each in objects), key_of, held or Held())


def one_by_one(found: Iterable[Match | Batch]) -> list[Match]:
    return [match for each in found for match in (each.matches() if isinstance(each, Batch) else (each,))]


def described(found: Iterable[Match | Batch]) -> list[str]:
    """`f`: there is a file, `ff`: two, `o`: there is an object, `p`: the walk passed it."""
    return [
        f"{match.key.removeprefix(PREFIX)}: {'f' * len(match.files)}{'o' * bool(match.obj)}{'p' * bool(match.passed)}"
        for match in one_by_one(found)
    ]


def stretches(entries: Iterable[Entry], most: int) -> Iterator[Entry | Files]:
    """The same, where files of one folder that follow each other come together, `most` at a time."""
    stretch: list[LocalFile] = []
    for entry in entries:
        regular = isinstance(entry, LocalFile) and "\\" not in entry.name
        folder = entry.name.rpartition("/")[0]
        if stretch and not (regular and len(stretch) < most and stretch[0].name.rpartition("/")[0] == folder):
            yield abreast(stretch)
            stretch = []
        if isinstance(entry, LocalFile) and regular:
            stretch.append(entry)
        else:
            yield entry
    if stretch:
        yield abreast(stretch)


def together(
    entries: Iterable[Entry], objects: Iterable[RemoteObject], held: Held | None = None, most: int = 3, page: int = 4
) -> Join:
    """The same join of stretches and pages."""
    rest = iter(objects)
    pages = iter(lambda: list(islice(rest, page)), [])
    return Join(stretches(entries, most), pages, key_of, held or Held())


UNREADABLE = Failure("Unreadable")
CASES: dict[str, tuple[list[Entry], list[str], list[str]]] = {
    "nothing": ([], [], []),
    "file only": ([file("a")], [], ["a: f"]),
    "object only": ([], ["a"], ["a: o"]),
    "both": ([file("a")], ["a"], ["a: fo"]),
    "in turn": ([file("a"), file("c")], ["b", "c", "d"], ["a: f", "b: o", "c: fo", "d: o"]),
    "objects after the last file": ([file("a")], ["b", "c"], ["a: f", "b: o", "c: o"]),
    "the order of keys is not that of folders": (
        [file("a-b"), file("a.b"), file("a/b"), file("a0")], ["a-b", "a.b", "a/b", "a0"],
        ["a-b: fo", "a.b: fo", "a/b: fo", "a0: fo"]),
    "a passed file takes its object along": ([Passed("a", Reason.YOUNG), file("b")], ["a", "b"], ["a: p", "b: fo"]),
    "a passed file takes no other object along": (
        [Passed("b", Reason.YOUNG)], ["a", "b/c"], ["a: o", "b: p", "b/c: o"]),
    "a passed folder covers what is below": (
        [Passed("a", failure=UNREADABLE, folder=True), file("b")], ["a-", "a/b", "a/c/d", "a0", "b"],
        ["a: p", "a-: o", "a0: o", "b: fo"]),
    "a passed folder is no object of its name": (
        [Passed("a", failure=UNREADABLE, folder=True)], ["a"], ["a: p", "a: o"]),
    "a passed folder at the end": (
        [file("a"), Passed("b", folder=True)], ["b/a", "b/b", "c"], ["a: f", "b: p", "c: o"]),
    "the root itself could not be read": ([Passed("", failure=UNREADABLE, folder=True)], ["a", "b/c"], [": p"]),
    "a link that leads nowhere was a file or a folder": (
        [Passed("a", Reason.LINK, folder=True), file("b")], ["a", "a-", "a/b", "b"], ["a: p", "a-: o", "b: fo"]),
    "covers may overlap": (
        [Passed("a", Reason.LINK, folder=True), Passed("a-", failure=UNREADABLE, folder=True), file("a.b")],
        ["a", "a-/x", "a.b", "a/x", "b"], ["a: p", "a-: p", "a.b: fo", "b: o"]),
    "a name that is not UTF-8 stands nowhere": (
        [Passed("\udcff", failure=UNREADABLE, storable=False), file("a")], ["a"], ["\udcff: p", "a: fo"]),
    "an object that the server lists twice": ([file("a")], ["a", "a", "b", "b"], ["a: fo", "b: o"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_join(case: str) -> None:
    """What stands under one key comes together, in the order of the keys."""
    entries, objects, expected = CASES[case]

    assert expected == described(join(entries, map(obj, objects)))
    assert expected == described(together(entries, map(obj, objects)))


HELD: dict[str, tuple[list[Entry], list[Entry], list[str], list[str]]] = {
    "file with its object": ([file("a\\b")], [file("a"), file("c")], ["a", "a/b"], ["a: fo", "a/b: fo", "c: f"]),
    "file alone comes last": ([file("a\\b")], [file("c")], [], ["c: f", "a/b: f"]),
    "file whose object comes after the last file": ([file("x\\y")], [file("a")], ["x/y"], ["a: f", "x/y: fo"]),
    "several, in order": ([file("y\\z"), file("x\\z")], [], [], ["x/z: f", "y/z: f"]),
    "collision with a file in its place": ([file("a\\b")], [file("a/b")], ["a/b"], ["a/b: ffo"]),
    "collision without an object": ([file("a\\b")], [file("a/b")], [], ["a/b: ff"]),
    "collision of two held": ([file("a\\b\\c"), file("a\\b/c")], [], ["a/b/c"], ["a/b/c: ffo"]),
    "passed: its object is that of a held file": (
        [file("a\\b")], [Passed("a/b", Reason.IGNORED)], ["a/b"], ["a/b: fo", "a/b: p"]),
    "passed: its object is no orphan": ([Passed("a\\b", Reason.YOUNG)], [], ["a/b", "a/b/c"], ["a/b/c: o"]),
    "passed folder: what is below is no orphan": (
        [Passed("a\\b", failure=UNREADABLE, folder=True)], [file("x")], ["a/b/c", "a/bc", "x"], ["a/bc: o", "x: fo"]),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD)
def test_held(case: str) -> None:
    """Files whose key is not where their name stands (`a\\b` -> `a/b`) find their objects all the same."""
    held_entries, entries, objects, expected = HELD[case]
    for joined in (join, together):
        held = Held()
        for entry in held_entries:
            held.add(key_of(entry.name), entry)

        assert expected == described(joined(entries, map(obj, objects), held))


def test_a_file_out_of_order_is_not_lost() -> None:
    """Whatever the walk does: a file that comes too late is held, and comes at the end."""
    for joined in (join, together):
        assert ["a: f", "c: fo", "b: f"] == described(joined([file("a"), file("c"), file("b")], [obj("c")]))
        assert ["a: fo", "c: fo", "b: f"] == described(
            joined(map(file, "acb"), map(obj, "ac"))
        )  # fmt: skip
        assert ["a: fo", "a: f"] == described(joined(map(file, "aa"), [obj("a")]))


def test_files_out_of_order_still_collide() -> None:
    """Late files of one key come together, so that none of them is sent over the other."""
    assert ["c: f", "a/b: ff"] == described(join([file("c"), file("a\\b"), file("a/b")], []))


def test_a_disordered_listing_is_noticed() -> None:
    """From the break on, the rest is sorted; nothing is dropped, and whoever deletes can ask."""
    merged = join([file("a"), file("e"), file("f")], map(obj, "adcbfe"))

    assert ["a: fo", "d: o", "b: o", "c: o", "e: fo", "f: fo"] == described(merged)
    assert merged.disordered


def test_an_ordered_listing_is_not_disordered() -> None:
    """Sorted keys, those of `a-b` and `a/b` included, raise no suspicion."""
    merged = join([], map(obj, sorted(["a-b", "a.b", "a/b", "a", "é", "\uffff", "😀"])))

    assert 7 == len(list(merged))
    assert not merged.disordered


def test_one_of_each_is_held_at_a_time() -> None:
    """A million files cost no more memory than ten: neither side is read further than one ahead."""
    read = {"files": 0, "objects": 0}

    def counted(side: str, items: Iterable[Entry | RemoteObject]) -> Iterator[Entry | RemoteObject]:
        for item in items:
            read[side] += 1
            yield item

    keys = [f"{number:04}" for number in range(1000)]
    merged = join(counted("files", map(file, keys)), counted("objects", map(obj, keys)))  # type: ignore[arg-type]
    for number, _ in enumerate(merged, start=1):
        assert read["files"] <= number + 1
        assert read["objects"] <= number + 1
    assert {"files": 1000, "objects": 1000} == read


def test_what_stands_abreast_stays_together() -> None:
    """Looking at each name costs ten times as much: only what has no object, or a page's end, comes between."""
    keys = [f"{number:04}" for number in range(1000)]
    merged = together(map(file, keys), (obj(key) for key in keys if key != "0500"), most=100, page=250)
    found = list(merged)

    assert [100, 100, 50, 50, 100, 100, 1, 99, 100, 51, 49, 100, 100] == [
        len(each.files) for each in found
    ]  # fmt: skip
    assert keys == [match.files[0].name for match in one_by_one(found)]
    assert 999 == merged.listed
    assert merged.ended


@QUICK
@given(
    st.sets(names("ab\\-/")), st.lists(names("ab-/")) | st.sets(names("ab-/")).map(sorted), st.integers(1, 4),
    st.integers(1, 4), st.data(),
)  # fmt: skip
@example({"a\\b", "a/b", "a/c"}, ["a/b", "a/c"], 2, 2, None)
@example({"b"}, ["a", "b", "c", "b", "d"], 2, 3, None)
def test_what_is_joined_together_equals_what_is_joined_one_by_one(
    files: set[str], objects: list[str], most: int, page: int, data: st.DataObject | None
) -> None:
    """In whatever stretches and pages the two sides come, in whatever order the server lists, whatever was passed."""
    entries: list[Entry] = [file(name) for name in sorted(files) if "\\" not in name]
    if data is not None and entries and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(entries) - 1))
        folder = data.draw(st.booleans())
        below = entries[place].name + "/"
        entries = [each for each in entries if not (folder and each.name.startswith(below))]
        place = next(place for place, each in enumerate(entries) if each.name + "/" == below)
        entries[place] = Passed(entries[place].name, Reason.LINK if folder else Reason.YOUNG, folder=folder)
    single = join(entries, map(obj, objects), held_of(files))
    merged = together(entries, map(obj, objects), held_of(files), most, page)

    assert one_by_one(single) == one_by_one(merged)
    assert (single.listed, single.disordered) == (merged.listed, merged.disordered)


def held_of(names: Iterable[str]) -> Held:
    """The files whose keys are not where their names stand."""
    held = Held()
    for name in names:
        if "\\" in name:
            held.add(key_of(name), file(name))
    return held


@QUICK
@given(st.sets(names("ab-./é😀")), st.sets(names("ab-./é😀")))
def test_join_equals_a_join_by_dictionary(files: set[str], objects: set[str]) -> None:
    """For any names: in order, and each file and object exactly once."""
    expected = [
        f"{name}: {'f' * (name in files)}{'o' * (name in objects)}" for name in sorted(files | objects)
    ]

    assert expected == described(join(map(file, sorted(files)), map(obj, sorted(objects))))


@QUICK
@given(st.sets(names("ab\\-/")), st.sets(names("ab-/")))
@example({"a\\b", "a/b"}, {"a/b"})
def test_join_with_held_files_equals_a_join_by_dictionary(files: set[str], objects: set[str]) -> None:
    """Held files too: each file and object exactly once, and those of one key together."""
    held = Held()
    for name in files:
        if "\\" in name:
            held.add(key_of(name), file(name))
    regular = sorted(name for name in files if "\\" not in name)
    keys = {key_of(name) for name in files} | {PREFIX + name for name in objects}
    expected = {
        key: (sorted(name for name in files if key_of(name) == key), key.removeprefix(PREFIX) in objects)
        for key in keys
    }
    matches = one_by_one(join(map(file, regular), map(obj, sorted(objects)), held))

    assert len(keys) == len(matches)
    assert expected == {
        match.key: (sorted(each.name for each in match.files), match.obj is not None) for match in matches
    }


@QUICK
@given(st.sets(names("ab/")), st.lists(names("ab/"), unique=True))
def test_no_object_of_a_disordered_listing_is_lost(files: set[str], objects: list[str]) -> None:
    """In whatever order a server lists: each file and each object exactly once."""
    merged = join(map(file, sorted(files)), map(obj, objects))
    matches = one_by_one(merged)

    assert sorted(files) == sorted(each.name for match in matches for each in match.files)
    assert sorted(map(obj, objects)) == sorted(match.obj for match in matches if match.obj is not None)
    assert (objects != sorted(objects)) == merged.disordered


@QUICK
@given(st.sets(names("ab-/")), st.data())
def test_what_the_walk_passed_has_no_orphans(objects: set[str], data: st.DataObject) -> None:
    """An object that a passed name covers never stands alone; any other does."""
    folder = data.draw(st.sampled_from(sorted(objects) or ["a"])).partition("/")[0]
    merged = join([Passed(folder, folder=True)], map(obj, sorted(objects)))
    alone = [match.key.removeprefix(PREFIX) for match in one_by_one(merged) if match.obj is not None]

    assert sorted(name for name in objects if not name.startswith(folder + "/")) == alone


LIMITS = [
    # limit, deletes, objects in scope, allowed
    (None, 0, 0, True),
    (None, 10, 10, True),
    (None, 11, 11, False),
    (None, 11, 109, False),
    (None, 11, 110, True),
    (None, 100, 1000, True),
    (None, 101, 1000, False),
    ("0", 0, 1000, True),
    ("0", 1, 1000, False),
    ("5", 5, 5, True),
    ("5", 6, 1_000_000, False),
    ("10%", 1, 10, True),
    ("10%", 2, 10, False),
    ("10%", 1, 9, False),
    ("0%", 1, 1000, False),
    ("0.5%", 5, 1000, True),
    ("0.5%", 6, 1000, False),
    ("100%", 1000, 1000, True),
]


@pytest.mark.parametrize(("limit", "deletes", "in_scope", "expected"), LIMITS)
def test_delete_limit(limit: str | None, deletes: int, in_scope: int, expected: bool) -> None:
    """By default ten may go, or a tenth; `N` and `P%` are exactly what they say."""
    asked = DeleteLimit() if limit is None else DeleteLimit.parse(limit)

    assert expected is asked.allows(deletes, in_scope)


@pytest.mark.parametrize("text", ["", "%", "x", "-1", "-1%", "1.5", "5 %x", "nan%", "inf%", "-inf%", "10%%", "100.1%"])
def test_delete_limit_refuses(text: str) -> None:
    """What is neither a number nor a percentage limits nothing, and so is refused."""
    with pytest.raises(ValueError, match=r"could not convert|invalid literal|^-|%$"):
        DeleteLimit.parse(text)

"""The walk: sorted as S3 sorts, never out of the source, never stopped by what it can't read."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given

from s3sync.core.comparison import Reason
from s3sync.core.objects import LocalFile
from s3sync.core.plan import Entry, Passed
from s3sync.core.scope import Scope
from s3sync.local import ahead
from s3sync.local.walk import Walk
from tests.strategies import SLOW, trees
from tests.unit.forked import as_nobody

NOW = 1_772_366_400.0


class Walked:
    """A finished walk."""

    def __init__(self, root: Path | str, scope: Scope | None = None, **wishes: Any) -> None:
        self.held: list[Entry] = []
        self.walk = Walk(
            root=str(root), scope=scope or Scope(), hold=self.held.append,
            is_regular=wishes.pop("is_regular", lambda name: True), now=lambda: NOW, **wishes,
        )  # fmt: skip
        self.entries = list(self.walk)

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self.entries if isinstance(entry, LocalFile)]

    @property
    def passed(self) -> dict[str, str]:
        """Why each passed name is; what covers everything below ends with `/`."""
        return {
            entry.name + "/" * entry.folder: entry.reason.value if entry.reason else entry.failure.code
            for entry in self.entries
            if isinstance(entry, Passed) and (entry.reason or entry.failure)
        }  # type: ignore[union-attr]


def fill(root: Path | str, *names: str) -> None:
    """Makes files that hold their own names."""
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(os.fsencode(name))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "media"
    made.mkdir()
    return made


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A source that users other than root reach."""
    folder = Path(tempfile.mkdtemp(prefix="s3sync-test-"))
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        with suppress(OSError):
            path.chmod(0o755)
    shutil.rmtree(folder)


def test_order_is_that_of_keys(root: Path) -> None:
    """`a-b` and `a.b` come before what is in `a/`, and `a0` after it."""
    names = ["a-b", "a.b", "a/x", "a/y/z", "a0", "b"]
    fill(root, *reversed(names))

    assert names == Walked(root).names


@SLOW
@given(trees())
@example(["a-b", "a.b", "a/c", "a0"])
@example(["e\u0301", "é", "\uffff", "😀"])
@example(["a\\b", "a\nb", "a/b"])
def test_order_is_that_of_keys_whatever_the_names(names: list[str]) -> None:
    """For any tree: all files, once each, in the order of UTF-8's bytes."""
    with tempfile.TemporaryDirectory() as root:
        fill(root, *names)
        walked = Walked(root)

    assert sorted(names, key=str.encode) == walked.names
    assert (len(names), True, {}) == (walked.walk.files, walked.walk.complete, walked.passed)


@pytest.fixture
def over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file system counts as slow, from the first status on; little is looked for ahead."""
    for name, value in {"_SLOW": -1.0, "_SAMPLES": 1, "_FOLDERS": 2, "_CHUNK": 3, "_MOST": 4}.items():
        monkeypatch.setattr(ahead, name, value)


@pytest.mark.usefixtures("over_the_network")
def test_a_slow_file_system_is_walked_in_the_same_order(root: Path) -> None:
    """Many folders, some larger than what is looked up ahead, some not to be entered."""
    wanted = [f"{folder}/{number}" for folder in "abcdef" for number in range(7)] + ["a-b", "c/d/e/f", "g"]
    fill(root, *wanted, "skip/a/b", "d/skip/a")
    (root / "empty").mkdir()
    (root / "h").symlink_to("a")
    walked = Walked(root, Scope(ignore=("skip",)))

    assert sorted([*wanted, *(f"h/{number}" for number in range(7))]) == walked.names
    status = (root / "a/0").stat()
    assert LocalFile(
        "a/0", str(root / "a/0"), 3, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
    ) == next(entry for entry in walked.entries if entry.name == "a/0")  # fmt: skip
    assert (walked.walk.complete, walked.walk._ahead._pool is not None) == (True, True)


@pytest.mark.usefixtures("over_the_network")
def test_what_vanishes_from_a_slow_file_system(root: Path, tmp_path: Path) -> None:
    """A folder that was looked at ahead and has gone since, or that has become a link out of the source."""
    fill(root, *(f"{folder}/{number}" for folder in "abc" for number in range(2)))
    fill(tmp_path / "out", "secret")
    seen: list[str] = []
    walk = Walk(root=str(root), scope=Scope(), hold=lambda entry: None, is_regular=lambda name: True)
    for entry in walk:
        seen.append(entry.name)
        if entry.name == "a/0":
            shutil.rmtree(root / "c")
            (root / "c").symlink_to(tmp_path / "out")

    assert "c/secret" not in seen
    assert ["a/0", "a/1", "b/0", "b/1"] == seen[:4]


def test_a_file_as_it_is(root: Path) -> None:
    """Name, path, size, times and inode are those of the disk."""
    fill(root, "a/b.png")
    status = (root / "a/b.png").stat()

    assert [
        LocalFile("a/b.png", str(root / "a/b.png"), 7, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    ] == Walked(root).entries


def test_an_empty_source(root: Path) -> None:
    """No files, and nothing that could not be read."""
    (root / "empty/folder").mkdir(parents=True)
    walked = Walked(root)

    assert ([], True, 0) == (walked.entries, walked.walk.complete, walked.walk.files)


def test_the_root_may_be_a_link(root: Path, tmp_path: Path) -> None:
    """MEDIA_ROOT is often `current/media`."""
    fill(root, "a")
    (tmp_path / "current").symlink_to(root)

    (entry,) = Walked(tmp_path / "current").entries
    assert isinstance(entry, LocalFile)
    assert str(root / "a") == entry.path


LINKS: dict[str, tuple[str, dict[str, str], list[str], list[str], list[str]]] = {
    # name of the link: where it leads; files; walked; passed; walked with --follow-symlinks
    "to a file inside": ("a", {"l": "a"}, ["a", "l"], [], ["a", "l"]),
    "to a file in a folder": ("a/b", {"l": "a/b"}, ["a/b", "l"], [], ["a/b", "l"]),
    "to a folder inside": ("a/b", {"l": "a"}, ["a/b", "l/b"], [], ["a/b", "l/b"]),
    "in the order of a folder": ("a/b", {"l": "a", "l-": "a/b"}, ["a/b", "l-", "l/b"], [], ["a/b", "l-", "l/b"]),
    "to a link inside": ("a", {"k": "a", "l": "k"}, ["a", "k", "l"], [], ["a", "k", "l"]),
    "to a file outside": ("a", {"l": "../out/x"}, ["a"], ["l: link"], ["a", "l"]),
    "to a folder outside": ("a", {"l": "../out"}, ["a"], ["l/: link"], ["a", "l/x"]),
    "to a link outside": ("a", {"k": "../out/x", "l": "k"}, ["a"], ["k: link", "l: link"], ["a", "k", "l"]),
    "to a folder whose name begins alike": ("a", {"l": "../media2"}, ["a"], ["l/: link"], ["a", "l/y"]),
    "dangling": ("a", {"l": "nowhere"}, ["a"], ["l/: link"], ["a"]),
    "dangling, outside": ("a", {"l": "../nowhere"}, ["a"], ["l/: link"], ["a"]),
    "to itself": ("a", {"l": "l"}, ["a"], ["l/: link"], ["a"]),
    "in a circle": ("a", {"k": "l", "l": "k"}, ["a"], ["k/: link", "l/: link"], ["a"]),
    "to the root": ("a", {"l": "."}, ["a"], ["l/: link"], ["a"]),
    "to the folder above": ("a/b", {"a/l": "../a"}, ["a/b"], ["a/l/: link"], ["a/b"]),
    "through another folder into a circle": (
        "a/b", {"a/l": "../c", "c/l": "../a"}, ["a/b", "c/l/b"], ["a/l/l/: link", "c/l/l/: link"], ["a/b", "c/l/b"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LINKS)
def test_links(root: Path, tmp_path: Path, case: str) -> None:
    """Links are followed where they stay inside, and never in a circle; --follow-symlinks lets them lead out."""
    file, links, expected, passed, followed = LINKS[case]
    fill(root, file)
    fill(tmp_path, "out/x", "media2/y")
    for name, target in links.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(target)
    walked, following = Walked(root), Walked(root, follow_symlinks=True)

    assert (expected, followed) == (walked.names, following.names)
    assert passed == [f"{name}: {why}" for name, why in walked.passed.items()]
    assert (True, True) == (walked.walk.complete, following.walk.complete)


def test_a_link_that_can_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`os.path.realpath` gives it back as it is; what is stored of the folder that it led to is no orphan."""
    fill(root, "a/x")
    (root / "l").symlink_to("a")
    real = os.path.realpath
    monkeypatch.setattr("os.path.realpath", lambda path: path if str(path).endswith("/l") else real(path))

    walked = Walked(root)
    assert (["a/x"], {"l/": "link"}) == (walked.names, walked.passed)


def test_what_a_link_leads_to_is_opened(root: Path) -> None:
    """The path is the real one, so that reading can refuse links."""
    fill(root, "a")
    (root / "l").symlink_to("a")

    assert {"a": str(root / "a"), "l": str(root / "a")} == {
        entry.name: entry.path for entry in Walked(root).entries if isinstance(entry, LocalFile)
    }


@pytest.mark.parametrize("target", ["../out/x", "../out", "nowhere", "l"])
@pytest.mark.parametrize("scope", [Scope(ignore=("l",)), Scope(ignore=("[k-l]",)), Scope(prefix="a")])
def test_a_link_out_of_scope_is_no_news(root: Path, tmp_path: Path, target: str, scope: Scope) -> None:
    """What --ignore or --prefix leaves out is left out, wherever it leads."""
    fill(root, "a")
    fill(tmp_path, "out/x")
    (root / "l").symlink_to(target)

    assert "link" not in Walked(root, scope).passed.values()


def test_a_link_that_leads_nowhere_covers_what_the_prefix_asks_for(root: Path) -> None:
    """The disk behind `l` is not there today: objects below `l/b` have not lost their files."""
    (root / "l").symlink_to("nowhere")

    assert ["l/"] == list(Walked(root, Scope(prefix="l/b")).passed)
    assert [] == Walked(root, Scope(prefix="m/b")).entries


def test_special_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FIFOs and sockets are skipped, and so are links to them; nothing blocks."""
    fill(root, "a")
    os.mkfifo(root / "fifo")
    (root / "link").symlink_to("fifo")
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        walked = Walked(root)

    assert {"fifo": "special", "link": "special", "socket": "special"} == walked.passed
    assert (["a"], True) == (walked.names, walked.walk.complete)


def test_an_unreadable_folder(open_root: Path) -> None:
    """It is named, it covers its objects, and no file's absence proves anything any more."""
    fill(open_root, "a/b", "c", "d/e")
    (open_root / "a").chmod(0)

    def walk() -> tuple[Any, ...]:
        walked = Walked(open_root)
        return walked.names, walked.passed, walked.walk.complete

    assert (["c", "d/e"], {"a/": "Unreadable"}, False) == as_nobody(walk)


def test_a_folder_that_may_be_listed_and_not_entered(open_root: Path) -> None:
    """Read without execute: the names are there, the files are not."""
    fill(open_root, "a/b", "a/c/d", "e")
    (open_root / "a").chmod(0o444)

    def walk() -> tuple[Any, ...]:
        walked = Walked(open_root)
        return walked.names, walked.passed, walked.walk.complete

    assert (["e"], {"a/b": "Unreadable", "a/c/": "Unreadable"}, False) == as_nobody(walk)


def test_an_unreadable_file_is_walked(open_root: Path) -> None:
    """Whether a file can be read shows when it is read."""
    fill(open_root, "a")
    (open_root / "a").chmod(0)

    assert (["a"], True) == as_nobody(lambda: ((walked := Walked(open_root)).names, walked.walk.complete))


def while_listing(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[], object]) -> list[str]:
    """Has `change` happen just before the folder `name` is listed. Returns the paths that are listed."""
    listed: list[str] = []
    real = os.scandir

    def scandir(path: str | int) -> Any:
        if isinstance(path, str):  # not a descriptor, as shutil does it
            listed.append(path)
            if os.path.basename(path) == name:
                change()
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return listed


def test_a_folder_that_vanishes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went between one look and the next is skipped with all below it, and the walk is complete."""
    fill(root, "a/b", "c")
    while_listing(monkeypatch, "a", lambda: shutil.rmtree(root / "a"))
    walked = Walked(root)

    assert (["c"], {"a/": "vanished"}, True) == (walked.names, walked.passed, walked.walk.complete)


def test_a_folder_that_became_a_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else than vanishing makes the walk incomplete."""
    fill(root, "a/b", "c")

    def replace() -> None:
        shutil.rmtree(root / "a")
        fill(root, "a")

    while_listing(monkeypatch, "a", replace)
    walked = Walked(root)

    assert (["c"], {"a/": "Unreadable"}, False) == (walked.names, walked.passed, walked.walk.complete)


def test_a_file_that_vanishes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that went after its folder was listed is skipped."""
    fill(root, "a/b", "c")
    while_listing(monkeypatch, "a", (root / "c").unlink)
    walked = Walked(root)

    assert (["a/b"], {"c": "vanished"}, True) == (walked.names, walked.passed, walked.walk.complete)


NOT_UTF8 = [
    (["\udcff", "a"], ["a"], {"\udcff": "NotUTF8"}),
    (["\udcff/b", "\udcff/c", "a"], ["a"], {"\udcff/b": "NotUTF8", "\udcff/c": "NotUTF8"}),
    (["b/\udcff.png", "b/a"], ["b/a"], {"b/\udcff.png": "NotUTF8"}),
    (["\udcff/.DS_Store", "a"], ["a"], {"\udcff/.DS_Store": "junk"}),
    (["\udcc3/\udca9", "Ã©"], ["Ã©"], {"\udcc3/\udca9": "NotUTF8"}),
]


@pytest.mark.parametrize(("names", "expected", "passed"), NOT_UTF8)
def test_names_that_are_not_utf8(root: Path, names: list[str], expected: list[str], passed: dict[str, str]) -> None:
    """Each file is named, none gets a key, and the others are walked as if nothing were."""
    fill(root, *names)
    walked = Walked(root)

    assert (expected, passed, True, []) == (walked.names, walked.passed, walked.walk.complete, walked.held)
    assert not [entry for entry in walked.entries if isinstance(entry, Passed) and entry.storable]


def test_names_without_a_place_are_held(root: Path) -> None:
    """`a\\b` has the key `a/b`: such files are handed over before anything that their key could stand beside."""
    fill(root, "a\\b", "c/d\\e", "c/a", "x\\y/z", "f")
    walked = Walked(root, is_regular=lambda name: "\\" not in name)

    assert ["c/a", "f"] == walked.names
    assert {"a\\b", "c/d\\e", "x\\y/z"} == {entry.name for entry in walked.held}
    assert 5 == walked.walk.files


def test_what_is_passed_without_a_place_is_held_too(root: Path) -> None:
    """Its key is not free: the object there has not lost its file."""
    fill(root, "a\\.DS_Store", "b\\c", "d")
    os.utime(root / "b\\c", (NOW, NOW))
    os.utime(root / "d", (NOW - 99, NOW - 99))
    walked = Walked(root, is_regular=lambda name: "\\" not in name, min_age=60)

    assert (["d"], "young") == (walked.names, walked.passed["b\\c"])
    assert "b\\c" in [entry.name for entry in walked.held]


def test_the_longest_key(root: Path) -> None:
    """1,024 bytes with the prefix, counted in UTF-8; one more is a failure with a name."""
    folder = "/".join(["é" * 100] * 5)
    overhead = len("media/")
    room = 1024 - overhead - len(folder.encode()) - 1
    fill(root, f"{folder}/{'x' * 3}", f"{folder}/{'é' * 6}{'x' * (room - 12)}", f"{folder}/{'x' * (room + 1)}")
    walked = Walked(root, key_overhead=overhead)

    assert [3, room] == [len(name.rpartition("/")[2].encode()) for name in walked.names]
    assert {f"{folder}/{'x' * (room + 1)}": "KeyTooLongError"} == walked.passed


def test_young_files(root: Path) -> None:
    """--min-age leaves files alone that somebody may still write."""
    ages = {"new": 0, "younger": 59, "exact": 60, "older": 61, "future": -3600}
    for name, age in ages.items():
        fill(root, name)
        os.utime(root / name, (NOW - age, NOW - age))
    walked = Walked(root, min_age=60.0)

    assert ["exact", "older"] == walked.names
    assert {"new": "young", "younger": "young", "future": "young"} == walked.passed
    assert len(ages) == len(Walked(root).names)


def test_folders_out_of_the_prefix_are_not_entered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix makes the walk short."""
    fill(root, "a/b/c", "a/x/y", "b/c/d", "ab/c", "a.txt")
    listed = while_listing(monkeypatch, "nothing", lambda: None)
    walked = Walked(root, Scope(prefix="a/b"))

    assert ["a/b/c"] == walked.names
    assert [".", "a", "a/b"] == [os.path.relpath(path, root) for path in listed]


def test_ignored_folders_are_not_entered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are those that --ignore names, nor our own."""
    fill(root, "cache/a", "a/cache/b", "a/b", ".s3sync/lock", "a/.s3sync/x")
    listed = while_listing(monkeypatch, "nothing", lambda: None)
    walked = Walked(root, Scope(ignore=("cache",)))

    assert ["a/.s3sync/x", "a/b"] == walked.names
    assert [".", "a", "a/.s3sync"] == [os.path.relpath(path, root) for path in listed]
    assert {} == walked.passed


def test_files_left_out_are_named_with_the_reason(root: Path) -> None:
    """Ignored and junk: skipped by choice, and no failure."""
    fill(root, "a.tmp", "b/.DS_Store", "b/c", "Thumbs.db", ".nfs01")
    walked = Walked(root, Scope(ignore=("*.tmp",)))

    assert {".nfs01": "junk", "Thumbs.db": "junk", "a.tmp": "ignored", "b/.DS_Store": "junk"} == walked.passed
    assert (["b/c"], 1) == (walked.names, walked.walk.files)
    assert {Reason.JUNK, Reason.IGNORED} == {entry.reason for entry in walked.entries if isinstance(entry, Passed)}


def test_prefix_of_a_file(root: Path) -> None:
    """A prefix is a string, not a folder; what does not begin with it is not even named."""
    fill(root, "a1", "a2/b", "b", "c/a3")

    assert [["a1", "a2/b"], {}] == [(walked := Walked(root, Scope(prefix="a"))).names, walked.passed]

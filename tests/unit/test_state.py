"""What earlier runs knew: right or not there, and never a reason to fail."""

from __future__ import annotations

import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.core.columns import Objects
from s3sync.core.objects import Fingerprint, Known, LocalFile, RemoteObject
from s3sync.local import lookahead
from s3sync.local import state as state_module
from s3sync.local.settled import Settled
from s3sync.local.state import State, default_directory
from s3sync.local.state_file import FILE_NAME
from tests.strategies import SLOW, names
from tests.unit.forked import as_nobody, in_child
from tests.unit.worlds import abreast

MD5 = "5d41402abc4b2a76b9719d911017c592"
PRINT = Fingerprint(5, MD5)
FILE = LocalFile("a.png", "/srv/a.png", 5, 10**18, 10**18 + 1, 7)


def known(etag: str = "e1", size: int = 5) -> Known:
    return Known(etag, size, Fingerprint(size, MD5))


class Opener:
    """Opens states, and keeps what they warn of."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.warnings: list[str] = []
        self._opened: list[State] = []

    def __call__(self, *, root: str = "/srv", target: str = "t", variant: str = "v", **more: Any) -> State:
        opened = State(self.directory, root=root, target=target, variant=variant, warn=self.warnings.append, **more)
        self._opened.append(opened)
        return opened

    @property
    def path(self) -> Path:
        assert self.directory is not None
        return self.directory / FILE_NAME

    def close(self) -> None:
        for opened in self._opened:
            opened.close()


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    made = Opener(tmp_path / "kept" / "state")
    yield made
    made.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that users other than root reach."""
    with tempfile.TemporaryDirectory(prefix="s3sync-test-") as made:
        os.chmod(made, 0o755)
        yield Path(made)


def test_fingerprint_comes_back(opener: Opener) -> None:
    """The next run need not hash again."""
    first = opener()
    first.remember_fingerprint(FILE, "gzip", PRINT)
    first.close()

    assert PRINT == opener().fingerprint(FILE, "gzip")
    assert [] == opener.warnings


CHANGED = {
    "size": FILE._replace(size=6),
    "mtime": FILE._replace(mtime_ns=FILE.mtime_ns + 1),
    "ctime": FILE._replace(ctime_ns=FILE.ctime_ns + 1),
    "inode": FILE._replace(inode=8),
    "name": FILE._replace(name="b.png"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_fingerprint_of_a_changed_file(opener: Opener, what: str) -> None:
    """Any difference in its stat makes a file unknown."""
    first = opener()
    first.remember_fingerprint(FILE, "", PRINT)
    first.close()

    assert None is opener().fingerprint(CHANGED[what], "")


def test_fingerprint_of_another_rendering(opener: Opener) -> None:
    """Other bytes would be sent from another root, by another target's rules, in another encoding."""
    first = opener()
    first.remember_fingerprint(FILE, "", PRINT)
    first.close()

    assert [None] * 3 == [
        opener().fingerprint(FILE, "gzip"), opener(variant="w").fingerprint(FILE, ""),
        opener(root="/other").fingerprint(FILE, ""),
    ]  # fmt: skip
    assert PRINT == opener(target="u").fingerprint(FILE, "")


def test_fingerprint_of_a_path_is_no_secret(opener: Opener) -> None:
    """Where a file is opened does not matter, its inode does."""
    first = opener()
    first.remember_fingerprint(FILE, "", PRINT)
    first.close()

    assert PRINT == opener().fingerprint(FILE._replace(path="/elsewhere"), "")


SECOND = 10**9
AGES = [
    # seconds since mtime, since ctime, kept
    (3.0, 3.0, True),
    (3600, 2.5, True),
    (1.0, 1.0, False),
    (3600, 1.0, False),
    (1.0, 3600, False),
    (0.0, 0.0, False),
    (-5.0, -5.0, False),
    (-3600, 3600, True),
    (-3600, 1.0, False),
]


@pytest.mark.parametrize(("mtime", "ctime", "expected"), AGES)
def test_no_fingerprint_of_a_file_that_just_changed(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, mtime: float, ctime: float, expected: bool
) -> None:
    """Two seconds later it may hold other bytes under the same stat; a date in the future is no change."""
    now = 2 * 10**18
    monkeypatch.setattr(time, "time_ns", lambda: now)
    file = FILE._replace(mtime_ns=now - int(mtime * SECOND), ctime_ns=now - int(ctime * SECOND))
    first = opener()
    first.remember_fingerprint(file, "", PRINT)
    first.close()

    assert (PRINT if expected else None) == opener().fingerprint(file, "")


@pytest.mark.parametrize(
    "file",
    [
        FILE._replace(inode=2**64 - 1), FILE._replace(mtime_ns=-1), FILE._replace(mtime_ns=2**63 + 5),
        FILE._replace(name="é\n😀\\"),
    ],
)  # fmt: skip
def test_odd_files(opener: Opener, file: LocalFile) -> None:
    """64-bit inodes, dates before 1970 and beyond 2262, any name."""
    first = opener()
    first.remember_fingerprint(file, "", PRINT)
    first.close()

    assert PRINT == opener().fingerprint(file, "")
    assert [] == opener.warnings


def test_a_root_that_is_not_utf8(opener: Opener) -> None:
    """The source may lie under any path."""
    first = opener(root="/srv/\udcff")
    first.remember_fingerprint(FILE, "", PRINT)
    first.close()

    assert PRINT == opener(root="/srv/\udcff").fingerprint(FILE, "")
    assert None is opener(root="/srv/\udcfe").fingerprint(FILE, "")


def test_known_comes_back(opener: Opener) -> None:
    """At once, and in the next run; per target."""
    first = opener()
    first.remember_known("media/a", known())
    assert known() == first.known("media/a")
    first.close()

    assert (known(), None, None) == (
        opener().known("media/a"), opener().known("media/b"), opener(target="u").known("media/a"),
    )  # fmt: skip


def test_known_is_replaced(opener: Opener) -> None:
    """The last word counts, whether it was stored already or not."""
    first = opener()
    first.remember_known("a", known("e1"))
    assert known("e1") == first.known("a")
    first.flush()
    first.remember_known("a", known("e2", 6))
    assert known("e2", 6) == first.known("a")
    first.flush()
    assert known("e2", 6) == first.known("a")
    first.close()

    assert known("e2", 6) == opener().known("a")


def test_what_is_stored_meanwhile_is_seen(opener: Opener) -> None:
    """Looking ahead does not make blind for what this run has learnt."""
    first = opener()
    assert None is first.known("b")
    first.remember_known("a", known("ea"))
    first.remember_known("c", known("ec"))
    first.remember_fingerprint(FILE, "", PRINT)
    first.flush()

    assert (known("ea"), known("ec"), PRINT) == (first.known("a"), first.known("c"), first.fingerprint(FILE, ""))


def test_forget(opener: Opener) -> None:
    """What was deleted is not known any more: now, after storing, and in the next run."""
    first = opener()
    for key in ("a", "b", "c"):
        first.remember_known(key, known())
    first.flush()
    assert known() == first.known("a")
    first.forget("a")
    first.forget("nobody")
    assert (None, known()) == (first.known("a"), first.known("b"))
    first.flush()
    assert None is first.known("a")
    first.close()
    second = opener()

    assert [None, known(), known()] == [second.known(key) for key in ("a", "b", "c")]


def test_forget_before_storing_and_learn_again(opener: Opener) -> None:
    """Within one batch, too, the last word counts."""
    first = opener()
    first.remember_known("a", known("e1"))
    first.forget("a")
    first.forget("b")
    first.remember_known("b", known("e2"))
    first.close()
    second = opener()

    assert (None, known("e2")) == (second.known("a"), second.known("b"))


def test_forgotten_keys_are_stored_in_batches(opener: Opener) -> None:
    """A run that deletes a million objects does not hold a million keys, and one that is killed has forgotten most."""
    first = opener()
    for number in range(9000):
        first.remember_known(f"{number:04}", known())
    first.flush()
    for number in range(9000):
        first.forget(f"{number:04}")

    assert (None, known()) == (opener().known("0000"), opener().known("8999"))


def test_facts(opener: Opener) -> None:
    """What a target is like, per target; the last word counts."""
    first = opener()
    assert None is first.fact("conditions")
    first.remember_fact("conditions", "enforced")
    first.remember_fact("conditions", "emulated")
    first.close()

    assert ("emulated", None) == (opener().fact("conditions"), opener(target="u").fact("conditions"))


def fill_known(opener: Opener, keys: list[str]) -> None:
    first = opener()
    for key in keys:
        first.remember_known(key, known(key))
    first.close()


def counted(opened: State, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keeps every statement that is run."""
    statements: list[str] = []
    opened._database.set_trace_callback(statements.append)
    return statements


def test_in_order_a_query_reads_many(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sorted walk costs a query for each batch, not for each name."""
    monkeypatch.setattr(lookahead, "BATCH", 10)
    keys = [f"k{number:03}" for number in range(95)]
    fill_known(opener, keys)
    second = opener()
    statements = counted(second, monkeypatch)

    assert [known(key) for key in keys] == [second.known(key) for key in keys]
    assert 11 == sum("FROM known" in statement for statement in statements)  # four rows, and then ten at a time


def test_sparse_questions(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names between, before and behind what is stored; once the end is known, nothing is asked any more."""
    monkeypatch.setattr(lookahead, "BATCH", 10)
    keys = [f"k{number:03}" for number in range(0, 95, 3)]
    fill_known(opener, keys)
    second = opener()
    asked = ["a", "k000", "k001", "k003", "k045", "k046", "k093", "k094", "z", "zz", "zzz"]
    found = [second.known(key) for key in asked]
    statements = counted(second, monkeypatch)

    assert [known(key) if key in keys else None for key in asked] == found
    assert (None, []) == (second.known("zzzz"), statements)


def test_questions_out_of_order(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without its place in the order is found, and the batch is not lost over it."""
    monkeypatch.setattr(lookahead, "BATCH", 10)
    keys = [f"k{number:03}" for number in range(40)]
    fill_known(opener, keys)
    second = opener()
    asked = ["k020", "k001", "k021", "k000", "j", "k000a", "k022", "k039", "k005"]

    assert [known(key) if key in keys else None for key in asked] == [second.known(key) for key in asked]


@SLOW
@given(st.sets(names()), st.lists(names(), max_size=12))
def test_any_order_finds_the_same(stored: set[str], asked: list[str]) -> None:
    """Looking ahead is a matter of speed alone."""
    before, lookahead.BATCH = lookahead.BATCH, 3
    try:
        with tempfile.TemporaryDirectory() as directory:
            opener = Opener(Path(directory))
            fill_known(opener, sorted(stored))
            second = opener()
            questions = [*asked, *sorted(stored), *asked]
            found = [second.known(key) for key in questions]
            opener.close()
    finally:
        lookahead.BATCH = before

    assert [known(key) if key in stored else None for key in questions] == found


def test_much_is_stored_in_between(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed has not learnt for nothing, and memory stays small."""
    monkeypatch.setattr(state_module, "_AT_ONCE", 20)
    first = opener()
    for number in range(45):
        first.remember_known(f"k{number:03}", known())
    rows = sqlite3.connect(opener.path)
    stored = rows.execute("SELECT count(*) FROM known").fetchone()[0]
    rows.close()

    assert 40 == stored


def test_a_corrupt_file_is_kept_aside(opener: Opener) -> None:
    """Started anew, with one warning; what was there can be looked at."""
    opener.path.parent.mkdir(parents=True)
    opener.path.write_bytes(b"not a database" * 100)
    first = opener()
    first.remember_known("a", known())
    first.close()

    assert known() == opener().known("a")
    assert 1 == len(opener.warnings)
    assert "damaged" in opener.warnings[0]
    assert b"not a database" * 100 == next(opener.path.parent.glob("*.corrupt-*")).read_bytes()


def test_a_file_damaged_in_its_middle(opener: Opener) -> None:
    """Damage that shows only when it is read: the same, and the run goes on."""
    fill_known(opener, [f"k{number:05}" for number in range(5000)])
    whole = opener.path.read_bytes()
    opener.path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    second = opener()
    assert None is second.known("k00001")
    second.remember_known("a", known())
    second.close()

    assert 1 == len(opener.warnings)
    assert known() == opener().known("a")
    assert 1 == len(opener.warnings)


def test_a_file_of_a_newer_version(opener: Opener) -> None:
    """It is left as it is; the run does without."""
    fill_known(opener, ["a"])
    rows = sqlite3.connect(opener.path)
    rows.execute("PRAGMA user_version = 99")
    rows.close()
    before = opener.path.read_bytes()
    second = opener()
    second.remember_known("a", known("other"))
    second.close()

    assert (1, True) == (len(opener.warnings), "newer version" in opener.warnings[0])
    assert before == opener.path.read_bytes()
    assert [FILE_NAME] == os.listdir(opener.path.parent)


def test_a_deleted_file(opener: Opener) -> None:
    """Nothing is known, nothing is said, and it is made again."""
    fill_known(opener, ["a"])
    opener.path.unlink()

    assert None is opener().known("a")
    assert (True, []) == (opener.path.exists(), opener.warnings)


def test_no_home() -> None:
    """One warning that says what to set; the run remembers within itself."""
    opener = Opener(None)
    first = opener()
    first.remember_known("a", known())
    first.remember_fingerprint(FILE, "", PRINT)
    first.remember_fact("f", "x")
    first.flush()

    assert (known(), PRINT, "x") == (first.known("a"), first.fingerprint(FILE, ""), first.fact("f"))
    assert (1, True) == (len(opener.warnings), "S3SYNC_STATE_DIR" in opener.warnings[0])
    opener.close()


def test_only_its_owner_reads_it(opener: Opener) -> None:
    """Names of files are nobody else's business."""
    opener()

    assert 0o700 == opener.path.parent.stat().st_mode & 0o777


def used(opener: Opener) -> tuple[Any, ...]:
    """A whole run: what it finds, and how often it warns."""
    opened = opener()
    before = opened.known("a")
    opened.remember_known("b", known())
    opened.remember_fact("f", "x")
    opened.flush()
    result = before, opened.known("b"), opened.fact("f")
    opener.close()
    return *result, len(opener.warnings)


def unwritable_directory(folder: Path) -> Path:
    (folder / "closed").mkdir(mode=0o555)
    return folder / "closed" / "state"


def unwritable_file(folder: Path) -> Path:
    opener = Opener(folder / "state")
    fill_known(opener, ["a"])
    (folder / "state").chmod(0o755)
    opener.path.chmod(0o444)
    return folder / "state"


def unreadable_file(folder: Path) -> Path:
    directory = unwritable_file(folder)
    (directory / FILE_NAME).chmod(0)
    return directory


def no_room_for_a_journal(folder: Path) -> Path:
    directory = unwritable_file(folder)
    (directory / FILE_NAME).chmod(0o666)
    directory.chmod(0o555)
    return directory


@pytest.mark.parametrize("make", [unwritable_directory, unwritable_file, unreadable_file, no_room_for_a_journal])
def test_what_may_not_be_written(open_folder: Path, make: Callable[[Path], Path]) -> None:
    """One warning, and the run remembers within itself."""
    directory = make(open_folder)

    assert (None, known(), "x", 1) == as_nobody(lambda: used(Opener(directory)))


@pytest.mark.parametrize("name", ["a file", "a file/below", FILE_NAME])
def test_a_directory_that_is_none(tmp_path: Path, name: str) -> None:
    """A file where the directory should be, or a directory where the file should be."""
    (tmp_path / "a file").write_text("x")
    (tmp_path / "state" / FILE_NAME).mkdir(parents=True)
    directory = tmp_path / "state" if name == FILE_NAME else tmp_path / name

    assert (None, known(), "x", 1) == used(Opener(directory))


def test_a_full_disk(opener: Opener) -> None:
    """One warning in the middle of a run; what was stored before stays, and the run goes on."""
    fill_known(opener, ["a"])

    def run() -> tuple[Any, ...]:
        room = opener.path.stat().st_size + 4096
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        opened = opener()
        for _ in range(3):
            for number in range(9000):
                opened.remember_known(f"k{number:05}", known())
        opened.forget("a")
        opened.remember_fact("f", "x")
        result = opened.known("nobody")
        opened.close()
        return result, list(opener.warnings)

    result, warnings = in_child(run)()

    assert None is result
    assert (1, True) == (len(warnings), "the next run will hash more" in warnings[0])
    assert known("a") == opener().known("a")
    assert [] == opener.warnings


def test_two_processes_at_once(opener: Opener) -> None:
    """Each waits for the other; nothing is lost, and nobody warns. Both may be the first."""

    def run(which: str) -> Callable[[], list[str]]:
        def write() -> list[str]:
            opened = opener()
            for number in range(300):
                opened.remember_known(f"{which}{number:04}", known())
                if number % 30 == 0:
                    opened.flush()
            opened.remember_fact(which, "x")
            opened.close()
            return opener.warnings

        return write

    running = [in_child(run(which)) for which in "abc"]
    warnings = [result() for result in running]
    last = opener()

    assert [[], [], []] == warnings
    assert 900 == sum(last.known(f"{which}{number:04}") == known() for which in "abc" for number in range(300))
    assert ["x", "x", "x"] == [last.fact(which) for which in "abc"]


def test_where_it_lies_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the user's state directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert tmp_path / "s3sync" == default_directory()


OBJ = RemoteObject("media/a.png", 5, "e1", "2026-01-02T03:04:05.000Z")
UNSETTLED: dict[str, tuple[LocalFile, str, RemoteObject, Known, dict[str, Any]]] = {
    "the file was touched": (CHANGED["ctime"], "", OBJ, known(), {}),
    "it is stored in another form": (FILE, "gzip", OBJ, known(), {}),
    "the object was replaced": (FILE, "", OBJ._replace(etag="e2"), known(), {}),
    "the object has another size": (FILE, "", OBJ._replace(size=6), known(), {}),
    "its ETag says nothing": (FILE, "", OBJ._replace(etag=""), known(""), {}),
    "what is stored is something else": (FILE, "", OBJ, Known("e1", 5, Fingerprint(5, "0" * 32)), {}),
    "another source sent it": (FILE, "", OBJ, known(), {"source": "t"}),
    "keys are not prefix and name": (FILE, "", OBJ, known(), {"prefix": None}),
}


def settle(opener: Opener, record: Known) -> None:
    first = opener(source="s", prefix="media/")
    first.remember_fingerprint(FILE, "", PRINT)
    first.remember_known("media/a.png", record)
    first.close()


def test_settled(opener: Opener) -> None:
    """Both sides are as they were left."""
    settle(opener, known())

    again = opener(source="s", prefix="media/")
    assert again.is_settled("media/a.png", FILE, "", OBJ)
    assert [] == again.unsettled(abreast([FILE]), Objects.of([OBJ]), [""])
    again.forget("media/a.png")
    assert not again.is_settled("media/a.png", FILE, "", OBJ)
    assert [0] == again.unsettled(abreast([FILE]), Objects.of([OBJ]), [""])


@pytest.mark.parametrize("why", UNSETTLED)
def test_not_settled(opener: Opener, why: str) -> None:
    """Whatever has changed, the rules are to look at it."""
    file, encoding, obj, record, wishes = UNSETTLED[why]
    settle(opener, record)

    again = opener(**{"source": "s", "prefix": "media/", **wishes})
    assert not again.is_settled("media/a.png", file, encoding, obj)
    assert [0] == again.unsettled(abreast([file]), Objects.of([obj]), [encoding])


@SLOW
@given(st.lists(st.sampled_from([*UNSETTLED, "nothing", "no record", "it is being recorded"]), min_size=1, max_size=9),
       st.integers(1, 4))  # fmt: skip
def test_many_are_settled_as_each_one_is(whys: list[str], most: int) -> None:
    """What is said of many at once, in whatever portions, is what is said of each."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookahead, "BATCH", 2)
        opener = Opener(Path(directory))
        first, other = opener(source="s", prefix="media/"), opener(source="t", prefix="media/")
        files, objects, encodings = [], [], []
        for number, why in enumerate(whys):
            name = f"{number}.png"
            file, encoding, obj, record, wishes = UNSETTLED.get(why, (FILE, "", OBJ, known(), {}))
            files.append(file._replace(name=name))
            objects.append(obj._replace(key="media/" + name))
            encodings.append(encoding)
            first.remember_fingerprint(FILE._replace(name=name), "", PRINT)
            if why != "no record":
                (other if "source" in wishes else first).remember_known("media/" + name, record)
        first.close()
        other.close()
        again = opener(source="s", prefix="media/")
        for number, why in enumerate(whys):
            if why == "it is being recorded":
                again.remember_known(f"media/{number}.png", known())
        portions = [slice(start, start + most) for start in range(0, len(whys), most)]
        told = [
            part.start + place for part in portions
            for place in again.unsettled(abreast(files[part]), Objects.of(objects[part]), encodings[part])
        ]  # fmt: skip
        assert again.place is not None
        with closing(Settled(again.place)) as walker:
            beside = [
                file if encoding else walker.seen(abreast([file]))[0]
                for file, encoding in zip(files, encodings, strict=True)
            ]
        told_beside = [
            part.start + each for part in portions
            for each in again.unsettled(abreast(beside[part]), Objects.of(objects[part]), encodings[part])
        ]  # fmt: skip
        single = opener(source="s", prefix="media/")
        settled = [
            single.is_settled(obj.key, file, encoding, obj)
            for file, obj, encoding in zip(files, objects, encodings, strict=True)
        ]
        opener.close()

    pending = {number for number, why in enumerate(whys) if why == "it is being recorded"}
    unsettled = {number for number, is_settled in enumerate(settled) if not is_settled}
    assert told == told_beside
    assert unsettled | pending <= set(told)
    assert pending or unsettled == set(told)


# A fingerprint stands in the row of its object


def test_a_new_etag_of_the_same_bytes(opener: Opener) -> None:
    """Mending an object's headers gives it another ETag: its file need not be looked at again."""
    settle(opener, known())
    mended = opener(source="s", prefix="media/")
    mended.remember_known("media/a.png", known("e2"))
    mended.close()

    again = opener(source="s", prefix="media/")
    assert again.is_settled("media/a.png", FILE, "", OBJ._replace(etag="e2"))
    assert PRINT == again.fingerprint(FILE, "")


def test_another_object_under_the_same_key(opener: Opener) -> None:
    """Of other bytes: the file that was equal to the former one says nothing of it."""
    settle(opener, known())
    replaced = opener(source="s", prefix="media/")
    replaced.remember_known("media/a.png", Known("e2", 5, Fingerprint(5, "0" * 32)))
    replaced.close()

    again = opener(source="s", prefix="media/")
    assert not again.is_settled("media/a.png", FILE, "", OBJ._replace(etag="e2"))
    assert None is again.fingerprint(FILE, "")


@pytest.mark.parametrize("wishes", [{"target": "u"}, {"prefix": "copy/"}, {"prefix": None}, {"source": "r"}])
def test_one_folder_for_several_targets(opener: Opener, wishes: dict[str, Any]) -> None:
    """What was hashed for one bucket, or location, is not hashed for another."""
    settle(opener, known())
    other = opener(**{"source": "s", "prefix": "media/", **wishes})

    assert PRINT == other.fingerprint(FILE, "")
    assert None is other.fingerprint(CHANGED["mtime"], "")
    assert None is other.fingerprint(FILE, "gzip")
    assert None is opener(root="/other", **{"source": "s", "prefix": "media/", **wishes}).fingerprint(FILE, "")


def test_two_folders_for_one_target(opener: Opener) -> None:
    """Who writes to the other's keys does not make it hash all of its files again."""
    settle(opener, known())
    taker = opener(root="/taker", source="u", prefix="media/")
    taker.remember_known("media/a.png", known("e2"))
    taker.remember_fingerprint(FILE._replace(inode=99), "", PRINT)
    taker.close()

    again, other = opener(source="s", prefix="media/"), opener(root="/taker", source="u", prefix="media/")
    assert PRINT == again.fingerprint(FILE, "")
    assert not again.is_settled("media/a.png", FILE, "", OBJ._replace(etag="e2"))
    assert PRINT == other.fingerprint(FILE._replace(inode=99), "")
    assert other.is_settled("media/a.png", FILE._replace(inode=99), "", OBJ._replace(etag="e2"))


def test_what_was_hashed_last_stays_when_another_folder_takes_the_row(opener: Opener) -> None:
    """The row's fingerprint may be of the file as it was before."""
    settle(opener, known())
    rehearsal = opener(source="s", prefix="media/")
    rehearsal.remember_fingerprint(CHANGED["ctime"], "", PRINT)
    rehearsal.close()
    taker = opener(root="/taker", source="u", prefix="media/")
    taker.remember_known("media/a.png", known("e2"))
    taker.close()

    assert PRINT == opener(source="s", prefix="media/").fingerprint(CHANGED["ctime"], "")


def test_the_first_format(opener: Opener) -> None:
    """A file of it is taken over: what it knew of objects is looked up again, and nobody hears of it."""
    opener.path.parent.mkdir(parents=True)
    rows = sqlite3.connect(opener.path)
    rows.executescript("""
        CREATE TABLE fingerprint (root TEXT, variant TEXT, name TEXT, encoding TEXT, inode INT, size INT, mtime_ns INT,
            ctime_ns INT, sent_size INT, md5 BLOB, PRIMARY KEY (root, variant, name)) WITHOUT ROWID;
        CREATE TABLE known (target TEXT, key TEXT, etag TEXT, size INT, sent_size INT, md5 BLOB, source TEXT,
            PRIMARY KEY (target, key)) WITHOUT ROWID;
        CREATE TABLE fact (target TEXT, name TEXT, value TEXT, PRIMARY KEY (target, name)) WITHOUT ROWID;
        INSERT INTO fact VALUES ('t', 'conditions', 'enforced');
        INSERT INTO known VALUES ('t', 'k', 'e', 1, 1, x'00', '');
        PRAGMA user_version = 1;
    """)
    rows.close()
    first = opener()

    assert ("enforced", None) == (first.fact("conditions"), first.known("k"))
    first.remember_known("k", known())
    first.close()
    assert known() == opener().known("k")
    assert [] == opener.warnings

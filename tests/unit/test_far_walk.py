"""The walk by another process: the same as that by this one, and done by this one wherever it can't be had."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings

from s3sync.core.columns import Files
from s3sync.core.comparison import Reason
from s3sync.core.objects import Fingerprint, Known, LocalFile, is_plain
from s3sync.core.plan import Entry, Passed
from s3sync.core.scope import Scope
from s3sync.local import walker
from s3sync.local.far_walk import FarWalk, WalkBroken, foreseen, noted
from s3sync.local.settled import Place
from s3sync.local.state import State
from s3sync.local.walk import Walk
from s3sync.local.walker import Errand
from tests.strategies import file_system_names, trees
from tests.unit.test_walk import fill

LARGE = 21_000
"""Files whose names fill all that lies between the two processes, and all that the other one keeps."""


class Elsewhere(Walk):
    """One that is not for this process."""

    def stretches(self) -> Any:
        raise AssertionError("it is walked here")


class Walked:
    """A finished walk, by another process or by this one."""

    def __init__(
        self, root: Path | str, *, far: bool, place: Place | None = None, alone: bool = False, **wishes: Any
    ) -> None:  # fmt: skip
        """`alone`: there is no other process after all."""
        self.held: list[Entry] = []
        wishes = {"scope": Scope(held_back=lambda name: False), **wishes}
        kind = Elsewhere if far and not alone else Walk
        self.walk = kind(root=str(root), hold=self.held.append, is_regular=is_plain, **wishes)
        with contextlib.closing(FarWalk()) as far_walk:
            stretches = far_walk.stretches(self.walk, place) if far else self.walk.stretches()
            self.found = [entry for some in stretches for entry in (some if isinstance(some, Files) else [some])]

    @property
    def all(self) -> Any:
        return self.found, self.held, self.walk.files, self.walk.complete

    @property
    def settled(self) -> dict[str, Any]:
        return {entry.name: entry.settled for entry in self.found if isinstance(entry, LocalFile)}


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="s3sync-test-") as folder:
        yield Path(os.path.realpath(folder))


@settings(deadline=None, max_examples=8)
@given(trees(max_size=30))
@example(["e\u0301", "é", "a\\b/c", "a\\b.txt", "c\nd", "ignored/x", ".DS_Store", "x/" * 30 + "y"])
def test_it_says_the_same(names: list[str]) -> None:
    """Whatever the names are: what is sent, what is held, what is passed and why."""
    with tempfile.TemporaryDirectory() as root:
        fill(root, *names)
        os.symlink("/", os.path.join(root, "out"))
        os.symlink(root, os.path.join(root, "around"))
        other: dict[str, Any] = {"compose": True, "scope": Scope(ignore=("ignored", "*.txt"))}
        for number, wishes in enumerate(({}, other)):
            here, there = (Walked(root, far=far, **wishes) for far in (False, True))

            assert here.all == there.all, number
            assert here.walk.files or not names


@settings(deadline=None, max_examples=5)
@given(file_system_names().filter(lambda name: "/" not in name and "\0" not in name and name not in (".", "..")))
@example("\udcff")
def test_names_of_any_bytes(name: str) -> None:
    """What is no UTF-8 comes over as it is."""
    with tempfile.TemporaryDirectory() as root:
        fill(root, name, "plain")
        assert Walked(root, far=False).all == Walked(root, far=True).all


def test_links_that_are_followed(root: Path, tmp_path: Path) -> None:
    """Their files are not where their names say."""
    fill(tmp_path, "elsewhere/a.txt", "elsewhere/b.txt")
    fill(root, "near/c.txt")
    os.symlink(tmp_path / "elsewhere", root / "linked")
    here, there = (Walked(root, far=far, follow_symlinks=True) for far in (False, True))

    assert here.all == there.all
    assert f"{tmp_path}/elsewhere/a.txt" == there.found[0].path  # type: ignore[union-attr]


def test_a_folder_that_is_closed(root: Path) -> None:
    """Its failure comes over, and so does that the walk is not complete."""
    fill(root, "/".join("d" * 280), "young")
    here, there = (Walked(root, far=far, min_age=3600.0) for far in (False, True))

    assert here.all == there.all
    failures = [entry.failure for entry in there.found if isinstance(entry, Passed) and entry.failure is not None]
    assert (False, ["TooDeep"]) == (there.walk.complete, [failure.code for failure in failures])
    assert Reason.YOUNG in [getattr(entry, "reason", None) for entry in there.found]


def settled_state(root: Path, directory: Path) -> State:
    return State(directory, root=str(root), target="t", variant="plain", warn=print, source="here", prefix="media/")


def test_what_the_state_has_comes_with_the_files(root: Path, tmp_path: Path) -> None:
    """An ETag and a size, where the file is as it was when they were noted, and is sent as it is."""
    fill(root, *(f"f/{number:03}" for number in range(600)), "f/changed", "f/gzip", "g/new", "h/other")
    for path in root.rglob("*"):
        os.utime(path, (1, 1))
    time.sleep(2.1)  # no fingerprint is kept of what has just changed
    state = settled_state(root, tmp_path)
    for name, file in {file.name: file for file in Walked(root, far=False).found}.items():
        if name != "g/new":
            fingerprint = Fingerprint(file.size, "0" * 31 + "1")  # type: ignore[union-attr]
            state.remember_fingerprint(file, "gzip" if name == "f/gzip" else "", fingerprint)  # type: ignore[arg-type]
            state.remember_known(f"media/{name}", Known(f"etag of {name}", 7, fingerprint))
    state.flush()
    (root / "f/changed").write_bytes(b"changed")
    foreign = State(tmp_path, root="/", target="t", variant="plain", warn=print, source="other", prefix="media/")
    foreign.remember_known("media/h/other", Known("its", 1, Fingerprint(1, "0" * 32)))
    foreign.close()

    walked = Walked(root, far=True, place=state.place)

    assert Walked(root, far=False).walk.files == walked.walk.files == 604
    left = {"f/changed", "f/gzip", "g/new", "h/other"}
    assert {name: None if name in left else (f"etag of {name}", 7) for name in walked.settled} == walked.settled
    assert {None} == set(Walked(root, far=True).settled.values())
    state.close()


@pytest.mark.parametrize("content", [None, b"no database at all" * 100], ids=["absent", "damaged"])
def test_a_state_that_can_not_be_read(root: Path, tmp_path: Path, content: bytes | None) -> None:
    """Then it has nothing to say; the run itself tells of the trouble."""
    fill(root, "a", "b")
    path = tmp_path / "state.sqlite3"
    if content is not None:
        path.write_bytes(content)
    place = Place(f"{path.as_uri()}?mode=ro", "media/", 1, 2, 3)

    assert {"a": None, "b": None} == Walked(root, far=True, place=place).settled


@pytest.mark.parametrize("why", ["no interpreter", "it ends at once", "other names"])
def test_without_another_process(root: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """Where there is none, or its locale is another, this one walks."""
    fill(root, "a", "b/c")
    if why == "no interpreter":
        monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    elif why == "other names":
        monkeypatch.setattr(walker, "encoding", lambda: ("latin-1", "strict"))
    else:
        killed = subprocess.Popen

        def at_once(*args: Any, **how: Any) -> Any:
            process = killed(*args, **how)
            process.kill()
            return process

        monkeypatch.setattr(subprocess, "Popen", at_once)
    there = Walked(root, far=True, alone=True)
    if why != "it ends at once":
        with pytest.raises(AssertionError, match="walked here"):
            Walked(root, far=True)

    assert Walked(root, far=False).all == there.all
    assert ["a", "b/c"] == list(there.settled)


@pytest.fixture
def large(root: Path) -> Path:
    for number in range(LARGE // 700):
        (root / f"{number:02}").mkdir()
        for other in range(700):
            (root / f"{number:02}" / f"{'file' * 55}-{other:04}").touch()
    return root


def test_a_walk_that_breaks_off(large: Path) -> None:
    """It must not pass for one of a folder that ends there: objects would be taken for orphans."""
    walk = Elsewhere(root=str(large), hold=print, scope=Scope(), is_regular=is_plain)
    far = FarWalk()
    stretches = far.stretches(walk)
    next(stretches)
    assert far._process is not None
    far._process.kill()
    with pytest.raises(WalkBroken, match="has gone"):
        list(stretches)
    far.close()


def test_an_error_of_its_own(root: Path) -> None:
    """The other end tells what it was: running it again may not help."""
    fill(root, "a", "b")
    walk = Elsewhere(root=str(root), hold=print, scope=Scope(), is_regular=int)  # type: ignore[arg-type]
    with contextlib.closing(FarWalk()) as far, pytest.raises(WalkBroken, match="ValueError: invalid literal"):
        list(far.stretches(walk))


def test_nobody_reads_to_the_end(large: Path) -> None:
    """The process waits for whoever reads, and ends when it is told."""
    walk = Elsewhere(root=str(large), hold=print, scope=Scope(), is_regular=is_plain)
    far = FarWalk()
    next(iter(far.stretches(walk)))
    process = far._process
    assert process is not None
    assert process.poll() is None
    far.close()
    assert -signal.SIGKILL == process.returncode


def test_signals_are_not_for_it(large: Path) -> None:
    """^C goes to all of a terminal's processes; the run tells those that it has begun."""
    walk = Elsewhere(root=str(large), hold=print, scope=Scope(), is_regular=is_plain)
    with contextlib.closing(FarWalk()) as far:
        stretches = far.stretches(walk)
        found = [next(stretches)]
        assert far._process is not None
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(far._process.pid, each)
        found += stretches
    assert LARGE == sum(map(len, found))  # type: ignore[arg-type]


def walk_of(root: Path, kind: type[Walk] = Elsewhere, **wishes: Any) -> Walk:
    return kind(root=str(root), hold=print, is_regular=is_plain, **{"scope": Scope(), **wishes})


def paths(stretches: Any) -> list[str]:
    return [entry.path for some in stretches for entry in (some if isinstance(some, Files) else ())]


def wait_until_it_waits(far: FarWalk) -> None:
    """Until the other process has nothing more to do than to be asked."""
    assert far._process is not None
    until, calm, before = time.monotonic() + 20, 0, ""
    while calm < 10:
        assert time.monotonic() < until
        time.sleep(0.03)
        state = Path(f"/proc/{far._process.pid}/stat").read_text().rpartition(")")[2].split()
        now = " ".join([state[0], *state[11:13]])
        calm, before = (calm + 1 if now == before and state[0] == "S" else 0), now


def test_a_head_start(root: Path) -> None:
    """What is foreseen is walked before anybody asks, and not again: a file that comes between is not there."""
    fill(root, "a", "b/c", "b/back\\slash")
    errand = Errand.of(walk_of(root), None)
    with contextlib.closing(FarWalk(errand)) as far:
        wait_until_it_waits(far)
        fill(root, "b/d")
        held: list[Entry] = []
        walk = Elsewhere(root=str(root), hold=held.append, is_regular=is_plain, scope=Scope(foreign=("x/",)))
        found = paths(far.stretches(walk))

    assert [f"{root}/a", f"{root}/b/c"] == found
    assert ["b/back\\slash"] == [entry.name for entry in held]
    assert (3, True) == (walk.files, walk.complete)


@pytest.mark.parametrize("wishes", [{"scope": Scope(ignore=("a",))}, {"follow_symlinks": True}, {"key_overhead": 7}])
def test_a_head_start_in_vain(root: Path, wishes: dict[str, Any]) -> None:
    """Asked for anything else, it begins anew, and says nothing of what it had found."""
    fill(root, "a", "b/c", "b/back\\slash")
    with contextlib.closing(FarWalk(Errand.of(walk_of(root), None))) as far:
        wait_until_it_waits(far)
        fill(root, "b/d")
        held: list[Entry] = []
        walk = Elsewhere(root=str(root), hold=held.append, is_regular=is_plain, **{"scope": Scope(), **wishes})
        found = paths(far.stretches(walk))

    assert paths(walk_of(root, Walk, **wishes).stretches()) == found
    assert f"{root}/b/d" in found
    assert 1 == len(held)


def test_a_head_start_that_fails(root: Path) -> None:
    """What goes wrong before anybody asks is told to nobody: the walk that is asked for tells of itself."""
    fill(root, "a")
    errand = Errand.of(walk_of(root / "later"), None)
    with contextlib.closing(FarWalk(errand)) as far:
        wait_until_it_waits(far)
        fill(root, "later/b")
        assert [f"{root}/later/b"] == paths(far.stretches(walk_of(root / "later")))


@pytest.mark.parametrize("has_head_start", [True, False])
def test_it_goes_so_far(large: Path, has_head_start: bool) -> None:
    """Of a very large folder, only a part is walked and kept in memory until somebody asks, or reads."""
    with contextlib.closing(FarWalk(Errand.of(walk_of(large), None) if has_head_start else None)) as far:
        if has_head_start:
            wait_until_it_waits(far)
        stretches = far.stretches(walk_of(large))
        found = [] if has_head_start else paths([next(stretches)])
        if not has_head_start:
            wait_until_it_waits(far)
        fill(large, "00/x", "29/x")
        found += paths(stretches)

    assert LARGE + 1 == len(found)
    assert f"{large}/29/x" in found


def test_what_is_held_is_bounded_too(root: Path) -> None:
    """Names with backslashes, which have no place in the order, are as many as there are."""
    for number in range(LARGE):
        (root / f"{'file' * 55}\\{number:05}").touch()
    with contextlib.closing(FarWalk(Errand.of(walk_of(root), None))) as far:
        wait_until_it_waits(far)
        held: list[Entry] = []
        walk = Elsewhere(root=str(root), hold=held.append, is_regular=is_plain, scope=Scope(ignore=("x",)))
        assert [] == list(far.stretches(walk))

    assert LARGE == len(held)


def test_another_run_was_there(root: Path) -> None:
    """What it has sent, after this walk had begun, would else pass for an object without a file."""
    fill(root, "a")
    with contextlib.closing(FarWalk(Errand.of(walk_of(root), None, (1, 4096, 5)))) as far:
        wait_until_it_waits(far)
        fill(root, "b")
        assert [f"{root}/a", f"{root}/b"] == paths(far.stretches(walk_of(root), None, (1, 4096, 6)))


@pytest.mark.parametrize("place", [None, Place("file:///x?mode=ro", "media/", 1, 2, 3)])
def test_what_is_noted_for_the_next_run(root: Path, place: Place | None) -> None:
    """It is the same errand afterwards, whatever bytes its globs are of."""
    wishes: dict[str, Any] = {
        "scope": Scope(ignore=("é", "\udcff"), include=("*.jpg",), foreign=("x",), held_back=lambda name: False),
        "min_age": 2.5, "compose": True, "follow_symlinks": True, "key_overhead": 6,
    }  # fmt: skip
    errand = Errand.of(walk_of(root, **wishes), place)
    text = noted(errand)

    assert errand == foreseen(str(root), text)
    assert text.isascii()
    assert errand != foreseen(str(root / "x"), text)


@pytest.mark.parametrize("text", ["", "large", "[]", "[{}, null]", '[{"scope": {}}, null]', "[[], []]", '{"a": 1}'])
def test_what_another_version_has_noted(root: Path, text: str) -> None:
    """It foretells nothing."""
    assert foreseen(str(root), text) is None


ORPHANED = """
import os, signal, sys
from s3sync.core.objects import is_plain
from s3sync.core.scope import Scope
from s3sync.local.far_walk import FarWalk, WalkBroken
from s3sync.local.walk import Walk
far = FarWalk()
next(iter(far.stretches(Walk(root=sys.argv[1], hold=print, scope=Scope(), is_regular=is_plain))))
print(far._process.pid, flush=True)
if os.fork():
    os.kill(os.getpid(), signal.SIGKILL)
os.close(1)
sys.stdin.read()  # with all that its parent had open
"""


def test_it_ends_with_the_process_that_asked(large: Path) -> None:
    """Also where one that this has forked still holds its pipe."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "ignore", "-c", ORPHANED, str(large)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as killed:  # fmt: skip
        assert killed.stdout is not None
        number = int(killed.stdout.readline())
        assert -signal.SIGKILL == killed.wait(20)
        until = time.monotonic() + 20
        while is_running(number):
            assert time.monotonic() < until
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status

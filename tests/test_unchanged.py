"""The quick way through what is as it was: it says what the slow way says, and asks for no more."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from tests.project import S3_STORAGE, Project, Result
from tests.proxy import Proxy
from tests.servers import ON_MOTO

GZIP = {"gzip": True, "gzip_content_types": ("text/plain",)}
OWN = """
from storages.backends.s3 import S3Storage

class Media(S3Storage):
    def get_object_parameters(self, name):
        if name.endswith("bad.bin"):
            raise LookupError("no parameters for this one")
        return {"CacheControl": "max-age=60"}
"""
STORAGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "everybody reads": {"options": {"default_acl": "public-read"}},
    "gzip": {"options": GZIP},
    "parameters of its own": {"backend": "backends.Media", "backends": OWN},
}


def stir(project: Project, s3: Any, bucket: str) -> None:
    """Whatever may happen between two runs, within one folder and around it."""
    project.write("f/new.bin", b"new")
    project.write("f/size.bin", b"longer than it was")
    project.write("f/touched.bin", b"touched")
    (project.media / "f/gone.bin").unlink()
    project.write("f/Thumbs.db", b"junk")
    project.write("f/back\\slash.bin", b"collides")
    project.write("f/back/slash.bin", b"collides")
    os.mkfifo(project.media / "f/fifo")
    os.symlink("/nowhere", project.media / "f/link")
    s3.put_object(Bucket=bucket, Key="media/f/replaced.bin", Body=b"by a user")
    s3.put_object(Bucket=bucket, Key="media/f/orphan.bin", Body=b"of a user")
    s3.delete_object(Bucket=bucket, Key="media/f/deleted.bin")


@ON_MOTO
def test_the_quick_way_counts_as_the_slow_one(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --dry-run: with -v 3 each name is looked at by itself, as somebody wants to read of it"""
    names = ("size", "touched", "gone", "replaced", "deleted", "bad", *(f"{n:03}" for n in range(150)))
    for name in names:
        project.write(f"f/{name}.bin", name.encode())
    for name in ("g/text.txt", "h/.env", "i/a.bin", "i/e\u0301.bin"):
        project.write(name, b"text " * 100)
    time.sleep(2.1)  # no fingerprint is kept of what has just changed
    # What is not let through today may be in the bucket since yesterday.
    assert 0 == project.push("--allow-secret", "h/.env").code
    stir(project, s3, bucket)

    for storage, how in STORAGES.items():
        project.configure(**{"backend": S3_STORAGE, **how})
        slow, quick = project.push("--dry-run", "-v", "3"), project.push("--dry-run")

        assert quick.counts["unchanged"] >= 151, (storage, quick)
        assert (5 if storage == "everybody reads" else 4) == quick.code, quick
        assert (3 if storage == "parameters of its own" else 2) == quick.counts["failed"]
        assert (slow.code, slow.counts) == (quick.code, quick.counts)
        assert [slow.report[name] for name in ("status", "bytes")] == [
            quick.report[name] for name in ("status", "bytes")
        ]
        assert shown(slow) == shown(quick)


def shown(result: Result) -> tuple[list[Any], list[Any]]:
    """What a report names however much was asked for."""
    items = [
        item for item in result.report["items"]
        if item["action"] != "none" and item["result"] != "planned" and item["reason"] != "junk"
    ]  # fmt: skip
    return items, result.report["findings"]


@ON_MOTO
def test_many_folders_of_which_one_has_changed(project: Project, proxy: Proxy) -> None:
    """s3_push_media: the others cost their listing; what was sent meanwhile is known in the third run"""
    project.configure(server=proxy.server)
    for number in range(400):
        project.write(f"{number // 20:02}/{number:04}.bin", b"%d" % number)
    time.sleep(2.1)
    assert 400 == project.push().counts["uploaded"]
    proxy.clear()
    for number in range(20, 40):
        project.write(f"01/{number:04}.bin", b"changed %d" % number)

    second = project.push()
    sent = proxy.count()["PutObject"]
    proxy.clear()
    third = project.push()

    assert {"scanned": 400, "listed": 400, "changed": 20, "unchanged": 380, "uploaded": 20} == second.counts
    assert 20 == sent
    assert {"scanned": 400, "listed": 400, "unchanged": 400} == third.counts
    assert {"ListObjectsV2": 1} == dict(proxy.count())


@ON_MOTO
def test_what_was_found_equal_is_settled(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media: files hashed by a rehearsal, objects of another tool; and records that have lost their files"""
    for name in project.fill(5):
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=(project.media / name).read_bytes())
    time.sleep(2.1)
    assert 5 == project.push("--dry-run").counts["unchanged"]
    assert 5 == project.push().counts["unchanged"]
    assert 5 == records(project, "SELECT count(*) FROM known WHERE place IS NOT NULL")
    records(project, "UPDATE known SET place = NULL")

    assert 5 == project.push().counts["unchanged"]
    assert 5 == records(project, "SELECT count(*) FROM known WHERE place IS NOT NULL")


WALKED_BY = """
from s3sync.local import far_walk
_interpreter = far_walk.interpreter

def interpreter(*arguments, **how):
    with open("walked-by", "a") as out:
        out.write("another process\\n")
    return _interpreter(*arguments, **how)

far_walk.interpreter = interpreter
"""
FORESEEN = """
_walk = far_walk.FarWalk.__init__

def begin(self, foreseen=None):
    with open("foreseen-by", "a") as out:
        out.write(f"{foreseen and foreseen.how['root']}\\n")
    _walk(self, foreseen)

far_walk.FarWalk.__init__ = begin
"""
OTHER_RUN = """
import subprocess, sys, time

def begin_and_wait(self, foreseen=None):
    begin(self, foreseen)
    if foreseen is not None:
        time.sleep(1)
        with open("media/meanwhile.txt", "w") as file:
            file.write("new")
        far_walk.FarWalk.__init__ = begin
        command = [sys.executable, "manage.py", "s3_push_media", "--files-from", "-"]
        if WAS_THERE:
            subprocess.run(command, input=b"meanwhile.txt", check=True, capture_output=True)

far_walk.FarWalk.__init__ = begin_and_wait
"""
STANDING_BY = """
import sys
from s3sync.s3 import sending_process
_interpreter = sending_process.interpreter

def interpreter(*arguments, **how):
    with open("standing-by", "a") as out:
        out.write(f"{'boto3' in sys.modules}\\n")
    return _interpreter(*arguments, **how)

sending_process.interpreter = interpreter

from s3sync.s3 import far
_close = far.Far.close

def close(self):
    with open("lanes", "a") as out:
        out.write("far\\n")
    _close(self)

far.Far.close = close
"""
CUT = """
_started = far_walk.interpreter

class Cut:
    def __init__(self, stream):
        self._stream, self._left = stream, 3000

    def read(self, size):
        self._left -= size
        return self._stream.read(size) if self._left > 0 else b""

    def close(self):
        self._stream.close()

def interpreter(*arguments, **how):
    process = _started(*arguments, **how)
    process.stdout = Cut(process.stdout)
    return process

far_walk.interpreter = interpreter
"""


def make_large(project: Project) -> None:
    """As the run before leaves it where the folder has very many files."""
    name = f"'{os.path.realpath(project.media)}' || char(0) || 'default'"
    records(project, f"INSERT OR REPLACE INTO fact VALUES ('', {name}, 'large')")


def walked_by(project: Project) -> list[str]:
    path = project.root / "walked-by"
    return path.read_text().splitlines() if path.exists() else []


def foreseen_by(project: Project) -> list[str]:
    """The folders that walks had a head start in."""
    path = project.root / "foreseen-by"
    return path.read_text().splitlines() if path.exists() else []


def standing_by(project: Project) -> int:
    """How many sending processes there have been."""
    path = project.root / "standing-by"
    return len(path.read_text().splitlines()) if path.exists() else 0


@ON_MOTO
def test_a_large_folder_is_walked_by_another_process(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media: it says of every name what it says otherwise; sends, deletes and leaves alone the same"""
    for name in ("size", "touched", "gone", "replaced", "deleted", *(f"{n:03}" for n in range(150))):
        project.write(f"f/{name}.bin", name.encode())
    time.sleep(2.1)
    assert 0 == project.push().code
    stir(project, s3, bucket)
    project.write("f/040.bin", b"new")  # of the same size, and so is the next: among many that are as they were
    s3.put_object(Bucket=bucket, Key="media/f/050.bin", Body=b"new")
    for storage, how in {"plain": {}, "gzip": {"options": GZIP}}.items():
        project.configure(settings=WALKED_BY, **how)  # type: ignore[arg-type]
        wishes = (("--delete",), ("--delete", "-v", "3"), ("--prefix", "f/0"), ("--ignore", "*1.b*"))
        for arguments in wishes if storage == "plain" else wishes[:1]:
            usual = project.push("--dry-run", *arguments)
            make_large(project)
            large = project.push("--dry-run", *arguments)
            records(project, "DELETE FROM fact WHERE target = ''")

            assert usual.counts["unchanged"] >= 98, (storage, usual)
            for name in ("counts", "items", "status", "bytes", "findings"):
                assert usual.report[name] == large.report[name], (storage, arguments)
    assert 4 == len(walked_by(project))  # a part of it is no large folder
    make_large(project)
    project.configure(settings=WALKED_BY)
    (project.media / "f/back\\slash.bin").unlink()  # nothing is deleted after a failure
    done = project.push("--delete")

    assert (5, 1) == (done.counts["uploaded"], done.counts["deleted"]), done
    assert 5 == len(walked_by(project))
    assert project.push().counts["unchanged"] >= 151
    assert 5 == len(walked_by(project))  # as it has so few files


@ON_MOTO
def test_a_folder_that_grows_large_and_small_again(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media: the next run knows it, whatever a rehearsal, or one of a part of it, says"""
    project.fill(5)
    project.configure(settings=WALKED_BY + "from s3sync.sync import folder\nfolder._LARGE = 5\n")
    seen = []
    for arguments in ((), ("--dry-run",), ("--prefix", "many/0000/000001"), (), ()):
        project.push(*arguments)
        seen.append(len(walked_by(project)))
    (project.media / "many/0000/000001.bin").unlink()
    for arguments in (("--dry-run",), ("--ignore", "x"), (), ()):
        project.push(*arguments)
        seen.append(len(walked_by(project)))

    assert [0, 1, 1, 2, 3, 4, 5, 6, 6] == seen


@ON_MOTO
def test_a_head_start_says_the_same(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media: what the last run was asked for is walked in advance, and anything else anew"""
    project.fill(7)
    project.write("other/a.txt", b"a")
    other = project.root / "other"
    other.mkdir()
    (other / "b.txt").write_bytes(b"b")
    small = "from s3sync.sync import folder\nfolder._LARGE = 5\n"
    project.configure(settings=WALKED_BY + small + FORESEEN)
    assert 8 == project.push().counts["uploaded"]
    assert [] == foreseen_by(project)

    project.write("other/c.txt", b"new")
    assert {"scanned": 9, "listed": 8, "new": 1, "uploaded": 1, "unchanged": 8} == project.push().counts
    told = {}
    for arguments in (("--ignore", "*.txt"), (), ("--prefix", "other/"), ("--source", str(other)), ("--dry-run",)):
        told[arguments] = project.push(*arguments).counts

    assert {
        ("--ignore", "*.txt"): {"scanned": 7, "listed": 9, "unchanged": 7, "skipped": 2},
        (): {"scanned": 9, "listed": 9, "unchanged": 9},
        ("--prefix", "other/"): {"scanned": 2, "listed": 2, "unchanged": 2},
        ("--source", str(other)): {"scanned": 1, "listed": 9, "new": 1, "uploaded": 1, "orphans": 9},
        ("--dry-run",): {"scanned": 9, "listed": 10, "unchanged": 9, "orphans": 1},
    } == told
    assert 4 == len(foreseen_by(project))  # not of a part, and of the other folder nothing was noted
    assert 4 == len(walked_by(project))  # nor is there a second process


@ON_MOTO
@pytest.mark.parametrize(("was_there", "counts"), [
    (True, {"scanned": 8, "listed": 8, "unchanged": 8}), (False, {"scanned": 7, "listed": 7, "unchanged": 7}),
])  # fmt: skip
def test_another_run_was_there(
    project: Project, s3: Any, bucket: str, was_there: bool, counts: dict[str, int]
) -> None:  # fmt: skip
    """s3_push_media --delete: it has sent a file after our walk began, so that is not good any more; else it is"""
    project.fill(7)
    small = "from s3sync.sync import folder\nfolder._LARGE = 5\n"
    project.configure(settings=WALKED_BY + small + FORESEEN)
    assert 7 == project.push().counts["uploaded"]
    project.configure(settings=WALKED_BY + small + FORESEEN + f"WAS_THERE = {was_there}" + OTHER_RUN)

    result = project.push("--delete", "-v", "3")

    assert (0, 1) == (result.code, len(foreseen_by(project))), result
    assert counts == result.counts


@ON_MOTO
def test_a_sending_process_stands_by(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media: where a folder was never pushed, it is begun; else there is none in vain"""
    project.configure(settings=STANDING_BY)
    project.fill(3)
    (project.root / "empty").mkdir()
    seen = []
    for arguments in (
        ("--dry-run",), ("--engine", "boto3", "--dry-run"), ("--max-rps", "99", "--dry-run"), ("--prefix", "many/"),
        (), (), ("--source", str(project.root / "empty")), ("--source", str(project.root / "nowhere")),
    ):  # fmt: skip
        seen.append((project.push(*arguments).code, standing_by(project)))

    assert [(0, 0), (0, 0), (0, 0), (0, 0), (0, 1), (0, 1), (0, 1), (1, 1)] == seen
    records(project, "DELETE FROM fact")
    seen = [(project.push("--ignore", "x").code, standing_by(project)) for _ in range(2)]
    assert [(0, 2), (0, 2)] == seen  # of a part, too, it is noted that a run has met it
    assert 3 == len(s3.list_objects_v2(Bucket=bucket)["Contents"])


@ON_MOTO
def test_the_process_that_stood_by_sends(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media: what is left of the first push when it is ready; for that, it had the import of boto3"""
    project.configure(settings=STANDING_BY)
    names = project.fill(150)

    result = project.run("s3_push_media", fresh=True)

    assert (0, 1) == (result.code, standing_by(project)), result
    assert "False\n" == (project.root / "standing-by").read_text()
    assert "far\n" == (project.root / "lanes").read_text()  # and there was no second one to be it
    assert {f"media/{name}" for name in names} == {
        entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]
    }
    assert 150 == project.push().counts["unchanged"]
    assert 1 == standing_by(project)


@ON_MOTO
def test_the_other_process_ends_too_soon(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --delete: nothing is deleted, as nobody knows what else there is; what was begun is kept"""
    names = [f"{number:02}/{other}.bin" for number in range(20) for other in range(5)]
    for name in names:
        project.write(name, name.encode())
    assert 0 == project.push().code
    for name in names:
        project.write(name, b"changed " + name.encode())
    project.configure(settings=WALKED_BY + CUT)
    make_large(project)

    broken = project.push("--delete")
    project.configure()
    rest = project.push("--delete")

    assert 1 == broken.code, broken
    assert "the process that walked through it has gone" in broken.report["error"]["message"]
    assert "Stopped: the walk broke off." in broken.stderr
    assert 0 < broken.counts["uploaded"] < 100
    assert 100 - broken.counts["uploaded"] == rest.counts["uploaded"]
    assert "deleted" not in rest.counts | broken.counts


def records(project: Project, statement: str) -> Any:
    with closing(sqlite3.connect(project.state / "state.sqlite3")) as database:
        rows = database.execute(statement).fetchall()
        database.commit()
    return rows[0][0] if rows else None

"""Runs that are killed, stopped, or short of space, at any moment: the next one completes, and nothing has lied."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from tests.agreement import chance, lies, md5_of, say, soak, stored
from tests.project import S3_MANIFEST, Code, Project
from tests.proxy import Proxy, Request, Response, Verdict
from tests.servers import ON_MOTO
from tests.soak import IN_SOAK, SOAK, seeds
from tests.test_races import MIB, names_without_object
from tests.zygote import Forked

PARTS = f"TransferConfig(multipart_threshold={5 * MIB}, multipart_chunksize={5 * MIB})"
IMPORT_CONFIG = "from boto3.s3.transfer import TransferConfig"
FILES = 2000 if SOAK else 60
KILLS = 10 if SOAK else 3

DIES = """
import os, signal, sqlite3, threading, time

_word, _, _rest = os.environ.get("DIES_AT", "").partition(":")
_countdown, _, _pause = _rest.partition(":")

def _die():
    time.sleep(float(_pause))
    os.kill(os.getpid(), signal.SIGKILL)

def _count(statement):
    global _countdown
    if statement.lstrip().startswith(_word):
        _countdown = int(_countdown) - 1
        if _countdown == 0:
            threading.Thread(target=_die).start() if float(_pause) else _die()

if _word:
    _connect = sqlite3.connect

    def _watched(*args, **options):
        database = _connect(*args, **options)
        database.set_trace_callback(_count)
        return database

    sqlite3.connect = _watched
"""
"""For the settings: kills the process when SQLite begins with a statement for the n-th time, or a moment later."""


@dataclass(frozen=True)
class Moment:
    """When a run is to be killed."""

    kind: str
    """`time`, `sql`, or S3's name of an operation."""
    number: int = 0
    pause: float = 0.0
    """Seconds; of `time` from the start, of `sql` from the statement."""
    answered: bool = False
    """Whether the server gets the request, and carries it out, before the process dies."""

    @property
    def env(self) -> dict[str, str | None]:
        """What lets the process kill itself."""
        word = ("INSERT", "COMMIT", "BEGIN")[self.number % 3]
        count = {"INSERT": 1 + self.number, "COMMIT": 1 + self.number % 5, "BEGIN": 1 + self.number % 5}[word]
        return {"DIES_AT": f"{word}:{count}:{self.pause}" if self.kind == "sql" else None}


@contextmanager
def killed_at(moment: Moment, proxy: Proxy, started: subprocess.Popen[bytes] | Forked) -> Iterator[None]:
    """Kills the process at this moment, should it live so long, and waits for its end."""
    seen = 0

    def kill(answer: Response | None = None) -> Any:
        with suppress(ProcessLookupError):
            started.kill()
        return answer

    def rule(request: Request) -> Verdict:
        nonlocal seen
        seen += request.operation == moment.kind
        if request.operation != moment.kind or seen != moment.number:
            return None
        if moment.answered:
            return kill
        kill()
        return "drop"

    proxy.rule = rule
    timer = threading.Timer(moment.pause, kill)
    if moment.kind == "time":
        timer.start()
    try:
        yield
        started.communicate(timeout=120)
        while proxy.under_way:  # what a dead process has sent is carried out all the same
            time.sleep(0.01)
    finally:
        timer.cancel()
        proxy.rule = None


def moments(rng: Random, count: int, operations: dict[str, int]) -> list[Moment]:
    """Random ones: one by the clock, one within SQLite, the others among so many requests of these operations."""
    found = [
        Moment("time", pause=rng.uniform(*(0.2, 4.0) if SOAK else (0.15, 0.4))),
        # A short run commits too seldom to count that, but stores a row for each file.
        Moment(
            "sql",
            rng.randrange(30) if SOAK else rng.randrange(0, 12, 3),
            rng.choice([0.0, rng.uniform(0.0001, 0.01)]),
        ),
    ]
    names = sorted(operations)
    while len(found) < count:
        name = names[len(found) % len(names)]
        found.append(Moment(name, rng.randint(1, operations[name]), answered=rng.random() < 0.5))
    rng.shuffle(found)
    return found[:count]


def unfinished(s3: Any, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]


def work_on_files(project: Project, rng: Random, turn: int) -> None:
    """Some are new, some are changed, some are gone, and so is a large one."""
    names = sorted(path.relative_to(project.media).as_posix() for path in project.media.rglob("*.bin"))
    if not names:
        project.fill(FILES)
    for name in rng.sample(names, len(names) // 3):
        project.write(name, b"turn %d of " % turn + name.encode(), age=rng.choice([0, 100]))
    for name in rng.sample(names, len(names) // 20):
        (project.media / name).unlink(missing_ok=True)
    for number in range(FILES // 10):
        project.write(f"new/{turn}/{number}.bin", b"new %d" % number)
    for number in range(3 if SOAK else 1):
        project.write(f"big/{number}.iso", bytes([turn % 256]) * (11 * MIB + turn))


def in_step(project: Project, s3: Any, bucket: str) -> dict[str, int]:
    """Name -> size of each object that is not what its file is; -1 where one of the two is missing."""
    files = {path.relative_to(project.media).as_posix(): path for path in project.media.rglob("*") if path.is_file()}
    found = {key.removeprefix("media/"): seen for key, seen in stored(s3, bucket).items()}
    wrong = dict.fromkeys(files.keys() ^ found.keys(), -1)
    for name in files.keys() & found.keys():
        etag, size = found[name]
        if md5_of(s3, bucket, f"media/{name}", etag) != hashlib.md5(files[name].read_bytes()).hexdigest():
            wrong[name] = size
    return wrong


@soak
@ON_MOTO
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", seeds(1, 7))
def test_push_is_killed(seed: int, project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media --delete, and kill -9, again and again; s3_push_media --delete --abort-stale 0s"""
    rng = chance(seed)
    options = {"transfer_config": Code(PARTS)}
    project.configure(server=proxy.server, options=options, settings=f"{IMPORT_CONFIG}\n{DIES}")
    deletes = ["--delete", "--max-delete", "100%"]
    operations = {
        "ListObjectsV2": 2 if SOAK else 1, "PutObject": FILES // 3, "CreateMultipartUpload": 1, "UploadPart": 3,
        "CompleteMultipartUpload": 1, "DeleteObject": FILES // 20, "HeadObject": 3,
    }  # fmt: skip
    ended = []
    for turn, moment in enumerate(moments(rng, KILLS, operations)):
        say(turn, moment)
        work_on_files(project, rng, turn)
        engine = ["--engine", rng.choice(["fast", "boto3"])]
        process = project.start("s3_push_media", *deletes, *engine, env=moment.env, fresh=SOAK and turn % 2 == 0)
        with killed_at(moment, proxy, process):
            pass
        ended.append(process.returncode)
        if (project.state / "state.sqlite3").exists():
            assert {} == lies(project.state, s3, bucket, killed=True), moment

        again = project.push(*deletes, *engine, "--abort-stale", "0s")
        assert 0 == again.code, (moment, again)
        assert not {"state-lost", "deletes-withheld"} & {found["id"] for found in again.report["findings"]}, again
        assert ([], {}) == (unfinished(s3, bucket), in_step(project, s3, bucket)), moment
        assert {} == lies(project.state, s3, bucket, gone=True), moment
    proxy.clear()
    last = project.push(*deletes)
    assert (0, {"ListObjectsV2"}) == (last.code, set(proxy.count())), last
    say(f"ended with {ended}")
    assert ended.count(-signal.SIGKILL) > len(ended) // 2


@soak
@ON_MOTO
@IN_SOAK
def test_killed_before_it_was_written_down(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, and kill -9 after an object was replaced; then the file changes again: care, and no loss"""
    project.configure(server=proxy.server, settings=DIES)
    project.write("a.txt", b"one", age=100)
    assert 0 == project.push().code
    project.write("a.txt", b"second", age=90)
    moment = Moment("PutObject", 1, answered=True)
    process = project.start("s3_push_media")
    with killed_at(moment, proxy, process):
        pass
    project.write("a.txt", b"the third", age=80)

    careful = project.push()

    assert (3, 1) == (careful.code, careful.counts["conflicts"]), "nobody can tell that it was not a user's"
    assert (0, 1) == (project.push("--overwrite-newer").code, project.push().counts["unchanged"])
    assert {} == in_step(project, s3, bucket)


@soak
@ON_MOTO
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", seeds(1, 4))
@pytest.mark.parametrize("place", ["bucket", "elsewhere"] if SOAK else ["bucket"])
def test_deploy_is_killed(place: str, seed: int, project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """collectstatic --s3, and kill -9: at every moment all that the live manifest names is there"""
    rng = chance(seed)
    count, local = (300 if SOAK else 12), project.root / "live"
    how: dict[str, Any] = {}
    settings = DIES
    if place == "elsewhere":
        settings += "\nfrom django.core.files.storage import FileSystemStorage"
        settings += f"\nLIVE = FileSystemStorage({str(local)!r})"
        how = {"manifest_storage": Code("LIVE")}
    project.server = proxy.server
    project.configure_static(S3_MANIFEST, settings=settings, **how)
    operations = {"PutObject": count // 2, "ListObjectsV2": 1}
    turns = moments(rng, KILLS - 2 if SOAK else 1, operations)
    turns += [Moment("manifest", 1, answered=answered) for answered in ((True, False) if SOAK else (seed % 2 == 0,))]
    ended = []
    for turn, moment in enumerate(turns):
        say(turn, moment)
        for number in range(count):
            if not turn or rng.random() < 0.5:
                project.asset(f"{number}.txt", f"{turn} {number}")
                project.asset(f"{number}.css", f"a{{background:url({number}.txt)}}/*{turn}*/")
        if moment.kind == "manifest":  # the last of all; which number it has, depends on what has changed
            changed = project.collect("--dry-run").counts
            number = changed.get("new", 0) + changed.get("changed", 0)
            moment = Moment("PutObject", number - (rng.random() < 0.5), answered=moment.answered)
        process = project.start(
            "collectstatic", "--s3", "--no-input", "--prune", env=moment.env, fresh=SOAK and turn % 2 == 0
        )
        with killed_at(moment, proxy, process):
            pass
        ended.append(process.returncode)
        assert [] == missing(project, s3, bucket, local), moment

        again = project.collect("--prune", "--abort-stale", "0s")
        assert 0 == again.code, (moment, again)
        assert [] == missing(project, s3, bucket, local), moment
        assert ("static/staticfiles.json" in stored(s3, bucket, "static/")) is (place == "bucket")
    last = project.collect()
    assert (0, 0) == (last.code, last.counts.get("uploaded", 0)), last
    say(f"ended with {ended}")
    assert ended.count(-signal.SIGKILL) >= len(ended) // 2


def missing(project: Project, s3: Any, bucket: str, local: Any) -> list[str]:
    """What the live manifest names though it is not there, wherever the manifest lives."""
    path = local / "staticfiles.json"
    return names_without_object(s3, bucket, path.read_bytes() if path.exists() else None)[1]


@soak
@ON_MOTO
@IN_SOAK
@pytest.mark.parametrize("engine", ["fast", "boto3"])
def test_stopped_and_continued(engine: str, project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, and a laptop's lid: the server has hung up meanwhile, and the run goes on"""
    project.configure(server=proxy.server, options={"transfer_config": Code(PARTS)}, settings=IMPORT_CONFIG)
    names = project.fill(120)
    project.write("big.iso", b"big" * 4 * MIB)
    seen = threading.Event()
    asleep = threading.Event()

    def rule(request: Request) -> Verdict:
        if proxy.count()["PutObject"] == 30:
            seen.set()
        return "drop" if asleep.is_set() else None

    proxy.rule = rule
    process = project.start("s3_push_media", "--format", "json", "--engine", engine, "--workers", "4")
    assert seen.wait(60)
    os.kill(process.pid, signal.SIGSTOP)
    asleep.set()
    time.sleep(5)
    asleep.clear()
    locked = project.push()
    os.kill(process.pid, signal.SIGCONT)
    result = project.finish(process)

    assert (0, 121) == (result.code, result.counts["uploaded"]), result
    assert 6 == locked.code, locked
    assert ({}, {}, []) == (
        in_step(project, s3, bucket), lies(project.state, s3, bucket), unfinished(s3, bucket)
    )  # fmt: skip
    assert 121 == project.push().counts["unchanged"]
    assert len(names) == 120


@soak
@ON_MOTO
@pytest.mark.parametrize("seed", seeds(0, 6))
def test_disk_fills_up(seed: int, project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, with no space left for its state from some moment on: a warning, and no record that is not true"""
    rng = chance(seed)
    project.fill(1500)
    assert 0 == project.push("--prefix", "many/0000/").code
    limit = (project.state / "state.sqlite3").stat().st_size + rng.randrange(-4096, 200_000)
    full = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    for number in range(50):
        project.write(f"many/0000/{number:06}.bin", b"changed")
    project.configure(settings=full)
    result = project.push()
    assert 0 == result.code, result
    say([finding["detail"] for finding in result.report["findings"]])
    project.configure()
    assert {} == lies(project.state, s3, bucket, replaced=frozenset(stored(s3, bucket)))
    again = project.push()
    assert (0, 1500, []) == (again.code, again.counts["unchanged"], again.report["findings"]), again
    assert ({}, {}) == (in_step(project, s3, bucket), lies(project.state, s3, bucket))

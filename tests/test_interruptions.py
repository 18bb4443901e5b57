"""What stops a run in the middle, or stands in its way: the next run completes the work, and nothing is half done."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import filelock
import pytest

from tests.project import Code, Project
from tests.proxy import Proxy, Request, Response, Verdict
from tests.servers import ON_MOTO
from tests.test_bad_input import BOTH_ENGINES, contents, discreet, refuse_puts, stored_names

__all__ = ["discreet"]

MIB = 1024 * 1024
PARTS = {"transfer_config": Code(f"TransferConfig(multipart_threshold={5 * MIB}, multipart_chunksize={5 * MIB})")}
IMPORT_CONFIG = "from boto3.s3.transfer import TransferConfig"
BIG = bytes(range(256)) * (12 * MIB // 256)
STATE = "state.sqlite3"


class Gate:
    """Holds answers of one operation back until it is opened."""

    def __init__(self, proxy: Proxy, operation: str, after: int = 0) -> None:
        self._open = threading.Event()
        self._operation, self._after, self._seen = operation, after, 0
        self.held = 0
        proxy.rule = self._judge

    def open(self) -> None:
        """Let everything pass from now on."""
        self._open.set()

    def _judge(self, request: Request) -> Verdict:
        if request.operation != self._operation:
            return None
        self._seen += 1
        if self._seen <= self._after:
            return None
        self.held += 1
        return self._hold

    def _hold(self, answer: Response) -> Response:
        self._open.wait(60)
        return answer


def wait_until(met: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    """Wait for something that the process is about to do."""
    deadline = time.monotonic() + 60
    while not met():
        assert None is process.poll(), process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Signals


@ON_MOTO
@pytest.mark.parametrize(
    ("number", "engine"), [(signal.SIGINT, "fast"), (signal.SIGTERM, "fast"), (signal.SIGTERM, "boto3")]
)
def test_signal_in_the_middle(
    project: Project, proxy: Proxy, s3: Any, bucket: str, number: signal.Signals, engine: str
) -> None:
    """s3_push_media, and Ctrl-C: what is under way is finished and counted, and the next run does the rest"""
    project.configure(server=proxy.server)
    names = project.fill(120)
    gate = Gate(proxy, "PutObject", after=20)

    process = project.start("s3_push_media", "--format", "json", "--engine", engine, "--workers", "8")
    wait_until(lambda: gate.held, process)
    process.send_signal(number)
    time.sleep(0.5)
    gate.open()
    result = project.finish(process)

    assert 128 + number == result.code, result
    assert ("interrupted", 128 + number) == (result.report["status"], result.report["exit_code"])
    counts = result.counts
    assert 0 == counts.get("failed", 0)
    # However much waits: only what is on the wire when the signal comes goes on.
    assert 20 <= counts["uploaded"] <= 20 + 8
    assert counts["new"] == counts["uploaded"] + counts.get("not_tried", 0)
    assert counts["uploaded"] == len(stored_names(s3, bucket))

    rest = project.push("--engine", engine)

    assert 0 == rest.code, rest
    assert {"unchanged": counts["uploaded"], "uploaded": 120 - counts["uploaded"]} == {
        name: rest.counts[name] for name in ("unchanged", "uploaded")
    }
    assert names == stored_names(s3, bucket)


@ON_MOTO
def test_signal_while_all_waits(project: Project, proxy: Proxy) -> None:
    """s3_push_media, and Ctrl-C while no more files fit into memory: nothing that waits is sent for its sake"""
    project.configure(server=proxy.server)
    project.fill(400)
    gate = Gate(proxy, "PutObject", after=20)

    process = project.start("s3_push_media", "--format", "json", "--engine", "fast", "--workers", "8")
    wait_until(lambda: gate.held, process)  # on how many of the eight connections, is the engine's affair
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.7)
    gate.open()
    result = project.finish(process)

    assert 143 == result.code, result
    assert 28 >= result.counts["uploaded"], result


@ON_MOTO
def test_second_signal_exits_at_once(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, and Ctrl-C twice"""
    project.configure(server=proxy.server)
    project.write("a.txt", b"a")
    gate = Gate(proxy, "PutObject")
    process = project.start("s3_push_media", fresh=True)
    wait_until(lambda: gate.held, process)

    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    result = project.finish(process)

    assert 130 == result.code, result
    gate.open()
    assert 0 == project.push().code
    assert {"a.txt": b"a"} == contents(s3, bucket)


@ON_MOTO
def test_signal_during_a_large_file(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, and Ctrl-C: no parts are left behind that somebody has to pay for"""
    project.configure(server=proxy.server, options=PARTS, settings=IMPORT_CONFIG)
    project.write("big.bin", BIG)
    gate = Gate(proxy, "UploadPart", after=1)
    process = project.start("s3_push_media", "--format", "json")
    wait_until(lambda: gate.held, process)

    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    gate.open()
    result = project.finish(process)

    assert 130 == result.code, result
    assert {"scanned": 1, "new": 1, "not_tried": 1} == result.counts
    assert {} == contents(s3, bucket)
    assert [] == s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert 0 == project.push().code
    assert {"big.bin": BIG} == contents(s3, bucket)


@ON_MOTO
@BOTH_ENGINES
def test_killed_in_the_middle(project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str) -> None:
    """s3_push_media, and kill -9, with a large file under way"""
    project.configure(server=proxy.server, options=PARTS, settings=IMPORT_CONFIG)
    names = project.fill(60)
    project.write("big.bin", BIG)
    gate = Gate(proxy, "UploadPart", after=1)
    process = project.start("s3_push_media", "--engine", engine)
    wait_until(lambda: gate.held and proxy.count()["PutObject"] >= 30, process)

    process.kill()
    assert -signal.SIGKILL == project.finish(process).code
    gate.open()

    found = contents(s3, bucket)
    assert {20} == {len(content) for content in found.values()}
    result = project.push("--engine", engine)

    assert 0 == result.code, result
    assert 0 == result.counts.get("kept", 0) + result.counts.get("conflicts", 0)
    found = contents(s3, bucket)
    assert BIG == found.pop("big.bin")
    assert names == sorted(found)
    assert {"unchanged": 61, "scanned": 61, "listed": 61} == project.push().counts


# The server goes away


@ON_MOTO
def test_server_dies_in_the_middle(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media: stops, says why, and the next run completes"""
    # Each of those that fail would be tried for some seconds.
    project.configure(server=proxy.server, settings="from s3sync.s3 import engine_boto3\nengine_boto3._TRIES = 3")
    names = project.fill(200)
    proxy.rule = lambda _: "drop" if len(proxy.requests) > 40 else None

    result = project.push("--workers", "64", env={"AWS_MAX_ATTEMPTS": "1"})

    assert 4 == result.code, result
    counts = result.counts
    assert counts["new"] == counts["uploaded"] + counts["failed"] + counts["not_tried"]
    assert {"Unreachable"} == {item["error"]["code"] for item in result.report["items"]}
    assert all("endpoint_url" in item["error"]["hint"] for item in result.report["items"])
    assert counts["uploaded"] == len(stored_names(s3, bucket))

    proxy.rule = None
    assert 0 == project.push().code
    assert names == stored_names(s3, bucket)


FIRST_PAGE = """\
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>
<NextContinuationToken>more</NextContinuationToken><Contents><Key>media/zzz</Key><Size>1</Size><ETag>"0"</ETag>
<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"""


@ON_MOTO
def test_listing_breaks_off(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, to a stub that refuses the second page: what was sent until then is counted"""
    project.configure(server=proxy.server)
    names = project.fill(20)

    def rule(request: Request) -> Verdict:
        if request.operation != "ListObjectsV2":
            return None
        if "continuation-token" in request.query:
            return Response(403, "AccessDenied")
        return Response(200, body=FIRST_PAGE.encode())

    proxy.rule = rule
    result = project.push()

    assert 1 == result.code, result
    assert "AccessDenied" == result.report["error"]["code"]
    assert result.counts.get("uploaded", 0) == len(stored_names(s3, bucket))
    proxy.rule = None
    assert 0 == project.push().code
    assert names == stored_names(s3, bucket)


# Budgets


@ON_MOTO
@BOTH_ENGINES
def test_time_is_up(project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str) -> None:
    """s3_push_media --max-duration 1s: what is under way is finished, and the next run does the rest"""
    project.configure(server=proxy.server)
    names = project.fill(60)
    proxy.rule = lambda request: 0.3 if request.operation == "PutObject" else None

    result = project.push("--max-duration", "1s", "--engine", engine, "--workers", "4")

    assert 7 == result.code, result
    assert "budget" == result.report["status"]
    assert 0 == result.counts.get("failed", 0)
    assert result.counts["new"] == result.counts["uploaded"] + result.counts["not_tried"]
    assert result.counts["uploaded"] == len(stored_names(s3, bucket))
    proxy.rule = None
    assert 0 == project.push("--engine", engine).code
    assert names == stored_names(s3, bucket)


@ON_MOTO
@pytest.mark.parametrize(("options", "limit"), [(["--max-errors", "5"], 5), (["--fail-fast"], 1)])
def test_too_many_errors(
    project: Project, proxy: Proxy, s3: Any, bucket: str, options: list[str], limit: int
) -> None:
    """s3_push_media --max-errors 5"""
    project.configure(server=proxy.server)
    project.fill(150)
    proxy.rule = refuse_puts(lambda request: request.key.endswith("9.bin"), 403, "AccessDenied")

    result = project.push(*options, "--workers", "4")

    assert 4 == result.code, result
    counts = result.counts
    assert limit <= counts["failed"] < 15
    assert counts["not_tried"]
    assert counts["new"] == counts["uploaded"] + counts["failed"] + counts["not_tried"]
    assert f"Stopped: {limit} failures were the limit." in result.stderr
    assert counts["uploaded"] == len(stored_names(s3, bucket))


# One at a time


@ON_MOTO
def test_second_run_while_one_runs(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, twice at a time; --check takes no lock"""
    project.configure(server=proxy.server)
    project.write("a.txt", b"a")
    gate = Gate(proxy, "PutObject")
    process = project.start("s3_push_media", "--format", "json")
    wait_until(lambda: gate.held, process)
    asked = len(proxy.requests)

    second = project.push()

    assert 6 == second.code, second
    assert ("locked", "LockHeld") == (second.report["status"], second.report["error"]["code"])
    assert asked == len(proxy.requests)
    said = project.run("s3_push_media")
    assert (6, "") == (said.code, said.stdout)
    assert "Another run works on this target." in said.stderr
    silent = project.run("s3_push_media", "-v", "0")
    assert (6, "", "") == (silent.code, silent.stdout, silent.stderr)
    assert 0 == project.push("--check").code  # the proxy holds back the answer, not the object
    other = project.push("--storage", "default", "--lock", str(project.root / "own.lock"), "--dry-run")
    assert 0 == other.code, other

    gate.open()
    assert 0 == project.finish(process).code
    assert 0 == project.push().code
    assert {"a.txt": b"a"} == contents(s3, bucket)


@ON_MOTO
def test_lock_of_ones_own(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --lock PATH; --lock none"""
    project.write("a.txt", b"a")
    path = project.root / "locks" / "push.lock"
    path.parent.mkdir()

    with filelock.FileLock(path):
        held = project.push("--lock", str(path))
        assert 6 == held.code, held
        assert str(path) in held.report["error"]["hint"]
        assert {} == contents(s3, bucket)
        assert 0 == project.push("--lock", "none").code
    assert 0 == project.push("--lock", str(path)).code
    unusable = project.push("--lock", "/proc/nope/lock")
    assert 1 == unusable.code, unusable
    assert "--lock" in unusable.report["error"]["hint"]
    assert not list(project.state.glob("*.lock"))


# The state file


@ON_MOTO
@pytest.mark.parametrize("option", ["--dry-run", "--check"])
def test_looking_writes_nothing(project: Project, proxy: Proxy, s3: Any, bucket: str, option: str) -> None:
    """s3_push_media --dry-run"""
    project.configure(server=proxy.server)
    project.write("new.txt", b"new")
    project.write("same.txt", b"same")
    project.write("changed.txt", b"changed")
    for name, content in {"same.txt": b"same", "changed.txt": b"before", "orphan.txt": b"orphan"}.items():
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=content)
    project.write("changed.txt", b"changed", age=-60)
    before = contents(s3, bucket)

    result = project.push(option, "--delete")

    assert (3 if option == "--check" else 0) == result.code, result
    assert {"scanned": 3, "listed": 3, "new": 1, "changed": 1, "unchanged": 1, "orphans": 1} == result.counts
    assert {"ListObjectsV2": 1} == dict(proxy.count())
    assert before == contents(s3, bucket)
    assert not list(project.state.glob("*.lock"))
    database = sqlite3.connect(project.state / STATE)
    assert [(0,)] == database.execute("SELECT count(*) FROM known").fetchall()
    assert [(0,)] == database.execute("SELECT count(*) FROM fact").fetchall()
    database.close()


@ON_MOTO
def test_state_can_not_be_written(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media, with a state directory that can't be made: a warning"""
    names = project.fill(5)
    env = {"S3SYNC_STATE_DIR": "/proc/nope"}

    result = project.push(env=env)

    assert 0 == result.code, result
    assert ["state-lost"] == [finding["id"] for finding in result.report["findings"]]
    assert "/proc/nope/state.sqlite3 can't be used" in result.stderr
    assert names == stored_names(s3, bucket)
    again = project.push(env=env)
    assert {"scanned": 5, "listed": 5, "unchanged": 5} == again.counts


@ON_MOTO
@pytest.mark.parametrize("damage", ["beginning", "middle"])
def test_state_is_damaged(project: Project, s3: Any, bucket: str, damage: str) -> None:
    """s3_push_media, after the disk has eaten the state file: a warning, and a new one"""
    project.fill(80)
    assert 0 == project.push().code
    path = project.state / STATE
    content = bytearray(path.read_bytes())
    where = 0 if damage == "beginning" else 4096
    content[where : where + 8192] = b"\xa5" * len(content[where : where + 8192])
    path.write_bytes(content)
    before = contents(s3, bucket)

    result = project.push()

    assert 0 == result.code, result
    assert {"scanned": 80, "listed": 80, "unchanged": 80} == result.counts
    assert ["state-lost"] == [finding["id"] for finding in result.report["findings"]]
    assert before == contents(s3, bucket)
    healed = project.push()
    assert (0, []) == (healed.code, healed.report["findings"])


@ON_MOTO
@pytest.mark.parametrize("limit", [6_000, 24_000])
def test_disk_is_full(project: Project, s3: Any, bucket: str, limit: int) -> None:
    """s3_push_media, where no file may grow beyond some kilobytes: a warning"""
    names = project.fill(200)
    full = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    project.configure(settings=full)

    result = project.push()

    assert 0 == result.code, result
    assert ["state-lost"] == [finding["id"] for finding in result.report["findings"]]
    assert names == stored_names(s3, bucket)
    project.configure()
    again = project.push()
    assert {"scanned": 200, "listed": 200, "unchanged": 200} == again.counts

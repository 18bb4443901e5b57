"""Whatever breaks on the way back: a file is whole or not there, no byte is another version's, the next run heals."""

from __future__ import annotations

import io
import os
import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import FAULTS, STALLS, ByName, FaultProxy, fits
from tests.project import Code, Project, Result
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_MOTO, ON_RGW_HTTPS, Server
from tests.soak import SOAK, seeds
from tests.test_pull import LARGE, pull, put, requests, tree

HASTY: dict[str, Any] = {"client_config": Code("Config(read_timeout=1)")}
IMPORT_CONFIG = "from botocore.config import Config"


@pytest.fixture
def faulty(server: Server) -> Iterator[FaultProxy]:
    """A proxy that breaks what it is told to break, before `server`."""
    if server.kind == "remote":
        pytest.skip("A remote server takes the proxy's address for a wrong one.")
    with FaultProxy(server) as running:
        yield running
    assert running.errors == []


@pytest.mark.parametrize("engine", ["fast", *(["boto3"] * SOAK)])
@ON_RGW_HTTPS
def test_each_fault_of_a_read_passes(project: Project, faulty: FaultProxy, s3: Any, bucket: str, engine: str) -> None:
    """s3_pull_media, where each object meets one fault; a large one meets one in each segment"""
    names = [name for name in FAULTS if fits(name, "GetObject") and (SOAK or name not in STALLS)]
    contents = {f"{name}.bin": name.encode() * 4000 for name in names}
    for name, body in contents.items():
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=body)
    contents["large.bin"] = os.urandom(LARGE)
    s3.put_object(Bucket=bucket, Key="media/large.bin", Body=contents["large.bin"])
    project.configure(server=faulty.server, options=HASTY, settings=IMPORT_CONFIG)
    small = ByName({("GetObject", f"media/{name}.bin"): name for name in names})
    segments = iter(["cut-answer", "lost", "length-too-long"])
    faulty.fault = lambda request: (
        FAULTS[next(segments, "slow")] if request.key == "media/large.bin" and request.operation == "GetObject"
        else small(request)
    )  # fmt: skip

    result = pull(project, "--engine", engine)
    assert (0, len(contents)) == (result.code, result.counts["downloaded"]), result
    assert contents == tree(project.media)
    assert ([], None) == (small.unmet, next(segments, None))
    again = pull(project)
    assert ({"ListObjectsV2": 1}, len(contents)) == (requests(again), again.counts["unchanged"]), again


@pytest.mark.parametrize("engine", ["fast", *(["boto3"] * SOAK)])
@ON_MOTO
def test_a_body_of_other_bytes_is_not_kept(project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str) -> None:
    """s3_pull_media, where a byte is changed on the way once, and then at each time in another way"""
    put(s3, bucket, once_bin=b"right", ever_bin=b"right", version_bin=b"right")
    seen: set[str] = set()

    def rule(request: Request) -> Any:
        if request.operation != "GetObject":
            return None
        first = request.key not in seen
        seen.add(request.key)
        if request.key == "media/version.bin":  # a server that looks at no condition
            return lambda answer: Response(200, headers={**answer.headers, "ETag": f'"{"0" * 32}"'}, body=b"other")
        if first or request.key == "media/ever.bin":
            return lambda answer: Response(200, headers=answer.headers, body=os.urandom(5))
        return None

    project.configure(server=proxy.server)
    proxy.rule = rule
    result = pull(project, "--engine", engine)
    assert (4, 1, 2) == (result.code, result.counts["downloaded"], result.counts["failed"]), result
    assert {"once.bin": b"right"} == tree(project.media)
    assert "BadDigest" == result.item("ever.bin")["error"]["code"]
    proxy.rule = None
    assert (0, 2) == ((healed := pull(project)).code, healed.counts["downloaded"])


@pytest.mark.parametrize("engine", ["fast", *(["boto3"] * SOAK)])
@ON_MOTO
def test_what_changes_in_the_bucket_meanwhile(
    project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str
) -> None:
    """s3_pull_media, while users replace one object, delete another, and replace a large one between its segments"""
    put(s3, bucket, replaced_txt=b"first", deleted_txt=b"first", kept_txt=b"first")
    s3.put_object(Bucket=bucket, Key="media/large.bin", Body=b"1" * LARGE)
    done: set[str] = set()

    def rule(request: Request) -> None:
        if request.operation != "GetObject" or request.key in done:
            return
        if request.key == "media/replaced.txt":
            put(s3, bucket, replaced_txt=b"second")
        elif request.key == "media/deleted.txt":
            s3.delete_object(Bucket=bucket, Key=request.key)
        elif request.key == "media/large.bin" and not request.headers["range"].startswith("bytes=0-"):
            s3.put_object(Bucket=bucket, Key=request.key, Body=b"2" * LARGE)
        else:
            return
        done.add(request.key)

    project.configure(server=proxy.server)
    proxy.rule = rule
    result = pull(project, "--engine", engine)
    assert (0, 3, 1) == (result.code, result.counts["downloaded"], result.counts["skipped"]), result
    assert "vanished" == result.item("deleted.txt")["reason"]
    assert {"kept.txt": b"first", "large.bin": b"2" * LARGE, "replaced.txt": b"second"} == tree(project.media)
    assert 3 == len(done)


@ON_MOTO
def test_what_s3_refuses_is_told(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_pull_media, where an object is archived, and one is forbidden; then all are"""
    put(s3, bucket, **{f"n{number:02}_txt": b"x" for number in range(60)})
    put(s3, bucket, archived_txt=b"x", secret_txt=b"x")
    project.configure(server=proxy.server)

    def rule(request: Request) -> Response | None:
        if request.key == "media/archived.txt":
            return Response(403, "InvalidObjectState")
        return Response(403, "AccessDenied") if request.key == "media/secret.txt" else None

    proxy.rule = rule
    result = pull(project)
    assert (4, 60, 2) == (result.code, result.counts["downloaded"], result.counts["failed"]), result
    assert "RestoreObject" in result.item("archived.txt")["error"]["hint"]
    assert f"needs s3:GetObject on {bucket}/media/*" == result.item("secret.txt")["error"]["hint"]

    for path in project.media.iterdir():
        path.unlink()
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.operation == "GetObject" else None
    result = project.run("s3_pull_media", "-w", "1")
    assert 4 == result.code
    assert "Stopped: 50 downloads in a row failed with AccessDenied." in result.stderr
    assert {} == tree(project.media)


def stopped_in_segments(project: Project, proxy: Proxy, stop: int) -> tuple[Result, int]:
    """How a pull of a large object ends that gets a signal at its third segment, and how many it had fetched."""
    processes: list[Any] = []

    def rule(request: Request) -> None:
        if request.operation == "GetObject" and proxy.count()["GetObject"] == 3:
            processes[0].send_signal(stop)

    proxy.clear()
    proxy.rule = rule
    processes.append(project.start("s3_pull_media", "--format", "json", "-w", "2"))
    result = project.finish(processes[0])
    proxy.rule = None
    return result, proxy.count()["GetObject"]


@pytest.mark.parametrize("stop", [signal.SIGKILL, *([signal.SIGTERM] * SOAK)])
@ON_MOTO
def test_a_large_object_is_gone_on_with(
    project: Project, proxy: Proxy, s3: Any, bucket: str, stop: signal.Signals
) -> None:
    """s3_pull_media, killed or stopped in a large object, and begun again; then one that was replaced in between"""
    body = os.urandom(LARGE)
    s3.upload_fileobj(io.BytesIO(body), bucket, "media/large.bin")
    project.configure(server=proxy.server)
    result, _ = stopped_in_segments(project, proxy, stop)
    assert (-9 if stop is signal.SIGKILL else 143) == result.code, result
    (part,) = (name for name in tree(project.media) if not name.endswith("-lock"))
    assert part.startswith(".s3sync/")
    assert {"listed": 1} == {name: n for name, n in project.push("-n").counts.items() if name != "orphans"}

    proxy.clear()
    result = pull(project)
    assert (0, {"large.bin": body}) == (result.code, tree(project.media)), result
    assert proxy.count()["GetObject"] < 3

    if not SOAK:
        return
    (project.media / "large.bin").unlink()
    stopped_in_segments(project, proxy, stop)
    put(s3, bucket, large_bin=b"small now")
    result = pull(project)
    assert (0, {"large.bin": b"small now"}) == (result.code, tree(project.media)), result


@ON_MOTO
def test_a_full_disk_stops_the_run(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media, where no file may have more than a megabyte; then where one may"""
    put(s3, bucket, a_bin=b"a" * 3_000_000, large_bin=os.urandom(LARGE), small_bin=b"s")
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))"
    project.configure(settings=limit)
    result = project.run("s3_pull_media", "-w", "1")
    assert 4 == result.code, result
    assert "failed with DiskFull" in result.stderr
    assert "Stopped: nothing more fits" in result.stderr
    assert "make room in" in result.stderr
    assert not {"a.bin", "large.bin"} & set(os.listdir(project.media))
    project.configure()
    assert (0, {"a.bin", "large.bin", "small.bin"}) == (pull(project).code, set(tree(project.media)))


@ON_MOTO
def test_a_folder_that_can_not_be_used(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media --to a file; to a folder whose hidden folder is a link; with MEDIA_ROOT empty"""
    put(s3, bucket, a_txt=b"a")
    project.write("file", b"")
    result = pull(project, "--to", str(project.media / "file"))
    assert (1, "FolderUnusable") == (result.code, result.report["error"]["code"]), result
    (project.media / ".s3sync").symlink_to(project.root)
    result = pull(project)
    assert (1, "FolderUnusable") == (result.code, result.report["error"]["code"]), result
    project.configure(settings="MEDIA_ROOT = ''")
    result = pull(project)
    assert (1, "NoFolder") == (result.code, result.report["error"]["code"]), result
    assert "--to" in result.report["error"]["hint"]
    project.configure(bucket=f"{bucket}-missing")
    result = pull(project, "--to", str(project.root / "new"))
    assert (1, "NoSuchBucket") == (result.code, result.report["error"]["code"]), result
    assert not (project.root / "new").exists()
    project.configure(bucket=bucket)
    assert 2 == pull(project, "--to", "").code
    assert 2 == pull(project, "--no-clobber", "--overwrite-newer").code
    assert 0 == pull(project, "--to", str(project.root / "made/here")).code
    assert b"a" == (project.root / "made/here/a.txt").read_bytes()


@pytest.mark.parametrize("seed", seeds(1, 30))
@ON_MOTO
def test_runs_killed_at_any_moment(project: Project, proxy: Proxy, s3: Any, bucket: str, seed: int) -> None:
    """s3_pull_media, killed while objects come and others are replaced: each file is whole at each time"""
    chance = random.Random(seed)
    old = {f"sub{number % 3}/{number:02}.bin": b"%d" % number * 50 for number in range(60)}
    for name, body in old.items():
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=body)
    assert 0 == pull(project, "--prefix", "sub0/").code
    new = {name: body if chance.random() < 0.5 else body + b"new" for name, body in old.items()}
    for name in (name for name in old if new[name] != old[name]):
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=new[name])
    project.configure(server=proxy.server)
    for _ in range(4 if SOAK else 2):
        process, last = project.start("s3_pull_media"), chance.randrange(1, 25)
        proxy.clear()
        proxy.rule = lambda _, process=process, last=last: (  # type: ignore[misc]
            process.kill() if proxy.count()["GetObject"] == last else None
        )
        project.finish(process)
        for name, body in tree(project.media).items():
            assert name.startswith(".s3sync/") or body in (old[name], new[name])
    proxy.rule = None
    result = pull(project)
    assert (0, new) == (result.code, tree(project.media)), result
    assert {"ListObjectsV2": 1} == requests(project.push())

"""`--max-duration` holds in every phase, and a log shows that a long run is alive."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.project import S3_MANIFEST, Project, Result
from tests.proxy import Proxy, Request
from tests.servers import ON_MOTO

SHORT = "1s"


def slow(proxy: Proxy, chosen: Callable[[Request], bool]) -> None:
    """Holds chosen requests for longer than there is time."""
    proxy.rule = lambda request: 1.1 if chosen(request) else None


def ended(result: Result) -> Result:
    """A run that has ended for want of time, and is safe to run again."""
    assert (7, "budget") == (result.code, result.report["status"]), result
    assert None is result.report["error"]
    return result


@ON_MOTO
def test_while_it_lists(project: Project, proxy: Proxy) -> None:
    """s3_push_media --max-duration 1s, and the listing takes longer: nothing is begun"""
    project.configure(server=proxy.server)
    project.fill(5)
    slow(proxy, lambda request: request.operation == "ListObjectsV2")

    assert {} == ended(project.push("--max-duration", SHORT)).counts
    proxy.rule = None
    assert 5 == project.push().counts["uploaded"]


@ON_MOTO
def test_while_it_looks_and_sends(project: Project, proxy: Proxy) -> None:
    """s3_push_media --max-duration 1s, and the first answer takes longer: the rest is not tried"""
    project.configure(server=proxy.server)
    project.fill(30)
    slow(proxy, lambda request: request.operation == "HeadObject")

    result = ended(project.push("--max-duration", SHORT))
    assert 30 == result.counts.get("uploaded", 0) + result.counts["not_tried"], result
    assert 0 < result.counts["not_tried"]
    proxy.rule = None
    assert 0 == project.push().code


@ON_MOTO
def test_before_it_deletes_and_while_it_verifies(project: Project, proxy: Proxy) -> None:
    """s3_push_media --delete --verify --max-duration 1s: nothing is deleted once the time is up, and it says so"""
    project.configure(server=proxy.server)
    project.fill(3)
    project.write("gone.txt", b"gone", age=60)
    project.push()
    (project.media / "gone.txt").unlink()
    project.write("new.txt", b"new", age=60)
    slow(proxy, lambda request: request.operation == "PutObject")
    ended(project.push("--delete", "--max-duration", SHORT))
    assert 0 == proxy.count()["DeleteObject"]

    project.write("newer.txt", b"newer", age=60)
    proxy.clear()
    slow(proxy, lambda request: request.operation == "ListObjectsV2" and proxy.count()["PutObject"] > 0)
    verified = ended(project.push("--verify", "--max-duration", SHORT))
    assert ["verify-unfinished"] == [found["id"] for found in verified.report["findings"]]
    assert 1 == verified.counts["uploaded"]


@ON_MOTO
@pytest.mark.parametrize("backend", [S3_MANIFEST, "storages.backends.s3.S3StaticStorage"])
def test_while_it_collects(project: Project, proxy: Proxy, backend: str) -> None:
    """collectstatic --s3 --max-duration 0: no bucket is asked, and nothing is sent"""
    project.configure_static(backend, endpoint_url=proxy.server.endpoint_url)
    project.asset("a.css", "a{}")

    assert {"scanned": 1, "not_tried": 1} == ended(project.collect("--max-duration", "0")).counts
    assert 0 == len(proxy.count())


@ON_MOTO
def test_every_phase_is_alive(project: Project) -> None:
    """S3SYNC_PROGRESS_INTERVAL=0 s3_push_media --verify --delete; and collectstatic --s3"""
    project.configure_static(S3_MANIFEST)
    project.asset("a.css", "a{}")
    project.fill(70)
    project.push()
    (project.media / "many/0000/000003.bin").unlink()
    project.fill(3, folder="more")
    every = {"S3SYNC_PROGRESS_INTERVAL": "0"}

    pushed = project.push("--verify", "--delete", env=every)
    collected = project.collect(env=every)

    assert re.search(r"^64 names compared|^1 names compared", pushed.stderr, re.MULTILINE), pushed
    assert re.search(r"^deleting, .*3 of 3 files sent", pushed.stderr, re.MULTILINE), pushed
    assert re.search(r"^verifying, ", pushed.stderr, re.MULTILINE), pushed
    assert {"collecting", "hashing"} <= set(collected.stderr.splitlines()), collected
    assert "" == project.push().stderr

"""`--bwlimit` and `--max-rps`: whoever sends, asks; and what is sent in measure arrives whole."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections import Counter
from typing import Any

import pytest

from s3sync.s3.calls import CallCounter
from s3sync.s3.limits import Limits, Throttle
from tests.project import Code, Project
from tests.proxy import Proxy
from tests.servers import ON_MOTO, ON_RGW_HTTPS, Server
from tests.test_engine_fast import codes, put_of, running
from tests.test_interruptions import wait_until


class Recorded(Limits):
    """Limits that write down what is asked of them, and let everything pass."""

    def __init__(self, **of: float) -> None:
        super().__init__(of.get("bandwidth"), of.get("requests"), now=lambda: 0.0, sleep=lambda _: None,
                         stop=lambda: True)  # fmt: skip
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def wait(self, *, requests: int = 0, size: int = 0) -> None:
        with self._lock:
            self.asked["requests"] += requests
            self.asked["bytes"] += size
            self.asked["largest"] = max(self.asked["largest"], size)


@ON_MOTO
def test_boto3_asks_for_every_request_and_every_byte(server: Server, bucket: str, s3: Any) -> None:
    """Objects, parts, heads and listings; bodies in pieces, so that none is a burst of its own."""
    client, limits = server.client(), Recorded(bandwidth=1e6, requests=10)
    calls = CallCounter(client)
    throttle = Throttle(client, limits, calls)
    body = os.urandom(100_000)

    client.put_object(Bucket=bucket, Key="a", Body=body)
    upload = client.create_multipart_upload(Bucket=bucket, Key="b")["UploadId"]
    part = client.upload_part(Bucket=bucket, Key="b", UploadId=upload, PartNumber=1, Body=body)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(Bucket=bucket, Key="b", UploadId=upload, MultipartUpload=parts)
    client.head_object(Bucket=bucket, Key="a")
    client.list_objects_v2(Bucket=bucket)
    with calls.paused():  # what is built to be looked at is never sent
        client.head_object(Bucket=bucket, Key="a")

    assert 6 == limits.asked["requests"] == sum(calls.counts.values())
    assert 200_000 <= limits.asked["bytes"] < 201_000  # and the list of parts
    assert 16_384 == limits.asked["largest"]
    assert [body, body] == [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in "ab"]
    throttle.close()
    client.head_object(Bucket=bucket, Key="a")
    assert 6 == limits.asked["requests"]


@ON_MOTO
def test_the_fast_engine_is_held_back(server: Server, bucket: str) -> None:
    """It tells the size of what it has sent, and sends nothing more before it may."""
    told: list[int] = []

    def rest(size: int) -> float:
        told.append(size)
        return 3600.0 if len(told) == 3 else 0.0

    with running(server.client(), bucket, rest=rest) as harness:
        harness.submit(*(put_of(f"{number}", b"x" * number) for number in range(1, 9)))
        harness.results(3)
        harness.engine.cancel()

        assert ["stored"] * 3 + ["cancelled"] * 5 == codes(harness.results(8))
    assert [1, 2, 3] == told


@ON_MOTO
@pytest.mark.parametrize("engine", ["fast", "boto3"])
def test_a_limited_push_stores_the_same(project: Project, s3: Any, bucket: str, proxy: Proxy, engine: str) -> None:
    """s3_push_media --bwlimit 1G --max-rps 100000: small, middling and in parts"""
    config = Code("TransferConfig(multipart_threshold=6 * 2**20, multipart_chunksize=5 * 2**20)")
    project.configure(
        server=proxy.server,
        options={"transfer_config": config},
        settings="from boto3.s3.transfer import TransferConfig",
    )
    sizes = {"a.bin": 10, "b.bin": 300_000, "c.bin": 7 * 2**20, "empty.bin": 0}
    contents = {name: os.urandom(size) for name, size in sizes.items()}
    for name, content in contents.items():
        project.write(name, content, age=60)

    result = project.push("--bwlimit", "1G", "--max-rps", "100000", "--engine", engine)

    assert (0, 4) == (result.code, result.counts["uploaded"]), result
    assert engine == result.report["engine"]
    assert 2 == proxy.count()["UploadPart"]
    for name, content in contents.items():
        stored = s3.get_object(Bucket=bucket, Key=f"media/{name}")["Body"].read()
        assert hashlib.md5(content).digest() == hashlib.md5(stored).digest()
    assert 0 == project.push("--check", "--bwlimit", "1G").code


@ON_MOTO
@pytest.mark.parametrize(
    ("limit", "engine", "size"),
    [(("--bwlimit", "5K"), "boto3", 8000), (("--bwlimit", "5K"), "fast", 8000),
     (("--max-rps", "2"), "boto3", 20), (("--max-rps", "2"), "fast", 20)],
)  # fmt: skip
def test_whichever_engine_sends_is_held_back(project: Project, limit: tuple[str, str], engine: str, size: int) -> None:
    """s3_push_media --max-duration 1s with a limit that a dozen files take longer for: the time is up before the end"""
    project.fill(12, size=size)

    result = project.push(*limit, "--engine", engine, "--max-duration", "1s")

    assert (7, engine) == (result.code, result.report["engine"]), result
    assert result.counts.get("uploaded", 0) < 12, result


@ON_RGW_HTTPS
def test_what_is_larger_than_a_burst_goes_in_measure(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --bwlimit 2M, over TLS: 600 kB is more than may go at once, so boto3 sends it piece by piece"""
    content = os.urandom(600_000)
    project.write("a.bin", content, age=60)
    project.write("b.bin", b"small", age=60)

    result = project.push("--bwlimit", "2M", "--max-rps", "1000")

    assert (0, 2) == (result.code, result.counts["uploaded"]), result
    assert content == s3.get_object(Bucket=bucket, Key="media/a.bin")["Body"].read()


@ON_MOTO
def test_a_run_at_a_crawl_ends_when_it_is_asked_to(project: Project, proxy: Proxy) -> None:
    """s3_push_media --bwlimit 1K, which would take half an hour; SIGTERM"""
    project.configure(server=proxy.server)
    project.write("a.bin", b"x" * 2_000_000, age=60)
    process = project.start("s3_push_media", "--format", "json", "--bwlimit", "1K")
    wait_until(lambda: proxy.count()["HeadObject"], process)
    process.send_signal(signal.SIGTERM)

    result = project.finish(process)

    # Nothing holds it back any more: it may be whole before anybody sees that the run is to end.
    assert result.code == 143 or (result.code, result.counts["uploaded"]) == (0, 1), result
    assert 1 == result.counts.get("uploaded", 0) + result.counts.get("not_tried", 0), result

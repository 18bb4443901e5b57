"""The benchmark does not rot: it runs, its servers do what clients expect, and its document says what was measured."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks import report, targets
from benchmarks.data import Tree, equal
from benchmarks.installing import environment, requirements
from benchmarks.measure import measure
from benchmarks.peers import Job, Tool, base_environment, own_python
from benchmarks.results import Results
from benchmarks.servers import Server, compiler, null_server

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is compiled is compiled once."""
    return tmp_path_factory.mktemp("base")


@pytest.fixture(scope="module", params=["C", "Python"])
def null(request: pytest.FixtureRequest, base: Path) -> Iterator[Server]:
    """Each null server in turn."""
    if request.param == "C" and not compiler():
        pytest.skip("no C compiler")
    with null_server(base, python=request.param == "Python") as server:
        assert request.param == server.kind
        yield server


@pytest.fixture(name="client")
def make_client(null: Server) -> Iterator[Any]:
    """boto3, which knows S3's answers better than this project does."""
    null.ask("drop", bucket="b")
    client = boto3.client(
        "s3", endpoint_url=null.endpoint(), aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )  # fmt: skip
    yield client
    client.close()


def code_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(Bucket="b", **arguments)
    return str(caught.value.response["Error"]["Code"])


def test_quick_run(base: Path, tmp_path: Path) -> None:
    """python -m benchmarks --quick"""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--base", base, "--results", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    assert "| s3_push_media |" in done.stdout
    (path,) = tmp_path.glob("*.json")
    scenarios = json.loads(path.read_text())["cases"]["tiny"]["scenarios"]
    runs = {name: rows["ours"]["runs"][0] for name, rows in scenarios.items()}
    assert ["first push", "unchanged run", "1 % changed"] == list(runs)
    assert {""} == {run["why_not"] for run in runs.values()}
    assert 20 <= runs["first push"]["requests"]["PutObject"]
    assert {"ListObjects": 1} == {
        name: count for name, count in runs["unchanged run"]["requests"].items() if name != "connections"
    }
    assert 1 == runs["1 % changed"]["requests"]["PutObject"]
    engine = scenarios["first push"]["engine"]["runs"][0]
    assert ("", 20) == (engine["why_not"], engine["requests"]["PutObject"])


def test_an_environment_of_another_python_is_made_anew(tmp_path: Path) -> None:
    """Else other versions than those that are named would take part; so, too, where what is wanted can't be had."""
    wheel = tmp_path / "nothing-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("nothing.py", "")
        for name, text in {
            "METADATA": "Metadata-Version: 2.1\nName: nothing\nVersion: 1\n",
            "WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }.items():
            file.writestr(f"nothing-1.dist-info/{name}", text)
    folder = tmp_path / "peers"
    assert "" == environment(folder, [str(wheel)])
    stays = folder / "a tool"
    stays.touch()
    assert "" == environment(folder, [str(wheel)])
    assert stays.exists()

    (folder / "installed").write_text(f"3.9.0 {wheel}")
    assert "could not be installed" in environment(folder, [str(tmp_path / "none.whl")])
    assert not stays.exists()
    assert not (folder / "installed").exists()



def test_our_runs_are_on_what_we_need(tmp_path: Path) -> None:
    """As the others', they have an environment of their own, once that is complete; and nothing of the tests in it."""
    assert f"boto3=={version('boto3')}" in requirements()
    assert not [each for each in requirements() if each.startswith(("moto", "pytest"))]
    (tmp_path / "own").mkdir()
    assert Path(sys.executable) == own_python(tmp_path)
    (tmp_path / "own" / "installed").touch()
    assert tmp_path / "own/bin/python" == own_python(tmp_path)


@pytest.mark.parametrize(
    ("command", "why_not"),
    [(["true"], "stored 0 objects, 0 bytes of 5, 500"), (["sh", "-c", "echo no >&2; exit 3"], "exit code 3: no")],
)
def test_tool_that_did_not_do_the_work_has_no_time(
    null: Server, tmp_path: Path, command: list[str], why_not: str
) -> None:  # fmt: skip
    """One that stores nothing and is content, one that fails"""
    equal(tmp_path / "files", 5, 100, 2)
    tool = Tool("x", "x", lambda _: command, base_environment, {})
    job = Job(tmp_path / "files", "nobody", null.endpoint(), None, tmp_path / "scratch")
    assert why_not == measure(tool, job, Tree(tmp_path / "files"), null, 0).why_not


def test_change_is_taken_back(tmp_path: Path) -> None:
    """Each round has to find the same files."""
    equal(tmp_path, 200, 10, 3)
    tree = Tree(tmp_path)
    changed = tree.change(0.01, 1)
    assert (2, (200, 2016)) == (len(changed), tree.size())
    tree.restore(changed)
    assert (200, 2000) == tree.size()


def test_null_server_stores(client: Any, null: Server) -> None:
    """PUT with its conditions, HEAD with metadata, copy, DELETE"""
    etag = client.put_object(Bucket="b", Key="ä b&<.txt", Body=b"one", Metadata={"mtime": "1.5"})["ETag"]
    assert '"f97c5d29941bfb1b2fdab0874906ab82"' == etag
    head = client.head_object(Bucket="b", Key="ä b&<.txt")
    assert (3, etag, {"mtime": "1.5"}) == (head["ContentLength"], head["ETag"], head["Metadata"])
    put = client.put_object
    assert "PreconditionFailed" == code_of(put, Key="ä b&<.txt", Body=b"x", IfNoneMatch="*")
    assert "PreconditionFailed" == code_of(put, Key="ä b&<.txt", Body=b"x", IfMatch='"other"')
    assert "NoSuchKey" == code_of(put, Key="none", Body=b"x", IfMatch=etag)
    client.put_object(Bucket="b", Key="ä b&<.txt", Body=b"three", IfMatch=etag)
    assert {"objects": 1, "bytes": 5} == null.ask("count", bucket="b")
    client.copy_object(Bucket="b", Key="c", CopySource={"Bucket": "b", "Key": "ä b&<.txt"})
    client.delete_object(Bucket="b", Key="ä b&<.txt")
    assert "404" == code_of(client.head_object, Key="ä b&<.txt")
    assert ["c"] == [each["Key"] for each in client.list_objects_v2(Bucket="b")["Contents"]]


def test_null_server_takes_parts(client: Any, null: Server) -> None:
    """An upload in parts: size and ETag as S3 tells them; an abort leaves nothing"""
    upload = {"Bucket": "b", "Key": "large"}
    number = client.create_multipart_upload(**upload)["UploadId"]
    parts = []
    for at, body in ((2, b"two"), (1, b"one")):
        md5 = {1: "+XxdKZQb+xsv2rCHSQargg==", 2: "uKmTupCf4LuTU7s7JNz0Qg=="}[at]
        answer = client.upload_part(**upload, UploadId=number, PartNumber=at, Body=body, ContentMD5=md5)
        parts.insert(0, {"PartNumber": at, "ETag": answer["ETag"]})
    done = client.complete_multipart_upload(**upload, UploadId=number, MultipartUpload={"Parts": parts})
    assert done["ETag"] == client.head_object(**upload)["ETag"]
    assert '-2"' == done["ETag"][-3:]
    other = client.create_multipart_upload(Bucket="b", Key="other")["UploadId"]
    client.abort_multipart_upload(Bucket="b", Key="other", UploadId=other)
    assert "NoSuchUpload" == code_of(client.upload_part, Key="other", UploadId=other, PartNumber=1, Body=b"x")
    assert {"objects": 1, "bytes": 6} == null.ask("count", bucket="b")


def test_null_server_hashes_parts_without_md5(client: Any) -> None:
    """Its C version hashes a part once only; another one that begins alike but is longer is another part"""
    for body in (b"a" * 100_000, b"a" * 100_000, b"a" * 100_001):
        number = client.create_multipart_upload(Bucket="b", Key="k")["UploadId"]
        answer = client.upload_part(Bucket="b", Key="k", UploadId=number, PartNumber=1, Body=body)
        assert f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"' == answer["ETag"]
        client.abort_multipart_upload(Bucket="b", Key="k", UploadId=number)


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
def test_null_server_lists(client: Any, null: Server, tmp_path: Path, operation: str) -> None:
    """Pages in the order of bytes, prefixes, delimiters; names that XML and URLs would change"""
    keys = sorted([f"a/{n:04}" for n in range(2100)] + ["a.b", "a b/ü+%.txt", "z&<>/1", "z&<>/2", "é"], key=str.encode)
    (tmp_path / "keys").write_text("".join(f"{key}\t7\t{'0' * 31}f\n" for key in keys))
    null.ask("load", bucket="b", file=tmp_path / "keys")
    pages = client.get_paginator(operation)
    found = list(pages.paginate(Bucket="b"))
    assert keys == [each["Key"] for page in found for each in page["Contents"]]
    assert [1000, 1000, 105] == [len(page["Contents"]) for page in found]
    assert {('"0000000000000000000000000000000f"', 7)} == {
        (each["ETag"], each["Size"]) for page in found for each in page["Contents"]
    }
    grouped = list(pages.paginate(Bucket="b", Delimiter="/", PaginationConfig={"PageSize": 2}))
    assert ["a b/", "a/", "z&<>/"] == [each["Prefix"] for page in grouped for each in page.get("CommonPrefixes", ())]
    assert ["a.b", "é"] == [each["Key"] for page in grouped for each in page.get("Contents", ())]
    below = list(pages.paginate(Bucket="b", Prefix="z&", Delimiter="/", PaginationConfig={"PageSize": 1}))
    assert ["z&<>/"] == [each["Prefix"] for page in below for each in page["CommonPrefixes"]]


def test_null_server_ends_no_connection_for_another(null: Server) -> None:
    """One that ends without TLS's goodbye leaves the others theirs"""
    if not null.tls_port:
        pytest.skip("it speaks no TLS")
    context = ssl.create_default_context(cafile=null.certificate)

    def connected() -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", null.tls_port), timeout=20)
        return context.wrap_socket(plain, server_hostname="localhost")

    with connected() as stays:
        for part in (b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\n", b"Content-Length: 2\r\n\r\na", b"b"):
            connected().close()
            stays.sendall(part)
            time.sleep(0.05)
        assert stays.recv(4096).startswith(b"HTTP/1.1 200")


def test_null_server_decodes_chunks(null: Server) -> None:
    """What boto3 sends over TLS: aws-chunked within the chunks of HTTP; the next request on the connection is whole"""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", null.port)
    body = iter([b"5\r\nhello\r\n", b"3;x=y\r\nyou\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"])
    headers = {"Transfer-Encoding": "chunked", "Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "8"}
    null.ask("drop", bucket="chunks")
    connection.request("PUT", "/chunks/k", body=body, headers=headers, encode_chunked=True)
    answer = connection.getresponse()
    assert (200, '"ba727a280504d1628fbb956dfeea0f6a"') == (answer.status, answer.getheader("ETag"))
    connection.close()


def test_null_server_waits_without_blocking(client: Any, null: Server) -> None:
    """Counted is what was asked; control is never delayed."""
    null.ask("reset")
    null.ask("latency", ms=20)
    try:
        client.put_object(Bucket="b", Key="k", Body=b"x")
        stats = null.ask("stats")
    finally:
        null.ask("latency", ms=0)
    assert (1, 1) == (stats["PutObject"], stats["bytes"])


def test_targets() -> None:
    """A ratio is of medians of the runs that count; what was not run is not measured."""

    def runs(*seconds: float, why_not: str = "") -> dict[str, Any]:
        return {
            "workers": 0,
            "runs": [{"seconds": each, "cpu": each, "peak": 50, "why_not": why_not} for each in seconds],
        }

    rows = {"ours": runs(1.0, 2.0, 9.0), "s5cmd-cp": runs(3.0), "rclone": runs(0.1, why_not="exit code 1")}
    cases = {"small": {"scenarios": {"first push": rows}}}
    found = [target.look(cases) for target in targets.TARGETS[:3]]
    assert [targets.Found("1.50x (processor time 1.50x)", True), None, None] == found

    rows["s5cmd-cp"], rows["floor"] = runs(1.2), runs(0.5)
    for start, verdict in ((0.3, ""), (0.6, ", together more than that")):
        cases["start"] = {"scenarios": {"unchanged run": {"ours": runs(start)}}}
        why_not = f"1.00 s would do; a C client takes 0.50, our start on nothing {start:.2f}{verdict}"
        missed = targets.Found("0.60x (processor time 0.60x)", False, why_not)
        assert missed == targets.TARGETS[0].look(cases)


def test_document_says_what_was_measured() -> None:
    """docs/performance.md is written by `python -m benchmarks --report --docs`."""
    cases, about = Results.all(RESULTS)
    assert report.markdown(cases, about) in report.DOCUMENT.read_text()
    assert report.plot(cases, report.titles(), f"measured {about['date']}") == report.PLOT.read_text()


def test_null_server_speaks_tls(null: Server) -> None:
    """With a certificate of its own"""
    if not null.tls_port:
        pytest.skip("no openssl")
    context = ssl.create_default_context(cafile=str(null.certificate))
    with urllib.request.urlopen(f"{null.endpoint(tls=True)}/b?list-type=2", context=context) as answer:
        assert b"<ListBucketResult" in answer.read()

"""Others write while a run does: to the bucket, to the files, to the same names. Nobody's newer work is lost."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agreement import SOAK, known, lies
from tests.project import Code, Project
from tests.proxy import Proxy, Request, Verdict
from tests.servers import ON_MOTO, ON_RGW
from tests.test_targets import actions, objects, put, rewrite_requests

MIB = 1024 * 1024
PARTS = f"TransferConfig(multipart_threshold={5 * MIB}, multipart_chunksize={5 * MIB}, max_concurrency=1)"
PATIENCE = "Config(read_timeout=1, retries={'max_attempts': 0}, s3={'addressing_style': 'path'})"
IMPORTS = "from boto3.s3.transfer import TransferConfig\nfrom botocore.config import Config"


def in_parts(project: Project, proxy: Proxy, parts: str = PARTS) -> None:
    """A project that sends what is larger than 5 MiB in parts, one after the other."""
    options = {"transfer_config": Code(parts), "client_config": Code(PATIENCE)}
    project.configure(server=proxy.server, options=options, settings=IMPORTS)


# A user is faster

BIG = 6 * MIB
OURS, THEIRS = b"yesterday's", b"a user's"


def strip_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that knows no conditions."""
    rewrite_requests(
        monkeypatch, lambda head: re.sub(rb"(?i)\r\n(x-amz-copy-source-)?if-(none-)?match: [^\r]*", b"", head)
    )


@ON_MOTO
@pytest.mark.parametrize("kind", ["enforcing", "ignoring"])
def test_metadata_of_an_object_that_a_user_replaces(
    kind: str, project: Project, proxy: Proxy, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s3_push_media --fix-metadata, while a user stores other bytes of the same length: they are not ours to mend"""
    if kind == "ignoring":
        strip_conditions(monkeypatch)
    project.configure(server=proxy.server)
    names = ["before-head.txt", "before-copy.txt", "ours.txt"]
    for name in names:
        project.write(name, OURS, age=100)
    assert 0 == project.push().code
    project.configure(server=proxy.server, options={"object_parameters": {"CacheControl": "max-age=60"}})
    theirs = THEIRS.ljust(len(OURS))

    def rule(request: Request) -> None:
        if request.key.endswith("before-head.txt") and request.operation == "HeadObject":
            put(s3, bucket, "before-head.txt", theirs)
        if request.key.endswith("before-copy.txt") and request.operation == "CopyObject":
            put(s3, bucket, "before-copy.txt", theirs)

    proxy.rule = rule
    result = project.push("--fix-metadata")
    proxy.rule = None

    assert {"before-head.txt": theirs, "before-copy.txt": theirs, "ours.txt": OURS} == objects(s3, bucket), result
    assert {} == lies(project.state, s3, bucket, replaced=frozenset(f"media/{name}" for name in names[:2]))
    assert "CacheControl" not in s3.head_object(Bucket=bucket, Key="media/before-head.txt")
    for name in names:
        project.write(name, OURS + b", changed", age=100)
    assert 3 == project.push().code
    assert {"before-head.txt": theirs, "before-copy.txt": theirs, "ours.txt": OURS + b", changed"} == objects(
        s3, bucket
    )


# A file changes while it is read


def rewrite(path: Path, content: bytes) -> None:
    """In place, and nobody shall see it by the time."""
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path, content: bytes) -> None:
    """By a rename."""
    new = path.with_name("new.tmp")
    new.write_bytes(content)
    os.replace(new, path)


def append(path: Path, content: bytes) -> None:
    """As a log grows."""
    with path.open("ab") as stream:
        stream.write(content[:1000])


CHANGES: dict[str, Callable[[Path, bytes], None]] = {
    "appended": append,
    "truncated": lambda path, content: os.truncate(path, path.stat().st_size - MIB),
    "replaced": replace,
    "rewritten": rewrite,
}
ALL_CHANGES = [(kind, change, times) for kind in ("moto", "rgw") for change in CHANGES for times in (1, 9)]
SOME_CHANGES = [("moto", "rewritten", 1), ("rgw", "replaced", 1), ("moto", "truncated", 9)]


@pytest.mark.parametrize(
    ("server", "change", "times"), ALL_CHANGES if SOAK else SOME_CHANGES, indirect=["server"]
)
@pytest.mark.parametrize("way", ["parts", "whole"] if SOAK else ["parts"])
def test_file_changes_while_it_is_streamed(
    way: str, change: str, times: int, project: Project, proxy: Proxy, s3: Any, bucket: str
) -> None:
    """s3_push_media: what lies in the bucket in the end is one version, and what the state says it is; or it failed"""
    in_parts(project, proxy, PARTS if way == "parts" else f"TransferConfig(multipart_threshold={32 * MIB})")
    path = project.write("big.bin", b"0" * 11 * MIB, age=100)
    versions = [path.read_bytes()]
    trigger = "UploadPart" if way == "parts" else "HeadObject"

    def rule(request: Request) -> Verdict:
        if request.operation == trigger and request.query.get("partNumber", "1") == "1" and len(versions) <= times:
            CHANGES[change](path, b"%d" % len(versions) * 11 * MIB)
            versions.append(path.read_bytes())
        return None

    proxy.rule = rule
    result = project.push()
    proxy.rule = None

    assert result.code in ((0,) if times == 1 else (0, 4)), result
    assert len(versions) > 1
    if result.code:
        assert "FileChanged" == result.item("big.bin")["error"]["code"], result
        assert 4 <= len(versions)
    else:  # what was hashed before it grew is a version too, and the next run sends the next
        found = hashlib.md5(objects(s3, bucket)["big.bin"]).hexdigest()
        assert [found] == [md5 for *_, md5 in known(project.state).values()]
        assert found in {hashlib.md5(version).hexdigest() for version in versions}
    assert {} == lies(project.state, s3, bucket)
    assert 0 == project.push().code
    same = versions[-1] == objects(s3, bucket)["big.bin"]
    assert same
    assert {} == lies(project.state, s3, bucket)

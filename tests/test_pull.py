"""`s3_pull_media`: from the bucket to a folder, with a push's care."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from tests.project import Project, Result
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_MOTO, ON_RGW_HTTPS

LARGE = 20 * 1024 * 1024 + 7
"""Bytes; it goes in three segments, and was put in three parts."""


def pull(project: Project, *args: str, **how: Any) -> Result:
    """Run `s3_pull_media --format json` with these arguments."""
    return project.run("s3_pull_media", "--format", "json", *args, **how)


def put(s3: Any, bucket: str, **contents: bytes) -> None:
    """What users have uploaded: `a__b_txt=b"..."` is `media/a/b.txt`."""
    for name, body in contents.items():
        s3.put_object(Bucket=bucket, Key="media/" + name.replace("__", "/").replace("_", "."), Body=body)


def tree(folder: Path) -> dict[str, bytes]:
    """All that lies below a folder, hidden files too; a link as where it leads."""
    return {
        str(path.relative_to(folder)): os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()
    }  # fmt: skip


def requests(result: Result) -> dict[str, int]:
    return {name: count for name, count in result.report["requests"].items() if count}


@pytest.mark.parametrize("engine", ["fast", "boto3"])
@ON_MOTO
def test_what_is_there_comes_here_once(project: Project, s3: Any, bucket: str, engine: str) -> None:
    """s3_pull_media --engine E, twice; then a push, which sends nothing; then a pull after a push"""
    put(s3, bucket, a_txt=b"a", sub__deep__b_txt=b"b" * 5000, empty_bin=b"")
    large = os.urandom(LARGE)
    s3.upload_fileobj(io.BytesIO(large), bucket, "media/large.bin")
    modified = s3.head_object(Bucket=bucket, Key="media/a.txt")["LastModified"]

    result = pull(project, "--engine", engine)
    assert (0, {"listed": 4, "new": 4, "downloaded": 4}, engine) == (
        result.code, result.counts, result.report["engine"]), result
    assert {"ListObjectsV2": 1, "GetObject": 6} == requests(result)
    assert (LARGE + 5001, LARGE + 5001) == (result.report["bytes"]["received"], result.report["bytes"]["planned"])
    assert {"a.txt": b"a", "empty.bin": b"", "large.bin": large, "sub/deep/b.txt": b"b" * 5000} == tree(project.media)
    assert modified.timestamp() == (project.media / "a.txt").stat().st_mtime
    assert [0o644] * 4 == [path.stat().st_mode & 0o777 for path in project.media.rglob("*.*")]

    again = pull(project, "--engine", engine)
    assert (0, {"listed": 4, "scanned": 4, "unchanged": 4}) == (again.code, again.counts), again
    assert {"ListObjectsV2": 1} == requests(again)
    push = project.push()
    assert (0, {"listed": 4, "scanned": 4, "unchanged": 4}) == (push.code, push.counts), push
    assert {"ListObjectsV2": 1} == requests(push)

    project.write("own.txt", b"own")
    assert 1 == project.push().counts["uploaded"]
    after = pull(project, "--engine", engine)
    assert ({"listed": 5, "scanned": 5, "unchanged": 5}, {"ListObjectsV2": 1}) == (after.counts, requests(after))

"""`manage.py s3_push_media`, as its users see it: each run is a process that starts from nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.project import Project
from tests.proxy import Proxy


@pytest.fixture(autouse=True)
def _as_users_start_it(project: Project) -> None:
    project.fresh = True


def listed(s3: Any, bucket: str) -> dict[str, bytes]:
    """Key -> content of everything in the bucket."""
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", ()):
            found[entry["Key"]] = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
    return found


def test_first_push_sends_every_file(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media"""
    project.write("a.txt", b"one")
    project.write("2024/b.jpg", b"two")

    result = project.push()

    assert 0 == result.code, result
    assert {"scanned": 2, "new": 2, "uploaded": 2} == result.counts
    assert {"media/a.txt": b"one", "media/2024/b.jpg": b"two"} == listed(s3, bucket)


def test_second_push_only_lists(project: Project, proxy: Proxy) -> None:
    """s3_push_media, twice"""
    project.configure(server=proxy.server)
    project.fill(30)
    first = project.push()
    proved = 1  # the first object is sent once more, to see that the server enforces conditions; a HEAD looks before
    counts = {"ListObjectsV2": 1, "HeadObject": proved, "PutObject": 30 + proved}
    assert counts == dict(proxy.count()) == first.report["requests"]
    proxy.clear()

    second = project.push()

    assert 0 == second.code, second
    assert {"scanned": 30, "listed": 30, "unchanged": 30} == second.counts
    assert {"ListObjectsV2": 1} == dict(proxy.count())
    assert {"ListObjectsV2": 1, "PutObject": 0} == second.report["requests"]

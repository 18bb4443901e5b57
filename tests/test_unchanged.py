"""The quick way through what is as it was: it says what the slow way says, and asks for no more."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from typing import Any

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


def records(project: Project, statement: str) -> Any:
    with closing(sqlite3.connect(project.state / "state.sqlite3")) as database:
        rows = database.execute(statement).fetchall()
        database.commit()
    return rows[0][0] if rows else None

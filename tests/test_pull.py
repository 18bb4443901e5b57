"""`s3_pull_media`: from the bucket to a folder, with a push's care."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
from pathlib import Path
from typing import Any

import pytest

from s3sync.local.placing import Destination
from tests.project import S3_STORAGE, Project, Result, s3_options
from tests.proxy import Proxy, Request
from tests.servers import ON_MOTO, ON_RGW_HTTPS
from tests.soak import SOAK

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


@pytest.mark.parametrize("engine", ["fast", *(["boto3"] * SOAK)])
@ON_RGW_HTTPS
def test_what_is_there_comes_here_once(project: Project, s3: Any, bucket: str, engine: str) -> None:
    """s3_pull_media --engine E, twice; then a push, which sends nothing; then a pull after a push"""
    put(s3, bucket, a_txt=b"a", sub__deep__b_txt=b"b" * 5000, empty_bin=b"")
    large = os.urandom(LARGE)
    s3.upload_fileobj(io.BytesIO(large), bucket, "media/large.bin")
    modified = s3.head_object(Bucket=bucket, Key="media/a.txt")["LastModified"]

    result = pull(project, "--engine", engine)
    assert (0, {"listed": 4, "new": 4, "downloaded": 4}, engine) == (
        result.code,
        result.counts,
        result.report["engine"],
    ), result
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


def known_pair(project: Project, s3: Any, bucket: str, *names: str) -> None:
    """Files that were pushed, and are known to be what the bucket has."""
    for name in names:
        project.write(name, b"first", age=3600)
    assert len(names) == project.push().counts["uploaded"]


@ON_MOTO
def test_what_differs_has_two_hands(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media; then --no-clobber; --check; and --overwrite-newer"""
    known_pair(project, s3, bucket, "file.txt", "object.txt", "both.txt", "same.txt")
    project.write("file.txt", b"ours")
    project.write("both.txt", b"ours!")
    put(s3, bucket, object_txt=b"theirs", both_txt=b"theirs", unknown__old_txt=b"theirs", unknown__new_txt=b"theirs")
    project.write("unknown/old.txt", b"ours", age=3600)
    project.write("unknown/new.txt", b"ours", age=-3600)
    project.write("only_here.txt", b"ours")

    spared = pull(project, "--no-clobber")
    assert (0, {"listed": 6, "scanned": 7, "skipped": 6, "orphans": 1}) == (spared.code, spared.counts), spared
    check = pull(project, "--check")
    assert (3, 2, b"first") == (check.code, check.counts["changed"], (project.media / "object.txt").read_bytes()), check

    result = pull(project)
    expected = {
        "listed": 6, "scanned": 7, "changed": 2, "downloaded": 2, "kept": 2, "conflicts": 1, "unchanged": 1,
        "orphans": 1,
    }  # fmt: skip
    assert (3, expected) == (result.code, result.counts), result
    assert ["keep", "conflict", "keep"] == [
        result.item(name)["action"] for name in ("file.txt", "both.txt", "unknown/new.txt")
    ]
    assert {
        "both.txt": b"ours!", "file.txt": b"ours", "object.txt": b"theirs", "only_here.txt": b"ours",
        "same.txt": b"first", "unknown/new.txt": b"ours", "unknown/old.txt": b"theirs",
    } == tree(project.media)  # fmt: skip

    result = pull(project, "--overwrite-newer")
    assert (0, 3) == (result.code, result.counts["downloaded"]), result
    assert [b"first", b"theirs", b"theirs"] == [
        (project.media / name).read_bytes() for name in ("file.txt", "both.txt", "unknown/new.txt")
    ]


@ON_MOTO
def test_a_pull_elsewhere_tells_a_push_nothing(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_pull_media --to DIR, after a user has replaced an object; then a push of yesterday's disk"""
    known_pair(project, s3, bucket, "a.txt")
    put(s3, bucket, a_txt=b"theirs", b_txt=b"theirs")
    project.write("b.txt", b"ours", age=7200)
    result = pull(project, "--to", str(tmp_path / "backup"))
    assert (0, 2, str(tmp_path / "backup")) == (result.code, result.counts["downloaded"], result.report["folder"])
    assert {"a.txt": b"theirs", "b.txt": b"theirs"} == tree(tmp_path / "backup")

    push = project.push()
    assert (0, {"listed": 2, "scanned": 2, "kept": 2}) == (push.code, push.counts), push
    assert {"ListObjectsV2": 1} == requests(pull(project, "--to", str(tmp_path / "backup")))
    put(s3, bucket, a_txt=b"once more")
    assert 1 == pull(project, "--to", str(tmp_path / "backup")).counts["downloaded"]
    assert b"once more" == (tmp_path / "backup/a.txt").read_bytes()


@ON_MOTO
def test_a_pulled_file_that_is_deleted_costs_no_object(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media; rm; s3_push_media --delete"""
    put(s3, bucket, a_txt=b"a", b_txt=b"b")
    assert 0 == pull(project).code
    (project.media / "a.txt").unlink()
    push = project.push("--delete")
    assert (0, {"listed": 2, "scanned": 1, "unchanged": 1, "orphans": 1}) == (push.code, push.counts), push


@ON_MOTO
def test_what_a_crash_has_emptied_empties_no_object(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media; then the power fails, and the file system has the file's name and no content; s3_push_media"""
    put(s3, bucket, a_txt=b"the only copy", b_txt=b"b")
    assert 2 == pull(project).counts["downloaded"]
    path = project.media / "a.txt"
    status = path.stat()
    path.write_bytes(b"")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    project.write("b.txt", b"")  # somebody wants it empty

    push = project.push()
    assert (0, {"listed": 2, "scanned": 2, "changed": 1, "uploaded": 1, "kept": 1}) == (push.code, push.counts), push
    assert b"the only copy" == s3.get_object(Bucket=bucket, Key="media/a.txt")["Body"].read()
    assert 1 == pull(project).counts["downloaded"]
    assert {"a.txt": b"the only copy", "b.txt": b""} == tree(project.media)


@ON_MOTO
def test_what_could_leave_the_folder_is_refused(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_pull_media, where keys are no names of files, and where something else has the name"""
    keys = ["../up.txt", "a/../b.txt", "a//b.txt", "/abs.txt", "back\\slash.txt", "./dot.txt", "x" * 256, "a/.."]
    odd = ["folder", "link/a.txt", "file/a.txt", "pipe", "linked.txt", ".s3sync/own", "marker/"]
    for key in [*keys, *odd, "good.txt"]:
        s3.put_object(Bucket=bucket, Key=f"media/{key}", Body=b"theirs")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "linked.txt").write_bytes(b"ours")
    project.write("folder/ours.txt", b"ours")
    project.write("file", b"ours")
    (project.media / "link").symlink_to(outside)
    (project.media / "linked.txt").symlink_to(outside / "linked.txt")
    os.mkfifo(project.media / "pipe")

    for dry in (["-n"], []):
        result = pull(project, *dry)
        codes = {item["name"]: item["error"]["code"] for item in result.report["items"] if item["error"]}
        assert {
            **dict.fromkeys(keys, "UnfitName"), "folder": "InTheWay", "file/a.txt": "InTheWay", "pipe": "InTheWay",
            "link/a.txt": "LinkInTheWay", "linked.txt": "LinkInTheWay",
        } == codes, result  # fmt: skip
        assert 4 == result.code, result
    assert 1 == result.counts["downloaded"]
    assert ["linked.txt"] == os.listdir(outside)
    assert b"ours" == (outside / "linked.txt").read_bytes()
    assert ["file", "folder", "good.txt", "link", "linked.txt", "pipe"] == sorted(os.listdir(project.media))
    assert ["outside", "project"] == sorted(name for name in os.listdir(tmp_path) if name != "state")


@ON_MOTO
def test_a_link_that_comes_while_it_is_fetched_leads_nowhere(
    project: Project, s3: Any, bucket: str, proxy: Proxy, tmp_path: Path
) -> None:
    """s3_pull_media, where a folder becomes a link out of the folder after it was looked at"""
    put(s3, bucket, sub__a_txt=b"theirs")
    project.configure(server=proxy.server)
    (project.media / "sub").mkdir()
    (tmp_path / "outside").mkdir()

    def rule(request: Request) -> None:
        if request.operation == "GetObject":
            (project.media / "sub").rmdir()
            (project.media / "sub").symlink_to(tmp_path / "outside")

    proxy.rule = rule
    result = pull(project)
    assert (4, "LinkInTheWay") == (result.code, result.item("sub/a.txt")["error"]["code"]), result
    assert [] == os.listdir(tmp_path / "outside")


@ON_MOTO
def test_what_the_site_writes_meanwhile_stays(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_pull_media, while the site stores, replaces and deletes files of the names that are on their way"""
    known_pair(project, s3, bucket, "replaced.txt", "deleted.txt")
    put(s3, bucket, replaced_txt=b"theirs", deleted_txt=b"theirs", new_txt=b"theirs", same_txt=b"theirs")
    project.configure(server=proxy.server)

    written: set[str] = set()

    def rule(request: Request) -> None:
        name = request.key.removeprefix("media/")
        if request.operation != "GetObject" or name in written:  # a broken connection has it asked for again
            return
        written.add(name)
        if name == "deleted.txt":
            (project.media / name).unlink()
        else:
            project.write(name, b"theirs" if name == "same.txt" else b"ours!")

    proxy.rule = rule
    result = pull(project)
    assert (3, 2, 1, 1) == (
        result.code,
        result.counts["conflicts"],
        result.counts["downloaded"],
        result.counts["unchanged"],
    ), result
    assert {
        "deleted.txt": b"theirs", "new.txt": b"ours!", "replaced.txt": b"ours!", "same.txt": b"theirs"
    } == tree(project.media)  # fmt: skip


MODELS = """
from django.core.files.storage import storages
from django.db import models

class Photo(models.Model):
    file = models.FileField()
    thumb = models.ImageField(null=True)

class Paid(Photo):
    bill = models.FileField(storage=storages["bills"])

class Elsewhere(models.Model):
    file = models.FileField(storage=storages["disk"])
"""


@ON_MOTO
def test_only_what_the_database_names(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media --referenced, with fields on this storage, within it, and elsewhere; on a laptop too"""
    (project.root / "shop").mkdir()
    (project.root / "shop/__init__.py").write_text("")
    (project.root / "shop/models.py").write_text(MODELS)
    apps = "INSTALLED_APPS.append('shop')\nSILENCED_SYSTEM_CHECKS = ['fields.E210', 'models.W042']"
    on_s3 = {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, bucket)}
    bills = {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, bucket, location="media/bills")}
    disk = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(project.root / "d")}}
    project.configure(settings=apps, storages={"bills": bills, "disk": disk})
    names = ["a.txt", "b/c.txt", "b/ü.txt", "bills/1.pdf", "bills/2.pdf", "elsewhere.txt", "nobody.txt", "thumb.png"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=name.encode())
    result = pull(project, "--referenced")
    assert (1, "DatabaseUnreadable") == (result.code, result.report["error"]["code"]), result
    assert "migrate" in result.report["error"]["hint"]

    assert 0 == project.run("migrate", "--run-syncdb", "-v", "0").code
    rows = (
        "from shop.models import *; Photo.objects.create(file='a.txt'); Photo.objects.create(file='b/ü.txt', thumb='');"
        "Photo.objects.create(file='missing.txt', thumb='thumb.png'); Elsewhere.objects.create(file='elsewhere.txt');"
        "Paid.objects.create(file='a.txt', bill='2.pdf'); Photo.objects.create(file='../nobody.txt')"
    )
    assert 0 == (made := project.run("shell", "-v", "0", "-c", rows)).code, made
    project.write("nobody.txt", b"ours", age=-60)
    result = pull(project, "--referenced")
    assert (0, 3, 3) == (result.code, result.counts["downloaded"], result.counts["skipped"]), result
    named = ["a.txt", "b/ü.txt", "thumb.png"]
    assert {**{name: name.encode() for name in named}, "nobody.txt": b"ours"} == tree(project.media)

    result = pull(project, "--referenced", "--storage", "bills", "--to", str(project.root / "bills"))
    assert (0, {"2.pdf": b"bills/2.pdf"}) == (result.code, tree(project.root / "bills")), result

    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    project.configure(settings=apps, storages={"default": local, "bills": bills, "disk": disk, "s3": on_s3})
    there = project.root / "there"
    result = pull(project, "--referenced", "--storage", "s3", "--to", str(there))
    assert (0, {name: name.encode() for name in named}) == (result.code, tree(there)), result
    project.configure(storages={"s3": on_s3, "default": local})
    result = pull(project, "--referenced", "--storage", "s3")
    assert (1, "NothingReferenced") == (result.code, result.report["error"]["code"]), result


@ON_MOTO
def test_only_what_is_asked_for(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media with --max-size, --since, --prefix, --ignore, --include, and all of it together with -n"""
    put(s3, bucket, a_txt=b"a" * 10, big_txt=b"b" * 2001, sub__c_txt=b"c", sub__d_png=b"d")
    listed = {"a.txt", "big.txt", "sub/c.txt", "sub/d.png"}

    def would(*args: str) -> set[str]:
        result = pull(project, "-n", "-v", "2", *args)
        assert 0 == result.code, result
        assert {} == tree(project.media)
        return {item["name"] for item in result.report["items"] if item["action"] == "download"}

    assert listed == would("--since", "1d", "--max-size", "2001")
    assert listed - {"big.txt"} == would("--max-size", "2k")
    assert set() == would("--since", "2999-01-01T10:00Z")
    assert {"sub/c.txt"} == would("--prefix", "s", "-i", "*.png")
    assert {"sub/c.txt", "sub/d.png"} == would("--include", "sub")
    for wrong in (["--since", "soon"], ["--max-size", "10Q"]):
        assert 2 == project.run("s3_pull_media", *wrong).code


@ON_MOTO
def test_compressed_objects_come_as_the_storage_opens_them(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media with gzip on, of what we have sent, of another's gzip, large ones, and of what is no gzip at all"""
    project.configure(options={"gzip": True})
    text = b"plain text\n" * 1000
    noise = os.urandom(8 * 1024 * 1024)
    project.write("ours.css", text, age=60)
    assert 1 == project.push().counts["uploaded"]
    gz = {"Bucket": bucket, "ContentEncoding": "gzip", "ContentType": "text/css"}
    s3.put_object(Key="media/theirs.css", Body=gzip.compress(text, 1), **gz)
    s3.put_object(Key="media/large.css", Body=gzip.compress(noise, 1), **gz)
    s3.put_object(Key="media/broken.css", Body=gzip.compress(text, 1)[:-20], **gz)
    result = pull(project)
    assert (4, 2, 1, "NotGzip") == (
        result.code, result.counts["downloaded"], result.counts["unchanged"], result.item("broken.css")["error"]["code"]
    ), result  # fmt: skip
    assert {"large.css": noise, "ours.css": text, "theirs.css": text} == tree(project.media)
    push = project.push()
    assert ({"ListObjectsV2": 1}, 3) == (requests(push), push.counts["unchanged"]), push
    again = pull(project, "-i", "broken.css")
    assert (0, {"ListObjectsV2": 1}) == (again.code, requests(again)), again

    project.configure()
    stored = s3.get_object(Bucket=bucket, Key="media/theirs.css")["Body"].read()
    assert 0 == pull(project, "--include", "theirs.css", "--to", str(project.root / "raw")).code
    assert {"theirs.css": stored} == tree(project.root / "raw")


OWN_WAY = """
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage

class Secretive(S3Storage):
    def _open(self, name, mode="rb"):
        return ContentFile(super()._open(name, mode).read()[::-1])

class OwnKeys(S3Storage):
    def _normalize_name(self, name):
        return "elsewhere/" + name
"""


@ON_MOTO
def test_a_storage_with_its_own_way_is_asked(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media, where the storage overrides _open; where it overrides _normalize_name"""
    put(s3, bucket, a_txt=b"drawkcab", large_bin=b"a" * LARGE + b"b")
    project.configure(backend="backends.Secretive", backends=OWN_WAY)
    result = pull(project)
    assert (0, "boto3", 2) == (result.code, result.report["engine"], result.counts["downloaded"]), result
    assert {"a.txt": b"backward", "large.bin": b"b" + b"a" * LARGE} == tree(project.media)
    assert {"ListObjectsV2": 1} == requests(pull(project))
    project.configure(backend="backends.OwnKeys", backends=OWN_WAY)
    result = pull(project)
    assert (1, "OwnKeys") == (result.code, result.report["error"]["code"]), result


@ON_MOTO
def test_permissions_and_words(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media -v 2 with FILE_UPLOAD_PERMISSIONS; and -v 0"""
    put(s3, bucket, sub__a_txt=b"a" * 1500)
    project.configure(settings="FILE_UPLOAD_PERMISSIONS = 0o640\nFILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750")
    project.write("own.txt", b"own")
    result = project.run("s3_pull_media", "-v", "2")
    assert (0, "") == (result.code, result.stderr), result
    lines = [re.sub("; [0-9.]+ s$", "", line) for line in result.stdout.splitlines()]
    assert {
        "orphan own.txt",
        "download sub/a.txt (new, 1.5 kB)",
        "engine fast",
        f"s3://{bucket}/media/ -> {project.media}: 1 downloaded (1.5 kB), 0 unchanged, 1 only here",
    } == set(lines)
    assert (0o640, 0o750) == tuple((project.media / name).stat().st_mode & 0o777 for name in ("sub/a.txt", "sub"))
    (project.media / "sub/a.txt").unlink()
    assert (0, "", "") == ((quiet := project.run("s3_pull_media", "-v", "0")).code, quiet.stdout, quiet.stderr)
    assert [] == pull(project).report["items"]


NO_LINKS = """
import errno, os

def _link(*args, **how):
    raise OSError(errno.EPERM, "Operation not permitted")

os.link = _link
"""
OTHER_DISK = """
import errno, os

def _within(call):
    def checked(*args, src_dir_fd=None, dst_dir_fd=None, **how):
        if src_dir_fd != dst_dir_fd:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return call(*args, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, **how)
    return checked

os.link, os.replace = _within(os.link), _within(os.replace)
"""


@pytest.mark.parametrize("world", [OTHER_DISK, *([NO_LINKS] * SOAK)])
@ON_MOTO
def test_file_systems_that_can_do_less(project: Project, s3: Any, bucket: str, proxy: Proxy, world: str) -> None:
    """s3_pull_media, where the file system has no hard links; where a subfolder is another one"""
    known_pair(project, s3, bucket, "sub/replaced.txt", "sub/changed.txt")
    put(
        s3, bucket, sub__new_txt=b"theirs", sub__replaced_txt=b"theirs", sub__changed_txt=b"theirs", taken_txt=b"theirs"
    )
    project.configure(server=proxy.server, settings=world)

    def rule(request: Request) -> None:
        if request.operation == "GetObject" and request.key in ("media/taken.txt", "media/sub/changed.txt"):
            project.write(request.key.removeprefix("media/"), b"ours!")

    proxy.rule = rule
    result = pull(project)
    assert (3, 2, 2) == (result.code, result.counts["downloaded"], result.counts["conflicts"]), result
    assert {
        "sub/changed.txt": b"ours!", "sub/new.txt": b"theirs", "sub/replaced.txt": b"theirs", "taken.txt": b"ours!"
    } == tree(project.media)  # fmt: skip
    modified = s3.head_object(Bucket=bucket, Key="media/sub/new.txt")["LastModified"]
    status = (project.media / "sub/new.txt").stat()
    assert (modified.timestamp(), 0o644) == (status.st_mtime, status.st_mode & 0o777)


@ON_MOTO
def test_what_a_killed_run_left_is_swept(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """a push, where a killed pull has left files; a pull of a part, which sweeps nothing; a whole one"""
    put(s3, bucket, a_txt=b"a", b_txt=b"b", c_txt=b"c")
    assert 0 == pull(project, "--prefix", "a").code
    workshop = project.media / ".s3sync"
    workshop.mkdir()
    identity = f"{project.server.endpoint_url}/{bucket}/media/"
    left = hashlib.sha256(identity.encode()).hexdigest()[:12] + "-left"
    (workshop / left).write_bytes(b"half")
    (workshop / "another-run's").write_bytes(b"half")
    project.write(f".s3sync-{left}", b"half")
    assert {"listed": 3, "scanned": 1, "unchanged": 1, "orphans": 2, "skipped": 1} == project.push().counts
    assert 0 == pull(project, "--prefix", "b").code
    assert (workshop / left).exists()
    result = pull(project)
    assert (0, 1, 2) == (result.code, result.counts["downloaded"], result.counts["unchanged"]), result
    assert {".s3sync/another-run's": b"half", "a.txt": b"a", "b.txt": b"b", "c.txt": b"c"} == tree(project.media)


@ON_MOTO
def test_two_pulls_to_one_folder(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media --lock none, while one of another host is at work in the same folder, on a shared disk"""
    put(s3, bucket, a_txt=b"a")
    identity = f"{project.server.endpoint_url}/{bucket}/media/"
    other = Destination(root=str(project.media), label=identity)
    other.open()
    left = other.unfinished("media/b.txt", "etag")
    other.write(left, [b"half"])
    result = pull(project, "--lock", "none")
    assert (6, "LockHeld") == (result.code, result.report["error"]["code"]), result
    assert b"half" == tree(project.media)[f".s3sync/{left}"], "what the other is at is swept away"
    other.close(sweep=True)
    assert 0 == pull(project, "--lock", "none").code
    assert {"a.txt": b"a"} == tree(project.media)

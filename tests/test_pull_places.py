"""`s3_pull_media` and `s3_verify_media` with a storage that falls back, and with several folders."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from tests.gallery import Gallery, found_ids, verdicts
from tests.project import S3_STORAGE, Project, s3_options
from tests.proxy import Proxy, Response
from tests.servers import ON_MOTO, ON_RGW_HTTPS
from tests.test_bucket_lock import locks_in
from tests.test_cutover import CUTOVER
from tests.test_pull import pull, put, requests, tree
from tests.test_several_media import configure, fill

OWN = """
from s3sync.storages import CutoverMixin
from storages.backends.s3 import S3Storage
from django.core.files.base import ContentFile

class Signed(S3Storage):
    def _open(self, name, mode="rb"):
        return ContentFile(super()._open(name, mode).read() + b", opened")

class Own(CutoverMixin, Signed):
    pass
"""


@ON_MOTO
def test_a_storage_that_falls_back_is_read_on_s3_alone(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_pull_media from a CutoverStorage: the fast way, to its old place; then from one with an open() of its own"""
    old = project.root / "old"
    project.configure(backend=CUTOVER, options={"local": str(old)})
    put(s3, bucket, a_txt=b"theirs", b_txt=b"b")
    (old / "only").mkdir(parents=True)
    (old / "only/here.txt").write_bytes(b"ours")

    result = pull(project)
    assert (0, "fast", str(old)) == (result.code, result.report["engine"], result.report["folder"]), result
    assert {"ListObjectsV2": 1, "GetObject": 2} == requests(result)
    assert {"a.txt": b"theirs", "b.txt": b"b", "only/here.txt": b"ours"} == tree(old)
    assert [] == list(project.media.glob("*"))

    # What S3 does not have any more is not taken from the old place, though the storage's open() would do that.
    project.configure(backend="backends.Own", backends=OWN, options={"local": str(old)}, server=proxy.server)
    put(s3, bucket, gone_txt=b"theirs")
    (old / "gone.txt").write_bytes(b"ours")
    proxy.rule = lambda request: Response(404, "NoSuchKey") if request.key.endswith("gone.txt") else None
    own = pull(project, "--to", str(project.root / "own"))
    assert (0, 2, 1, "boto3") == (
        own.code, own.counts["downloaded"], own.counts["skipped"], own.report["engine"]
    ), own  # fmt: skip
    assert {"a.txt": b"theirs, opened", "b.txt": b"b, opened"} == tree(project.root / "own")

    elsewhere = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    project.configure(backend=CUTOVER, options={"local": elsewhere})
    nowhere = pull(project)
    assert (1, "NoFolder") == (nowhere.code, nowhere.report["error"]["code"]), nowhere
    assert "--to" in nowhere.report["error"]["hint"]


@ON_MOTO
def test_the_old_place_tells_the_sizes(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_media, with a CutoverStorage whose old place is not MEDIA_ROOT; locks in the bucket are no objects"""
    gallery = Gallery(project)
    old = project.root / "old"
    gallery.models(backend=CUTOVER, options={"local": str(old)})
    gallery.table()
    gallery.rows("a.jpg", "b.jpg", "c.jpg")
    gallery.store(s3, "media/a.jpg", "media/b.jpg", "media/.s3sync/locks/e3b0c44298fc1c14", body=b"xy")
    fill(project, "old/a.jpg", "old/c.jpg")
    project.write("b.jpg", b"not of this storage")

    result = gallery.verify("--orphans")
    assert (3, {"a.jpg": "size", "c.jpg": "missing"}) == (result.code, verdicts(result)), result
    details = {item["name"]: item["local_size"] for item in result.report["items"]}
    assert {"a.jpg": 9, "c.jpg": 9} == details
    assert (2, [2]) == (result.counts["listed"], [each["objects"] for each in result.report["storages"]])


@ON_MOTO
def test_all_folders_come_back_in_turn(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_pull_media with S3SYNC["MEDIA"]: all of them, one of them, to another folder; and what can't be meant"""
    entries = [("uploads", "default"), ("reports", "reports"), ("avatars", "avatars")]
    configure(project)
    fill(project, "uploads/a.txt", "reports/r.pdf", "avatars/ana.png")
    assert 0 == project.push().code
    for name in ("uploads/a.txt", "avatars/ana.png"):
        (project.root / name).unlink()

    rehearsed = pull(project, "-n")
    assert [1, 0, 1] == [each["estimate"]["requests"].get("GetObject", 0) for each in rehearsed.report["targets"]]
    result = pull(project, "-v", "2", "--lock", "bucket")
    report = result.report
    assert (0, 2, 1, None) == (
        result.code, result.counts["downloaded"], result.counts["unchanged"], report["folder"]
    ), result  # fmt: skip
    assert [(alias, str(project.root / source)) for source, alias in entries] == [
        (each["alias"], each["folder"]) for each in report["targets"]
    ]
    assert len("uploads/a.txt" + "avatars/ana.png") == report["bytes"]["received"]
    assert [("a.txt", "default"), ("ana.png", "avatars")] == [
        (item["name"], item["alias"]) for item in report["items"] if item["action"] == "download"
    ]
    assert b"avatars/ana.png" == (project.root / "avatars/ana.png").read_bytes()
    assert 0 == project.push("--check").code
    text = project.run("s3_pull_media")
    assert [f"s3://{bucket}/{prefix}/" for prefix in ("media", "reports", "avatars")] == [
        line.partition(" -> ")[0] for line in text.stdout.splitlines()
    ]

    one = pull(project, "--storage", "reports", "--to", str(tmp_path / "reports"))
    assert (0, {"r.pdf": b"reports/r.pdf"}) == (one.code, tree(tmp_path / "reports")), one
    assert 1 == pull(project, "--to", str(project.root / "avatars")).counts["unchanged"]
    for args, code, hint in (
        (("--to", str(tmp_path / "x")), "NoStorage", "--storage: avatars, default, reports"),
        (("--storage", "staticfiles"), "NoSuchEntry", "--to"),
    ):
        refused = pull(project, *args)
        assert (1, code) == (refused.code, refused.report["error"]["code"]), refused
        assert hint in refused.report["error"]["hint"]

    configure(project, entries=(*entries, ("more", "avatars")))
    refused = pull(project)
    assert (1, "SeveralFolders") == (refused.code, refused.report["error"]["code"]), refused
    assert "--storage avatars --to DIR" in refused.report["error"]["hint"]
    assert 0 == pull(project, "--storage", "reports").code


@ON_MOTO
def test_several_folders_tell_the_sizes(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_media with S3SYNC["MEDIA"], before the switch: each field where its folder is pushed to"""
    gallery = Gallery(project)
    local = "django.core.files.storage.FileSystemStorage"
    entries = [("media", "media_s3"), ("more", "media_s3"), ("bills", "bills")]
    media = [{"source": str(project.root / source), "storage": alias} for source, alias in entries]
    source = (
        "from django.core.files.storage import FileSystemStorage, storages\n"
        "class Photo(models.Model):\n    image = models.FileField()\n\n"
        f"class Bill(models.Model):\n    image = models.FileField(storage=FileSystemStorage('{project.root}/bills'))\n"
    )
    gallery.models(
        source, settings=f"S3SYNC = {{'MEDIA': {media!r}}}\n",
        storages={
            "default": {"BACKEND": local},
            "media_s3": {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, bucket)},
            "bills": {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, bucket, location="bills")},
        },
    )  # fmt: skip
    gallery.table()
    gallery.table("bill")
    fill(project, "media/a.jpg", "more/b.jpg", "bills/1.pdf")
    gallery.rows("a.jpg", "b.jpg")
    gallery.rows("1.pdf", table="bill")

    before = gallery.verify()
    assert (3, {"missing": 3}) == (before.code, before.report["verdicts"]), before
    assert 0 == project.push().code
    after = gallery.verify()
    assert (0, {"ok": 3}, ["storage-fixed"]) == (after.code, after.report["verdicts"], found_ids(after)), after
    (project.root / "more/b.jpg").write_bytes(b"another size")
    (project.root / "bills/1.pdf").write_bytes(b"")
    assert {"b.jpg": "size", "1.pdf": "size"} == verdicts(gallery.verify())


@ON_RGW_HTTPS
def test_one_lock_for_both_ways(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media --lock bucket; -n, which takes none; a lock of this host that is held"""
    put(s3, bucket, a_txt=b"a")
    result = pull(project, "--lock", "bucket")
    assert (0, 1) == (result.code, result.counts["downloaded"]), result
    assert [b""] == list(locks_in(s3, bucket).values())
    assert {"ListObjectsV2", "GetObject", "PutObject"} <= set(requests(result))
    assert {"ListObjectsV2": 1} == requests(pull(project, "-n", "--lock", "bucket"))
    lock = project.root / "lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert 6 == pull(project, "--lock", str(lock)).code


@ON_MOTO
@pytest.mark.parametrize("engine", ["fast", "boto3"])
def test_a_limited_pull_fetches_the_same(
    project: Project, s3: Any, bucket: str, engine: str, tmp_path: Path
) -> None:  # fmt: skip
    """s3_pull_media --bwlimit 1G --max-rps 100000; then limits that a dozen objects take longer for than 1 s"""
    contents = {"a.bin": b"a" * 10, "c.bin": b"c" * (9 * 2**20), "empty.bin": b""}
    for name, body in contents.items():
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=body)
    result = pull(project, "--bwlimit", "1G", "--max-rps", "100000", "--engine", engine)
    assert (0, 3, engine) == (result.code, result.counts["downloaded"], result.report["engine"]), result
    assert contents == tree(project.media)

    put(s3, bucket, **{f"more__{number}_bin": b"x" * 8000 for number in range(12)})
    for number, limit in enumerate((("--bwlimit", "5K"), ("--max-rps", "2"))):
        args = ("--prefix", "more/", "--engine", engine, "--max-duration", "1s", "--to", str(tmp_path / str(number)))
        slow = pull(project, *limit, *args)
        assert (7, engine) == (slow.code, slow.report["engine"]), slow
        assert slow.counts.get("downloaded", 0) < 12, slow


@ON_MOTO
def test_a_pull_asks_what_its_rehearsal_has_told(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media -n, and then without: new, replaced, in segments; text; and a price, where Amazon has one"""
    project.write("b.txt", b"stale", age=3600)
    project.write("same.txt", b"same", age=3600)
    put(s3, bucket, a_txt=b"a", b_txt=b"fresh!", same_txt=b"same", large_bin=b"x" * (20 * 2**20))
    shown = project.run("s3_pull_media", "-n").stdout.splitlines()
    assert "  would take 5 GetObject, 1 ListObjectsV2; 21.0 MB to receive" == shown[1]
    before, after = pull(project, "-n"), pull(project)
    estimate = before.report["estimate"]
    assert (requests(after), after.report["bytes"]["received"]) == (estimate["requests"], estimate["bytes"])
    assert "the endpoint is not Amazon's" == estimate["why_no_cost"]

    project.configure(options={
        "endpoint_url": "http://s3.us-east-1.amazonaws.com", "proxies": {"http": project.server.endpoint_url},
    })  # fmt: skip
    priced = pull(project, "-n", "--to", str(project.root / "x")).report["estimate"]
    assert "data transfer out, retrieval" == priced["cost"]["without"]
    assert (6 * 0.0004 + 0.005) / 1000 == pytest.approx(priced["cost"]["requests"])
    line = project.run("s3_pull_media", "-n", "--to", str(project.root / "x")).stdout.splitlines()[1]
    assert "less than $0.01 for the requests, without data transfer out, retrieval (list prices: STANDARD" in line


CHOOSING = """
from django.core.files.storage import storages
from django.db.models.fields.files import FieldFile, FileField

class Chosen(FieldFile):
    @property
    def storage(self):
        return storages["default" if self.instance.pk > 1 else "elsewhere"]

    @storage.setter
    def storage(self, value):
        pass

class ChosenField(FileField):
    attr_class = Chosen

class Photo(models.Model):
    image = models.ImageField(max_length=2000, null=True)

class Paper(models.Model):
    image = ChosenField()

    class Meta:
        managed = False
"""


@ON_MOTO
def test_rows_of_all_databases_are_read_as_for_the_proof(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media --referenced [--database DB]: two databases, an unmanaged table, storages chosen by the row"""
    gallery = Gallery(project)
    elsewhere = {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, bucket, location="elsewhere")}
    gallery.models(CHOOSING, storages={"elsewhere": elsewhere})
    gallery.table()
    gallery.table(db="other")
    gallery.table("paper", db="other")
    gallery.rows("a.jpg", "./b.jpg", "")
    gallery.rows("other.jpg", "a.jpg", db="other")
    gallery.rows("not-here.pdf", "here.pdf", table="paper", db="other")
    gallery.store(
        s3, *(f"media/{name}" for name in ("a.jpg", "b.jpg", "c.jpg", "other.jpg", "not-here.pdf", "here.pdf"))
    )

    def pulled(*args: str) -> list[str]:
        to = project.root / "to"
        result = pull(project, "--referenced", "--to", str(to), *args)
        assert 0 == result.code, result
        found = sorted(tree(to))
        for name in found:
            (to / name).unlink()
        return found

    assert ["a.jpg", "b.jpg", "here.pdf", "other.jpg"] == pulled()
    assert ["a.jpg", "here.pdf", "other.jpg"] == pulled("--database", "other")
    (project.root / "other.sqlite3").unlink()
    missing = pull(project, "--referenced")
    assert (1, "DatabaseUnreadable") == (missing.code, missing.report["error"]["code"]), missing
    assert "gallery.Paper" in missing.report["error"]["message"]
    assert 2 == project.run("s3_pull_media", "--database", "other").code


@ON_MOTO
def test_logs_show_that_both_are_alive(project: Project, s3: Any, bucket: str) -> None:
    """S3SYNC_PROGRESS_INTERVAL=0 s3_pull_media; s3_verify_media"""
    gallery = Gallery(project)
    gallery.models()
    gallery.table()
    gallery.rows("a.jpg")
    gallery.store(s3, "media/a.jpg")
    every = {"S3SYNC_PROGRESS_INTERVAL": "0"}
    assert "1 of 1 files received" in project.run("s3_pull_media", env=every).stderr
    assert "1 value read" in project.run("s3_verify_media", env=every).stderr


@ON_MOTO
def test_another_alias_of_the_same_place_hides_nothing(project: Project, s3: Any, bucket: str) -> None:
    """s3_pull_media, where two aliases have one location, and a third one a part of it"""
    twin = {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, bucket)}
    within = {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, bucket, location="media/bills")}
    project.configure(storages={"media_s3": twin, "bills": within})
    put(s3, bucket, a_txt=b"a", bills__b_txt=b"b")
    result = pull(project)
    assert (0, {"a.txt": b"a"}) == (result.code, tree(project.media)), result

"""`s3_verify_media`, where databases, buckets, disks and users get in its way."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.gallery import Gallery, found_ids, of_field, verdicts
from tests.project import MANAGE, S3_STORAGE, Code, Project, s3_options
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_MOTO
from tests.test_verify_media import make_gallery

__all__ = ["make_gallery"]

TWO = """\
from django.core.files.storage import storages


class Photo(models.Model):
    image = models.FileField()


class Paper(models.Model):
    image = models.FileField(storage=lambda: storages["private"])
"""


@pytest.fixture(name="two")
def make_two(project: Project, proxy: Proxy, s3: Any) -> Gallery:
    """Two models, whose files lie in two places, behind a proxy."""
    gallery = Gallery(project)
    options = s3_options(proxy.server, project.bucket, location="private")
    gallery.models(TWO, server=proxy.server, storages={"private": {"BACKEND": S3_STORAGE, "OPTIONS": options}})
    for table in ("photo", "paper"):
        gallery.table(table)
        gallery.rows("a.jpg", "none.jpg", table=table)
    gallery.store(s3, "media/a.jpg", "private/a.jpg")
    return gallery


BROKEN = """\
from django.utils.functional import LazyObject


class Broken(LazyObject):
    def __bool__(self):  # Django 5.2 asks
        return True

    def _setup(self):
        raise RuntimeError("no tenant")


class Photo(models.Model):
    image = models.FileField(storage=Broken())
"""


def refuse(prefix: str, answer: Response) -> Any:
    """A rule that answers so to the listing of what begins with this prefix."""
    return lambda request: answer if request.query.get("prefix", "").startswith(prefix) else None


@ON_MOTO
def test_one_refused_listing_leaves_the_others_judged(two: Gallery, proxy: Proxy) -> None:
    """s3_verify_media [--orphans], where one place, and then none, may be listed"""
    proxy.rule = refuse("private", Response(403, "AccessDenied"))
    result = two.verify("--model", "gallery.Paper", "--model", "gallery.Photo")
    assert 3 == result.code, result
    assert {"ok": 1, "missing": 1, "undecided": 2} == result.report["verdicts"]
    assert ["listing-refused"] == found_ids(result)
    assert "needs s3:ListBucket" in result.report["findings"][0]["detail"].replace("Needs", "needs")
    assert [1, None] == [each["objects"] for each in result.report["storages"]]
    two.sql("DELETE FROM gallery_photo WHERE image = 'none.jpg'")
    undecided = two.verify("--orphans")
    assert (8, "undecided") == (undecided.code, undecided.report["status"]), undecided
    text = two.project.run("s3_verify_media")
    assert "undecided" in text.stdout
    proxy.rule = refuse("", Response(403, "AccessDenied"))
    none = two.verify()
    assert (1, "AccessDenied") == (none.code, none.report["error"]["code"]), none
    assert "s3:ListBucket" in none.report["error"]["hint"]
    assert "Traceback" not in none.stderr + text.stderr


@ON_MOTO
def test_a_listing_that_breaks_off_proves_nothing(two: Gallery, proxy: Proxy) -> None:
    """s3_verify_media, where an answer is cut each time; and where the bucket is gone"""
    proxy.rule = refuse("media", Response(200, body=b"<ListBucketResult><Contents>"))
    result = two.verify()
    assert 3 == result.code, result
    assert {"undecided": 2} == {verdict: n for verdict, n in of_field(result, "gallery.Photo.image").items() if n}
    proxy.rule = refuse("", Response(404, "NoSuchBucket"))
    gone = two.verify()
    assert (1, "NoSuchBucket") == (gone.code, gone.report["error"]["code"]), gone
    assert "s3_create_bucket" in gone.report["error"]["hint"]


@ON_MOTO
def test_a_row_that_goes_meanwhile_misses_nothing(gallery: Gallery, proxy: Proxy, s3: Any) -> None:
    """s3_verify_media, while users delete a picture and replace another one, after their rows were read"""
    gallery.models(server=proxy.server)
    gallery.rows("kept.jpg", "deleted.jpg", "replaced.jpg", "none.jpg")
    gallery.store(s3, "media/kept.jpg", "media/new.jpg")

    def meanwhile(request: Request) -> None:
        gallery.sql("DELETE FROM gallery_photo WHERE image = 'deleted.jpg'")
        gallery.sql("UPDATE gallery_photo SET image = 'new.jpg' WHERE image = 'replaced.jpg'")

    proxy.rule = meanwhile
    result = gallery.verify()
    assert (3, {"none.jpg": "missing"}) == (result.code, verdicts(result)), result
    assert {"ok": 1, "missing": 1} == result.report["verdicts"]


@ON_MOTO
def test_sizes_of_what_a_storage_compresses(gallery: Gallery, s3: Any) -> None:
    """s3_push_media; s3_verify_media [--no-sizes] [--source DIR], with gzip"""
    project = gallery.project
    gallery.models(options={"gzip": True})
    project.write("a.css", b"a{} " * 100, age=60)
    project.write("b.css", b"b{} " * 100, age=60)
    project.write("c.png", b"c", age=60)
    assert 0 == project.push().code
    gallery.rows("a.css", "b.css", "c.png")
    result = gallery.verify()
    assert (0, {"ok": 3}) == (result.code, result.report["verdicts"]), result
    gallery.store(s3, "media/b.css", "media/c.png", body=b"cut off")
    cut = gallery.verify()
    assert (3, {"b.css": "size", "c.png": "size"}) == (cut.code, verdicts(cut)), cut
    assert 0 == gallery.verify("--no-sizes").code
    (project.root / "elsewhere").mkdir()
    assert 0 == gallery.verify("--source", "elsewhere").code
    nowhere = gallery.verify("--source", "nowhere")
    assert (1, "SourceUnreadable") == (nowhere.code, nowhere.report["error"]["code"]), nowhere


@ON_MOTO
@pytest.mark.parametrize("paged", [False, True])
def test_rows_of_several_pages(gallery: Gallery, s3: Any, paged: bool) -> None:
    """s3_verify_media, where a table has more rows than are read at once; one object is everybody's"""
    view = "class Photo(models.Model):\n    image = models.FileField()\n\n    class Meta:\n        managed = False\n"
    gallery.models(*([] if paged else [view]))
    gallery.many(f"{number % 3}.jpg" for number in range(4500))
    gallery.store(s3, "media/0.jpg", "media/2.jpg")
    result = gallery.verify("-o", "report.json")
    assert 3 == result.code, result
    report = json.loads((gallery.project.root / "report.json").read_text())
    assert {"ok": 3000, "missing": 1500} == report["verdicts"]
    assert 1500 == len({item["pk"] for item in report["items"]})
    text = gallery.project.run("s3_verify_media", "-v", "0")
    assert "and 1,490 more; -v 2 names them" in text.stderr
    assert "" == text.stdout
    lines = gallery.project.run("s3_verify_media", "--format", "jsonl")
    assert (1501, "report", "item") == (len(lines.lines), lines.report["type"], lines.lines[0]["type"])


@ON_MOTO
def test_databases_and_tables_that_can_not_be_read(gallery: Gallery, s3: Any) -> None:
    """s3_verify_media, with a database that is no file, a column that is not there, and no tables at all"""
    project = gallery.project
    gallery.store(s3, "media/a.jpg")
    gallery.rows("a.jpg")
    (project.root / "other.sqlite3").mkdir()
    result = gallery.verify("--orphans")
    assert (8, ["database-unread", "orphans-untold"]) == (result.code, found_ids(result)), result
    assert {"ok": 1} == result.report["verdicts"]
    only = gallery.verify("--database", "other")
    assert (1, "Database") == (only.code, only.report["error"]["code"]), only
    (project.root / "other.sqlite3").rmdir()
    gallery.sql("ALTER TABLE gallery_photo RENAME COLUMN image TO picture")
    column = gallery.verify()
    assert (8, ["rows-unread"]) == (column.code, found_ids(column)), column
    gallery.sql("DROP TABLE gallery_photo")
    none = gallery.verify()
    assert (1, "NoTables") == (none.code, none.report["error"]["code"]), none
    assert "migrate" in none.report["error"]["hint"]


@ON_MOTO
def test_a_run_that_ends_early_says_so(gallery: Gallery, proxy: Proxy, s3: Any) -> None:
    """s3_verify_media --max-duration; SIGTERM during the listing"""
    gallery.models(server=proxy.server)
    gallery.store(s3, "media/a.jpg")
    gallery.rows("a.jpg", "none.jpg")
    budget = gallery.verify("--max-duration", "0s")
    assert (7, "partial", []) == (budget.code, budget.report["coverage"], budget.report["items"]), budget
    process = gallery.project.start("s3_verify_media", "--format", "json")

    def end(request: Request) -> None:
        process.send_signal(signal.SIGTERM)
        return 0.3

    proxy.rule = end
    result = gallery.project.finish(process)
    assert (143, "interrupted", []) == (result.code, result.report["status"], result.report["items"]), result
    assert "partial" == result.report["coverage"]


@ON_MOTO
def test_configuration_that_can_not_work(gallery: Gallery) -> None:
    """s3_verify_media, with a field whose storage can't be made, a bucket without a name, and an unwritable report"""
    gallery.rows("a.jpg")
    gallery.models(BROKEN)
    broken = gallery.verify()
    assert (1, "Storage") == (broken.code, broken.report["error"]["code"]), broken
    assert "gallery.Photo.image" in broken.stderr + str(broken.report["error"])
    gallery.models(options={"bucket_name": None})
    nameless = gallery.verify()
    assert (1, "NoBucketName") == (nameless.code, nameless.report["error"]["code"]), nameless
    gallery.models(options={"access_key": Code("None"), "secret_key": Code("None")})
    anonymous = gallery.verify()
    assert (1, "NoCredentials") == (anonymous.code, anonymous.report["error"]["code"]), anonymous
    gallery.models()
    unwritable = gallery.project.run("s3_verify_media", "-o", "no/such/folder.json")
    assert 1 == unwritable.code, unwritable
    assert "Traceback" not in unwritable.stderr


@ON_MOTO
def test_names_that_do_not_fit_on_the_disk(gallery: Gallery) -> None:
    """s3_verify_media, where no file may grow beyond 8 MiB: that is said, and nothing is claimed"""
    gallery.many(f"{number:0200}" for number in range(30_000))
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))\n"
    (gallery.project.root / "manage.py").write_text(limit + MANAGE)
    result = gallery.project.run("s3_verify_media")
    assert 1 == result.code, result
    assert "30,000  undecided" in result.stdout
    assert "30,000 undecided" in result.stdout
    assert "don't fit on the disk" in result.stderr
    assert "TMPDIR" in result.stderr
    assert "Traceback" not in result.stderr

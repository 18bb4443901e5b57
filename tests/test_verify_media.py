"""`s3_verify_media`: every file that the database names is in its bucket, or is named here."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from tests.gallery import Gallery, found_ids, of_field, verdicts
from tests.project import S3_STORAGE, Project, s3_options
from tests.proxy import Proxy
from tests.servers import ON_MOTO, ON_RGW_HTTPS

NFC = unicodedata.normalize("NFC", "café.jpg")
NFD = unicodedata.normalize("NFD", NFC)


@pytest.fixture(name="gallery")
def make_gallery(project: Project) -> Gallery:
    """With photos, in the default database."""
    gallery = Gallery(project)
    gallery.models()
    gallery.table()
    return gallery


@ON_RGW_HTTPS
def test_the_way_of_a_move(gallery: Gallery, proxy: Proxy, s3: Any) -> None:
    """s3_push_media --storage media_s3; s3_verify_media, before and after the switch: one listing, no HEAD"""
    project = gallery.project
    options = s3_options(proxy.server, project.bucket)
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    bucket = {"BACKEND": S3_STORAGE, "OPTIONS": options}
    gallery.models(storages={"default": local, "media_s3": bucket})
    names = project.fill(30)
    gallery.rows(*names, "", {"image": None}, names[0])
    nobody = gallery.verify()
    assert (1, "NotOnS3") == (nobody.code, nobody.report["error"]["code"]), nobody
    assert "--storage media_s3" in nobody.report["error"]["hint"]
    before = gallery.verify("--storage", "media_s3")
    assert (3, {"missing": 31}) == (before.code, before.report["verdicts"]), before

    assert 0 == project.push("--storage", "media_s3").code
    proxy.clear()
    result = gallery.verify("--storage", "media_s3")
    assert (0, {"ok": 31}, []) == (result.code, result.report["verdicts"], result.report["items"]), result
    assert {"ListObjectsV2": 1} == dict(proxy.count())
    assert ("s3sync.media/1", "exact") == (result.report["schema"], result.report["coverage"])
    assert 1 == result.report["requests"]["ListObjectsV2"]
    assert 30 == result.counts["listed"]

    gallery.models(storages={"default": bucket})
    project.write(names[1], b"shorter")
    s3.delete_object(Bucket=project.bucket, Key=f"media/{names[0]}")
    switched = gallery.verify()
    assert 3 == switched.code, switched
    assert {names[0]: "missing", names[1]: "size"} == verdicts(switched)
    assert {"ok": 28, "missing": 2, "size": 1} == of_field(switched, "gallery.Photo.image")
    (item,) = (each for each in switched.report["items"] if each["verdict"] == "size")
    assert (20, 7, 2, "default") == (item["size"], item["local_size"], item["pk"], item["alias"])
    assert f"media/{names[1]}" == item["key"]


@ON_MOTO
def test_a_name_that_was_mistaken_for_another(gallery: Gallery, s3: Any) -> None:
    """s3_verify_media, after a Mac's disk has changed names: the form, the case, and both at once"""
    gallery.store(s3, f"media/{NFD}", "media/a/IMG.JPG", "media/twin.jpg", "media/STRASSE.png")
    gallery.rows(NFC, "a/img.jpg", "twin.jpg", "Twin.jpg", "straße.png", "none.jpg")
    result = gallery.verify()
    assert 3 == result.code, result
    assert {
        NFC: "normalization", "a/img.jpg": "case", "Twin.jpg": "case", "straße.png": "case", "none.jpg": "missing",
    } == verdicts(result)  # fmt: skip
    text = gallery.project.run("s3_verify_media")
    assert "s3_push_media --normalize nfc" in text.stdout
    assert "1 normalization" in text.stdout
    orphans = gallery.verify("--orphans")
    assert "orphan" not in verdicts(orphans).values(), "what a name was mistaken for is nobody's to delete"


@ON_MOTO
def test_names_are_read_as_the_storage_reads_them(gallery: Gallery, s3: Any) -> None:
    """s3_verify_media, where rows hold slashes, dots and backslashes, or what can't be a key"""
    gallery.store(s3, "media/a.jpg", "media/b/c.jpg", "media/d.jpg", "media/...jpg")
    good = ["./a.jpg", "b\\c.jpg", "b//c.jpg", "x/../d.jpg", "a.jpg", "...jpg"]
    bad = ["/a.jpg", "../a.jpg", "b/../../media/a.jpg", "é" * 600, ".."]
    gallery.rows(*good, *bad)
    result = gallery.verify()
    assert 3 == result.code, result
    assert dict.fromkeys(["/a.jpg", "../a.jpg", "é" * 600, ".."], "impossible") == verdicts(result)
    details = {item["name"]: item["detail"] for item in result.report["items"]}
    assert "leads out" in details["/a.jpg"]
    assert "1,206 bytes" in details["é" * 600]
    assert result.report["verdicts"]["ok"] == len(good) + 1


STORED = """\
from backends import Own, drawers
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.db.models.fields.files import FieldFile
from django.utils.functional import LazyObject


class Lazy(LazyObject):
    def _setup(self):
        self._wrapped = storages["private"]


class Chosen(FieldFile):
    @property
    def storage(self):
        return storages["private"] if self.instance.secret else self.field.storage

    @storage.setter
    def storage(self, value):
        pass


class ChosenField(models.FileField):
    attr_class = Chosen


class Paper(models.Model):
    secret = models.BooleanField(default=False)
    plain = models.FileField()
    private = models.FileField(storage=lambda: storages["private"])
    lazy = models.FileField(storage=Lazy())
    own = models.FileField(storage=Own())
    chosen = ChosenField()
    disk = models.FileField(storage=FileSystemStorage())
    folder = models.FileField(storage=FileSystemStorage("/srv/elsewhere"))
    other = models.FileField(storage=drawers)
"""
PAPER = "id INTEGER PRIMARY KEY, secret INT DEFAULT 0, " + ", ".join(
    f"{name} TEXT" for name in ("plain", "private", "lazy", "own", "chosen", "disk", "folder", "other")
)
BACKENDS = """\
from django.core.files.storage import Storage
from storages.backends.s3 import S3Storage


class Own(S3Storage):
    def __init__(self, **how):
        super().__init__(**OPTIONS)


class Drawers(Storage):
    pass


drawers = Drawers()
"""


@ON_MOTO
def test_each_field_is_looked_for_where_its_storage_has_it(project: Project, proxy: Proxy, s3: Any) -> None:
    """s3_verify_media, with storages of fields: alias, callable, lazy, class, by the row, disk, something else"""
    gallery = Gallery(project)
    options = s3_options(proxy.server, project.bucket)
    private = {"BACKEND": S3_STORAGE, "OPTIONS": options | {"location": "private"}}
    gallery.models(
        STORED, server=proxy.server, storages={"private": private},
        backends=f"OPTIONS = {options | {'location': 'media/own'}!r}\n{BACKENDS}",
    )  # fmt: skip
    gallery.table("paper", PAPER)
    gallery.store(s3, "media/a", "private/b", "private/c", "media/own/d", "private/e", "media/f", "media/k")
    names = {"plain": "a", "private": "b", "lazy": "c", "own": "d", "disk": "g", "folder": "h", "other": "i"}
    gallery.rows({**names, "chosen": "e", "secret": 1}, {"chosen": "f"}, {"chosen": "k", "secret": 1}, table="paper")
    result = gallery.verify()
    assert 3 == result.code, result
    assert {"g": "wrong-storage", "k": "wrong-storage"} == verdicts(result), "the rest is where it belongs"
    assert "reads MEDIA_ROOT" in result.item("g")["detail"]
    assert f"default has {project.bucket}/media/k" in result.item("k")["detail"]
    assert {"local": 1} == {verdict: n for verdict, n in of_field(result, "gallery.Paper.folder").items() if n}
    assert {"elsewhere": 1} == {verdict: n for verdict, n in of_field(result, "gallery.Paper.other").items() if n}
    assert {"storage-local", "storage-elsewhere"} == set(found_ids(result))
    assert {"ListObjectsV2": 3} == dict(proxy.count())
    assert [("default", "media/"), ("private", "private/"), (None, "media/own/")] == [
        (each["alias"], each["prefix"]) for each in result.report["storages"]
    ]
    there = gallery.verify("--storage", "private", "--prefix", "a")
    assert (3, {"a": "missing"}) == (there.code, verdicts(there)), "the default storage's, where media are to be"
    orphans = gallery.verify("--orphans")
    assert [] == [item["key"] for item in orphans.report["items"] if item["verdict"] == "orphan"]

    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    media = {"BACKEND": S3_STORAGE, "OPTIONS": options}
    gallery.models(
        STORED, storages={"default": local, "private": private, "media_s3": media},
        backends=f"OPTIONS = {options | {'location': 'media/own'}!r}\n{BACKENDS}",
    )  # fmt: skip
    before = gallery.verify("--storage", "media_s3")
    assert "missing" == verdicts(before)["g"], "it will be wrong after the switch, which is said in time"
    assert {"storage-fixed", "storage-local", "storage-elsewhere"} == set(found_ids(before))


SHAPES = """\
class Hiding(models.Manager):
    def get_queryset(self):
        return super().get_queryset().none()


class Abstract(models.Model):
    file = models.FileField()

    class Meta:
        abstract = True


class Parent(Abstract):
    objects = Hiding()

    class Meta:
        base_manager_name = "objects"
        ordering = ["file"]


class Child(Parent):
    more = models.FileField()


class Proxy(Parent):
    class Meta:
        proxy = True


class View(models.Model):
    file = models.FileField()

    class Meta:
        managed = False


class Nowhere(models.Model):
    file = models.FileField()


class Keyed(models.Model):
    file = models.FileField()
    file.primary_key = True


class Tag(models.Model):
    photos = models.ManyToManyField(Parent, through="Stuck")


class Stuck(models.Model):
    parent = models.ForeignKey(Parent, models.CASCADE)
    tag = models.ForeignKey(Tag, models.CASCADE)
    icon = models.FileField()


class HistoricalParent(models.Model):
    file = models.TextField()
    instance_type = Parent
"""
ROUTERS = """\
class Router:
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return model_name != "view" or db == "other"
"""


@ON_MOTO
def test_models_of_all_shapes_in_two_databases(project: Project, proxy: Proxy, s3: Any) -> None:
    """s3_verify_media [--database] [--model]: parents, proxies, views, through models, keys, hidden rows, no tables"""
    gallery = Gallery(project)
    gallery.models(
        SHAPES, server=proxy.server, backends=ROUTERS,
        settings='DATABASE_ROUTERS = ["backends.Router"]\nSILENCED_SYSTEM_CHECKS = ["fields.E201"]\n',
    )  # fmt: skip
    columns = "id INTEGER PRIMARY KEY, file TEXT"
    for db in ("db", "other"):
        gallery.table("parent", columns, db=db)
        gallery.rows({"file": f"{db}.jpg"}, table="parent", db=db)
    gallery.table("child", "parent_ptr_id INTEGER PRIMARY KEY, more TEXT")
    gallery.rows({"parent_ptr_id": 1, "more": "more.jpg"}, table="child")
    gallery.table("view_of", columns, db="other")
    gallery.sql("CREATE VIEW gallery_view AS SELECT * FROM gallery_view_of", db="other")
    gallery.rows(*({"file": "seen.jpg", "id": number} for number in range(3)), table="view_of", db="other")
    gallery.table("keyed", "file TEXT PRIMARY KEY")
    gallery.rows({"file": "key.jpg"}, {"file": ""}, table="keyed")
    gallery.table("stuck", "id INTEGER PRIMARY KEY, parent_id INT, tag_id INT, icon TEXT")
    gallery.rows({"icon": "icon.png", "parent_id": 1, "tag_id": 1}, table="stuck")
    gallery.table("historicalparent", columns)
    gallery.rows({"file": "old.jpg"}, {"file": "db.jpg"}, table="historicalparent")
    names = ["db.jpg", "other.jpg", "more.jpg", "seen.jpg", "key.jpg", "icon.png"]

    none = gallery.verify()
    assert dict.fromkeys(names, "missing") == verdicts(none), none
    assert {"default", "other"} == {item["database"] for item in none.report["items"]}
    assert ("key.jpg", 1) == (none.item("key.jpg")["pk"], none.item("db.jpg")["pk"])
    assert ["no-table"] == found_ids(none)
    assert "gallery.Nowhere" in none.report["findings"][0]["detail"]

    gallery.store(s3, *(f"media/{name}" for name in [*names, "old.jpg", "gone.jpg"]))
    every = gallery.verify("--orphans")
    assert (0, {"gone.jpg": "orphan"}) == (every.code, verdicts(every)), "a history's copy is nobody's orphan"
    assert 1 == every.counts["orphans"]
    one = gallery.verify("--database", "other")
    assert (0, {"ok": 4}) == (one.code, one.report["verdicts"]), one
    child = gallery.verify("--model", "gallery.child", "--model", "gallery.Proxy")
    assert {"gallery.Child", "gallery.Parent"} == {each["model"] for each in child.report["fields"]}
    assert 2 == gallery.verify("--database", "third").code
    assert 2 == gallery.verify("--orphans", "--model", "gallery.Parent").code
    wrong = gallery.verify("--model", "gallery.Parents")
    assert (1, "NoModel") == (wrong.code, wrong.report["error"]["code"]), wrong
    assert "'gallery' is no app label" in gallery.verify("--model", "gallery").report["error"]["message"]
    proxy.clear()
    empty = gallery.verify("--model", "gallery.Tag")
    assert (0, ["no-fields"], 0) == (empty.code, found_ids(empty), len(proxy.requests)), empty


UNMIGRATED = """\
class Router:
    def db_for_read(self, model, **hints):
        return "other" if model._meta.model_name == "photo" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return False
"""


@ON_MOTO
def test_rows_of_a_database_that_django_does_not_migrate(project: Project, s3: Any) -> None:
    """s3_verify_media, where somebody else makes the tables"""
    gallery = Gallery(project)
    gallery.models(settings='DATABASE_ROUTERS = ["backends.Router"]\n', backends=UNMIGRATED)
    gallery.table(db="other")
    gallery.rows("a.jpg", db="other")
    result = gallery.verify()
    assert (3, {"a.jpg": "missing"}, []) == (result.code, verdicts(result), found_ids(result)), result


@ON_MOTO
def test_orphans_are_what_nobody_names(gallery: Gallery, s3: Any) -> None:
    """s3_verify_media --orphans [--min-age 1h] [-i GLOB]: not what apps derive, other aliases keep or the run hides"""
    project = gallery.project
    other = {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, project.bucket, location="media/static")}
    for app in ("sorl", "sorl/thumbnail", "imagekit", "easy_thumbnails"):
        (project.root / app).mkdir()
        (project.root / app / "__init__.py").write_text("")
    (project.root / "easy_thumbnails" / "models.py").write_text(
        "from django.db import models\n\nclass Thumbnail(models.Model):\n    name = models.CharField(max_length=255)\n"
    )
    apps = 'INSTALLED_APPS += ["sorl.thumbnail", "imagekit", "easy_thumbnails"]\n'
    gallery.models(storages={"staticfiles": other}, settings=apps)
    gallery.sql("CREATE TABLE easy_thumbnails_thumbnail (id INTEGER PRIMARY KEY, name TEXT)")
    gallery.sql("INSERT INTO easy_thumbnails_thumbnail (name) VALUES ('thumbs/odd.webp')")
    gallery.rows("a.jpg")
    ours = ["a.jpg", "static/x.css", "cache/1a/thumb.jpg", "CACHE/images/a/b.jpg", "a.jpg.80x80_q85_crop.jpg",
            "thumbs/odd.webp", ".s3sync/x", "folder/"]  # fmt: skip
    gallery.store(s3, *(f"media/{name}" for name in [*ours, "lost.jpg", "dump/a.sql", "z.jpg"]), "elsewhere.jpg")
    result = gallery.verify("--orphans", "-i", "dump")
    assert (0, {"lost.jpg": "orphan", "z.jpg": "orphan"}) == (result.code, verdicts(result)), result
    assert (2, 2) == (result.counts["orphans"], result.report["orphan_bytes"])
    young = gallery.verify("--orphans", "--min-age", "1h")
    assert (0, {}) == (young.code, verdicts(young)), young
    text = project.run("s3_verify_media", "--orphans")
    assert f"3 orphan: objects that no row names, 3 bytes\n  {project.bucket}/media/dump/a.sql (1 bytes)" in text.stdout
    assert 2 == gallery.verify("--min-age", "1h").code

    gallery.models(storages={"staticfiles": {**other, "OPTIONS": s3_options(project.server, project.bucket)}})
    shared = gallery.verify("--orphans")
    assert (0, ["orphans-shared"]) == (shared.code, found_ids(shared)), shared


BODIES = """\
class Page(models.Model):
    html = models.TextField()
    stream = models.JSONField(null=True)
    image = models.FileField()
"""


@ON_MOTO
def test_texts_with_old_urls_are_named_and_left_alone(project: Project, s3: Any) -> None:
    """s3_verify_media --bodies [--old-url URL] [--orphans]"""
    gallery = Gallery(project)
    gallery.models(BODIES, settings='ALLOWED_HOSTS = ["www.acme.example", ".acme.test"]\n')
    gallery.table("page", "id INTEGER PRIMARY KEY, html TEXT, stream TEXT, image TEXT")
    gallery.rows(
        {"html": '<img src="/media/a%20b.jpg"> <a href="https://www.acme.example/media/c.pdf?x=1">'},
        {"html": "https://cnn.example/media/no.jpg /static/media/no.jpg https://x.s3.amazonaws.com/media/no.jpg"},
        {"html": "", "stream": '[{"type": "rich", "value": "<p>\\u00e9 <img src=\\"/media/d.jpg\\"/></p>"}]'},
        {"html": "![](//shop.acme.test/media/e.jpg)."},
        table="page",
    )
    gallery.store(s3, "media/a b.jpg", "media/c.pdf", "media/d.jpg", "media/nobody.jpg")
    result = gallery.verify("--bodies", "--orphans")
    assert 0 == result.code, result
    assert {
        "a b.jpg": "old-url", "d.jpg": "old-url", "e.jpg": "old-url", "nobody.jpg": "orphan",
    } == verdicts(result)  # fmt: skip
    assert "/media/a%20b.jpg and 1 more" == result.item("a b.jpg")["detail"]
    assert ("stream", 3) == (result.item("d.jpg")["field"], result.item("d.jpg")["pk"])
    assert {"old-url": 2} == of_field(result, "gallery.Page.html")
    text = project.run("s3_verify_media", "--bodies")
    assert "gallery.Page.stream 3: /media/d.jpg" in text.stdout
    assert "gallery.Page.image" in text.stdout
    cdn = gallery.verify("--bodies", "--old-url", "https://cnn.example/media/")
    assert {"no.jpg": "old-url"} == verdicts(cdn)
    assert 2 == gallery.verify("--old-url", "/media/").code
    assert 2 == gallery.verify("--bodies", "--old-url", "media").code

"""`s3_doctor` on the project itself: code that breaks on S3, neighbours, and what lies among the uploads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.project import S3_STATIC, S3_STORAGE, Project, Result, s3_options
from tests.servers import ON_MOTO

EXAMPLE = Path(__file__).parents[1] / "example_project"
OURS = ("D24", "D31", "D32")
DISK = {"BACKEND": "django.core.files.storage.FileSystemStorage"}

SETTINGS = """\
INSTALLED_APPS += ["shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "pages"], "APP_DIRS": True
}]
"""
MODELS = """\
from django.core.files.storage import FileSystemStorage, storages
from django.db import models

def uploads():
    return storages["default"]

def archive():
    return storages["archive"]

class Product(models.Model):
    photo = models.ImageField()
    manual = models.FileField(storage=uploads)
    invoice = models.FileField(storage=FileSystemStorage(location="/srv/invoices"))
    record = models.FileField(storage=archive)

    def size(self):
        return os.path.getsize(self.photo.path)  # and not photo.path
"""
VIEWS = """\
from django.conf import settings
from django.core.files.storage import default_storage

def view(request, product):
    open(product.manual.path), open(product.invoice.path), open(product.record.path)
    default_storage.path("a")
    os.path.join(settings.MEDIA_ROOT, request.path)
"""
URLS = """\
from django.conf import settings
from django.conf.urls.static import static
from django.urls import re_path
from django.views.static import serve

urlpatterns = [re_path("^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT})]
urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
"""


def lay_out(project: Project, files: Mapping[str, str | bytes]) -> None:
    """Files of the project; every folder of Python code is a package."""
    for name, content in files.items():
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if name.endswith(".py") and path.parent != project.root:
            (path.parent / "__init__.py").touch()


def site(project: Project, settings: str = SETTINGS, *, media: bool = True, **how: Any) -> None:
    """Media and static files on S3; without `media`, uploads are to move to the alias `uploads`."""
    static = {"BACKEND": S3_STATIC, "OPTIONS": s3_options(project.server, project.bucket, location="static")}
    storages: dict[str, Any] = {"staticfiles": static, "archive": DISK}
    if not media:
        options = s3_options(project.server, project.bucket)
        storages |= {"default": DISK, "uploads": {"BACKEND": S3_STORAGE, "OPTIONS": options}}
        settings += 'S3SYNC = {"MEDIA_STORAGE": "uploads"}\n'
    project.configure(settings=settings, storages=storages, **how)


def doctor(project: Project, *args: str) -> Result:
    result = project.run("s3_doctor", "--format", "json", *args)
    assert result.report is not None, result
    assert not result.report["error"], result
    return result


def found(result: Result, *ids: str) -> list[dict[str, Any]]:
    return [each for each in result.report["items"] if each["id"] in (ids or OURS)]


def troubles(result: Result, *ids: str) -> list[tuple[str, str, str | None, int | None]]:
    """What is not well, in the order of files and lines."""
    bad = (each for each in found(result, *ids) if each["verdict"] != "ok")
    shown = [(each["verdict"], each["title"], each["name"], each["line"]) for each in bad]
    return sorted(shown, key=lambda each: (str(each[2]), each[3] or 0, each[1]))


BROKEN = {
    "shop/models.py": MODELS, "shop/views.py": VIEWS, "urls.py": URLS,
    "shop/templates/shop/a.html": '\n<img src="{{ MEDIA_URL }}{{ product.photo }}">\n<link href="/static/a.css">',
    "pages/b.html": '<img src="/media/logo.png">',
    "pages/latin.html": b"\xff /media/",
    "shop/old.py": "print 'self.photo.path'",
    "shop/tests/test_a.py": "product.photo.path",
    "shop/migrations/0001_initial.py": "product.photo.path",
    "venv/lib/python3.13/site-packages/other/views.py": "product.photo.path",
    "media/evil.py": "product.photo.path",
}  # fmt: skip
WHERE_IT_BREAKS = [
    ("warning", "field-storage", None, None),
    ("warning", "template-media", "pages/b.html", 1),
    ("error", "field-path", "shop/models.py", 17),
    ("warning", "template-media", "shop/templates/shop/a.html", 2),
    ("warning", "template-static", "shop/templates/shop/a.html", 3),
    ("error", "field-path", "shop/views.py", 5),
    ("error", "storage-path", "shop/views.py", 6),
    ("warning", "media-root", "shop/views.py", 7),
    ("warning", "serve-route", "urls.py", 6),
]


@ON_MOTO
def test_what_breaks_is_named_with_file_and_line(project: Project) -> None:
    """s3_doctor, on uploads in the bucket"""
    lay_out(project, BROKEN)
    site(project)

    result = doctor(project)

    assert WHERE_IT_BREAKS == troubles(result, "D31"), result
    assert 3 == result.code
    (stays,) = (each for each in found(result) if each["title"] == "field-storage")
    assert "shop.Product.invoice keeps its files in /srv/invoices" in stays["seen"]
    assert all(each["why"] and each["fix"] for each in found(result, "D31") if each["verdict"] != "ok")
    assert ["debug-route"] == [each["title"] for each in found(result, "D31") if each["verdict"] == "ok"]

    text = project.run("s3_doctor")
    assert "ERROR D31 shop/views.py:6: default_storage.path(), the storage 'default'" in text.stdout, text


@ON_MOTO
def test_before_the_cut_over_it_will_break(project: Project) -> None:
    """s3_doctor, with uploads still on the disk, and then for good"""
    lay_out(project, BROKEN)
    site(project, media=False)
    warned = [("warning", *where[1:]) for where in WHERE_IT_BREAKS if where[1] != "field-storage"]
    assert warned == troubles(doctor(project), "D31")

    static = {"BACKEND": S3_STATIC, "OPTIONS": s3_options(project.server, project.bucket, location="static")}
    project.configure(settings=SETTINGS, storages={"default": DISK, "staticfiles": static, "archive": DISK})
    assert [("warning", "template-static", "shop/templates/shop/a.html", 3)] == troubles(doctor(project))


CLEAN = {
    "shop/models.py": """\
from django.db import models

class Product(models.Model):
    photo = models.ImageField()

    def size(self):
        '''Not self.photo.path, nor settings.MEDIA_ROOT.'''
        return self.photo.size

    def local_path(self):
        try:
            return self.photo.path
        except NotImplementedError:
            return None
""",
    "urls.py": URLS.replace('[re_path("^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT})]', "[]"),
    "shop/templates/shop/a.html": '{% load static %}<img src="{{ p.photo.url }}"><link href="{% static "a.css" %}">',
}


@ON_MOTO
def test_a_clean_project_has_no_warning(project: Project) -> None:
    """s3_doctor, with WhiteNoise and thumbnails beside it"""
    apps = 'INSTALLED_APPS += ["sorl.thumbnail"]\nMIDDLEWARE = ["whitenoise.middleware.WhiteNoiseMiddleware"]\n'
    lay_out(project, {**CLEAN, "sorl/thumbnail/apps.py": "", "whitenoise/middleware.py": ""})
    site(project, SETTINGS + apps)
    project.write("photos/a.jpg", b"a")
    project.write("photos/.env", b"secret, but nobody reads it")

    result = doctor(project)

    assert [] == troubles(result), result
    assert ["debug-route", "code", "sorl-thumbnail", "whitenoise", "secrets"] == [
        each["title"] for each in found(result)
    ]
    (code,) = (each for each in found(result) if each["title"] == "code")
    assert "10 Python files and 1 template of " in code["seen"]
    assert str(os.path.realpath(project.root)) in code["seen"]


@ON_MOTO
def test_neighbours_that_write_to_the_disk(project: Project) -> None:
    """s3_doctor, and again with the lines that it gave pasted below STORAGES"""
    stubs = {f"{name}/apps.py": "" for name in ("compressor", "easy_thumbnails", "imagekit", "filer", "wagtail/images")}
    lay_out(project, {**CLEAN, **stubs, "wagtail/__init__.py": ""})
    wrong = SETTINGS + (
        'INSTALLED_APPS += ["compressor", "easy_thumbnails", "imagekit", "filer", "wagtail.images"]\n'
        'THUMBNAIL_DEFAULT_STORAGE_ALIAS = "archive"\n'
        'IMAGEKIT_DEFAULT_FILE_STORAGE = "django.core.files.storage.FileSystemStorage"\n'
        'WAGTAILIMAGES_RENDITION_STORAGE = "storages.backends.s3.S3Storage"\n'
    )
    site(project, wrong)

    result = doctor(project)

    titles = ["compressor", "easy-thumbnails", "imagekit", "wagtail", "filer"]
    neighbours = found(result, "D32")
    assert [("warning", title) for title in titles] == [(each["verdict"], each["title"]) for each in neighbours]
    assert "without a bucket name" in neighbours[3]["seen"]

    fixes = "\n".join(each["fix"] for each in neighbours)
    with (project.root / "settings.py").open("a") as settings:
        settings.write(f"\n{fixes}\n")
    again = found(doctor(project), "D32")
    assert [("ok", title) for title in titles] == [(each["verdict"], each["title"]) for each in again]


@ON_MOTO
def test_secrets_and_scripts_among_public_uploads(project: Project) -> None:
    """s3_doctor, on uploads that everybody reads: elsewhere, on the site's own host, as attachments"""
    lay_out(project, CLEAN)
    for name in (
        "a.jpg",
        "b.html",
        "c.svg",
        ".env",
        "backup/x.sql",
        *(f"keys/{number:02}.pem" for number in range(12)),
    ):
        project.write(name, b"a")

    site(project, options={"querystring_auth": False})
    (secrets,) = found(doctor(project), "D24")
    assert ("warning", "secrets", "default") == (secrets["verdict"], secrets["title"], secrets["alias"])
    assert "17 files" in secrets["seen"]
    assert "14 with names of secrets" in secrets["seen"]
    assert ".env, backup/x.sql, keys/00.pem" in secrets["seen"]
    assert "keys/07.pem and 4 more" in secrets["seen"]

    own = SETTINGS + 'ALLOWED_HOSTS = ["www.example.com"]\n'
    public = {"querystring_auth": False, "custom_domain": "www.example.com"}
    site(project, own, options=public)
    _, documents = found(doctor(project), "D24")
    assert ("warning", "documents") == (documents["verdict"], documents["title"])
    assert "2 that browsers run, at https://www.example.com/media/" in documents["seen"]
    assert "b.html, c.svg" in documents["seen"]

    with (project.root / "settings.py").open("a") as settings:
        settings.write("\n" + documents["fix"].splitlines()[0] + "\n")
    _, documents = found(doctor(project), "D24")
    assert ("ok", "documents") == (documents["verdict"], documents["title"])


@ON_MOTO
@pytest.mark.parametrize("change", ["missing", "empty", "unset"])
def test_no_uploads_are_no_trouble(project: Project, change: str) -> None:
    """s3_doctor, with nothing to look at"""
    lay_out(project, CLEAN)
    site(project, SETTINGS + ("MEDIA_ROOT = ''\n" if change == "unset" else ""), options={"querystring_auth": False})
    if change == "empty":
        project.media.mkdir(exist_ok=True)
    elif project.media.exists():
        project.media.rmdir()
    expected = [] if change == "unset" else [("ok", "secrets")]
    assert expected == [(each["verdict"], each["title"]) for each in found(doctor(project), "D24")]


@pytest.fixture(name="example")
def make_example(project: Project, tmp_path: Path) -> dict[str, str]:
    """The environment of the example project with its files in the bucket."""
    server = project.server
    return {
        **os.environ, "EXAMPLE_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(EXAMPLE.parent),
        "AWS_STORAGE_BUCKET_NAME": project.bucket, "AWS_S3_ENDPOINT_URL": server.endpoint_url,
        "AWS_S3_REGION_NAME": server.region, "AWS_S3_ADDRESSING_STYLE": "path",
        "AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key,
    }  # fmt: skip


@ON_MOTO
@pytest.mark.parametrize("media", ["s3", "local"])
def test_the_example_project_has_no_warning(example: dict[str, str], media: str) -> None:
    """s3_doctor, after the cut-over and before"""
    pytest.importorskip("PIL")
    done = subprocess.run(
        [sys.executable, "manage.py", "s3_doctor", "-v", "2"], cwd=EXAMPLE, env={**example, "MEDIA_ON": media},
        text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if any(f" {number} " in line for number in OURS)]
    assert lines, done
    assert [] == [line for line in lines if not line.startswith("OK ")], done.stdout

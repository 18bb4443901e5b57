"""What in a project's code, templates and neighbours does not work on S3: found where it stands, and nowhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from s3sync.doctor.code_places import MOST, WORDS, CodePlace, Lookout, told
from s3sync.doctor.neighbours import DISK, MISSING, NO_BUCKET, S3, Neighbourhood, of_neighbours
from s3sync.doctor.python_code import places_in
from s3sync.doctor.templates import places_in_template
from s3sync.local.sources import Sources

LOOKOUT = Lookout(
    fields={"avatar": "error", "document": "warning"},
    aliases={"default": "error", "staticfiles": "warning"},
    models=frozenset({"Person"}),
    media=True,
    static=True,
    media_url="/media/",
    static_url="/static/",
)
STATIC_ONLY = Lookout(aliases={"staticfiles": "error"}, static=True, static_url="/static/")

FROM_CONF = "from django.conf import settings\n"
FROM_STATIC = f"{FROM_CONF}from django.conf.urls.static import static\n"
FROM_SERVE = f"{FROM_CONF}from django.views.static import serve\nfrom django.urls import re_path\n"
ROUTE = 're_path("^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT})\n'

PLACES = [
    # source, (line, title, verdict)...
    ("obj.avatar.path", (1, "field-path", "error")),
    ("obj.document.path", (1, "field-path", "warning")),
    ("def f(self):\n    return open(self.avatar.path)", (2, "field-path", "error")),
    ("class Person:\n    def f(self):\n        self.avatar = 1\n        self.avatar.path", (4, "field-path", "error")),
    ("Image.open(request.user.profile.avatar.path)", (1, "field-path", "error")),
    ("people[0].avatar.path", (1, "field-path", "error")),
    ("get(pk=1).avatar.path", (1, "field-path", "error")),
    ("[p.avatar.path for p in people]", (1, "field-path", "error")),
    ("f'{obj.avatar.path}'", (1, "field-path", "error")),
    ("obj.avatar.path.replace('a', 'b')", (1, "field-path", "error")),
    ("(obj.avatar\n .path)", (1, "field-path", "error")),
    ("# -*- coding: latin-1 -*-\n'\xe9'; obj.avatar.path".encode("latin-1"), (2, "field-path", "error")),
    ("def f(o):\n    picture = o.avatar\n    return picture.path", (3, "field-path", "error")),
    ("if picture := o.avatar:\n    picture.path", (2, "field-path", "error")),
    ("class Form:\n    def f(self):\n        self.instance.avatar.path", (3, "field-path", "error")),
    ("obj.avatar.storage.path(obj.avatar.name)", (1, "storage-path", "error")),
    ("try:\n    obj.avatar.path\nexcept Exception:\n    pass", (2, "field-path", "error")),
    ("try:\n    pass\nexcept NotImplementedError:\n    obj.avatar.path", (4, "field-path", "error")),
    ("if obj.is_local_time:\n    pass\nobj.avatar.path", (3, "field-path", "error")),
    ("if settings.USE_S3:\n    pass\nobj.avatar.path", (3, "field-path", "error")),
    ("obj.avatar.path; obj.document.path\nobj.avatar.path", (1, "field-path", "error"), (2, "field-path", "error")),
    ("default_storage.path(name)", (1, "storage-path", "error")),
    ("from django.core.files.storage import default_storage as d\nd.path(n)", (2, "storage-path", "error")),
    ("from django.core.files import storage\nstorage.default_storage.path(n)", (2, "storage-path", "error")),
    ("staticfiles_storage.path('a.css')", (1, "storage-path", "warning")),
    ("storages['default'].path(n)", (1, "storage-path", "error")),
    (f"{FROM_CONF}os.path.join(settings.MEDIA_ROOT, 'a')", (2, "media-root", "warning")),
    (f"{FROM_CONF}open(f'{{settings.MEDIA_ROOT}}/a')", (2, "media-root", "warning")),
    (f"{FROM_CONF}getattr(settings, 'MEDIA_ROOT', None)", (2, "media-root", "warning")),
    ("from django import conf\nconf.settings.MEDIA_ROOT", (2, "media-root", "warning")),
    (f"{FROM_CONF}Path(settings.STATIC_ROOT) / 'a'", (2, "static-root", "warning")),
    (f"{FROM_CONF}a = settings.MEDIA_URL + obj.avatar.name", (2, "media-url", "warning")),
    (f"{FROM_CONF}f'{{settings.STATIC_URL}}a.css'", (2, "static-url", "warning")),
    (f"{FROM_CONF}'%s%s' % (settings.MEDIA_URL, name)", (2, "media-url", "warning")),
    (f"{FROM_CONF}urljoin(settings.MEDIA_URL, name)", (2, "media-url", "warning")),
    ("def view(request):\n    fs = FileSystemStorage()\n    fs.save(n, f)", (2, "disk-storage", "warning")),
    (f"{FROM_SERVE}urlpatterns = [{ROUTE}]", (4, "serve-route", "warning")),
    (f"{FROM_SERVE}def f(r, p):\n    return serve(r, p, settings.MEDIA_ROOT)", (5, "serve-route", "warning")),
    (f"{FROM_CONF}from staticfiles.views import serve\n{ROUTE}", (3, "media-root", "warning")),
    (f"{FROM_STATIC}a = static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)", (3, "debug-route", "ok")),
    ("urlpatterns += staticfiles_urlpatterns()", (1, "debug-route", "ok")),
]  # fmt: skip


@pytest.mark.parametrize(("source", "places"), [(source, places) for source, *places in PLACES])
def test_places_in_code(source: str | bytes, places: list[tuple[int, str, str]]) -> None:
    """Each at its line, under its title, as bad as it is"""
    found = places_in(source if isinstance(source, bytes) else source.encode(), LOOKOUT)
    assert places == [place[:3] for place in found or ()]


NO_PLACES = [
    "os.path.join(a, b)",
    "request.path",
    "request.avatar.path",
    "Path(__file__).path",
    "import photos\nphotos.avatar.path",
    "from . import forms\nforms.avatar.path",
    "urlsplit(url).path",
    "obj.other.path",
    "obj.avatar.paths",
    "obj.avatar.url.path",
    "obj.avatar.path = 'a'",
    "del obj.avatar.path",
    "# obj.avatar.path",
    "'obj.avatar.path'",
    '"""\nobj.avatar.path\nsettings.MEDIA_ROOT\n"""',
    "avatar.path",
    "def f(avatar):\n    return avatar.path",
    "picture = o.avatar\npicture = urlsplit(picture.url)\npicture.path",
    "for picture in [o.avatar]:\n    pass\npicture.path",
    "def f(o):\n    picture = o.avatar\ndef g():\n    picture.path",
    "def f(o):\n    picture = o.avatar\n    return lambda picture: picture.path",
    "def f(o):\n    picture = o.avatar\n    def g():\n        picture = o.other\n        picture.path",
    "fs = FileSystemStorage()",
    "class Fetcher:\n    def __init__(self, url):\n        self.avatar = urlsplit(url)\n        self.avatar.path",
    "class Row:\n    avatar: Entry\n    def f(self):\n        return self.avatar.path",
    "try:\n    obj.avatar.path\nexcept NotImplementedError:\n    pass",
    "try:\n    obj.avatar.path\nexcept (ValueError, NotImplementedError):\n    pass",
    "with suppress(NotImplementedError):\n    obj.avatar.path",
    "if settings.USE_S3:\n    pass\nelse:\n    obj.avatar.path",
    "if settings.DEBUG:\n    obj.avatar.path",
    "if isinstance(default_storage, FileSystemStorage):\n    default_storage.path(n)",
    "def f(o):\n    if settings.USE_S3:\n        return o.avatar.url\n    return o.avatar.path",
    "a = o.avatar.path if settings.DEBUG else o.avatar.url",
    "a = settings.DEBUG and o.avatar.path",
    "self.storage.path(name)",
    "storages['backups'].path(n)",
    "config['default'].path(n)",
    "MEDIA_ROOT = BASE_DIR / 'media'",
    "os.makedirs(MEDIA_ROOT)",
    f"{FROM_CONF}if request.path.startswith(settings.MEDIA_URL):\n    pass",
    f"{FROM_CONF}url = settings.MEDIA_URL",
    "def uploads():\n    return FileSystemStorage()",
    "fs = FileSystemStorage(location='/srv/a')",
    "def f():\n    return FileSystemStorage(location='/srv/a').save(n, f)",
    f"{FROM_SERVE}if settings.DEBUG:\n    urlpatterns += [{ROUTE}]",
    f"{FROM_STATIC}if settings.DEBUG:\n    urlpatterns += static(settings.MEDIA_URL)",
    "from django.templatetags.static import static\nstatic(settings.MEDIA_URL)",
    f"{FROM_SERVE}re_path('^docs/', serve, {{'document_root': '/srv/docs'}}); settings.MEDIA_URL",
]  # fmt: skip


@pytest.mark.parametrize("source", NO_PLACES)
def test_no_places_in_code(source: str) -> None:
    """What only looks like it, and what knows about S3 already"""
    assert [] == places_in(source.encode(), LOOKOUT)


@pytest.mark.parametrize(
    "source", ["obj.avatar.path", "settings.MEDIA_ROOT", f"{FROM_SERVE}{ROUTE}", "default_storage.path(n)"]
)
def test_uploads_that_stay_are_left_alone(source: str) -> None:
    """Static files on S3, uploads on the disk for good"""
    assert [] == places_in(source.encode(), STATIC_ONLY)


@pytest.mark.parametrize("source", [
    b"def f(:\n obj.avatar.path", b"print 'obj'.avatar.path", b"obj.avatar.path\0", b"# coding: klingon\no.avatar.path",
    b"'\xff'.avatar.path", b"o.avatar.path" + b"(" * 5000,
])  # fmt: skip
def test_what_is_not_python_is_not_read(source: bytes) -> None:
    """Templates of code, Python 2, binary, endless nesting"""
    assert places_in(source, LOOKOUT) is None


def test_the_projects_own_warnings_stay_its_own() -> None:
    """Escapes and comparisons that Python warns of, where warnings are errors"""
    assert [(1, "field-path", "error")] == [p[:3] for p in places_in(rb"'\d'; 1 is 1; o.avatar.path", LOOKOUT) or ()]


IN_TEMPLATES = [
    ('<img src="{{ MEDIA_URL }}{{ a.avatar }}">', (1, "template-media")),
    ("{{MEDIA_URL}}", (1, "template-media")),
    ("\n{{ settings.MEDIA_URL|default:'/m/' }}", (2, "template-media")),
    ("{% include 'a.html' with base=MEDIA_URL %}", (1, "template-media")),
    ("{% get_media_prefix as m %}", (1, "template-media")),
    ("{{ STATIC_URL }}css/a.css", (1, "template-static")),
    ("{% get_static_prefix %}", (1, "template-static")),
    ('<img src="/media/a.png">', (1, "template-media")),
    ("<img src='/media/{{ a.avatar }}'>", (1, "template-media")),
    ("<img src=/media/a.png>", (1, "template-media")),
    ('<img data-src="/media/a.png">', (1, "template-media")),
    ('<img srcset="/media/a.png 1x, /media/b.png 2x">', (1, "template-media")),
    ('<meta property="og:image" content="/static/a.png">', (1, "template-static")),
    ('<link href = "/static/css/site.css?v=1">', (1, "template-static")),
    ("<p style=\"background: url('/media/a.png')\">", (1, "template-media")),
    ("{# a\n #}\n<!-- b\n -->{% comment %}\n{% endcomment %}\n<a href='/media/a.pdf'>", (6, "template-media")),
    ('<img src="/media/a.png"><script src="/static/a.js">', (1, "template-media"), (1, "template-static")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "places"), [(text, places) for text, *places in IN_TEMPLATES])
def test_places_in_templates(text: str, places: list[tuple[int, str]]) -> None:
    """Each at its line, once"""
    assert places == [place[:2] for place in places_in_template(text, LOOKOUT)]


@pytest.mark.parametrize("text", [
    '<img src="{{ a.avatar.url }}">', '{% load static %}<img src="{% static "a.png" %}">', '<a href="/media/">',
    '<a href="/media/press/">', '<a href="/media-kit/a.pdf">', '<a href="/static-pages/a.html">',
    "{# {{ MEDIA_URL }} #}", '<!-- <img src="/media/a.png"> -->',
    '{% comment "why" %}<img src="/media/a.png">{% endcomment %}', '<img src="https://cdn.example.com/media/a.png">',
    "<p>It lies under /media/a.png</p>", '{{ "MEDIA_URL" }}', "{{ MY_MEDIA_URL }}", "MEDIA_URL",
    '<img alt="/media/a.png">',
])  # fmt: skip
def test_no_places_in_templates(text: str) -> None:
    """Storages' own addresses, pages, comments, other hosts, prose"""
    assert [] == places_in_template(text, LOOKOUT)


def test_addresses_that_lead_to_s3_are_no_places() -> None:
    """MEDIA_URL is an address on S3, and only static files have a path of their own"""
    lookout = Lookout(media=True, static=True, static_url="/assets/")
    text = '{{ MEDIA_URL }}a.png <img src="/media/a.png"> <img src="/static/a.png"> <img src="/assets/a.png">'
    assert [(1, "template-static")] == [place[:2] for place in places_in_template(text, lookout)]


def test_many_places_are_told_once_and_counted() -> None:
    """Kind by kind; the rest in one line"""
    found = [(f"a{number % 9}.py", CodePlace(number, "field-path", "error", "x")) for number in range(MOST + 20)]
    diagnoses = list(told([("a.html", CodePlace(3, "template-media", "warning", "y")), *found]))
    assert [("a.html", 3)] == [(each.name, each.line) for each in diagnoses if each.verdict == "warning"]
    assert MOST + 1 == sum(each.verdict == "error" for each in diagnoses)
    assert (None, "and 20 more places of this kind, in 9 files") == (diagnoses[-1].name, diagnoses[-1].seen)
    assert all(each.why and each.fix for each in diagnoses)


def test_uploads_that_are_not_on_s3_yet_need_their_route() -> None:
    """`default` is a CutoverStorage: MEDIA_ROOT is served, and of static files there is nothing to serve"""
    lookout = replace(LOOKOUT, falls_back=True)
    source = f"{FROM_SERVE}{ROUTE}{ROUTE.replace('MEDIA', 'STATIC')}".encode()
    found = [(4, "cutover-route", "ok"), (5, "serve-route", "warning")]
    assert found == [place[:3] for place in places_in(source, lookout) or ()]


def test_every_title_has_words() -> None:
    """What the tables expect can be told"""
    titles = {place[1] for _, *places in [*PLACES, *IN_TEMPLATES] for place in places}
    assert titles | {"cutover-route"} == set(WORDS)


S3_BACKEND, DISK_BACKEND = "storages.backends.s3.S3StaticStorage", "django.core.files.storage.FileSystemStorage"
MANIFEST = "storages.backends.s3.S3ManifestStaticStorage"


def where(backend: str, options: Mapping[str, Any]) -> str:
    """As the classes would say."""
    if backend.startswith("storages."):
        return S3 if options.get("bucket_name") else NO_BUCKET
    return DISK if backend.endswith("FileStorage") or backend == DISK_BACKEND else MISSING


def neighbourhood(app: str, *aliases: str, static: str = S3_BACKEND, **settings: Any) -> Neighbourhood:
    """Media and static files on S3; `aliases` too, but what begins with `disk`."""
    storages = {"default": S3_BACKEND, "staticfiles": static}
    storages |= {alias: DISK_BACKEND if alias.startswith("disk") else S3_BACKEND for alias in aliases}
    return Neighbourhood(
        apps=frozenset({app}), settings={"STATIC_URL": "https://b.example/static/", **settings}, storages=storages,
        options={alias: {"bucket_name": "b"} for alias in storages}, where=where, media=True, static=True,
        static_base="https://b.example/static/",
    )  # fmt: skip


FILER_S3 = {kind: {"ENGINE": S3_BACKEND, "OPTIONS": {"bucket_name": "b"}} for kind in ("main", "thumbnails")}
FILER_DISK = {"public": {"main": {"ENGINE": DISK_BACKEND}, "thumbnails": FILER_S3["main"]}}
FILER_PUBLIC, FILER_BOTH = {"public": FILER_S3}, {"public": FILER_S3, "private": FILER_S3}

NEIGHBOURS = [
    # situation, verdict, what is said
    (neighbourhood("compressor"), "warning", 'STORAGES["compressor"] = {**STORAGES["staticfiles"]}'),
    (neighbourhood("compressor", static=MANIFEST), "warning", '"BACKEND": "storages.backends.s3.S3StaticStorage"'),
    (neighbourhood("compressor", COMPRESS_STORAGE=S3_BACKEND), "warning", "without a bucket name"),
    (neighbourhood("compressor", "compressor", STATIC_URL="/static/"), "warning", 'COMPRESS_URL = "https://b.example/static/"'),
    (neighbourhood("compressor", "compressor"), "ok", "manage.py compress"),
    (neighbourhood("compressor", "mine", COMPRESS_STORAGE_ALIAS="mine"), "ok", "CACHE/"),
    (neighbourhood("compressor", COMPRESS_ENABLED=False), "ok", "switched off"),
    (neighbourhood("compressor", DEBUG=True), "ok", "switched off"),
    (neighbourhood("easy_thumbnails"), "ok", "THUMBNAIL_CHECK_CACHE_MISS = True"),
    (neighbourhood("easy_thumbnails", THUMBNAIL_BASEDIR="thumbs"), "ok", '--ignore "thumbs/*"'),
    (neighbourhood("easy_thumbnails", THUMBNAIL_CHECK_CACHE_MISS=True), "ok", "are found again"),
    (neighbourhood("easy_thumbnails", "disk", THUMBNAIL_DEFAULT_STORAGE_ALIAS="disk"), "warning", "local disk"),
    (neighbourhood("sorl.thumbnail"), "ok", 'manage.py thumbnail clear'),
    (neighbourhood("sorl.thumbnail", THUMBNAIL_PREFIX="t/"), "ok", '--ignore "t/*"'),
    (neighbourhood("sorl.thumbnail", THUMBNAIL_STORAGE=DISK_BACKEND), "warning", 'THUMBNAIL_STORAGE = "default"'),
    (neighbourhood("sorl.thumbnail", THUMBNAIL_STORAGE=S3_BACKEND), "warning", "without the OPTIONS"),
    (neighbourhood("imagekit"), "ok", "generateimages"),
    (neighbourhood("imagekit", IMAGEKIT_DEFAULT_FILE_STORAGE=DISK_BACKEND), "warning", 'STORAGE = "default"'),
    (neighbourhood("wagtail.images"), "ok", "wagtail_update_image_renditions"),
    (neighbourhood("wagtail.images", WAGTAILIMAGES_RENDITION_STORAGE="disk"), "warning", "does not exist"),
    (neighbourhood("wagtail.images", WAGTAILIMAGES_RENDITION_STORAGE=object()), "ok", "original_images/"),
    (neighbourhood("filer"), "warning", "without its OPTIONS"),
    (neighbourhood("filer", FILER_STORAGES=FILER_DISK), "warning", "public main files to the local disk"),
    (neighbourhood("filer", FILER_STORAGES=FILER_PUBLIC), "ok", "generate_thumbnails"),
    (neighbourhood("filer", FILER_STORAGES=FILER_PUBLIC, FILER_ENABLE_PERMISSIONS=True), "warning", "private main"),
    (neighbourhood("filer", FILER_STORAGES=FILER_PUBLIC, FILER_IS_PUBLIC_DEFAULT=False), "warning", "private"),
    (neighbourhood("filer", FILER_STORAGES=FILER_BOTH, FILER_ENABLE_PERMISSIONS=True), "ok", "S3"),
]  # fmt: skip


@pytest.mark.parametrize(("around", "verdict", "words"), NEIGHBOURS)
def test_neighbours(around: Neighbourhood, verdict: str, words: str) -> None:
    """What each keeps where, and the lines that mend it"""
    (found,) = of_neighbours(around)
    assert (verdict, "D32") == (found.verdict, found.id), found
    assert words in f"{found.seen}\n{found.why}\n{found.fix}"
    assert (verdict == "warning") == bool(found.fix)
    compile(found.fix, "the lines to paste", "exec")


def test_filers_remedy_mends_it() -> None:
    """The lines, pasted below STORAGES"""
    around = neighbourhood("filer", FILER_ENABLE_PERMISSIONS=True)
    (found,) = of_neighbours(around)
    pasted: dict[str, Any] = {"STORAGES": {"default": {"BACKEND": S3_BACKEND, "OPTIONS": {"bucket_name": "b"}}}}
    exec(found.fix, pasted)
    mended = neighbourhood("filer", FILER_ENABLE_PERMISSIONS=True, FILER_STORAGES=pasted["FILER_STORAGES"])
    assert ["ok"] == [each.verdict for each in of_neighbours(mended)]
    assert pasted["FILER_STORAGES"]["private"]["main"]["OPTIONS"]["querystring_auth"] is True


def test_neighbours_of_files_that_stay_say_nothing() -> None:
    """Nothing is on S3"""
    apps = frozenset({"compressor", "easy_thumbnails", "filer"})
    middleware = ["whitenoise.middleware.WhiteNoiseMiddleware"]
    assert [] == list(of_neighbours(Neighbourhood(apps=apps, middleware=middleware)))
    assert ["ok"] == [
        each.verdict for each in of_neighbours(Neighbourhood(apps=frozenset(), middleware=middleware, static=True))
    ]


def names_of(sources: Sources, root: Path) -> list[str]:
    return [os.path.relpath(path, root) for path, _ in sources]


def test_only_the_projects_own_sources_are_read(tmp_path: Path) -> None:
    """Foreign code, tests, uploads, links, pipes and what is unreadable are left out"""
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    for name in (
        "app/a.py", "app/b.py", "b.py", "test_c.py", "app/c_test.py", "app/tests.py", "conftest.py",
        "app/tests/d.py", "app/migrations/e.py", ".git/f.py",
        "node_modules/g.py", "env3/pyvenv.cfg", "env3/h.py", "lib/site-packages/i.py", "media/j.py",
        "note.txt", "x.egg-info/k.py", "../outside/l.py",
    ):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a")
    (root / "linked").symlink_to(outside)
    (root / "link.py").symlink_to(outside / "l.py")
    os.mkfifo(root / "pipe.py")
    (root / "large.py").write_bytes(b"#" * (2 << 20))
    sources = Sources(root=str(root), endings=(".py",), leave_out=frozenset({os.path.realpath(root / "media")}))
    assert ["app/a.py", "app/b.py", "b.py"] == names_of(sources, root)
    assert (3, 1, False) == (sources.read, sources.unread, sources.cut)

    few = Sources(root=str(root), endings=(".py",), most=1)
    assert ["app/a.py"] == names_of(few, root)
    assert few.cut


def test_a_large_project_is_read_in_a_moment() -> None:
    """3,000 modules of the usual kind, few of which are suspect"""
    plain = b"import os\nfrom django.db import models\n" + b"def view(request):\n    return os.path.join(a, b)\n" * 100
    suspect = plain + b"def f(o):\n    return o.avatar.path\n"
    began = time.process_time()
    found = sum(len(places_in(suspect if number % 50 == 0 else plain, LOOKOUT) or ()) for number in range(3000))
    assert 60 == found
    assert time.process_time() - began < 5

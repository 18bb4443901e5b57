"""`s3sync.storages.CutoverStorage`: a site that goes on while its uploads move to S3, and can go back."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.project import Code, Project, s3_options
from tests.proxy import Proxy, Response
from tests.servers import ON_MOTO, Server

CUTOVER = "s3sync.storages.CutoverStorage"
ON_MOTO_AND_RGW_HTTPS = pytest.mark.parametrize("server", ["moto", "rgw-https"], indirect=True)

SITE = """
INSTALLED_APPS += ["shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "shop.urls"
ALLOWED_HOSTS = ["testserver"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
"""
SHOP = {
    "models": """
        from django.db import models

        class Photo(models.Model):
            image = models.FileField(upload_to="photos")
        """,
    "urls": """
        from django.conf import settings
        from django.http import FileResponse, HttpResponse, JsonResponse
        from django.urls import path
        from django.views.static import serve
        from shop.models import Photo

        def upload(request):
            photo = Photo.objects.create(image=request.FILES["image"])
            return HttpResponse(photo.image.name)

        def page(request):
            return JsonResponse({photo.image.name: photo.image.url for photo in Photo.objects.all()})

        def download(request, name):
            return FileResponse(Photo.objects.get(image=name).image.open())

        urlpatterns = [
            path("upload", upload), path("page", page), path("download/<path:name>", download),
            path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}),
        ]
        """,
}
PRELUDE = """\
import json, os, io, urllib.request
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage as storage, storages
from s3sync.storages import fallbacks

def made(**options):
    return storage.__class__(**{**settings.STORAGES["default"]["OPTIONS"], **options})

def raised(call, *args):
    try:
        return repr(call(*args))
    except Exception as error:
        return "ClientError" if isinstance(error, ClientError) else type(error).__name__

def done(**found):
    told = fallbacks.read()
    print(json.dumps({**found, "told": {"total": told.total, "names": told.names, "by": told.by_method,
                      "errors": told.s3_errors, "copies": told.failed_copies}}))

"""


def cutover(project: Project, backend: str = CUTOVER, settings: str = "", backends: str = "", **options: Any) -> None:
    """`default` is a CutoverStorage; the old place is MEDIA_ROOT."""
    project.configure(backend=backend, options=options, settings=settings, backends=backends)


def ask(project: Project, code: str) -> dict[str, Any]:
    """Run Python code in the project, which ends with `done(...)`; what it found, with the log as `log`."""
    result = project.run("shell", "-v", "0", "--no-imports", "-c", PRELUDE + textwrap.dedent(code))
    assert (0, True) == (result.code, isinstance(result.report, dict)), result
    return {**result.report, "log": result.stderr}


def keys(s3: Any, bucket: str) -> dict[str, bytes]:
    """Key -> content of all objects."""
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    return {entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed}


def files(folder: Path) -> dict[str, bytes]:
    """Name -> content of all files."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lay_out_shop(project: Project) -> None:
    """An app that takes uploads, shows their addresses and reads them."""
    (project.root / "shop").mkdir()
    (project.root / "shop/__init__.py").touch()
    for name, source in SHOP.items():
        (project.root / f"shop/{name}.py").write_text(textwrap.dedent(source))


STORY = """
import ssl, warnings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.core.files.uploadedfile import SimpleUploadedFile
from shop.models import Photo

with connection.schema_editor() as editor:
    editor.create_model(Photo)
Photo.objects.create(image="photos/old.jpg")
client = Client()

def fetched(url):
    if url.startswith("/"):
        return b"".join(client.get(url).streaming_content).decode()
    verified = ssl.create_default_context(cafile=storage.verify) if storage.verify else None
    return urllib.request.urlopen(url, context=verified).read().decode()

def look():
    page = client.get("/page").json()
    return {name: [url.partition("?")[0].partition("//")[0], fetched(url),
                   b"".join(client.get("/download/" + name)).decode()] for name, url in page.items()}

first = look()
sent = [client.post("/upload", {"image": SimpleUploadedFile(name, content)}).content.decode()
        for name, content in (("new.jpg", b"new"), ("big.jpg", b"b" * 2000), ("old.jpg", b"another"))]
before = look()
call_command("s3_push_media", verbosity=0)
storage._sightings = type(storage._sightings)()
fallbacks.reset()
after = look()
done(first=first, sent=sent, before=before, after=after)
"""


@ON_MOTO_AND_RGW_HTTPS
def test_a_site_goes_on_while_its_uploads_move(project: Project, s3: Any, bucket: str, server: Server) -> None:
    """STORAGES switched before the push; requests through Django's test client before and after"""
    lay_out_shop(project)
    cutover(project, "s3sync.storages.MediaCutoverStorage", settings=SITE)
    project.write("photos/old.jpg", b"old", age=60)
    found = ask(project, STORY)

    scheme = server.endpoint_url.partition("//")[0]
    assert {"photos/old.jpg": ["/media/photos/old.jpg", "old", "old"]} == found["first"]
    new, big, renamed = found["sent"]
    assert ["photos/new.jpg", "photos/big.jpg"] == [new, big]
    assert renamed != "photos/old.jpg", "the name of a file that has still to go to S3 is taken"
    contents = {new: "new", big: "b" * 2000, renamed: "another"}
    uploads = {name: [scheme, content, content] for name, content in contents.items()}
    assert found["first"] | uploads == found["before"]
    assert {"photos/old.jpg": [scheme, "old", "old"]} | uploads == found["after"]
    assert 0 == found["told"]["total"], "nothing falls back any more"
    assert 1 == found["log"].count("'photos/old.jpg'"), found["log"]
    assert f"not on S3 yet, served from {project.media}: 'photos/old.jpg' (url)" in found["log"]
    assert {"photos/old.jpg": b"old"} == files(project.media), "uploads go to S3 only"


# Reading


READS = """
def all_of(name):
    return [raised(lambda: storage.open(name).read().decode()), raised(storage.size, name), storage.exists(name),
            raised(lambda: storage.get_modified_time(name).year > 2000)]

done(both=all_of("both.txt"), old=all_of("old.txt"), new=all_of("new.txt"), none=all_of("none.txt"),
     text=storage.open("old.txt", "r").read(), top=[sorted(names) for names in storage.listdir("")],
     folder=storage.listdir("only/old"), nothing=storage.listdir("no/such"), path=raised(storage.path, "old.txt"),
     outside=raised(storage.exists, "../settings.py"), writing=raised(storage.open, "old.txt", "r+b"))
"""


LATER = """
from django.core.management import call_command

def seen():
    return [storage.open("avatar.jpg").read().decode(), storage.size("avatar.jpg"),
            storage.url("avatar.jpg").startswith("/media/")]

before = seen()
local = storage.local_storage
with open(local.path("avatar.jpg"), "wb") as written:  # by a process of the old deploy
    written.write(b"of today")
after = seen()
os.utime(local.path("touched.txt"))
touched = [storage.open("touched.txt").read().decode(), storage.url("touched.txt").startswith("/media/")]
call_command("s3_push_media", verbosity=0)
storage._sightings = type(storage._sightings)()
fallbacks.reset()
done(before=before, after=after, touched=touched, pushed=seen())
"""


@ON_MOTO
@pytest.mark.parametrize("both", [False, True])
def test_what_the_old_deploy_replaces_is_read_at_once(both: bool, project: Project, s3: Any, bucket: str) -> None:
    """A file is on S3, and a process of the old deploy writes it anew: the later version counts, until it is pushed"""
    cutover(project, write_to_local=both)
    project.write("avatar.jpg", b"of yesterday", age=60)
    project.write("touched.txt", b"as it was", age=60)
    assert 2 == project.push().counts["uploaded"]

    found = ask(project, LATER)

    assert ["of yesterday", 12, False] == found["before"]
    assert ["of today", 8, True] == found["after"]
    assert ["as it was", False] == found["touched"], "the same bytes are no later version"
    assert ["of today", 8, False] == found["pushed"]
    assert 0 == found["told"]["total"]


@ON_MOTO
def test_a_name_that_no_disk_could_have_is_read_from_s3(project: Project, s3: Any, bucket: str) -> None:
    """A part of a key may be longer than the 255 bytes of a file's name"""
    cutover(project)
    s3.put_object(Bucket=bucket, Key=f"media/{'x' * 300}", Body=b"of S3")
    found = ask(project, "name = 'x' * 300; done(read=storage.open(name).read().decode(), url=storage.url(name)[:4])")
    assert ("of S3", "http") == (found["read"], found["url"])


@ON_MOTO
def test_an_upload_to_both_places_falls_back_to_none(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """write_to_local: what is in both places is S3's, in this process and in others"""
    cutover(project, write_to_local=True)
    name = ask(project, "done(name=storage.save('a.jpg', ContentFile(b'x' * 3000)))")["name"]
    found = ask(project, f"done(url=storage.url({name!r}).startswith('/media/'), size=storage.size({name!r}))")
    assert (False, 3000, 0) == (found["url"], found["size"], found["told"]["total"])


@ON_MOTO
def test_reads_come_from_s3_and_then_from_the_old_place(project: Project, s3: Any, bucket: str) -> None:
    """storage.open, size, exists, get_modified_time, listdir"""
    cutover(project)
    for name in ("both.txt", "old.txt", "only/old/a.txt"):
        project.write(name, b"of the disk", age=60)
    for name in ("both.txt", "new.txt", "folder/b.txt"):
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=b"of S3")
    found = ask(project, READS)

    assert ["'of S3'", "5", True, "True"] == found["both"] == found["new"]
    assert ["'of the disk'", "11", True, "True"] == found["old"]
    assert ["FileNotFoundError", "FileNotFoundError", False, "ClientError"] == found["none"]
    assert "of the disk" == found["text"]
    assert [["folder", "only"], ["both.txt", "new.txt", "old.txt"]] == found["top"]
    assert [[], ["a.txt"]] == found["folder"]
    assert [[], []] == found["nothing"]
    assert ("'NotImplementedError'", "SuspiciousOperation") == (repr(found["path"]), found["outside"])
    assert "FileNotFoundError" == found["writing"], "what is changed in the old place would be lost"
    assert {"open": 2, "size": 1, "exists": 1, "get_modified_time": 1, "listdir": 2} == found["told"]["by"]
    assert (7, 3) == (found["told"]["total"], found["told"]["names"])


@ON_MOTO
@pytest.mark.parametrize("fails", ["refused", "broken"])
def test_an_error_of_s3_does_not_mean_that_it_is_not_there(project: Project, proxy: Proxy, fails: str) -> None:
    """Reading where S3 answers 403, or not at all; then with on_s3_error: local"""
    impatient = Code("Config(retries={'total_max_attempts': 1}, s3={'addressing_style': 'path'})")
    how: dict[str, Any] = {"settings": "from botocore.config import Config", "client_config": impatient}
    project.configure(server=proxy.server)
    project.write("old.txt", b"old")
    broken = Response(403, "AccessDenied") if fails == "refused" else "drop"
    proxy.rule = lambda request: broken if request.bucket else None
    cutover(project, **how)
    found = ask(project, """
        def all_of(it):
            calls = [it.size, it.exists, it.url, it.get_modified_time, it.listdir, it.open]
            return [raised(call, "" if call == it.listdir else "old.txt")[:30] for call in calls]

        strict = all_of(storage), fallbacks.read().s3_errors
        lenient = made(on_s3_error="local")
        done(strict=strict, lenient=all_of(lenient), saves=[raised(each.save, "old.txt", ContentFile(b"new"))
                                                            for each in (storage, lenient)])
        """)  # fmt: skip
    error = "ClientError" if fails == "refused" else "ConnectionClosedError"
    assert [[error] * 6, 0] == found["strict"]
    assert ["3", error, "'/media/old.txt'"] == found["lenient"][:3], "an error never makes a name free"
    assert "([], ['old.txt'])" == found["lenient"][4]
    assert found["lenient"][5].startswith("<File: ")
    assert ([error, error], 0, 5) == (found["saves"], found["told"]["total"], found["told"]["errors"])
    assert "S3 can't tell of 'old.txt' (size)" in found["log"]
    assert ("s3:ListBucket" in found["log"]) is (fails == "refused")


@ON_MOTO
def test_a_missing_bucket_is_told(project: Project) -> None:
    """HEAD answers the same for a missing object and for a missing bucket"""
    project.write("old.txt", b"old")
    cutover(project, bucket_name="nobody-made-this")
    found = ask(project, """
        try:
            storage.url("old.txt")
        except Exception as error:
            done(error=str(error), size=raised(storage.size, "old.txt"))
        """)  # fmt: skip
    assert found["error"].startswith("There is no bucket 'nobody-made-this', so 'old.txt' can't be read from it.")
    assert ("ImproperlyConfigured", 0) == (found["size"], found["told"]["total"])


@ON_MOTO
def test_an_address_costs_one_head_at_most(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """storage.url, again and again"""
    project.configure(server=proxy.server)
    cutover(project, querystring_auth=False)
    for name in ("old.txt", "both.txt", "a/b.txt"):
        project.write(name, b"old", age=60)
    s3.put_object(Bucket=bucket, Key="media/both.txt", Body=b"new")
    found = ask(project, """
        names = ["old.txt", "both.txt", "new.txt"]

        def look(name, it):
            pages = [[it.url(each).rpartition("/")[0] for each in names] for _ in range(3)]
            it.save(name, ContentFile(b"saved"))
            page = [*pages[0], it.url(name).rpartition("/")[0]]
            storage.connection.meta.client.list_buckets()  # so that the requests show where this one ended
            return [page, pages[0] == pages[1] == pages[2]]

        found = [look(name, made(**options)) for name, options in
                 (("1", {}), ("2", {"url_from": "s3"}), ("3", {"url_from": "local"}),
                  ("4", {"recheck": 0, "write_to_local": True}))]
        done(found=found, asks=storage.url("old.txt", parameters={"ResponseContentType": "text/plain"}, expire=10),
             folders=[storage.url(name).partition("/media")[0] for name in ("", "a", "a/")])
        """)  # fmt: skip
    remote = f"{proxy.server.endpoint_url}/{bucket}/media"
    auto = [["/media", remote, remote, remote], True]
    assert [auto, [[remote] * 4, True], [["/media", "/media", remote, remote], True], auto] == found["found"]
    assert "/media/old.txt" == found["asks"]
    assert [remote.removesuffix("/media")] * 3 == found["folders"], "S3 has no folders that would ever get there"

    heads: list[list[str]] = [[]]
    for request in proxy.requests:
        if request.operation == "ListBuckets":
            heads.append([])
        elif request.operation == "HeadObject":
            heads[-1].append(request.key.removeprefix("media/"))
    assert ["old.txt", "both.txt"] == heads[0], "none for what is not on the disk"
    assert [[], []] == heads[1:3], "none, as they are not to ask"
    assert ["old.txt", "both.txt", "old.txt", "old.txt"] == heads[3], "none for what is there, or was just saved"


@ON_MOTO
def test_the_old_place_may_be_anywhere(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """local and local_url: a folder, an entry as in STORAGES, another kind of storage; MEDIA_ROOT that changes"""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/a.txt").write_bytes(b"a")
    cutover(project)
    found = ask(project, f"""
        from django.test import override_settings
        old = {str(tmp_path / "old")!r}
        entry = dict(OPTIONS=dict(location=old, base_url="https://old.example/"))
        places = [made(local=old, local_url="/uploads/"), made(local=entry), made(local=entry, local_url="/u/")]
        places = [[it.open("a.txt").read().decode(), it.url("a.txt")] for it in places]
        memory = dict(BACKEND="django.core.files.storage.InMemoryStorage", OPTIONS=dict(base_url="/memory/"))
        it = made(local=memory, write_to_local=True)
        it.local_storage.save("a.txt", ContentFile(b"m"))
        names = [it.save("b.txt", ContentFile(text)) for text in (b"1", b"2")]
        text = it.open("a.txt").read().decode()
        both = [it.local_storage.open(name).read().decode() for name in names]
        roots = []
        with override_settings(STORAGES={{"default": {{"BACKEND": "{CUTOVER}", "OPTIONS": {{"bucket_name": "b"}}}}}}):
            for root in ("/srv/one", "/srv/two"):
                with override_settings(MEDIA_ROOT=root, MEDIA_URL=root + "-url/"):
                    local = storages["default"].local_storage
                    roots.append([local.path("a"), local.url("a")])
        done(places=places, text=text, names=names, both=both, roots=roots)
        """)  # fmt: skip
    assert [["a", "/uploads/a.txt"], ["a", "https://old.example/a.txt"], ["a", "/u/a.txt"]] == found["places"]
    assert ("m", ["b.txt", "b.txt"], ["2", "2"]) == (found["text"], found["names"], found["both"])
    assert [["/srv/one/a", "/srv/one-url/a"], ["/srv/two/a", "/srv/two-url/a"]] == found["roots"]


# Writing


@ON_MOTO
@pytest.mark.parametrize(
    ("options", "taken"),
    [({}, ["old.txt", "a/old.txt"]), ({"file_overwrite": False}, ["old.txt", "a/old.txt", "new.txt"]),
     ({"local": {"OPTIONS": {"allow_overwrite": True}}}, [])],
)  # fmt: skip
def test_no_upload_takes_the_name_of_a_file_that_has_still_to_go(
    project: Project, s3: Any, bucket: str, options: dict[str, Any], taken: list[str]
) -> None:
    """storage.save, with file_overwrite (the default of S3Storage), without, and where the old place overwrites too"""
    cutover(project, **options)
    for name in ("old.txt", "both.txt", "a/old.txt"):
        project.write(name, b"old", age=60)
    for name in ("new.txt", "both.txt"):
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=b"new")
    names = ["old.txt", "a/old.txt", "new.txt", "free.txt"]
    found = ask(project, f"""
        done(saved={{name: storage.save(name, ContentFile(b"mine")) for name in {names}}},
             short=len(storage.get_available_name("old.txt", max_length=15)),
             both=storage.get_available_name("both.txt"))
        """)  # fmt: skip
    assert taken == [name for name, saved in found["saved"].items() if saved != name]
    assert all(saved.endswith(".txt") for saved in found["saved"].values())
    assert found["short"] <= 15
    assert ("both.txt" == found["both"]) is ("file_overwrite" not in options)
    if not options:
        assert 0 == project.push().code
    stored = keys(s3, bucket)
    assert all(b"mine" == stored[f"media/{saved}"] for saved in found["saved"].values())
    assert options or all(b"old" == stored[f"media/{name}"] for name in taken)


UPLOADS = """
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile

class Once(io.RawIOBase):
    parts = [b"on", b"ce", b""]
    def readable(self): return True
    def read(self, size=-1): return self.parts.pop(0) if self.parts else b""
    def seekable(self): return False

large = TemporaryUploadedFile("large.bin", "application/octet-stream", 9, None)
large.write(b"large one")
large.seek(0)
contents = [SimpleUploadedFile("small.txt", b"small"), large, File(Once(), "a/once.txt"), ContentFile("t", "text.txt")]
saved = [storage.save(content.name, content) for content in contents]
large.close()
storage.save("small.txt", ContentFile(b"smaller"))
with storage.open("b/written.txt", "wb") as stream:
    stream.write(b"wri")
    stream.write("tten")
done(saved=saved)
"""
UPLOADED = {
    "small.txt": b"smaller", "large.bin": b"large one", "a/once.txt": b"once", "text.txt": b"t",
    "b/written.txt": b"written",
}  # fmt: skip


@ON_MOTO
def test_one_can_switch_back(project: Project, s3: Any, bucket: str) -> None:
    """write_to_local: every upload is in both places; then STORAGES as it was before"""
    cutover(project, write_to_local=True)
    found = ask(project, UPLOADS)
    assert ["small.txt", "large.bin", "a/once.txt", "text.txt"] == found["saved"]
    assert {f"media/{name}": content for name, content in UPLOADED.items()} == keys(s3, bucket)
    assert UPLOADED == files(project.media)
    assert {0o644} == {path.stat().st_mode & 0o777 for path in project.media.rglob("*.*")}, "as Django gives them"
    result = project.push()
    assert (0, {"scanned": 5, "listed": 5, "unchanged": 5}) == (result.code, result.counts)

    disk = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    project.configure(storages=disk)
    names = sorted(UPLOADED)
    back = ask(project, f"done(found=[storage.open(name).read().decode() for name in {names}])")
    assert [UPLOADED[name].decode() for name in names] == back["found"]


TWO_AT_ONCE = """
import threading
from s3sync.storages import cutover

really, is_on_s3, may_copy = cutover.put_exactly, threading.Event(), threading.Event()

def put(local, name, content, *more):
    if threading.current_thread().name == "first":
        is_on_s3.set()
        may_copy.wait(20)
    really(local, name, content, *more)

cutover.put_exactly = put
first = threading.Thread(target=storage.save, args=("a.txt", ContentFile(b"first")), name="first")
first.start()
is_on_s3.wait(20)
storage.save("a.txt", ContentFile(b"second"))
threading.Event().wait(2.5)
may_copy.set()
first.join()
done()
"""


@ON_MOTO
def test_of_two_uploads_at_once_the_later_stays(project: Project, s3: Any, bucket: str) -> None:
    """write_to_local, where the same name is stored twice, and the copies come in the other order; s3_push_media"""
    cutover(project, write_to_local=True, file_overwrite=True)
    ask(project, TWO_AT_ONCE)
    assert {"a.txt": b"first"} == files(project.media)
    result = project.push()
    assert (0, {"scanned": 1, "listed": 1, "kept": 1}) == (result.code, result.counts), result
    assert {"media/a.txt": b"second"} == keys(s3, bucket)
    back = project.run("s3_pull_media", "--format", "json")
    assert 1 == back.counts.get("downloaded"), back
    assert {"a.txt": b"second"} == files(project.media)


FULL = """
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

class Full(FileSystemStorage):
    def _save(self, name, content):
        super()._save(name, ContentFile(b"half"))
        raise OSError(28, "No space left on device")
"""


@ON_MOTO
def test_half_a_write_leaves_nothing_behind(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """write_to_local, where S3 refuses; where the disk does; and where the process was killed in between"""
    project.configure(server=proxy.server)
    cutover(project, write_to_local=True)
    project.write("a.txt", b"before")
    project.write("file", b"no folder")
    s3.put_object(Bucket=bucket, Key="media/a.txt", Body=b"before")

    proxy.rule = lambda request: Response(403, "AccessDenied") if request.method == "PUT" else None
    code = 'done(saved=[raised(storage.save, name, ContentFile(b"after")) for name in ("a.txt", "b.txt")])'
    assert ["ClientError", "ClientError"] == ask(project, code)["saved"]
    assert {"a.txt": b"before", "file": b"no folder"} == files(project.media)

    proxy.rule = None
    cutover(project, write_to_local=True, local={"BACKEND": "backends.Full"}, backends=FULL)
    found = ask(project, 'done(saved=[storage.save(name, ContentFile(b"full")) for name in ("file/c.txt", "a.txt")])')
    assert ["file/c.txt", "a.txt"] == found["saved"]
    assert (b"full", b"full") == (keys(s3, bucket)["media/file/c.txt"], keys(s3, bucket)["media/a.txt"])
    assert 2 == found["told"]["copies"]
    assert f"on S3, but not copied to {project.media}: 'a.txt' (OSError: [Errno 28] No space left" in found["log"]
    assert {"a.txt": b"before", "file": b"no folder"} == files(project.media)

    project.write("photos/.s3sync-0011223344556677.jpg", b"half")
    assert {"file": "upload", "a.txt": "keep"} == {
        item["name"]: item["action"] for item in project.push("-v", "2").report["items"] if item["action"] != "orphan"
    }


@ON_MOTO
def test_what_is_deleted_does_not_come_back(project: Project, s3: Any, bucket: str) -> None:
    """storage.delete of what is in one place, in the other, in both; then s3_push_media"""
    cutover(project)
    for name in ("old.txt", "both.txt", "pushed.txt", "stays.txt"):
        project.write(name, b"old", age=60)
    assert 0 == project.push("--include", "pushed.txt").code
    for name in ("new.txt", "both.txt"):
        s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=b"new")
    names = ["old.txt", "both.txt", "pushed.txt", "new.txt", "never.txt"]
    found = ask(project, f"""
        for name in {names}:
            storage.url(name)
            storage.delete(name)
        done(left=[name for name in {names} if storage.exists(name)], empty=raised(storage.delete, ""))
        """)  # fmt: skip
    assert ([], "ValueError") == (found["left"], found["empty"])
    assert 0 == project.push().code
    assert {"media/stays.txt": b"old"} == keys(s3, bucket)
    assert {"stays.txt": b"old"} == files(project.media)


@ON_MOTO
def test_a_delete_that_fails_leaves_all_as_it_was(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """storage.delete, where the old place refuses; and where S3 does"""
    project.configure(server=proxy.server)
    shy = """
from django.core.files.storage import FileSystemStorage

class Shy(FileSystemStorage):
    def delete(self, name):
        raise PermissionError(13, "Permission denied", self.path(name))
"""
    project.write("a.txt", b"a", age=60)
    assert 0 == project.push().code
    cutover(project, local={"BACKEND": "backends.Shy"}, backends=shy)
    code = 'done(found=raised(storage.delete, "a.txt"), text=storage.open("a.txt").read().decode())'
    assert {"found": "PermissionError", "text": "a"}.items() <= ask(project, code).items()
    assert ({"media/a.txt": b"a"}, {"a.txt": b"a"}) == (keys(s3, bucket), files(project.media))

    cutover(project)
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.method == "DELETE" else None
    assert {"found": "ClientError", "text": "a"}.items() <= ask(project, code).items()
    assert {"media/a.txt": b"a"} == keys(s3, bucket)


# Beside Django and the commands


OWN = """
from s3sync.storages import CutoverMixin
from storages.backends.s3 import S3Storage

class Media(S3Storage):
    location = "own"
    querystring_auth = False

    def __init__(self):
        super().__init__(**OPTIONS)

    def get_object_parameters(self, name):
        return {**super().get_object_parameters(name), "CacheControl": "max-age=" + str(len(name))}

    def url(self, name):
        return "https://cdn.example/" + name

class Saving(Media):
    def _save(self, name, content):
        content.saved_by = "Saving"
        return super()._save(name, content)

class Cutover(CutoverMixin, Media):
    pass

class SavingCutover(CutoverMixin, Saving):
    write_to_local = True
"""


@ON_MOTO
def test_a_class_of_ones_own_goes_on_deciding(project: Project, s3: Any, bucket: str) -> None:
    """class Cutover(CutoverMixin, Media), of a Media with own options, headers, addresses and saving; s3_push_media"""
    options = s3_options(project.server, bucket)
    del options["location"]
    project.write("a.txt", b"a", age=60)
    for name, engine in (("Cutover", "fast"), ("SavingCutover", "boto3")):
        own = {"default": {"BACKEND": f"backends.{name}"}}
        project.configure(storages=own, backends=f"OPTIONS = {options!r}\n{OWN}")
        before = (project.media / "a.txt").stat()
        pushed = project.push("--compare", "always")
        assert (0, engine, 1) == (pushed.code, pushed.report["engine"], pushed.counts["uploaded"]), pushed
        assert "own/" == pushed.report["target"]["prefix"]
        assert before[:6] == (project.media / "a.txt").stat()[:6], "a push does not write where it reads"
        assert "max-age=9" == s3.head_object(Bucket=bucket, Key="own/a.txt")["CacheControl"]
        found = ask(project, """
            storage.save(storage.__class__.__name__, ContentFile(b"new"))
            done(urls=[storage.url("a.txt"), storage.s3_alone().url("b.txt")])
            """)  # fmt: skip
        assert ["https://cdn.example/a.txt", "https://cdn.example/b.txt"] == found["urls"]
        assert f"max-age={len('own/' + name)}" == s3.head_object(Bucket=bucket, Key=f"own/{name}")["CacheControl"]
    assert {"a.txt": b"a", "SavingCutover": b"new"} == files(project.media)


@ON_MOTO
def test_commands_work_with_it_as_with_its_s3_side(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_push_media, s3_verify_acl, s3_doctor --write, with an old place of its own and write_to_local"""
    lay_out_shop(project)
    (tmp_path / "old").mkdir()
    (tmp_path / "old/a.txt").write_bytes(b"a" * 100)
    project.write("elsewhere.txt", b"not this one")
    cutover(
        project, local=str(tmp_path / "old"), local_url="/media/", write_to_local=True, url_from="local", gzip=True,
        gzip_content_types=["text/plain"], object_parameters={"CacheControl": "private"}, signature_version="s3v4",
        settings=SITE,
    )  # fmt: skip
    pushed = project.push("-v", "2")
    assert (0, "fast", ["a.txt"]) == (pushed.code, pushed.report["engine"], [i["name"] for i in pushed.report["items"]])
    head = s3.head_object(Bucket=bucket, Key="media/a.txt")
    assert ("gzip", "private", "text/plain") == (head["ContentEncoding"], head["CacheControl"], head["ContentType"])
    verified = project.run("s3_verify_acl", "--storage", "default", "--format", "json")
    assert 0 == verified.code, verified
    doctor = project.run("s3_doctor", "--write", "--storage", "default", "--format", "json")
    said = {(each["title"], each["verdict"]) for each in doctor.report["items"]}
    assert {("cutover", "ok"), ("cutover-route", "ok")} <= said
    assert {("acls-count", "warning")} >= {each for each in said if each[1] != "ok"}, doctor
    assert {"a.txt": b"a" * 100} == files(tmp_path / "old"), "the doctor leaves nothing behind"
    assert ["media/a.txt"] == list(keys(s3, bucket))

    cutover(project, local={"BACKEND": "django.core.files.storage.InMemoryStorage"})
    refused = project.push()
    assert (1, "NoFolder") == (refused.code, refused.report["error"]["code"])
    assert "--source" in refused.report["error"]["hint"]


@ON_MOTO
def test_threads_share_one_storage(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """Four threads that open, ask and save; and asyncio"""
    project.configure(server=proxy.server)
    cutover(project, write_to_local=True)
    for number in range(8):
        project.write(f"{number}.txt", b"%d" % number)
    found = ask(project, """
        import asyncio
        from concurrent.futures import ThreadPoolExecutor

        def work(number):
            name = f"{number % 8}.txt"
            saved = storage.save(f"new/{number}.txt", ContentFile(b"n"))
            return [storage.url(name), storage.open(name).read().decode(), storage.exists(saved)]

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(work, range(32)))
        loop = asyncio.run(asyncio.wait_for(asyncio.to_thread(work, 32), 60))
        done(same=answers == [[f"/media/{n % 8}.txt", str(n % 8), True] for n in range(32)], loop=loop)
        """)  # fmt: skip
    assert (True, ["/media/0.txt", "0", True]) == (found["same"], found["loop"])
    assert {"url": 33, "open": 33} == found["told"]["by"]
    assert 8 == found["told"]["names"] == found["log"].count("not on S3 yet")
    assert 33 == len(keys(s3, bucket)) == len(files(project.media)) - 8


@ON_MOTO
def test_it_is_pickled_copied_and_written_into_migrations(project: Project, bucket: str) -> None:
    """pickle, copy, deconstruct, MigrationWriter; the signal; options that can't be meant"""
    cutover(project)
    project.write("a.txt", b"a")
    found = ask(project, """
        import copy, pickle
        from pathlib import Path
        from django.db.migrations.writer import MigrationWriter
        from s3sync.storages import CutoverStorage, MediaS3Storage, fell_back

        heard = []
        fell_back.connect(lambda **how: heard.append([how["name"], how["method"], how["sender"].__name__]), weak=False)
        fell_back.connect(lambda **how: 1 / 0, weak=False)
        made = CutoverStorage(bucket_name="b", local=Path("/srv/media"), local_url="/m/", write_to_local=True)
        wrong = [dict(url_from="both"), dict(on_s3_error=True), dict(recheck="1m"), dict(local=3), dict(lokal="/srv"),
                 dict(local={"BACKEND": "no.such"}), dict(local={"location": "/srv"}), dict(local={"OPTIONS": 3})]
        copies = [pickle.loads(pickle.dumps(storage)), copy.copy(storage)]
        source, imports = MigrationWriter.serialize(made)
        done(copies=[each.open("a.txt").read().decode() for each in copies], source=source, imports=sorted(imports),
             media=MigrationWriter.serialize(MediaS3Storage(bucket_name="b"))[0], heard=heard,
             wrong=[raised(lambda: CutoverStorage(**options)) for options in wrong])
        """)  # fmt: skip
    assert ["a", "a"] == found["copies"]
    assert found["source"].startswith("s3sync.storages.CutoverStorage(bucket_name='b', local=pathlib.P")
    assert "s3sync.storages.MediaS3Storage(bucket_name='b')" == found["media"]
    assert "import s3sync.storages" in found["imports"]
    assert ["ImproperlyConfigured"] * 8 == found["wrong"]
    assert [["a.txt", "open", "CutoverStorage"]] * 2 == found["heard"]

"""`s3_verify_media`: every file that the database names is in its bucket, or is named here."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from tests.gallery import PHOTO, Gallery, found_ids, of_field, verdicts
from tests.project import S3_STORAGE, Project, s3_options
from tests.proxy import Proxy, Response
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

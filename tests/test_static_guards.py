"""`collectstatic --s3`: what keeps a manifest back, what keeps deletes back, and what a rehearsal says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.project import S3_MANIFEST, S3_STATIC, Code, Project, s3_options
from tests.proxy import Proxy, Request, Verdict
from tests.servers import ON_MOTO
from tests.test_bad_input import refuse_puts
from tests.test_static_push import keys, make_site, manifest, puts

ON_DISK = {"manifest_storage": Code("StaticFilesStorage(location=BASE_DIR / 'manifests')")}
IMPORT_STORAGE = "from django.contrib.staticfiles.storage import StaticFilesStorage"


def found_ids(result: Any) -> list[str]:
    return [found["id"] for found in result.report["findings"]]


def put_old(s3: Any, bucket: str, count: int = 3) -> set[str]:
    """Objects that no file stands for."""
    old = {f"static/old/{number}.txt" for number in range(count)}
    for key in old:
        s3.put_object(Bucket=bucket, Key=key, Body=b"old")
    return old


# The manifest


@ON_MOTO
@pytest.mark.parametrize("how", ["written to", "gone"])
def test_a_file_that_changes_after_it_was_hashed_keeps_the_manifest_back(
    project: Project, proxy: Proxy, s3: Any, how: str
) -> None:
    """collectstatic --s3 --no-input, while somebody works on a file: its hashed name would stand for other bytes"""
    project.server = proxy.server
    project.configure_static(S3_MANIFEST)
    make_site(project)
    assert 0 == project.collect().code
    before = manifest(s3, project.bucket)
    path = project.assets / "img" / "sky.png"
    project.asset("js/app.js", "alert(2)")

    def rule(request: Request) -> Verdict:
        if request.operation == "PutObject" and request.key.endswith("js/app.js"):
            path.unlink()
            if how == "written to":
                path.write_text("another sky")
        return None

    proxy.clear()
    proxy.rule = rule
    result = project.collect()

    assert 4 == result.code, result
    failed = {item["name"]: item["error"]["code"] for item in result.report["items"] if item["result"] == "failed"}
    assert {"img/sky.png": "FileChanged", before["img/sky.png"]: "FileChanged"} == failed
    assert 2 == result.counts["not_tried"], "the manifest and its copy"
    assert not any("staticfiles.json" in key or ".s3sync" in key for key in puts(proxy))
    assert before == manifest(s3, project.bucket)


@ON_MOTO
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_live_again_gets_a_new_date(
    project: Project, proxy: Proxy, s3: Any, elsewhere: bool
) -> None:
    """collectstatic --s3 --no-input, of a deploy, another one, and the first one again: its copy tells when it was"""
    project.server = proxy.server
    project.configure_static(S3_MANIFEST, **(ON_DISK if elsewhere else {}), settings=IMPORT_STORAGE)
    sent = []
    for text in ("one", "two", "one", "one"):
        project.asset("a.txt", text)
        proxy.clear()
        assert 0 == project.collect().code
        sent.append([key for key in puts(proxy) if "a." not in key])

    copy, live = sent[0][0], ["static/staticfiles.json"] * (not elsewhere)
    assert copy.startswith("static/.s3sync/manifests/")
    assert [copy, *live] == sent[0]
    assert copy != sent[1][0]
    assert [copy, *live] == sent[2]
    assert [] == sent[3]


@ON_MOTO
@pytest.mark.parametrize("elsewhere", [False, True])
def test_failures_keep_every_manifest_back(
    project: Project, proxy: Proxy, s3: Any, tmp_path: Path, elsewhere: bool
) -> None:
    """collectstatic --s3 --no-input --manifest-to FILE, where one file is refused"""
    project.server = proxy.server
    project.configure_static(S3_MANIFEST, **(ON_DISK if elsewhere else {}), settings=IMPORT_STORAGE)
    make_site(project)
    proxy.rule = refuse_puts(lambda request: request.key.endswith("js/app.js.map"), 403, "AccessDenied")
    shipped, kept = tmp_path / "shipped.json", project.root / "manifests" / "staticfiles.json"

    result = project.collect("--manifest-to", str(shipped))

    assert 4 == result.code, result
    assert not shipped.exists()
    assert not kept.exists()
    assert not any("staticfiles.json" in key or ".s3sync" in key for key in keys(s3, project.bucket))

    proxy.rule = None
    assert 0 == project.collect("--manifest-to", str(shipped)).code
    paths = json.loads(kept.read_text())["paths"] if elsewhere else manifest(s3, project.bucket)
    assert paths == json.loads(shipped.read_text())["paths"]


# Deletes


@ON_MOTO
@pytest.mark.parametrize(
    ("limit", "allowed"), [("2", False), ("3", True), ("74%", False), ("75%", True), ("0", False)]
)
def test_clear_deletes_no_more_than_allowed(
    project: Project, s3: Any, bucket: str, limit: str, allowed: bool
) -> None:
    """collectstatic --s3 --no-input --clear --max-delete N|P%, with three of four objects to be deleted"""
    project.configure_static()
    project.asset("a.txt", "a")
    assert 0 == project.collect().code
    old = put_old(s3, bucket)

    result = project.collect("--clear", "--max-delete", limit)

    assert (0 if allowed else 5) == result.code, result
    assert ([] if allowed else ["deletes-withheld"]) == found_ids(result)
    assert (set() if allowed else old) == keys(s3, bucket) - {"static/a.txt"}


@ON_MOTO
@pytest.mark.parametrize("option", ["--clear", "--prune"])
def test_failed_uploads_put_deletes_off(project: Project, proxy: Proxy, s3: Any, option: str) -> None:
    """collectstatic --s3 --no-input --clear | --prune --keep-days 0, where one file is refused"""
    project.server = proxy.server
    project.configure_static(S3_MANIFEST)
    for text in ("one", "two"):
        project.asset("a.txt", text)
        assert 0 == project.collect().code
    old = put_old(s3, project.bucket)
    before = keys(s3, project.bucket)
    project.asset("b.txt", "b")
    proxy.rule = refuse_puts(lambda request: request.key.endswith("b.txt"), 403, "AccessDenied")
    proxy.clear()

    result = project.collect(option, "--keep-days", "0", "--keep-manifests", "1")

    assert 4 == result.code, result
    assert "deletes-postponed" in found_ids(result)
    assert 0 == proxy.count()["DeleteObject"]
    assert before | old <= keys(s3, project.bucket)


@ON_MOTO
@pytest.mark.parametrize("rehearsal", ["--dry-run", "--check"])
def test_a_rehearsal_deletes_nothing_and_says_what_it_would(
    project: Project, proxy: Proxy, s3: Any, rehearsal: str
) -> None:
    """collectstatic --s3 --clear --dry-run | --check"""
    project.server = proxy.server
    project.configure_static()
    project.asset("a.txt", "a")
    old = put_old(s3, project.bucket)

    result = project.collect("--clear", rehearsal)
    told = project.run("collectstatic", "--s3", "--no-input", "--clear", rehearsal)

    assert (0 if rehearsal == "--dry-run" else 3) == result.code == told.code, result
    planned = {item["name"] for item in result.report["items"] if item["action"] == "delete"}
    assert {key.removeprefix("static/") for key in old} == planned
    assert {"ListObjectsV2"} == set(proxy.count())
    assert old == keys(s3, project.bucket)
    assert "would upload 1 (1 bytes), would delete 3, 0 unchanged" in told.stdout


@ON_MOTO
def test_a_rehearsal_of_prune_says_what_it_would_delete(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --prune -n"""
    project.configure_static(S3_MANIFEST)
    for text in ("one", "two"):
        project.asset("a.txt", text)
        assert 0 == project.collect().code
    before = keys(s3, bucket)

    project.asset("a.txt", "three")
    how = ["--prune", "--keep-days", "0", "--keep-manifests", "1", "-n"]
    told = project.run("collectstatic", "--s3", "--no-input", *how)

    assert 0 == told.code, told
    assert "would delete 4," in told.stdout, "two files and their manifests"
    assert before == keys(s3, bucket)


@ON_MOTO
def test_an_alias_at_the_same_location_puts_deletes_off(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --clear, where another alias of STORAGES has the same location"""
    options = s3_options(project.server, bucket, location="static")
    project.configure(storages={
        "staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": options},
        "twin": {"BACKEND": S3_STATIC, "OPTIONS": options},
    })  # fmt: skip
    project.asset("a.txt", "a")
    old = put_old(s3, bucket)

    result = project.collect("--clear")

    assert 0 == result.code, result
    assert ["deletes-postponed"] == found_ids(result)
    assert "another alias has the same location" in result.report["findings"][0]["detail"]
    assert old | {"static/a.txt"} == keys(s3, bucket)


# What the summary says of the rest


@ON_MOTO
def test_the_summary_counts_headers_that_differ(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 -n --fix-metadata; --check-metadata; -n --check-metadata: only the first would fix them"""
    project.configure_static()
    project.asset("a.css", "a{}")
    s3.put_object(Bucket=bucket, Key="static/a.css", Body=b"a{}", ContentType="text/css")
    assert 0 == project.collect().code

    def told(*options: str) -> str:
        return project.run("collectstatic", "--s3", "--no-input", *options).stdout

    assert "would upload 0 (0 bytes), would fix 1, 0 unchanged" in told("-n", "--fix-metadata")
    assert "0 uploaded, 1 with other headers, 0 unchanged" in told("--check-metadata")
    assert "would upload 0 (0 bytes), 1 with other headers, 0 unchanged" in told("-n", "--check-metadata")
    assert "0 uploaded, 0 unchanged, 1 fixed" in told("--fix-metadata")


@ON_MOTO
def test_the_summary_of_media_counts_deletes(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --delete -n; and with a link that leads out"""
    old = project.write("old.txt", b"old")
    project.write("b.txt", b"b")
    assert 0 == project.push().code
    old.unlink()
    project.write("a.txt", b"a")

    told = project.run("s3_push_media", "--delete", "-n")
    assert "would upload 1 (1 bytes), would delete 1, 1 unchanged" in told.stdout

    (project.media / "link").symlink_to(project.root)
    told = project.run("s3_push_media", "-n")
    assert "out of the source (s3_push_media follows the latter with --follow-symlinks)" in told.stderr

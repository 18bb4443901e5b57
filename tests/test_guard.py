"""What is on its way to where everybody can read, by content: secrets stay, pages and scripts are named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.project import S3_MANIFEST, Project
from tests.servers import ON_BOTH, ON_MOTO

KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAx3yX0nGpJ8vO0m1gk2Jt0yZl4b6mG1u9\n"
DATABASE = b"SQLite format 3\0" + bytes(100)
PUBLIC = {"querystring_auth": False}


def keys(s3: Any, bucket: str) -> set[str]:
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}


@ON_BOTH
def test_secrets_by_content_stay_here(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media, to everybody; -n; --allow-secret; and to nobody else"""
    project.configure(options=PUBLIC)
    project.write("keys/deploy.txt", KEY, age=60)
    project.write("backup.bin", DATABASE, age=60)
    project.write("a.jpg", b"picture", age=60)

    planned = project.push("-n")
    assert (5, 1) == (planned.code, planned.report["counts"]["new"]), planned

    result = project.push()
    assert (5, "refused", 1, 2) == (
        result.code, result.report["status"], result.counts["uploaded"], result.counts["skipped"]
    ), result  # fmt: skip
    assert {"media/a.jpg"} == keys(s3, bucket)
    held = result.item("keys/deploy.txt")
    assert ("skip", "secret", "it holds a private key") == (held["action"], held["reason"], held["detail"])
    assert "it holds an SQLite database" == result.item("backup.bin")["detail"]
    text = project.run("s3_push_media")
    assert "keys/deploy.txt" in text.stdout + text.stderr
    assert "private key" in text.stdout + text.stderr

    allowed = project.push("--allow-secret", "keys/deploy.txt")
    assert (5, {"media/a.jpg", "media/keys/deploy.txt"}) == (allowed.code, keys(s3, bucket)), allowed

    project.configure()
    private = project.push()
    assert (0, 1) == (private.code, private.counts["uploaded"]), private


@ON_MOTO
def test_a_secret_among_static_files_is_in_no_manifest(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3"""
    project.configure_static(S3_MANIFEST)
    project.asset("a.txt", KEY)
    project.asset("b.txt", "b")

    result = project.collect()

    assert 5 == result.code, result
    assert "it holds a private key" == result.item("a.txt")["detail"]
    manifest = s3.get_object(Bucket=bucket, Key="static/staticfiles.json")["Body"].read().decode()
    assert '"b.txt"' in manifest
    assert '"a.txt"' not in manifest
    assert not [key for key in keys(s3, bucket) if key.startswith("static/a.")]


@ON_MOTO
@pytest.mark.parametrize(
    ("options", "settings", "named"),
    [
        (PUBLIC | {"custom_domain": "media.example.com"}, "ALLOWED_HOSTS = ['www.example.com']", True),
        (PUBLIC | {"custom_domain": "media.example.com"}, "", False),
        (PUBLIC | {"custom_domain": "example-files.com"}, "ALLOWED_HOSTS = ['www.example.com']", False),
        (PUBLIC, "ALLOWED_HOSTS = ['www.example.com']", False),
        ({}, "ALLOWED_HOSTS = ['127.0.0.1.example']", False),
        (PUBLIC | {"custom_domain": "media.example.com", "object_parameters": {"ContentDisposition": "attachment"}},
         "ALLOWED_HOSTS = ['www.example.com']", False),
    ],
)  # fmt: skip
def test_pages_and_scripts_on_the_sites_own_domain(
    options: Any, settings: str, named: bool, project: Project
) -> None:
    """s3_push_media -n, with uploads that browsers run"""
    project.configure(options=options, settings=settings)
    for name in ("1.html", "2.svg", "3.js", "4.xml", "5.png"):
        project.write(name, b"x", age=60)

    result = project.push("-n")

    assert 0 == result.code, result
    found = [each["detail"] for each in result.report["findings"] if each["id"] == "media-active"]
    assert named is bool(found)
    if found:
        assert found[0].startswith("1.html, 2.svg, 3.js and 1 more:")
        assert "ContentDisposition" in found[0]

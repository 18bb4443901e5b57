"""Settings of 2018-2021 tutorials on a Django of today: what is printed, pasted to the letter, works on a server."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.project import Project
from tests.servers import ON_MOTO

BASE = """
INSTALLED_APPS += ["storages"]
ALLOWED_HOSTS = ["www.example.com"]
AWS_ACCESS_KEY_ID = "{access_key}"
AWS_SECRET_ACCESS_KEY = "{secret_key}"
AWS_STORAGE_BUCKET_NAME = "{bucket}"
AWS_S3_ENDPOINT_URL = "{endpoint}"
AWS_S3_REGION_NAME = "{region}"
"""

CUSTOM_CLASSES = """
AWS_S3_OBJECT_PARAMETERS = {"CacheControl": "max-age=86400"}
AWS_LOCATION = "static"
AWS_PRELOAD_METADATA = True
AWS_QUERYSTRING_AUTH = False
STATICFILES_STORAGE = "backends.StaticStorage"
DEFAULT_FILE_STORAGE = "backends.MediaStorage"
"""
CLASSES = """
from storages.backends.s3boto3 import S3Boto3Storage

class StaticStorage(S3Boto3Storage):
    location = "static"
    default_acl = "public-read"

class MediaStorage(S3Boto3Storage):
    location = "media"
    file_overwrite = False
"""
ONE_CLASS = """
AWS_LOCATION = "static"
AWS_AUTO_CREATE_BUCKET = True
AWS_BUCKET_ACL = "public-read"
AWS_QUERYSTRING_AUTH = False
AWS_S3_ENCRYPTION = True
AWS_HEADERS = {"Cache-Control": b"max-age=86400", "Expires": "Thu, 31 Dec 2099 20:00:00 GMT"}
STATICFILES_STORAGE = "storages.backends.s3boto3.S3Boto3Storage"
DEFAULT_FILE_STORAGE = "backends.MediaStorage"
"""
FUNCTIONS = """
AWS_QUERYSTRING_AUTH = False
STATICFILES_STORAGE = "backends.StaticRootS3BotoStorage"
DEFAULT_FILE_STORAGE = "backends.MediaRootS3BotoStorage"
"""
LAMBDAS = """
from storages.backends.s3boto3 import S3Boto3Storage
StaticRootS3BotoStorage = lambda: S3Boto3Storage(location="static")
MediaRootS3BotoStorage = lambda: S3Boto3Storage(location="media", file_overwrite=False)
"""
SIGNED = """
STATICFILES_STORAGE = "storages.backends.s3boto3.S3Boto3Storage"
DEFAULT_FILE_STORAGE = "storages.backends.s3boto3.S3Boto3Storage"
"""
BOTO_2 = """
AWS_LOCATION = "media"
AWS_S3_CALLING_FORMAT = "boto.s3.connection.OrdinaryCallingFormat"
AWS_REDUCED_REDUNDANCY = True
S3_USE_SIGV4 = True
DEFAULT_FILE_STORAGE = "storages.backends.s3boto.S3BotoStorage"
"""


def hint_of(stderr: str, check_id: str) -> tuple[list[str], str]:
    """The settings that the check says to delete, and the text that it says to paste."""
    pattern = rf"\({check_id}\).*?\tHINT: Delete ([A-Z0-9_, and]+?), and paste.*?:\n\n(.*?)\n\n"
    found = re.search(pattern, stderr, re.DOTALL)
    assert found, stderr
    return re.split(", | and ", found[1]), found[2]


def follow(project: Project, stderr: str, check_id: str) -> None:
    """Does with the settings what the hint says, and nothing else."""
    delete, paste = hint_of(stderr, check_id)
    path = project.root / "settings.py"
    lines = [line for line in path.read_text().splitlines() if line.partition(" = ")[0] not in delete]
    path.write_text("\n".join([*lines, paste, ""]))


def legacy(project: Project, settings: str, backends: str = "") -> None:
    """Settings without a STORAGES, as they were written then."""
    server = project.server
    project.configure(backends=backends)
    path = project.root / "settings.py"
    django = path.read_text().partition("STORAGES = ")[0]
    base = BASE.format(
        access_key=server.access_key, secret_key=server.secret_key, bucket=project.bucket,
        endpoint=server.endpoint_url, region=server.region,
    )  # fmt: skip
    path.write_text(django + base + settings)


@ON_MOTO
@pytest.mark.parametrize(
    ("settings", "backends", "parameters", "has_static"),
    [
        (CUSTOM_CLASSES, CLASSES, {"CacheControl": "max-age=86400"}, True),
        (ONE_CLASS, CLASSES, {"CacheControl": "max-age=86400", "ServerSideEncryption": "AES256"}, True),
        (FUNCTIONS, LAMBDAS, {}, True),
        (BOTO_2, "", {"StorageClass": "REDUCED_REDUNDANCY"}, False),
    ],
    ids=["custom classes", "one class", "functions", "boto 2"],
)
def test_pasted_text_works(
    settings: str, backends: str, parameters: dict[str, str], has_static: bool, project: Project, s3: Any
) -> None:
    """Who comes from a tutorial gets there by deleting and pasting, and no key is printed."""
    legacy(project, settings, backends)
    project.write("a.png", b"picture")
    project.asset("site.css", "body { color: red }")

    refused = project.run("check")
    follow(project, refused.stderr, "s3sync.E001")
    checked, pushed = project.run("check"), project.push()
    collected = project.collect() if has_static else None

    assert refused.code == 1
    assert project.server.secret_key not in refused.stderr
    assert (checked.code, checked.stderr) == (0, ""), checked
    assert (pushed.code, pushed.counts["uploaded"]) == (0, 1), pushed
    stored = s3.head_object(Bucket=project.bucket, Key="media/a.png")
    assert {name: stored.get(name) for name in parameters} == parameters
    if collected:
        assert (collected.code, collected.counts["uploaded"]) == (0, 1), collected
        assert s3.head_object(Bucket=project.bucket, Key="static/site.css")["ContentLength"] > 0


@ON_MOTO
def test_pasted_options_work(project: Project, s3: Any) -> None:
    """The same below a STORAGES: what dropped settings asked for becomes options, and what was there stays."""
    project.configure(
        options={"object_parameters": {"CacheControl": "max-age=60"}},
        settings="AWS_S3_ENCRYPTION = True\nAWS_HEADERS = {'Content-Language': 'de'}\nAWS_PRELOAD_METADATA = True",
    )
    project.write("a.png", b"picture")

    warned = project.run("check")
    follow(project, warned.stderr, "s3sync.W018")
    checked, pushed = project.run("check"), project.push()

    assert (checked.code, checked.stderr) == (0, "")
    assert (pushed.code, pushed.counts["uploaded"]) == (0, 1)
    stored = s3.head_object(Bucket=project.bucket, Key="media/a.png")
    expected = {"CacheControl": "max-age=60", "ServerSideEncryption": "AES256", "ContentLanguage": "de"}
    assert expected == {name: stored.get(name) for name in expected}


@ON_MOTO
def test_pasted_text_leads_to_the_next_hint(project: Project, s3: Any) -> None:
    """The shortest tutorial has everything in one place, and signed: that works as it did, and is said next."""
    legacy(project, SIGNED)
    project.write("a.png", b"picture")
    project.asset("site.css", "body { color: red }")

    follow(project, project.run("check").stderr, "s3sync.E001")
    checked, pushed, collected = project.run("check"), project.push(), project.collect()

    assert checked.code == 0
    assert re.findall(r"s3sync\.[EW]\d+", checked.stderr) == ["s3sync.W012", "s3sync.W020"]
    assert (pushed.code, collected.code) == (0, 0), (pushed, collected)
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=project.bucket)["Contents"]]
    assert [key for key in keys if not key.startswith(".s3sync/")] == ["a.png", "site.css"]

"""`s3sync.storages.MediaS3Storage`, `StaticS3Storage`, `ManifestStaticS3Storage`: a bucket's name is all they need."""

from __future__ import annotations

import json
import re
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.project import Project
from tests.servers import ON_MOTO, Server, remove_bucket
from tests.test_cutover import ON_MOTO_AND_RGW_HTTPS, ask

MEDIA, STATIC = "s3sync.storages.MediaS3Storage", "s3sync.storages.StaticS3Storage"
MANIFEST = "s3sync.storages.ManifestStaticS3Storage"


@pytest.fixture(name="name")
def make_name(s3: Any) -> Iterator[str]:
    """The name of a bucket that is not there; what the test makes of it goes away."""
    name = f"ready-{secrets.token_hex(6)}"
    yield name
    with suppress(ClientError, BotoCoreError):
        s3.delete_bucket_policy(Bucket=name)
        remove_bucket(s3, name)


def usual(server: Server, **more: Any) -> str:
    """Settings as every project on this server has them, whatever its storages."""
    names = {
        "AWS_S3_ENDPOINT_URL": server.endpoint_url, "AWS_S3_REGION_NAME": server.region,
        "AWS_S3_ADDRESSING_STYLE": "path", "AWS_S3_VERIFY": str(server.ca) if server.ca else None, **more,
    }  # fmt: skip
    return "\n".join(f"{name} = {value!r}" for name, value in names.items())


def site(project: Project, name: str, static: str = STATIC, **settings: Any) -> None:
    """Media and static files in this bucket; nothing is said of the storages but its name."""
    project.configure(
        storages={"default": {"BACKEND": MEDIA, "OPTIONS": {"bucket_name": name}},
                  "staticfiles": {"BACKEND": static, "OPTIONS": {"bucket_name": name}}},
        settings=usual(project.server, **settings),
    )  # fmt: skip
    project.env = {"AWS_ACCESS_KEY_ID": project.server.access_key, "AWS_SECRET_ACCESS_KEY": project.server.secret_key}


def stranger(server: Server, bucket: str, key: str) -> int:
    """What the server answers to somebody without a signature."""
    verified = ssl.create_default_context(cafile=server.ca) if server.ca else None
    try:
        with urllib.request.urlopen(f"{server.endpoint_url}/{bucket}/{key}", context=verified) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@ON_MOTO_AND_RGW_HTTPS
def test_a_bucket_name_is_enough(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket; s3_push_media; collectstatic --s3; an upload; s3_verify_acl; s3_doctor --write"""
    site(project, name, MANIFEST)
    project.write("a.jpg", b"private", age=60)
    project.asset("css/a.css", "a{background:url(b.png)}")
    project.asset("css/b.png", "b")
    for command in ("s3_create_bucket", "s3_push_media", "collectstatic --s3 --no-input"):
        result = project.run(*command.split())
        assert 0 == result.code, result
    found = ask(project, """
        from django.contrib.staticfiles.storage import staticfiles_storage
        from urllib.parse import urlsplit
        names = [storage.save("a.jpg", ContentFile(b"other")) for _ in range(2)]
        done(names=names, signed="X-Amz-Signature=" in storage.url("a.jpg"), css=staticfiles_storage.url("css/a.css"))
        """)  # fmt: skip
    assert 2 == len({*found["names"], "a.jpg"} - {"a.jpg"}), "no upload takes another's name"
    assert found["signed"]
    assert re.search(r"/static/css/a\.[0-9a-f]{12}\.css$", found["css"]), found["css"]
    assert (403, 200) == tuple(stranger(project.server, name, key) for key in ("media/a.jpg", "static/css/a.css"))

    verified = project.run("s3_verify_acl", "--format", "json")
    assert (0, []) == (verified.code, verified.report["items"]), verified
    doctor = project.run("s3_doctor", "--write", "--format", "json")
    wrong = [each for each in doctor.report["items"] if each["verdict"] != "ok"]
    assert [] == wrong, json.dumps(wrong, indent=1)


@ON_MOTO
def test_settings_for_others_do_not_publish_uploads(project: Project, name: str) -> None:
    """AWS_QUERYSTRING_AUTH and others, for all storages"""
    site(
        project, name, AWS_QUERYSTRING_AUTH=False, AWS_DEFAULT_ACL="public-read", AWS_LOCATION="all",
        AWS_S3_CUSTOM_DOMAIN="cdn.example.com", AWS_S3_FILE_OVERWRITE=False, AWS_S3_SIGNATURE_VERSION="s3",
    )  # fmt: skip
    found = ask(project, """
        static = storages["staticfiles"]
        address, _, query = storage.url("a.jpg").partition("?")
        done(media=[address, "Signature=" in query, storage.location, storage.default_acl],
             static=[static.url("a.css"), static.location, static.default_acl, static.file_overwrite],
             signature=storage.signature_version, own=storage.__class__(bucket_name="b", location="x").location)
        """)  # fmt: skip
    assert [f"{project.server.endpoint_url}/{name}/media/a.jpg", True, "media", None] == found["media"]
    assert ["https://cdn.example.com/static/a.css", "static", None, True] == found["static"]
    assert ("s3", "x") == (found["signature"], found["own"]), "what is asked for is done"

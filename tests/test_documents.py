"""What is printed for a project's storages: without a network, without credentials, and as the instance decides."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from storages.backends.s3 import S3Storage

from s3sync.conf import conf
from s3sync.exceptions import ConfigurationError
from s3sync.sync.documents import Printed, print_policy
from tests.iam import actions_of
from tests.project import S3_MANIFEST, S3_STATIC, S3_STORAGE

ARN = "arn:aws:cloudfront::111122223333:distribution/E1A2B3"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"
Print = Callable[..., Printed]


class ByKey(S3Storage):
    """Publishes some objects."""

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        return {"ACL": "public-read"} if name.startswith("media/avatars/") else {}


class OwnKeys(S3Storage):
    """Keeps each tenant's files elsewhere."""

    def _normalize_name(self, name: str) -> str:
        return f"tenant/{name}"


class Eager(S3Storage):
    """Asks S3 while it is made."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.bucket.load()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection, not even to ask the machine for credentials."""

    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(name="printed")
def make_printed(settings: Any) -> Print:
    """Prints for a project with these storages; `default` and `static` are OPTIONS."""

    def printed(
        kind: str = "iam", *, default: dict[str, Any] | None = None, static: dict[str, Any] | None = None,
        backend: str = S3_STORAGE, static_backend: str = S3_MANIFEST, s3sync: dict[str, Any] | None = None, **how: Any,
    ) -> Printed:  # fmt: skip
        settings.STORAGES = {
            "default": {"BACKEND": backend, "OPTIONS": {"bucket_name": "acme", "location": "media"} | (default or {})},
            "staticfiles": {
                "BACKEND": static_backend,
                "OPTIONS": {"bucket_name": "acme", "location": "static"} | (static or {}),
            },
        }
        settings.S3SYNC = s3sync or {}
        return print_policy(conf, kind, **how)

    return printed


def resources(document: dict[str, Any]) -> dict[str, Any]:
    return {each["Sid"]: each["Resource"] for each in document["Statement"]}


def test_each_command_is_for_its_own_alias(printed: Print) -> None:
    """Media and static files of one project, of which the static ones have a manifest."""
    assert {
        "DefaultList": "arn:aws:s3:::acme", "DefaultObjects": "arn:aws:s3:::acme/media/*",
        "StaticfilesList": "arn:aws:s3:::acme", "StaticfilesObjects": "arn:aws:s3:::acme/static/*",
    } == resources(printed().document)  # fmt: skip
    assert {"DefaultList", "DefaultObjects"} == set(resources(printed(commands=["s3_push_media"]).document))
    assert {"StaticfilesList", "StaticfilesObjects"} == set(
        resources(printed(commands=["s3_push_media"], alias="staticfiles").document)
    )
    everything = resources(printed(commands=["s3_verify_acl"]).document)
    assert {"DefaultBucket", "StaticfilesBucket", "Account"} <= set(everything)


@pytest.mark.parametrize(
    ("options", "added"),
    [
        ({}, set()),
        ({"default_acl": "public-read"}, {"s3:PutObjectAcl"}),
        ({"object_parameters": {"GrantRead": "id=1"}}, {"s3:PutObjectAcl"}),
        ({"object_parameters": {"Tagging": "a=b"}}, {"s3:PutObjectTagging"}),
        ({"object_parameters": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}},
         {"kms:Decrypt", "kms:GenerateDataKey"}),
    ],
)  # fmt: skip
def test_what_the_storage_sends_decides(printed: Print, options: dict[str, Any], added: set[str]) -> None:
    """Also where an AWS_* setting or a class says it: the instance is asked."""
    plain = set(actions_of(printed(commands=["s3_push_media"]).document))
    assert plain | added == set(actions_of(printed(commands=["s3_push_media"], default=options).document))


def test_acl_by_setting(printed: Print, settings: Any) -> None:
    """AWS_DEFAULT_ACL"""
    settings.AWS_DEFAULT_ACL = "public-read"
    assert "s3:PutObjectAcl" in actions_of(printed(commands=["s3_push_media"]).document)


def test_class_that_decides_by_key_may_send_an_acl(printed: Print) -> None:
    """Nobody can try all keys; it is said that this was assumed."""
    found = printed(commands=["s3_push_media"], backend=f"{__name__}.ByKey")
    assert "s3:PutObjectAcl" in actions_of(found.document)
    assert ["ByKey"] == [note.split()[0] for note in found.notes]
    assert () == tuple(printed(commands=["s3_push_media"]).notes)


def test_class_with_keys_of_its_own(printed: Print) -> None:
    """They may lie anywhere, so the list and the objects are the bucket's."""
    found = printed(commands=["s3_push_media"], backend=f"{__name__}.OwnKeys").document
    assert "arn:aws:s3:::acme/*" == resources(found)["DefaultObjects"]
    assert "Condition" not in found["Statement"][0]


@pytest.mark.parametrize(
    ("options", "arn"),
    [
        ({"region_name": "cn-north-1"}, "arn:aws-cn:s3:::acme"),
        ({"endpoint_url": "https://s3.us-gov-west-1.amazonaws.com"}, "arn:aws-us-gov:s3:::acme"),
        ({"endpoint_url": "http://127.0.0.1:9000"}, "arn:aws:s3:::acme"),
    ],
)
def test_partition_is_the_regions(printed: Print, options: dict[str, Any], arn: str) -> None:
    """By region_name, else by an endpoint of Amazon's."""
    found = printed(commands=["s3_verify_acl"], alias="default", default=options).document
    assert arn == resources(found)["DefaultList"]
    assert ("127.0.0.1" not in str(options)) == ("Account" in resources(found))


def test_storage_that_can_not_be_read_offline(printed: Print) -> None:
    """It is named, and not connected."""
    with pytest.raises(ConfigurationError, match="'default' can't be made: Eager asks S3 while it is constructed"):
        printed(commands=["s3_push_media"], backend=f"{__name__}.Eager")


def test_nothing_on_s3(printed: Print) -> None:
    """Neither default nor staticfiles"""
    files = "django.core.files.storage.FileSystemStorage"
    for kind in ("iam", "bucket"):
        with pytest.raises(ConfigurationError) as caught:
            printed(kind, backend=files, static_backend="django.contrib.staticfiles.storage.StaticFilesStorage")
        assert "NotOnS3" == caught.value.code


@pytest.mark.parametrize("commands", [["s3_push_midea"], ["s3_push_media --delte"], ["s3_lint_css"]])
def test_commands_that_have_no_policy(printed: Print, commands: list[str]) -> None:
    """A word that was mistyped, or a command that asks nothing of S3."""
    with pytest.raises(ConfigurationError) as caught:
        printed(commands=commands)
    assert "CannotExpress" == caught.value.code


def test_bucket_policy_of_a_whole_project(printed: Print) -> None:
    """Private media, public static files, one bucket."""
    found = printed("bucket")
    assert "arn:aws:s3:::acme/static/*" == resources(found.document)["StaticfilesPublic"]
    allowed = [each["Sid"] for each in found.document["Statement"] if each["Effect"] == "Allow"]
    assert ["StaticfilesPublic"] == allowed
    assert "merge" in found.notes[0]


def test_bucket_policy_for_a_distribution(printed: Print) -> None:
    """staticfiles behind CloudFront, encrypted with a key of the customer"""
    behind = {
        "custom_domain": "cdn.example.com",
        "object_parameters": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY},
    }
    found = printed("bucket", static=behind, distribution=ARN)
    statements = {each["Sid"]: each for each in found.document["Statement"]}
    assert {"StringEquals": {"AWS:SourceArn": ARN}} == statements["StaticfilesCdn"]["Condition"]
    assert "StaticfilesPublic" not in statements
    assert [KEY] == list(found.key_statements)
    with pytest.raises(ConfigurationError) as caught:
        printed("bucket", static=behind)
    assert "--distribution" in str(caught.value.hint)


def test_bucket_policy_needs_one_bucket(printed: Print) -> None:
    """Each bucket has its own."""
    with pytest.raises(ConfigurationError, match="in 2: acme, other") as caught:
        printed("bucket", static={"bucket_name": "other"})
    assert "--storage" in str(caught.value.hint)
    one = printed("bucket", static={"bucket_name": "other"}, alias="staticfiles").document
    assert {"StaticfilesPublic": "arn:aws:s3:::other/static/*"} == resources(one)


def test_declared_intent_counts_before_what_is_derived(printed: Print) -> None:
    """S3SYNC["INTENT"], by prefix"""
    rules = {"INTENT": {"default": [("public/", "public"), ("", "private")]}}
    found = printed("bucket", alias="default", s3sync=rules).document
    assert "arn:aws:s3:::acme/media/public/*" == resources(found)["DefaultPublic"]


def test_public_objects_with_signed_urls_are_no_intent(printed: Print) -> None:
    """default_acl is public-read, and querystring_auth is on, as it is by default"""
    with pytest.raises(ConfigurationError, match="nobody can tell") as caught:
        printed("bucket", alias="default", default={"default_acl": "public-read"})
    assert "S3SYNC['INTENT']" in str(caught.value.hint)
    printed(commands=["s3_push_media"], default={"default_acl": "public-read"})


def test_cors_is_for_the_sites_origin(printed: Print, settings: Any) -> None:
    """ALLOWED_HOSTS tells, --origin overrules, and without both it can't be written."""
    settings.ALLOWED_HOSTS = ["www.example.com"]
    (rule,) = printed("cors").document["CORSRules"]
    assert ["https://www.example.com"] == rule["AllowedOrigins"]
    (rule,) = printed("cors", origins=["https://b.example", "https://a.example"]).document["CORSRules"]
    assert ["https://a.example", "https://b.example"] == rule["AllowedOrigins"]
    settings.ALLOWED_HOSTS = []
    with pytest.raises(ConfigurationError) as caught:
        printed("cors")
    assert "--origin" in str(caught.value.hint)


def test_static_storages_of_all_kinds(printed: Print) -> None:
    """Also one that keeps its manifest elsewhere, which is told."""
    plain = printed("iam", commands=["collectstatic --s3 --clear"], static_backend=S3_STATIC).document
    assert "s3:DeleteObject" in actions_of(plain)
    kept = S3Storage(bucket_name="manifests")
    found = printed("iam", commands=["collectstatic --s3"], static={"manifest_storage": kept})
    assert ["manifests" in note for note in found.notes] == [True]

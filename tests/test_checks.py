"""The system checks: what each one says, on what, and that none needs a network or falls over a broken storage."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings
from storages.backends.s3 import S3ManifestStaticStorage, S3Storage

from s3sync.checks import ids
from s3sync.s3.options import OfflineError, read_options, read_storage, s3_aliases

ROOT = Path(__file__).parents[1]
S3 = "storages.backends.s3.S3Storage"
S3_STATIC = "storages.backends.s3.S3StaticStorage"
S3_MANIFEST = "storages.backends.s3.S3ManifestStaticStorage"
LOCAL = "django.core.files.storage.FileSystemStorage"
LOCAL_STATIC = "django.contrib.staticfiles.storage.StaticFilesStorage"


class MediaStorage(S3Storage):
    """Half of all projects have one of these."""

    location = "media"


class InitStorage(S3Storage):
    """The other way to write it; takes no OPTIONS."""

    def __init__(self) -> None:
        super().__init__(bucket_name="from-init", location="private")


class BucketInOptions(S3Storage):
    """Decides over OPTIONS."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "location": "decided"})


class Broken(S3Storage):
    """Raises for a reason of its own."""

    def __init__(self, **options: Any) -> None:
        raise KeyError("MEDIA_BUCKET")


class Connecting(S3Storage):
    """Asks the bucket at once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.bucket.load()


class ConnectingItself(S3Storage):
    """Has its own way to the bucket, and goes it at once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.bucket.load()

    @property
    def bucket(self) -> Any:
        return socket.create_connection(("127.0.0.1", 9))


class TenantFolder(S3Storage):
    """Knows its folder only within a request."""

    @property
    def location(self) -> str:
        return ""


class TenantStorage(TenantFolder):
    """Knows its bucket only within a request, too."""

    @property
    def bucket_name(self) -> str | None:
        return None

    @bucket_name.setter
    def bucket_name(self, value: str) -> None: ...


def s3(backend: str = S3, **options: Any) -> dict[str, Any]:
    """An entry of STORAGES with a bucket."""
    return {"BACKEND": backend, "OPTIONS": {"bucket_name": "acme", **options}}


def found(**settings: Any) -> list[tuple[str, str, str]]:
    """Id, message and hint of what the checks say of these settings."""
    with override_settings(**settings):
        return [(str(m.id), str(m.msg), str(m.hint)) for m in run_checks(tags=["s3sync"])]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    attempts = []

    def connect(_: socket.socket, address: object) -> None:
        attempts.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield
    assert attempts == []


def test_nothing_to_say() -> None:
    """Django's own storages, and a project that has it all right."""
    assert found() == []
    storages = {"default": s3(location="media"), "staticfiles": s3(S3_MANIFEST, location="static")}
    assert found(STORAGES=storages, S3SYNC={"INTENT": {"default": "private"}, "WORKERS": 4}) == []


# -- the settings that Django ignores ---------------------------------------------------------------------------------


def pasted(hint: str, storages: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What STORAGES is after the hint's code was pasted below it."""
    names: dict[str, Any] = {"STORAGES": dict(storages or {})}
    exec(hint.partition(":\n\n")[2], names)
    return dict(names["STORAGES"])


def test_ignored_setting_says_what_to_paste() -> None:
    """The project's own class and values, both aliases, and nothing that is secret."""
    ((check_id, message, hint),) = found(
        DEFAULT_FILE_STORAGE=S3,
        AWS_STORAGE_BUCKET_NAME="acme",
        AWS_S3_REGION_NAME="eu-west-1",
        AWS_LOCATION="media",
        AWS_S3_OBJECT_PARAMETERS={"CacheControl": "max-age=60"},
        AWS_QUERYSTRING_AUTH=False,
        AWS_DEFAULT_ACL=None,
        AWS_ACCESS_KEY_ID="AKIAVERYOPEN",
        AWS_SECRET_ACCESS_KEY="very-secret",
        AWS_SESSION_TOKEN="very-token",
        AWS_S3_ENDPOINT_URL="https://me:very-pass@minio",
        AWS_S3_PROXIES={"https": "http://me:very-pass@proxy"},
        AWS_S3_TRANSFER_CONFIG=object(),
    )
    assert check_id == "s3sync.E001"
    assert f"DEFAULT_FILE_STORAGE = {S3!r} is ignored since Django 5.1" in message
    assert "written to the local disk" in message
    assert "very-" not in hint
    assert "AKIA" not in hint
    assert "AWS_S3_TRANSFER_CONFIG" in hint
    assert "AWS_SECRET_ACCESS_KEY" in hint
    assert pasted(hint) == {
        "default": {
            "BACKEND": S3,
            "OPTIONS": {
                "bucket_name": "acme",
                "location": "media",
                "region_name": "eu-west-1",
                "default_acl": None,
                "querystring_auth": False,
                "object_parameters": {"CacheControl": "max-age=60"},
            },
        },
        "staticfiles": {"BACKEND": LOCAL_STATIC},
    }


def test_ignored_settings_are_one_message() -> None:
    """Two settings need one STORAGES; options that the classes decide by themselves are left to them."""
    ((check_id, _, hint),) = found(
        DEFAULT_FILE_STORAGE="tests.test_checks.MediaStorage",
        STATICFILES_STORAGE=S3_STATIC,
        AWS_STORAGE_BUCKET_NAME="acme",
        AWS_LOCATION="static",
        AWS_QUERYSTRING_AUTH=True,
    )
    storages = pasted(hint)
    assert check_id == "s3sync.E001"
    assert storages == {
        "default": {
            "BACKEND": "tests.test_checks.MediaStorage",
            "OPTIONS": {"bucket_name": "acme", "querystring_auth": True},
        },
        "staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": {"bucket_name": "acme", "location": "static"}},
    }
    assert found(STORAGES=storages, DEFAULT_FILE_STORAGE=S3, STATICFILES_STORAGE=S3_STATIC) == []


@pytest.mark.parametrize(
    ("written", "backend"),
    [
        ("storages.backends.s3boto3.S3Boto3Storage", "storages.backends.s3boto3.S3Boto3Storage"),
        ("storages.backends.s3boto.S3BotoStorage", S3),
        ("storages.backends.s3goto3.S3Boto3Storage", "storages.backends.s3boto3.S3Boto3Storage"),
        ("no_such_module.MediaStorage", "no_such_module.MediaStorage"),
        ("tests.test_checks.InitStorage", "tests.test_checks.InitStorage"),
    ],
)
def test_ignored_setting_names_the_class_of_today(written: str, backend: str) -> None:
    """Old names become those of today; a class that does not import or takes no OPTIONS is still named."""
    ((check_id, _, hint),) = found(DEFAULT_FILE_STORAGE=written, AWS_STORAGE_BUCKET_NAME="acme")
    assert check_id == "s3sync.E001"
    assert pasted(hint)["default"]["BACKEND"] == backend


def test_ignored_setting_whose_storage_has_another_fault() -> None:
    """What is wrong besides is said once the storage is in use."""
    settings = {"AWS_STORAGE_BUCKET_NAME": "acme", "AWS_LOCATION": "/media"}
    ((_, _, hint),) = found(DEFAULT_FILE_STORAGE=S3, **settings)
    storages = pasted(hint)
    assert storages["default"] == s3(location="/media")
    assert [check_id for check_id, _, _ in found(STORAGES=storages, **settings)] == ["s3sync.E009"]


def test_ignored_setting_with_a_long_import_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the error says, what is to be pasted stays Python."""
    (tmp_path / "long_error.py").write_text("raise RuntimeError('one\\ntwo')")
    monkeypatch.syspath_prepend(tmp_path)
    ((_, _, hint),) = found(DEFAULT_FILE_STORAGE="long_error.Storage", AWS_STORAGE_BUCKET_NAME="acme")
    assert pasted(hint)["default"] == {"BACKEND": "long_error.Storage", "OPTIONS": {}}


def test_ignored_setting_beside_storages() -> None:
    """Who has a STORAGES gets the one entry to put below it, so that no other is lost."""
    storages = {"default": {"BACKEND": LOCAL}, "staticfiles": {"BACKEND": LOCAL_STATIC}, "docs": s3(location="docs")}
    ((_, _, hint),) = found(STORAGES=storages, DEFAULT_FILE_STORAGE=S3, AWS_STORAGE_BUCKET_NAME="acme")
    assert "below your STORAGES" in hint
    assert pasted(hint, storages) == {**storages, "default": s3()}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"STATICFILES_STORAGE": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}, ["s3sync.W002"]),
        ({"STATICFILES_STORAGE": "no_such_module.Storage"}, ["s3sync.W002"]),
        ({"DEFAULT_FILE_STORAGE": LOCAL}, []),
        ({"DEFAULT_FILE_STORAGE": "django.core.files.storage.filesystem.FileSystemStorage"}, []),
        ({"DEFAULT_FILE_STORAGE": ""}, []),
        ({"DEFAULT_FILE_STORAGE": S3, "STORAGES": {"default": s3("tests.test_checks.MediaStorage")}}, []),
        ({"DEFAULT_FILE_STORAGE": S3, "STORAGES": {"staticfiles": {"BACKEND": LOCAL_STATIC}}}, ["s3sync.E001"]),
    ],
)
def test_ignored_setting_that_is_not_s3s_or_does_no_harm(settings: dict[str, Any], expected: list[str]) -> None:
    """Other classes are ignored as well, which is a warning; what is only left over is no news."""
    assert [check_id for check_id, _, _ in found(**settings)] == expected


# -- BACKEND ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("storages.backends.s3goto3.S3Boto3Storage", "storages.backends.s3boto3.S3Boto3Storage"),
        ("storages.backends.s3boto.S3BotoStorage", S3),
        ("storages.backends.s3boto3.S3BotoStorage", "storages.backends.s3boto3.S3Boto3Storage"),
        ("storages.backends.S3.S3Storage", S3),
        ("storages.backends.s3.s3storage", S3),
        ("storages.backends.s3.S3Boto3Storage", S3),
        ("storages.backends.s3.S3StaticFilesStorage", S3_STATIC),
        ("storage.backends.s3boto3.S3Boto3Storage", "storages.backends.s3boto3.S3Boto3Storage"),
        ("django_storages.backends.s3.S3Storage", S3),
        ("storages.s3.S3Storage", S3),
        ("storages.backends.s3", S3),
        ("S3Storage", S3),
        ("storages.backends.azure.AzureStorage", "storages.backends.azure_storage.AzureStorage"),
    ],
)
def test_misspelt_backends(written: str, meant: str) -> None:
    """The right dotted path stands in the message, and in a line to paste."""
    ((check_id, message, hint),) = found(STORAGES={"default": {"BACKEND": written}})
    assert check_id == "s3sync.E003"
    assert f"STORAGES['default']: there is no backend {written!r}" in message
    assert f"misspelt {meant!r}" in message
    assert hint.startswith(f'"BACKEND": "{meant}",')


@pytest.mark.parametrize(
    "written",
    ["no_such_module.Storage", "tests.test_checks.NoSuchClass", "django_s3_storage.storage.S3Storage", "x", ""],
)
def test_backends_that_cannot_be_imported(written: str) -> None:
    """What resembles nothing known is the project's own: named, with the reason."""
    ((check_id, message, _),) = found(STORAGES={"default": {"BACKEND": written}})
    assert check_id == "s3sync.W004"
    assert f"{written!r} cannot be imported" in message


@pytest.mark.parametrize(
    "body", ["import no_such_library", "raise RuntimeError('on import')", "Storage = 5", "def __getattr__(name): 1 / 0"]
)
def test_backend_whose_module_is_broken(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a module does on import, the checks go on; it is not taken for a misspelling."""
    name = f"broken_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    assert [m[0] for m in found(STORAGES={"default": {"BACKEND": f"{name}.Storage"}})] == ["s3sync.W004"]


def test_backend_that_misses_a_library_is_not_misspelt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is there bears its right name, however near another one's."""
    module = tmp_path / "storage3" / "backends" / "s3.py"
    module.parent.mkdir(parents=True)
    module.write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    ((check_id, message, _),) = found(STORAGES={"default": {"BACKEND": "storage3.backends.s3.S3Storage"}})
    assert check_id == "s3sync.W004"
    assert "No module named 'no_such_library'" in message


@pytest.mark.parametrize(
    "storages",
    [
        None,
        {},
        {"default": None},
        {"default": {}},
        {"default": {"BACKEND": 5}},
        {"default": {"BACKEND": "django.core.files.storage.NoSuchStorage"}},
    ],
)
def test_storages_of_the_wrong_shape(storages: Any) -> None:
    """Django itself fails on these when they are used; the checks do not."""
    assert found(STORAGES=storages) == []


# -- options of one alias ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "expected", "message", "hint"),
    [
        ({"BACKEND": S3}, "s3sync.E008", "no bucket name", 'STORAGES["m"]["OPTIONS"] = {"bucket_name": "..."}'),
        (s3(location="/media"), "s3sync.E009", "begins with a slash", '["OPTIONS"]["location"] = "media"'),
        (s3(S3_MANIFEST, location="/st"), "s3sync.E009", "begins with a slash", '["OPTIONS"]["location"] = "st"'),
        (s3(buckett_name="x"), "s3sync.E010", "no option 'buckett_name'", 'Did you mean "bucket_name"?'),
        (s3(AWS_LOCATION="x"), "s3sync.E010", "no option 'AWS_LOCATION'", 'Did you mean "location"?'),
        ({"BACKEND": S3, "OPTIONS": {"bucket": "x"}}, "s3sync.E010", "'bucket'", 'Did you mean "bucket_name"?'),
        (s3(zzz=1), "s3sync.E010", "no option 'zzz'", "Its options are addressing_style, "),
        ({"BACKEND": S3, "OPTIONS": None}, "s3sync.E010", "is a NoneType", '"OPTIONS": {'),
        (s3("tests.test_checks.Broken"), "s3sync.W011", "KeyError: 'MEDIA_BUCKET'", "storages['m']"),
        (s3(session_profile="p", access_key="k"), "s3sync.W011", "should not be provided", "storages['m']"),
        (
            s3(endpoint_url="https://acme.s3.amazonaws.com"),
            "s3sync.W013",
            "contains the bucket's name 'acme'",
            '["endpoint_url"] = "https://s3.amazonaws.com"  # or leave',
        ),
        (
            s3(endpoint_url="https://acme.nyc3.digitaloceanspaces.com/"),
            "s3sync.W013",
            "'https://acme.nyc3.digitaloceanspaces.com/'",
            '["endpoint_url"] = "https://nyc3.digitaloceanspaces.com"',
        ),
        (
            s3(endpoint_url="acme.nyc3.digitaloceanspaces.com"),
            "s3sync.W013",
            "contains the bucket's name",
            '"https://nyc3.digitaloceanspaces.com"',
        ),
        (
            s3(endpoint_url="http://localhost:9000/acme"),
            "s3sync.W013",
            "contains the bucket's name",
            '["endpoint_url"] = "http://localhost:9000"',
        ),
        (s3(custom_domain="https://cdn.io/"), "s3sync.E014", "has a scheme", '["custom_domain"] = "cdn.io"'),
        (s3(custom_domain="//cdn.io"), "s3sync.E014", "has a scheme", '["custom_domain"] = "cdn.io"'),
        (s3(custom_domain="cdn.io/"), "s3sync.W015", "contains a slash", '["custom_domain"] = "cdn.io"'),
        (s3(custom_domain="cdn.io//media"), "s3sync.W015", "contains a slash", '["custom_domain"] = "cdn.io"'),
        (s3(custom_domain="cdn.io/media"), "s3sync.W015", "contains a slash", '["custom_domain"] = "cdn.io"'),
    ],
)
def test_options(entry: dict[str, Any], expected: str, message: str, hint: str) -> None:
    """One wrong thing gives one message, on the right alias."""
    ((check_id, said, to_do),) = found(STORAGES={"m": entry})
    assert check_id == expected
    assert "STORAGES['m']" in said
    assert message in said
    assert hint in to_do


@pytest.mark.parametrize(
    "entry",
    [
        s3(endpoint_url="https://acme-files.example.com"),
        s3(endpoint_url="http://acme:9000"),
        s3(endpoint_url="http://[broken"),
        s3(custom_domain="acme.s3.amazonaws.com"),
        s3(location="media/"),
        s3("tests.test_checks.Connecting"),
        s3("tests.test_checks.ConnectingItself"),
        {"BACKEND": "tests.test_checks.InitStorage"},
        {"BACKEND": "tests.test_checks.TenantStorage"},
    ],
)
def test_options_that_are_right_or_cannot_be_told(entry: dict[str, Any]) -> None:
    """What only resembles a mistake, or depends on what a check has not got, is left alone."""
    assert found(STORAGES={"m": entry}) == []


def test_options_of_aws_settings() -> None:
    """What OPTIONS do not say comes from the AWS_* settings, as in django-storages."""
    storages = {"m": {"BACKEND": S3}}
    assert found(STORAGES=storages, AWS_STORAGE_BUCKET_NAME="acme") == []
    settings = {"AWS_STORAGE_BUCKET_NAME": "acme", "AWS_S3_CUSTOM_DOMAIN": "http://x", "AWS_LOCATION": "/m"}
    assert [m[0] for m in found(STORAGES=storages, **settings)] == ["s3sync.E009", "s3sync.E014"]


# -- aliases against each other ---------------------------------------------------------------------------------------


def at(location: str | None, **options: Any) -> dict[str, Any]:
    return s3(**options) if location is None else s3(location=location, **options)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (at("media"), at("media"), True),
        (at("media"), at("media/"), True),
        (at(None), at(""), True),
        (at(""), at("static"), True),
        (at("static/a"), at("static"), True),
        (at("media"), s3("tests.test_checks.MediaStorage"), True),
        (at("decided/x"), s3("tests.test_checks.BucketInOptions", location="free"), True),
        (at("media", endpoint_url="http://x/"), at("media", endpoint_url="http://X"), True),
        (at("media"), at("static"), False),
        (at("media"), at("media-private"), False),
        (at("static"), at("static-old/static"), False),
        (at("media"), at("media", bucket_name="other"), False),
        (at("media"), at("media", endpoint_url="http://x"), False),
        (at("media"), s3("tests.test_checks.TenantStorage"), False),
        (at("media"), s3("tests.test_checks.TenantFolder"), False),
        (at("media"), {"BACKEND": LOCAL}, False),
    ],
)
def test_overlaps(one: dict[str, Any], other: dict[str, Any], overlap: bool) -> None:
    """A location contains what begins with it up to a slash; the empty one contains everything."""
    for storages in ({"one": one, "other": other}, {"other": other, "one": one}):
        messages = found(STORAGES=storages)
        assert [check_id for check_id, _, _ in messages] == ["s3sync.W012"] * overlap
        assert all("['one']" in text and "['other']" in text and "'acme'" in text for _, text, _ in messages)


@pytest.mark.parametrize(
    ("default", "static", "expected"),
    [
        ("", "", ("media", "static")),
        ("", "static", ("media", "static")),
        ("", "media", ("media-default", "media")),
        ("static", "", ("static", "static-staticfiles")),
        ("files", "files", ("media", "files")),
        ("files", "files/static", ("files/media", "files/static")),
        ("media", "media", ("media-default", "media")),
    ],
)
def test_overlap_says_what_to_set(default: str, static: str, expected: tuple[str, str]) -> None:
    """The lines to paste leave two locations beside each other."""
    storages = {"default": at(default), "staticfiles": at(static, querystring_auth=False)}
    ((_, _, hint),) = found(STORAGES=storages)
    exec("\n".join(line for line in hint.splitlines() if line.startswith("STORAGES")), {"STORAGES": storages})
    assert tuple(storage["OPTIONS"]["location"] for storage in storages.values()) == expected
    assert found(STORAGES=storages) == []


# -- S3SYNC -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected", "message", "hint"),
    [
        ([], "s3sync.E005", "S3SYNC is []; write a dictionary.", "S3SYNC = {"),
        ({"ENGINE": "fats"}, "s3sync.E005", "S3SYNC['ENGINE'] is 'fats'; write one of", '"ENGINE": "fast",'),
        ({"INTENT": {"default": "x"}}, "s3sync.E005", "S3SYNC['INTENT']['default'] is 'x'", '"default": "public",'),
        ({"MEDIA_STORE": 1}, "s3sync.W006", "unknown key 'MEDIA_STORE'", "Did you mean 'MEDIA_STORAGE'?"),
        ({"CSS": {"URL": 1}}, "s3sync.W006", "unknown key 'CSS.URL'", "Did you mean 'CSS.URLS'?"),
        ({"ZZ": 1}, "s3sync.W006", "unknown key 'ZZ'", "Known keys are MEDIA_STORAGE, "),
        ({"MEDIA_STORAGE": "m"}, "s3sync.W007", "S3SYNC['MEDIA_STORAGE'] names the alias 'm'", "has 'default', "),
        ({"STATIC_STORAGE": "m"}, "s3sync.W007", "S3SYNC['STATIC_STORAGE'] names the alias 'm'", "or add 'm'"),
        ({"INTENT": {"m": "public"}}, "s3sync.W007", "S3SYNC['INTENT'] names the alias 'm'", "or add 'm'"),
    ],
)
def test_own_settings(written: Any, expected: str, message: str, hint: str) -> None:
    """One wrong thing gives one message."""
    ((check_id, said, to_do),) = found(S3SYNC=written)
    assert check_id == expected
    assert message in said
    assert hint in to_do


def test_default_aliases_are_not_named_by_the_user() -> None:
    """A STORAGES without `staticfiles` is Django's to complain about."""
    assert found(STORAGES={"default": {"BACKEND": LOCAL}}) == []


# -- reading a storage's options --------------------------------------------------------------------------------------


def test_read_options_precedence() -> None:
    """OPTIONS before class attribute before AWS_* before default; secrets are left out."""
    with override_settings(AWS_LOCATION="aws", AWS_STORAGE_BUCKET_NAME="aws", AWS_SECRET_ACCESS_KEY="very-secret"):
        options = read_options(MediaStorage, {"bucket_name": "option", "access_key": "very-open"})
    assert (options["location"], options["bucket_name"], options["region_name"]) == ("media", "option", None)
    assert "very-" not in repr(options)
    assert read_options(BucketInOptions, {"location": "x"})["location"] == "decided"


def test_read_options_equal_the_instances() -> None:
    """On every option that django-storages has, it says what a constructed storage has."""
    options = {"bucket_name": "b", "location": "l", "gzip": True, "querystring_expire": 5}
    read = read_options(MediaStorage, options)
    storage = MediaStorage(**options)
    own = {"client_config", "transfer_config"}  # made anew for each instance
    assert {name: getattr(storage, name) for name in read.keys() - own} == {n: read[n] for n in read.keys() - own}


def test_read_storage_keeps_what_can_be_told() -> None:
    """An `__init__` that fails or connects costs only what it would have decided itself."""
    broken = read_storage(Broken, {"location": "x"})
    assert (type(broken.error), broken.options["location"]) == (KeyError, "x")
    connecting = read_storage(Connecting, {"bucket_name": "b"})
    assert (type(connecting.error), connecting.options["bucket_name"]) == (OfflineError, "b")
    manifest = read_storage(S3ManifestStaticStorage, {"bucket_name": "b"})
    assert (manifest.error, manifest.options["querystring_auth"]) == (None, False)
    assert "location" not in read_options(TenantStorage, {})
    assert read_options(MediaStorage, None)["location"] == "media"  # type: ignore[arg-type]


def test_s3_aliases() -> None:
    """By class, whatever its name; what does not import is on nothing."""
    storages = {
        "local": {"BACKEND": LOCAL},
        "b": {"BACKEND": "storages.backends.s3boto3.S3Boto3Storage"},
        "a": {"BACKEND": "tests.test_checks.Broken"},
        "none": {"BACKEND": "no_such_module.S3Storage"},
        "odd": None,
    }
    assert s3_aliases(storages) == ["b", "a"]


# -- static files -----------------------------------------------------------------------------------------------------


def test_collectstatic_is_djangos() -> None:
    """Whoever puts s3sync at the end of INSTALLED_APPS is told why --s3 is unknown, and the line to move."""
    ((check_id, message, hint),) = found(INSTALLED_APPS=["django.contrib.staticfiles", "s3sync"])
    assert check_id == "s3sync.W016"
    assert "collectstatic is Django's" in message
    assert "move this line above 'django.contrib.staticfiles'" in hint
    assert '    "s3sync",\n' in hint
    assert "s3_collectstatic" in hint


@pytest.mark.parametrize("apps", [["s3sync", "django.contrib.staticfiles"], ["s3sync"]])
def test_collectstatic_is_ours(apps: list[str]) -> None:
    """In the right order, or without static files, there is nothing to say."""
    assert found(INSTALLED_APPS=apps) == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("its_own", "class Command: pass", ["s3sync.W016"]),
        ("fails", "raise RuntimeError('on import')", ["s3sync.W016"]),
        ("extends", "from s3sync.management.commands import collectstatic as c\nclass Command(c.Command): ...", []),
    ],
)
def test_collectstatic_of_another_app(
    name: str, source: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, whatever its module does; one that extends ours knows --s3."""
    commands = tmp_path / f"app_that_{name}" / "management" / "commands"
    commands.mkdir(parents=True)
    for folder in (commands, commands.parent, commands.parents[1]):
        (folder / "__init__.py").touch()
    (commands / "collectstatic.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    messages = found(INSTALLED_APPS=[f"app_that_{name}", "s3sync", "django.contrib.staticfiles"])

    assert [check_id for check_id, _, _ in messages] == expected
    for _, message, hint in messages:
        assert f"'app_that_{name}' comes before 's3sync'" in message
        assert "s3_collectstatic" in hint


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("mounted", "from django.urls import include, path\nurlpatterns = [path('a/', include('s3sync.urls'))]", []),
        ("without", "urlpatterns = []", ["s3sync.W017"]),
        ("broken", "raise RuntimeError('on import')", []),
        ("", "", ["s3sync.W017"]),
    ],
)
def test_redirect_view(
    name: str, source: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where CSS is to refer to the view, it has to have an address. A broken URLconf is Django's to report."""
    (tmp_path / f"urls_{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    urls = {"ROOT_URLCONF": f"urls_{name}" if name else ""}

    messages = found(S3SYNC={"CSS": {"URLS": "redirect"}}, **urls)

    assert [check_id for check_id, _, _ in messages] == expected
    assert all('include("s3sync.urls")' in hint for _, _, hint in messages)
    assert found(S3SYNC={"CSS": {"URLS": "auto"}}, **urls) == []


def test_redirect_view_without_urlconf() -> None:
    """A project that serves nothing has no view either."""
    assert [m[0] for m in found(S3SYNC={"CSS": {"URLS": "redirect"}})] == ["s3sync.W017"]


# -- as a user meets them ---------------------------------------------------------------------------------------------


def test_ids_are_unique_and_documented() -> None:
    """One id, one meaning, one section of docs/checks.md; a number is not reused with another letter."""
    known = [value for name, value in vars(ids).items() if name.isupper()]
    documented = re.findall(r"^### `(s3sync\.[EW]\d{3})`", (ROOT / "docs" / "checks.md").read_text(), re.MULTILINE)
    assert sorted(known) == sorted(documented)
    assert len({check_id[-3:] for check_id in known}) == len(known)


def test_levels_are_what_the_ids_say() -> None:
    """E is an error, W a warning; every message has a hint."""
    storages = {
        "a": s3(location="/x", custom_domain="x/"),
        "b": s3("storages.backends.s3boto.S3BotoStorage"),
        "c": {"BACKEND": "x.y"},
        "d": {"BACKEND": S3},
    }
    with override_settings(STORAGES=storages, S3SYNC={"x": 1, "WORKERS": "1"}, DEFAULT_FILE_STORAGE=S3):
        messages = run_checks(tags=["s3sync"])
    assert {m.id for m in messages} >= {f"s3sync.{n}" for n in ("E001", "E003", "W004", "E005", "W006", "E008")}
    assert all(m.hint and ("E" in m.id) == m.is_serious() for m in messages if m.id)


def test_check_command() -> None:
    """`manage.py check --tag s3sync` fails on an error and shows its hint."""
    with override_settings(S3SYNC={"ENGINE": "fats"}), pytest.raises(SystemCheckError, match='HINT: "ENGINE": "fast",'):
        call_command("check", "--tag", "s3sync", stdout=StringIO(), stderr=StringIO())


def manage_check(settings: str, folder: Path, code: str = "") -> subprocess.CompletedProcess[str]:
    """`manage.py check` in a process of its own, then `code`."""
    (folder / "own_settings.py").write_text(
        f'SECRET_KEY = "x"\nINSTALLED_APPS = ["s3sync", "django.contrib.staticfiles"]\nSTATIC_URL = "/s/"\n{settings}\n'
    )
    program = f"import sys\nfrom django.core.management import execute_from_command_line as run\nrun(sys.argv)\n{code}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-c", program, "check"],
        cwd=folder,
        env={**environment, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "DJANGO_SETTINGS_MODULE": "own_settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_manage_py_check(tmp_path: Path) -> None:
    """A newcomer's old settings: stopped, and told what to paste."""
    result = manage_check(f'DEFAULT_FILE_STORAGE = "{S3}"\nAWS_STORAGE_BUCKET_NAME = "acme"', tmp_path)
    assert result.returncode == 1
    assert "(s3sync.E001) DEFAULT_FILE_STORAGE" in result.stderr
    assert '"bucket_name": "acme",' in result.stderr


def test_manage_py_check_without_s3(tmp_path: Path) -> None:
    """Where nothing is on S3, the checks import neither django-storages nor boto3."""
    code = "print(sorted(sys.modules.keys() & {'storages', 'boto3', 'botocore'}))"
    result = manage_check("", tmp_path, code)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "[]"

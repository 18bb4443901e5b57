"""The settings: defaults, what each value comes to, and what is said of one that cannot be meant."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from s3sync.conf import Conf, CssSettings, conf
from s3sync.exceptions import (
    ConfigurationError,
    GuardRefused,
    LockHeld,
    RemoteError,
    S3SyncError,
    SourceError,
    UsageError,
)

NO_ORIGINS = [
    "", 1, "www.example.com", "//www.example.com", "ftp://a.example", "https://", "https://a.example/",
    "https://a.example/x", "https://a.example?x", "https://u:p@a.example", "https://a.example:port", "https://*.example",
    "https://a.example)", "https://münchen.example", "https://\u212aelvin", "https://a..b", " https://a.b",
    "https://a.example\n",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_state_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S3SYNC_STATE_DIR", raising=False)


def test_defaults() -> None:
    """Without `S3SYNC` everything has the value of the README's table."""
    assert (conf.media_storage, conf.static_storage, conf.collectstatic) == ("default", "staticfiles", "django")
    assert (conf.media_source, conf.workers, conf.state_dir, conf.engine) == (None, None, None, "auto")
    assert conf.css == CssSettings(urls="auto", missing="warn", inline_max=8192)
    assert conf.intent == {}
    assert conf.intent_for("default") is None
    assert list(conf.problems()) == []


@pytest.mark.parametrize(
    ("written", "name", "expected"),
    [
        ({"MEDIA_STORAGE": "media_s3"}, "media_storage", "media_s3"),
        ({"STATIC_STORAGE": "assets"}, "static_storage", "assets"),
        ({"MEDIA_SOURCE": "/srv/media"}, "media_source", Path("/srv/media")),
        ({"MEDIA_SOURCE": Path("/srv/a/../media")}, "media_source", Path("/srv/media")),
        ({"MEDIA_SOURCE": "media"}, "media_source", Path.cwd() / "media"),
        ({"COLLECTSTATIC": "s3"}, "collectstatic", "s3"),
        ({"WORKERS": 1}, "workers", 1),
        ({"ENGINE": "boto3"}, "engine", "boto3"),
        ({"STATE_DIR": "/var/lib/s3sync"}, "state_dir", Path("/var/lib/s3sync")),
        ({"STATE_DIR": "~/state"}, "state_dir", Path.home() / "state"),
        ({"CSS": {"URLS": "inline"}}, "css", CssSettings(urls="inline", missing="warn", inline_max=8192)),
        ({"CSS": {"INLINE_MAX": 0}}, "css", CssSettings(urls="auto", missing="warn", inline_max=0)),
        (
            {"CSS": {"ORIGIN": "https://WWW.example.com:8443"}},
            "css",
            CssSettings(urls="auto", missing="warn", inline_max=8192, origin="https://www.example.com:8443"),
        ),
        ({"CSS": {"ORIGIN": "http://[::1]:8000"}}, "site_origin", "http://[::1]:8000"),
        ({"INTENT": {"default": "cdn"}}, "intent", {"default": [("", "cdn")]}),
        (
            {"INTENT": {"default": [("public/", "public"), ["", "private"]]}},
            "intent",
            {"default": [("public/", "public"), ("", "private")]},
        ),
    ],
)
def test_values(written: dict[str, Any], name: str, expected: object) -> None:
    """A value is what was written, in one form."""
    with override_settings(S3SYNC=written):
        assert getattr(conf, name) == expected
        assert list(conf.problems()) == []


@pytest.mark.parametrize(
    ("written", "name", "write", "hint"),
    [
        ({"MEDIA_STORAGE": None}, "media_storage", "an alias of STORAGES", '"MEDIA_STORAGE": "default",'),
        ({"STATIC_STORAGE": ["staticfiles"]}, "static_storage", "an alias of STORAGES", '"STATIC_STORAGE": "default",'),
        ({"MEDIA_SOURCE": ""}, "media_source", "a folder", '"MEDIA_SOURCE": BASE_DIR / "media",'),
        ({"MEDIA_SOURCE": b"/srv"}, "media_source", "a folder", '"MEDIA_SOURCE": BASE_DIR / "media",'),
        ({"COLLECTSTATIC": True}, "collectstatic", "one of 'django', 's3'", '"COLLECTSTATIC": "django",'),
        ({"WORKERS": "8"}, "workers", "a whole number, 1 or more", '"WORKERS": 32,'),
        ({"WORKERS": 0}, "workers", "a whole number, 1 or more", '"WORKERS": 32,'),
        ({"WORKERS": True}, "workers", "a whole number, 1 or more", '"WORKERS": 32,'),
        ({"ENGINE": "boto"}, "engine", "one of 'auto', 'fast', 'boto3'", '"ENGINE": "boto3",'),
        ({"STATE_DIR": 5}, "state_dir", "a folder", '"STATE_DIR": '),
        ({"CSS": "auto"}, "css", "a dictionary", '"CSS": {"URLS": "auto"},'),
        ({"CSS": {"URLS": "signed"}}, "css", "one of 'auto', 'relative'", '"URLS": "auto",'),
        ({"CSS": {"MISSING": "warning"}}, "css", "one of 'error', 'warn', 'ignore'", '"MISSING": "warn",'),
        ({"CSS": {"INLINE_MAX": -1}}, "css", "a whole number, 0 or more", '"INLINE_MAX": 8192,'),
        *(
            ({"CSS": {"ORIGIN": origin}}, "css", "the site's scheme and host", '"ORIGIN": "https://www.example.com",')
            for origin in NO_ORIGINS
        ),
        ({"INTENT": [("", "private")]}, "intent", "a dictionary", '"INTENT": {"default": "private"},'),
        ({"INTENT": {"default": "privat"}}, "intent", "one of 'public', 'private', 'cdn'", '"default": "private",'),
        (
            {"INTENT": {"default": []}},
            "intent",
            "a list of (prefix, intent) pairs",
            '"default": [("public/", "public")',
        ),
        ({"INTENT": {"default": ["public/"]}}, "intent", "a list of (prefix, intent) pairs", '"default": ['),
        ({"INTENT": {"default": ["ab"]}}, "intent", "a list of (prefix, intent) pairs", '"default": ['),
        ({"INTENT": {"default": [("", "secret")]}}, "intent", "one of 'public'", '"default": "public"'),
        ({"INTENT": {"default": [("/x/", "private")]}}, "intent", "'x/': no storage name", '[("x/", "private")]'),
        (
            {"INTENT": {"default": [("", "public"), ("bills/", "private")]}},
            "intent",
            "the first match decides",
            '"default": [("bills/", "private"), ("", "public")],',
        ),
    ],
)
def test_wrong_values(written: dict[str, Any], name: str, write: str, hint: str) -> None:
    """The message names the key and says what to write; other keys still have their values."""
    with override_settings(S3SYNC=written):
        with pytest.raises(ConfigurationError) as caught:
            getattr(conf, name)
        assert str(caught.value).startswith(f"S3SYNC['{next(iter(written))}']")
        assert write in str(caught.value)
        assert caught.value.hint is not None
        assert hint in caught.value.hint
        assert [str(problem) for problem in conf.problems()] == [str(caught.value)]


@pytest.mark.parametrize("written", [None, [], "default"])
def test_no_dictionary(written: object) -> None:
    """Anything but a dictionary is one problem, not one for each key."""
    with override_settings(S3SYNC=written):
        with pytest.raises(ConfigurationError, match="write a dictionary"):
            _ = conf.engine
        assert len(list(conf.problems())) == 1


def test_read_at_access() -> None:
    """Nothing is remembered between two questions."""
    seen = []
    for engine in ("fast", "boto3"):
        with override_settings(S3SYNC={"ENGINE": engine}):
            seen.append(conf.engine)
    assert [*seen, conf.engine] == ["fast", "boto3", "auto"]


def test_state_dir_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3SYNC_STATE_DIR wins over the setting; an empty one says nothing."""
    with override_settings(S3SYNC={"STATE_DIR": "/of/the/setting"}):
        monkeypatch.setenv("S3SYNC_STATE_DIR", "/of/the/environment")
        assert conf.state_dir == Path("/of/the/environment")
        monkeypatch.setenv("S3SYNC_STATE_DIR", "")
        assert conf.state_dir == Path("/of/the/setting")


def test_media_directory() -> None:
    """MEDIA_SOURCE, else MEDIA_ROOT, else words on what to set."""
    with override_settings(MEDIA_ROOT="/srv/root", S3SYNC={"MEDIA_SOURCE": "/srv/source"}):
        assert conf.media_directory() == Path("/srv/source")
    with override_settings(MEDIA_ROOT=Path("/srv/root")):
        assert conf.media_directory() == conf.media_root == Path("/srv/root")
    with override_settings(MEDIA_ROOT=""):
        assert conf.media_root is None
        with pytest.raises(ConfigurationError, match="MEDIA_ROOT is empty"):
            conf.media_directory()


@pytest.mark.parametrize(
    ("written", "trusted", "hosts", "expected"),
    [
        (None, [], [], None),
        ("https://a.example", ["https://b.example"], ["c.example"], "https://a.example"),
        (None, ["https://b.example"], ["c.example"], "https://b.example"),
        (None, ["https://*.b.example", "http://b.example:8000/"], [], None),
        (None, ["https://*.b.example", "http://B.example:8000"], [], "http://b.example:8000"),
        (None, ["https://b.example", "https://www.b.example"], ["c.example"], "https://c.example"),
        (None, [], ["c.example", "www.c.example"], None),
        (None, [], ["localhost", "127.0.0.1", "[::1]", "testserver", "c.example"], "https://c.example"),
        (None, [], [".c.example"], None),
        (None, [], ["*", "c.example"], "https://c.example"),
        (None, [], ["localhost", "*"], None),
    ],
)
def test_site_origin(written: str | None, trusted: list[str], hosts: list[str], expected: str | None) -> None:
    """What is written counts; else what Django's settings tell, where it is one place and not this machine."""
    css = {"CSS": {"ORIGIN": written}} if written else {}
    with override_settings(S3SYNC=css, CSRF_TRUSTED_ORIGINS=trusted, ALLOWED_HOSTS=hosts):
        assert conf.site_origin == expected


def test_static_url() -> None:
    """Django's setting, or its usual value."""
    for written, expected in (("https://cdn.example/x/", "https://cdn.example/x/"), (None, "/static/")):
        with override_settings(STATIC_URL=written):
            assert conf.static_url == expected


def test_storages() -> None:
    """The aliases of STORAGES in its order; entries that Django could not use either are left out."""
    assert not conf.storages_is_set
    with override_settings(STORAGES={"b": {"BACKEND": "x"}, "a": {}, "c": None}):
        assert conf.storage_aliases() == ["b", "a"]
        assert conf.storages_is_set
    with override_settings(STORAGES=None):
        assert Conf().storage_aliases() == []


def test_unknown_keys() -> None:
    """With the key each one resembles."""
    written = {"MEDIA_STORE": "x", "media_storage": "x", "CSS": {"URL": "auto", "Q": 1}, "zzz": 1, "ENGINE": "fast"}
    with override_settings(S3SYNC=written):
        assert conf.unknown_keys() == [
            ("MEDIA_STORE", "MEDIA_STORAGE"),
            ("media_storage", "MEDIA_STORAGE"),
            ("zzz", None),
            ("CSS.URL", "CSS.URLS"),
            ("CSS.Q", None),
        ]


@pytest.mark.parametrize(
    ("error", "exit_code", "text"),
    [
        (S3SyncError("No."), 1, "No."),
        (ConfigurationError("No.", hint="yes"), 1, "No."),
        (UsageError("No."), 2, "No."),
        (SourceError("a/b", "permission denied", hint="chmod"), 1, "Cannot read 'a/b': permission denied."),
        (RemoteError("ListObjectsV2", "b", code="NoSuchBucket"), 1, "ListObjectsV2 on 'b' failed: NoSuchBucket."),
        (
            RemoteError("PutObject", "b", "k", code="AccessDenied", http=403, hint="needs s3:PutObject"),
            1,
            "PutObject on 'b/k' failed: AccessDenied (HTTP 403).",
        ),
        (GuardRefused("No."), 5, "No."),
        (LockHeld("No.", code="locked"), 6, "No."),
    ],
)
def test_exceptions(error: S3SyncError, exit_code: int, text: str) -> None:
    """Each has its exit code and message, and survives being sent to another process."""
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), text, vars(error))
    assert copy.exit_code == exit_code


def test_configuration_errors_are_djangos_too() -> None:
    """Who catches Django's own class catches ours."""
    assert issubclass(ConfigurationError, ImproperlyConfigured)

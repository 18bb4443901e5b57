"""The checks of what django-storages dropped, of signed static files, of folders and of connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from storages.backends.s3 import S3ManifestStaticStorage, S3Storage

from tests.test_checks import LOCAL, LOCAL_STATIC, S3, S3_MANIFEST, S3_STATIC, _no_network, found, s3

__all__ = ["_no_network"]  # a fixture: here, too, nothing may connect

URLS = "from django.urls import include, path\nurlpatterns = [path('a/', include('s3sync.urls'))]"


class WithParameters(S3Storage):
    """Says them itself."""

    object_parameters: ClassVar = {"CacheControl": "no-store"}


class SignedManifest(S3ManifestStaticStorage):
    """Signs at its domain, as one with a CloudFront key does."""

    querystring_auth = True
    cloudfront_signer = object()


class SigningItself(S3ManifestStaticStorage):
    """Nobody knows what its URLs are like."""

    def url(self, name: str, *args: Any, **kwargs: Any) -> str:
        return f"https://cdn.example.com/{name}"


def static(backend: str = S3, **options: Any) -> dict[str, Any]:
    """A STORAGES whose static files are on S3, and signed unless an option says otherwise."""
    return {"default": {"BACKEND": LOCAL}, "staticfiles": s3(backend, **{"location": "static", **options})}


def after(hint: str, **names: Any) -> dict[str, Any]:
    """What these settings are when the hint's lines of code were pasted below them; prose is left out."""
    code = [line for line in hint.splitlines() if line.startswith(("STORAGES", "S3SYNC", "#", "AWS_"))]
    exec("\n".join(code), names)
    return {name: value for name, value in names.items() if name.isupper()}


# -- settings that django-storages has dropped ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"AWS_AUTO_CREATE_BUCKET": True}, {}),
        ({"AWS_BUCKET_ACL": "public-read"}, {}),
        ({"AWS_PRELOAD_METADATA": True}, {}),
        ({"AWS_S3_ENCRYPTION": True}, {"object_parameters": {"ServerSideEncryption": "AES256"}}),
        ({"AWS_REDUCED_REDUNDANCY": True}, {"object_parameters": {"StorageClass": "REDUCED_REDUNDANCY"}}),
        ({"AWS_HEADERS": {"cache-control": b"max-age=9"}}, {"object_parameters": {"CacheControl": "max-age=9"}}),
        ({"AWS_HEADERS": {"Vary": "x", "Content-Language": "de"}}, {"object_parameters": {"ContentLanguage": "de"}}),
        ({"AWS_HEADERS": [("^.*", {"Vary": "x"})]}, {}),
        ({"AWS_S3_HOST": "s3.eu-central-1.amazonaws.com"}, {"region_name": "eu-central-1"}),
        ({"AWS_S3_HOST": "s3-eu-west-1.amazonaws.com"}, {"region_name": "eu-west-1"}),
        ({"AWS_S3_HOST": "nyc3.example.com"}, {"endpoint_url": "https://nyc3.example.com"}),
        ({"AWS_S3_HOST": "localhost", "AWS_S3_PORT": 9000}, {"endpoint_url": "https://localhost:9000"}),
        ({"AWS_S3_PORT": 9000}, {}),
        ({"AWS_ORIGIN": "EU"}, {"region_name": "eu-west-1"}),
        ({"AWS_S3_CALLING_FORMAT": "boto.s3.connection.OrdinaryCallingFormat"}, {"addressing_style": "path"}),
        ({"AWS_CALLING_FORMAT": "OrdinaryCallingFormat"}, {"addressing_style": "path"}),
        (
            {"AWS_S3_PROXY_HOST": "proxy", "AWS_S3_PROXY_PORT": 3128},
            {"proxies": {"https": "http://proxy:3128", "http": "http://proxy:3128"}},
        ),
        ({"AWS_S3_PROXY_HOST": "me:very-secret@proxy"}, {}),
        ({"AWS_S3_SECURE_URLS": False}, {"url_protocol": "http:"}),
        ({"AWS_QUERYSTRING_ACTIVE": False}, {"querystring_auth": False}),
        ({"S3_USE_SIGV4": True}, {"signature_version": "s3v4"}),
    ],
)
def test_dropped_settings(settings: dict[str, Any], options: dict[str, Any]) -> None:
    """Each is named, and the lines to paste say what it asked for; then there is nothing left to say."""
    storages = {"m": s3(location="media")}
    ((check_id, message, hint),) = found(STORAGES=storages, **settings)
    named = next(iter(settings))
    assert check_id == "s3sync.W018"
    assert "very-" not in hint
    assert message.startswith(f"{named} is ignored")
    assert hint.startswith(f"Delete {named}, and paste this below your STORAGES:\n\n")
    assert after(hint, STORAGES=storages)["STORAGES"] == {"m": s3(location="media", **options)}
    assert found(STORAGES=storages) == []


@pytest.mark.parametrize(
    ("entry", "settings"),
    [
        (s3(), {"AWS_AUTO_CREATE_BUCKET": False, "AWS_PRELOAD_METADATA": False, "AWS_S3_ENCRYPTION": None}),
        (s3(), {"AWS_BUCKET_ACL": None, "AWS_HEADERS": {}, "AWS_S3_SECURE_URLS": True, "AWS_S3_PORT": None}),
        (s3(), {"AWS_S3_HOST": "s3.amazonaws.com", "AWS_S3_CALLING_FORMAT": "SubdomainCallingFormat"}),
        (s3(), {"AWS_ORIGIN": "https://example.com", "S3_USE_SIGV4": True, "AWS_S3_SIGNATURE_VERSION": "s3v4"}),
        (s3(endpoint_url="https://b.example.com"), {"AWS_S3_HOST": "b.example.com", "AWS_S3_PORT": 9000}),
        (s3(), {"AWS_HEADERS": {"Expires": "x"}, "AWS_S3_OBJECT_PARAMETERS": {"Expires": "y"}}),
        (s3(endpoint_url="https://s3.eu-west-1.amazonaws.com"), {"AWS_S3_HOST": "s3.eu-west-1.amazonaws.com"}),
        (s3(region_name="eu-west-1"), {"AWS_S3_HOST": "s3-eu-west-1.amazonaws.com"}),
        (s3(), {"AWS_S3_PROXY_HOST": "proxy", "AWS_S3_PROXIES": {"https": "http://proxy:3128"}}),
        ({"BACKEND": LOCAL}, {"AWS_PRELOAD_METADATA": True, "AWS_S3_ENCRYPTION": True}),
        (s3("tests.test_checks.TenantStorage"), {}),
    ],
)
def test_dropped_settings_that_do_no_harm(entry: dict[str, Any], settings: dict[str, Any]) -> None:
    """What is how it is anyway, is used by the project itself, or is of another storage, is no news."""
    settings = {"AWS_S3_ENDPOINT_URL": "https://b.example.com"} | settings if "AWS_S3_PORT" in settings else settings
    assert found(STORAGES={"m": entry}, **settings) == []


def test_dropped_host_without_tls() -> None:
    """The scheme that the old host was spoken to in becomes that of the endpoint."""
    storages = {"m": s3(location="media")}
    settings = {"AWS_S3_HOST": "localhost", "AWS_S3_PORT": 9000, "AWS_S3_USE_SSL": False}
    hints = {check_id: hint for check_id, _, hint in found(STORAGES=storages, **settings)}
    assert hints.keys() == {"s3sync.W018", "s3sync.W025"}
    pasted = after(hints["s3sync.W018"], STORAGES=storages)["STORAGES"]
    assert pasted["m"]["OPTIONS"]["endpoint_url"] == "http://localhost:9000"
    assert found(STORAGES=pasted, AWS_S3_USE_SSL=False) == []


def test_dropped_settings_of_several_kinds_and_aliases() -> None:
    """One message; parameters are gathered, kept where they are, and a secret among them is not printed."""
    secret = {"SSECustomerKey": "very-secret"}
    storages = {
        "a": s3(location="a", object_parameters=secret),
        "b": s3("tests.test_checks_storages.WithParameters", location="b"),
        "c": {"BACKEND": S3, "OPTIONS": {}},
    }
    settings = {"AWS_S3_OBJECT_PARAMETERS": {"Expires": "x"}, "AWS_STORAGE_BUCKET_NAME": "other"}
    dropped = {"AWS_S3_ENCRYPTION": True, "AWS_REDUCED_REDUNDANCY": True}
    ((_, message, hint),) = found(STORAGES=storages, **settings, **dropped)
    wanted = {"ServerSideEncryption": "AES256", "StorageClass": "REDUCED_REDUNDANCY"}
    pasted = after(hint, STORAGES=storages, **settings)["STORAGES"]
    assert "AWS_REDUCED_REDUNDANCY, AWS_S3_ENCRYPTION are ignored" in message
    assert "very-secret" not in hint
    assert pasted["a"]["OPTIONS"]["object_parameters"] == secret | wanted
    assert pasted["b"]["OPTIONS"]["object_parameters"] == {"CacheControl": "no-store"} | wanted
    assert pasted["c"]["OPTIONS"]["object_parameters"] == {"Expires": "x"} | wanted


def test_ignored_setting_beside_a_dropped_one() -> None:
    """One text to paste for both; a dropped setting that the text does not replace is not to be deleted yet."""
    names = {"DEFAULT_FILE_STORAGE": S3, "AWS_STORAGE_BUCKET_NAME": "acme", "AWS_S3_ENCRYPTION": True}
    ((check_id, _, hint),) = found(**names)
    assert check_id == "s3sync.E001"
    assert hint.startswith("Delete DEFAULT_FILE_STORAGE and AWS_S3_ENCRYPTION, and paste")
    assert '"object_parameters": {\'ServerSideEncryption\': \'AES256\'}' in hint
    ((_, _, hint),) = found(**names, AWS_S3_OBJECT_PARAMETERS={"SSECustomerKey": "x"})
    assert hint.startswith("Delete DEFAULT_FILE_STORAGE, and paste")


# -- static files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "options", "own", "expected"),
    [
        (S3_MANIFEST, {"querystring_auth": True}, {}, ["s3sync.W019"]),
        ("tests.test_checks_storages.SignedManifest", {"custom_domain": "a.io"}, {}, ["s3sync.W019"]),
        (S3_MANIFEST, {"querystring_auth": True, "custom_domain": "a.io"}, {}, []),
        (S3_MANIFEST, {"querystring_auth": True}, {"COLLECTSTATIC": "s3"}, ["s3sync.W020"]),
        (S3_MANIFEST, {}, {}, []),
        (S3_STATIC, {}, {}, []),
        (S3_STATIC, {"querystring_auth": True}, {}, ["s3sync.W020"]),
        (S3, {}, {}, ["s3sync.W020"]),
        (S3, {}, {"CSS": {"URLS": "inline"}}, ["s3sync.W020"]),
        (S3, {}, {"CSS": {"URLS": "relative"}}, ["s3sync.W020"]),
        (S3, {}, {"CSS": {"URLS": "absolute"}}, ["s3sync.W020"]),
        (S3, {}, {"CSS": {"URLS": "off"}}, []),
        (S3, {}, {"CSS": {"URLS": "redirect"}}, ["s3sync.W017"]),
        (S3, {}, {"CSS": {"URLS": "nonsense"}}, ["s3sync.E005"]),
        (S3, {"custom_domain": "cdn.io"}, {}, []),
        (S3, {}, {"STATIC_STORAGE": "default"}, []),
        (S3, {"location": "/x"}, {}, ["s3sync.E009"]),
        ("tests.test_checks_storages.SigningItself", {"querystring_auth": True}, {}, []),
    ],
)
def test_signed_static(backend: str, options: dict[str, Any], own: dict[str, Any], expected: list[str]) -> None:
    """Only where addresses really are signed and nothing signs those in stylesheets."""
    storages = static(backend, **options)
    assert [check_id for check_id, _, _ in found(STORAGES=storages, S3SYNC=own)] == expected


@pytest.mark.parametrize("own", [{}, {"WORKERS": 2}])
def test_signed_manifest_says_both_ways_out(own: dict[str, Any]) -> None:
    """Public files or our own command; what is in S3SYNC stays there."""
    storages = static(S3_MANIFEST, querystring_auth=True)
    ((_, message, hint),) = found(STORAGES=storages, S3SYNC=own)
    pasted = after(hint, STORAGES=storages, S3SYNC=dict(own))
    assert "destroys" in message
    assert "`collectstatic --s3` does not" in message
    assert pasted["STORAGES"] == static(S3_MANIFEST, querystring_auth=False)
    assert pasted["S3SYNC"] == {**own, "COLLECTSTATIC": "s3"}
    assert found(STORAGES=storages, S3SYNC=own) == []


def test_signed_static_with_the_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted and at a known address, it signs; each of the two that is missing is a line of the hint."""
    (tmp_path / "urls_of_site.py").write_text(URLS)
    monkeypatch.syspath_prepend(tmp_path)
    site = {"ROOT_URLCONF": "urls_of_site", "ALLOWED_HOSTS": ["www.example.org"]}
    assert found(STORAGES=static(), **site) == []

    ((_, message, hint),) = found(STORAGES=static(), ROOT_URLCONF="urls_of_site")
    assert "don't tell the site's own address" in message
    assert "urlpatterns" not in hint
    own = after(hint, STORAGES=static())["S3SYNC"]
    assert own == {"CSS": {"ORIGIN": "https://www.example.com"}}
    assert found(STORAGES=static(), ROOT_URLCONF="urls_of_site", S3SYNC=own) == []

    ((_, message, hint),) = found(STORAGES=static(), ALLOWED_HOSTS=["www.example.org"])
    assert "not in the URLconf" in message
    assert 'path("s3sync/", include("s3sync.urls")),' in hint
    assert "S3SYNC" not in after(hint, STORAGES=static())

    own = {"CSS": {"URLS": "relative", "MISSING": "error"}}
    ((_, _, hint),) = found(STORAGES=static(), S3SYNC=own, **site)
    own = after(hint, STORAGES=static(), S3SYNC=own)["S3SYNC"]
    assert own == {"CSS": {"MISSING": "error", "ORIGIN": "https://www.example.org"}}
    assert found(STORAGES=static(), S3SYNC=own, **site) == []


# -- folders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "root", "dirs", "own", "expected"),
    [
        ("static/media", "out", ["static"], {}, ["s3sync.W022"]),
        ("static", "out", ["static"], {}, ["s3sync.W022"]),
        ("static/media", "out", [("x", "static")], {}, ["s3sync.W022"]),
        ("linked/media", "out", ["static"], {}, ["s3sync.W022"]),
        ("out/media", "out", ["static"], {}, ["s3sync.W023"]),
        ("same", "same", [], {}, ["s3sync.W023"]),
        ("public", "public/static", ["static"], {}, ["s3sync.W023"]),
        ("public", "out", ["public/static"], {}, ["s3sync.W023"]),
        ("media", "old/static", [], {"MEDIA_SOURCE": "old"}, ["s3sync.W023"]),
        ("public", "public/static", [], {"MEDIA_SOURCE": "public/media"}, []),
        ("media", "static", ["assets"], {}, []),
        ("static-media", "static_root", ["static"], {}, []),
        ("", "static", ["assets"], {}, []),
        ("media", "", [], {}, []),
        ("media", None, [5], {}, []),
    ],
)
def test_folders(
    media: str, root: str | None, dirs: list[Any], own: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    """By name, or by where links lead; folders beside each other are as they should be."""

    def below(name: Any) -> Any:
        return str(tmp_path / name) if isinstance(name, str) and name else name

    (tmp_path / "static").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "static")
    places = [(entry[0], below(entry[1])) if isinstance(entry, tuple) else below(entry) for entry in dirs]
    messages = found(
        MEDIA_ROOT=below(media), STATIC_ROOT=below(root), STATICFILES_DIRS=places,
        S3SYNC={key: below(value) for key, value in own.items()},
    )  # fmt: skip
    assert [check_id for check_id, _, _ in messages] == expected
    assert all(str(tmp_path) in message and "BASE_DIR" in hint for _, message, hint in messages)


def test_folders_without_static_files(tmp_path: Path) -> None:
    """Where nothing is collected, nothing is collected by mistake; nor from folders that no finder looks into."""
    folders = {"MEDIA_ROOT": str(tmp_path / "static/media"), "STATICFILES_DIRS": [str(tmp_path / "static")]}
    assert found(INSTALLED_APPS=["s3sync"], **folders) == []
    finders = ["django.contrib.staticfiles.finders.AppDirectoriesFinder"]
    assert found(STATICFILES_FINDERS=finders, **folders) == []


def test_folder_of_an_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app's static folder is collected without being named anywhere."""
    (tmp_path / "app_with_static" / "static").mkdir(parents=True)
    (tmp_path / "app_with_static" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    apps = ["app_with_static", "s3sync", "django.contrib.staticfiles"]
    media = str(tmp_path / "app_with_static" / "static" / "uploads")
    ((check_id, message, _),) = found(INSTALLED_APPS=apps, MEDIA_ROOT=media)
    assert check_id == "s3sync.W022"
    assert "the static folder of 'app_with_static'" in message


# -- connections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "settings", "expected"),
    [
        ({"verify": False}, {}, ["s3sync.W024"]),
        ({}, {"AWS_S3_VERIFY": False}, ["s3sync.W024"]),
        ({"verify": False, "endpoint_url": "https://s3.example.com"}, {}, ["s3sync.W024"]),
        ({"verify": False, "endpoint_url": "http://s3.example.com"}, {}, ["s3sync.W024", "s3sync.W025"]),
        ({"use_ssl": False}, {}, ["s3sync.W025"]),
        ({"endpoint_url": "http://s3.example.com:9000"}, {}, ["s3sync.W025"]),
        ({"endpoint_url": "HTTP://8.8.8.8"}, {}, ["s3sync.W025"]),
        ({"endpoint_url": "https://s3.example.com", "use_ssl": False}, {}, []),
        ({"verify": "/etc/ssl/ca.pem"}, {}, []),
        ({"verify": False, "endpoint_url": "https://localhost:9000"}, {}, []),
        ({"verify": False, "endpoint_url": "http://minio:9000"}, {}, []),
        ({"endpoint_url": "http://127.0.0.1:9000"}, {}, []),
        ({"endpoint_url": "http://[::1]:9000"}, {}, []),
        ({"endpoint_url": "http://10.1.2.3:9000"}, {}, []),
        ({"endpoint_url": "http://rook-ceph-rgw.rook-ceph.svc"}, {}, []),
        ({"endpoint_url": "http://s3.acme.internal"}, {}, []),
        ({"endpoint_url": "http://[broken"}, {}, []),
    ],
)
def test_connections(options: dict[str, Any], settings: dict[str, Any], expected: list[str]) -> None:
    """What crosses the internet has to be encrypted to somebody known; the lines to paste see to that."""
    storages = {"m": s3(location="media", **options)}
    messages = found(STORAGES=storages, **settings)
    assert [check_id for check_id, _, _ in messages] == expected
    assert found(**after("\n".join(hint for _, _, hint in messages), STORAGES=storages), **settings) == []


def test_connection_with_a_password_in_it() -> None:
    """A name and a password in an endpoint are not repeated."""
    ((check_id, message, hint),) = found(STORAGES={"m": s3(endpoint_url="http://me:very-secret@s3.example.com/x")})
    assert check_id == "s3sync.W025"
    assert "very-" not in message + hint
    assert '"https://s3.example.com/x"' in hint


# -- healthy projects -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"STORAGES": {"default": {"BACKEND": LOCAL}, "staticfiles": {"BACKEND": LOCAL_STATIC}}},
        {  # cookiecutter-django
            "STORAGES": {
                "default": s3(location="media", file_overwrite=False),
                "staticfiles": s3(location="static", default_acl="public-read", querystring_auth=False),
            },
            "AWS_QUERYSTRING_AUTH": False,
            "AWS_S3_OBJECT_PARAMETERS": {"CacheControl": "max-age=604800"},
            "AWS_S3_CUSTOM_DOMAIN": "acme.s3.amazonaws.com",
        },
        {  # private media, static files with hashed names behind a CDN
            "STORAGES": {
                "default": s3(location="media", bucket_name="acme-private"),
                "staticfiles": s3(S3_MANIFEST, custom_domain="cdn.example.com", location="static"),
            },
            "STATIC_URL": "https://cdn.example.com/static/",
        },
        {  # MinIO in a container beside this one
            "STORAGES": {
                "default": s3(location="media", endpoint_url="http://minio:9000", addressing_style="path"),
                "staticfiles": {"BACKEND": LOCAL_STATIC},
            },
            "AWS_S3_VERIFY": False,
            "AWS_ACCESS_KEY_ID": "minio",
            "AWS_SECRET_ACCESS_KEY": "minio123",
        },
        {  # DigitalOcean Spaces
            "STORAGES": {
                "default": s3(location="media", endpoint_url="https://nyc3.digitaloceanspaces.com"),
                "staticfiles": s3(S3_STATIC, location="static", endpoint_url="https://nyc3.digitaloceanspaces.com"),
            },
            "AWS_DEFAULT_ACL": "public-read",
        },
        {  # Cloudflare R2 for media, WhiteNoise's place for static files
            "STORAGES": {
                "default": s3(
                    endpoint_url="https://0123456789abcdef.r2.cloudflarestorage.com",
                    custom_domain="media.example.com",
                    region_name="auto",
                ),
                "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
            },
        },
        {  # classes of one's own, and leftovers that do no harm
            "STORAGES": {
                "default": s3("tests.test_checks.MediaStorage"),
                "staticfiles": s3(S3_STATIC, location="static"),
            },
            "DEFAULT_FILE_STORAGE": S3,
            "AWS_PRELOAD_METADATA": False,
            "AWS_S3_SECURE_URLS": True,
            "AWS_S3_REGION_NAME": "eu-central-1",
        },
    ],
)
def test_healthy_projects(settings: dict[str, Any], tmp_path: Path) -> None:
    """Nothing to say: a check that cries wolf is silenced, and then nobody hears it."""
    folders = {"MEDIA_ROOT": tmp_path / "media", "STATIC_ROOT": tmp_path / "out", "STATICFILES_DIRS": [tmp_path / "in"]}
    assert found(**{**folders, **settings}) == []

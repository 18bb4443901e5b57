"""The redirect view: what it signs, how long that may be kept, and what it does not answer."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import RefreshableCredentials
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, storages
from django.test import Client, override_settings
from django.urls import include, path, reverse
from storages.backends.s3 import S3ManifestStaticStorage, S3Storage

from s3sync.conf import conf
from s3sync.exceptions import ConfigurationError
from s3sync.sync.redirects import redirect_for, redirect_prefix, redirect_url
from tests.project import s3_options
from tests.servers import ON_BOTH, ON_MOTO, Server

PLAIN = "storages.backends.s3.S3Storage"
MANIFEST = "storages.backends.s3.S3ManifestStaticStorage"
HERE = "tests.test_redirect"
ODD = "photos/a b'(1)#?%41é.png"

urlpatterns = [path("assets/", include("s3sync.urls"))]


class NoUrls:
    """A URLconf without our view."""

    urlpatterns: list[Any] = []  # noqa: RUF012


class Counting(BaseFinder):
    """Counts how often anybody asks for all files."""

    walks = 0

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Any]]:
        type(self).walks += 1
        return iter(())


class ManifestOfPrivate(S3ManifestStaticStorage):
    """Hashed names, in a private bucket."""

    querystring_auth = True


class OwnUrl(S3Storage):
    """A url() of the project's own, which knows no HTTP methods."""

    def url(self, name: str) -> str:  # type: ignore[override]
        return str(super().url(name, expire=90))


class CountingSessions(S3Storage):
    """Counts how often anybody makes a boto3 session, which costs a tenth of a second."""

    sessions = 0

    def _create_session(self) -> Any:
        type(self).sessions += 1
        return super()._create_session()


class Temporary(S3Storage):
    """Credentials that are renewed now and then, as a role's are; `life` is in seconds."""

    life = 600

    @property
    def connection(self) -> Any:
        connection = super().connection
        client = connection.meta.client
        if not isinstance(client._request_signer._credentials, RefreshableCredentials):
            client._request_signer._credentials = renewed(self.life)
        return connection


def renewed(life: int) -> RefreshableCredentials:
    def renew() -> dict[str, str]:
        end = datetime.now(timezone.utc) + timedelta(seconds=life)
        return {"access_key": "a", "secret_key": "b", "token": "c", "expiry_time": end.isoformat()}

    return RefreshableCredentials.create_from_metadata(
        renew(), refresh_using=renew, method="test", advisory_timeout=0, mandatory_timeout=0
    )


def manifest(s3: Any, bucket: str, paths: dict[str, str]) -> None:
    """What `collectstatic` leaves behind."""
    body = json.dumps({"paths": paths, "version": "1.1", "hash": "x"}).encode()
    s3.put_object(Bucket=bucket, Key="static/staticfiles.json", Body=body)


@pytest.fixture(name="assets")
def make_assets(tmp_path: Path) -> Path:
    """A folder in STATICFILES_DIRS with three files of which a finder yields two."""
    folder = tmp_path / "assets"
    for name in ("photos/sea.png", ODD, ".hidden"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture(name="site")
def make_site(server: Server, bucket: str, assets: Path) -> Callable[..., Any]:
    """A context in which the site runs with a storage of this class and these options."""

    @contextmanager
    def site(backend: str = PLAIN, settings: dict[str, Any] | None = None, **options: Any) -> Iterator[Client]:
        how = s3_options(server, bucket, location="static", **({"signature_version": "s3v4"} | options))
        entry = {"BACKEND": backend, "OPTIONS": how}
        with override_settings(
            ROOT_URLCONF=HERE, STORAGES={"staticfiles": entry}, STATICFILES_DIRS=[assets],
            STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"], **(settings or {}),
        ):  # fmt: skip
            yield Client()

    return site


def fetched(server: Server, url: str, method: str = "GET") -> tuple[int, bytes]:
    """What a browser gets from an address."""
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


@ON_BOTH
@pytest.mark.parametrize("name", ["photos/sea.png", ODD])
@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_file_is_reached_through_the_view(
    server: Server, s3: Any, bucket: str, site: Any, name: str, version: str
) -> None:
    """Whatever is in its name; GET and HEAD, each signed for itself; and not without."""
    s3.put_object(Bucket=bucket, Key=f"static/{name}", Body=b"the sea")
    with site(signature_version=version) as client, override_settings(ALLOWED_HOSTS=["www.example.com"]):
        prefix = redirect_prefix(conf)
        assert prefix == "https://www.example.com/assets/static/"
        local = redirect_url(prefix, name).removeprefix("https://www.example.com")
        assert local.isascii()
        assert not set("'\"()\\ #?") & set(local)
        seen = client.get(local, headers={"host": "www.example.com"})
        looked = client.head(local, headers={"host": "www.example.com"})
    assert (seen.status_code, looked.status_code) == (302, 302)
    assert fetched(server, seen["Location"]) == (200, b"the sea")
    assert fetched(server, looked["Location"], "HEAD") == (200, b"")
    if server.kind == "rgw":
        assert fetched(server, seen["Location"].partition("?")[0])[0] == 403


@ON_MOTO
def test_headers(site: Any) -> None:
    """Kept for half of the signature's hour by this browser and by no cache; nothing else is said."""
    with site() as client:
        answer = client.get("/assets/static/photos/sea.png")
    assert dict(answer.headers).keys() == {"Content-Type", "Location", "Cache-Control"}
    kept, _, age = answer["Cache-Control"].rpartition("=")
    assert kept == "private, max-age"
    assert 1790 <= int(age) <= 1800
    assert answer.content == b""


NOT_OURS = [
    "photos/none.png", "photos/sea.png/", "photos//sea.png", "/photos/sea.png", "photos/../photos/sea.png",
    "../static/photos/sea.png", "photos/./sea.png", "./photos/sea.png", "..", ".", "photos", "photos/", ".hidden",
    "photos\\sea.png", "\\\\evil.example/x", "photos/sea.png\0", "\0", "/evil.example/x", "//evil.example/x",
    "https://evil.example/x", "https:/evil.example/x", "photos/sea.png?x", "photos/sea.png#x", "PHOTOS/SEA.PNG",
    "photos/sea.png\n", "photos/sea.png ", ".s3sync/manifests/a.json", ".s3sync/x", "staticfiles.json",
    "photos/%73ea.png", "photos/sea%2epng", "\udce9",
]  # fmt: skip


@ON_MOTO
@pytest.mark.parametrize("name", NOT_OURS)
def test_other_names_are_not_found(site: Any, name: str) -> None:
    """No way out of the location, to another host or to our own records: what this deploy has not, is not signed."""
    with site() as client:
        assert redirect_for(conf, name) is None
        with override_settings(ALLOWED_HOSTS=["testserver"]):
            answer = client.get(redirect_url("/assets/static/", name) if name.isprintable() else "/assets/static/%00")
    assert answer.status_code == 404
    assert "Location" not in answer


@ON_MOTO
@pytest.mark.parametrize("raw", ["", "%2e%2e/x", "..%2fx", "%5cevil", "%00", "photos%2F..%2Fphotos%2Fsea.png", "%0a"])
def test_encoded_attacks_are_not_found(site: Any, raw: str) -> None:
    """As they come over the wire, before Django has decoded them."""
    with site() as client:
        assert client.get(f"/assets/static/{raw}").status_code == 404


@ON_MOTO
def test_404_is_not_kept(site: Any) -> None:
    """While a deploy rolls, the next request may reach a process that has the file."""
    with site() as client:
        assert client.get("/assets/static/photos/none.png")["Cache-Control"] == "no-store"


@ON_MOTO
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods_are_refused(site: Any, method: str) -> None:
    """There is nothing to change here."""
    with site() as client:
        answer = getattr(client, method)("/assets/static/photos/sea.png")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@ON_MOTO
@pytest.mark.parametrize(
    ("backend", "options", "least", "most"),
    [
        (PLAIN, {"querystring_expire": 60}, 28, 30),
        (PLAIN, {"querystring_expire": 60, "signature_version": "s3"}, 28, 30),
        (PLAIN, {"querystring_expire": 604_800}, 86_400, 86_400),
        (PLAIN, {"querystring_expire": 1}, 0, 0),
        (PLAIN, {"security_token": "of a session"}, 0, 0),
        (PLAIN, {"querystring_auth": False}, 86_400, 86_400),
        (PLAIN, {"custom_domain": "cdn.example"}, 86_400, 86_400),
        (f"{HERE}.OwnUrl", {}, 43, 45),
        (f"{HERE}.Temporary", {}, 295, 300),
        (f"{HERE}.Temporary", {"querystring_expire": 60}, 28, 30),
    ],
)
def test_time_that_a_redirect_may_be_kept(site: Any, backend: str, options: Any, least: int, most: int) -> None:
    """Never as long as the signature, or the credentials that made it, live; not at all where that is not known."""
    with site(backend, **options) as client:
        answer = client.get("/assets/static/photos/sea.png")
    found = redirect_age(answer["Cache-Control"])
    assert least <= found <= most


def redirect_age(header: str) -> int:
    """Seconds in a Cache-Control of ours."""
    assert header == "no-store" or header.startswith("private, max-age=")
    return 0 if header == "no-store" else int(header.rpartition("=")[2])


@ON_MOTO
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # django-storages' own
def test_cloudfront_signs_for_its_domain(site: Any) -> None:
    """A private CDN with signed URLs: the storage's own signer, and the lifetime that is in its URL."""

    class Signer:
        def generate_presigned_url(self, url: str, date_less_than: datetime) -> str:
            return f"{url}?Expires={int(date_less_than.replace(tzinfo=timezone.utc).timestamp())}&Signature=x"

    with site(custom_domain="cdn.example", cloudfront_signer=Signer(), querystring_expire=600) as client:
        answer = client.get("/assets/static/photos/sea.png")
    assert answer["Location"].startswith("https://cdn.example/static/photos/sea.png?Expires=")
    assert 295 <= redirect_age(answer["Cache-Control"]) <= 300


@ON_MOTO
def test_names_of_the_manifest(server: Server, s3: Any, bucket: str, site: Any) -> None:
    """Hashed names and those they stand for, each as itself: nothing is hashed once more."""
    manifest(s3, bucket, {"app/a.png": "app/a.0123456789ab.png", "../out.png": ".s3sync/out.png"})
    for name in ("app/a.png", "app/a.0123456789ab.png"):
        s3.put_object(Bucket=bucket, Key=f"static/{name}", Body=name.encode())
    with site(f"{HERE}.ManifestOfPrivate") as client:
        for name in ("app/a.png", "app/a.0123456789ab.png", "photos/sea.png"):
            answer = client.get(f"/assets/static/{name}")
            assert urlsplit(answer["Location"]).path == f"/{bucket}/static/{name}"
            assert "X-Amz-Signature" in parse_qs(urlsplit(answer["Location"]).query)
        for name in ("app/a.0123456789ac.png", "app/b.png", "../out.png", ".s3sync/out.png"):
            assert client.get(f"/assets/static/{name}").status_code == 404
        answer = client.get("/assets/static/app/a.0123456789ab.png")
    assert fetched(server, answer["Location"]) == (200, b"app/a.0123456789ab.png")


@ON_MOTO
def test_public_storage_is_not_signed(site: Any, s3: Any, bucket: str) -> None:
    """What the storage does not sign, the view does not either."""
    manifest(s3, bucket, {"a.png": "a.0123456789ab.png"})
    with site(MANIFEST) as client:
        assert "?" not in client.get("/assets/static/a.0123456789ab.png")["Location"]


@ON_MOTO
def test_static_files_are_listed_once(site: Any, proxy: Any, bucket: str) -> None:
    """Nobody can make the process walk its folders, talk to S3 or grow by asking for what is not there."""
    finders = {"STATICFILES_FINDERS": [f"{HERE}.Counting"]}
    Counting.walks = 0
    with site(endpoint_url=proxy.server.endpoint_url) as client, override_settings(**finders):
        for number in range(50):
            assert client.get(f"/assets/static/photos/{number}.png").status_code == 404
    assert Counting.walks == 1
    assert not proxy.requests


@ON_MOTO
@pytest.mark.parametrize("signed", [True, False])
def test_threads_share_what_is_made_once(site: Any, signed: bool) -> None:
    """Many servers run each request in a thread of its own: eight that begin at one moment make one client."""
    answers: list[Any] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        answers.append(redirect_for(conf, "photos/sea.png"))

    with site(f"{HERE}.CountingSessions", querystring_auth=signed):
        threads = [threading.Thread(target=ask) for _ in range(8)]
        assert storages["staticfiles"]  # made by the first page
        CountingSessions.sessions = 0
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({answer.url.partition("?")[0] for answer in answers}) == 1
    assert len(answers) == 8
    assert CountingSessions.sessions == (2 if signed else 3)  # one of them is for reading the profile


@ON_MOTO
def test_static_files_on_the_disk(site: Any) -> None:
    """A developer's machine, where the view is mounted and nobody needs it."""
    disk = {"STORAGES": {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}}
    with site() as client, override_settings(**disk):
        assert client.get("/assets/static/photos/sea.png").status_code == 404


def test_prefix_needs_the_view() -> None:
    """None where `s3sync.urls` is not mounted, or there is no URLconf at all."""
    assert redirect_prefix(conf) is None
    with override_settings(ROOT_URLCONF=NoUrls, ALLOWED_HOSTS=["www.example.com"]):
        assert redirect_prefix(conf) is None


def test_prefix_needs_the_sites_origin() -> None:
    """The message names the setting and shows a line to write."""
    with override_settings(ROOT_URLCONF=HERE, ALLOWED_HOSTS=["a.example", "b.example"]):
        assert reverse("s3sync:static", kwargs={"name": "a/b.png"}) == "/assets/static/a/b.png"
        with pytest.raises(ConfigurationError, match=r"S3SYNC\['CSS'\]\['ORIGIN'\]") as caught:
            redirect_prefix(conf)
        assert caught.value.hint == 'S3SYNC = {"CSS": {"ORIGIN": "https://www.example.com"}}'
        with override_settings(S3SYNC={"CSS": {"ORIGIN": "https://a.example"}}):
            assert redirect_prefix(conf) == "https://a.example/assets/static/"


def test_broken_urlconf_is_said() -> None:
    """A URLconf that fails is not taken for one without the view."""
    with (
        override_settings(ROOT_URLCONF="tests.no_such_urls", ALLOWED_HOSTS=["a.example"]),
        pytest.raises(ConfigurationError, match="ROOT_URLCONF can't be read"),
    ):
        redirect_prefix(conf)


def test_disk_storage_is_no_s3() -> None:
    """What is not on S3 has nothing to sign."""
    with override_settings(STORAGES={"staticfiles": {"BACKEND": f"{FileSystemStorage.__module__}.FileSystemStorage"}}):
        assert redirect_for(conf, "a.png") is None

"""A page of the example project in a real browser, with its static files on a server that enforces access.

`S3SYNC_WRITE_DOCS=1` makes the pictures of docs/css.md anew.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from tests import browser as browsers
from tests import zygote
from tests.browser import Browser, Page
from tests.project import S3_STORAGE, Result, inherited, only_set, read_result, s3_options
from tests.servers import ON_RGW, Server, _await_answer, free_port

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "example_project"
IMAGES = ROOT / "docs" / "images"
LARGEST = 80_000
"""Bytes that a picture in the documents may have."""

SETTINGS = """\
from config.settings import *

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
STORAGES["staticfiles"] = {entry!r}
S3SYNC = {{"CSS": {{"ORIGIN": {origin!r}}}}}
"""
MANAGE = f"""\
import sys

sys.path.insert(1, {str(EXAMPLE)!r})

from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""
PRIVATE = {"querystring_auth": True}
MANIFEST = "storages.backends.s3.S3ManifestStaticStorage"

PAGE = "/login/"
BY_PAGE = {"photos/css/site.css": (200,), "photos/icon.svg": (200,)}
"""What the page itself refers to, with signed addresses."""
IMPORTED, FONT, SKY, MASK, DUNES = (
    f"photos/{name}"
    for name in ("css/parts/footer.css", "fonts/fernweh.woff2", "img/sky.webp", "img/compass.svg", "img/dunes.svg")
)


class Site:
    """The example project with its static files in a bucket of the test's, served by a process of its own."""

    def __init__(self, folder: Path, server: Server, bucket: str, s3: Any) -> None:
        self.server, self.bucket, self.s3 = server, bucket, s3
        self.folder = folder
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.environment = only_set(
            {
                **inherited(), "DJANGO_SETTINGS_MODULE": "browser_settings", "EXAMPLE_SECRETS_FILE": "",
                "EXAMPLE_DATA_DIR": str(folder / "data"), "S3SYNC_STATE_DIR": str(folder / "state"),
            }
        )  # fmt: skip
        folder.mkdir()
        (folder / "manage.py").write_text(MANAGE)

    def configure(self, backend: str, **options: Any) -> None:
        """Static files by this storage class; the bucket lets the site's pages read what they are given to read."""
        entry = {"BACKEND": backend, "OPTIONS": s3_options(self.server, self.bucket, location="static", **options)}
        (self.folder / "browser_settings.py").write_text(SETTINGS.format(entry=entry, origin=self.origin))
        rule = {"AllowedOrigins": [self.origin], "AllowedMethods": ["GET"]}
        self.s3.put_bucket_cors(Bucket=self.bucket, CORSConfiguration={"CORSRules": [rule]})

    def start(self, *arguments: str, output: int) -> subprocess.Popen[bytes] | zygote.Forked:
        command = [str(self.folder / "manage.py"), *arguments]
        how: dict[str, Any] = {
            "cwd": EXAMPLE, "env": self.environment, "stdin": subprocess.DEVNULL, "stdout": output, "stderr": output,
        }  # fmt: skip
        forked = zygote.start(command, usual=only_set(inherited()), **how)
        return forked or subprocess.Popen([sys.executable, *command], **how)

    def manage(self, *arguments: str) -> Result:
        with self.start(*arguments, output=subprocess.PIPE) as process:
            stdout, stderr = process.communicate(timeout=120)
        return read_result(process.returncode, stdout or b"", stderr or b"")

    def collect(self, *arguments: str) -> Result:
        """Run `collectstatic --s3`, which has to succeed."""
        result = self.manage("collectstatic", "--s3", "--no-input", *arguments)
        assert result.code == 0, result
        return result

    def show(self, browser: Browser) -> Page:
        """The page as the browser shows it."""
        log = self.folder / "site.log"
        with log.open("wb") as output:
            command = ["runserver", "--noreload", "--nostatic", f"127.0.0.1:{self.port}"]
            process = self.start(*command, output=output.fileno())
        try:
            _await_answer(self.origin + PAGE, process, log)
            return browser.open(self.origin + PAGE)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module", name="browser")
def start_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One chromium for all tests here."""
    with browsers.chromium(tmp_path_factory.mktemp("browser") / "log") as running:
        yield running


@pytest.fixture(name="site")
def make_site(browser: Browser, tmp_path: Path, server: Server, bucket: str, s3: Any) -> Site:
    """The example project, with its static files not yet configured."""
    return Site(tmp_path / "site", server, bucket, s3)


def outcomes(page: Page) -> dict[str, tuple[int, ...]]:
    """Each static file that the page asked for over the network, by its name, and the status of each answer."""
    asked = [request for request in page.requests if "/static/" in request.url and not request.is_inlined]
    assert asked
    return {request.url.partition("?")[0].partition("/static/")[2]: request.statuses for request in asked}


def picture(page: Page, name: str) -> None:
    """Keep a screenshot for the documents, where that is asked for."""
    if os.environ.get("S3SYNC_WRITE_DOCS"):
        IMAGES.mkdir(exist_ok=True)
        with Image.open(io.BytesIO(page.screenshot)) as shot:
            small = shot.convert("RGB").resize((720, 585), Image.Resampling.LANCZOS)
            ImageOps.posterize(small, 7).save(IMAGES / name, optimize=True)  # the last bit is a fifth of the size


@ON_RGW
def test_css_left_as_it_is_breaks_on_a_private_bucket(site: Site, browser: Browser) -> None:
    """The trouble that all of this is about: the sheet loads, as its address is signed, and all it refers to is 403."""
    site.configure(S3_STORAGE, **PRIVATE)
    site.collect("--css-urls", "off")
    page = site.show(browser)
    assert outcomes(page) == BY_PAGE | dict.fromkeys([IMPORTED, FONT, SKY, MASK], (403,))
    assert page.fonts == []
    picture(page, "css-off.png")


@ON_RGW
def test_redirect_mends_a_private_bucket(site: Site, browser: Browser) -> None:
    """Each reference leads to the site, which signs: also what an imported sheet refers to, a font and a mask."""
    site.configure(S3_STORAGE, **PRIVATE)
    site.collect("--css-urls", "redirect")
    page = site.show(browser)
    assert outcomes(page) == BY_PAGE | dict.fromkeys([IMPORTED, FONT, SKY, MASK, DUNES], (302, 200))
    assert [request for request in page.requests if request.failure] == []
    assert page.fonts == ["Fernweh"]
    picture(page, "css-redirect.png")


@ON_RGW
def test_inline_mends_a_private_bucket(site: Site, browser: Browser) -> None:
    """Small files are in the sheet; what is too large for that, and the imported sheet, lead to the site."""
    site.configure(S3_STORAGE, **PRIVATE)
    site.collect("--css-urls", "inline")
    page = site.show(browser)
    assert outcomes(page) == BY_PAGE | dict.fromkeys([IMPORTED, SKY], (302, 200))
    assert [request for request in page.requests if request.failure] == []
    inlined = sorted(request.url.partition(";")[0] for request in page.requests if request.is_inlined)
    assert inlined == ["data:font/woff2", "data:image/svg+xml", "data:image/svg+xml"]
    assert page.fonts == ["Fernweh"]


@ON_RGW
def test_font_needs_the_buckets_cors(site: Site, browser: Browser) -> None:
    """Without a CORS rule a page must not use fonts and masks of another host; images and sheets it may."""
    site.configure(S3_STORAGE, **PRIVATE)
    site.s3.delete_bucket_cors(Bucket=site.bucket)
    site.collect("--css-urls", "redirect")
    page = site.show(browser)
    failed = {request.url.partition("/static/")[2] for request in page.requests if request.failure}
    assert failed == {FONT, MASK}
    assert page.fonts == []


@ON_RGW
def test_hashed_names_on_a_public_bucket(site: Site, browser: Browser) -> None:
    """Manifest storage, readable by all: every address has a hash in it, and each one is answered with 200."""
    site.configure(MANIFEST)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    statement["Resource"] = f"arn:aws:s3:::{site.bucket}/static/*"
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    site.s3.put_bucket_policy(Bucket=site.bucket, Policy=json.dumps(policy))
    site.collect()
    page = site.show(browser)
    found = outcomes(page)
    assert set(found.values()) == {(200,)}
    plain = {re.sub(r"\.[0-9a-f]{12}(?=\.)", "", name) for name in found}
    assert plain == {*BY_PAGE, IMPORTED, FONT, SKY, MASK, DUNES}
    assert not plain & set(found)
    assert page.fonts == ["Fernweh"]


def test_pictures_of_the_documents_are_small() -> None:
    """Each clone carries them along."""
    pages = [page.read_text() for page in (ROOT / "docs").glob("*.md")]
    shown = [name for page in pages for name in re.findall(r"\(images/([^)]+)\)", page)]
    assert sorted(shown) == sorted(path.name for path in IMAGES.iterdir())
    assert all((IMAGES / name).stat().st_size <= LARGEST for name in shown)

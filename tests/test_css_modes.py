"""`manage.py collectstatic --s3 --css-urls MODE` and `s3_lint_css`: how stylesheets reach what they refer to."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.project import S3_MANIFEST, S3_STATIC, S3_STORAGE, Project
from tests.servers import ON_MOTO, ON_RGW
from tests.test_static_push import content, keys, make_site, manifest

MOUNTED = "ROOT_URLCONF = 'urls'\nALLOWED_HOSTS = ['www.example.com']"
URLS = "from django.urls import include, path\n\nurlpatterns = [path('s3sync/', include('s3sync.urls'))]\n"
VIEW = "https://www.example.com/s3sync/static/"


def make_private(project: Project, *, mounted: bool = False, settings: str = "", **options: Any) -> None:
    """Static files that only signed URLs lead to."""
    (project.root / "urls.py").write_text(URLS)
    project.configure_static(
        S3_STORAGE, settings=f"{MOUNTED if mounted else ''}\n{settings}", **{"querystring_auth": True, **options}
    )


def css(s3: Any, bucket: str, name: str) -> str:
    return content(s3, bucket, f"static/{name}").decode()


@ON_MOTO
@pytest.mark.parametrize("backend", [S3_STATIC, S3_STORAGE])
def test_auto_leaves_stylesheets_alone_where_everybody_reads(
    project: Project, s3: Any, bucket: str, backend: str
) -> None:
    """collectstatic --s3 --no-input, on a public target; and on a CDN that takes signed cookies"""
    project.configure_static(backend, querystring_auth=False)
    if backend == S3_STORAGE:
        project.configure_static(backend, custom_domain="cdn.example.com")
    make_site(project)

    assert 0 == project.collect().code

    for path in project.assets.rglob("*.css"):
        name = path.relative_to(project.assets).as_posix()
        assert path.read_bytes() == content(s3, bucket, f"static/{name}")


@ON_MOTO
def test_references_to_the_static_root_follow_it(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, where the bucket's static root is not STATIC_URL's"""
    project.configure_static(location="assets/v1", custom_domain="cdn.example.com")
    project.asset("css/a.css", "a{background:url(/static/img/a.png)}b{background:url(../img/a.png)}")
    project.asset("img/a.png", "a")

    assert 0 == project.collect().code

    assert (
        b"a{background:url(https://cdn.example.com/assets/v1/img/a.png)}b{background:url(../img/a.png)}"
        == content(s3, bucket, "assets/v1/css/a.css")
    )  # fmt: skip


@ON_MOTO
def test_absolute(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --css-urls absolute, plain and hashed, and never signed"""
    project.configure_static(S3_MANIFEST, custom_domain="cdn.example.com")
    make_site(project)
    assert 0 == project.collect("--css-urls", "absolute").code
    paths = manifest(s3, bucket)
    hashed = css(s3, bucket, paths["css/parts/menu.css"])
    assert f"url(https://cdn.example.com/static/{paths['img/dot.png']})" in hashed
    assert f'url("https://cdn.example.com/static/{paths["fonts/f.woff2"]}?#iefix")' in hashed
    assert "url(https://cdn.example.com/static/img/dot.png)" in css(s3, bucket, "css/parts/menu.css")

    make_private(project)
    assert 0 == project.collect("--css-urls", "absolute").code
    assert f"url({project.server.endpoint_url}/{bucket}/static/img/dot.png)" in css(s3, bucket, "css/parts/menu.css")


@ON_MOTO
def test_off(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --css-urls off, on a private target"""
    make_private(project)
    make_site(project)

    assert 0 == project.collect("--css-urls", "off").code

    for path in project.assets.rglob("*.css"):
        assert path.read_bytes() == content(s3, bucket, f"static/{path.relative_to(project.assets).as_posix()}")


@ON_MOTO
def test_inline_takes_leaves_and_leaves_the_rest_to_the_view(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, on a private target with the redirect view mounted"""
    make_private(project, mounted=True)
    make_site(project)
    project.asset("img/large.png", "x" * 8193)
    project.asset("img/icons.svg", "<svg/>")
    project.asset("css/more.css", "a{background:url(../img/large.png?v=1)}b{mask:url(../img/icons.svg?v=1#b)}")

    result = project.collect()

    assert 0 == result.code, result
    data = base64.b64encode(b"sky").decode()
    assert (
        f'@import "{VIEW}css/parts/menu.css";\nbody{{background:url("data:image/png;base64,{data}")}}\n'
        == css(s3, bucket, "css/site.css")
    )  # fmt: skip
    more = css(s3, bucket, "css/more.css")
    assert f"url({VIEW}img/large.png?v=1)" in more
    assert re.search(r"mask:url\(data:image/svg\+xml;base64,[\w=+/]+#b\)", more)
    assert "Signature" not in more


@ON_MOTO
def test_redirect(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --css-urls redirect, plain and hashed"""
    make_private(project, mounted=True)
    make_site(project)
    assert 0 == project.collect("--css-urls", "redirect").code
    assert f'url("{VIEW}img/sky.png")' in css(s3, bucket, "css/site.css")
    assert f'url("{VIEW}fonts/f.woff2?#iefix")' in css(s3, bucket, "css/parts/menu.css")

    (project.root / "urls.py").write_text(URLS)
    project.configure_static(S3_MANIFEST, settings=MOUNTED, querystring_auth=True)
    assert 0 == project.collect("--css-urls", "redirect").code
    paths = manifest(s3, bucket)
    assert f'url("{VIEW}{paths["img/sky.png"]}")' in css(s3, bucket, paths["css/site.css"])


@ON_MOTO
@pytest.mark.parametrize("mode", ["auto", "inline", "redirect"])
def test_what_nobody_could_read_stops_the_run(project: Project, s3: Any, bucket: str, mode: str) -> None:
    """collectstatic --s3 --no-input --css-urls MODE, on a private target without the view"""
    make_private(project)
    make_site(project)

    result = project.collect("--css-urls", mode)

    assert 5 == result.code, result
    error = result.report["error"]
    assert "CssDenied" == error["code"]
    assert "css/site.css:1:10" in error["message"]
    assert "s3sync.urls" in error["hint"]
    places = {(found["name"], found["line"]) for found in result.report["findings"] if found["id"] == "css-denied"}
    every = {("css/site.css", 1), ("css/site.css", 2), ("css/parts/menu.css", 1), ("css/parts/menu.css", 2)}
    assert places == (every if mode == "redirect" else {("css/site.css", 1)}), "the rest is inlined"
    assert set() == keys(s3, bucket)


@ON_MOTO
def test_the_site_has_to_be_known(project: Project) -> None:
    """collectstatic --s3 --no-input --css-urls redirect, with nothing that tells the site's address"""
    make_private(project, settings="ROOT_URLCONF = 'urls'")
    make_site(project)

    result = project.collect("--css-urls", "redirect")

    assert 1 == result.code, result
    assert "S3SYNC['CSS']['ORIGIN']" in result.report["error"]["message"]


@ON_RGW
def test_verify_fetches_what_a_browser_would(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --verify-css, where nothing is public, and where everything is"""
    make_private(project)
    make_site(project)

    denied = project.collect("--css-urls", "off", "--verify-css")

    assert 3 == denied.code, denied
    found = {(found["name"], found["line"]): found["detail"] for found in denied.report["findings"]}
    places = [("css/site.css", 1), ("css/site.css", 2), ("css/parts/menu.css", 1), ("css/parts/menu.css", 2)]
    assert set(places) == set(found)
    assert "HTTP 403" in found["css/site.css", 2]
    assert f"/{bucket}/static/img/sky.png" in found["css/site.css", 2]
    assert not any("Signature" in detail or "?" in detail for detail in found.values())

    project.configure_static(default_acl="public-read", location="open")
    public = project.collect("--verify-css")
    assert 0 == public.code, public
    assert [] == public.report["findings"]


@ON_MOTO
def test_lint(project: Project, s3: Any, bucket: str) -> None:
    """s3_lint_css --format json, on a private and a public target; nothing is asked of the network"""
    make_private(project, access_key=None, secret_key=None, endpoint_url="http://localhost:9")
    make_site(project)
    project.asset("bad.css", "a{background:url(IMG/sky.png)}b{background:url(gone.png)}c{background:url(/media/x.png)}")

    result = project.run("s3_lint_css", "--format", "json")

    assert 3 == result.code, result
    found = {(f["id"], f["level"], f["name"], f["line"]) for f in result.report["findings"]}
    assert {
        ("css-denied", "error", "css/site.css", 1),
        ("css-case-mismatch", "error", "bad.css", 1),
        ("css-missing", "error", "bad.css", 1),
        ("css-outside-static", "warning", "bad.css", 1),
    } == found

    (project.assets / "bad.css").unlink()
    project.configure_static(access_key=None, secret_key=None, endpoint_url="http://localhost:9")
    result = project.run("s3_lint_css", "--format", "json")
    assert 0 == result.code, result
    assert [("css-needs-cors", "css/parts/menu.css", 2)] == [
        (f["id"], f["name"], f["line"]) for f in result.report["findings"]
    ]


@ON_MOTO
def test_a_signature_of_ones_own_is_not_baked_in_either(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3, where url() is overridden and adds a token"""
    backends = (
        "from storages.backends.s3 import S3StaticStorage\n\nclass Own(S3StaticStorage):\n"
        "    def url(self, name, *args, **how):\n"
        "        return f'https://cdn.example.com/{name}?token=SECRET'\n"
    )
    project.configure_static("backends.Own", backends=backends)
    make_site(project)

    assert (5, "CssDenied") == (project.collect().code, project.collect().report["error"]["code"])
    assert 0 == project.collect("--css-urls", "absolute").code
    assert "url(https://cdn.example.com/img/dot.png)" in css(s3, bucket, "css/parts/menu.css")


@ON_MOTO
def test_a_class_that_post_processes_itself_cannot_have_modes(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --css-urls redirect, where hashed_name() is overridden; and on a private target"""
    backends = (
        "from storages.backends.s3 import S3ManifestStaticStorage\n\nclass Own(S3ManifestStaticStorage):\n"
        "    max_post_process_passes = 10\n"
    )
    (project.root / "urls.py").write_text(URLS)
    project.configure_static("backends.Own", backends=backends, settings=MOUNTED, querystring_auth=True)
    make_site(project)

    result = project.collect("--css-urls", "redirect")

    assert (5, "CssMode") == (result.code, result.report["error"]["code"]), result
    assert set() == keys(s3, bucket)


@ON_MOTO
def test_redirect_needs_the_view(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --css-urls redirect, on a public target, with the view not mounted"""
    project.configure_static()
    make_site(project)
    result = project.collect("--css-urls", "redirect")
    assert (5, "CssDenied") == (result.code, result.report["error"]["code"]), result

"""Where references lead, by the URL Standard."""

from __future__ import annotations

import pytest

from s3sync.css.resolve import EMPTY, EXTERNAL, INSECURE, ITSELF, LOCAL, OUTSIDE, StaticRoot

SHEET = "css/app/main.css"


@pytest.mark.parametrize(
    ("value", "name", "leaves_root"),
    [
        ("b.png", "css/app/b.png", False),
        ("./b.png", "css/app/b.png", False),
        ("../b.png", "css/b.png", False),
        ("../../b.png", "b.png", False),
        ("../../../static/b.png", "b.png", True),
        ("../../../../../static/b.png", "b.png", True),
        ("../../../static/../static/b.png", "b.png", True),
        ("/static/b.png", "b.png", True),
        ("/x/../static/b.png", "b.png", True),
        ("/static/x/../../static/b.png", "b.png", True),
        ("a/./b/../c.png", "css/app/a/c.png", False),
        ("%2e%2E/b.png", "css/b.png", False),
        (".%2e/%2E./b.png", "b.png", False),
        ("%2e/b.png", "css/app/b.png", False),
        ("..\\..\\img\\b.png", "img/b.png", False),
        ("\\static\\b.png", "b.png", True),
        (" \t\n\x00b.png\x1f ", "css/app/b.png", False),
        ("b.\tp\nn\rg", "css/app/b.png", False),
        (".\t./b.png", "css/b.png", False),
        ("a%20b%C3%A9.png", "css/app/a bé.png", False),
        ("100%.png", "css/app/100%.png", False),
        ("100%25.png", "css/app/100%.png", False),
        ("é.png", "css/app/é.png", False),
        ("a%2Fb.png", "css/app/a/b.png", False),
        ("a//b.png", "css/app/a//b.png", False),
        ("b.png?x/../y#z?", "css/app/b.png", False),
        ("a?b", "css/app/a", False),
        ("./a:b", "css/app/a:b", False),
        ("1a:b", "css/app/1a:b", False),
        (":b", "css/app/:b", False),
        ("..", "css/", False),
        ("../", "css/", False),
        (".", "css/app/", False),
        ("a/..", "css/app/", False),
        ("../..", "", False),
        ("...", "css/app/...", False),
        ("%FF.png", "css/app/\udcff.png", False),
    ],
)
def test_local_references_lead_to_names(value: str, name: str, leaves_root: bool) -> None:
    """The browser's rules, not those of file systems, tell which file is requested."""
    target = StaticRoot("/static/").resolve(value, SHEET)
    assert (LOCAL, name, leaves_root) == (target.where, target.name, target.leaves_root)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("", EMPTY),
        (" \n", EMPTY),
        ("#x", ITSELF),
        ("?x", ITSELF),
        ("?#", ITSELF),
        ("//host/static/b.png", EXTERNAL),
        ("\\\\host/b.png", EXTERNAL),
        ("/\\host/b.png", EXTERNAL),
        ("/\t/host/b.png", EXTERNAL),
        ("https://host/static/b.png", EXTERNAL),
        ("HTTPS://host/b.png", EXTERNAL),
        ("ht\ntps://host/b.png", EXTERNAL),
        ("data:,x", EXTERNAL),
        ("DATA:,x", EXTERNAL),
        ("a+b-c.d:e", EXTERNAL),
        ("http://host/b.png", INSECURE),
        ("HTTP://host/b.png", INSECURE),
        ("/staticx/b.png", OUTSIDE),
        ("/static", OUTSIDE),
        ("/STATIC/b.png", OUTSIDE),
        ("/media/b.png", OUTSIDE),
        ("/", OUTSIDE),
        ("../../../b.png", OUTSIDE),
        ("../../../static", OUTSIDE),
        ("../../..", OUTSIDE),
        ("/static/../b.png", OUTSIDE),
        ("//", EXTERNAL),
    ],
)
def test_other_references_are_told_apart(value: str, where: str) -> None:
    """What is not ours is left alone, and only some of it is worth a word."""
    assert where == StaticRoot("/static/").resolve(value, SHEET).where


@pytest.mark.parametrize(
    "static_url",
    ["https://cdn.test/a/b%20c/", "//cdn.test/a/b%20c/", "/a/b%20c/", "/a/b c/", "/a/b c", "a/b c/", "/a/b c/?x#y"],
)
def test_path_of_the_static_url_is_the_root(static_url: str) -> None:
    """On a CDN the sheets still refer to each other by paths."""
    target = StaticRoot(static_url).resolve("/a/b%20c/d.png", SHEET)
    assert (LOCAL, "d.png") == (target.where, target.name)


@pytest.mark.parametrize("static_url", ["/", "", "https://cdn.test", "https://cdn.test/"])
def test_root_can_be_the_hosts(static_url: str) -> None:
    """A bucket of its own has no prefix; then nothing is outside, but it matters where the root lies all the same."""
    root = StaticRoot(static_url)
    assert ("d.png", True) == root.resolve("/d.png", SHEET)[1::4]
    assert ("d.png", True) == root.resolve("../../../../d.png", SHEET)[1::4]
    assert ("d.png", False) == root.resolve("../../d.png", SHEET)[1::4]


def test_parts_are_kept_as_written() -> None:
    """`?#iefix` is not nothing."""
    assert ("../a%20b", "?", "#iefix") == StaticRoot("/").resolve(" ../a%20b?#iefix\n", SHEET)[2:5]
    assert ("a", "", "") == StaticRoot("/").resolve("a", SHEET)[2:5]
    assert ("a", "", "#?b") == StaticRoot("/").resolve("a#?b", SHEET)[2:5]

"""Findings, places, character sets, source maps of scripts."""

from __future__ import annotations

import pytest

from s3sync.css import Finding, Names, Sheet, lint, read_css, read_js

KNOWN = Names(["img/a.png", "img/É.png", "css/x.css", "css/x.css.map", "js/x.js.map", "f.woff2", "img/s.svg"])


def read(css: str | bytes, **options: str) -> Sheet:
    return read_css("css/x.css", css if isinstance(css, bytes) else css.encode(), known=KNOWN, **options)


def summary(findings: list[Finding] | tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(one.code, one.level, one.detail.split()[0].rstrip(",;")) for one in findings]


@pytest.mark.parametrize(
    ("css", "found"),
    [
        ("a{b:url(../img/a.png)}", []),
        ("a{b:url(gone.png)}", [("missing", "warning", "css/gone.png")]),
        ("a{b:url(../IMG/a.PNG)}", [("case-mismatch", "warning", "IMG/a.PNG")]),
        ("a{b:url(../img/E\u0301.png)}", [("case-mismatch", "warning", "img/E\u0301.png")]),
        ("a{b:url(../img/e\u0301.png)}", [("case-mismatch", "warning", "img/e\u0301.png")]),
        ("a{}@import 'gone.css'", [("missing", "info", "css/gone.css"), ("inert", "info", "css/gone.css")]),
        ("a{}@import 'X.css'", [("case-mismatch", "info", "css/X.css"), ("inert", "info", "css/X.css")]),
        ("a{--b:url(../img/a.png)}", [("custom-property-base", "warning", "../img/a.png")]),
        ("a{--b:url(/static/img/a.png)}", []),
        (
            "a{--b:url(gone.png)}",
            [("missing", "warning", "css/gone.png"), ("custom-property-base", "warning", "gone.png")],
        ),
        ("@-moz-document url(a){}", [("inert", "info", "a")]),
        ("/*# sourceMappingURL=gone.map */", [("missing-map", "info", "css/gone.map")]),
        ("/*# sourceMappingURL=data:x*/", []),
        ("/*# sourceMappingURL=/x.map*/", [("outside-static", "info", "/x.map")]),
        ("/*# sourceMappingURL=http://x/*/", []),
        ("a{b:url(/media/a)}", [("outside-static", "warning", "/media/a")]),
        ("a{b:url(http://x)}", [("mixed-content", "warning", "http://x")]),
        ("a{b:url(a b)}", [("bad-url", "warning", "a")]),
        ("a{b:url('')}", [("empty-url", "info", "an")]),
        ("a{b:url(' ')}", [("empty-url", "info", "an")]),
        ("a{b:url('a\n')}", [("bad-url", "warning", "a")]),
        ("a{b:url(#a),url(?b),url(//c),url(data:x y)}", [("bad-url", "warning", "data:x")]),
        (b"a{b:url(../img/\xff.png)}", [("undecodable", "warning", "img/\ufffd.png")]),
        (b"a{b:'\xff'}", []),
        ("a{b:url(../)}", [("missing", "warning", "../")]),
        ("a{b:url(g)}/*# sourceMappingURL=g*/", [("missing", "warning", "css/g"), ("missing-map", "info", "css/g")]),
        (
            "a{b:url(g)}@import 'g'",
            [("missing", "warning", "css/g"), ("missing", "info", "css/g"), ("inert", "info", "css/g")],
        ),
    ],
)
def test_findings(css: str | bytes, found: list[tuple[str, str, str]]) -> None:
    """Each says what is wrong, how bad it is, and what it is about."""
    assert found == summary(read(css).findings)


@pytest.mark.parametrize(
    ("css", "line", "col"),
    [
        ("url(gone)", 1, 5),
        ('\n\nurl( "gone")', 3, 7),
        ("\r\n\r\nurl(gone)", 3, 5),
        ("\r\rurl(gone)", 3, 5),
        ("\n\rurl(gone)", 3, 5),
        ("\fé😀 url(gone)", 1, 9),
        ("\ufeffurl(gone)", 1, 5),
        ("url(data:,)/*\n*/url(data:,)é url(gone)", 2, 20),
        ("a\nbc;@import 'gone'", 2, 13),
    ],
)
def test_places_are_told_for_people(css: str, line: int, col: int) -> None:
    """Editors count characters, not bytes, and know three kinds of newlines."""
    finding = next(one for one in read(css).findings if one.code == "missing")
    assert (line, col) == (finding.line, finding.col)
    (reference,) = read(css.replace("gone", "../img/a.png")).references
    assert (line, col) == (reference.line, reference.col)


@pytest.mark.parametrize(
    ("encoding", "label", "name"),
    [
        ("utf-8", "", "é"), ("utf-8", "utf-8", "é"), ("utf-8", "nonsense", "é"), ("utf-8", "utf-16", "é"),
        ("utf-8", "rot13", "é"), ("latin-1", "iso-8859-1", "é"), ("latin-1", "LATIN1", "é"), ("cp1252", "ascii", "€"),
        ("koi8-r", "KOI8-R", "ж"), ("cp932", "Shift_JIS", "ソ表"), ("gb18030", "gbk", "亅"),
        ("big5hkscs", "big5", "功"), ("cp949", "euc-kr", "똠"), ("euc_jp", "euc-jp", "表"),
        ("mac-roman", "macintosh", "é"),
    ],
)  # fmt: skip
def test_charset_tells_names(encoding: str, label: str, name: str) -> None:
    """Some characters end with the byte of a backslash: such sheets can't be scanned as if they were ASCII."""
    begin = f'@charset "{label}";' if label else ""
    data = f"{begin}a{{b:'{name}';c:url({name}.png) url('{name}.png')}}".encode(encoding)
    sheet = read_css("x.css", data, known=[f"{name}.png"])
    assert () == sheet.findings
    assert 2 == len(sheet.references)
    for reference in sheet.references:
        assert f"{name}.png" == data[reference.start : reference.end].decode(encoding)
    assert data.replace(f"{name}.png".encode(encoding), b"c") == sheet.rewritten(lambda _: "c")


def test_byte_order_mark_wins_over_charset() -> None:
    """So says CSS Syntax."""
    data = '\ufeff@charset "latin1";a{b:url(é)}'.encode()
    assert ["é"] == [one.target for one in read_css("x.css", data, known=["é"]).references]


@pytest.mark.parametrize(
    ("css", "needs"),
    [
        ("@font-face{src:url(../f.woff2)}", True),
        ("a{mask:url(../img/s.svg#x)}", True),
        ("a{-webkit-mask-image:image-set('../img/a.png' 1x)}", True),
        ("a{shape-outside:url(../img/a.png)}", True),
        ("a{filter:url(../img/s.svg#x)}", True),
        ("a{CLIP-PATH:url(../img/s.svg#x)}", True),
        ("a{background:url(../img/a.png)}", False),
        ("a{b:url(../img/a.png)}", False),
        ("a{--mask:url(../img/a.png)}", False),
        ("@import '../img/a.png';", False),
        ("a{mask:b}/*# sourceMappingURL=x.css.map*/", False),
    ],
)
def test_needs_cors(css: str, needs: bool) -> None:
    """Fonts and masks on another host stay blank without a rule on the bucket."""
    (reference,) = read(css).references
    assert needs == reference.needs_cors
    codes = [one.code for one in lint(read(css), denied=lambda _: False, crosses_origin=lambda _: True)]
    assert needs == ("needs-cors" in codes)
    assert "needs-cors" not in [
        one.code for one in lint(read(css), denied=lambda _: False, crosses_origin=lambda _: False)
    ]


def test_lint_says_what_is_denied() -> None:
    """Nobody is denied what nobody fetches; a source map is only fetched by developers."""
    sheet = read("@supports(a:url(../img/a.png)){b{c:url(gone)}}a{b:url(../img/a.png)}/*# sourceMappingURL=x.css.map*/")
    found = lint(sheet, denied=lambda _: True, crosses_origin=lambda _: True)
    assert [
        ("inert", "info", "img/a.png"),
        ("missing", "warning", "css/gone"),
        ("denied", "error", "img/a.png"),
        ("denied", "info", "css/x.css.map"),
    ] == summary(found)
    assert [("inert", 1), ("missing", 1)] == [(one.code, one.line) for one in sheet.findings]


def test_lint_tells_in_the_order_of_places() -> None:
    """So a person reads a sheet: from top to bottom."""
    sheet = read("a{mask:url(../img/a.png)}b{c:url(gone)}")
    found = lint(sheet, denied=lambda _: True, crosses_origin=lambda _: True)
    assert ["denied", "needs-cors", "missing"] == [one.code for one in found]


def test_name_that_is_not_valid_is_never_known() -> None:
    """The character that stands for broken bytes can be part of a name too."""
    sheet = read_css("x.css", b"a{b:url(\xff.png)}", known={"\ufffd.png"})
    assert () == sheet.references
    assert ["undecodable"] == [one.code for one in sheet.findings]


def test_reference_is_complete() -> None:
    """Everything that a caller decides by is there."""
    (reference,) = read("a{--b:\n url( '/static/img/\\61.png?v#w')}").references
    assert ("url", "/static/img/a.png?v#w", "img/a.png", "/static/img/a.png", "?v", "#w", True) == (
        reference.kind, reference.value, reference.target, reference.path, reference.query, reference.fragment,
        reference.leaves_root,
    )  # fmt: skip
    assert ("custom-property", 2, 8) == (reference.context, reference.line, reference.col)


def test_sheet_can_refer_to_itself() -> None:
    """The graph has to know."""
    assert ["css/x.css"] == [one.target for one in read("@import 'x.css';").references]


def test_static_url_can_be_a_cdns() -> None:
    """Its path is the root."""
    assert ["img/a.png"] == [
        one.target for one in read("a{b:url(/s/img/a.png)}", static_url="https://cdn.test/s/").references
    ]


@pytest.mark.parametrize(
    ("js", "target", "codes"),
    [
        ("a()\n//# sourceMappingURL=x.js.map", "js/x.js.map", []),
        ("a()\n//# sourceMappingURL=x.js.map\r\n\n", "js/x.js.map", []),
        ("a()//@ sourceMappingURL=x.js.map \n// b\n/* c */", "js/x.js.map", []),
        ("a()\n//#\tsourceMappingURL=/static/js/x.js.map?v", "js/x.js.map", []),
        ("//# sourceMappingURL=x.js.map\na()", None, []),
        ("//# sourceMappingURL=x.js.map\n/* a", None, []),
        ("//# sourceMappingURL=x.js.map a()", None, []),
        ("a('//# sourceMappingURL=x.js.map')", None, []),
        ("a()\n// sourceMappingURL=x.js.map", None, []),
        ("a()\n//# sourceMappingURL=", None, []),
        ("//# sourceMappingURL=gone.map\n//# sourceMappingURL=x.js.map", "js/x.js.map", []),
        ("//# sourceMappingURL=gone.map", None, ["missing-map"]),
        ("//# sourceMappingURL=data:application/json;base64,e30=", None, []),
        ("import 'x.js.map'; url('x.js.map')", None, []),
        ("", None, []),
    ],
)
def test_source_map_of_a_script(js: str, target: str | None, codes: list[str]) -> None:
    """It is the one reference in a script that needs no parser."""
    sheet = read_js("js/x.js", js.encode(), known=KNOWN)
    assert ([target] if target else []) == [one.target for one in sheet.references]
    assert codes == [one.code for one in sheet.findings]
    if target:
        changed = sheet.rewritten(lambda one: one.with_stored_name("js/x.1.map")).decode()
        assert js.replace("x.js.map", "x.1.map") == changed


@pytest.mark.parametrize(
    "piece", ["//# sourceMappingURL=", "//# sourceMappingURL=a\n", "/*", "*/", "//", " ", "\n", "x"]
)
def test_large_scripts_are_read_in_linear_time(piece: str) -> None:
    """Bundles have megabytes; the suite's time limit is the assertion."""
    read_js("x.js", (b"//# sourceMappingURL=a\n" + piece.encode() * 500_000)[:10_000_000], known=KNOWN)


def test_names_are_exact_and_find_what_is_similar() -> None:
    """S3 tells names apart that people don't."""
    names = Names(["a.png", "b.png", "A.png"])
    assert "a.png" in names
    assert "B.png" not in names
    assert 3 == len(names)
    assert {"a.png", "b.png", "A.png"} == set(names)
    assert "b.png" == names.similar("B.PNG")
    assert names.similar("c.png") is None
    assert names is Names.of(names)

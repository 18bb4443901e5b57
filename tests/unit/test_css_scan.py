"""The scanner: it finds what a tokenizer finds, in any bytes, in time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import tinycss2
from hypothesis import assume, example, given, seed, settings
from hypothesis import strategies as st

from s3sync.css import Names, read_css
from s3sync.css.grammar import unescaped
from s3sync.css.scan import Found, scan
from tests import soak
from tests.strategies import QUICK

PIECES = [
    "url(", "URL(", "u\\72l(", "\\75 rl(", "\\url(", "ur\\6c(", "src(", "image-set(", "-webkit-image-set(",
    "image\\-set(", '"', "'", "\\", "\n", "\r\n", "\f", "/*", "*/", "/**/", "/*# sourceMappingURL=a.map*/",
    "/*@ sourceMappingURL=b */", " ", "\t", "b.png", "a", "-", "--", "--x:", "@import", "@IMPORT ", "@\\69mport ",
    "@imp\\6f rt", "@importx", "@supports ", "@media ", "@", "#", "(", ")", "[", "]", "{", "}", ";", ":", ",",
    "<!--", "-->", "1", "1e3", ".5", "+", "%", "é", "\x00", "\\a", "\\00006c", "\\0", '\\"', "\\)", "\\\n", "\\\r\n",
    '"b.png"', "'c.png'", "url(b.png)", 'url("b.png")', "url(b c)", "url( ", "\x01", "\x7f", "var(--x)", "\\20 ", "\\<",
    "x", "import", "url", 'type("a")', "\x85",
]  # fmt: skip

soup = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def found_by_tokenizer(css: str) -> Iterator[tuple[str, str]]:
    """What the tokens of another implementation come to."""
    yield from _in_nodes(tinycss2.parse_component_value_list(css), in_image_set=False)


def _in_nodes(nodes: Sequence[Any], *, in_image_set: bool) -> Iterator[tuple[str, str]]:
    importing = False
    for node in nodes:
        if node.type == "comment":
            yield from _source_map(node.value)
        elif node.type == "whitespace":
            pass
        elif node.type == "at-keyword":
            importing = node.lower_value == "import"
        else:
            yield from _in_node(node, importing=importing, in_image_set=in_image_set)
            importing = importing and node.type == "error" and node.kind == "eof-in-string"


def _in_node(node: Any, *, importing: bool, in_image_set: bool) -> Iterator[tuple[str, str]]:
    if node.type == "url":
        yield ("import" if importing else "url"), node.value
    elif node.type == "string" and (importing or in_image_set):
        yield ("import" if importing else "image-set"), node.value
    elif node.type == "function":
        name = node.lower_name
        if name in ("url", "src"):
            yield from _in_url(node, "import" if importing else name)
        else:
            yield from _in_nodes(node.arguments, in_image_set=name in ("image-set", "-webkit-image-set"))
    elif hasattr(node, "content"):
        yield from _in_nodes(node.content, in_image_set=False)


def _in_url(node: Any, kind: str) -> Iterator[tuple[str, str]]:
    rest = list(node.arguments)
    while rest and rest[0].type in ("whitespace", "comment"):
        blank = rest.pop(0)
        if blank.type == "comment":
            yield from _source_map(blank.value)
    if rest and rest[0].type == "string":
        yield kind, rest.pop(0).value
    yield from _in_nodes(rest, in_image_set=False)


def _source_map(comment: str) -> Iterator[tuple[str, str]]:
    if comment.strip() in ("# sourceMappingURL=a.map", "@ sourceMappingURL=b"):
        yield "sourcemap", comment.strip().partition("=")[2]


def as_read(data: bytes) -> list[tuple[str, str]]:
    return [
        (one.kind, unescaped(data[one.start : one.end].decode()).replace("\r\n", "\n").replace("\f", "\n"))
        for one in scan(data)
        if one.kind != "bad-url"
    ]


@settings(QUICK, max_examples=300)
@given(soup)
@example('--x:@importé\\)url(b c)@IMPORT "a"')
@example("\\<!--url(b.png)")
@example("<!--url(b.png)")
@example("@import\\)url(b.png)")
@example('image-set("\\a\n" 1x)')
@example('image-set("a\n"b.png")')
@example("a\\\nurl(b.png)")
@example("url(b.png\\")
@example('url("b.png\\')
@example('@import/**//*# sourceMappingURL=a.map*/"b.png"')
@example('src(/**/ "b.png")src(a "b.png")')
@example('image-set(type("a") "b.png" (  "c.png"))')
@example('image-set((]"a")"b.png"')
@example("##url(b.png)@@import 'a'")
@example("-url(a)1url(a)-->url(a)1.url(b)+url(b)")
@example("\x00url(a)u\x00rl(a)")
@example('--x:{;}image-set("b.png"')
@example("url(b\x00c)")
@example("u\\72\r\nl(b.png)u\\72\nl(b\\63\r\n)")
@example('image-set(url("a") "b" url("c" d) "e")')
@example('@import src("a");@import url("b");@import url(c)')
def test_scan_agrees_with_another_tokenizer(css: str) -> None:
    """Whatever the input, no reference is missed and none made up."""
    expected = list(found_by_tokenizer(css))
    # tinycss2 takes a backslash before a newline for a character of the URL; by the standard it makes a bad one.
    assume(not any(value.endswith("\\") for _, value in expected))
    assert expected == as_read(css.encode())


@settings(QUICK, max_examples=300)
@given(st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=20).map("".join).map(str.encode)))
def test_any_bytes_are_read(data: bytes) -> None:
    """A broken file of some package must not end a run."""
    for begin in (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b'@charset "shift_jis";', b'@charset "koi8-r";'):
        sheet = read_css("css/x.css", begin + data, known={"css/b.png"})
        starts = [one.start for one in sheet.references]
        assert sorted(set(starts)) == starts
        assert all(0 <= one.start <= one.end <= len(begin + data) for one in sheet.references)
        sheet.rewritten(lambda one: one.with_url("https://cdn.test/" + one.target))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("\\61 b\\63\r\nd", "abcd"),
        ("\\000061b", "ab"),
        ("\\g\\(", "g("),
        ("a\\\r\nb\\\fc", "abc"),
        ("\\0 a\\d800 b\\dfff c\\110000 d\\ffffff", "\ufffda\ufffdb\ufffdc\ufffdd\ufffd"),
        ("a\x00\\\x00\\", "a\ufffd\ufffd\ufffd"),
        ("\\10ffff", "\U0010ffff"),
    ],
)
def test_escapes_are_read(text: str, meant: str) -> None:
    """What can't be a character becomes the one that stands for such."""
    assert meant == unescaped(text)


def only(css: str) -> Found:
    (found,) = scan(css.encode())
    return found


@pytest.mark.parametrize(
    ("css", "context"),
    [
        ("a{b:url(c)}", ""),
        ('@import "c";', ""),
        ('/**/ <!-- --> @charset "utf-8"; @layer a, b; @IMPORT url(c);', ""),
        ('@layer a{}@import "c"', "inert"),
        ('a{}@import "c"', "inert"),
        ('@namespace "x";@import "c"', "inert"),
        ('@media all{@import "c"}', "inert"),
        ('@import url("b', ""),
        ("@import foo url(c);", "inert"),
        ("@supports (a:url(c)){}", "inert"),
        ("@supports (a:b){a{b:url(c)}}", ""),
        ("@supports (a:b);a{b:url(c)}", ""),
        ("a{--b:url(c)}", "custom-property"),
        ("a{--b:{d:url(c)}}", "custom-property"),
        ("a{--b:(;)url(c)}", "custom-property"),
        ("a{--b:(};url(c))}", "custom-property"),
        ("a{--b:]url(c)}", "custom-property"),
        ("a{--b /**/ : image-set('c')}", "custom-property"),
        ("a{\\-\\-b:url(c)}", "custom-property"),
        ("a{-\\-b:url(c)}", "custom-property"),
        ("a{--\\b :url(c)}", "custom-property"),
        ("--b:url(c)", "custom-property"),
        ("a{}--b:url(c)", "custom-property"),
        ("a{d:e;/**/--b:url(c)}", "custom-property"),
        ("a{--b:d;e:url(c)}", ""),
        ("a{--b:{d:e};f:url(c)}", ""),
        ("a{--b:{d:e}}f{g:url(c)}", ""),
        ("a{--b:';';c:url(c)}", ""),
        ("a{b:var(--d,url(c))}", ""),
        (".a--b:hover{d:url(c)}", ""),
        ("@container style(--b:d()){e{f:url(c)}}", ""),
        ("a{--b:" + "d" * 200 + ";e:url(c)}", ""),
    ],
)
def test_context_is_told(css: str, context: str) -> None:
    """What is never fetched can't be denied, and what is resolved elsewhere must be said."""
    assert context == only(css).context


def test_second_import_of_several_is_live() -> None:
    """The first `@import` must not make the next ones inert, whatever conditions it has."""
    css = (
        b'@import "a" layer(b) supports(display: grid;) screen;/**/@import url(b);@layer c;@import "d";e{}@import "f";'
    )
    assert ["", "", "", "inert"] == [one.context for one in scan(css)]


def test_import_after_an_inert_one_is_inert() -> None:
    """One that came too late must not allow the next."""
    assert ["inert", "inert"] == [one.context for one in scan(b"a{}@import 'b';@import 'c';")]


def test_url_in_an_import_condition_is_inert() -> None:
    """Only the first one of the statement is imported."""
    assert ["", "inert", ""] == [one.context for one in scan(b'@import "a" supports(b:url(c));d{e:url(f)}')]


@pytest.mark.parametrize(
    "css",
    ["@namespace url(a);", "@namespace a url('b');", "/*url(a)*/", "'url(a)'", "@charset 'a';", "a{src:'b'}", "src(a)"],
)
def test_what_is_no_reference_is_not_found(css: str) -> None:
    """A namespace is a name, not an address."""
    assert [] == scan(css.encode())


def test_namespace_ends_with_its_statement() -> None:
    """What comes after it is fetched again."""
    assert ["url"] == [one.kind for one in scan(b"@namespace a url(b);c{d:url(e)}")]


def test_document_rule_is_told_from_references() -> None:
    """Its patterns are matched against the page's address, never fetched."""
    assert ["document", "url"] == [one.kind for one in scan(b"@-moz-document url(a),domain('b'){c{d:url(e)}}")]


@pytest.mark.parametrize(
    ("css", "declaration"),
    [
        ("a{b:url(c)}", "b"),
        ("a{MASK : url(c)}", "mask"),
        ("a{b:c;mask-image: d, url('c')}", "mask-image"),
        ("a{b:';mask:x';/*{mask:*/c:url(c)}", "c"),
        ("a{b:';';mask/**/:url(c)}", "mask"),
        ('a{mask:";}{\'" url(c)}', "mask"),
        ("a{mask:/*;b:*/ url(c)}", "mask"),
        ("@font-face{src:local('d;e:f'),url(c)}", "src"),
        ("url(c)", ""),
        ("a{b:c;url(c)}", ""),
    ],
)
def test_declaration_is_told(css: str, declaration: str) -> None:
    """Whether browsers fetch in CORS mode depends on the property."""
    assert declaration == only(css).property


def test_declaration_of_several_payloads_is_told_for_each() -> None:
    """Fonts and masks come in lists."""
    css = b"a{mask:url(data:;),url(b),image-set('c' 1x,'d' 2x);e:url(f)}@font-face{src:url(g),url(h)}i{j:url(k)}"
    assert [*["mask"] * 4, "e", "src", "src", "j"] == [one.property for one in scan(css)]


def test_byte_order_mark_begins_no_name() -> None:
    """Its bytes are not ASCII, and so they would make `url` a longer name."""
    assert ["css/b.png"] == [
        one.target for one in read_css("css/x.css", b"\xef\xbb\xbfurl(b.png)", known=["css/b.png"]).references
    ]


HOSTILE = [
    "url(", 'url("', "@import ", '@import "x";', "\\", '"', "'", "/*", "/**/", "image-set(", "{", "--x:", "--x:{",
    "--x:(", ")", "a", "-", "#", "@", "(", '"\n', "\\\n", "url(\\aaaaaa ", "url(a)", "--x:url(a);", "\\a ", "@layer a;",
    "/*/", "*", "--x/**/", "--x\\:", "-\\-x:", "@supports(", "@namespace ", "src(", 'image-set("a" ', "\x00", "é",
    "a:url(b);", "\r", "url(../", "url(%2e%2e/", '"a', "url(a b)", "{;}", "/*#sourceMappingURL=", "<!--", "@import/**/",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("end", ["url(b)", ";}\"url('b')"])
def test_hostile_sheets_are_read_in_linear_time(piece: str, end: str) -> None:
    """With a pattern that backtracks, each of these takes minutes: the suite's time limit is the assertion."""
    read_css("a/x.css", (piece * (40_000 // len(piece)) + end).encode(), known=Names(["a/b"]))


# Places


def places_by_tokenizer(css: str) -> list[tuple[int, int]]:
    """Line and column of each payload, as another implementation counts them."""
    lines = css.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").split("\n")
    return [_place(node, lines) for node in _url_nodes(tinycss2.parse_component_value_list(css))]


def _url_nodes(nodes: Sequence[Any]) -> Iterator[Any]:
    """`url(...)` in both its forms; nothing else tells its place."""
    for node in nodes:
        if node.type == "url":
            yield node
        elif node.type == "function" and node.lower_name == "url":
            rest = [each for each in node.arguments if each.type not in ("whitespace", "comment")]
            if rest and rest[0].type == "string":
                yield rest.pop(0)
            yield from _url_nodes(rest)
        elif node.type == "function":
            yield from _url_nodes(node.arguments)
        elif hasattr(node, "content"):
            yield from _url_nodes(node.content)


def _place(node: Any, lines: list[str]) -> tuple[int, int]:
    """Of the first character between the quotes or parentheses."""
    line, column = node.source_line, node.source_column
    if node.type == "string":
        return line, column + 1
    column = lines[line - 1].index("(", column - 1) + 2
    while lines[line - 1][column - 1 :].strip(" \t") == "" and line < len(lines):
        line, column = line + 1, 1
    rest = lines[line - 1][column - 1 :]
    return line, column + len(rest) - len(rest.lstrip(" \t"))


def place_in(css: str, data: bytes, start: int) -> tuple[int, int]:
    """The same of what the scanner found."""
    before = data[:start].decode().replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


@pytest.mark.soak
def test_payloads_are_where_another_tokenizer_sees_them() -> None:
    """A rewriter that is one byte off writes a broken sheet."""

    @seed(soak.chosen_seed())
    @settings(QUICK, max_examples=soak.amount(150, 20_000), database=None)
    @given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=25).map("".join))
    def compare(css: str) -> None:
        assume(not any(0xD800 <= ord(character) < 0xE000 for character in css))
        assume("\\" not in css and "@namespace" not in css.lower() and "document" not in css.lower())
        data = css.encode()
        expected = places_by_tokenizer(css)
        found = [one for one in scan(data) if one.kind == "url" or (one.kind == "import" and _is_url(data, one))]
        assert expected == [place_in(css, data, one.start) for one in found]

    compare()


def _is_url(data: bytes, one: Found) -> bool:
    """Whether an `@import` names its sheet by `url()`."""
    quoted = data[one.start - 1 : one.start] in (b'"', b"'")
    return not quoted or data[: one.start - 1].rstrip(b" \t\r\n\f").endswith((b"(", b"*/"))


@pytest.mark.soak
@pytest.mark.parametrize("piece", HOSTILE)
def test_twice_the_sheet_takes_twice_the_steps(piece: str) -> None:
    """Counted in lines of Python; what regular expressions do within a line, `benchmarks/css.py` times."""
    size = 8000 if soak.SOAK else 1000
    one, two = (_steps((piece * (length // len(piece)) + "url(b)").encode()) for length in (size, 2 * size))
    assert two <= 2.2 * one + 200


def _steps(data: bytes) -> int:
    count = 0

    def step(*_: object) -> Any:
        nonlocal count
        count += 1
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        read_css("a/x.css", data, known=Names(["a/b"]))
    finally:
        sys.settrace(before)
    return count

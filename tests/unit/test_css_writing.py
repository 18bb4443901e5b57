"""What is put into stylesheets, and where."""

from __future__ import annotations

import codecs
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3sync.css import Reference, Sheet, read_css, rewrite_css, splice
from s3sync.css.grammar import unescaped
from s3sync.css.scan import scan
from tests.strategies import QUICK, names

FRAMES = [
    "a{b:url(%s)}", "a{b:url( %s )}", 'a{b:url("%s")}', "a{b:url('%s' x)}", 'a{b:src("%s")}', "a{b:image-set('%s' 1x)}",
    '@import "%s";', "a{b:url(%s", "/*# sourceMappingURL=%s*/", 'a{b:url("%s',
]  # fmt: skip
HOSTILE = "\"')(\\\n\r\f\t */<>;}{\x00\x7f#?%é\u2028\udc80\ud800"

texts = st.text(st.sampled_from(HOSTILE + "ab:/."), max_size=8)


def only(css: str, name: str = "css/x.css", known: str = "img/a.png") -> Reference:
    (reference,) = read_css(name, css.encode(), known={known}).references
    return reference


@QUICK
@given(st.sampled_from(FRAMES), texts)
@example(FRAMES[0], ")}*{color:red}")
@example(FRAMES[2], '"}*{color:red}')
@example(FRAMES[3], "\\")
@example(FRAMES[8], "*/a{b:url(c)}")
@example(FRAMES[8], "**/")
def test_no_url_can_break_out(frame: str, text: str) -> None:
    """A URL comes from settings and file names, and neither may write CSS."""
    before, after = (part.encode() for part in frame.replace("%s", "../img/a.png\0").split("../img/a.png\0"))
    data = before + b"../img/a.png" + after
    changed = rewrite_css("css/x.css", data, known={"img/a.png"}, url=lambda _: "u" + text).data
    assert changed.startswith(before)
    assert changed.endswith(after)
    (found,) = scan(changed)
    payload = changed[found.start : found.end]
    assert (len(before), len(changed) - len(after)) == (found.start, found.end)
    assert payload.decode("ascii").isprintable()
    assert payload.decode() == unescaped(payload.decode())


@QUICK
@given(texts)
def test_payload_is_the_same_url_and_stays_so(text: str) -> None:
    """What is encoded is not encoded again."""
    once = splice(b"ab", [(1, 2, text)])
    assert once == splice(b"ab", [(1, 2, once[1:].decode("ascii"))])
    if "\ud800" not in text:
        assert unquote(text, errors="surrogateescape") == unquote(once[1:].decode(), errors="surrogateescape")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a'()\"\\ b", "a%27%28%29%22%5C%20b"),
        ("https://h/a?b=c&d=%20%zz#e", "https://h/a?b=c&d=%20%zz#e"),
        ("é\udcff", "%C3%A9%FF"),
        ("a*/b*c**/", "a%2A/b*c*%2A/"),
        ("\n\x00\x7f", "%0A%00%7F"),
        ("~!$&*+,;=:@[]{}|^`_-.", "~!$&*+,;=:@[]{}|^`_-."),
    ],
)
def test_payloads_are_ascii(text: str, written: str) -> None:
    """What needs no encoding is left, so that a query arrives as it was meant."""
    assert written.encode() == splice(b"", [(0, 0, text)])


@pytest.mark.parametrize(
    ("value", "stored", "written"),
    [
        ("../img/a.png", "img/a.1.png", "../img/a.1.png"),
        ("/static/img/a.png?v=1#x", "img/a.1.png", "/static/img/a.1.png?v=1#x"),
        ("../img/a.png?#iefix", "img/a.1.png", "../img/a.1.png?#iefix"),
        ("./../img/../img/a.png", "other/place/a.1.png", "./../img/../img/a.1.png"),
        ("..\\\\img\\\\a.png", "img/a.1.png", "../img/a.1.png"),
        ("%2e%2e/img/a.png", "img/a.1.png", "%2e%2e/img/a.1.png"),
        ("../img%2Fa.png", "img/a.1.png", "../img%2Fa.1.png"),
        ("../img/a.png", "img/a b(1)'é%.png", "../img/a%20b%281%29%27%C3%A9%25.png"),
        ("../img/a.png", "img/a?#.png", "../img/a%3F%23.png"),
        ("../img/a.png?", "img/a.1.png", "../img/a.1.png?"),
        ("../img/a.png", "a.1.png", "../img/a.1.png"),
    ],
)
def test_stored_name_keeps_the_directory(value: str, stored: str, written: str) -> None:
    """Hashing renames a file where it is."""
    assert written == only(f'a{{b:url("{value}")}}').with_stored_name(stored)


def test_stored_name_can_make_no_scheme() -> None:
    """In the same directory a colon would turn the name into one."""
    assert "a%3Ab" == only("a{b:url(a.png)}", "img/x.css").with_stored_name("img/a:b")


@pytest.mark.parametrize(
    ("value", "url", "written"),
    [
        ("../img/a.png", "https://h/a.png", "https://h/a.png"),
        ("../img/a.png?v=1#x", "https://h/a.png", "https://h/a.png?v=1#x"),
        ("../img/a.png?#iefix", "https://h/a.png", "https://h/a.png?#iefix"),
        ("../img/a.png?v=1#x", "https://h/a.png?s=2", "https://h/a.png?v=1&s=2#x"),
        ("../img/a.png?#iefix", "https://h/a.png?s=2", "https://h/a.png?s=2#iefix"),
        ("../img/a.png#x", "https://h/a.png?s=2#y", "https://h/a.png?s=2#x"),
        ("../img/a.png", "https://h/a.png?s=2#y", "https://h/a.png?s=2#y"),
        ("../img/a.png?v#", "https://h/a.png#y", "https://h/a.png?v#y"),
        ("../img/a.png#", "https://h/a.png", "https://h/a.png#"),
        ("../img/a.png", "https://h/a.png?", "https://h/a.png?"),
        ("../img/a.png", "https://h/100%.png?100%", "https://h/100%25.png?100%"),
        ("../img/a.png?v=1", "data:image/png;base64,AA==", "data:image/png;base64,AA=="),
        ("../img/a.png?v=1#x", "DATA:,a", "DATA:,a#x"),
        ("../img/a.png?#", "data:,a", "data:,a"),
        ("../img/a.png", "data:,a b?c'", "data:,a%20b?c%27"),
    ],
)
def test_url_takes_query_and_fragment(value: str, url: str, written: str) -> None:
    """A font's `?#iefix` and an icon's fragment are part of the reference, not of the file."""
    assert written == only(f"a{{b:url({value})}}").with_url(url)


def test_both_callables_compose() -> None:
    """A CDN serves the hashed name."""
    data = b"a{b:url(../img/a.png?v)}"
    result = rewrite_css(
        "css/x.css",
        data,
        known=["img/a.png"],
        url=lambda name: f"https://h/{name}",
        stored_name=lambda _: "img/a.1.png",
    )
    assert b"a{b:url(https://h/img/a.1.png?v)}" == result.data


@pytest.mark.parametrize("nothing", [None, ""])
def test_reference_without_a_url_is_left(nothing: str | None) -> None:
    """Who can't tell where a file will be must not break the reference to it."""
    data = b"a{b:url(../img/a.png)}"
    assert rewrite_css("css/x.css", data, known=["img/a.png"], url=lambda _: nothing).data is data


def test_name_that_is_stored_as_it_is_is_left() -> None:
    """Then there is nothing to say, not even in another spelling."""
    data = b'a{b:url("../img/\\61.png")}'
    assert rewrite_css("css/x.css", data, known=["img/a.png"], stored_name=lambda name: name).data is data


def test_same_payload_is_no_change() -> None:
    """Whoever compares by identity must not upload again."""
    sheet = read_css("css/x.css", b"a{b:url(../img/a.png)}", known={"img/a.png"})
    assert sheet.rewritten(lambda reference: reference.value) is sheet.data


@pytest.mark.parametrize(("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")])
@pytest.mark.parametrize("tail", [b"", b"\x00"])
def test_utf_16_is_written_as_such(mark: bytes, encoding: str, tail: bytes) -> None:
    """All other bytes stay, even half a character at the end."""
    css = "é😀\ud800{a:url(../img/é😀.png);b:url('../img/é😀.png')}\n"
    data = mark + css.encode(encoding, "surrogatepass") + tail
    result = rewrite_css("css/x.css", data, known={"img/é😀.png"}, url=lambda _: "https://h/é")
    expected = css.replace("../img/é😀.png", "https://h/%C3%A9")
    assert mark + expected.encode(encoding, "surrogatepass") + tail == result.data
    first, second = read_css("css/x.css", data, known={"img/é😀.png"}).references
    assert "../img/é😀.png" == data[first.start : first.end].decode(encoding)
    assert "../img/é😀.png" == data[second.start : second.end].decode(encoding)
    assert [(1, 11), (1, 33)] == [(first.line, first.col), (second.line, second.col)]


@QUICK
@given(
    st.lists(
        st.sampled_from(["url(b.png)", '"b.png"', "url('b.png'", "/*", "*/", "\\", "é", "\n", "@import ", "x", ")"])
    ),
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
)
def test_all_bytes_outside_of_payloads_stay(pieces: list[str], mark: str, encoding: str) -> None:
    """The rest of a stylesheet is none of our business."""
    data = (mark + "".join(pieces)).encode(encoding)
    sheet = read_css("x.css", data, known={"b.png"})
    changed = sheet.rewritten(lambda reference: "https://h/c")
    new = b"https://h/c" if encoding == "utf-8" or not mark else "https://h/c".encode(encoding)
    kept = outside(sheet)
    assert new.join(kept) == changed
    assert b"".join(kept) == b"".join(data[start:end] for start, end in gaps(sheet))


def gaps(sheet: Sheet) -> list[tuple[int, int]]:
    starts = [0, *(reference.end for reference in sheet.references)]
    return list(zip(starts, [*(reference.start for reference in sheet.references), len(sheet.data)], strict=True))


def outside(sheet: Sheet) -> list[bytes]:
    return [sheet.data[start:end] for start, end in gaps(sheet)]


@QUICK
@given(names())
def test_any_name_can_be_written_and_read_again(name: str) -> None:
    """What is written leads to the very file it is written for."""
    data = b"a{b:url(c.png)}"
    changed = rewrite_css("x.css", data, known={"c.png"}, stored_name=lambda _: name).data
    base = name.rpartition("/")[2]
    if base != "c.png":
        assert [base] == [reference.target for reference in read_css("x.css", changed, known={base}).references]

"""Patterns for what CSS Syntax Level 3 calls tokens, over bytes.

None can backtrack far: each either always matches, or fails at a character class that excludes what comes next.
Stars are never nested over the same bytes, and nothing is asked for behind a star that could be given back.
"""

from __future__ import annotations

import re

# NUL counts as U+FFFD, and so does every byte of a character beyond ASCII as part of a name.
NAME = rb"0-9A-Z_a-z\-\x00\x80-\xff"

_ESCAPE = rb"\\(?:[0-9A-Fa-f]{1,6}(?:\r\n|[ \t\n\r\f])?|[^\n\r\f0-9A-Fa-f]|\Z)"

BLANK = re.compile(rb"[ \t\n\r\f]*(/\*)?")
"""White space, and whether a comment follows."""

IDENTIFIER = re.compile(rb"[%b]*(?:%b[%b]*)*" % (NAME, _ESCAPE, NAME))
"""From any place in a name to its end. May match nothing."""

NAME_BEFORE = re.compile(rb"[#@]?[%b]*\Z" % NAME)
"""With the sign that makes it a hash or an at-keyword."""

_IN_STRING = rb"[^%b\\\n\r\f]*(?:\\(?:[0-9A-Fa-f]{1,6}(?:\r\n|[ \t\n\r\f])?|\r\n|[\s\S])[^%b\\\n\r\f]*)*"

STRINGS = {
    ord(quote): re.compile(rb"%b(%b)%b?" % (quote, _IN_STRING % (quote, quote), quote)) for quote in (b'"', b"'")
}
"""Up to the quote, or to before the newline or the end that ends it too."""

_IN_URL = rb"[^\"'()\\ \t\n\r\f\x01-\x08\x0b\x0e-\x1f\x7f]*"

URL = re.compile(rb"[ \t\n\r\f]*(?:([\"'])|(%b(?:%b%b)*)[ \t\n\r\f]*(\)|\Z)?)" % (_IN_URL, _ESCAPE, _IN_URL))
"""Behind `url(`: a quote, or an unquoted URL and how it ends; if it doesn't, it is a bad one."""

REMNANT = re.compile(rb"[^)\\]*(?:\\[\s\S][^)\\]*)*\\?")
"""The rest of a bad url(), up to its parenthesis."""

SOURCE_MAP = re.compile(rb"[#@][ \t\n\r\f]*sourceMappingURL=([^ \t\n\r\f\"']+)[ \t\n\r\f]*\Z")
"""All of a comment's text."""

OPAQUE = re.compile(
    rb"/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/)?"
    rb"|\"%b\"?|'%b'?|\\[\s\S]?" % (_IN_STRING % (b'"', b'"'), _IN_STRING % (b"'", b"'"))
)
"""What may hold characters that look like structure."""

_COMMON = rb"""["']|/\*|\\|<!--"""

FLAT = re.compile(
    _COMMON
    + rb"|@[-DINSdins\\]"
    + rb"|(?P<url>\((?<=[Uu][Rr][Ll]\()(?<![%b#@][Uu][Rr][Ll]\())|\((?<=[Uu][Rr][Ll]\()" % NAME
    + rb"|\((?<=[Ss][Rr][Cc]\()|\((?<=[Ss][Ee][Tt]\()"
    + rb"|-(?<![%b]-)-[%b]*[ \t\n\r\f]*(?:(?=/\*|\\)|:(?![^;{}()\[\]\"'\\/@]{0,99}[;}]))" % (NAME, NAME)
)
"""Where something could begin that matters outside of everything that does.

Custom properties with short and plain values don't; the limit keeps hostile sheets from being read again and again.
"""

NESTED = re.compile(_COMMON + rb"|@[Ii\\]|[()\[\]{};]")
"""The same, where structure matters too."""

PREAMBLE = re.compile(rb"[ \t\n\r\f]+|<!--|-->|@(?:layer|charset)[ \t\n\r\f][^;{}]*;", re.IGNORECASE)
"""What may stand before `@import`, besides comments (css-cascade-5, section 2)."""

PROPERTY = re.compile(rb"[ \t\n\r\f]*([-A-Za-z]+)[ \t\n\r\f]*:")

_TRIGGERS = (b"url(", b"src(", b"image-set(", b"@import", b"sourcemappingurl=")

_ESCAPED_LETTER = re.compile(rb"\\(?:[-G-Zg-z]|0{0,4}(?:2[dD]|[4-7][0-9A-Fa-f]))")

_UNESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|([\s\S])|\Z)|\x00")


def last_trigger(data: bytes) -> int:
    """Where the last thing begins that a reference needs, or -1: nothing behind it has to be looked at."""
    if b"\\" in data and _ESCAPED_LETTER.search(data):
        return len(data)
    lower = data.lower()
    return max(map(lower.rfind, _TRIGGERS))


def unescaped(text: str) -> str:
    """What a name, a string or a url() says once its escapes are read."""
    return _UNESCAPE.sub(_character, text) if "\\" in text or "\x00" in text else text


def _character(match: re.Match[str]) -> str:
    digits, newline, other = match.groups()
    if digits:
        code = int(digits, 16)
        return "\ufffd" if code == 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)
    return "" if newline else "\ufffd" if other in (None, "\x00") else other

"""Which bytes are which characters: byte order mark, then `@charset`, then UTF-8 (CSS Syntax Level 3, section 3.2)."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_CHARSET = re.compile(rb'@charset "([!#-~]{1,40})";')

_SAME = {
    # The Encoding Standard decodes these labels with a superset of what they name.
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
_BYTE_WISE = {
    *(f"cp{page}" for page in (866, 874, *range(1250, 1259))),
    *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    "euc_jp", "koi8-r", "koi8-u", "mac-cyrillic", "mac-roman",
}  # fmt: skip
_OVERLAPPING = {"big5hkscs", "cp932", "cp949", "gb18030"}
"""The second byte of a character can look like ASCII, so that these can't be scanned as they are."""


@dataclass(frozen=True, slots=True)
class Text:
    """A sheet as it can be scanned: bytes in which each ASCII byte is that character and nothing else."""

    data: bytes
    charset: str
    begin: int
    """Where the sheet begins behind its byte order mark, in `data`."""
    native: str = ""
    """What the sheet itself is in, if `data` is another form of it."""
    native_begin: int = 0

    def decoded(self, start: int, end: int) -> tuple[str, bool]:
        """These characters, and whether the bytes were valid; U+FFFD stands for those that were not."""
        piece = self.data[start:end]
        try:
            return piece.decode(self.charset), True
        except UnicodeDecodeError:
            return piece.decode(self.charset, "replace"), False


def utf_16(data: bytes) -> str:
    """The codec that a UTF-16 byte order mark asks for, or an empty string."""
    return {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(data[:2], "")


def text_of(data: bytes) -> Text:
    """The sheet in a form that can be scanned byte by byte. Never raises, whatever the bytes."""
    if wide := utf_16(data):
        return Text(_narrowed(data[2 : len(data) // 2 * 2], wide), "utf-8", 0, wide, 2)
    if data.startswith(codecs.BOM_UTF8):
        return Text(data, "utf-8", 3)
    charset = _declared(data)
    if charset in _OVERLAPPING:
        try:
            text = data.decode(charset)
            if text.encode(charset) == data:
                return Text(text.encode(), "utf-8", 0, charset)
        except UnicodeError:
            pass
    return Text(data, charset, 0)


def _narrowed(data: bytes, wide: str) -> bytes:
    return data.decode(wide, "surrogatepass").encode("utf-8", "surrogatepass")


def _declared(data: bytes) -> str:
    match = _CHARSET.match(data)
    if match is None:
        return "utf-8"
    try:
        name = codecs.lookup(match[1].decode("ascii")).name
    except (LookupError, ValueError):
        return "utf-8"
    name = _SAME.get(name, name)
    # All others, UTF-16 among them, can't have been what wrote an `@charset` in ASCII.
    return name if name in _BYTE_WISE or name in _OVERLAPPING else "utf-8"


class Places:
    """Tells where positions in `Text.data` are, for people and in the sheet's own bytes. Ask in ascending order."""

    def __init__(self, text: Text) -> None:
        self.line = self.col = 1
        self._text = text
        self._at = text.begin
        self._native_at = text.native_begin
        self._errors = "surrogatepass" if text.native else "replace"

    def move(self, position: int) -> None:
        """Brings `line` and `col` there, both from 1, in characters."""
        passed = self._text.data[self._at : position]
        if b"\n" in passed or b"\r" in passed:
            self.line += passed.count(b"\n") + passed.count(b"\r") - passed.count(b"\r\n")
            self.col = 1
            last = passed[max(passed.rfind(b"\n"), passed.rfind(b"\r")) + 1 :]
        else:
            last = passed
        self.col += len(last) if last.isascii() else len(last.decode(self._text.charset, self._errors))
        if self._text.native:
            self._native_at += len(_native(passed, self._text.native))
        self._at = position

    def offset(self, position: int) -> int:
        """Goes there too, and returns where that is in the sheet's own bytes."""
        if not self._text.native:
            return position
        self.move(position)
        return self._native_at


def _native(piece: bytes, encoding: str) -> bytes:
    return piece.decode("utf-8", "surrogatepass").encode(encoding, "surrogatepass")

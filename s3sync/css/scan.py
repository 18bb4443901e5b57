"""Finds what in a stylesheet is a reference, by CSS Syntax Level 3; says nothing of where it leads."""

from __future__ import annotations

import re
from typing import NamedTuple

from . import grammar

INERT, CUSTOM_PROPERTY = "inert", "custom-property"

_NAMESPACE, _DOCUMENT = "namespace", "document"
_PRELUDES = {"supports": INERT, "namespace": _NAMESPACE, "document": _DOCUMENT, "-moz-document": _DOCUMENT}
"""At-rules whose prelude is no place to fetch from: a condition, a name, a pattern."""

_IMAGE_SETS = ("image-set", "-webkit-image-set")
_LONGEST = 20
"""More than the longest name that matters."""

_CLOSERS = {ord(b"("): ord(b")"), ord(b"["): ord(b"]"), ord(b"{"): ord(b"}")}


class Found(NamedTuple):
    """One payload: what stands between the quotes or parentheses."""

    kind: str
    """"url", "src", "image-set", "import", "sourcemap"; or "bad-url", "document", which are no references."""
    start: int
    end: int
    context: str
    """"", "custom-property" or "inert"."""
    property: str
    """The name of the declaration it stands in, in lower case; may be empty."""


def scan(data: bytes, begin: int = 0) -> list[Found]:
    """All payloads of a sheet, ascending. Takes time in proportion to the bytes, whatever they are."""
    scanner = _Scanner(data, begin)
    scanner.run()
    return scanner.found


class _Scanner:
    """Leaps from one thing that could matter to the next.

    Brackets are only followed within image-set(), the preludes above and custom properties.
    """

    def __init__(self, data: bytes, begin: int) -> None:
        self.found: list[Found] = []
        self._data = data
        self._begin = self._at = begin
        """All before `_at` is done with: no name reaches across it."""
        self._mode = ""
        self._open: list[tuple[int, bool]] = []
        """The brackets to be closed, and whether each one is an image-set()'s."""
        self._preamble = begin
        """Up to here `@import` was allowed; -1: no more."""
        self._importing = False
        self._declared = begin
        """Up to here `_property` is known."""
        self._property = ""

    def run(self) -> None:
        """Fills `found`."""
        last = grammar.last_trigger(self._data)
        # The strings of an image-set() come after what made it one.
        while self._at <= last or self._open:
            nested = self._mode or self._open
            match = (grammar.NESTED if nested else grammar.FLAT).search(self._data, self._at)
            if match is None:
                return
            self._stop(match)

    def _stop(self, match: re.Match[bytes]) -> None:
        start, first = match.start(), match[0][:1]
        if first in (b'"', b"'"):
            self._string(start)
        elif first == b"/":
            self._comment(start)
        elif first == b"\\":
            self._escaped(start)
        elif first == b"@":
            self._at_keyword(start)
        elif first == b"(":
            self._call(self._name_before(start), start + 1)
        elif first == b"-":
            self._custom_property(match)
        elif first == b"<":
            self._at = match.end()
        else:
            self._bracket(first[0], start)

    # Tokens

    def _string(self, start: int, kind: str = "", context: str | None = None) -> None:
        """Goes behind a string, which is a reference if it has a kind or stands right in an image-set()."""
        if not kind and self._open and self._open[-1][1]:
            kind = "image-set"
        match = grammar.STRINGS[self._data[start]].match(self._data, start)
        assert match is not None
        self._at = match.end()
        if not kind:
            return
        # A string may also end with the sheet, even in the middle of an escape.
        if match.end() > match.end(1) or self._data[match.end() : match.end() + 2] in (b"", b"\\"):
            self._add(kind, match.start(1), match.end(1), context)
        elif kind != "image-set":
            self._add("bad-url", match.start(1), match.end(1), context)

    def _comment(self, start: int) -> None:
        end = self._data.find(b"*/", start + 2)
        self._at = end = len(self._data) if end < 0 else end + 2
        if self._data[start + 2 : start + 3] in (b"#", b"@"):
            match = grammar.SOURCE_MAP.match(self._data, start, end)
            if match is not None and match[1]:
                self.found.append(Found("sourcemap", match.start(1), match.end(1), "", ""))

    def _escaped(self, start: int) -> None:
        """Goes behind a name from its first escape on, which may turn out to be one that matters."""
        end = self._name_end(start)
        if end == start:
            self._at = start + 1
            return
        before = self._name_before(start)
        name = before + self._name(start, end)
        if self._data[end : end + 1] == b"(":
            self._call(name, end + 1)
        elif name.startswith("--") and before in ("", "-") and not (self._mode or self._open):
            self._declaration(start - len(before), end)
        else:
            self._at = end

    def _call(self, name: str, start: int) -> None:
        """Goes into a function's parentheses (or plain ones, if it has no name)."""
        self._at = start
        if name == "url":
            self._url(start)
        elif name == "src":
            self._src(start)
        elif name in _IMAGE_SETS:
            self._open.append((_CLOSERS[self._data[start - 1]], True))
        else:
            self._nest(start - 1)

    def _url(self, start: int, kind: str = "url", context: str | None = None) -> None:
        begin = self._behind_space(start)
        if self._data[begin : begin + 1] in (b'"', b"'"):
            self._nest(start - 1)
            self._string(begin, kind, context)
            return
        match = grammar.UNQUOTED.match(self._data, begin)
        assert match is not None
        end = match.end()
        self._at = self._behind_space(end)
        if self._at < len(self._data) and self._data[self._at] != ord(b")"):
            kind = "bad-url"
            rest = grammar.REMNANT.match(self._data, self._at)
            assert rest is not None
            self._at = end = rest.end()
        self._at = min(self._at + 1, len(self._data))
        self._add(kind, begin, end, context)

    def _src(self, start: int, kind: str = "src", context: str | None = None) -> None:
        self._nest(start - 1)
        self._at = start
        self._go_behind_blank()
        if self._data[self._at : self._at + 1] in (b'"', b"'"):
            self._string(self._at, kind, context)

    # Statements

    def _at_keyword(self, start: int) -> None:
        self._at = max(self._name_end(start + 1), start + 1)
        name = self._name(start + 1, self._at)
        if name == "import":
            self._import(start)
        elif not (self._mode or self._open):
            self._mode = _PRELUDES.get(name, "")

    def _import(self, start: int) -> None:
        statement = not (self._mode or self._open)
        context = "" if statement and self._may_import(start) else INERT
        if statement:
            self._mode = INERT
            self._importing = True
        self._go_behind_blank()
        begin = self._at
        if self._data[begin : begin + 1] in (b'"', b"'"):
            self._string(begin, "import", context)
            return
        end = self._name_end(begin)
        name = self._name(begin, end) if self._data[end : end + 1] == b"(" else ""
        if name == "url":
            self._url(end + 1, "import", context)
        elif name == "src":
            self._src(end + 1, "import", context)

    def _may_import(self, start: int) -> bool:
        """Whether only what `@import` may follow stands before it. What was read once is not read again."""
        at = self._preamble
        while 0 <= at < start:
            if self._data.startswith(b"/*", at):
                at = self._data.find(b"*/", at + 2, start) + 2
                at = at if at > 1 else -1
            else:
                match = grammar.PREAMBLE.match(self._data, at, start)
                at = match.end() if match else -1
        self._preamble = at
        return at >= 0

    def _custom_property(self, match: re.Match[bytes]) -> None:
        if not match[0].endswith(b":"):
            self._declaration(match.start(), self._name_end(match.start()))
            return
        if self._is_declaration(match.start()):
            self._mode = CUSTOM_PROPERTY
        self._at = match.end()

    def _declaration(self, start: int, end: int) -> None:
        """Goes behind a name that begins with two hyphens, and behind its colon if that makes it a declaration."""
        possible = self._is_declaration(start)
        self._at = end
        self._go_behind_blank()
        if possible and self._data[self._at : self._at + 1] == b":":
            self._mode = CUSTOM_PROPERTY
            self._at += 1

    def _is_declaration(self, start: int) -> bool:
        between = self._data[self._at : start].rstrip(b" \t\n\r\f")
        if not between and self._data.startswith(b"*/", max(self._at - 2, 0)):
            return True
        end = self._at + len(between)
        return end == self._begin or self._data[end - 1] in b"{};"

    def _bracket(self, bracket: int, start: int) -> None:
        self._at = start + 1
        if bracket in _CLOSERS:
            if bracket == ord(b"{") and not self._open and self._mode != CUSTOM_PROPERTY:
                self._end_statement(-1)
            else:
                self._nest(start)
        elif self._open:
            if self._open[-1][0] == bracket:
                self._open.pop()
        elif bracket == ord(b";"):
            self._end_statement(self._at)
        elif bracket == ord(b"}"):
            self._end_statement(-1)

    def _end_statement(self, preamble: int) -> None:
        if self._importing and self._preamble >= 0:
            self._preamble = preamble
        self._importing = False
        self._mode = ""

    # What is around

    def _nest(self, start: int) -> None:
        """Follows a bracket, where brackets are followed."""
        if self._mode or self._open:
            self._open.append((_CLOSERS[self._data[start]], False))

    def _behind_space(self, start: int) -> int:
        match = grammar.SPACE.match(self._data, start)
        assert match is not None
        return match.end()

    def _go_behind_blank(self) -> None:
        self._at = self._behind_space(self._at)
        while self._data.startswith(b"/*", self._at):
            self._comment(self._at)
            self._at = self._behind_space(self._at)

    def _name_end(self, start: int) -> int:
        match = grammar.IDENTIFIER.match(self._data, start)
        assert match is not None
        return match.end()

    def _name(self, start: int, end: int) -> str:
        """A name as it can be compared: unescaped, in lower case; cut short if it is too long to matter."""
        return grammar.unescaped(self._data[start : min(end, start + 9 * _LONGEST)].decode("latin-1")).lower()

    def _name_before(self, end: int) -> str:
        """The name that goes on at `end`, with the sign of a hash or an at-keyword; too long to matter if cut short."""
        match = grammar.NAME_BEFORE.search(self._data[max(self._at, end - _LONGEST) : end])
        return match[0].decode("latin-1").lower() if match else ""

    def _add(self, kind: str, start: int, end: int, context: str | None) -> None:
        self._learn_property(start)
        if self._mode == _NAMESPACE:
            return
        if self._mode == _DOCUMENT:
            kind, context = "document", INERT
        self.found.append(Found(kind, start, end, self._mode if context is None else context, self._property))

    def _learn_property(self, start: int) -> None:
        """Updates `_property` from what stands between the last payload and this one."""
        between = self._data[self._declared : start]
        self._declared = self._at
        cut = max(between.rfind(b";"), between.rfind(b"{"), between.rfind(b"}"))
        last = between[cut + 1 :]
        if b'"' in last[:-1] or b"'" in last[:-1] or b"*/" in last or b"\\" in last:
            # The cut may lie within something.
            between = grammar.OPAQUE.sub(b" ", between)
            cut = max(between.rfind(b";"), between.rfind(b"{"), between.rfind(b"}"))
            last = between[cut + 1 :]
        if cut >= 0 or not self._property:
            match = grammar.PROPERTY.match(last)
            self._property = match[1].decode().lower() if match else ""

"""Finds what in a stylesheet is a reference, by CSS Syntax Level 3; says nothing of where it leads."""

from __future__ import annotations

import re
from typing import NamedTuple

from . import grammar
from .context import CUSTOM_PROPERTY, DOCUMENT, INERT, NAMESPACE, Declarations, Structure

__all__ = ["CUSTOM_PROPERTY", "INERT", "Found", "scan"]

_PARENTHESIS, _SLASH, _BACKSLASH, _AT, _HYPHEN, _LESS_THAN = b"(/\\@-<"
_IMAGE_SETS = ("image-set", "-webkit-image-set")
_LONGEST = 20
"""More than the longest name that matters."""


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
    """Leaps from one thing that could matter to the next."""

    __slots__ = ("_at", "_data", "_declarations", "_structure", "found")

    def __init__(self, data: bytes, begin: int) -> None:
        self.found: list[Found] = []
        self._data = data
        self._at = begin
        """All before is done with: no name reaches across it."""
        self._structure = Structure(data, begin)
        self._declarations = Declarations(data, begin)

    def run(self) -> None:
        """Fills `found`."""
        last = grammar.last_trigger(self._data)
        structure = self._structure
        # The strings of an image-set() come after what made it one.
        while self._at <= last or structure.brackets:
            stops = grammar.NESTED if structure.mode or structure.brackets else grammar.FLAT
            match = stops.search(self._data, self._at)
            if match is None:
                return
            self._stop(match)

    def _stop(self, match: re.Match[bytes]) -> None:
        start = match.start()
        first = self._data[start]
        if first == _PARENTHESIS:
            certain = match.lastgroup and start - self._at >= 3
            self._call("url" if certain else self._name_before(start), start + 1)
        elif first in grammar.STRINGS:
            brackets = self._structure.brackets
            self._string(start, "image-set" if brackets and brackets[-1][1] else "")
        elif first == _SLASH:
            self._comment(start)
        elif first == _BACKSLASH:
            self._escaped(start)
        elif first == _AT:
            self._at_keyword(start)
        elif first == _HYPHEN:
            self._custom_property(match)
        else:
            self._at = match.end()
            if first != _LESS_THAN:
                self._structure.bracket(first, self._at)

    def _string(self, start: int, kind: str, context: str | None = None) -> None:
        """Goes behind a string, which is a reference if it has a kind."""
        match = grammar.STRINGS[self._data[start]].match(self._data, start)
        assert match is not None
        self._at = match.end()
        if not kind:
            return
        begin, end = match.span(1)
        # A string may also end with the sheet, even in the middle of an escape.
        if self._at > end or self._data[end : end + 2] in (b"", b"\\"):
            self._add(kind, begin, end, context)
        elif kind != "image-set":
            self._add("bad-url", begin, end, context)

    def _comment(self, start: int) -> None:
        end = self._data.find(b"*/", start + 2)
        end = len(self._data) if end < 0 else end
        self._at = min(end + 2, len(self._data))
        if self._data[start + 2 : start + 3] in (b"#", b"@"):
            match = grammar.SOURCE_MAP.match(self._data, start + 2, end)
            if match is not None:
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
        elif name.startswith("--") and before in ("", "-") and not self._structure.followed:
            self._custom_name(start - len(before), end)
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
            self._structure.enter_image_set()
        else:
            self._structure.enter()

    def _url(self, start: int, kind: str = "url", context: str | None = None) -> None:
        match = grammar.URL.match(self._data, start)
        assert match is not None
        begin, end = match.span(2)
        if match[1]:
            self._structure.enter()
            self._string(match.start(1), kind, context)
            return
        self._at = match.end()
        if match[3] is None:
            kind = "bad-url"
            rest = grammar.REMNANT.match(self._data, self._at)
            assert rest is not None
            end = rest.end()
            self._at = min(end + 1, len(self._data))
        self._add(kind, begin, end, context)

    def _src(self, start: int, kind: str = "src", context: str | None = None) -> None:
        self._structure.enter()
        self._at = start
        self._go_behind_blank()
        if self._data[self._at : self._at + 1] in (b'"', b"'"):
            self._string(self._at, kind, context)

    def _at_keyword(self, start: int) -> None:
        self._at = max(self._name_end(start + 1), start + 1)
        name = self._name(start + 1, self._at)
        if name == "import":
            self._imported(self._structure.import_rule(start))
        else:
            self._structure.at_rule(name)

    def _imported(self, context: str) -> None:
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

    def _custom_property(self, match: re.Match[bytes]) -> None:
        if not match[0].endswith(b":"):
            self._custom_name(match.start(), self._name_end(match.start()))
            return
        if self._structure.is_declaration(self._at, match.start()):
            self._structure.mode = CUSTOM_PROPERTY
        self._at = match.end()

    def _custom_name(self, start: int, end: int) -> None:
        """Goes behind a name that begins with two hyphens, and behind its colon if that makes it a declaration."""
        possible = self._structure.is_declaration(self._at, start)
        self._at = end
        self._go_behind_blank()
        if possible and self._data[self._at : self._at + 1] == b":":
            self._structure.mode = CUSTOM_PROPERTY
            self._at += 1

    def _go_behind_blank(self) -> None:
        while match := grammar.BLANK.match(self._data, self._at):
            self._at = match.end()
            if not match[1]:
                return
            self._comment(match.start(1))

    def _name_end(self, start: int) -> int:
        match = grammar.IDENTIFIER.match(self._data, start)
        return match.end() if match else start

    def _name(self, start: int, end: int) -> str:
        """A name as it can be compared: unescaped, in lower case; cut short if it is too long to matter."""
        return grammar.unescaped(self._data[start : min(end, start + 9 * _LONGEST)].decode("latin-1")).lower()

    def _name_before(self, end: int) -> str:
        """The name that goes on at `end`, with the sign of a hash or an at-keyword; too long to matter if cut short."""
        match = grammar.NAME_BEFORE.search(self._data[max(self._at, end - _LONGEST) : end])
        return match[0].decode("latin-1").lower() if match else ""

    def _add(self, kind: str, start: int, end: int, context: str | None) -> None:
        declaration = self._declarations.at(start, self._at)
        mode = self._structure.mode
        if mode == NAMESPACE:
            return
        if mode == DOCUMENT:
            kind, context = "document", INERT
        self.found.append(Found(kind, start, end, mode if context is None else context, declaration))

"""What a payload stands in: statement, brackets and declaration, as far as it matters to references."""

from __future__ import annotations

from . import grammar

INERT, CUSTOM_PROPERTY, NAMESPACE, DOCUMENT = "inert", "custom-property", "namespace", "document"

_PRELUDES = {"supports": INERT, "namespace": NAMESPACE, "document": DOCUMENT, "-moz-document": DOCUMENT}
"""At-rules whose prelude is no place to fetch from: a condition, a name, a pattern."""

_CLOSERS = {ord(b"("): ord(b")"), ord(b"["): ord(b"]"), ord(b"{"): ord(b"}")}


class Structure:
    """Statements and brackets. They are only followed in the preludes above, custom properties and image-set()."""

    __slots__ = ("_begin", "_data", "_importing", "_preamble", "brackets", "mode")

    def __init__(self, data: bytes, begin: int) -> None:
        self.mode = ""
        """What kind of statement this is, if it is one of those that matter."""
        self.brackets: list[tuple[int, bool]] = []
        """Those that are open, where they are followed: what closes each, and whether it is an image-set()'s."""
        self._data = data
        self._begin = begin
        self._preamble = begin
        """Up to here `@import` is allowed; -1: no more."""
        self._importing = False

    @property
    def followed(self) -> bool:
        """Whether every bracket and semicolon matters."""
        return bool(self.mode or self.brackets)

    def enter_image_set(self) -> None:
        """Opens its parenthesis, and follows brackets from there on."""
        self.brackets.append((ord(b")"), True))

    def enter(self, bracket: int = ord(b"(")) -> None:
        """Opens a bracket, where they are followed."""
        if self.mode or self.brackets:
            self.brackets.append((_CLOSERS[bracket], False))

    def bracket(self, bracket: int, end: int) -> None:
        """Takes one of `()[]{};`, which ends there."""
        if bracket in _CLOSERS:
            if bracket == ord(b"{") and not self.brackets and self.mode != CUSTOM_PROPERTY:
                self._end_statement(-1)
            else:
                self.enter(bracket)
        elif self.brackets:
            # Any other closing bracket is a stray one, and a semicolon in brackets ends nothing.
            if self.brackets[-1][0] == bracket:
                self.brackets.pop()
        elif bracket == ord(b";"):
            self._end_statement(end)
        elif bracket == ord(b"}"):
            self._end_statement(-1)

    def at_rule(self, name: str) -> None:
        """Takes an at-keyword other than `@import`."""
        if not self.followed:
            self.mode = _PRELUDES.get(name, "")

    def import_rule(self, start: int) -> str:
        """Takes an `@import` and returns the context of what it imports."""
        if self.followed:
            return INERT
        self.mode = INERT
        self._importing = True
        return "" if self._may_import(start) else INERT

    def is_declaration(self, settled: int, start: int) -> bool:
        """Whether a name at `start` can begin one, if all tokens before `settled` are known."""
        between = self._data[settled:start].rstrip(b" \t\n\r\f")
        if not between and self._data.startswith(b"*/", max(settled - 2, 0)):
            return True
        end = settled + len(between)
        return end == self._begin or self._data[end - 1] in b"{};"

    def _end_statement(self, preamble: int) -> None:
        if self._importing and self._preamble >= 0:
            self._preamble = preamble
        self._importing = False
        self.mode = ""

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


class Declarations:
    """Tells the name of the declaration that each payload stands in. Ask in ascending order."""

    __slots__ = ("_data", "_known", "_name")

    def __init__(self, data: bytes, begin: int) -> None:
        self._data = data
        self._known = begin
        self._name = ""

    def at(self, start: int, end: int) -> str:
        """In lower case, empty if there is none. `start`: where the payload begins; `end`: where its token ends."""
        known, self._known = self._known, end
        # No room for another declaration to begin.
        if start - known < 6:
            return self._name
        between = self._data[known:start]
        cut, last = _behind_structure(between)
        if b'"' in last[:-1] or b"'" in last[:-1] or b"*/" in last or b"\\" in last:
            # The cut may lie within something.
            cut, last = _behind_structure(grammar.OPAQUE.sub(b" ", between))
        if cut or not self._name:
            match = grammar.PROPERTY.match(last)
            self._name = match[1].decode().lower() if match else ""
        return self._name


def _behind_structure(piece: bytes) -> tuple[int, bytes]:
    cut = 1 + max(piece.rfind(b";"), piece.rfind(b"{"), piece.rfind(b"}"))
    return cut, piece[cut:]

"""From the bytes of a stylesheet or a script to its references and findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache

from . import charset, findings, resolve
from .context import CUSTOM_PROPERTY, INERT
from .findings import Finding, finding
from .grammar import unescaped
from .names import Names
from .reference import Reference, is_fetched_with_cors
from .scan import Found, scan
from .scripts import source_map
from .writing import splice

_ELSEWHERE = resolve.Target(resolve.EXTERNAL)
_DATA = re.compile(rb"[ \t\n\r\f]*data:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A stylesheet or script that was read: where it refers to known names, and what is wrong with the rest."""

    name: str
    data: bytes = field(repr=False)
    references: tuple[Reference, ...]
    """Ascending. A sheet can refer to itself."""
    findings: tuple[Finding, ...]

    def rewritten(self, replace: Callable[[Reference], str | None]) -> bytes:
        """The bytes with each payload replaced by what is given for it; None leaves it. `data` itself if none changes.

        What is given is made ASCII where it is not, so that it can't end its string, url() or comment.
        """
        given = ((reference, replace(reference)) for reference in self.references)
        return splice(self.data, ((one.start, one.end, new) for one, new in given if new is not None))


def read_css(name: str, data: bytes, *, known: Collection[str], static_url: str = "/static/") -> Sheet:
    """The references of a stylesheet to known names. Never raises, whatever the bytes."""
    text = charset.text_of(data)
    return _read(name, data, text, scan(text.data, text.begin), Names.of(known), static_url)


def read_js(name: str, data: bytes, *, known: Collection[str], static_url: str = "/static/") -> Sheet:
    """The source map of a script, if it names one at its end. Nothing else in a script is looked at."""
    found = source_map(data)
    return _read(name, data, charset.Text(data, "utf-8", 0), [found] if found else [], Names.of(known), static_url)


def _read(name: str, data: bytes, text: charset.Text, payloads: list[Found], known: Names, static_url: str) -> Sheet:
    reader = _Reader(name, text, known, resolve.StaticRoot(static_url))
    for found in payloads:
        reader.read(found)
    return Sheet(name, data, tuple(reader.references), tuple(reader.findings))


class _Reader:
    """Sorts what was found: references to known names, and what is to be said of them and of others."""

    def __init__(self, name: str, text: charset.Text, known: Names, root: resolve.StaticRoot) -> None:
        self.references: list[Reference] = []
        self.findings: list[Finding] = []
        self._name = name
        self._text = text
        self._known = known
        self._root = root
        self._similar = cache(known.similar)
        self._places = charset.Places(text)
        self._seen: dict[bytes, tuple[str, bool, resolve.Target]] = {}

    def read(self, found: Found) -> None:
        """Adds what comes of one payload. They are to come in ascending order."""
        self._places.move(found.start)
        if found.kind in ("bad-url", "document"):
            value, _ = self._text.decoded(found.start, found.end)
            self._say("bad-url" if found.kind == "bad-url" else "inert", _short(unescaped(value)))
            return
        value, valid, target = self._target(found)
        if target.where == resolve.LOCAL:
            self._local(found, value, valid, target)
        elif target.where == resolve.OUTSIDE:
            self._say("outside-static", value, level=findings.INFO if found.kind == "sourcemap" else "")
        elif target.where == resolve.INSECURE and found.kind != "sourcemap":
            self._say("mixed-content", value)
        elif target.where == resolve.EMPTY:
            self._say("empty-url")

    def _target(self, found: Found) -> tuple[str, bool, resolve.Target]:
        """What the payload says, whether its bytes are valid, and where it leads."""
        payload = self._text.data[found.start : found.end]
        if found.kind == "sourcemap":
            value, valid = self._text.decoded(found.start, found.end)
            return value, valid, self._root.resolve(value, self._name)
        seen = self._seen.get(payload)
        if seen is None:
            if _DATA.match(payload):
                return "", True, _ELSEWHERE
            written, valid = self._text.decoded(found.start, found.end)
            value = unescaped(written)
            self._seen[payload] = seen = value, valid, self._root.resolve(value, self._name)
        return seen

    def _local(self, found: Found, value: str, valid: bool, target: resolve.Target) -> None:
        if not valid:
            self._say("undecodable", target.name, other=self._text.charset)
        elif target.name not in self._known:
            self._unknown(found, target.name or value)
        if found.context == INERT:
            self._say("inert", target.name or value)
        elif found.context == CUSTOM_PROPERTY and target.path[0] not in "/\\":
            self._say("custom-property-base", value)
        if valid and target.name in self._known:
            self._add(found, value, target)

    def _unknown(self, found: Found, name: str) -> None:
        level = findings.INFO if found.context == INERT else ""
        if found.kind == "sourcemap":
            self._say("missing-map", name)
        elif similar := self._similar(name):
            self._say("case-mismatch", name, level=level, other=similar)
        else:
            self._say("missing", name, level=level)

    def _add(self, found: Found, value: str, target: resolve.Target) -> None:
        line, col = self._places.line, self._places.col
        reference = Reference(
            kind=found.kind,
            start=self._places.offset(found.start),
            end=self._places.offset(found.end),
            value=value,
            target=target.name,
            path=target.path,
            query=target.query,
            fragment=target.fragment,
            leaves_root=target.leaves_root,
            context=found.context,
            needs_cors=is_fetched_with_cors(found.kind, found.property),
            line=line,
            col=col,
        )
        self.references.append(reference)

    def _say(self, code: str, what: str = "", *, level: str = "", other: str = "") -> None:
        where = self._places
        self.findings.append(finding(code, self._name, where.line, where.col, what, level=level, other=other))


def _short(value: str) -> str:
    """Enough of a value to find it by, on one line."""
    line = " ".join(value.split())
    return line if len(line) <= 80 else line[:79] + "…"

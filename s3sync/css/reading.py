"""From the bytes of a stylesheet or a script to its references and findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from . import charset, resolve
from .context import CUSTOM_PROPERTY, INERT
from .findings import INFO, Finding, Remark, remark
from .grammar import unescaped
from .names import Names
from .reference import Reference, is_fetched_with_cors
from .scan import Found, scan
from .scripts import source_map
from .writing import splice

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
    judge = _Judge(name, text, known, resolve.StaticRoot(static_url))
    places = charset.Places(text)
    references: list[Reference] = []
    findings: list[Finding] = []
    for found in payloads:
        verdict = judge.of(found)
        if verdict is _NOTHING or (verdict.target is None and len(findings) >= _MOST_FINDINGS):
            continue
        places.move(found.start)
        for code, level, detail in verdict.remarks:
            findings.append(Finding(code, level, name, places.line, places.col, detail))
        if verdict.target:
            references.append(_reference(found, verdict.value, verdict.target, places))
    return Sheet(name, data, tuple(references), tuple(findings))


def _reference(found: Found, value: str, target: resolve.Target, places: charset.Places) -> Reference:
    line, col = places.line, places.col
    start, end = places.offset(found.start), places.offset(found.end)
    cors = is_fetched_with_cors(found.kind, found.property)
    # In order, because by name takes twice as long, and a sheet can have very many.
    parts = target.name, target.path, target.query, target.fragment, target.leaves_root
    return Reference(found.kind, start, end, value, *parts, found.context, cors, line, col)


class _Verdict(NamedTuple):
    """What comes of a payload, wherever in the sheet it stands."""

    remarks: tuple[Remark, ...]
    value: str = ""
    target: resolve.Target | None = None
    """Where it leads, if that is a known name."""


_NOTHING = _Verdict(())
_MOST_FINDINGS = 10_000
"""Of one sheet. Nobody reads on; and a hostile sheet of a megabyte could have half a million."""


class _Judge:
    """Tells references to known names from all others, and what is to be said of either."""

    def __init__(self, name: str, text: charset.Text, known: Names, root: resolve.StaticRoot) -> None:
        self._name = name
        self._text = text
        self._known = known
        self._root = root
        self._before: dict[tuple[bytes, str, str], _Verdict] = {}
        """Sheets repeat themselves."""

    def of(self, found: Found) -> _Verdict:
        """What comes of this payload."""
        # They can be large, and there are many.
        if _DATA.match(self._text.data, found.start, found.end) and found.kind != "bad-url":
            return _NOTHING
        key = self._text.data[found.start : found.end], found.kind, found.context
        verdict = self._before.get(key)
        if verdict is None:
            verdict = self._before[key] = self._judged(found)
        return verdict

    def _judged(self, found: Found) -> _Verdict:
        written, valid = self._text.decoded(found.start, found.end)
        value = written if found.kind == "sourcemap" else unescaped(written)
        if found.kind in ("bad-url", "document"):
            return _Verdict((remark("bad-url" if found.kind == "bad-url" else "inert", _short(value)),))
        target = self._root.resolve(value, self._name)
        if target.where == resolve.LOCAL:
            return self._local(found, value, valid, target)
        of_map = found.kind == "sourcemap"
        if target.where == resolve.OUTSIDE:
            return _Verdict((remark("outside-static", value, level=INFO if of_map else ""),))
        if target.where == resolve.INSECURE and not of_map:
            return _Verdict((remark("mixed-content", value),))
        return _Verdict((remark("empty-url"),)) if target.where == resolve.EMPTY else _NOTHING

    def _local(self, found: Found, value: str, valid: bool, target: resolve.Target) -> _Verdict:
        remarks = []
        known = valid and target.name in self._known
        if not valid:
            remarks.append(remark("undecodable", target.name, other=self._text.charset))
        elif not known:
            remarks.append(self._unknown(found, target.name or value))
        if found.context == INERT:
            remarks.append(remark("inert", target.name or value))
        elif found.context == CUSTOM_PROPERTY and target.path[0] not in "/\\":
            remarks.append(remark("custom-property-base", value))
        return _Verdict(tuple(remarks), value, target if known else None)

    def _unknown(self, found: Found, name: str) -> Remark:
        if found.kind == "sourcemap":
            return remark("missing-map", name)
        level = INFO if found.context == INERT else ""
        if similar := self._known.similar(name):
            return remark("case-mismatch", name, level=level, other=similar)
        return remark("missing", name, level=level)


def _short(value: str) -> str:
    """Enough of a value to find it by, on one line."""
    line = " ".join(value.split())
    return line if len(line) <= 80 else line[:79] + "…"

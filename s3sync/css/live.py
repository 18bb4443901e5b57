"""What a browser fetches because of a stylesheet, wherever it leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from . import charset
from .grammar import unescaped
from .scan import INERT, scan

_BLANK = "".join(map(chr, range(0x21)))
"""What browsers strip from both ends (WHATWG URL, "basic URL parser")."""
_LEADS_ELSEWHERE = re.compile(r"(?!data:|about:|blob:)[^#]", re.IGNORECASE)
_NOT_FETCHED = ("bad-url", "document", "sourcemap")


class Live(NamedTuple):
    """One reference, as written."""

    value: str
    line: int
    """Counted from 1, as `col` is."""
    col: int


def live_references(data: bytes) -> Iterator[Live]:
    """All that makes for a request: not `data:`, not a fragment alone, not what is inert."""
    text = charset.text_of(data)
    places = charset.Places(text)
    for found in scan(text.data, text.begin):
        if found.kind in _NOT_FETCHED or found.context == INERT:
            continue
        value = unescaped(text.decoded(found.start, found.end)[0]).strip(_BLANK)
        if _LEADS_ELSEWHERE.match(value):
            places.move(found.start)
            yield Live(value, places.line, places.col)

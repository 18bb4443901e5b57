"""One reference, and what can be written in its place."""

from __future__ import annotations

import re
from typing import NamedTuple

from . import writing

_DIRECTORY = re.compile(r"[\s\S]*(?:[/\\]|%2[Ff])")


class Reference(NamedTuple):
    """A payload that leads to a known static name."""

    kind: str
    """"url", "src", "image-set", "import" or "sourcemap"."""
    start: int
    end: int
    """The payload's bytes in the sheet: what stands between quotes or parentheses."""
    value: str
    """As written, with CSS escapes read."""
    target: str
    """The static name it leads to."""
    path: str
    query: str
    """With its question mark."""
    fragment: str
    """With its hash."""
    leaves_root: bool
    """Begins with a slash or climbs above the static root on its way, so that it depends on where that root lies."""
    context: str
    """"", "custom-property" (resolved against whatever sheet uses it) or "inert" (never fetched)."""
    needs_cors: bool
    """Browsers fetch it in CORS mode."""
    line: int
    col: int
    """Of the payload's first character; from 1, in characters, as `line`."""

    def with_stored_name(self, stored: str) -> str:
        """The same reference to another base name: the directory part, query and fragment are kept."""
        directory = _DIRECTORY.match(self.path)
        kept = directory[0].replace("\\", "/") if directory else ""
        base = writing.segment(stored.rpartition("/")[2])
        return writing.payload(kept + base + self.query + self.fragment)

    def with_url(self, url: str) -> str:
        """That URL, with this reference's query before its own, and this fragment if there is one.

        A `data:` URL takes no query.
        """
        fragment = self.fragment if len(self.fragment) > 1 else ""
        if url[:5].lower() == "data:":
            return writing.payload(url + fragment)
        if not (self.query or self.fragment or "?" in url or "#" in url):
            return writing.path_payload(url)
        rest, own_hash, own_fragment = url.partition("#")
        path, own_mark, own_query = rest.partition("?")
        query = self.query or own_mark
        if own_query:
            query = f"{self.query}&{own_query}" if len(self.query) > 1 else f"?{own_query}"
        return writing.path_payload(path) + writing.payload(
            query + (fragment or own_hash + own_fragment or self.fragment)
        )


_CORS_PROPERTIES = frozenset(
    ("src", *(prefix + name for prefix in ("", "-webkit-") for name in ("clip-path", "filter", "shape-outside")))
)


def is_fetched_with_cors(kind: str, property_name: str) -> bool:
    """Whether browsers fetch such a reference in CORS mode: fonts, masks, shapes and filters (css-values, 4.5)."""
    if kind in ("import", "sourcemap"):
        return False
    return property_name in _CORS_PROPERTIES or property_name.startswith(("mask", "-webkit-mask"))

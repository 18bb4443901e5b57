"""Finds URLs of the old media folder in texts: HTML, Markdown, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

_END = r"\s\"'<>()\\&?#,;|{}\[\]`"
"""What ends a name within a text; Django's `get_valid_filename` lets none of it into one."""


class OldUrl(NamedTuple):
    """One that was found."""

    url: str
    """As it stands there."""
    name: str
    """What the storage would call it."""


class OldUrls:
    """What to look for: URLs such as `/media/`, alone or behind one of the site's own `hosts`.

    `/media/` of another host is another site's, or the bucket's own. A URL with a host is looked for on that one only.
    """

    def __init__(self, urls: Sequence[str], hosts: Collection[str]) -> None:
        self.urls = tuple(urls)
        patterns: list[str] = []
        for url in urls:
            parts = urlsplit(url)
            alone = "" if parts.netloc else r"|(?<![\w.~%/:@-])"
            own = [parts.netloc] if parts.netloc else list(hosts)
            host = "|".join(_host(each) for each in own) or r"(?!)"
            path = re.escape(parts.path.rstrip("/") + "/")
            patterns.append(rf"(?:(?:https?:)?//(?:{host}){alone}){path}(?P<name_{len(patterns)}>[^{_END}]+)")
        self._find = re.compile("|".join(patterns), re.IGNORECASE)

    @property
    def needles(self) -> tuple[str, ...]:
        """What a text contains at least, for a database to look for."""
        return tuple(urlsplit(url).path.rstrip("/") + "/" for url in self.urls)

    def find(self, text: str) -> Iterator[OldUrl]:
        """All of them, in order. Of JSON, each string is looked at as it is meant."""
        for each in _strings(text):
            for found in self._find.finditer(each):
                url = found[0].rstrip(".:!*")
                name = next(name for name in found.groups() if name is not None).rstrip(".:!*")
                if name:
                    yield OldUrl(url, unquote(name))


def _host(pattern: str) -> str:
    """As ALLOWED_HOSTS has it: `.example.com` is also each subdomain."""
    host = re.escape(pattern.lstrip("."))
    port = "" if ":" in pattern else r"(?::\d+)?"
    return (rf"(?:[\w-]+\.)*{host}" if pattern.startswith(".") else host) + port


def _strings(text: str) -> Iterator[str]:
    if text[:1] in ("{", "[", '"'):
        try:
            yield from _within(json.loads(text))
            return
        except (ValueError, RecursionError):
            pass
    yield text


def _within(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += reversed(each.values())
        elif isinstance(each, list):
            waiting += reversed(each)

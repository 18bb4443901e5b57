"""Finds in templates what leads to the folders of uploads and static files instead of to their storages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from .code_places import CodePlace, Lookout

_COMMENT = re.compile(r"\{%-?\s*comment\b.*?%\}.*?\{%-?\s*endcomment\s*-?%\}|\{#.*?#\}|<!--(?!\[if).*?-->", re.DOTALL)
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_WORDS = re.compile(r"(?<![\w-])(MEDIA_URL|STATIC_URL|get_media_prefix|get_static_prefix)\b")


def places_in_template(text: str, lookout: Lookout) -> list[CodePlace]:
    """The places in this template, by their lines."""
    if not (lookout.media_url or lookout.static_url):
        return []
    bare = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    found = {(place.line, place.title): place for place in [*_literals(bare, lookout), *_tags(bare, lookout)]}
    return sorted(found.values())


def _tags(text: str, lookout: Lookout) -> Iterator[CodePlace]:
    for tag in _TAG.finditer(text):
        for word in _WORDS.findall(_QUOTED.sub("", tag[0])):
            is_media = "media" in word.lower()
            if lookout.media_url if is_media else lookout.static_url:
                seen = " ".join(tag[0].split())
                yield _place(text, tag.start(), is_media=is_media, seen=seen if len(seen) <= 60 else f"{seen[:57]}...")


def _literals(text: str, lookout: Lookout) -> Iterator[CodePlace]:
    for path, is_media in ((lookout.media_url, True), (lookout.static_url, False)):
        for found in _literal(path).finditer(text) if path else ():
            address = found["address"]
            yield _place(
                text,
                found.start("address"),
                is_media=is_media,
                seen=address if len(address) <= 60 else f"{address[:57]}...",
            )


@cache
def _literal(path: str) -> re.Pattern[str]:
    """A file below this path where browsers fetch it: not a page's own address, which has no ending."""
    attribute = r"(?:src|srcset|href|poster|content|xlink:href|data-[\w-]+)\s*=\s*[\"']?\s*"
    rest = r"[^\"'\s)>]*(?:\.\w|\{[{%])[^\"'\s)>]*"
    return re.compile(rf"(?:(?<![\w-]){attribute}|\burl\(\s*[\"']?)(?P<address>{re.escape(path)}{rest})", re.IGNORECASE)


def _place(text: str, offset: int, *, is_media: bool, seen: str) -> CodePlace:
    line = text.count("\n", 0, offset) + 1
    return CodePlace(line, "template-media" if is_media else "template-static", "warning", seen)

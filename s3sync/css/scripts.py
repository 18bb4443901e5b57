"""The one reference of a script that is certain without parsing it: its source map."""

from __future__ import annotations

import re

from .scan import Found

_MARK = b"sourceMappingURL="
_BEFORE = re.compile(rb"//[#@][ \t]*\Z")
_URL = re.compile(rb"([^\s\"'`]+)[^\S\r\n]*(?=[\r\n]|\Z)")
_LINE = re.compile(rb"\s*(?://[^\r\n]*)?")


def source_map(data: bytes) -> Found | None:
    """The payload of the last comment that names a source map, if no code follows it (ECMA-426, section 11.1.2)."""
    at = data.rfind(_MARK)
    if at < 0 or not _BEFORE.search(data[max(at - 20, 0) : at]):
        return None
    match = _URL.match(data, at + len(_MARK))
    if match is None or not _is_blank(data, match.end()):
        return None
    return Found("sourcemap", match.start(1), match.end(1), "", "")


def _is_blank(data: bytes, at: int) -> bool:
    """Whether only white space and comments follow."""
    while at < len(data):
        if data.startswith(b"/*", at):
            at = data.find(b"*/", at + 2) + 2
            if at == 1:
                return False
        elif (match := _LINE.match(data, at)) and match.end() > at:
            at = match.end()
        else:
            return False
    return True

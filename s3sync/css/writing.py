"""What may stand in a payload, and how payloads get into the bytes of a sheet."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .charset import utf_16

_UNSAFE = re.compile(r"[^!#-&*-;=?-\[\]-~]|\*(?=/)")
"""All but printable ASCII; and what ends a string, an unquoted url() or a comment, or escapes within them."""

_NOT_IN_SEGMENT = re.compile(r"[^!$&+,.0-9;=@A-Z_a-z~-]")
"""Besides, what would split a name or end its path. A colon could make a scheme of what stands before it."""

_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def payload(url: str) -> str:
    """The same URL in ASCII, fit for strings of either quote, for an unquoted url() and for a comment.

    What is percent-encoded already stays as it is, so that a second pass changes nothing.
    """
    return _UNSAFE.sub(_encoded, url)


def path_payload(path: str) -> str:
    """Like `payload`, for the part before query and fragment, where a lone percent sign can only be meant as such."""
    return payload(_LONE_PERCENT.sub("%25", path))


def segment(base: str) -> str:
    """A file's base name as one segment of a URL's path."""
    return _NOT_IN_SEGMENT.sub(_encoded, base)


def splice(data: bytes, edits: Iterable[tuple[int, int, str]]) -> bytes:
    """`data` with each (start, end, text) put in, ascending and apart; the same object if nothing changes.

    The text is made ASCII first (`payload`). A byte order mark says whether to write it as UTF-16.
    """
    encoding = utf_16(data) or "ascii"
    pieces = []
    done = 0
    for start, end, text in edits:
        new = payload(text).encode(encoding)
        if new != data[start:end]:
            pieces += [data[done:start], new]
            done = end
    return b"".join([*pieces, data[done:]]) if pieces else data


def _encoded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in _utf_8(match[0]))


def _utf_8(text: str) -> bytes:
    try:
        # Python's way to keep file names that are no UTF-8.
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")

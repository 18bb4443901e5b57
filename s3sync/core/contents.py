"""What the first bytes and the type of a file tell about it."""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = 4096
"""Bytes that are looked at."""

_SQLITE = b"SQLite format 3\0"
# A key, not the words around one: a library that writes keys has the first line in a string, and no key behind it.
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|\s)+"
    rb"(?:[A-Za-z0-9+/=\\]{24}|Proc-Type:|Version:|Comment:|Hash:)"
)
_PUTTY = re.compile(rb"\A(?:\xef\xbb\xbf)?PuTTY-User-Key-File-\d+:")
_ACTIVE = frozenset({
    "text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml", "text/javascript",
    "application/javascript", "application/x-javascript", "application/x-shockwave-flash", "text/xsl",
})  # fmt: skip


def secret_in(head: bytes) -> str | None:
    """What makes a file that begins so a secret, in words; None where nothing does.

    A private key in PEM (RFC 7468), OpenSSH's, PGP's (RFC 9580) or PuTTY's form, also inside of JSON; or an SQLite
    database ("Database File Format").
    """
    if head.startswith(_SQLITE):
        return "an SQLite database"
    key = b"PRIVATE KEY" in head and _PRIVATE_KEY.search(head)  # most heads don't need the expression
    return "a private key" if key or _PUTTY.match(head) else None


def is_active(content_type: str) -> bool:
    """Whether a browser that opens such an object by its address runs scripts in it, with the rights of its site."""
    return content_type.partition(";")[0].strip().lower() in _ACTIVE

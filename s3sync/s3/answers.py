"""What an answer to a PutObject means to an engine that only confirms."""

from __future__ import annotations

import re
from collections.abc import Mapping

DENIED = "AccessDenied"
STALE = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"})
"""What S3 says of credentials whose time is over."""
_TEXT = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))


def told(status: int, headers: Mapping[str, str], body: bytes) -> tuple[str, str, str | None]:
    """Code, text and encryption: "" and the ETag for what is stored, `DENIED` and the server's words for what nobody
    will be let do; any other code is somebody else's to explain."""
    if status == 200:
        encryption = headers.get("x-amz-server-side-encryption")
        if "x-amz-server-side-encryption-customer-algorithm" in headers:
            encryption = "SSE-C"
        etag = headers.get("etag", "").strip('"')
        # Every S3 gives an ETag; a sign-in page does not.
        return ("", etag, encryption) if etag else ("no-etag", "", None)
    code = element(body, "Code") if status in (400, 403) else ""
    if code == DENIED and status == 403:
        return DENIED, element(body, "Message"), None
    return "stale" if code in STALE else str(status), "", None


def element(document: bytes, name: str) -> str:
    """The text of the first such element; S3's error documents are flat."""
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), document)
    text = found[1].decode("utf-8", "replace") if found else ""
    for written, meant in _TEXT:
        text = text.replace(written, meant)
    return text

"""What an answer to a PutObject means to an engine that only confirms."""

from __future__ import annotations

import re
from xml.sax.saxutils import unescape

from .errors import STALE
from .transfer import Completion, HandedOver, Put, Refused, Stored
from .wire import Connection


def outcome(put: Put, answer: Connection) -> Completion:
    """What an answer means: it confirms, or it is somebody else's to explain."""
    if answer.status == 200:
        headers = answer.headers
        encryption = headers.get("x-amz-server-side-encryption")
        if "x-amz-server-side-encryption-customer-algorithm" in headers:
            encryption = "SSE-C"
        etag = headers.get("etag", "").strip('"')
        # Every S3 gives an ETag; a sign-in page does not.
        return Stored(put, etag, encryption) if etag else HandedOver(put, "no-etag")
    code = element(answer.body, "Code") if answer.status in (400, 403) else ""
    if code == "AccessDenied" and answer.status == 403:
        return Refused(put, "AccessDenied", 403, element(answer.body, "Message"))
    if code in STALE:
        return HandedOver(put, "stale")
    return HandedOver(put, str(answer.status))


def element(document: bytes, name: str) -> str:
    """The text of the first such element; S3's error documents are flat."""
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), document)
    return unescape(found[1].decode("utf-8", "replace"), {"&quot;": '"', "&apos;": "'"}) if found else ""

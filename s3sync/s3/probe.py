"""Fetches a URL as a stranger's browser would: no credentials, no cookies, no proxy's or netrc's help."""

from __future__ import annotations

import http.client
import os
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_HOPS = 5
_TIMEOUT = 20.0
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back in the end."""

    status: int | None
    """The HTTP status; None where no answer came."""
    url: str
    """What was asked last, without its query: that may hold a signature."""
    error: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether the file can be read: also an empty one, which has no first byte."""
        return self.status in (200, 206, 416)


class Stranger:
    """Any thread may call. `verify` as boto3 takes it: False, or the path of a bundle of certificates."""

    def __init__(self, verify: bool | str | None = None) -> None:
        bundle = verify if isinstance(verify, str) else os.environ.get("AWS_CA_BUNDLE")
        self._context = ssl.create_default_context(cafile=bundle or None)
        if verify is False:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def fetch(self, url: str) -> Fetched:
        """Asks for the first byte, and follows redirects."""
        for _ in range(_HOPS):
            try:
                status, location = self._ask(url)
            except (OSError, http.client.HTTPException, ValueError) as error:
                return Fetched(None, _bare(url), str(error) or type(error).__name__)
            if status not in _REDIRECTS or location is None:
                return Fetched(status, _bare(url))
            url = urljoin(url, location)
        return Fetched(None, _bare(url), "too many redirects")

    def _ask(self, url: str) -> tuple[int, str | None]:
        parts = urlsplit(url)
        host = parts.hostname or ""
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(host, parts.port, timeout=_TIMEOUT, context=self._context)
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT)
        try:
            # http.client sends the path as it is: dot segments and all.
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers={"Range": "bytes=0-0", "Accept-Encoding": "identity"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location")
        finally:
            connection.close()


def _bare(url: str) -> str:
    return url.partition("?")[0]

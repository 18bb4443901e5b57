"""How a stylesheet reaches what it refers to, once it lies on S3.

mode      the reference becomes                              right where
relative  what it is, but for a hashed last segment          everybody reads, at one host
absolute  the object's URL, unsigned                         everybody reads, at several hosts
inline    small files: `data:`; the rest: as by redirect     only signed URLs are answered
redirect  our view on the site, which signs and redirects    only signed URLs are answered
off       what it is                                         nowhere in particular
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cached_property
from urllib.parse import urlsplit

from ..css import Reference
from ..s3.static_storage import Addresses


class Delivery:
    """One way for all references of a run. Used by one thread."""

    def __init__(
        self, mode: str, addresses: Addresses, *, static_url: str,
        find_redirect: Callable[[], Callable[[str], str] | None], leaf: Callable[[str], tuple[str, bytes] | None],
    ) -> None:  # fmt: skip
        """`auto` is decided by whether the storage signs its URLs.

        `find_redirect` gives what makes a stored name the URL of our view, or None where that is not mounted. `leaf`
        gives the content type and bytes of a file that is small enough to be inlined, None for all others.
        """
        self.private = addresses.is_signed
        self.mode = mode if mode != "auto" else "inline" if self.private else "relative"
        self._addresses, self._static_path = addresses, urlsplit(static_url).path
        self._find_redirect, self._leaf = find_redirect, leaf

    def address(self, ref: Reference, stored: str) -> str | None:
        """What to write in place of a reference to what is stored under this name; None leaves it."""
        if self.mode == "off":
            return None
        if self.mode == "absolute":
            return ref.with_url(self._addresses.url(stored))
        if self.mode == "inline" and (data := self._inlined(ref)) is not None:
            return data
        if self._redirects and self._redirect is not None:
            return ref.with_url(self._redirect(stored))
        return self._relative(ref, stored)

    def is_denied(self, ref: Reference) -> bool:
        """Whether a browser that follows this reference is refused. Source maps and inert references nobody follows."""
        if ref.context == "inert" or ref.kind == "sourcemap" or self.is_inlined(ref):
            return False
        if not self.private and self.mode != "redirect":
            return False
        return not self._redirects or self._redirect is None

    def is_inlined(self, ref: Reference) -> bool:
        """Whether no request is made for this reference."""
        return self.mode == "inline" and self._inlined(ref) is not None

    @property
    def host(self) -> str:
        """Where the objects are; empty: on the site's own host."""
        return urlsplit(self._addresses.root).netloc.lower()

    @property
    def _redirects(self) -> bool:
        return self.mode == "redirect" or (self.mode == "inline" and self.private)

    @cached_property
    def _redirect(self) -> Callable[[str], str] | None:
        return self._find_redirect()

    @cached_property
    def _moved(self) -> bool:
        """Whether the static root lies at another path than STATIC_URL's, so that `/static/a.png` would miss it."""
        return urlsplit(self._addresses.root).path != self._static_path

    def _relative(self, ref: Reference, stored: str) -> str | None:
        if not self._addresses.is_uniform or (ref.leaves_root and self._moved):
            return ref.with_url(self._addresses.url(stored))
        return None if stored == ref.target else ref.with_stored_name(stored)

    def _inlined(self, ref: Reference) -> str | None:
        """Leaves only: what a stylesheet refers to would be looked for beside the `data:` URL."""
        if ref.kind in ("import", "sourcemap") or ref.target.lower().endswith(".css"):
            return None
        leaf = self._leaf(ref.target)
        if leaf is None:
            return None
        content_type, data = leaf
        return ref.with_url(f"data:{content_type};base64,{base64.b64encode(data).decode()}")

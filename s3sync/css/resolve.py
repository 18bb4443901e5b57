"""Where a reference leads: the URL Standard's rules for special schemes, as far as they tell static names apart."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

_TRIMMED = "".join(map(chr, range(0x21)))
_DROPPED = {ord(character): None for character in "\t\n\r"}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")

LOCAL, OUTSIDE, EXTERNAL, INSECURE, ITSELF, EMPTY = "local", "outside", "external", "insecure", "itself", "empty"


class Target(NamedTuple):
    """What a reference is made of, and where it leads."""

    where: str
    """`LOCAL`: to `name`; `OUTSIDE`: elsewhere on this host; `EXTERNAL`; `INSECURE`: the same over plain http;
    `ITSELF`: no path at all; `EMPTY`: nothing at all."""
    name: str = ""
    """A static name, if the reference is local; it may be empty, or end with a slash."""
    path: str = ""
    query: str = ""
    """With its question mark."""
    fragment: str = ""
    """With its hash."""
    leaves_root: bool = False


class StaticRoot:
    """Where all static files lie on their host, which may be its root."""

    def __init__(self, static_url: str) -> None:
        path = re.split(r"[?#]", _ORIGIN.sub("", static_url, count=1), maxsplit=1)[0].strip("/")
        self._parts = unquote(path, errors="surrogateescape").split("/") if path else []

    def resolve(self, value: str, sheet: str) -> Target:
        """Where `value` leads from the sheet of this name. Case counts, and dots and slashes are kept apart."""
        text = value.strip(_TRIMMED).translate(_DROPPED)
        if not text:
            return Target(EMPTY)
        if scheme := _SCHEME.match(text):
            return Target(INSECURE if scheme[0].lower() == "http:" else EXTERNAL)
        rest, hashed, fragment = text.partition("#")
        path, asked, query = rest.partition("?")
        parts = path.replace("\\", "/").split("/")
        if parts[:2] == ["", ""] and len(parts) > 2:
            return Target(EXTERNAL)
        if not path:
            return Target(ITSELF)
        name, leaves_root = self._walk(parts, sheet)
        where = OUTSIDE if name is None else LOCAL
        return Target(where, name or "", path, asked + query, hashed + fragment, leaves_root)

    def _walk(self, parts: list[str], sheet: str) -> tuple[str | None, bool]:
        """The static name that a path comes to, if any, and whether it comes from outside of the root."""
        root = self._parts
        leaves_root = parts[0] == ""
        at = [] if leaves_root else [*root, *sheet.split("/")[:-1]]
        for part in parts[1:] if leaves_root else parts:
            dots = part.lower().replace("%2e", ".")
            if dots == "..":
                leaves_root = leaves_root or len(at) <= len(root)
                del at[-1:]
            elif dots != ".":
                at.append(unquote(part, errors="surrogateescape"))
        if parts[-1].lower().replace("%2e", ".") in (".", ".."):
            at.append("")
        if len(at) > len(root) and at[: len(root)] == root:
            return "/".join(at[len(root) :]), leaves_root
        return None, leaves_root

"""Which names a run is about. The same question is put to both sides: what the file side leaves out is no orphan."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .comparison import Reason

HIDDEN = ".s3sync/"
"""What this project keeps for itself in a bucket lies under this prefix."""

LOCKS = HIDDEN + "locks/"
"""Locks that hosts share (`--lock bucket`)."""

UNFINISHED = ".s3sync-"
"""How the names of files begin that we have not finished to write."""
_JUNK = (".DS_Store", "Thumbs.db", "desktop.ini", ".nfs*", UNFINISHED + "*")

_SECRET_ENDINGS = (
    ".sqlite3", ".db", ".sql", ".dump", ".bak", ".pem", ".key", ".p12", ".pfx", ".kdbx", ".tfstate", ".py", ".pyc",
)  # fmt: skip
_WEB_ENDINGS = (".js", ".mjs", ".css", ".map", ".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".html")
"""Of no key: `id_ID.js` is a language."""
_SECRET_SIGNS = (
    "/.", "\n.", "/id_", "\nid_", ".env", "credentials", *(ending + "\n" for ending in _SECRET_ENDINGS)
)  # fmt: skip
"""One of these is in a text whose lines are names, in small letters, wherever one of them tells of a secret."""
_DOTTED = re.compile(r"(?:\A|/)\.(?!well-known(?:/|\Z))")


_JUNK_STARTS = tuple(pattern.rstrip("*") for pattern in _JUNK)


def is_junk(base: str) -> bool:
    """Whether a file of this base name is litter: an operating system's, or of a write of ours that was cut short."""
    return base in _JUNK[:3] or base.startswith(_JUNK_STARTS[3:])


def is_secret(name: str) -> bool:
    """Whether a name tells that its content is not for everybody: keys, dumps, dotfiles, source code.

    Dotfiles and dot folders count, but for `.well-known/` (RFC 8615), which is made to be public.
    """
    lower = name.lower()
    if ("/." in lower or lower.startswith(".")) and _DOTTED.search(lower):  # this is asked of every name
        return True
    base = lower.rpartition("/")[2]
    if base.endswith(_SECRET_ENDINGS) or ".env" in base or "credentials" in base:
        return True
    return base.startswith("id_") and not base.endswith(_WEB_ENDINGS)


def may_be_secret(names: Iterable[str]) -> bool:
    """Whether `is_secret` may hold of one of them; False only where it does not. Cheap, where there are many names."""
    text = "\n".join(["", *names, ""]).lower()
    return any(sign in text for sign in _SECRET_SIGNS)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a glob matches the base name or the whole name (the rule of Django's `get_files`)."""
    if not patterns:
        return False
    base = name.rpartition("/")[2]
    return any(fnmatchcase(base, pattern) or fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The names that `--prefix`, `--include`, `--ignore` and the junk rule leave."""

    prefix: str = ""
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    """Names that begin so lie in another alias's location; without a file here they are the other's."""
    held_back: Callable[[str], bool] | None = field(default=None, compare=False)
    """Names that are never sent (the secret guard), though their files are there."""

    def leaves_out_folder(self, name: str) -> bool:
        """Whether nothing below this folder is in scope, so that the walk need not enter it."""
        inside = name + "/"
        if not (inside.startswith(self.prefix) or self.prefix.startswith(inside)):
            return True
        return inside.startswith(HIDDEN) or matches(name, self.ignore)

    def leaves_out_file(self, name: str) -> Reason | None:
        """Why a file whose folders are in scope is not, or None."""
        if not name.startswith(self.prefix) or (self.ignore and matches(name, self.ignore)):
            return Reason.IGNORED
        if self.include and not self._included(name):
            return Reason.IGNORED
        if is_junk(name.rpartition("/")[2]):
            return Reason.JUNK
        return None

    def left_out(self, folder: str, bases: Iterable[str]) -> Collection[str]:
        """The base names of files that `leaves_out_file`, in a folder in scope that is empty or ends with `/`.

        There may be more of them, which it does not.
        """
        if self.ignore or self.include or not folder.startswith(self.prefix):
            return {base for base in bases if self.leaves_out_file(folder + base)}
        text = "\n".join(["", *bases])
        if not any("\n" + junk in text for junk in _JUNK_STARTS):
            return ()
        return {base for base in bases if base.startswith(_JUNK_STARTS)}

    def leaves_out_object(self, name: str) -> bool:
        """Whether an object of this name that has no file is none of this run's business."""
        if name.endswith("/") or name.startswith((HIDDEN, *self.foreign)) or self.leaves_out_file(name):
            return True
        if self.ignore and any(matches(folder, self.ignore) for folder in _folders(name)):
            return True
        return self.held_back is not None and self.held_back(name)

    def covers(self, name: str) -> bool:
        """Whether a run that judges objects is to judge one of this name: also litter, and our own records.

        Locks are written without an ACL and tell nothing that is not for everybody, so there is nothing to judge.
        """
        if name.startswith((LOCKS, *self.foreign)) or self.leaves_out_file(name) not in (None, Reason.JUNK):
            return False
        return not (self.ignore and any(matches(folder, self.ignore) for folder in _folders(name)))

    def _included(self, name: str) -> bool:
        return matches(name, self.include) or any(matches(folder, self.include) for folder in _folders(name))


def _folders(name: str) -> list[str]:
    """`a/b/c.txt` -> `a`, `a/b`."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]

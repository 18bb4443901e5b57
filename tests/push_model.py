"""What a push of media has to do, told a second time: a model that knows nothing of the code.

It holds what is on the disk, what is in the bucket, and what the tool has seen; `expected` says what a run makes of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

PREFIX = "media/"
JUNK = (".DS_Store", "Thumbs.db", "desktop.ini")


class File(NamedTuple):
    """A file on the disk."""

    content: bytes
    is_new: bool
    """Whether its time is later than that of any object."""


class Object(NamedTuple):
    """What is stored under a key."""

    content: bytes
    etag: str

    @classmethod
    def plain(cls, content: bytes) -> Object:
        """As one PUT stores it."""
        return cls(content, hashlib.md5(content, usedforsecurity=False).hexdigest())

    @classmethod
    def in_parts(cls, content: bytes) -> Object:
        """As some tools store it."""
        part = hashlib.md5(content, usedforsecurity=False).digest()
        return cls(content, hashlib.md5(part, usedforsecurity=False).hexdigest() + "-1")


@dataclass(frozen=True)
class Wish:
    """The options of a run."""

    delete: bool = False
    max_delete: str = ""
    overwrite_newer: bool = False
    no_clobber: bool = False
    prefix: str = ""
    ignore: tuple[str, ...] = ()
    engine: str = "auto"
    dry_run: bool = False
    check: bool = False

    def arguments(self) -> list[str]:
        """As they are typed."""
        flags = {
            "--delete": self.delete, "--overwrite-newer": self.overwrite_newer, "--no-clobber": self.no_clobber,
            "--dry-run": self.dry_run, "--check": self.check,
        }  # fmt: skip
        typed = [flag for flag, wanted in flags.items() if wanted] + [f"--ignore={glob}" for glob in self.ignore]
        if self.prefix:
            typed.append(f"--prefix={self.prefix}")
        if self.max_delete:
            typed.append(f"--max-delete={self.max_delete}")
        return [*typed, f"--engine={self.engine}"]

    @property
    def acts(self) -> bool:
        """Whether anything may be done."""
        return not (self.dry_run or self.check)

    def ignores(self, name: str) -> bool:
        """Whether a glob names it."""
        base = name.rpartition("/")[2]
        return any(fnmatchcase(name, glob) or fnmatchcase(base, glob) for glob in self.ignore)

    def ignores_above(self, name: str) -> bool:
        """Whether a glob names a folder that it lies in."""
        parts = name.split("/")
        return any(self.ignores("/".join(parts[:end])) for end in range(1, len(parts)))

    def may_delete(self, count: int, in_scope: int) -> bool:
        """The guard's rule."""
        if self.max_delete.endswith("%"):
            return count <= in_scope * int(self.max_delete[:-1]) / 100
        if self.max_delete:
            return count <= int(self.max_delete)
        return count <= 10 or count <= in_scope / 10


@dataclass
class Expected:
    """What a run does."""

    counts: Counter[str] = field(default_factory=Counter)
    uploads: list[str] = field(default_factory=list)
    """Keys."""
    deletes: list[str] = field(default_factory=list)
    equal: list[str] = field(default_factory=list)
    heads: int = 0
    """Objects of which only a HEAD can tell whether they are other than the file."""
    held_back: bool = False
    pending: int = 0
    code: int = 0

    def add(self, count: str, number: int = 1) -> None:
        """Counts."""
        self.counts[count] += number


@dataclass
class Model:
    """The world, and what the tool has seen of it."""

    files: dict[str, File] = field(default_factory=dict)
    bucket: dict[str, Object] = field(default_factory=dict)
    """Key -> object."""
    seen: dict[str, Object] = field(default_factory=dict)
    """Key -> what was sent there, or found equal."""

    def expected(self, wish: Wish, *, taken: str | None = None, refused: str | None = None) -> Expected:
        """What a run does; a user puts an object under `taken` just before, S3 refuses the write of `refused`."""
        told = Expected()
        by_key, passed = self._files_in_scope(wish, told)
        listed = [key for key in self.bucket if key.startswith(PREFIX + wish.prefix)]
        told.add("listed", len(listed))
        for key, names in sorted(by_key.items()):
            told.add("scanned", len(names))
            if len(names) > 1:
                told.add("failed", len(names))
            else:
                self._pair(wish, key, self.files[names[0]], told)
        alone = [key for key in listed if key not in by_key | passed and self._is_about(wish, key)]
        self._without_files(wish, alone, len(alone) + sum(key in by_key for key in listed), bool(by_key), told)
        self._meet_trouble(told, taken, refused)
        self._finish(wish, told)
        return told

    def carry_out(self, wish: Wish, told: Expected) -> None:
        """The world after that run."""
        if not wish.acts:
            return
        by_key, _ = self._files_in_scope(wish, Expected())
        for key in told.uploads:
            self.bucket[key] = self.seen[key] = Object.plain(self.files[by_key[key][0]].content)
        for key in told.equal:
            self.seen[key] = self.bucket[key]
        for key in told.deletes:
            del self.bucket[key], self.seen[key]

    def _files_in_scope(self, wish: Wish, told: Expected) -> tuple[dict[str, list[str]], dict[str, None]]:
        by_key: dict[str, list[str]] = defaultdict(list)
        passed: dict[str, None] = {}
        for name in self.files:
            key = key_of(name)
            if not name.startswith(wish.prefix) or wish.ignores_above(name):
                passed[key] = None
            elif wish.ignores(name) or name.rpartition("/")[2] in JUNK:
                told.add("skipped")
                passed[key] = None
            else:
                by_key[key].append(name)
        return dict(by_key), passed

    def _is_about(self, wish: Wish, key: str) -> bool:
        name = key.removeprefix(PREFIX)
        if name.endswith("/") or name.rpartition("/")[2] in JUNK:
            return False
        return not (wish.ignores(name) or wish.ignores_above(name))

    def _pair(self, wish: Wish, key: str, file: File, told: Expected) -> None:
        obj, seen = self.bucket.get(key), self.seen.get(key)
        if obj is None:
            told.add("new")
            told.uploads.append(key)
        elif wish.no_clobber:
            told.add("skipped")
        elif obj.content == file.content:
            told.add("unchanged")
            told.equal.append(key)
        else:
            self._differing(wish, key, file, obj, seen, told)

    def _differing(
        self, wish: Wish, key: str, file: File, obj: Object, seen: Object | None, told: Expected
    ) -> None:
        is_known = seen is not None and seen.etag == obj.etag
        is_changed = seen is None or seen.content != file.content
        if len(obj.content) == len(file.content) and not is_known and (is_changed or wish.overwrite_newer):
            told.heads += 1
        if wish.overwrite_newer or is_known or (seen is None and file.is_new):
            told.add("changed")
            told.uploads.append(key)
        elif seen is None or not is_changed:
            told.add("kept")
        else:
            told.add("conflicts")

    def _without_files(self, wish: Wish, alone: list[str], in_scope: int, any_file: bool, told: Expected) -> None:
        known = [key for key in alone if wish.delete and self._is_ours(key)]
        told.add("orphans", len(alone) - len(known))
        if not wish.delete:
            return
        if not any_file or not wish.may_delete(len(known), in_scope):
            told.held_back = True
        elif not told.counts["failed"]:
            told.deletes = known

    def _is_ours(self, key: str) -> bool:
        seen = self.seen.get(key)
        return seen is not None and seen.etag == self.bucket[key].etag

    def _meet_trouble(self, told: Expected, taken: str | None, refused: str | None) -> None:
        for key, outcome in ((taken, "conflicts"), (refused, "failed")):
            if key is not None:
                told.uploads.remove(key)
                told.add(outcome)
        if refused is not None:
            told.deletes = []

    def _finish(self, wish: Wish, told: Expected) -> None:
        if wish.acts:
            told.add("uploaded", len(told.uploads))
            told.add("deleted", len(told.deletes))
        else:
            told.pending = len(told.uploads) + len(told.deletes)
        told.counts = +told.counts
        if told.held_back:
            told.code = 5
        elif told.counts["failed"]:
            told.code = 4
        elif told.counts["conflicts"] or (wish.check and told.pending):
            told.code = 3


def key_of(name: str) -> str:
    """The storage takes backslashes for slashes."""
    return PREFIX + name.replace("\\", "/")


def above(name: str) -> Iterator[str]:
    """The folders that it lies in."""
    parts = name.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))

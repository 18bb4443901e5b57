"""The project's own source files: a bounded walk that enters no foreign code, no uploads and no links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_FOREIGN: Final = frozenset({
    "site-packages", "dist-packages", "node_modules", "bower_components", "__pycache__", "migrations", "tests", "test",
    "venv", "env", "virtualenv", "build", "dist",
})  # fmt: skip
_TESTS: Final = ("test_", "tests.", "conftest.")
MOST: Final = 20_000
"""Files to read in one folder."""
_LARGEST: Final = 1 << 20
_DEEPEST: Final = 40


@dataclass(slots=True, kw_only=True)
class Sources:
    """Iterate once: the path and bytes of each file with one of these endings, in a fixed order."""

    root: str
    endings: tuple[str, ...]
    leave_out: frozenset[str] = field(default_factory=frozenset)
    """Real paths of folders that hold no sources: uploads, collected files."""
    most: int = MOST
    """Files to read; of other entries ten times as many are looked at."""
    read: int = 0
    unread: int = 0
    """Files that are too large or that the operating system won't let us read."""
    entries: int = 0
    cut: bool = False
    """Whether there was more than that."""

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        yield from self._folder(os.path.realpath(self.root), 0)

    def _folder(self, path: str, depth: int) -> Iterator[tuple[str, bytes]]:
        if depth > _DEEPEST or path in self.leave_out:
            return
        try:
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            return
        if depth and any(entry.name == "pyvenv.cfg" for entry in entries):
            return
        for entry in entries:
            self.entries += 1
            if self.read >= self.most or self.entries > self.most * 10:
                self.cut = True
                return
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                if entry.name not in _FOREIGN and not entry.name.endswith(".egg-info"):
                    yield from self._folder(entry.path, depth + 1)
            elif entry.name.endswith(self.endings) and not _is_test(entry.name) and _is_file(entry):
                yield from self._file(entry)

    def _file(self, entry: os.DirEntry[str]) -> Iterator[tuple[str, bytes]]:
        try:
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(_LARGEST + 1)
        except OSError:
            content = None
        if content is None or len(content) > _LARGEST:
            self.unread += 1
            return
        self.read += 1
        yield entry.path, content


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        return entry.is_dir(follow_symlinks=False)
    return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        return entry.is_file(follow_symlinks=False)
    return False


def _is_test(base: str) -> bool:
    return base.startswith(_TESTS) or base.endswith("_test.py")

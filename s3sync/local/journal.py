"""What was changed, line by line, so that it can be taken back. Written before each change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..exceptions import ConfigurationError


class Journal:
    """A new file that only its owner reads; each line is on the disk before `note` returns."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError where there is such a file, or none can be made."""
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"The journal {str(path)!r} can't be made: {str(error.strerror).lower()}.", code="Journal",
                hint="name a new file with --journal",
            ) from error  # fmt: skip
        self._descriptor = descriptor

    def note(self, entry: Mapping[str, Any]) -> None:
        """Adds a line. Raises OSError: then nothing may be changed, and no other line can be added."""
        rest = (json.dumps(entry) + "\n").encode()
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Ends the writing. Each line is on the disk already."""
        with suppress(OSError):
            os.close(self._descriptor)


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The entries, the last one first. Raises ConfigurationError, before the first one."""
    try:
        *lines, _cut_short = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The journal {str(path)!r} can't be read: {error}.", code="Journal",
            hint="name the file that --fix has written",
        ) from error  # fmt: skip
    entries = []
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None:
            raise ConfigurationError(
                f"The journal {str(path)!r} can't be read: line {number} is none of a journal's.", code="Journal",
                hint="name the file that --fix has written",
            )  # fmt: skip
        entries.append(entry)
    yield from reversed(entries)


def _entry(line: str) -> dict[str, Any] | None:
    """What a line says; None where it is no entry of a journal."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    named = all(isinstance(entry.get(name), str) for name in ("target", "bucket", "key"))
    optional = all(entry.get(name) is None or isinstance(entry[name], str) for name in ("version", "etag"))
    grants = all(_are_grants(entry.get(when)) for when in ("before", "after"))
    return entry if named and optional and grants else None


def _are_grants(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(grant, list) and len(grant) == 2 and all(isinstance(part, str) for part in grant) for grant in found
    )

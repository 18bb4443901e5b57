"""What was changed, line by line, so that it can be taken back. Written before each change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

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
        self._stream: IO[str] = os.fdopen(descriptor, "a", encoding="utf-8")

    def note(self, entry: Mapping[str, Any]) -> None:
        """Adds a line. Raises OSError: then nothing may be changed."""
        self._stream.write(json.dumps(entry) + "\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Ends the writing."""
        self._stream.close()


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The entries, the last one first. Raises ConfigurationError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines if line.endswith("}")]
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The journal {str(path)!r} can't be read: {error}.", code="Journal",
            hint="name the file that --fix has written",
        ) from error  # fmt: skip
    yield from reversed(entries)

"""`S3SYNC["MEDIA"]`: several folders, each with the storage that it is pushed to."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from s3sync.exceptions import ConfigurationError

KEYS: Final = ("source", "storage")
EXAMPLE: Final = '"MEDIA": [{"source": BASE_DIR / "media", "storage": "default"}],'


@dataclass(frozen=True, slots=True)
class MediaEntry:
    """One folder, made absolute, and the alias of `STORAGES` that it is pushed to."""

    source: Path
    storage: str


class HasMedia(Protocol):
    """What is needed of the project's settings."""

    @property
    def media(self) -> tuple[MediaEntry, ...]: ...
    @property
    def media_storage(self) -> str: ...


def media_entries(written: object) -> tuple[MediaEntry, ...]:
    """The entries, in the order written. Raises ConfigurationError."""
    if not isinstance(written, (list, tuple)) or not written:
        raise _wrong("", written, "a list of dictionaries, each with a source and a storage, or None")
    return tuple(_entry(number, entry) for number, entry in enumerate(written))


def media_aliases(settings: HasMedia) -> tuple[str, ...]:
    """The aliases that `s3_push_media` pushes to by itself, each once. Raises ConfigurationError."""
    return tuple(dict.fromkeys(entry.storage for entry in settings.media)) or (settings.media_storage,)


def _entry(number: int, entry: object) -> MediaEntry:
    if not isinstance(entry, Mapping):
        raise _wrong(f"[{number}]", entry, "a dictionary with a source and a storage")
    for key in entry:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key).lower(), KEYS, n=1)
            meant = f"{near[0]!r} instead of {key!r}" if near else "a source and a storage, and nothing else"
            raise _wrong(f"[{number}]", dict(entry), meant)
    source, storage = entry.get("source"), entry.get("storage")
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path:
        raise _wrong(f"[{number}]['source']", source, "a folder as a string or Path")
    if not isinstance(storage, str) or not storage:
        raise _wrong(f"[{number}]['storage']", storage, "an alias of STORAGES as a string")
    return MediaEntry(Path(os.path.abspath(os.path.expanduser(path))), storage)


def _wrong(where: str, value: object, write: str) -> ConfigurationError:
    return ConfigurationError(f"S3SYNC['MEDIA']{where} is {value!r}; write {write}.", hint=EXAMPLE)

"""Content on its way to two places: what can be read but once, and what is only being written."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import Any, Final

from django.core.files.base import File
from storages.utils import to_bytes

_IN_MEMORY: Final = 5 * 1024 * 1024
"""Bytes; what is more goes to the disk."""


class Draft(File):  # type: ignore[type-arg]  # in the stubs alone it takes one
    """A file opened for writing: what is written goes to both places when it is closed."""

    def __init__(self, storage: Any, name: str) -> None:
        super().__init__(_spool(), name)
        self._storage = storage

    def write(self, content: bytes | str) -> int:  # type: ignore[override]
        return int(self.file.write(to_bytes(content)))  # type: ignore[union-attr]

    def close(self) -> None:
        if self.closed:
            return
        try:
            self.seek(0)
            self._storage._save(str(self.name), self)
        finally:
            super().close()


def spooled(content: Any) -> File[bytes]:
    """A stream that can be read but once, so that it can be read again."""
    copied = File(_spool(), getattr(content, "name", None))
    for chunk in content.chunks():
        copied.write(to_bytes(chunk))
    copied.content_type = getattr(content, "content_type", None)  # type: ignore[attr-defined]
    copied.seek(0)
    return copied


def _spool() -> Any:
    return SpooledTemporaryFile(max_size=_IN_MEMORY)

"""Names by content, as Django's ManifestFilesMixin makes them; files that did not change are not read for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile, File

from ..core.objects import LocalFile
from ..exceptions import ConfigurationError
from . import reading
from .state import State

FileHash = Callable[[str | None, Any], str | None]
_DIGITS = 12
"""Of the MD5 (HashedFilesMixin.file_hash)."""


class Hashes:
    """Used by one thread. `file_hash` is the storage's own where it overrides Django's, else None."""

    def __init__(self, state: State, file_hash: FileHash | None = None) -> None:
        self._state, self._file_hash = state, file_hash

    def of_file(self, file: LocalFile) -> str | None:
        """The hash of a file as it lies on the disk. Raises OSError, NotRegular or Restless."""
        if self._file_hash is not None:
            with open(file.path, "rb") as stream:
                return self._asked(file.name, File(stream, name=file.name))
        known = self._state.fingerprint(file, "")
        if known is None:
            read = reading.read(file, keep=0)
            known = read.digest.fingerprint
            self._state.remember_fingerprint(read.file, "", known)
        return known.md5[:_DIGITS]

    def of_bytes(self, name: str | None, data: bytes) -> str | None:
        """The hash of rewritten bytes; a name of None stands for the manifest's paths."""
        if self._file_hash is not None:
            return self._asked(name, ContentFile(data, name=name))
        return hashlib.md5(data, usedforsecurity=False).hexdigest()[:_DIGITS]

    def _asked(self, name: str | None, content: Any) -> str | None:
        """What the storage says. Raises ConfigurationError where it raises."""
        assert self._file_hash is not None
        try:
            digest = self._file_hash(name, content)
        except Exception as error:
            owner = type(getattr(self._file_hash, "__self__", self._file_hash)).__name__
            raise ConfigurationError(
                f"{owner}.file_hash() raised {type(error).__name__} for {name or 'the manifest'!r}: {error}",
                code="FileHash", hint="correct the storage's class",
            ) from error  # fmt: skip
        return None if digest is None else str(digest)

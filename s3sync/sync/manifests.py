"""Where the manifest goes besides the bucket of the static files: another storage, or a file for the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from ..core.comparison import Action, Reason
from ..core.events import Failure, Outcome, Result
from ..exceptions import ConfigurationError
from ..local.build import check_place, in_words, write_whole
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from .run import Run

_IN_STORAGE = "run it again: until the manifest is replaced, the last deploy stays live"
_IN_FILE = "run it again: all else of this deploy is in its place"


@dataclass(slots=True)
class Manifests:
    """Used by the run's own thread."""

    run: Run
    manifest: bytes
    name: str
    storage: Any
    """The storage's `manifest_storage`; None where that is the storage itself."""
    path: Path | None
    """What `--manifest-to` says."""
    changed: bool = False
    """Whether the storage holds another manifest than this one."""
    stale: bool = False
    """Whether the file does."""

    def open(self) -> None:
        """Looks at what storage and file hold. Raises ConfigurationError where nothing could be written."""
        if self.path is not None:
            self.stale = self._look(self.path)
        if self.storage is None:
            return
        try:
            with self.storage.open(self.name) as stream:
                self.changed = stream.read() != self.manifest
        except FileNotFoundError:
            self.changed = True
        except Exception as error:
            raise ConfigurationError(
                f"manifest_storage ({type(self.storage).__name__}) can't be read: {_in_words(error)}.",
                code="ManifestStorage", hint="correct the manifest_storage of the storage's OPTIONS",
            ) from error  # fmt: skip

    def _look(self, path: Path) -> bool:
        why = ""
        try:
            if not path.resolve().parent.is_dir():
                why = "there is no such folder"
            elif path.exists() and not path.is_file():
                why = "it is a folder" if path.is_dir() else "it is no regular file"
            elif self._is_in(path):
                return False
            elif not self.run.options.dry_run:
                check_place(str(path))
        except (OSError, RuntimeError) as error:  # a circle of links is a RuntimeError to Python before 3.13
            why = _in_words(error)
        if why:
            raise ConfigurationError(
                f"The manifest can't be written to {str(path)!r}: {why}.", code="ManifestTo",
                hint="name a file with --manifest-to, in a folder that is there and can be written to",
            )  # fmt: skip
        return True

    def _is_in(self, path: Path) -> bool:
        try:
            return path.read_bytes() == self.manifest
        except OSError:  # what can't be read, may still be replaced
            return False

    def save(self) -> None:
        """Makes this deploy the live one. To be called once all that the manifest names is stored."""
        if self.storage is not None and self.changed and not self._save(self.name, self._store, _IN_STORAGE):
            return
        if self.path is not None and self.stale:
            self._save(str(self.path), lambda: write_whole(str(self.path), self.manifest), _IN_FILE)

    def _save(self, name: str, write: Callable[[], None], hint: str) -> bool:
        """Whether it went well."""
        if self.run.options.dry_run:
            self.run.emit(Outcome(name, None, Action.UPLOAD, Result.PLANNED, Reason.CHECKSUM, len(self.manifest)))
            return True
        try:
            write()
        except Exception as error:  # noqa: BLE001  a storage may raise anything
            failure = self._failure_of(error, name, hint)
            self.run.emit(Outcome(name, None, Action.UPLOAD, Result.FAILED, error=failure))
            return False
        return True

    def _failure_of(self, error: Exception, name: str, hint: str) -> Failure:
        if not isinstance(error, REMOTE_ERRORS):
            return Failure(type(error).__name__, hint=hint, message=_in_words(error))
        trouble = trouble_of(error)
        bucket = str(getattr(self.storage, "bucket_name", None) or "the bucket")
        explained = hint_for(trouble, operation_of(error) or "PutObject", bucket, name)
        return Failure(trouble.code, trouble.http, explained or hint, trouble.message)

    def _store(self) -> None:
        """To its exact name, without a moment in which there is none, where the storage allows that."""
        if isinstance(self.storage, FileSystemStorage):
            path = Path(self.storage.path(self.name))
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(str(path), self.manifest)
            return
        stored = self.storage._save(self.name, ContentFile(self.manifest))
        if stored != self.name:
            raise OSError(f"the storage has saved it as {stored!r}")


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        return in_words(error)
    return trouble_of(error).message if isinstance(error, REMOTE_ERRORS) else f"{type(error).__name__}: {error}"

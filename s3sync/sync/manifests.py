"""Where the manifest goes besides the bucket of the static files: another storage, or a file for the image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile

from ..core.comparison import Action, Reason
from ..core.events import Failure, Outcome, Result
from ..exceptions import ConfigurationError
from ..local.build import write_whole
from ..s3.errors import REMOTE_ERRORS, trouble_of
from .run import Run


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

    def open(self) -> None:
        """Looks at what the other storage holds. Raises ConfigurationError where nothing could be written."""
        if self.path is not None and not self.path.absolute().parent.is_dir():
            raise ConfigurationError(
                f"The manifest can't be written to {str(self.path)!r}: there is no such folder.", code="ManifestTo",
                hint="name a file in a folder that is there, with --manifest-to",
            )  # fmt: skip
        if self.storage is None:
            return
        try:
            with self.storage.open(self.name) as stream:
                self.changed = stream.read() != self.manifest
        except FileNotFoundError:
            self.changed = True
        except (OSError, *REMOTE_ERRORS) as error:
            raise ConfigurationError(
                f"manifest_storage ({type(self.storage).__name__}) can't be read: {_in_words(error)}.",
                code="ManifestStorage", hint="correct the manifest_storage of the storage's OPTIONS",
            ) from error  # fmt: skip

    def save(self) -> None:
        """Makes this deploy the live one. To be called once all that the manifest names is stored."""
        if self.storage is not None and self.changed:
            self._save(self.name, self._store)
        if self.path is not None:
            self._save(str(self.path), lambda: write_whole(str(self.path), self.manifest))

    def _save(self, name: str, write: Any) -> None:
        failure = None
        if self.run.options.dry_run:
            self.run.emit(Outcome(name, None, Action.UPLOAD, Result.PLANNED, Reason.CHECKSUM, len(self.manifest)))
            return
        try:
            write()
        except (OSError, *REMOTE_ERRORS) as error:
            failure = Failure(
                type(error).__name__, hint="the last deploy stays live until the manifest is replaced: run it again",
                message=_in_words(error),
            )  # fmt: skip
            self.run.emit(Outcome(name, None, Action.UPLOAD, Result.FAILED, error=failure))

    def _store(self) -> None:
        """To its exact name, without a moment in which there is none, where the storage allows that."""
        try:
            path = self.storage.path(self.name)
        except NotImplementedError:
            stored = self.storage._save(self.name, ContentFile(self.manifest))
            if stored != self.name:
                raise OSError(f"the storage has saved it as {stored!r}") from None
        else:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(str(path), self.manifest)


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error.strerror or error).lower()
    return trouble_of(error).message

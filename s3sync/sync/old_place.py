"""Where uploads lie on the disk: in the settings' folder, or where the storage itself looks for those not yet on S3."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage

from ..exceptions import ConfigurationError
from ..storages.cutover import CutoverMixin


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media_source(self) -> Path | None: ...
    def media_directory(self) -> Path: ...


def media_folder(settings: Settings, storage: Any) -> Path:
    """The folder that is pushed to this storage: `MEDIA_SOURCE`, else its own old place, else `MEDIA_ROOT`.

    Raises ConfigurationError where there is none, or the old place is no folder.
    """
    if settings.media_source is not None or not isinstance(storage, CutoverMixin):
        return settings.media_directory()
    try:
        local = storage.local_storage
    except ImproperlyConfigured:
        return settings.media_directory()
    if isinstance(local, FileSystemStorage):
        return Path(local.location)
    raise ConfigurationError(
        f"The old place of {type(storage).__name__} is a {type(local).__name__}, which is no folder on this machine.",
        code="NoFolder", hint="name the folder to push with --source, or as S3SYNC['MEDIA_SOURCE']",
    )  # fmt: skip

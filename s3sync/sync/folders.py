"""Which folders belong to which storage: `S3SYNC["MEDIA"]`, or the one that the settings or the storage name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ..exceptions import ConfigurationError
from ..media_setting import MediaEntry, media_aliases
from .old_place import media_folder


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media(self) -> tuple[MediaEntry, ...]: ...
    @property
    def media_storage(self) -> str: ...
    @property
    def media_source(self) -> Path | None: ...
    def media_directory(self) -> Path: ...


def folders_of(settings: Settings, alias: str, storage: Any, *, needed: bool = False) -> tuple[str, ...]:
    """Real paths of the folders that a push to this alias would read, in the order in which it reads them.

    Raises ConfigurationError where there is none and one is `needed`.
    """
    if settings.media:
        return tuple(os.path.realpath(entry.source) for entry in settings.media if entry.storage == alias)
    try:
        return (os.path.realpath(media_folder(settings, storage)),)
    except ConfigurationError as error:
        if not needed:
            return ()
        what, hint = str(error), "name the folder with --to, or as S3SYNC['MEDIA_SOURCE']"
        if error.code != "NoFolder":
            what = "MEDIA_ROOT is empty and S3SYNC['MEDIA_SOURCE'] is not set, so there is no folder to pull to."
            hint = "set MEDIA_ROOT, or name the folder with --to"
        raise ConfigurationError(what, code="NoFolder", hint=hint) from error


def pulled_media(settings: Settings, *, alias: str | None, folder: str | None) -> Sequence[MediaEntry]:
    """What these options mean of `S3SYNC["MEDIA"]`, in its order; empty where there is no such setting.

    Raises ConfigurationError where nobody can tell which objects belong in which folder.
    """
    if not settings.media:
        return ()
    if folder is not None:
        return (MediaEntry(Path(folder), alias or _only_storage(settings, folder)),)
    entries = tuple(entry for entry in settings.media if alias in (None, entry.storage))
    if not entries:
        raise ConfigurationError(
            f"No entry of S3SYNC['MEDIA'] is for the storage {alias!r}.", code="NoSuchEntry",
            hint=f"name one of {', '.join(media_aliases(settings))}, or a folder with --to",
        )  # fmt: skip
    for each in media_aliases(settings):
        there = [str(entry.source) for entry in entries if entry.storage == each]
        if len(there) > 1:
            raise ConfigurationError(
                f"S3SYNC['MEDIA'] pushes {' and '.join(map(repr, there))} to the storage {each!r}, so nobody can tell "
                "which one an object belongs in.", code="SeveralFolders",
                hint=f"name the folder: --storage {each} --to DIR",
            )  # fmt: skip
    return entries


def _only_storage(settings: Settings, folder: str) -> str:
    """The storage that this folder's entry names; of another folder the one that all entries name."""
    real = os.path.realpath(folder)
    there = {entry.storage for entry in settings.media if os.path.realpath(entry.source) == real}
    there = there or set(media_aliases(settings))
    if len(there) > 1:
        raise ConfigurationError(
            f"S3SYNC['MEDIA'] does not say which one storage is to be pulled to {folder!r}.", code="NoStorage",
            hint=f"name it with --storage: {', '.join(sorted(there))}",
        )  # fmt: skip
    return there.pop()

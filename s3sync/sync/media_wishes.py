"""What `s3_verify_media` is asked for, by options and by settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..media_setting import MediaEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaOptions:
    """What `s3_verify_media` was asked for. Times in seconds."""

    alias: str | None = None
    """Where the fields that use the default storage are looked for, if not in the default storage itself."""
    databases: tuple[str, ...] = ()
    """Empty: all."""
    models: tuple[str, ...] = ()
    """Labels such as `photos.Post`; empty: all."""
    source: Path | None = None
    """The folder whose files tell the sizes; None: as `s3_push_media` reads."""
    sizes: bool = True
    orphans: bool = False
    min_age: float = 0.0
    bodies: bool = False
    old_urls: tuple[str, ...] = ()
    """What `bodies` looks for; empty: MEDIA_URL where it is a path, else `/media/`."""


class MediaSettings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media(self) -> tuple[MediaEntry, ...]: ...
    @property
    def media_storage(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def static_storage(self) -> str: ...
    @property
    def media_root(self) -> Path | None: ...
    @property
    def media_source(self) -> Path | None: ...
    def media_directory(self) -> Path: ...
    @property
    def site_origin(self) -> str | None: ...
    @property
    def storages(self) -> Mapping[str, Mapping[str, Any]]: ...
    def project_settings(self, names: Iterable[str]) -> dict[str, Any]: ...

"""What `s3_verify_acl` is asked for, by options and by settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..media_setting import MediaEntry
from .wishes import Css


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessOptions:
    """What `s3_verify_acl` was asked for."""

    aliases: tuple[str, ...] = ()
    """Empty: all that are on S3."""
    expect: str | None = None
    """The intent of everything, whatever was declared or derived."""
    every: bool = False
    """Name each object, also where the bucket's facts decide for all."""
    sample: int | None = None
    """Look at so many objects of each alias only."""
    via: str = "both"
    """`s3`, `cdn` or `both`: where strangers' requests go."""
    probes: int = 20
    """Objects of each alias that are fetched as a stranger would."""
    check_listing: bool = False
    baseline: Path | None = None
    fix: bool = False
    allow_public: bool = False
    journal: Path | None = None


class AccessSettings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media(self) -> tuple[MediaEntry, ...]: ...
    @property
    def media_storage(self) -> str: ...
    @property
    def static_storage(self) -> str: ...
    @property
    def static_url(self) -> str: ...
    @property
    def css(self) -> Css: ...
    @property
    def site_origin(self) -> str | None: ...
    @property
    def state_dir(self) -> Path | None: ...
    @property
    def engine(self) -> str: ...
    @property
    def workers(self) -> int | None: ...
    @property
    def storages(self) -> Mapping[str, Mapping[str, Any]]: ...
    def intent_for(self, alias: str) -> list[tuple[str, str]] | None: ...
    def project_settings(self, names: Iterable[str]) -> dict[str, Any]: ...

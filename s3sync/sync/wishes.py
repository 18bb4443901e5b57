"""What `collectstatic --s3` is asked for, by options and by settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..core.plan import DeleteLimit
from ..media_setting import MediaEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticOptions:
    """What `collectstatic --s3` was asked for, beyond what every push is."""

    ignore_patterns: tuple[str, ...] = ()
    """Django's own and those of `--ignore`, for the finders."""
    post_process: bool = True
    clear: bool = False
    max_delete: DeleteLimit | None = None
    css_urls: str | None = None
    css_missing: str | None = None
    manifest_to: Path | None = None
    build: Path | None = None
    source: Path | None = None
    """A built tree, to be pushed instead of what the finders find."""
    prune: bool = False
    keep_days: float = 14.0
    keep_manifests: int = 5
    verify_css: bool = False


class Css(Protocol):
    """`S3SYNC["CSS"]`."""

    @property
    def urls(self) -> str: ...
    @property
    def missing(self) -> str: ...
    @property
    def inline_max(self) -> int: ...


class StaticSettings(Protocol):
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

"""The only door to Django's settings: `from s3sync.conf import conf`.

Every value is read from `settings.S3SYNC` when it is asked for and cached nowhere, so `override_settings` just works.
A value that cannot be meant raises `ConfigurationError`, whose message says what to write; `hint` is a line to paste.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from django.conf import settings

from s3sync import setting_values as values
from s3sync.exceptions import ConfigurationError
from s3sync.media_setting import MediaEntry, media_entries

STATE_DIR_VARIABLE: Final = "S3SYNC_STATE_DIR"
ENGINES: Final = ("auto", "fast", "boto3")
COLLECTSTATIC: Final = ("django", "s3")
CSS_URLS: Final = ("auto", "relative", "absolute", "inline", "redirect", "off")
CSS_MISSING: Final = ("error", "warn", "ignore")

CSS_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"URLS": "auto", "MISSING": "warn", "INLINE_MAX": 8192, "ORIGIN": None}
)
DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "MEDIA_STORAGE": "default",
        "MEDIA_SOURCE": None,
        "MEDIA": None,
        "STATIC_STORAGE": "staticfiles",
        "COLLECTSTATIC": "django",
        "INTENT": MappingProxyType({}),
        "CSS": CSS_DEFAULTS,
        "WORKERS": None,
        "ENGINE": "auto",
        "STATE_DIR": None,
    }
)

#: Hosts that mean this machine, or a test, and never the site.
_NO_SITE: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "testserver"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CssSettings:
    """`S3SYNC["CSS"]`, completed with the defaults; `inline_max` is in bytes, `origin` like `https://a.example`."""

    urls: str
    missing: str
    inline_max: int
    origin: str | None = None


class Conf:
    """The settings as typed properties; see the README's table of settings for what each one means."""

    @property
    def media(self) -> tuple[MediaEntry, ...]:
        """The entries of `MEDIA`, in the order written; empty where there is one folder, by the other settings."""
        written = self._value("MEDIA")
        return () if written is None else media_entries(written)

    @property
    def media_storage(self) -> str:
        return values.alias("MEDIA_STORAGE", self._value("MEDIA_STORAGE"))

    @property
    def static_storage(self) -> str:
        return values.alias("STATIC_STORAGE", self._value("STATIC_STORAGE"))

    @property
    def media_source(self) -> Path | None:
        """The directory as written, made absolute; None where `MEDIA_ROOT` is meant."""
        value = self._value("MEDIA_SOURCE")
        return None if value is None else values.directory("MEDIA_SOURCE", value)

    @property
    def media_root(self) -> Path | None:
        """`MEDIA_ROOT` made absolute; None if it is empty, as it is by default."""
        return values.directory("MEDIA_ROOT", settings.MEDIA_ROOT) if settings.MEDIA_ROOT else None

    @property
    def file_permissions(self) -> int | None:
        """`FILE_UPLOAD_PERMISSIONS`: what Django gives to uploaded files; None leaves it to the umask."""
        mode: int | None = settings.FILE_UPLOAD_PERMISSIONS
        return mode

    @property
    def directory_permissions(self) -> int | None:
        """`FILE_UPLOAD_DIRECTORY_PERMISSIONS`: the same for folders that are made for them."""
        mode: int | None = settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS
        return mode

    def media_directory(self) -> Path:
        """The directory that `s3_push_media` reads: `MEDIA_SOURCE`, else `MEDIA_ROOT`. It need not exist."""
        directory = self.media_source or self.media_root
        if directory is None:
            raise ConfigurationError(
                "MEDIA_ROOT is empty and S3SYNC['MEDIA_SOURCE'] is not set, so there is no folder to push.",
                hint='set MEDIA_ROOT, such as BASE_DIR / "media", or name the folder with --source',
            )
        return directory

    @property
    def collectstatic(self) -> str:
        return values.one_of("COLLECTSTATIC", self._value("COLLECTSTATIC"), COLLECTSTATIC)

    @property
    def engine(self) -> str:
        return values.one_of("ENGINE", self._value("ENGINE"), ENGINES)

    @property
    def workers(self) -> int | None:
        """The ceiling of uploads in flight; None leaves it to the engine."""
        value = self._value("WORKERS")
        return None if value is None else values.count("WORKERS", value, least=1, example=32)

    @property
    def state_dir(self) -> Path | None:
        """The directory of the state file; None is the user's own state directory.

        The environment variable S3SYNC_STATE_DIR wins over the setting: one host of many differs by its environment.
        """
        value = os.environ.get(STATE_DIR_VARIABLE) or self._value("STATE_DIR")
        return None if value is None else values.directory("STATE_DIR", value)

    @property
    def css(self) -> CssSettings:
        written = values.mapping("CSS", self._value("CSS"), example='{"URLS": "auto"}')
        css = {**CSS_DEFAULTS, **written}
        return CssSettings(
            urls=values.one_of("CSS.URLS", css["URLS"], CSS_URLS),
            missing=values.one_of("CSS.MISSING", css["MISSING"], CSS_MISSING),
            inline_max=values.count("CSS.INLINE_MAX", css["INLINE_MAX"], least=0, example=8192),
            origin=None if css["ORIGIN"] is None else values.origin("CSS.ORIGIN", css["ORIGIN"]),
        )

    @property
    def site_origin(self) -> str | None:
        """Where browsers find the site, like `https://www.example.com`: `ORIGIN`, or what Django's settings tell.

        That is the only full entry of `CSRF_TRUSTED_ORIGINS`, else the only host in `ALLOWED_HOSTS`; None where they
        leave a choice.
        """
        trusted = [entry for entry in settings.CSRF_TRUSTED_ORIGINS if "*" not in entry]
        hosts = [host for host in settings.ALLOWED_HOSTS if "*" not in host and host.lower() not in _NO_SITE]
        written = self.css.origin
        for found in ([written] if written else [], trusted, [f"https://{host}" for host in hosts]):
            origins = {entry.lower() for entry in found if values.is_origin(entry)}
            if len(origins) == 1:
                return origins.pop()
        return None

    @property
    def static_url(self) -> str:
        """`STATIC_URL`, or `/static/` where the project sets none."""
        return str(settings.STATIC_URL or "/static/")

    @property
    def intent(self) -> dict[str, values.Rules]:
        """Every alias with a written intent; a single word becomes the rule for all names."""
        written = values.mapping("INTENT", self._value("INTENT"), example='{"default": "private"}')
        return {values.alias("INTENT", alias): values.rules(alias, rules) for alias, rules in written.items()}

    def intent_for(self, alias: str) -> values.Rules | None:
        """The written intent of this alias, or None where it is to be derived from the storage."""
        return self.intent.get(alias)

    @property
    def storages(self) -> dict[str, Mapping[str, Any]]:
        """`STORAGES`, without the entries that are no dictionaries (Django itself fails on those)."""
        storages: object = settings.STORAGES
        if not isinstance(storages, Mapping):
            return {}
        return {str(alias): entry for alias, entry in storages.items() if isinstance(entry, Mapping)}

    @property
    def storages_is_set(self) -> bool:
        """Whether the project wrote a `STORAGES` of its own."""
        return bool(cast("Any", settings).is_overridden("STORAGES"))

    def storage_aliases(self) -> list[str]:
        return list(self.storages)

    def project_settings(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of the named Django settings that exist, for reading other packages' settings such as `AWS_*`."""
        return {name: getattr(settings, name) for name in names if hasattr(settings, name)}

    def unknown_keys(self) -> list[tuple[str, str | None]]:
        """Keys that mean nothing, each with the known key it resembles; those inside CSS are written `CSS.KEY`."""
        written = self._written()
        css = written.get("CSS")
        found = [(key, values.resembling(key, DEFAULTS)) for key in written if key not in DEFAULTS]
        for key in css if isinstance(css, Mapping) else ():
            if key not in CSS_DEFAULTS:
                near = values.resembling(key, CSS_DEFAULTS)
                found.append((f"CSS.{key}", near and f"CSS.{near}"))
        return [(str(key), near) for key, near in found]

    def is_written(self, key: str) -> bool:
        """Whether the project says this key of `S3SYNC` itself."""
        return key in self._written()

    def problems(self) -> Iterator[ConfigurationError]:
        """What each property would raise; nothing when all values can be meant."""
        try:
            self._written()
        except ConfigurationError as error:
            yield error
            return
        for key in DEFAULTS:
            try:
                getattr(self, key.lower())
            except ConfigurationError as error:
                yield error

    def _written(self) -> Mapping[str, Any]:
        return values.mapping("", getattr(settings, "S3SYNC", {}), example='{"MEDIA_STORAGE": "default"}')

    def _value(self, key: str) -> Any:
        return self._written().get(key, DEFAULTS[key])


conf: Final = Conf()

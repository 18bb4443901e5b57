"""The only door to Django's settings: `from s3sync.conf import conf`.

Every value is read from `settings.S3SYNC` when it is asked for and cached nowhere, so `override_settings` just works.
A value that cannot be meant raises `ConfigurationError`, whose message says what to write; `hint` is a line to paste.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from django.conf import settings

from s3sync.exceptions import ConfigurationError
from s3sync.media_setting import MediaEntry, media_entries

STATE_DIR_VARIABLE: Final = "S3SYNC_STATE_DIR"
ENGINES: Final = ("auto", "fast", "boto3")
INTENTS: Final = ("public", "private", "cdn")
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
# Anything else, such as a quote or a parenthesis, would have a meaning in the stylesheets that it ends up in.
_is_origin = re.compile(
    r"https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII
).fullmatch

#: Prefixes of storage names with their intent, in the order written; "" is every name.
Rules = list[tuple[str, str]]


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
        return _alias("MEDIA_STORAGE", self._value("MEDIA_STORAGE"))

    @property
    def static_storage(self) -> str:
        return _alias("STATIC_STORAGE", self._value("STATIC_STORAGE"))

    @property
    def media_source(self) -> Path | None:
        """The directory as written, made absolute; None where `MEDIA_ROOT` is meant."""
        value = self._value("MEDIA_SOURCE")
        return None if value is None else _directory("MEDIA_SOURCE", value)

    @property
    def media_root(self) -> Path | None:
        """`MEDIA_ROOT` made absolute; None if it is empty, as it is by default."""
        return _directory("MEDIA_ROOT", settings.MEDIA_ROOT) if settings.MEDIA_ROOT else None

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
                "MEDIA_ROOT is empty and S3SYNC['MEDIA_SOURCE'] is not set, so there is no directory to push. "
                "Set MEDIA_ROOT, or name the directory with --source.",
                hint='MEDIA_ROOT = BASE_DIR / "media"',
            )
        return directory

    @property
    def collectstatic(self) -> str:
        return _one_of("COLLECTSTATIC", self._value("COLLECTSTATIC"), COLLECTSTATIC)

    @property
    def engine(self) -> str:
        return _one_of("ENGINE", self._value("ENGINE"), ENGINES)

    @property
    def workers(self) -> int | None:
        """The ceiling of uploads in flight; None leaves it to the engine."""
        value = self._value("WORKERS")
        return None if value is None else _count("WORKERS", value, least=1, example=32)

    @property
    def state_dir(self) -> Path | None:
        """The directory of the state file; None is the user's own state directory.

        The environment variable S3SYNC_STATE_DIR wins over the setting: one host of many differs by its environment.
        """
        value = os.environ.get(STATE_DIR_VARIABLE) or self._value("STATE_DIR")
        return None if value is None else _directory("STATE_DIR", value)

    @property
    def css(self) -> CssSettings:
        written = _mapping("CSS", self._value("CSS"), example='{"URLS": "auto"}')
        css = {**CSS_DEFAULTS, **written}
        return CssSettings(
            urls=_one_of("CSS.URLS", css["URLS"], CSS_URLS),
            missing=_one_of("CSS.MISSING", css["MISSING"], CSS_MISSING),
            inline_max=_count("CSS.INLINE_MAX", css["INLINE_MAX"], least=0, example=8192),
            origin=None if css["ORIGIN"] is None else _origin("CSS.ORIGIN", css["ORIGIN"]),
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
            origins = {entry.lower() for entry in found if _is_origin(entry)}
            if len(origins) == 1:
                return origins.pop()
        return None

    @property
    def static_url(self) -> str:
        """`STATIC_URL`, or `/static/` where the project sets none."""
        return str(settings.STATIC_URL or "/static/")

    @property
    def intent(self) -> dict[str, Rules]:
        """Every alias with a written intent; a single word becomes the rule for all names."""
        written = _mapping("INTENT", self._value("INTENT"), example='{"default": "private"}')
        return {_alias("INTENT", alias): _rules(alias, rules) for alias, rules in written.items()}

    def intent_for(self, alias: str) -> Rules | None:
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
        found = [(key, _resembling(key, DEFAULTS)) for key in written if key not in DEFAULTS]
        for key in css if isinstance(css, Mapping) else ():
            if key not in CSS_DEFAULTS:
                near = _resembling(key, CSS_DEFAULTS)
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
        return _mapping("", getattr(settings, "S3SYNC", {}), example='{"MEDIA_STORAGE": "default"}')

    def _value(self, key: str) -> Any:
        return self._written().get(key, DEFAULTS[key])


def _wrong(key: str, value: object, write: str, example: str) -> ConfigurationError:
    where = "S3SYNC" + "".join(f"[{part!r}]" for part in key.split(".", 1) if part)
    hint = f'"{key.rpartition(".")[2]}": {example},' if key else f"S3SYNC = {example}"
    return ConfigurationError(f"{where} is {value!r}; write {write}.", hint=hint)


def _mapping(key: str, value: object, *, example: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(key, value, "a dictionary", example)
    return value


def _alias(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(key, value, "an alias of STORAGES as a string", '"default"')
    return value


def _directory(key: str, value: object) -> Path:
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path:
        raise _wrong(key, value, "a directory as a string or Path, or None", 'BASE_DIR / "media"')
    # Not resolve(): a linked directory keeps the name its author gave it. And a missing home directory is no error.
    return Path(os.path.abspath(os.path.expanduser(path)))


def _one_of(key: str, value: object, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        likely = _resembling(value, choices) or choices[0]
        raise _wrong(key, value, f"one of {', '.join(map(repr, choices))}", f'"{likely}"')
    return value


def _count(key: str, value: object, *, least: int, example: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise _wrong(key, value, f"a whole number, {least} or more", str(example))
    return value


def _origin(key: str, value: object) -> str:
    if not isinstance(value, str) or not _is_origin(value):
        write = "the site's scheme and host and nothing else, a host of other letters in its xn-- form"
        raise _wrong(key, value, write, '"https://www.example.com"')
    return value.lower()


def _rules(alias: str, written: object) -> Rules:
    key = f"INTENT.{alias}"
    if isinstance(written, str):
        return [("", _one_of(key, written, INTENTS))]
    example = '[("public/", "public"), ("", "private")]'
    if not isinstance(written, (list, tuple)) or not written:
        raise _wrong(key, written, "'public', 'private', 'cdn' or a list of (prefix, intent) pairs", example)
    rules: Rules = []
    for pair in written:
        match pair:
            case (str(), _):
                rules.append(_rule(key, written, pair, rules))
            case _:
                raise _wrong(key, written, "a list of (prefix, intent) pairs", example)
    return rules


def _rule(key: str, written: object, pair: Sequence[Any], earlier: Rules) -> tuple[str, str]:
    """The pair, unless it could never decide: what it is there to protect would be left unprotected in silence."""
    prefix, intent = pair[0], _one_of(key, pair[1], INTENTS)
    if prefix.startswith("/"):
        name = prefix.lstrip("/")
        raise _wrong(key, written, f"{name!r}: no storage name begins with a slash", f'[("{name}", "{intent}")]')
    for covering, decided in earlier:
        if prefix.startswith(covering) and decided != intent:
            write = f"the pair of {prefix!r} before that of {covering!r}: the first match decides"
            raise _wrong(key, written, write, f'[("{prefix}", "{intent}"), ("{covering}", "{decided}")]')
    return prefix, intent


def _resembling(word: object, known: Iterable[str]) -> str | None:
    spelled = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), spelled, n=1, cutoff=0.6)
    return spelled[near[0]] if near else None


conf: Final = Conf()

"""From an address of the site to a freshly signed one: for stylesheets in a private bucket.

A stylesheet can't sign what it refers to, and a signature in it would expire. So it names an address of the site, which
signs anew each time. `views` does what is HTTP about it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

from django.apps import apps
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.storage import storages
from django.urls import NoReverseMatch, reverse

from ..exceptions import ConfigurationError
from ..s3.addresses import address_of, share_connections
from ..s3.options import is_s3
from ..s3.target import Target
from .targets import target_of

LONGEST: Final = 86_400
"""Seconds that a redirect may be kept at most, however long its signature lives: a bucket may move."""
HIDDEN: Final = ".s3sync/"
"""Where our own records lie in a bucket."""

_PROBE = "name"


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def static_storage(self) -> str: ...
    @property
    def storages(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def site_origin(self) -> str | None: ...
    def project_settings(self, names: Iterable[str]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to send a browser, and for how many seconds it may remember that; 0: not at all."""

    url: str
    max_age: int


def redirect_prefix(settings: Settings) -> str | None:
    """What stands before the name in the address of each static file; None where `s3sync.urls` is not mounted.

    Absolute, since the stylesheet itself lies on another host. Raises ConfigurationError where the settings don't tell
    the site's own address.
    """
    path = _mounted_at(settings)
    if path is None:
        return None
    if settings.site_origin is None:
        raise ConfigurationError(
            "Stylesheets are to refer to this site, but the settings don't tell where it is: S3SYNC['CSS']['ORIGIN'] "
            "is not set, and neither CSRF_TRUSTED_ORIGINS nor ALLOWED_HOSTS names exactly one host.",
            code="Origin", hint='S3SYNC = {"CSS": {"ORIGIN": "https://www.example.com"}}',
        )  # fmt: skip
    return settings.site_origin + path


def redirect_url(prefix: str, name: str) -> str:
    """The address that redirects to the static file of this name; plain ASCII, as fit for a stylesheet."""
    return prefix + quote(name, safe="/~")


def redirect_for(settings: Settings, name: str, method: str = "GET") -> Redirect | None:
    """Where the static file of this name can be read now; None if this deploy has no such file. Asks S3 nothing.

    Any thread may call it. Raises ConfigurationError, and what boto3 raises where there are no credentials.
    """
    if not _is_plain(name):
        return None
    deploy = _deploy(settings)
    if deploy is None or name not in deploy.names:
        return None
    address = address_of(deploy.target, name, method=method, now=time.time())
    # Half of what is left: the browser's next visit to S3 may take its time, and clocks differ.
    return Redirect(address.url, int(min(address.seconds / 2, LONGEST)))


@dataclass(frozen=True, slots=True)
class _Deploy:
    """What this process knows of its static files, as of its first request."""

    storage: object
    """The live storage that this was read off."""
    target: Target
    names: frozenset[str]


_last: _Deploy | None = None
_lock = threading.Lock()


def _deploy(settings: Settings) -> _Deploy | None:
    """Made once for each process: nobody can make it walk the static folders, or grow, by asking for what is not there.

    None where static files are not on S3.
    """
    global _last
    alias = settings.static_storage
    storage = storages[alias] if alias in settings.storages else None
    known = _last
    if known is not None and known.storage is storage:
        return known
    if storage is not None and not is_s3(type(storage)):
        return None
    with _lock:
        if _last is None or _last.storage is not storage:
            target = target_of(alias, settings.storages)
            share_connections(target)
            _last = _Deploy(storage, target, frozenset(_names(storage)))
        return _last


def _names(storage: object) -> Iterator[str]:
    """All static files of this deploy: what the finders find, and what the manifest names."""
    configs = (config for config in apps.get_app_configs() if isinstance(config, StaticFilesConfig))
    ignored = next(configs, StaticFilesConfig).ignore_patterns
    for finder in get_finders():
        for path, source in finder.list(ignored):
            prefix = getattr(source, "prefix", None)
            yield f"{prefix}/{path}" if prefix else path
    if isinstance(storage, ManifestFilesMixin):
        for name, stored in storage.hashed_files.items():
            yield from (name, stored)


def _mounted_at(settings: Settings) -> str | None:
    """The path of the site under which the view answers."""
    if not settings.project_settings(["ROOT_URLCONF"]):
        return None
    try:
        return reverse("s3sync:static", kwargs={"name": _PROBE}).removesuffix(_PROBE)
    except NoReverseMatch:
        return None
    except Exception as error:  # the project's own modules, which may fail in any way
        raise ConfigurationError(
            f"ROOT_URLCONF can't be read, so nobody can tell whether s3sync.urls is in it: {error!r}", code="URLconf",
            hint="correct it, or choose another way with S3SYNC['CSS']['URLS'] or --css-urls",
        ) from error  # fmt: skip


def _is_plain(name: str) -> bool:
    """Whether a name means itself: no way out of the storage's location, no other host, and not our own records."""
    parts = name.split("/")
    return not ({"", ".", ".."} & set(parts) or "\\" in name or "\0" in name or name.startswith(HIDDEN))

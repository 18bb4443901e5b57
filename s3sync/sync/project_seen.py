"""A project as `s3_doctor` looks at its code: where it lies, what of it is on S3, and what to look for."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import apps
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.db.models import FileField, Model

import s3sync

from ..doctor.code_places import Lookout
from ..doctor.neighbours import DISK, MISSING, NO_BUCKET, OTHER, S3
from ..exceptions import ConfigurationError
from ..media_setting import media_aliases
from ..s3.addresses import exact_url
from ..s3.options import find_backend, find_backends, is_s3, read_options
from ..s3.told import storage_facts
from ..storages.cutover import CutoverMixin
from .targets import static_target_of

DEFAULT: Final = "default"
STATIC: Final = "staticfiles"
_PROBE: Final = "s3sync.jpg"
_INSTALLED: Final = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Project:
    """What the settings and the registry of apps tell. `settings` is `s3sync.conf.conf`."""

    settings: Any

    @cached_property
    def on_s3(self) -> frozenset[str]:
        """Aliases whose class is on S3."""
        found = find_backends(self.settings.storages)
        return frozenset(alias for alias, backend in found.items() if backend.s3_class)

    @cached_property
    def app_names(self) -> frozenset[str]:
        """Full names of the installed apps."""
        return frozenset(config.name for config in apps.get_app_configs())

    def moves(self, alias: str, name: str) -> bool:
        """Whether this alias is on S3, or is to be: `S3SYNC` names another one that is, or nothing is there yet."""
        try:
            pushed = getattr(self.settings, name)
        except ConfigurationError:
            pushed = alias
        return alias in self.on_s3 or pushed in self.on_s3 or not self.on_s3

    @cached_property
    def media(self) -> bool:
        """Whether uploads are on S3, or are to be."""
        try:
            several = any(alias in self.on_s3 for alias in media_aliases(self.settings))
        except ConfigurationError:
            several = False
        return several or self.moves(DEFAULT, "media_storage")

    @cached_property
    def falls_back(self) -> bool:
        """Whether `default` has an old place behind it."""
        backend = find_backends(self.settings.storages).get(DEFAULT)
        return backend is not None and backend.s3_class is not None and issubclass(backend.s3_class, CutoverMixin)

    @cached_property
    def static(self) -> bool:
        """The same for static files."""
        return self.moves(STATIC, "static_storage")

    @cached_property
    def root(self) -> str:
        """The folder of the project: that of `manage.py`, BASE_DIR, or the current one."""
        written = self.settings.project_settings(["BASE_DIR", "SETTINGS_MODULE"])
        base, module = written.get("BASE_DIR"), sys.modules.get(str(written.get("SETTINGS_MODULE")))
        found = [_folder(base) if isinstance(base, (str, Path)) and os.path.isdir(base) else None, _import_root(module)]
        usable = [path for path in found if path and _is_usable(path)]
        if len(usable) == 2 and (usable[0] + os.sep).startswith(usable[1] + os.sep):
            return usable[1]
        if len(usable) == 2 and (usable[1] + os.sep).startswith(usable[0] + os.sep):
            return usable[0]
        return usable[-1] if usable else os.path.realpath(os.curdir)

    def is_own(self, path: str) -> bool:
        """Whether this file or folder is the project's own, not an installed package's."""
        real = os.path.realpath(path)
        inside = (real + os.sep).startswith(self.root + os.sep)
        return inside and not any(part in _INSTALLED for part in real.split(os.sep)) and not _is_ours(real)

    @cached_property
    def leave_out(self) -> frozenset[str]:
        """Folders in it that hold no code: uploads and collected files. And this package, where it lies inside."""
        written = self.settings.project_settings(["MEDIA_ROOT", "STATIC_ROOT"]).values()
        found = {os.path.realpath(path) for path in written if path and isinstance(path, (str, Path))}
        return frozenset({path for path in found if not (self.root + os.sep).startswith(path + os.sep)} | {_OURS})

    @cached_property
    def template_folders(self) -> list[str]:
        """Those of TEMPLATES, and of the project's own apps."""
        written = self.settings.project_settings(["TEMPLATES"]).get("TEMPLATES") or ()
        named = [folder for entry in written if isinstance(entry, Mapping) for folder in entry.get("DIRS") or ()]
        folders = [_folder(path) for path in named if isinstance(path, (str, Path))]
        own = [config.path for config in apps.get_app_configs() if self.is_own(config.path)]
        folders += [os.path.realpath(os.path.join(path, name)) for path in own for name in ("templates", "jinja2")]
        return [
            path for path in dict.fromkeys(folders) if os.path.isdir(path) and _is_usable(path) and not _is_ours(path)
        ]

    def is_own_model(self, model: type[Model]) -> bool:
        """Whether the class stands in the project's own code."""
        file = getattr(sys.modules.get(model.__module__), "__file__", None)
        return bool(file) and self.is_own(str(file))

    @cached_property
    def fields(self) -> list[tuple[type[Model], FileField, str]]:
        """Each FileField where it is declared, and where its files are: `s3`, `later`, `disk` or `other`."""
        return [
            (model, field, self._keeper(field))
            for model in apps.get_models(include_auto_created=True) if not model._meta.proxy
            for field in model._meta.local_fields if isinstance(field, FileField)
        ]  # fmt: skip

    def _keeper(self, field: FileField) -> str:
        storage: Any = field.storage
        try:
            if storage is default_storage or self._is_alias(storage, DEFAULT):
                return S3 if DEFAULT in self.on_s3 else "later" if self.media else OTHER
            kind = storage.__class__  # of what a lazy storage wraps
            if is_s3(kind):
                return S3
            if not issubclass(kind, FileSystemStorage):
                return OTHER
            named = any(self._is_alias(storage, alias) for alias in self.settings.storages)
        except Exception:  # noqa: BLE001  the project's own storage may fail in any way when it is made
            return OTHER
        return OTHER if named else DISK

    def _is_alias(self, storage: Any, alias: str) -> bool:
        """Whether it is the instance that this alias gives, which is made for that only where it is on the disk."""
        backend = self.settings.storages.get(alias, {}).get("BACKEND")
        kind = find_backend(backend).value if isinstance(backend, str) else None
        return isinstance(kind, type) and issubclass(kind, FileSystemStorage) and storages[alias] is storage

    @cached_property
    def lookout(self) -> Lookout:
        """What to look for in the project's code."""
        verdicts: dict[str, set[str]] = {}
        own = [(model, field, keeper) for model, field, keeper in self.fields if self.is_own_model(model)]
        for _, field, keeper in own:
            verdicts.setdefault(field.name, set()).add(keeper)
        aliases = dict.fromkeys(self.on_s3, "error")
        for alias, moves in ((DEFAULT, self.media), (STATIC, self.static)):
            if moves:
                aliases.setdefault(alias, "warning")
        return Lookout(
            fields={
                name: "error" if keepers == {S3} else "warning"
                for name, keepers in verdicts.items() if keepers & {S3, "later"}
            },
            aliases=aliases, models=frozenset(model.__name__ for model, _, _ in own), media=self.media,
            static=self.static, media_url=self._dead_path("MEDIA_URL", DEFAULT, moves=self.media),
            static_url=self._dead_path("STATIC_URL", STATIC, moves=self.static), falls_back=self.falls_back,
        )  # fmt: skip

    def _dead_path(self, setting: str, alias: str, *, moves: bool) -> str:
        """The path that the setting is, if nothing of S3 is there: no URL, and none that the site's own proxy maps."""
        path = str(self.settings.project_settings([setting]).get(setting) or "")
        if not moves or len(path) < 2 or not path.startswith("/") or path.startswith("//"):
            return ""
        base = self.base_of(alias) if alias in self.on_s3 else ""
        return "" if base and self.is_own_host(base) and urlsplit(base).path == path else path

    def base_of(self, alias: str) -> str:
        """What all addresses of this alias begin with; empty where they are signed, or nobody can tell."""
        try:
            target, _ = static_target_of(alias, self.settings.storages)
            if storage_facts(target, target.prefix + _PROBE).url_is_signed:
                return ""
            url = exact_url(target.storage, _PROBE)
        except Exception:  # noqa: BLE001  the project's own storage, which has a check of its own
            return ""
        return urlsplit(url)._replace(query="", fragment="").geturl().removesuffix(_PROBE)

    def is_own_host(self, url: str) -> bool:
        """Whether this address is on the site's own host."""
        host = urlsplit(url).hostname
        if host is None:
            return True
        hosts = self.settings.project_settings(["ALLOWED_HOSTS"]).get("ALLOWED_HOSTS") or ()
        origin = urlsplit(self.settings.site_origin or "").hostname
        return host == origin or any(_allows(str(pattern).lower(), host) for pattern in hosts)

    def where(self, backend: str, options: Mapping[str, Any]) -> str:
        """Where a class that is constructed with these options keeps files."""
        found = find_backend(backend)
        if found.s3_class:
            return S3 if read_options(found.s3_class, options).get("bucket_name") else NO_BUCKET
        if isinstance(found.value, type):
            return DISK if issubclass(found.value, FileSystemStorage) else OTHER
        return MISSING if found.missing else OTHER


def _allows(pattern: str, host: str) -> bool:
    return host == pattern or (pattern.startswith(".") and (host == pattern[1:] or host.endswith(pattern)))


def _folder(path: str | Path) -> str:
    return os.path.realpath(path)


def _import_root(module: Any) -> str | None:
    """The folder from which the settings are imported."""
    file = getattr(module, "__file__", None)
    if not file:
        return None
    levels = str(module.__name__).count(".") + os.path.basename(str(file)).startswith("__init__.")
    path = os.path.dirname(os.path.realpath(str(file)))
    for _ in range(levels):
        path = os.path.dirname(path)
    return path


_OURS: Final = os.path.dirname(os.path.realpath(s3sync.__file__))


def _is_ours(path: str) -> bool:
    return (path + os.sep).startswith(_OURS + os.sep)


def _is_usable(path: str) -> bool:
    """Not a whole disk or home, nor installed packages."""
    whole = {os.path.realpath(os.sep), os.path.realpath(os.path.expanduser("~"))}
    return path not in whole and not any(part in _INSTALLED for part in path.split(os.sep))

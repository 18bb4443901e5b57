"""Where the values of a file field lie: which storage of the project they are read from, and which bucket that is."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from django.core.files.storage import FileSystemStorage, default_storage, storages

from ..core.events import Finding
from ..core.values import ELSEWHERE, LOCAL, WRONG_STORAGE
from ..exceptions import ConfigurationError
from ..rows.columns import real
from ..s3.errors import REMOTE_ERRORS, hint_for, trouble_of
from ..s3.options import find_backends, has_own_keys, is_s3, s3_aliases
from ..s3.target import Target
from ..s3.values import NoKey, key_of_value
from ..storages.cutover import CutoverMixin
from .folders import folders_of
from .media_wishes import MediaOptions, MediaSettings
from .run import Run
from .targets import foreign_names, target_from, target_of

DEFAULT = "default"
_KEPT = 1000
"""Storages that are remembered: a class may make a new one for each row."""


@dataclass(slots=True)
class Place:
    """One location in one bucket, whatever aliases lead there."""

    number: int
    target: Target
    way: tuple[str, str, Any]
    """Endpoint and bucket, prefix, and the rule for keys."""
    alias: str | None = None
    """None: the storage is none of STORAGES."""
    sources: tuple[str, ...] = ()
    """The folders whose files were pushed here, if any; real paths."""
    labels: list[str] = field(default_factory=list)
    """All aliases and classes that lead here."""
    listed: bool = False
    """To the end."""

    @property
    def label(self) -> str:
        """The alias, or the class of a storage that is none of STORAGES."""
        return self.alias or self.labels[0]

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.target.bucket}/{self.target.prefix}"

    def key_of(self, name: str) -> str | None:
        """The key of a value here, or None if there can be none."""
        try:
            return key_of_value(self.target, name)
        except NoKey:
            return None


@dataclass(frozen=True, slots=True)
class Beside:
    """Values that lie in no bucket."""

    verdict: str
    label: str
    detail: str = ""


class Places:
    """Finds the place of each storage that fields have. Used by one thread; asks nothing of the network."""

    def __init__(self, run: Run, settings: MediaSettings, wishes: MediaOptions) -> None:
        self._run, self._settings, self._wishes = run, settings, wishes
        self._on_s3 = s3_aliases(settings.storages)
        self._found: dict[int, Place | Beside] = {}
        self._kept: list[Any] = []
        """The storages that were looked at: an id is unique among those that live."""
        self._media: Place | None = None
        self.all: list[Place] = []

    @property
    def media_alias(self) -> str:
        """The alias in which the values of the default storage are looked for."""
        if self._wishes.alias or DEFAULT not in self._on_s3:
            return self._wishes.alias or self._entry_of(self._settings.media_root) or self._settings.media_storage
        return DEFAULT

    def _entry_of(self, folder: object) -> str | None:
        """The storage that `S3SYNC["MEDIA"]` has this folder pushed to."""
        real = os.path.realpath(str(folder)) if folder else ""
        return next((each.storage for each in self._settings.media if os.path.realpath(each.source) == real), None)

    def media(self) -> Place:
        """Where the default storage's values are, or will be. Raises ConfigurationError."""
        if self._media is None:
            alias = self.media_alias
            self._media = self._place(target_of(alias, self._settings.storages), alias)
        return self._media

    def of(self, storage: Any, field: str) -> Place | Beside:
        """The place of a field's storage. Raises an S3SyncError where it can't be made."""
        found = self._found.get(id(storage))
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
                self._found.clear()
            self._kept.append(storage)
            found = self._found[id(storage)] = self._look(storage, field)
        return found

    def _look(self, storage: Any, field: str) -> Place | Beside:
        alias = self._alias_of(storage)
        if alias == DEFAULT:
            return self.media()
        try:
            storage = real(storage)
        except Exception as error:
            raise ConfigurationError(
                f"The storage of {field} can't be made: {type(error).__name__}: {error}", code="Storage",
                hint="correct it, or name the models to look at with --model",
            ) from error  # fmt: skip
        if not is_s3(type(storage)):
            return self._beside(storage, alias or type(storage).__name__, field)
        label = alias or f"{type(storage).__module__}.{type(storage).__qualname__}"
        return self._place(target_from(label, storage), alias)

    def _alias_of(self, storage: Any) -> str | None:
        """The alias whose very instance this is. Storages that nobody has made yet are not made for that."""
        if storage is default_storage:
            return DEFAULT
        made = getattr(storages, "_storages", {})
        wrapped = getattr(storage, "_wrapped", storage)
        return next((str(alias) for alias, each in made.items() if each is storage or each is wrapped), None)

    def _beside(self, storage: Any, label: str, field: str) -> Place | Beside:
        if not isinstance(storage, FileSystemStorage):
            return Beside(ELSEWHERE, label, f"a {type(storage).__name__}")
        root, location = self._settings.media_root, os.path.realpath(storage.location)
        if root is None or location != os.path.realpath(root):
            pushed_to = self._entry_of(location)
            if pushed_to is None:
                return Beside(LOCAL, label, f"the folder {location}")
            self._run.emit(Finding("storage-fixed", "warning", (
                f"{field} reads the folder {location} on this disk, and was looked for in the storage {pushed_to!r}, "
                "to which S3SYNC['MEDIA'] has it pushed. Give the field that storage once nothing is missing."
            )))  # fmt: skip
            return self._place(target_of(pushed_to, self._settings.storages), pushed_to)
        if DEFAULT in self._on_s3:
            return Beside(WRONG_STORAGE, label, "the field reads MEDIA_ROOT on this disk, not S3")
        self._run.emit(Finding("storage-fixed", "warning", (
            f"{field} has a {type(storage).__name__} of its own: it will go on reading MEDIA_ROOT when the default "
            "storage is on S3. Take storage= out of the field."
        )))  # fmt: skip
        return self.media()

    def _place(self, target: Target, alias: str | None) -> Place:
        """The place of this target; the same for all that lead there."""
        try:
            way = (target.identity, target.prefix, type(target.storage)._normalize_name)
        except (*REMOTE_ERRORS, ValueError) as error:
            trouble = trouble_of(error)
            raise ConfigurationError(
                f"The storage {target.alias!r} can't connect: {trouble.message}", code=trouble.code,
                hint=hint_for(trouble, "ListObjectsV2", target.bucket, "*"),
            ) from error  # fmt: skip
        place = next((place for place in self.all if place.way == way), None)
        if place is None:
            place = Place(len(self.all), target, way)
            self.all.append(place)
        if target.alias not in place.labels:
            place.labels.append(target.alias)
        if alias is not None:
            place.alias = place.alias or alias
            place.sources = tuple(dict.fromkeys([*place.sources, *self._sources(alias, target.storage)]))
        return place

    def _sources(self, alias: str, storage: Any) -> tuple[str, ...]:
        """The folders whose files tell the sizes; none where there are none, or nobody wants to know."""
        wished = self._wishes.source
        if not self._wishes.sizes:
            return ()
        is_media = alias in (self.media_alias, self._settings.media_storage)
        if wished is None:
            own = self._settings.media_source is None and isinstance(storage, CutoverMixin)
            if not (is_media or own or self._settings.media):
                return ()
            return tuple(path for path in folders_of(self._settings, alias, storage) if os.path.isdir(path))
        if not wished.is_dir():
            raise ConfigurationError(
                f"The folder {str(wished)!r} is not there.", code="SourceUnreadable",
                hint="name another with --source, or compare no sizes: --no-sizes",
            )  # fmt: skip
        return (os.path.realpath(wished),) if is_media else ()

    def foreign_in(self, place: Place) -> tuple[str, ...]:
        """Prefixes of names in a place that are other storages'; an empty one: nobody can tell whose an object is."""
        target, settings, found = place.target, self._settings, set()
        if settings.static_storage in place.labels:
            found.add("")
        backends = find_backends(settings.storages)
        for alias, entry in settings.storages.items():
            if alias in place.labels:
                continue
            for prefix in foreign_names(target, {alias: entry}):
                backend = backends[alias].s3_class
                # Another alias of the very same place is another name for it; but static files are no uploads.
                if prefix or alias == settings.static_storage or (backend is not None and has_own_keys(backend)):
                    found.add(prefix)
        for other in self.all:
            if other is not place and other.target.identity == target.identity and (
                other.target.prefix.startswith(target.prefix)
            ):  # fmt: skip
                found.add(other.target.prefix[len(target.prefix) :])
        return tuple(sorted(found))

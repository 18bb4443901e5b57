"""Objects that apps make of others, such as thumbnails: no row names them, and yet they are no orphans."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

SETTINGS: Final = (
    "THUMBNAIL_PREFIX", "THUMBNAIL_BASEDIR", "THUMBNAIL_SUBDIR", "IMAGEKIT_CACHEFILE_DIR",
    "VERSATILEIMAGEFIELD_SETTINGS",
)  # fmt: skip
"""Of Django's settings, those that say where they lie."""
_EASY = re.compile(r".\.\d+x\d+_q\d+[^/]*\.\w+\Z")
"""`photo.jpg.300x200_q85_crop.jpg`, as easy_thumbnails' own namer has it."""
_VERSATILE = {
    "sized_directory_name": "__sized__", "filtered_directory_name": "__filtered__",
    "placeholder_directory_name": "__placeholder__",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Derived:
    """Where the apps of a project put what they make."""

    prefixes: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """Anywhere in a name."""
    easy: bool = False

    def covers(self, name: str) -> bool:
        """Whether such an app may have made the object of this name."""
        if name.startswith(self.prefixes) or (self.easy and _EASY.search(name)):
            return True
        return any(f"/{folder}/" in f"/{name}" for folder in self.folders)


def derived_by(apps: Collection[str], settings: Mapping[str, Any]) -> Derived:
    """`apps` are module names of installed ones; `settings` those of `SETTINGS` that are set."""
    prefixes: list[str] = []
    folders: list[str] = []
    if "sorl.thumbnail" in apps:
        prefixes.append(settings.get("THUMBNAIL_PREFIX", "cache/"))
    if "imagekit" in apps:
        prefixes.append(_folder(settings.get("IMAGEKIT_CACHEFILE_DIR", "CACHE/images")))
    if "filer" in apps:
        prefixes += ["filer_public_thumbnails/", "filer_private_thumbnails/"]
    if "easy_thumbnails" in apps:
        prefixes.append(_folder(settings.get("THUMBNAIL_BASEDIR", "")))
        folders.append(str(settings.get("THUMBNAIL_SUBDIR") or "").strip("/"))
    if "versatileimagefield" in apps:
        written = settings.get("VERSATILEIMAGEFIELD_SETTINGS") or {}
        folders += [str(written.get(name) or usual).strip("/") for name, usual in _VERSATILE.items()]
    named = tuple(str(prefix) for prefix in prefixes if prefix)  # an empty one would be all there is
    return Derived(named, tuple(filter(None, folders)), "easy_thumbnails" in apps)


def _folder(path: Any) -> str:
    text = str(path or "").strip("/")
    return text + "/" if text else ""

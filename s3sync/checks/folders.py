"""Checks of Django's folders against each other: what lies in two of them is pushed, published or deleted by both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.core import checks

from s3sync.checks import ids
from s3sync.conf import conf
from s3sync.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FINDERS: Final = "django.contrib.staticfiles.finders."


def check_folders() -> list[checks.CheckMessage]:
    """What lies inside what it should not; of two folders inside each other the first thing said is enough."""
    if not apps.is_installed("django.contrib.staticfiles"):
        return []
    try:
        return [*_messages()]
    except ConfigurationError:  # a folder that is no path: that is said elsewhere
        return []


def _messages() -> Iterator[checks.CheckMessage]:
    media = conf.media_root
    root = _path(conf.project_settings(["STATIC_ROOT"]).get("STATIC_ROOT"))
    sources = list(_sources())
    around = next(((name, path) for name, path in sources if media and _is_inside(media, path)), None)
    if media and around:
        yield _collected(media, *around)
    elif media and root and _is_inside(media, root):
        yield _nested("MEDIA_ROOT", media, "STATIC_ROOT", root, _IN_STATIC_ROOT, 'MEDIA_ROOT = BASE_DIR / "media"')
    for name, pushed in _pushed():
        if root and root != pushed and _is_inside(root, pushed):
            yield _nested("STATIC_ROOT", root, name, pushed, _IN_MEDIA, 'STATIC_ROOT = BASE_DIR / "static_root"')
        for source_name, path in sources:
            if path != pushed and _is_inside(path, pushed):
                hint = f'MEDIA_ROOT = BASE_DIR / "media"  # beside {source_name}; then move the uploads there'
                yield _nested(source_name, path, name, pushed, _IN_MEDIA, hint)


def _pushed() -> Iterator[tuple[str, Path]]:
    """The folders that `s3_push_media` reads, each with what to call it."""
    for number, entry in enumerate(conf.media):
        yield f"S3SYNC['MEDIA'][{number}]['source']", entry.source
    pushed = conf.media_source or conf.media_root
    if not conf.media and pushed is not None:
        yield "S3SYNC['MEDIA_SOURCE']" if conf.media_source else "MEDIA_ROOT", pushed


_IN_STATIC_ROOT: Final = "`collectstatic --clear` deletes uploads, and whoever serves the one publishes the other"
_IN_MEDIA: Final = (
    "s3_push_media takes it for uploads and pushes it to the media storage, and an upload can overwrite static files"
)


def _collected(media: Path, name: str, source: Path) -> checks.CheckMessage:
    return checks.Warning(
        f"MEDIA_ROOT ({media}) is inside {name} ({source}): collectstatic collects every upload and publishes it as a "
        "static file, private ones included.",
        hint='MEDIA_ROOT = BASE_DIR / "media"  # beside the static files; then move the uploads there',
        id=ids.UPLOADS_COLLECTED,
    )


def _nested(inner: str, inside: Path, outer: str, path: Path, harm: str, hint: str) -> checks.CheckMessage:
    return checks.Warning(f"{inner} ({inside}) is inside {outer} ({path}): {harm}.", hint=hint, id=ids.NESTED_FOLDERS)


def _sources() -> Iterator[tuple[str, Path]]:
    """The folders that Django's own finders look into, each with what to call it."""
    settings = conf.project_settings(["STATICFILES_FINDERS", "STATICFILES_DIRS"])
    finders = settings.get("STATICFILES_FINDERS") or ()
    if f"{_FINDERS}FileSystemFinder" in finders:
        for entry in settings.get("STATICFILES_DIRS") or ():
            path = _path(entry[1] if isinstance(entry, (list, tuple)) and len(entry) == 2 else entry)
            if path:
                yield "an entry of STATICFILES_DIRS", path
    if f"{_FINDERS}AppDirectoriesFinder" in finders:
        for app in apps.get_app_configs():
            path = Path(app.path) / "static"
            if path.is_dir():
                yield f"the static folder of {app.name!r}", path


def _path(value: Any) -> Path | None:
    """The folder made absolute; None for what is none, which Django itself reports."""
    written = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    return Path(os.path.abspath(written)) if isinstance(written, str) and written else None


def _is_inside(inner: Path, outer: Path) -> bool:
    """Whether the one is the other or below it, by name or by where links lead: finders and walks go through both."""
    return inner.is_relative_to(outer) or Path(os.path.realpath(inner)).is_relative_to(os.path.realpath(outer))

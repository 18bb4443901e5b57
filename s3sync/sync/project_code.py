"""What in the project's own code and settings breaks on S3."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Final

from ..core.events import Diagnosis
from ..doctor.code_places import ID, MOST, CodePlace, Lookout, told
from ..doctor.neighbours import DISK, SETTINGS, Neighbourhood, of_neighbours
from ..doctor.python_code import places_in
from ..doctor.templates import places_in_template
from ..local.sources import MOST as MOST_SOURCES
from ..local.sources import Sources
from .media_files import of_media_files
from .project_seen import DEFAULT, STATIC, Project

_CUTOVER: Final = "D33"
_TEMPLATES: Final = (".html", ".htm", ".txt", ".xml", ".svg", ".jinja", ".jinja2", ".j2", ".djhtml")
_NEIGHBOURS: Final = ("filer.", "wagtail.")
"""Their fields are looked at with their settings."""


def of_project(settings: Any) -> Iterator[Diagnosis]:
    """Diagnoses of code, templates, fields, neighbours and media files. Asks nothing of the network."""
    project = Project(settings)
    yield from _of_code(project)
    yield from of_neighbours(_neighbourhood(project))
    yield from of_media_files(project)
    yield from _of_cutover(project)


def _of_code(project: Project) -> Iterator[Diagnosis]:
    reading = _Reading(project)
    found = [*told(reading.places()), *_of_fields(project)]
    yield from found
    if all(diagnosis.verdict == "ok" for diagnosis in found):
        yield Diagnosis(ID, "ok", "code", reading.summary)


class _Reading:
    """Reads all Python code and templates of the project once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._counts = {"Python file": 0, "template": 0}
        self._unread = 0
        self._cut = False

    @property
    def summary(self) -> str:
        """What was read, and that it is well."""
        read = " and ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for what, count in self._counts.items())
        more = f"; {self._unread:,} more could not be read" if self._unread else ""
        more += "" if self._project.media else "; uploads stay there, as S3SYNC['MEDIA_STORAGE'] names no alias on S3"
        more += f"; it stopped at {MOST_SOURCES:,} files" if self._cut else ""
        return f"{read} of {self._project.root}: nothing that needs files on this disk{more}"

    def places(self) -> Iterator[tuple[str, CodePlace]]:
        """Each place with the name of its file."""
        lookout = self._project.lookout
        yield from self._places(self._project.root, (".py",), "Python file", lookout, places_in)
        seen: set[str] = set()
        for folder in self._project.template_folders:
            yield from self._places(folder, _TEMPLATES, "template", lookout, _in_template, seen)

    def _places(
        self, root: str, endings: tuple[str, ...], what: str, lookout: Lookout,
        places_of: Callable[[bytes, Lookout], list[CodePlace] | None], seen: set[str] | None = None,
    ) -> Iterator[tuple[str, CodePlace]]:  # fmt: skip
        sources = Sources(root=root, endings=endings, leave_out=self._project.leave_out)
        for path, content in sources:
            if seen is not None and path in seen:
                continue
            places = places_of(content, lookout)
            self._counts[what] += places is not None
            self._unread += places is None
            if seen is not None:
                seen.add(path)
            name = os.path.relpath(path, self._project.root) if self._project.is_own(path) else path
            yield from ((name, place) for place in places or ())
        self._unread += sources.unread
        self._cut |= sources.cut


def _in_template(content: bytes, lookout: Lookout) -> list[CodePlace] | None:
    try:
        return places_in_template(content.decode(), lookout)
    except UnicodeDecodeError:
        return None


def _of_fields(project: Project) -> Iterator[Diagnosis]:
    """Fields that stay on the disk, though uploads have left it."""
    if DEFAULT not in project.on_s3:
        return
    found = [_stays(project, model, field) for model, field, keeper in project.fields if keeper == DISK]
    told_of = [diagnosis for diagnosis in found if diagnosis is not None]
    yield from told_of[:MOST]
    if len(told_of) > MOST:
        yield Diagnosis(ID, "warning", "field-storage", f"and {len(told_of) - MOST:,} more fields", _STAYS, _CALLABLE)


_STAYS: Final = (
    "STORAGES['default'] is on S3, and these files are not: other hosts do not see them, and they go with this disk"
)
_CALLABLE: Final = (
    "def uploads(): return storages['default']   # from django.core.files.storage import storages\n"
    "models.FileField(..., storage=uploads)   # or leave storage= out\n"
    "# then: python manage.py makemigrations, and python manage.py s3_push_media\n"
    "where this disk is meant: give it an alias in STORAGES, and let the callable return storages['that alias']"
)


def _stays(project: Project, model: Any, field: Any) -> Diagnosis | None:
    if model.__module__.startswith(_NEIGHBOURS):
        return None
    own = project.is_own_model(model)
    location = str(getattr(field.storage, "location", ""))
    media = str(project.settings.project_settings(["MEDIA_ROOT"]).get("MEDIA_ROOT") or "")
    if not own and (
        not media or not (os.path.realpath(location) + os.sep).startswith(os.path.realpath(media) + os.sep)
    ):
        return None  # an installed app's own affair, such as a profiler's dumps
    seen = f"{model._meta.label}.{field.name} keeps its files in {location} ({type(field.storage).__name__})"
    fix = _CALLABLE if own else f"look for the setting of {model._meta.app_config.name} that names its storage"
    return Diagnosis(ID, "warning", "field-storage", seen, _STAYS, fix)


def _neighbourhood(project: Project) -> Neighbourhood:
    settings = project.settings
    middleware = settings.project_settings(["MIDDLEWARE"]).get("MIDDLEWARE") or ()
    static = STATIC in project.on_s3
    return Neighbourhood(
        apps=project.app_names, middleware=[str(name) for name in middleware],
        settings=settings.project_settings(SETTINGS),
        storages={alias: str(entry.get("BACKEND", "")) for alias, entry in settings.storages.items()},
        options={alias: entry.get("OPTIONS") or {} for alias, entry in settings.storages.items()},
        where=project.where, media=DEFAULT in project.on_s3, static=static,
        static_base=project.base_of(STATIC) if static and "compressor" in project.app_names else "",
    )  # fmt: skip


def _of_cutover(project: Project) -> Iterator[Diagnosis]:
    """That `default` still has an old place behind it, and how to tell when that can go. Asks nobody."""
    if project.falls_back:
        seen = (
            "what is not on S3 yet is read from where it was; that has an end when `python manage.py s3_push_media "
            "--check` exits with 0 and s3_verify_media misses nothing: then take CutoverMixin away again"
        )
        yield Diagnosis(_CUTOVER, "ok", "cutover", seen, alias=DEFAULT)

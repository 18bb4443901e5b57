"""What lies among the uploads and is not for everybody: secrets, and documents that act for the site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from ..access.intent import is_meant_public
from ..core.events import Diagnosis
from ..core.objects import LocalFile
from ..core.scope import Scope, is_secret
from ..exceptions import ConfigurationError
from ..local.walk import Walk
from ..s3.target import Target
from ..s3.told import storage_facts
from .guard import Publicity, publishes_secret
from .old_place import media_folder
from .project_seen import Project
from .targets import target_of

ID: Final = "D24"
MOST: Final = 50_000
"""Names that are looked at."""
_NAMED: Final = 10
_ACTIVE: Final = (".html", ".htm", ".xhtml", ".xht", ".shtml", ".svg", ".xml", ".xsl", ".xslt", ".js", ".mjs", ".swf")
"""What browsers run, or run scripts in."""


def of_media_files(project: Project) -> Iterator[Diagnosis]:
    """Secrets that a push would hold back, and web documents on the site's own host. Nothing where uploads stay."""
    settings = project.settings
    try:
        pushed: list[tuple[str, Path | None]] = [(entry.storage, entry.source) for entry in settings.media]
    except ConfigurationError:  # what has a check of its own
        return
    for alias, source in pushed or [(settings.media_storage, None)]:
        if alias in project.on_s3:
            yield from _of_folder(project, alias, source)


def _of_folder(project: Project, alias: str, source: Path | None) -> Iterator[Diagnosis]:
    settings = project.settings
    try:
        has_options = "OPTIONS" in settings.storages[alias]
        media = _Media(alias, target_of(alias, settings.storages), settings.intent_for(alias) or (), has_options)
        root = str(source or media_folder(settings, media.target.storage))
    except ConfigurationError:  # no folder, or what has a check of its own
        return
    names, cut = _names_in(root)
    where = f"{'the first ' if cut else ''}{len(names):,} files of {root}"
    secrets = [name for name in names if is_secret(name) and media.publishes(name)]
    yield media.secrets(secrets, where)
    base = project.base_of(alias)
    if base and project.is_own_host(base):
        yield media.documents([name for name in names if media.shows(name)], where, base)


@dataclass(frozen=True, slots=True)
class _Media:
    """The storage of the uploads, and who is meant to read it."""

    alias: str
    target: Target
    intent: Sequence[tuple[str, str]]
    has_options: bool

    def publishes(self, name: str) -> bool:
        """The guard of `s3_push_media`."""
        try:
            return publishes_secret(Publicity(self.target, self.intent), frozenset(), self.target.key_of(name), name)
        except Exception:  # noqa: BLE001  a name without a key, or the storage's own code
            return False

    def shows(self, name: str) -> bool:
        """Whether everybody may open this in a browser, which does then what it says."""
        if not name.lower().endswith(_ACTIVE):
            return False
        try:
            key = self.target.key_of(name)
            if not is_meant_public(storage_facts(self.target, key), self.intent, name):
                return False
            parameters = self.target.rendering_of(key).parameters.params
        except Exception:  # noqa: BLE001  the same
            return False
        return not str(parameters.get("ContentDisposition", "")).lower().startswith("attachment")

    def secrets(self, names: Sequence[str], where: str) -> Diagnosis:
        """What a push holds back."""
        if not names:
            return Diagnosis(ID, "ok", "secrets", f"{where}: none that would publish a secret", alias=self.alias)
        seen = f"{where}: {len(names):,} with names of secrets, and everybody can read this storage: {_some(names)}"
        why = "s3_push_media holds them back, so they will be missing; the site itself publishes such uploads"
        fix = (
            "move them out of the folder of uploads\n"
            f"what is none: python manage.py s3_push_media --storage {self.alias} --allow-secret {names[0]}"
        )
        return Diagnosis(ID, "warning", "secrets", seen, why, fix, self.alias)

    def documents(self, names: Sequence[str], where: str, base: str) -> Diagnosis:
        """What runs scripts on the site's own host."""
        if not names:
            return Diagnosis(ID, "ok", "documents", f"{where}: none that acts for the site at {base}", alias=self.alias)
        seen = f"{where}: {len(names):,} that browsers run, at {base} on the site's own host: {_some(names)}"
        why = "a script in an upload acts there as whoever looks at it: it reads pages and posts forms in their name"
        options = '["OPTIONS"]' if self.has_options else '.setdefault("OPTIONS", {})'
        fix = (
            f'STORAGES["{self.alias}"]{options}.setdefault("object_parameters", {{}})["ContentDisposition"] = '
            '"attachment"\n'
            f"python manage.py s3_push_media --storage {self.alias} --fix-metadata\n"
            "or serve uploads from a domain of their own (custom_domain)"
        )
        return Diagnosis(ID, "warning", "documents", seen, why, fix, self.alias)


def _names_in(root: str) -> tuple[list[str], bool]:
    """Names of files that a push would look at, and whether there are more. A folder that is not there is empty."""
    walk = Walk(root=root, scope=Scope(), hold=lambda entry: None, is_regular=lambda name: True)
    try:
        found = list(islice(walk, MOST + 1))
    except OSError:
        return [], False
    return [entry.name for entry in found[:MOST] if isinstance(entry, LocalFile)], len(found) > MOST


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more

"""Places in a project's own files that do not work on S3, and the words for each kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from ..core.events import Diagnosis

ID: Final = "D31"
MOST: Final = 50
"""Places of one kind that are told; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookout:
    """What is worth finding in this project. Empty: nothing is, as nothing of it is on S3 or about to be."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """Name of a FileField -> the verdict on its `path`: `error` where it is on S3, else `warning`."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """The same for aliases of STORAGES."""
    models: frozenset[str] = frozenset()
    """Names of the model classes, in whose methods `self.avatar` is the field."""
    media: bool = False
    """Whether uploads are on S3, or are to be."""
    static: bool = False
    """The same for static files."""
    media_url: str = ""
    """The path that MEDIA_URL is, such as `/media/`; empty where it leads to S3 itself."""
    static_url: str = ""
    """The same of STATIC_URL."""
    falls_back: bool = False
    """Whether uploads that are not on S3 yet are still served from where they were."""


class CodePlace(NamedTuple):
    """One line of a file."""

    line: int
    title: str
    """A key of `WORDS`."""
    verdict: str
    seen: str


class Words(NamedTuple):
    """What is said of all places of one kind."""

    why: str
    fix: str = ""


_READ = (
    'with obj.avatar.open("rb") as file: ...   # read it where it is; Image.open(file) and others take a file\n'
    "obj.avatar.url, .size, .storage.exists(obj.avatar.name)   # instead of os.path of its path\n"
    "with NamedTemporaryFile() as copy: shutil.copyfileobj(file, copy)   # for a library that wants a path"
)
_STORE = (
    'default_storage.open(name, "rb"), .save(name, content), .exists(name), .listdir(folder), .delete(name)\n'
    "a folder for temporary files: tempfile.TemporaryDirectory()"
)
_OLD_DISK = "no upload is on this disk once they are on S3: this reads and writes what nobody else sees"
_URL = (
    "the address ends in a 404, or at yesterday's file on the disk: it is not S3's, and private files need a signed one"
)

WORDS: Final[Mapping[str, Words]] = MappingProxyType({
    "field-path": Words("a file on S3 has no path: .path raises NotImplementedError", _READ),
    "storage-path": Words("a storage on S3 has no paths: .path() raises NotImplementedError", _STORE),
    "media-root": Words(_OLD_DISK, _STORE),
    "static-root": Words(
        "collectstatic --s3 does not fill STATIC_ROOT: what is read there is missing, or of an older release",
        "staticfiles_storage.open(name), or django.contrib.staticfiles.finders.find(name) for the source file",
    ),
    "media-url": Words(_URL, "obj.avatar.url; default_storage.url(name) where there is only a name"),
    "static-url": Words(_URL, 'django.templatetags.static.static("css/site.css")'),
    "disk-storage": Words(
        "FileSystemStorage() is the folder MEDIA_ROOT on this disk, whatever STORAGES says",
        "from django.core.files.storage import default_storage   # and use it instead",
    ),
    "serve-route": Words(
        "it goes on serving the files of this disk, of which there are no new ones, with or without DEBUG",
        "remove the route: obj.avatar.url and {% static %} lead to S3\n"
        "for development: urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)",
    ),
    "cutover-route": Words("it serves the uploads that are not on S3 yet; it goes together with the CutoverStorage"),
    "debug-route": Words("it does nothing unless DEBUG is on, and what is on S3 has addresses of its own"),
    "template-media": Words(_URL, "{{ object.avatar.url }}"),
    "template-static": Words(
        "the address ends in a 404, or at yesterday's file on the disk; runserver hides it, as it serves these itself",
        '{% load static %}{% static "css/site.css" %}',
    ),
})  # fmt: skip


def told(found: Iterable[tuple[str, CodePlace]]) -> Iterator[Diagnosis]:
    """Diagnoses of places, each with the name of its file: kind by kind, at most `MOST` of a kind."""
    kinds: dict[tuple[str, str], list[tuple[str, CodePlace]]] = {}
    for name, place in found:
        kinds.setdefault((place.title, place.verdict), []).append((name, place))
    for (title, verdict), places in kinds.items():
        words = WORDS[title]
        fix = "" if verdict == "ok" else words.fix
        for name, place in places[:MOST]:
            yield Diagnosis(ID, verdict, title, place.seen, words.why, fix, name=name, line=place.line)
        more = places[MOST:]
        if more:
            files = len({name for name, _ in more})
            seen = f"and {len(more):,} more places of this kind, in {files:,} file{'s' if files > 1 else ''}"
            yield Diagnosis(ID, verdict, title, seen, words.why, fix)

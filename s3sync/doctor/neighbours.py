"""Apps that keep files of their own: where they keep them, what to push of that, and what is made anew.

What is said holds for django-compressor 4.6, easy-thumbnails 2.10, sorl-thumbnail 13.4, django-imagekit 6.1,
Wagtail 8.0, django-filer 3.6 and WhiteNoise 6.12; their defaults stand here beside the names of their settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.events import Diagnosis

ID: Final = "D32"
S3, DISK, OTHER, MISSING, NO_BUCKET = "s3", "disk", "other", "missing", "no-bucket"

SETTINGS: Final = (
    "COMPRESS_ENABLED", "COMPRESS_STORAGE", "COMPRESS_STORAGE_ALIAS", "COMPRESS_URL", "COMPRESS_OUTPUT_DIR", "DEBUG",
    "STATIC_URL", "THUMBNAIL_DEFAULT_STORAGE", "THUMBNAIL_DEFAULT_STORAGE_ALIAS", "THUMBNAIL_CHECK_CACHE_MISS",
    "THUMBNAIL_BASEDIR", "THUMBNAIL_STORAGE", "THUMBNAIL_PREFIX", "IMAGEKIT_DEFAULT_FILE_STORAGE",
    "IMAGEKIT_CACHEFILE_DIR", "WAGTAILIMAGES_RENDITION_STORAGE", "FILER_STORAGES", "FILER_ENABLE_PERMISSIONS",
    "FILER_IS_PUBLIC_DEFAULT", "FILER_0_8_COMPATIBILITY_MODE",
)  # fmt: skip
"""Settings that are read of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """What the project's settings say of its neighbours."""

    apps: frozenset[str]
    """Full names of the installed apps."""
    middleware: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of `SETTINGS` that are set."""
    storages: Mapping[str, str] = field(default_factory=dict)
    """Alias of STORAGES -> its BACKEND."""
    where: Callable[[str, Mapping[str, Any]], str] = lambda backend, options: OTHER
    """Where a class constructed with these options keeps files: `s3`, `disk`, `other`, `missing` or `no-bucket`."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Alias of STORAGES -> its OPTIONS."""
    media: bool = False
    """Whether `default` is on S3."""
    static: bool = False
    """Whether `staticfiles` is on S3."""
    static_base: str = ""
    """What addresses of static files begin with; empty if nobody can tell."""

    def setting(self, name: str, default: Any = None) -> Any:
        """What is set, but None and what is empty is the default."""
        return self.settings.get(name) or default

    def of_alias(self, alias: str) -> str:
        """Where this alias keeps files."""
        if alias not in self.storages:
            return MISSING
        return self.where(self.storages[alias], self.options.get(alias, {}))

    def of(self, value: Any) -> str:
        """Where an alias, or a dotted path that is constructed without OPTIONS, keeps files."""
        if not isinstance(value, str):
            return OTHER
        return self.of_alias(value) if value in self.storages else self.where(value, {})


def of_neighbours(around: Neighbourhood) -> Iterator[Diagnosis]:
    """One diagnosis for each neighbour whose files are on S3, or ought to be."""
    for app, moved, look in _NEIGHBOURS:
        if app in around.apps and (around.static if moved == "static" else around.media):
            yield look(around)
    if around.static and any(name.startswith("whitenoise.") for name in around.middleware):
        seen = "WhiteNoise serves STATIC_ROOT, and the static files are on S3: its middleware does no harm and no work"
        yield Diagnosis(ID, "ok", "whitenoise", seen)


def _compressor(around: Neighbourhood) -> Diagnosis:
    setting = around.setting
    folder = str(setting("COMPRESS_OUTPUT_DIR", "CACHE")).strip("/")
    if not around.settings.get("COMPRESS_ENABLED", not around.settings.get("DEBUG")):
        return _well("compressor", "django-compressor is switched off (COMPRESS_ENABLED)")
    alias = setting("COMPRESS_STORAGE_ALIAS", "compressor")
    written = setting("COMPRESS_STORAGE", "compressor.storage.CompressorFileStorage")
    where = around.of_alias(alias) if alias in around.storages else around.where(written, {})
    lines = []
    if where in (DISK, MISSING, NO_BUCKET):
        backend = around.storages.get("staticfiles", "")
        plain = ', "BACKEND": "storages.backends.s3.S3StaticStorage"' if "Manifest" in backend else ""
        value = f'{{**STORAGES["staticfiles"]{plain}}}'
        lines.append(f'STORAGES["{alias}"] = {value}')
    base = around.static_base
    if base and str(setting("COMPRESS_URL") or setting("STATIC_URL", "")) != base:
        lines.append(f'COMPRESS_URL = "{base}"')
    if not lines:
        made = f"{folder}/ goes there by itself: python manage.py compress, after collectstatic --s3"
        return _well("compressor", f"django-compressor keeps its files on S3; {made}")
    seen = (
        f"django-compressor writes {folder}/ {_words(where)}" if where in (DISK, MISSING, NO_BUCKET)
        else "django-compressor's COMPRESS_URL is not where the static files are"
    )  # fmt: skip
    why = (
        "collectstatic does not collect what it makes, and {% compress %} refuses a file whose address does not begin "
        "with COMPRESS_URL"
    )
    lines.append("# then: python manage.py collectstatic --s3 && python manage.py compress --force")
    return Diagnosis(ID, "warning", "compressor", seen, why, "\n".join(lines))


def _easy_thumbnails(around: Neighbourhood) -> Diagnosis:
    alias = around.setting("THUMBNAIL_DEFAULT_STORAGE_ALIAS", "easy_thumbnails")
    where = around.of_alias(alias if alias in around.storages else "default")
    if where in (DISK, MISSING):
        seen = f"easy-thumbnails writes thumbnails {_words(where)}: STORAGES[{alias!r}]"
        fix = f'STORAGES["{alias}"] = STORAGES["default"]'
        return Diagnosis(ID, "warning", "easy-thumbnails", seen, _UNSEEN, fix)
    if not around.setting("THUMBNAIL_CHECK_CACHE_MISS"):
        remark = "its rows name the old storage, so all are made anew unless THUMBNAIL_CHECK_CACHE_MISS = True"
    else:
        remark = "thumbnails that are pushed are found again (THUMBNAIL_CHECK_CACHE_MISS)"
    base = str(around.setting("THUMBNAIL_BASEDIR", "")).strip("/")
    push = (
        f'push them, or leave them out with --ignore "{base}/*"'
        if base
        else "they lie beside the pictures: push them too"
    )
    return _well("easy-thumbnails", f"easy-thumbnails writes to S3; {push}; {remark}")


def _sorl(around: Neighbourhood) -> Diagnosis:
    written = around.setting("THUMBNAIL_STORAGE", "default")
    where = around.of(written)
    folder = str(around.setting("THUMBNAIL_PREFIX", "cache/")).strip("/")
    if where in (DISK, MISSING, NO_BUCKET):
        seen = f"sorl-thumbnail writes thumbnails {_words(where)}: THUMBNAIL_STORAGE = {written!r}"
        fix = 'THUMBNAIL_STORAGE = "default"\n# then: python manage.py thumbnail clear'
        return Diagnosis(ID, "warning", "sorl-thumbnail", seen, _why(where), fix)
    made = f'thumbnails are made anew when they are asked for: s3_push_media --ignore "{folder}/*"'
    return _well("sorl-thumbnail", f"sorl-thumbnail writes to S3; {made}, then python manage.py thumbnail clear")


def _imagekit(around: Neighbourhood) -> Diagnosis:
    written = around.setting("IMAGEKIT_DEFAULT_FILE_STORAGE", "default")
    where = around.of(written)
    folder = str(around.setting("IMAGEKIT_CACHEFILE_DIR", "CACHE/images")).strip("/")
    if where in (DISK, MISSING, NO_BUCKET):
        seen = f"django-imagekit writes {folder}/ {_words(where)}: IMAGEKIT_DEFAULT_FILE_STORAGE = {written!r}"
        return Diagnosis(ID, "warning", "imagekit", seen, _why(where), 'IMAGEKIT_DEFAULT_FILE_STORAGE = "default"')
    remark = "its cache remembers what exists, so what is left out has to be forgotten there and made anew"
    made = f"push {folder}/ too: {remark} (cache.clear(), python manage.py generateimages)"
    return _well("imagekit", f"django-imagekit writes to S3; {made}")


def _wagtail(around: Neighbourhood) -> Diagnosis:
    written = around.settings.get("WAGTAILIMAGES_RENDITION_STORAGE", "default")
    where = around.of(written)
    if where in (DISK, MISSING, NO_BUCKET):
        seen = f"Wagtail writes renditions {_words(where)}: WAGTAILIMAGES_RENDITION_STORAGE = {written!r}"
        fix = (
            'WAGTAILIMAGES_RENDITION_STORAGE = "default"\n'
            "# then: python manage.py s3_push_media, or python manage.py wagtail_update_image_renditions"
        )
        return Diagnosis(ID, "warning", "wagtail", seen, _why(where), fix)
    push = "push original_images/, documents/ and images/ (renditions are rows, and not made anew by themselves)"
    command = "python manage.py wagtail_update_image_renditions makes them anew"
    return _well("wagtail", f"Wagtail writes to S3; {push}; {command}")


def _filer(around: Neighbourhood) -> Diagnosis:
    kinds = [("public", "main"), ("public", "thumbnails")]
    if around.setting("FILER_ENABLE_PERMISSIONS") or not around.settings.get("FILER_IS_PUBLIC_DEFAULT", True):
        kinds += [("private", "main"), ("private", "thumbnails")]
    wrong = [(kind, where) for kind in kinds if (where := _filer_keeps(around, *kind)) in (DISK, MISSING, NO_BUCKET)]
    if not wrong:
        made = 's3_push_media --ignore "filer_public_thumbnails/*", then python manage.py generate_thumbnails'
        return _well("filer", f"django-filer writes to S3; push filer_public/; its thumbnails too, or {made}")
    seen = "django-filer writes " + "; ".join(
        f"{access} {kind} files {_words(where)}" for (access, kind), where in wrong
    )
    why = "it takes the class of STORAGES['default'] without its OPTIONS, and for private files the disk"
    fix = [*_FILER_PUBLIC, *(_FILER_PRIVATE if len(kinds) > 2 else ()), "}"]
    return Diagnosis(ID, "warning", "filer", seen, why, "\n".join(fix))


_FILER_PUBLIC: Final = (
    '_BACKEND, _OPTIONS = STORAGES["default"]["BACKEND"], STORAGES["default"].get("OPTIONS", {})',
    "FILER_STORAGES = {",
    '    "public": dict.fromkeys(("main", "thumbnails"), {"ENGINE": _BACKEND, "OPTIONS": _OPTIONS}),',
)
_FILER_PRIVATE: Final = (
    '    "private": {kind: {"ENGINE": _BACKEND, "OPTIONS": {',
    '        **_OPTIONS, "location": folder, "querystring_auth": True, "custom_domain": None, "default_acl": None,',
    '    }} for kind, folder in (("main", "filer_private"), ("thumbnails", "filer_private_thumbnails"))},',
)


def _filer_keeps(around: Neighbourhood, access: str, kind: str) -> str:
    if around.setting("FILER_0_8_COMPATIBILITY_MODE"):
        return around.where(around.storages.get("default", ""), {})
    written = around.setting("FILER_STORAGES", {})
    entry = written.get(access, {}).get(kind, {}) if isinstance(written, Mapping) else {}
    if entry.get("ENGINE"):
        return around.where(str(entry["ENGINE"]), entry.get("OPTIONS") or {})
    return DISK if access == "private" else around.where(around.storages.get("default", ""), {})


_UNSEEN: Final = (
    "other hosts do not see them, s3_push_media knows nothing of new ones, and their addresses lead to this disk"
)


def _why(where: str) -> str:
    return "a dotted path is constructed without the OPTIONS of STORAGES" if where == NO_BUCKET else _UNSEEN


def _words(where: str) -> str:
    return {
        DISK: "to the local disk",
        MISSING: "to a storage that does not exist",
        NO_BUCKET: "to an S3 storage without a bucket name",
    }[where]


def _well(title: str, seen: str) -> Diagnosis:
    return Diagnosis(ID, "ok", title, seen)


_NEIGHBOURS: Final[tuple[tuple[str, str, Callable[[Neighbourhood], Diagnosis]], ...]] = (
    ("compressor", "static", _compressor),
    ("easy_thumbnails", "media", _easy_thumbnails),
    ("sorl.thumbnail", "media", _sorl),
    ("imagekit", "media", _imagekit),
    ("wagtail.images", "media", _wagtail),
    ("filer", "media", _filer),
)

"""Check of the two settings that Django dropped: files that its author believes on S3 go to the local disk.

`DEFAULT_FILE_STORAGE` and `STATICFILES_STORAGE` were deprecated in Django 4.2 and removed in 5.1 (release notes,
"Features removed in 5.1"); since then they are ignored without a word, and `STORAGES` decides alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.core import checks

from s3sync.checks import ids
from s3sync.checks.backends import meant_backend
from s3sync.checks.literals import literal
from s3sync.checks.removed import PARAMETERS, merged, replacements
from s3sync.conf import conf
from s3sync.s3.options import OPTION_OF_SETTING, SECRET_OPTIONS, Backend, find_backend, read_storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALIAS_OF_SETTING: Final = {"DEFAULT_FILE_STORAGE": "default", "STATICFILES_STORAGE": "staticfiles"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What goes into `STORAGES` for one alias; remarks become comments."""

    backend: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Option name -> Python source of its value."""
    remarks: tuple[str, ...] = ()

    def source(self) -> str:
        inside = [f'"{name}": {value},' for name, value in self.options.items()]
        inside += [f"# {remark}" for remark in self.remarks]
        lines = ["{", f'    "BACKEND": "{self.backend}",']
        if inside:
            lines += ['    "OPTIONS": {', *(f"        {line}" for line in inside), "    },"]
        return "\n".join([*lines, "}"])


def check_ignored_settings(storages: Mapping[str, Mapping[str, Any]]) -> list[checks.CheckMessage]:
    """One message for both settings, because what it says to paste has to hold both."""
    ignored = dict(_ignored(storages))
    if not ignored:
        return []
    backends = {setting: _backend(path) for setting, path in ignored.items()}
    on_s3 = any(_is_meant_for_s3(backend) for backend in backends.values())
    named = " and ".join(f"{setting} = {path!r}" for setting, path in ignored.items())
    verb = "are" if len(ignored) > 1 else "is"
    local = " and ".join(repr(ALIAS_OF_SETTING[setting]) for setting in ignored)
    message = f"{named} {verb} ignored since Django 5.1: STORAGES decides alone, and has something else for {local}."
    if on_s3:
        message += " Files that you believe on S3 are written to the local disk."
    entries = {ALIAS_OF_SETTING[setting]: _entry(backend) for setting, backend in backends.items()}
    removed = _taken_over([entry for entry in entries.values() if entry.options])
    hint = f"{_instruction([*ignored, *removed])}\n\n{_paste(entries, storages)}"
    level, check_id = (checks.Error, ids.IGNORED_S3_SETTING) if on_s3 else (checks.Warning, ids.IGNORED_SETTING)
    return [level(message, hint=hint, id=check_id)]


def _ignored(storages: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The settings with a path that `STORAGES` does not say as well; one that is only left over does no harm."""
    for setting, path in conf.project_settings(ALIAS_OF_SETTING).items():
        current = str(storages.get(ALIAS_OF_SETTING[setting], {}).get("BACKEND", "django.core."))
        is_local = current.startswith(("django.core.", "django.contrib."))
        if isinstance(path, str) and path and is_local and not _is_same(path, current):
            yield setting, path


def _is_same(path: str, current: str) -> bool:
    one, other = find_backend(path).value, find_backend(current).value
    return path == current or (one is not None and one is other)


def _backend(path: str) -> Backend:
    """The class, by its name of today where the setting has an old or misspelt one."""
    backend = find_backend(path)
    meant = meant_backend(path) if backend.missing else None
    return find_backend(meant) if meant and meant != path else backend


def _is_meant_for_s3(backend: Backend) -> bool:
    # What cannot be imported, or is a function that makes a storage (cookiecutter-django had `lambda: S3Boto3Storage(
    # location="media")`), may be on S3; that AWS_* names a bucket says for whom it was written.
    untold = backend.error is not None or not isinstance(backend.value, type)
    return backend.s3_class is not None or (untold and bool(conf.project_settings(["AWS_STORAGE_BUCKET_NAME"])))


def _entry(backend: Backend) -> Entry:
    if backend.s3_class is None:
        remarks = (f"its module cannot be imported: {' '.join(str(backend.error).split())}",) if backend.error else ()
        return Entry(backend=backend.path, remarks=remarks)
    present = conf.project_settings(OPTION_OF_SETTING)
    today = read_storage(backend.s3_class, {})
    options, values, withheld = {}, {}, []
    for setting, value in present.items():
        option = OPTION_OF_SETTING[setting]
        source = None if option in SECRET_OPTIONS else literal(value)
        if source is None:
            withheld.append(setting)
        elif option in today.options and today.options[option] == value:
            # Where they differ the class decides by itself, and OPTIONS would overrule it.
            options[option], values[option] = source, value
    _add_removed(backend.s3_class, options, values)
    if today.error is None and read_storage(backend.s3_class, values).error is not None:
        remark = "this class takes no OPTIONS; it goes on reading your AWS_* settings"
        return Entry(backend=backend.path, remarks=(remark,))
    remark = f"not printed, may be secret; still read from your settings: {', '.join(withheld)}"
    return Entry(backend=backend.path, options=options, remarks=(remark,) if withheld else ())


def _taken_over(entries: list[Entry]) -> list[str]:
    """The settings without effect of which nothing is lost when these entries stand in `STORAGES`."""
    asked = replacements().items() if entries else ()
    return [name for name, one in asked if all(one.options.keys() <= entry.options.keys() for entry in entries)]


def _add_removed(storage_class: type, options: dict[str, str], values: dict[str, Any]) -> None:
    """What settings ask for that django-storages has dropped, where the class doesn't say otherwise itself."""
    withheld = PARAMETERS not in options and bool(conf.project_settings(["AWS_S3_OBJECT_PARAMETERS"]))
    own = {name for cls in storage_class.__mro__ if not cls.__module__.startswith("storages.") for name in vars(cls)}
    for name, value in merged(one.options for one in replacements().values()).items():
        if name in own or (name == PARAMETERS and withheld):
            continue
        together = {**value, **values.get(name, {})} if name == PARAMETERS else values.get(name, value)
        source = literal(together)
        if source is not None:
            options[name], values[name] = source, together


def _instruction(settings: list[str]) -> str:
    where = "below your STORAGES" if conf.storages_is_set else "into your settings"
    return f"Delete {' and '.join(settings)}, and paste this {where} (keep your other AWS_* settings):"


def _paste(entries: Mapping[str, Entry], storages: Mapping[str, Mapping[str, Any]]) -> str:
    if conf.storages_is_set:
        return "\n".join(f'STORAGES["{alias}"] = {entry.source()}' for alias, entry in entries.items())
    # A STORAGES replaces Django's as a whole, so it has to say the other alias too.
    kept = {alias: Entry(backend=str(entry.get("BACKEND", ""))) for alias, entry in storages.items()}
    lines = [f'"{alias}": {entry.source()},' for alias, entry in {**kept, **entries}.items()]
    body = "\n".join(f"    {line}" for entry in lines for line in entry.splitlines())
    return f"STORAGES = {{\n{body}\n}}"

"""The place where the files were until now: made from an option, and written to exactly under S3's names."""

from __future__ import annotations

import os
import posixpath
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.module_loading import import_string

DRAFT: Final = ".s3sync-"
"""What the name of a file that is still being written begins with; s3_push_media takes it for litter."""
_FILE_SYSTEM: Final = "django.core.files.storage.FileSystemStorage"


def old_place(local: Any, url: str | None) -> Storage:
    """The storage of the old place. Raises ImproperlyConfigured."""
    entry: Mapping[str, Any] = {"OPTIONS": {} if local is None else {"location": local}}
    if isinstance(local, Mapping):
        entry = local
    elif not isinstance(local, (str, PurePath, type(None))):
        raise ImproperlyConfigured(f"local is a {type(local).__name__}; write a folder, or an entry as in STORAGES.")
    if unknown := set(entry) - {"BACKEND", "OPTIONS"}:
        names = ", ".join(sorted(map(repr, unknown)))
        raise ImproperlyConfigured(f"local has {names}; an entry as in STORAGES has BACKEND and OPTIONS.")
    path = entry.get("BACKEND", _FILE_SYSTEM)
    try:
        options = {**entry.get("OPTIONS", {}), **({} if url is None else {"base_url": url})}
        made: Storage = import_string(path)(**options)
    except (ImportError, TypeError, AttributeError) as error:
        raise ImproperlyConfigured(f"local: {path} can't be made: {error}") from error
    return made


def place_of(storage: Storage) -> str:
    """The old place, for people."""
    with suppress(Exception):
        return str(getattr(storage, "location", "") or type(storage).__name__)
    return type(storage).__name__


def has_file(storage: Storage, name: str) -> bool:
    """Whether there is a file of this name; a folder, which S3 does not have, is none."""
    if isinstance(storage, FileSystemStorage):
        return os.path.isfile(storage.path(name))
    return storage.exists(name)


def put_exactly(storage: Storage, name: str, content: Any, written: float) -> None:
    """Stores the content under this very name, whatever is there. Raises what the storage raises.

    On a disk nobody ever sees half of it, an error leaves what was there before, and `written` becomes its time.
    """
    if isinstance(storage, FileSystemStorage):
        _replace(storage, name, content, written)
        return
    if storage.exists(name):
        storage.delete(name)
    saved = storage.save(name, content)
    if saved != name:
        with suppress(Exception):
            storage.delete(saved)
        raise OSError(f"{type(storage).__name__} stored it as {saved!r}")


def _replace(storage: FileSystemStorage, name: str, content: Any, written: float) -> None:
    """Django's own way of saving, with its permissions and folders, but under another name first."""
    folder, base = posixpath.split(name)
    draft = posixpath.join(folder, DRAFT + secrets.token_hex(8) + posixpath.splitext(base)[1])
    try:
        draft = storage.save(draft, content)
        os.utime(storage.path(draft), (written, written))
        os.replace(storage.path(draft), storage.path(name))
    except BaseException:
        with suppress(OSError):
            os.unlink(storage.path(draft))
        raise

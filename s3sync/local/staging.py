"""The storage's own post-processing, in a folder on this side: for classes that do more than Django's mixin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from django.core.files.storage import FileSystemStorage

from ..core.objects import LocalFile


class StagingFailed(Exception):
    """The storage could not post-process a file; `name` is what it says of which."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason


def stage(storage: Any, files: Mapping[str, LocalFile], folder: str) -> dict[str, LocalFile]:
    """All files that lie in the folder once the storage has post-processed `files` there, by name.

    `storage` keeps its files in `folder`. Raises StagingFailed, or OSError where the disk is full.
    """
    for name, file in files.items():
        path = os.path.join(folder, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(file.path, path)  # no link: the class may write into what it is given
    disk = FileSystemStorage(location=folder)
    try:
        for name, _, processed in storage.post_process({name: (disk, name) for name in files}, dry_run=False):
            if isinstance(processed, Exception):
                raise StagingFailed(str(name), _in_words(processed)) from processed
    except StagingFailed:
        raise
    except Exception as error:
        raise StagingFailed(type(storage).__name__, _in_words(error)) from error
    return {name: _described(name, path) for name, path in _walk(folder)}


def _in_words(error: Exception) -> str:
    return " ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]).replace("\n", " ")


def _walk(folder: str) -> list[tuple[str, str]]:
    return [
        (os.path.relpath(os.path.join(above, base), folder).replace(os.sep, "/"), os.path.join(above, base))
        for above, _, bases in os.walk(folder)
        for base in bases
    ]


def _described(name: str, path: str) -> LocalFile:
    path = os.path.realpath(path)
    status = os.stat(path)
    return LocalFile(name, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

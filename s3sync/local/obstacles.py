"""What can stand where a file is to be."""

from __future__ import annotations

import os
import stat

from ..core.objects import LocalFile


class InTheWay(Exception):
    """Something that is no file of ours to replace stands where the file, or a folder above it, would be."""

    def __init__(self, what: str, where: str, *, code: str = "InTheWay") -> None:
        super().__init__(f"{what} is in the way: {where}")
        self.code = code


class Taken(Exception):
    """Somebody has written a file of that name since it was looked at. `file` is what is there now."""

    def __init__(self, file: LocalFile) -> None:
        super().__init__(file.name)
        self.file = file


def described(name: str, path: str, status: os.stat_result) -> LocalFile:
    """A file as it is now."""
    return LocalFile(name, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def what_is(status: os.stat_result) -> str:
    """In words."""
    if stat.S_ISLNK(status.st_mode):
        return "a link"
    if stat.S_ISDIR(status.st_mode):
        return "a folder"
    return "a file" if stat.S_ISREG(status.st_mode) else "something that is no regular file"


def code_of(status: os.stat_result) -> str:
    """For the report."""
    return "LinkInTheWay" if stat.S_ISLNK(status.st_mode) else "InTheWay"

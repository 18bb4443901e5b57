"""Many files, or objects, that follow each other: kept by column, as most of them are never looked at one by one.

To make a named tuple of each costs more than all that is done with a file and an object that are as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import overload

from .objects import LocalFile, RemoteObject

Stamps = tuple[list[int], list[int], list[int], list[int]]
"""Of several files the columns size, mtime_ns, ctime_ns and inode."""
Settled = tuple[list[str | None], list[int | None]]
"""The columns of `LocalFile.settled`: ETags and sizes, with None in both where nobody has looked."""

_file: Callable[[tuple[object, ...]], LocalFile] = partial(tuple.__new__, LocalFile)
"""What `LocalFile._make` does, in half its time."""
_object: Callable[[tuple[object, ...]], RemoteObject] = partial(tuple.__new__, RemoteObject)


class Files(Sequence[LocalFile]):
    """Files of one folder in the order of keys; the key of each is the prefix and its name. Not to be changed."""

    __slots__ = ("_stamps", "folder", "names", "settled", "skip")

    def __init__(
        self, names: list[str], stamps: Stamps | Callable[[], Stamps], *, folder: str, skip: int,
        settled: Settled | None = None,
    ) -> None:  # fmt: skip
        """A path is `folder` and the name without its first `skip` characters. `stamps` may be what gets them."""
        self.names, self._stamps, self.folder, self.skip = names, stamps, folder, skip
        self.settled: Settled = settled or ([None] * len(names), [None] * len(names))

    @property
    def stamps(self) -> Stamps:
        """What changes when a file does."""
        if not isinstance(self._stamps, tuple):
            self._stamps = self._stamps()
        return self._stamps

    def with_settled(self, settled: Settled) -> Files:
        """The same files with these columns."""
        return Files(self.names, self.stamps, folder=self.folder, skip=self.skip, settled=settled)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> LocalFile: ...
    @overload
    def __getitem__(self, place: slice) -> Files: ...
    def __getitem__(self, place: int | slice) -> LocalFile | Files:
        if isinstance(place, int):
            sizes, mtimes, ctimes, inodes = self.stamps
            name, etag, stored = self.names[place], self.settled[0][place], self.settled[1][place]
            settled = None if etag is None or stored is None else (etag, stored)
            path = self.folder + name[self.skip :]
            return _file((name, path, sizes[place], mtimes[place], ctimes[place], inodes[place], settled))
        names = self.names[place]
        if names == self.names:
            return self
        sizes, mtimes, ctimes, inodes = self.stamps
        return Files(
            names, (sizes[place], mtimes[place], ctimes[place], inodes[place]), folder=self.folder, skip=self.skip,
            settled=(self.settled[0][place], self.settled[1][place]),
        )  # fmt: skip


class Objects(Sequence[RemoteObject]):
    """Objects that the server has listed one after the other. Not to be changed."""

    __slots__ = ("etags", "keys", "modified", "sizes")

    def __init__(self, keys: list[str], sizes: list[int], etags: list[str], modified: list[str]) -> None:
        self.keys, self.sizes, self.etags, self.modified = keys, sizes, etags, modified

    @classmethod
    def of(cls, objects: Iterable[RemoteObject]) -> Objects:
        """The same objects by column."""
        if isinstance(objects, cls):
            return objects
        columns = cls([], [], [], [])
        for key, size, etag, modified in objects:
            columns.keys.append(key)
            columns.sizes.append(size)
            columns.etags.append(etag)
            columns.modified.append(modified)
        return columns

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, place: int) -> RemoteObject: ...
    @overload
    def __getitem__(self, place: slice) -> Objects: ...
    def __getitem__(self, place: int | slice) -> RemoteObject | Objects:
        if isinstance(place, int):
            return RemoteObject(self.keys[place], self.sizes[place], self.etags[place], self.modified[place])
        return Objects(self.keys[place], self.sizes[place], self.etags[place], self.modified[place])

    def __iter__(self) -> Iterator[RemoteObject]:
        return map(_object, zip(self.keys, self.sizes, self.etags, self.modified, strict=True))

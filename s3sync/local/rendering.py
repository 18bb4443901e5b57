"""Static files as they are to be stored: references rewritten, and under hashed names too. All of it on this side.

Each file is read, rewritten and hashed once. Stylesheets that refer to each other in a circle are hashed as one group.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ..core.objects import LocalFile
from ..css import Finding, Names, Reference, Sheet, groups, levels, read_css, read_js
from . import reading
from .spool import Spool

_CSS, _JS = ".css", (".js", ".mjs")
_TAIL = 8192
"""Bytes; no file's name is longer."""


class Asset(NamedTuple):
    """A file to be stored under its name."""

    file: LocalFile
    level: int = 0
    """Not before all of the lower levels are stored."""
    source: str = ""
    """The name that it was collected under; empty for what this run has made itself."""


class Hashing(Protocol):
    """How a storage names a file by its content."""

    def of_file(self, file: LocalFile) -> str | None:
        """The hash of a file as it lies on the disk. Raises OSError."""

    def of_bytes(self, name: str, data: bytes) -> str | None:
        """The hash of rewritten bytes."""


Address = Callable[[Reference, str], str | None]
"""What is written in place of a reference to a file that is stored under a name; None leaves it as it is."""


@dataclass(slots=True)
class Rendering:
    """What came out."""

    assets: dict[str, Asset] = field(default_factory=dict)
    paths: dict[str, str] | None = None
    """Name -> hashed name, as Django's manifest has it; None where names are not hashed."""
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Stylesheets:
    """The stylesheets of a collection, read, and the scripts' source maps where names are hashed."""

    names: Names
    sheets: dict[str, Sheet]
    unread: dict[str, Exception]
    """Those that can't be read."""

    @property
    def graph(self) -> dict[str, set[str]]:
        """Which names each of them refers to."""
        return {name: {ref.target for ref in sheet.references} for name, sheet in self.sheets.items()}


def read_stylesheets(files: Mapping[str, LocalFile], static_url: str, *, scripts: bool) -> Stylesheets:
    """Reads all stylesheets; and with `scripts`, what refers to a source map."""
    found = Stylesheets(Names(files), {}, {})
    for name, file in files.items():
        lower = name.lower()
        is_script = lower.endswith(_JS)
        if not (lower.endswith(_CSS) or (is_script and scripts)):
            continue
        try:
            if is_script and not _may_name_a_map(file):
                continue
            data = bytes_of(file)
        except (OSError, reading.NotRegular, reading.Restless) as error:
            found.unread[name] = error
            continue
        read_sheet = read_js if is_script else read_css
        sheet = read_sheet(name, data, known=found.names, static_url=static_url)
        if sheet.references or sheet.findings:
            found.sheets[name] = sheet
    return found


def _may_name_a_map(file: LocalFile) -> bool:
    """Whether a script ends with a source map's name: most don't, and need not be read. A map within is none's name."""
    with open(file.path, "rb") as stream:
        stream.seek(max(0, file.size - _TAIL))
        return b"sourceMappingURL=" in stream.read()


def bytes_of(file: LocalFile) -> bytes:
    """A file's content, in one consistent reading. Raises OSError, NotRegular or Restless."""
    data = reading.read(file, keep=1 << 62).data
    assert data is not None
    return data


def hashed_name(name: str, digest: str | None) -> str:
    """`css/a.css` -> `css/a.0123456789ab.css`, as Django's HashedFilesMixin has it."""
    folder, slash, base = name.rpartition("/")
    root, extension = os.path.splitext(base)
    return folder + slash + root + (f".{digest}" if digest else "") + extension


@dataclass(slots=True)
class Renderer:
    """Renders one collection. Use once, in one thread."""

    files: Mapping[str, LocalFile]
    stylesheets: Stylesheets
    spool: Spool
    address: Address
    hashing: Hashing | None = None
    _stored: dict[str, str] = field(default_factory=dict)
    """Name -> name that it is stored under."""
    _rendering: Rendering = field(default_factory=Rendering)

    def render(self) -> Rendering:
        """Raises OSError where the temporary folder is full."""
        graph = self.stylesheets.graph
        leaves: dict[str, set[str]] = {target: set() for targets in graph.values() for target in targets}
        level = levels({**leaves, **graph})
        assets = self._rendering.assets
        for name, file in self.files.items():
            assets[name] = Asset(file, level.get(name, 0), name)
        self._rewrite_originals()
        if self.hashing is not None:
            self._hash(graph, self.hashing)
        for sheet in self.stylesheets.sheets.values():
            self._rendering.findings.extend(sheet.findings)
        return self._rendering

    def _rewrite_originals(self) -> None:
        assets = self._rendering.assets
        for name, sheet in self.stylesheets.sheets.items():
            data = sheet.rewritten(lambda ref: self.address(ref, ref.target))
            if data is not sheet.data and data != sheet.data:
                assets[name] = assets[name]._replace(file=self.spool.write(name, data))

    def _hash(self, graph: Mapping[str, set[str]], hashing: Hashing) -> None:
        for name in sorted(self.files.keys() - graph.keys()):
            self._hash_source(name, hashing)
        for group in groups(graph):
            if len(group) == 1 and group[0] not in graph[group[0]]:
                data = self._rewritten(group[0])
                self._add(group[0], hashing.of_bytes(group[0], data), data)
            else:
                self._hash_circle(group, hashing)
        self._rendering.paths = dict(sorted(self._stored.items()))

    def _hash_source(self, name: str, hashing: Hashing) -> None:
        """A file without references is stored as it is."""
        file = self.files[name]
        try:
            digest = hashing.of_file(file)
        except (OSError, reading.NotRegular, reading.Restless):
            return  # whoever is to send it, meets the same and tells
        self._add(name, digest, None)

    def _hash_circle(self, group: tuple[str, ...], hashing: Hashing) -> None:
        """No member's hash can be over its own final bytes: all are over the group's, without what is yet unnamed."""
        whole = b"\0".join(
            part for name in group for part in (name.encode(), self._rewritten(name, leave=frozenset(group)))
        )
        for name in group:
            self._stored[name] = hashed_name(name, hashing.of_bytes(name, name.encode() + b"\0" + whole))
        for name in group:
            self._keep(name, self._rewritten(name))

    def _rewritten(self, name: str, leave: frozenset[str] = frozenset()) -> bytes:
        def write(ref: Reference) -> str | None:
            stored = self._stored.get(ref.target)
            return None if stored is None or ref.target in leave else self.address(ref, stored)

        return self.stylesheets.sheets[name].rewritten(write)

    def _add(self, name: str, digest: str | None, data: bytes | None) -> None:
        self._stored[name] = hashed_name(name, digest)
        self._keep(name, data)

    def _keep(self, name: str, data: bytes | None) -> None:
        """Stores what was hashed under its hashed name; `data` None stands for the source file's own bytes."""
        stored = self._stored[name]
        sheet = self.stylesheets.sheets.get(name)
        if data is None or (sheet is not None and data == sheet.data):
            file = self.files[name]._replace(name=stored)
        else:
            file = self.spool.write(stored, data)
        if stored != name:
            self._rendering.assets[stored] = Asset(file, 0, name)
        else:
            self._rendering.assets[name] = self._rendering.assets[name]._replace(file=file)

"""A head start: what other processes can do begins while this one still imports boto3, which takes it longer.

Of a large folder, that is the walk: what the last run has walked, this one will most likely walk too. Of a folder of
which no run has noted anything, all will have to be sent, so a sending process gets ready. Nothing is decided here:
what is wanted after all begins anew, and what is not wanted ends. So this has to be quick, and imports little.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..bare import processors
from ..exceptions import ConfigurationError
from ..local.far_walk import FarWalk, foreseen
from ..local.state import default_directory
from ..local.state_file import state_stamp, walk_noted
from ..media_setting import MediaEntry
from ..s3.sending_process import SendingProcess


@dataclass(frozen=True, slots=True)
class HeadStart:
    """What is under way."""

    walk: FarWalk | None = None
    standby: SendingProcess | None = None


NONE = HeadStart()
_MANY = 64
"""Entries of a folder without others; the first process sends as many before another one is worth its start."""


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media(self) -> Sequence[MediaEntry]: ...
    @property
    def media_storage(self) -> str: ...
    @property
    def state_dir(self) -> Path | None: ...
    @property
    def engine(self) -> str: ...
    def media_directory(self) -> Path: ...


@contextlib.contextmanager
def head_start(settings: Settings, *, alias: str | None, source: str | None, sends: bool) -> Iterator[HeadStart]:
    """Gives what a push of this whole folder to this alias will need, until the context ends.

    `sends`: whether what has to be sent may go through a sending process. There is no head start for the several
    folders of `S3SYNC["MEDIA"]`.
    """
    begun = NONE
    if processors() > 1:
        with contextlib.suppress(ConfigurationError, OSError, ValueError):  # of which the run tells
            begun = _begun(settings, alias, source, sends)
    try:
        yield begun
    finally:
        for each in (begun.walk, begun.standby):
            if each is not None:
                each.close()


def _begun(settings: Settings, alias: str | None, source: str | None, sends: bool) -> HeadStart:
    directory = settings.state_dir or default_directory()
    if settings.media or directory is None:
        return NONE
    root, state = os.path.realpath(source or settings.media_directory()), state_stamp(directory)
    note = walk_noted(directory, root, alias or settings.media_storage)
    if note is None:
        wanted = sends and settings.engine != "boto3" and _may_hold_many(root)
        return HeadStart(standby=SendingProcess()) if wanted else NONE
    errand = foreseen(root, note, state)
    return NONE if errand is None else HeadStart(walk=FarWalk(errand))


def _may_hold_many(root: str) -> bool:
    with os.scandir(root) as entries:
        return any(number >= _MANY or entry.is_dir() for number, entry in enumerate(entries, 1))

"""A head start: the walk of a large folder begins while this process still imports boto3, which takes it longer.

What the last run has walked, this one will most likely walk too. Nothing is decided here: where it is something else,
the walk begins anew. So this has to be quick, and imports little.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ..bare import processors
from ..exceptions import ConfigurationError
from ..local.far_walk import FarWalk, foreseen
from ..local.state import default_directory
from ..local.state_file import walk_noted
from ..media_setting import MediaEntry

HeadStart = FarWalk | None


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media(self) -> Sequence[MediaEntry]: ...
    @property
    def state_dir(self) -> Path | None: ...
    def media_directory(self) -> Path: ...


@contextlib.contextmanager
def head_start(settings: Settings, source: str | None, *, wanted: bool = True) -> Iterator[HeadStart]:
    """A walk that is under way, until the context ends; None where it is not `wanted`, or there is none to foresee."""
    walk = _begun(settings, source) if wanted and processors() > 1 else None
    try:
        yield walk
    finally:
        if walk is not None:
            walk.close()


def _begun(settings: Settings, source: str | None) -> HeadStart:
    try:
        if settings.media:
            return None
        root = os.path.realpath(source or settings.media_directory())
        text = walk_noted(settings.state_dir or default_directory(), root)
    except (ConfigurationError, OSError, ValueError):  # of which the run tells
        return None
    errand = None if text is None else foreseen(root, text)
    return None if errand is None else FarWalk(errand)

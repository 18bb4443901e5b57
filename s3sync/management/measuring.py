"""`--metrics`: the figures of a run, for a machine that watches over it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from ..core.events import Finding
from ..output import write_whole

if TYPE_CHECKING:
    from ..core.report import Report

_MODE = 0o644
"""node_exporter runs as a user of its own."""
_LIMIT = 1 << 20
"""Bytes of an earlier file that are looked at."""


def measure(options: dict[str, Any], report: Report) -> Finding | None:
    """Writes the file of `--metrics`, if that was given; what it returns is to be said where that can't be written.

    The exit code stays: it is about the objects. Who watches the age of the last run, sees that nothing is written.
    """
    path = options.get("metrics")
    if not path:
        return None
    from ..core.metrics import metrics_of

    try:
        wished = options.get("storage") or ""
        text = metrics_of(report, finished=time.time(), before=_before(path), aliases=wished)
        write_whole(path, text, _MODE)
    except OSError as error:
        reason = str(error.strerror or error).lower()
        detail = f"The metrics can't be written to {path!r}: {reason}. Name a file in a folder that is there."
        return Finding("metrics-unwritten", "warning", detail)
    return None


def _before(path: str) -> str:
    """What the file has held so far; a device or a pipe nothing."""
    if not os.path.isfile(path):
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(_LIMIT)
    except OSError:
        return ""

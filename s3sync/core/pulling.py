"""What to do with a pair on the way back: one object, and the file that has its name. The mirror of `comparison`.

Whether the content is equal is asked there. What then, if it differs? (`decide_pull`)

    known record  listed ETag    the file since then  outcome
    yes           another        unchanged            download, If-Match
    yes           the known one  changed              keep: it is newer here
    yes           another        changed              conflict
    none          -              newer than object    keep
    none          -              older than object    download, If-Match
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .comparison import (
    NO_CLOBBER,
    UNCHANGED,
    Action,
    Compare,
    Decision,
    Need,
    Pair,
    Reason,
    Rules,
    changed_since,
    equal_content,
    is_as_pulled,
    is_lost,
)  # fmt: skip
from .events import Failure, Outcome, Result
from .objects import LocalFile, RemoteObject
from .report import COUNTS, Report

KEEP_FILE = Decision(Action.KEEP, Reason.NEWER)
_LONGEST = 255
"""Bytes of one part of a path (NAME_MAX of the usual file systems)."""
_UNFIT = "the key is no name of a file"
_HINT = "leave it out with --ignore, or copy the object to another key"


def decide_pull(pair: Pair, rules: Rules) -> Decision | Need:
    """What to do with one pair that has both sides, or the fact that is missing to tell."""
    obj, known = pair.obj, pair.known
    if obj is None:  # it has vanished meanwhile
        return Decision(Action.ORPHAN)
    if rules.no_clobber:
        return NO_CLOBBER
    differs = equal_content(pair, obj, rules)
    if isinstance(differs, Need):
        return differs
    if differs is None:
        return Decision(Action.DOWNLOAD, Reason.FORCED, obj.etag) if rules.compare is Compare.ALWAYS else UNCHANGED
    download = Decision(Action.DOWNLOAD, differs, obj.etag)
    if rules.overwrite_newer:
        return download
    if known is None:
        return KEEP_FILE if is_newer(pair.file, obj, rules.skew) else download
    if known.stands_for(obj):
        return download if is_lost(pair.file, obj) else KEEP_FILE
    changed = changed_since(pair, known)
    if isinstance(changed, Need):
        return changed
    return Decision(Action.CONFLICT, differs) if changed else download


def is_newer(file: LocalFile, obj: RemoteObject, skew: float) -> bool:
    """Whether the file may have been written after the object; one that has the object's very time was not.

    S3 keeps whole seconds, cut off; `skew` puts the server's clock onto ours. Where the server told no time, any may.
    """
    modified = obj.modified_at
    return not is_as_pulled(file, obj) and (math.isinf(modified) or file.mtime_ns / 1e9 > modified - skew)


def unfit_for_files(name: str) -> Failure | None:
    """Why an object of this name can't be a file below a folder: nothing is to leave it, or to be another name's."""
    parts = name.split("/")
    if "\\" in name or "\0" in name:
        return Failure("UnfitName", hint=_HINT, message=f"{_UNFIT}: it holds a backslash or a null byte")
    if any(part in ("", ".", "..") for part in parts):
        return Failure("UnfitName", hint=_HINT, message=f"{_UNFIT}: a part of it is empty, '.' or '..'")
    if any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST for part in parts):
        return Failure("UnfitName", hint=_HINT, message=f"{_UNFIT}: a part of it has more than 255 bytes")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The objects that a pull is about, beside what `Scope` leaves."""

    since: float | None = None
    """Seconds since the epoch, on the server's clock."""
    max_size: int | None = None
    """Bytes."""

    def leaves_out(self, obj: RemoteObject) -> bool:
        """Whether this one stays where it is."""
        if self.max_size is not None and obj.size > self.max_size:
            return True
        return self.since is not None and obj.modified_at < self.since


@dataclass(slots=True, kw_only=True)
class PullReport(Report):
    """The report of `s3_pull_media`: the usual one, and what came here."""

    folder: str = ""
    """The folder that was written to."""
    received_bytes: int = 0
    requests: Counter[str] = field(default_factory=lambda: Counter(ListObjectsV2=0, GetObject=0))

    def add(self, part: Report) -> None:
        """Takes in the report of one folder of several."""
        Report.add(self, part)
        self.received_bytes += part.received_bytes if isinstance(part, PullReport) else 0

    def fold(self, event: object) -> None:
        """Counts one event."""
        Report.fold(self, event)  # type: ignore[arg-type]
        if isinstance(event, Outcome) and event.action is Action.DOWNLOAD and event.result is Result.DONE:
            self.received_bytes += event.size or 0

    def envelope(self) -> dict[str, Any]:
        """All of the report but its items."""
        envelope = Report.envelope(self)
        envelope["counts"] = {name: self.counts[name] for name in (*COUNTS, "downloaded")}
        envelope["bytes"] = {**envelope["bytes"], "received": self.received_bytes}
        envelope["folder"] = None if self.targets else self.folder
        return envelope

    def as_target(self) -> dict[str, Any]:
        """This report, of one folder of several, in short."""
        told = Report.as_target(self)
        return {("folder" if name == "source" else name): value for name, value in told.items()}

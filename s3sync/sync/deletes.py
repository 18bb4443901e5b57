"""Deletes, last of all: only known objects that nobody replaced, and whose files a complete walk did not find."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from ..core.comparison import Action
from ..core.events import Finding, Outcome, Result
from ..core.objects import RemoteObject
from ..local.state import State
from ..s3.conditions import Conditions, Enforcement
from ..s3.errors import REMOTE_ERRORS
from ..s3.objects import delete_object, etag_of, head_object
from ..s3.target import Target
from ..s3.transfer import Condition
from .removal import deleted, failed_to_delete
from .run import Run


@dataclass(slots=True)
class Deletes:
    """Collects what may go, on the disk, and lets it go if every guard agrees. Used by the run's own thread."""

    run: Run
    target: Target
    state: State
    conditions: Conditions
    root: str
    spool: IO[str]
    count: int = 0

    def add(self, obj: RemoteObject) -> None:
        """Takes a known object without a file."""
        self.spool.write(json.dumps(obj) + "\n")
        self.count += 1

    def finish(self, *, walk_complete: bool, files: int, in_scope: int) -> None:
        """Deletes, or says why not."""
        refusal = self._refusal(walk_complete, files, in_scope)
        if refusal is not None:
            self.run.report.held_back = True
            self.run.emit(Finding("deletes-withheld", "error", refusal))
        elif self.count and (self.run.report.counts["failed"] or self.run.stopping):
            detail = f"{self.count} objects stay for now: deletes wait for a run without failures."
            self.run.emit(Finding("deletes-postponed", "warning", detail))
        elif self.run.options.dry_run:
            for obj in self._spooled():
                self._emit(obj, Result.PLANNED)
        else:
            self._delete_all()

    def _refusal(self, walk_complete: bool, files: int, in_scope: int) -> str | None:
        if not walk_complete:
            return "Nothing was deleted: a part of the source could not be read, so a missing file proves nothing."
        if not files:
            return "Nothing was deleted: the source holds no file. Is its disk mounted?"
        if self.count and not self.run.options.max_delete.allows(self.count, in_scope):
            return (
                f"Nothing was deleted: {self.count} of {in_scope} objects have no file any more, which is more than "
                f"--max-delete allows. Look at them with --dry-run, then raise --max-delete."
            )
        return None

    def _delete_all(self) -> None:
        for obj, error in deleted(self.run, self.target, self._spooled(), self._delete):
            if error is None:
                self.state.forget(obj.key)
                self._emit(obj, Result.DONE)
            elif isinstance(error, _Spared):
                self._emit(obj, Result.SKIPPED, orphan=True)
            else:
                self.run.emit(failed_to_delete(self.target, obj, error))

    def _delete(self, obj: RemoteObject) -> Exception | None:
        """In a worker: one delete, on condition that the object is still the one that we know."""
        conditions = self.conditions
        try:
            if _is_there_now(os.path.join(self.root, self.target.name_of(obj.key))):
                return _Spared()
            target = self.target
            if conditions.needs_head(single_put=False):
                conditions.emulated = True
                extra = target.head_parameters(obj.key)
                answer = head_object(target.client, target.bucket, obj.key, extra=extra)
                if answer is None:
                    return None
                if etag_of(answer) != obj.etag:
                    return _Spared()
            trusted = conditions.everywhere or conditions.enforcement is Enforcement.ENFORCED
            arguments = conditions.arguments(Condition(obj.etag)) if trusted else {}
            gone = delete_object(
                target.client, target.bucket, obj.key, condition=arguments, extra=target.head_parameters
            )
        except (*REMOTE_ERRORS, OSError) as error:
            return error
        return None if gone else _Spared()

    def _emit(self, obj: RemoteObject, result: Result, *, orphan: bool = False) -> None:
        name = self.target.name_of(obj.key)
        action = Action.ORPHAN if orphan else Action.DELETE
        self.run.emit(Outcome(name, obj.key, action, result, size=obj.size, existed=True))

    def _spooled(self) -> Iterator[RemoteObject]:
        self.spool.seek(0)
        for line in self.spool:
            yield RemoteObject(*json.loads(line))


class _Spared(Exception):
    """The object is not to be deleted after all."""


def _is_there_now(path: str) -> bool:
    """Whether a file has come since the walk, or may have; a folder that took its place is none."""
    try:
        return not stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError as error:
        return not isinstance(error, (FileNotFoundError, NotADirectoryError))

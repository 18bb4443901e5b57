"""What lies under the static location and is not in this collection: named, or deleted last of all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from ..core.comparison import Action
from ..core.events import Finding, Outcome, Result
from ..core.objects import RemoteObject
from ..core.plan import DeleteLimit
from ..local.manifest import ARCHIVE, BrokenManifest
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.objects import delete_object
from ..s3.target import Target
from .archive import Archive
from .removal import deleted, failed_to_delete
from .run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Removals:
    """What is to be deleted."""

    clear: bool = False
    """All that no kept manifest names."""
    prune: bool = False
    """Hashed files that an archived manifest names and no kept one does; and then that manifest."""
    max_delete: DeleteLimit | None = None

    @property
    def any(self) -> bool:
        """Whether anything is."""
        return self.clear or self.prune


@dataclass(slots=True)
class Leftovers:
    """Used by the run's own thread."""

    run: Run
    target: Target
    removals: Removals
    archive: Archive | None
    spool: IO[str]

    def add(self, obj: RemoteObject) -> None:
        """Takes an object without a file."""
        if self.removals.any:
            self.spool.write(json.dumps(obj) + "\n")
        else:
            self._orphan(obj)

    def finish(self, in_scope: int, *, shared: bool) -> None:
        """Deletes what may go, or says why not. `shared`: another alias has the same location."""
        if not self.removals.any:
            return
        doomed = None if self._is_postponed(shared) else self._doomed()
        if doomed is None:
            for obj in self._spooled():
                self._orphan(obj)
            return
        going = sum(doomed(obj) for obj in self._spooled())
        limit = self.removals.max_delete
        if limit is not None and not limit.allows(going, in_scope):
            self._withhold(f"Nothing was deleted: {going} of {in_scope} objects are more than --max-delete allows.")
            return
        for obj in self._spooled():
            if not doomed(obj):
                self._orphan(obj)
        self._delete(obj for obj in self._spooled() if doomed(obj))
        spared = self.run.options.ignore  # files that stay are to be known of later
        if self.removals.prune and self.archive is not None and not self.run.report.counts["failed"] and not spared:
            self._delete(iter(self.archive.read().dropped))

    def _is_postponed(self, shared: bool) -> bool:
        detail = ""
        if shared:
            detail = "Nothing is deleted: another alias has the same location."
        elif self.target.has_own_keys:
            detail = "Nothing is deleted: the storage has its own rule for keys, so no object's file can be named."
        elif self.run.report.counts["failed"] or self.run.stopping:
            detail = "Nothing was deleted for now: deletes wait for a run without failures."
        if detail:
            self.run.emit(Finding("deletes-postponed", "warning", detail))
        return bool(detail)

    def _doomed(self) -> Callable[[RemoteObject], bool] | None:
        """Tells which objects go; None if a manifest that has to be kept can't be read."""
        if self.archive is None:
            return lambda _: self.removals.clear
        try:
            archived = self.archive.read()
        except (BrokenManifest, *REMOTE_ERRORS) as error:
            self._withhold(f"Nothing was deleted: a manifest can't be read ({self._why(error)}).")
            return None
        name_of, clear = self.target.name_of, self.removals.clear

        def is_doomed(obj: RemoteObject) -> bool:
            name = name_of(obj.key)
            return name not in archived.kept and (clear or name in archived.outdated)

        return is_doomed

    def _why(self, error: Exception) -> str:
        if isinstance(error, BrokenManifest):
            return str(error)
        trouble, key = trouble_of(error), f"{self.target.prefix}{ARCHIVE}*"
        hint = hint_for(trouble, operation_of(error) or "GetObject", self.target.bucket, key) or trouble.message
        return f"{trouble.code}: {hint}"

    def _withhold(self, detail: str) -> None:
        self.run.report.held_back = True
        self.run.emit(Finding("deletes-withheld", "error", detail))

    def _delete(self, objects: Iterator[RemoteObject]) -> None:
        if self.run.options.dry_run:
            for obj in objects:
                self._emit(obj, Action.DELETE, Result.PLANNED)
            return
        for obj, error in deleted(self.run, self.target, objects, self._deleted):
            if error is None:
                self._emit(obj, Action.DELETE, Result.DONE)
            else:
                self.run.emit(failed_to_delete(self.target, obj, error))

    def _deleted(self, obj: RemoteObject) -> Exception | None:
        """In a worker. Without a condition: the code is the only writer of static files."""
        try:
            target = self.target
            delete_object(target.client, target.bucket, obj.key, condition={}, extra=target.head_parameters)
        except REMOTE_ERRORS as error:
            return error
        return None

    def _orphan(self, obj: RemoteObject) -> None:
        self._emit(obj, Action.ORPHAN, Result.SKIPPED)

    def _emit(self, obj: RemoteObject, action: Action, result: Result) -> None:
        self.run.emit(Outcome(self.target.name_of(obj.key), obj.key, action, result, size=obj.size, existed=True))

    def _spooled(self) -> Iterator[RemoteObject]:
        self.spool.seek(0)
        for line in self.spool:
            yield RemoteObject(*json.loads(line))

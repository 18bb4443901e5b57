"""Media: a folder goes to a bucket that users write to as well."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..bare import processors
from ..core.columns import Files
from ..core.comparison import Action
from ..core.events import Finding, Outcome, Result
from ..core.objects import RemoteObject, is_plain
from ..core.plan import Entry, Held, Join
from ..core.scope import Scope
from ..exceptions import GuardRefused, SourceError
from ..local import reading
from ..local.far_walk import LARGE, FarWalk, noted
from ..local.named import NamedFiles
from ..local.settled import Place
from ..local.state_file import state_stamp, walk_noted
from ..local.walk import Walk, composed
from ..local.walker import Errand
from .deletes import Deletes
from .guard import Guard
from .jobs import Executor
from .named import check_first_answers
from .push import Push

_LARGE = 20_000
"""Files; a walk of fewer is over before another process has begun."""


@dataclass(slots=True, kw_only=True)
class FolderPush(Push):
    """A push of everything below one folder."""

    source: Path
    site: str | None = None
    """The site's host, for what browsers would run there."""
    far_walk: FarWalk | None = None
    """Another process that may have begun to walk; closed by the caller."""
    _root: str = ""
    _walk: Walk = field(init=False)
    _deletes: Deletes = field(init=False)

    def connect(self) -> None:
        """Makes the client; meanwhile, the process that is to walk a large folder gets ready."""
        self._root = os.path.realpath(self.source)
        if self.far_walk is not None and not self._is_whole:
            self.far_walk.close()
            self.far_walk = None
        elif self.far_walk is None and self._is_whole and processors() > 1 and self._noted:
            self.far_walk = self.stack.enter_context(closing(FarWalk()))
        Push.connect(self)

    def begin(self) -> str:
        """The folder's real path."""
        try:
            with os.scandir(self._root):
                return self._root
        except OSError as error:
            reason = str(error.strerror or error).lower()
            if self.run.options.delete:
                raise GuardRefused(
                    f"Nothing was deleted, and nothing sent: the source {str(self.source)!r} can't be read ({reason}).",
                    code="SourceUnreadable", hint="is its disk mounted?",
                ) from error  # fmt: skip
            raise SourceError(
                str(self.source), reason, code="SourceUnreadable",
                hint="check its disk, and where it is named: MEDIA_ROOT, S3SYNC or --source",
            ) from error  # fmt: skip

    def entries(self, scope: Scope, held: Held) -> Iterable[Entry | Files]:
        """A walk."""
        options, target = self.run.options, self.target
        spool = self.stack.enter_context(reading.temporary_spool())
        self._deletes = Deletes(self.run, target, self.state, self.conditions, self._root, spool)
        how: dict[str, Any] = {
            "root": self._root, "scope": scope, "hold": partial(self.hold, held),
            "is_regular": is_plain if target.has_plain_keys else target.is_regular,
            "follow_symlinks": options.follow_symlinks, "min_age": options.min_age,
            "compose": options.normalize == "nfc", "key_overhead": len(target.prefix.encode()),
        }  # fmt: skip
        self._walk = Walk(**how)
        if options.files_from is not None:
            self._walk = NamedFiles(
                **how, source=str(self.source), listed_in=options.files_from, null=options.null,
                stop=lambda: self.run.stopping,
            )  # fmt: skip
            return self._walk
        if self.far_walk is None:
            return self._walk.stretches()
        return self.far_walk.stretches(self._walk, self._place, state_stamp(self.state_dir))

    @property
    def _is_whole(self) -> bool:
        """Whether all below the folder is walked, in an order that other processes know."""
        return not (self.is_unlisted or self.run.options.prefix) and self.target.has_plain_keys

    @property
    def _noted(self) -> str | None:
        return walk_noted(self.state_dir, self._root, self.target.alias)

    @property
    def _place(self) -> Place | None:
        return self.state.place if self.target.sends_as_is else None

    @property
    def is_unlisted(self) -> bool:
        """With `--files-from`."""
        return self.run.options.files_from is not None

    def carried_out_by(self, executor: Executor) -> Executor:
        """What is sent is looked into before, where everybody would read it."""
        return Guard(executor, self.run, self.publicity, self.site)

    def without_file(self, obj: RemoteObject, join: Join) -> None:
        """To be deleted, if this folder's file was sent there and `--delete` is given; else an orphan."""
        name = self.target.name_of(obj.key)
        if join.disordered and os.path.lexists(os.path.join(self._root, name)):
            return
        known = self.state.known(obj.key) if self.run.options.delete else None
        if self.run.options.normalize == "nfc" and composed(name) != name:
            known = None  # its file may be there, under a name of another form: a person is to decide
        if known is not None and known.stands_for(obj) and known.source == self.state.source:
            self._deletes.add(obj)
        else:
            self.run.emit(Outcome(name, obj.key, Action.ORPHAN, Result.SKIPPED, size=obj.size, existed=True))

    def conclude(self, join: Join) -> None:
        """Deletes, where that is wanted and safe."""
        run = self.run
        self._note_walk()
        if self.is_unlisted:
            check_first_answers(run, self.target)
        if not run.options.delete:
            return
        if "" in self.foreign:
            run.emit(Finding("deletes-shared", "warning", "Nothing is deleted: another alias has the same location."))
        elif self.target.has_own_keys:
            run.emit(Finding(
                "deletes-own-keys", "warning",
                "Nothing is deleted: the storage has its own rule for keys, so no object's file can be named.",
            ))  # fmt: skip
        elif not run.stopping:
            run.keep_lock()
            complete = self._walk.complete and not join.disordered
            self._deletes.finish(walk_complete=complete, files=self._walk.files, in_scope=self.planner.in_scope)

    def _note_walk(self) -> None:
        """Lets the next run know how this one has walked through a large folder; of any other, that it was met."""
        options, large = self.run.options, self._walk.files >= _LARGE
        if options.dry_run or self.run.stopping:
            return
        self.state.flush()  # then what the note has to say of the state has got its numbers
        before, note = self._noted, ""
        if large:
            note = noted(Errand.of(self._walk, self._place)) if self._is_whole else before or LARGE
        elif self.is_unlisted or options.prefix:
            return  # of the folder as a whole, that says nothing
        elif options.include or options.ignore or options.min_age or not self._walk.complete:
            note = before or ""  # it may be larger than it seems
        if note != before:
            self.state.note_walk(self.target.alias, note)

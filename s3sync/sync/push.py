"""Composes the rooms: a folder goes to a target, in one stream."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.core.exceptions import SuspiciousOperation

from ..access.intent import is_meant_public
from ..core.comparison import Action, Rules
from ..core.events import Failure, Finding, Outcome, Result, Stopped
from ..core.objects import RemoteObject
from ..core.plan import Entry, Held, Join
from ..core.scope import Scope, is_secret
from ..exceptions import ConfigurationError, GuardRefused, RemoteError, SourceError
from ..local import reading
from ..local.state import State
from ..local.walk import Walk
from ..s3.calls import CallCounter
from ..s3.conditions import Conditions, Enforcement
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.listing import BrokenListing, Listing
from ..s3.target import Target
from ..s3.uploader import Uploader
from .deletes import Deletes
from .desk import Desk
from .drift import Drift
from .executor import Uploads
from .failures import storage_failure
from .jobs import Executor, Rehearsal
from .planner import Planner
from .run import Run
from .verify import Verification

_ENFORCEMENT = "conditions.put"
_BARE_ETAGS = "conditions.bare-etags"
_ETAGS_ARE_MD5 = "etags-are-md5"
_OUTSIDE = Failure(
    "NameOutsideLocation", hint="rename the file: the storage takes its backslashes for slashes",
    message="the storage gives it no key within its location",
)  # fmt: skip


@dataclass(slots=True)
class Push:
    """One push of a folder to a target, by the calling thread. `run_all` may be called once."""

    run: Run
    source: Path
    target: Target
    state_dir: Path | None
    intent: Sequence[tuple[str, str]] | None = None
    """What `S3SYNC["INTENT"]` says of this alias."""
    foreign: tuple[str, ...] = ()
    """Names that lie in another alias's location."""
    two_hands: bool = True
    """Users write to the bucket too. False: no conditions, and what is here wins."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _conditions: Conditions = field(default_factory=Conditions)
    _uploads: Uploads | None = None

    def connect(self) -> None:
        """Makes the client, and asks nothing of the network. Raises RemoteError for what boto3 does not take."""
        try:
            self.target.client  # noqa: B018  made on first use
        except (*REMOTE_ERRORS, ValueError) as error:
            raise self._remote_error(error) from error
        except Exception as error:
            failure = storage_failure(self.target.storage, error)
            raise ConfigurationError(failure.message, code=failure.code, hint=failure.hint) from error

    def run_all(self) -> None:
        """Raises SourceError, RemoteError or GuardRefused if the run can't begin, or can't go on."""
        root = self._root()
        calls = CallCounter(self.target.client)
        listing = Listing(self.target.client, self.target.bucket, self.target.listing_prefix(self.run.options.prefix))
        try:
            with self._stack:
                listing.open()
                self._push(root, listing, calls)
        except REMOTE_ERRORS as error:
            raise self._remote_error(error) from error
        except BrokenListing as error:
            raise RemoteError("ListObjectsV2", self.target.bucket, code="BrokenListing", hint=f"{error}") from error
        finally:
            calls.close()
            self._conclude(calls)

    def _push(self, root: str, listing: Listing, calls: CallCounter) -> None:
        run, options = self.run, self.run.options
        began = time.time() + listing.skew
        state = self._open_state(root)
        verification = self._stack.enter_context(closing(Verification(run, self.target))) if options.verify else None
        desk = Desk()
        executor = self._executor(state, desk, calls, verification)
        scope = Scope(
            prefix=options.prefix, ignore=options.ignore, include=options.include, foreign=self.foreign,
            held_back=lambda name: self._is_held_back(self.target.prefix + name, name),
        )  # fmt: skip
        planner = Planner(run, self.target, state, scope, self._rules(listing), desk, executor, self._is_held_back)
        self._stack.callback(planner.close)
        deletes = Deletes(
            run, self.target, state, self._conditions, root, self._stack.enter_context(reading.temporary_spool())
        )
        walk, held = self._walk(root, scope)
        join = Join(walk if self.target.has_plain_keys else list(walk), listing, self.target.key_of, held)
        try:
            for obj in planner.decisions(join):
                self._without_file(obj, deletes, state, join, root)
        except (*REMOTE_ERRORS, BrokenListing):
            # What is on its way will be stored all the same: it is to be known, and counted.
            run.stop(Stopped("errors", "the bucket's listing broke off"))
            planner.finish()
            executor.finish()
            raise
        run.progress.walked = True
        run.report.seconds["plan"] = run.elapsed
        planner.finish()
        executor.finish()
        run.report.seconds["transfer"] = run.elapsed
        if options.delete and "" in self.foreign:
            run.emit(Finding("deletes-shared", "warning", "Nothing is deleted: another alias has the same location."))
        elif options.delete and self.target.has_own_keys:
            run.emit(Finding(
                "deletes-own-keys", "warning",
                "Nothing is deleted: the storage has its own rule for keys, so no object's file can be named.",
            ))  # fmt: skip
        elif options.delete and not run.stopping:
            complete = walk.complete and not join.disordered
            deletes.finish(walk_complete=complete, files=walk.files, in_scope=planner.in_scope)
        if verification is not None and not options.dry_run and not run.stopping:
            verification.finish(self.target.listing_prefix(options.prefix), began)
        self._remember(state)

    def _without_file(self, obj: RemoteObject, deletes: Deletes, state: State, join: Join, root: str) -> None:
        if not obj.key.startswith(self.target.prefix):
            return
        name = self.target.name_of(obj.key)
        if join.disordered and os.path.lexists(os.path.join(root, name)):
            return
        known = state.known(obj.key) if self.run.options.delete else None
        if known is not None and known.stands_for(obj) and known.source == state.source:
            deletes.add(obj)
        else:
            self.run.emit(Outcome(name, obj.key, Action.ORPHAN, Result.SKIPPED, size=obj.size, existed=True))

    def _root(self) -> str:
        root = os.path.realpath(self.source)
        try:
            with os.scandir(root):
                return root
        except OSError as error:
            reason = str(error.strerror or error).lower()
            if self.run.options.delete:
                raise GuardRefused(
                    f"Nothing was deleted, and nothing sent: the source {str(self.source)!r} can't be read ({reason}).",
                    code="SourceUnreadable", hint="is its disk mounted?",
                ) from error  # fmt: skip
            raise SourceError(
                str(self.source), reason, code="SourceUnreadable", hint="check MEDIA_ROOT or --source, and its disk"
            ) from error

    def _open_state(self, root: str) -> State:
        def warn(message: str) -> None:
            self.run.emit(Finding("state-lost", "warning", message))

        target = self.target
        source = hashlib.sha256(f"{target.prefix}\0{root}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        state = State(
            self.state_dir, root=root, target=target.identity, variant=target.variant, warn=warn, source=source
        )
        self._stack.callback(state.close)
        target.etags_are_md5 = state.fact(_ETAGS_ARE_MD5) != "no"
        self._conditions.everywhere = target.is_aws
        self._conditions.enforcement = Enforcement(state.fact(_ENFORCEMENT) or Enforcement.UNPROVEN)
        self._conditions.bare_etags = state.fact(_BARE_ETAGS) == "yes"
        return state

    def _remember(self, state: State) -> None:
        facts = {
            _ENFORCEMENT: self._conditions.enforcement.value,
            _BARE_ETAGS: "yes" if self._conditions.bare_etags else "no",
            _ETAGS_ARE_MD5: "yes" if self.target.etags_are_md5 else "no",
        }
        for name, value in facts.items():
            if state.fact(name) != value and not self.run.options.dry_run:
                state.remember_fact(name, value)

    def _executor(
        self, state: State, desk: Desk, calls: CallCounter, verification: Verification | None
    ) -> Executor:
        run, options = self.run, self.run.options
        executor: Executor
        if options.dry_run:
            executor = Rehearsal(run)
        else:
            make = partial(
                Uploader, self.target, self._conditions, calls, engine=options.engine, workers=options.workers
            )
            stored = None if verification is None else verification.stored
            executor = self._uploads = Uploads(run, self.target, state, desk, make, stored, self.two_hands)
        if (options.check_metadata or options.fix_metadata) and self.target.saves_itself:
            run.emit(Finding(
                "metadata-own-save", "warning",
                f"Metadata is not compared: {type(self.target.storage).__name__} saves in its own way.",
            ))  # fmt: skip
        elif options.check_metadata or options.fix_metadata:
            executor = Drift(executor, run, self.target, state, desk)
        self._stack.callback(executor.close)
        return executor

    def _rules(self, listing: Listing) -> Rules:
        options = self.run.options
        return Rules(
            compare=options.compare, two_hands=self.two_hands, no_clobber=options.no_clobber,
            overwrite_newer=options.overwrite_newer, part_size=self.target.transfer_config.multipart_chunksize,
            etags_are_md5=self.target.etags_are_md5, skew=listing.skew, checksums=tuple(reading.CHECKSUMS),
        )  # fmt: skip

    def _walk(self, root: str, scope: Scope) -> tuple[Walk, Held]:
        held, target, options = Held(), self.target, self.run.options
        walk = Walk(
            root=root, scope=scope, hold=partial(self._hold, held),
            is_regular=target.is_regular, follow_symlinks=options.follow_symlinks, min_age=options.min_age,
            key_overhead=len(target.prefix.encode()),
        )  # fmt: skip
        return walk, held

    def _hold(self, held: Held, entry: Entry) -> None:
        """Keeps what has a key out of order; `..\\..\\a` has none, as the storage reads backslashes as slashes."""
        try:
            key = self.target.key_of(entry.name)
        except SuspiciousOperation:
            self.run.emit(Outcome(entry.name, None, Action.UPLOAD, Result.FAILED, error=_OUTSIDE))
        except Exception as error:  # noqa: BLE001  a storage's own rule for keys may raise anything
            failure = storage_failure(self.target.storage, error)
            self.run.emit(Outcome(entry.name, None, Action.UPLOAD, Result.FAILED, error=failure))
        else:
            held.add(key, entry)

    def _is_held_back(self, key: str, name: str) -> bool:
        """The secret guard: a name that tells of a secret, on its way to where everybody can read."""
        if not is_secret(name) or name in self.run.options.allow_secret:
            return False
        return is_meant_public(self.target.storage_facts(key), self.intent, name)

    def _conclude(self, calls: CallCounter) -> None:
        report = self.run.report
        report.requests.update(calls.counts)
        if self._uploads is None:
            report.engine = "boto3" if self.run.options.engine == "boto3" or self.target.why_not_fast else "fast"
            report.conditional = self._conditions.summary if self.two_hands else "off"
            return
        uploader = self._uploads.uploader
        if uploader.fast is not None and uploader.fast.requests:
            report.requests["PutObject"] += uploader.fast.requests
        report.engine = uploader.engine
        report.engine_reason = uploader.why_not_fast
        report.conditional = self._conditions.summary if self.two_hands else "off"

    def _remote_error(self, error: Exception) -> RemoteError:
        trouble = trouble_of(error)
        operation = operation_of(error) or "ListObjectsV2"
        hint = hint_for(trouble, operation, self.target.bucket, self.target.prefix + "*") or trouble.message
        return RemoteError(
            operation, self.target.bucket, code=trouble.code, http=trouble.http, hint=hint
        )  # fmt: skip

"""Composes the rooms: files go to a target, in one stream. What differs between media and static files is left open."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.core.exceptions import SuspiciousOperation

from ..core.columns import Files
from ..core.comparison import Action, Rules
from ..core.events import Failure, Finding, Outcome, Result, Stopped
from ..core.objects import LocalFile, RemoteObject
from ..core.plan import Entry, Held, Join
from ..core.scope import Scope
from ..exceptions import ConfigurationError, RemoteError
from ..local import reading
from ..local.far_walk import WalkBroken
from ..local.state import State
from ..s3.calls import CallCounter
from ..s3.conditions import Conditions
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.limits import Limits, Throttle
from ..s3.list_fast import may_go_fast
from ..s3.listing import BrokenListing, Listing
from ..s3.renewal import Renewal
from ..s3.sending_process import SendingProcess
from ..s3.target import Target
from ..s3.uploader import Uploader
from .desk import Desk
from .drift import Drift
from .estimator import Estimator
from .executor import Uploads
from .failures import storage_failure
from .guard import Publicity, publishes_secret
from .jobs import Executor, Rehearsal
from .named import NoListing
from .planner import Planner
from .remembered import recall, recall_marks, remember, remember_marks
from .run import Run
from .unfinished import abort_stale
from .verify import Verification

_OUTSIDE = Failure(
    "NameOutsideLocation", hint="rename the file: the storage takes its backslashes for slashes",
    message="the storage gives it no key within its location",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Push(ABC):
    """One push of some files to a target, by the calling thread. `run_all` may be called once."""

    run: Run
    target: Target
    state_dir: Path | None
    intent: Sequence[tuple[str, str]] | None = None
    """What `S3SYNC["INTENT"]` says of this alias."""
    foreign: tuple[str, ...] = ()
    """Names that lie in another alias's location."""
    two_hands: bool = True
    """Users write to the bucket too. False: no conditions, and what is here wins."""
    standby: SendingProcess | None = None
    """Waits to be used; closed by the caller."""
    state: State = field(init=False)
    conditions: Conditions = field(default_factory=Conditions)
    limits: Limits = field(init=False)
    publicity: Publicity = field(init=False)
    planner: Planner = field(init=False)
    stack: ExitStack = field(default_factory=ExitStack)
    """Closes what a run has opened."""
    _uploads: Uploads | None = None
    _estimator: Estimator | None = None

    @abstractmethod
    def begin(self) -> str:
        """Under what label the state keeps these files. Raises SourceError or GuardRefused if they can't be read."""

    @abstractmethod
    def entries(self, scope: Scope, held: Held) -> Iterable[Entry | Files]:
        """The files in the order of their keys; what has no place in that order goes to `hold`."""

    @abstractmethod
    def without_file(self, obj: RemoteObject, join: Join) -> None:
        """Meets an object in scope that has no file."""

    @abstractmethod
    def conclude(self, join: Join) -> None:
        """All uploads have ended, well or not; what is to be deleted, may go now."""

    def carried_out_by(self, executor: Executor) -> Executor:
        """Who carries decisions out, if not just this executor."""
        return executor

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
        self.publicity = Publicity(self.target, self.intent)
        root = self.begin()
        calls, renewal = CallCounter(self.target.client), Renewal(self.target)
        self.limits = Limits(self.run.options.bandwidth, self.run.options.max_rps, stop=self.run.is_interrupted)
        throttle = Throttle(self.target.client, self.limits, calls)
        listing: Listing | NoListing = NoListing()
        if not self.is_unlisted:
            prefix = self.target.listing_prefix(self.run.options.prefix)
            counted = calls if may_go_fast(self.target, self.run.options.engine) and not self.limits.any else None
            listing = Listing(self.target.client, self.target.bucket, prefix, counted)
        try:
            with self.stack:
                listing.open()
                self._push(root, listing, calls)
        except REMOTE_ERRORS as error:
            raise self._remote_error(error) from error
        except BrokenListing as error:
            raise RemoteError("ListObjectsV2", self.target.bucket, code="BrokenListing", hint=f"{error}") from error
        finally:
            calls.close()
            renewal.close()
            throttle.close()
            self._account(calls)

    @property
    def is_unlisted(self) -> bool:
        """Whether nothing is listed, as the names are given."""
        return False

    def _push(self, root: str, listing: Listing | NoListing, calls: CallCounter) -> None:
        run, options = self.run, self.run.options
        run.progress.doing = ""
        began = time.time() + listing.skew
        self.state = self._open_state(root)
        verification = self.stack.enter_context(closing(Verification(run, self.target))) if options.verify else None
        desk = Desk()
        executor = self._executor(desk, calls, verification)
        scope = Scope(
            prefix=options.prefix, ignore=options.ignore, include=options.include, foreign=self.foreign,
            held_back=lambda name: self.is_held_back(self.target.prefix + name, name),
        )  # fmt: skip
        rules = self._rules(listing)
        self.planner = Planner(
            run, self.target, self.state, scope, rules, desk, executor, self.is_held_back, self.is_unlisted
        )
        if self._uploads is not None and self.is_unlisted:
            self._uploads.reconsider = self.planner.reconsider
        self.stack.callback(self.planner.close)
        held = Held()
        entries = self.entries(scope, held)
        plain, prefix = self.target.has_plain_keys, self.target.listing_prefix(options.prefix)
        if plain:
            listing.begin_at = recall_marks(self.state, prefix)
        join = Join(entries if plain else list(entries), self.listed(listing.pages()), self.target.key_of, held)
        try:
            for obj in self.planner.decisions(join):
                if obj.key.startswith(self.target.prefix):
                    self.without_file(obj, join)
        except (*REMOTE_ERRORS, BrokenListing, WalkBroken) as error:
            # What is on its way will be stored all the same: it is to be known, and counted.
            broken = "walk" if isinstance(error, WalkBroken) else "bucket's listing"
            run.stop(Stopped("errors", f"the {broken} broke off"))
            self.planner.finish()
            executor.finish()
            raise
        run.progress.walked = True
        run.report.seconds["plan"] = run.elapsed
        self.planner.finish()
        executor.finish()
        while self.planner.is_busy:  # with what was assumed of an object and did not hold
            self.planner.finish()
            executor.finish()
        run.report.seconds["transfer"] = run.elapsed
        self.conclude(join)
        if verification is not None and not options.dry_run and not run.stopping:
            verification.finish(prefix, began)
        if not options.dry_run:
            remember(self.state, self.target, self.conditions)
            if listing.marks is not None:
                remember_marks(self.state, prefix, () if join.disordered else listing.marks)
        if options.abort_stale is not None and not run.stopping:
            abort_stale(run, self.target, scope, options.abort_stale, listing.skew)
        if self._estimator is not None and not run.stopping:
            self._estimator.finish(run.report, calls.counts, options)
            run.report.estimate = self._estimator.estimate

    def listed(self, pages: Iterable[Sequence[RemoteObject]]) -> Iterable[Sequence[RemoteObject]]:
        """The listing on its way to being joined with the files."""
        return pages

    def _open_state(self, root: str) -> State:
        def warn(message: str) -> None:
            self.run.emit(Finding("state-lost", "warning", message))

        target = self.target
        source = hashlib.sha256(f"{target.prefix}\0{root}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        state = State(
            self.state_dir, root=root, target=target.identity, variant=target.variant, warn=warn, source=source,
            prefix=target.prefix if target.has_plain_keys else None,
        )  # fmt: skip
        self.stack.callback(state.close)
        recall(state, target, self.conditions)
        return state

    def _executor(self, desk: Desk, calls: CallCounter, verification: Verification | None) -> Executor:
        run, options, state = self.run, self.run.options, self.state
        executor: Executor
        if options.dry_run:
            self._estimator = Estimator(self.target, self.conditions, self.two_hands)
            executor = Rehearsal(run, self._estimator.add)
        else:
            make = partial(
                Uploader,
                self.target,
                self.conditions,
                calls,
                engine=options.engine,
                workers=options.workers,
                limits=self.limits,
                standby=self.standby,
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
        executor = self.carried_out_by(executor)
        self.stack.callback(executor.close)
        return executor

    def _rules(self, listing: Listing | NoListing) -> Rules:
        options = self.run.options
        return Rules(
            compare=options.compare, two_hands=self.two_hands, no_clobber=options.no_clobber,
            overwrite_newer=options.overwrite_newer, part_size=self.target.transfer_config.multipart_chunksize,
            etags_are_md5=self.target.etags_are_md5, skew=listing.skew, checksums=tuple(reading.CHECKSUMS),
            source=self.state.source,
        )  # fmt: skip

    def hold(self, held: Held, entry: Entry) -> None:
        """Keeps what has a key out of order; `..\\..\\a` has none, as the storage reads backslashes as slashes."""
        try:
            key = self.target.key_of(entry.name)
        except SuspiciousOperation:
            failure = _OUTSIDE
        except Exception as error:  # noqa: BLE001  a storage's own rule for keys may raise anything
            failure = storage_failure(self.target.storage, error)
        else:
            held.add(key, entry)
            return
        if isinstance(entry, LocalFile):  # of what is not sent anyway, nobody asks for the key
            self.run.emit(Outcome(entry.name, None, Action.UPLOAD, Result.FAILED, error=failure))

    def is_held_back(self, key: str, name: str) -> bool:
        """The secret guard: a name that tells of a secret, on its way to where everybody can read."""
        return publishes_secret(self.publicity, self.run.options.allow_secret, key, name)

    def _account(self, calls: CallCounter) -> None:
        report = self.run.report
        report.requests.update(calls.counts)
        if self._uploads is None:
            report.engine = "boto3" if self.run.options.engine == "boto3" or self.target.why_not_fast else "fast"
            report.conditional = self.conditions.summary if self.two_hands else "off"
            return
        uploader = self._uploads.uploader
        if uploader.fast is not None and uploader.fast.requests:
            report.requests["PutObject"] += uploader.fast.requests
        report.engine = uploader.engine
        report.engine_reason = uploader.why_not_fast
        report.conditional = self.conditions.summary if self.two_hands else "off"

    def _remote_error(self, error: Exception) -> RemoteError:
        trouble = trouble_of(error)
        operation = operation_of(error) or "ListObjectsV2"
        hint = hint_for(trouble, operation, self.target.bucket, self.target.prefix + "*") or trouble.message
        return RemoteError(
            operation, self.target.bucket, code=trouble.code, http=trouble.http, hint=hint
        )  # fmt: skip

"""Carries decisions out: reads what is to be sent, sends it, and records what was stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..core.comparison import Action, Reason
from ..core.events import Failure, Outcome, Result
from ..core.objects import Fingerprint, Known
from ..core.plan import Passed
from ..local import reading
from ..local.state import State
from ..s3.errors import DOWN, NO_RETRY_MENDS, Trouble, writing
from ..s3.target import Target
from ..s3.transfer import Completion, Condition, Put, Refused, Stored
from ..s3.uploader import Replaced, Uploader
from .bodies import Bodies, Got, Ticket
from .desk import Desk
from .failures import file_failure, remote_failure
from .jobs import Job, settle_without_upload
from .run import Run

_TRIES = 3
_MANY = 64  # objects under way that are worth being collected in batches
_MEMORY = 48 * 1024 * 1024
"""Bytes of files that may be in memory at once, those included that are being read."""
_NEW = Condition()
_MIXED = Fingerprint(-1, "0" * 32)
"""Of an object that holds neither what a file held before nor what it holds now."""


class Uploads:
    """Reads what is to be sent, sends it, and records what was stored. `act` is called by the run's own thread."""

    def __init__(
        self, run: Run, target: Target, state: State, desk: Desk, make_uploader: Callable[..., Uploader],
        stored: Callable[[str, str, int], None] | None = None, conditional: bool = True,
    ) -> None:  # fmt: skip
        self._run, self._target, self._state, self._desk = run, target, state, desk
        self._stored, self._conditional = stored, conditional
        self.uploader = make_uploader(deliver=desk.tray(self._completed).add, progress=self._sent)
        self._bodies = Bodies(
            target, desk, self._got, stop=run.is_over, needs_sha256=lambda: self.uploader.signs_payload
        )
        self.reconsider: Callable[[Job, Mapping[str, Any] | None], None] | None = None
        """Decides anew on what was assumed of an object and does not hold; gets what a HEAD said, if one was asked."""
        self._in_parts = not target.saves_itself
        self._streamed = 0
        self._lock = threading.Lock()

    @property
    def minds_unchanged(self) -> bool:
        """Whether somebody looks at them."""
        return self._run.details

    def act(self, job: Job) -> None:
        """Takes one decision."""
        if job.decision.action is not Action.UPLOAD:
            settle_without_upload(self._run, job)
            return
        size = job.pair.file.size
        self._run.report.decided(existed=job.pair.obj is not None, size=size)
        progress = self._run.progress
        progress.files += 1
        progress.bytes += size
        if self._run.stopping:
            self._not_tried(job)
            return
        self._begin(job, 0)

    def ease(self) -> None:
        """Waits while as much is under way as the window allows, unless the run is to end."""
        uploader, bodies = self.uploader, self._bodies
        while uploader.full or bodies.full or uploader.bytes + bodies.bytes >= _MEMORY:
            if self._run.stopping or not self._desk_has_work():
                return

    def finish(self) -> None:
        """Waits until nothing is under way; on the way out of an interrupted run, gives up what can be given up."""
        cancelled = False
        while self.uploader.count or self._bodies.count:
            if self._run.stopping and not cancelled:
                cancelled = True
                self.uploader.cancel()
            self._desk_has_work()

    def close(self) -> None:
        """Ends threads and connections."""
        self._bodies.close()
        self.uploader.close()

    def _desk_has_work(self) -> bool:
        if self.uploader.count >= _MANY:
            self._desk.gather(self.uploader.count // 2, 0.02)
        self._desk.work(0.2)
        self._moved()
        return bool(self.uploader.count or self._bodies.count)

    def _moved(self) -> None:
        with self._lock:
            streamed, self._streamed = self._streamed, 0
        self._run.progress.bytes_done += streamed
        self._run.moved()

    def _sent(self, amount: int) -> None:
        with self._lock:
            self._streamed += amount

    def _begin(self, job: Job, tries: int) -> None:
        got = self._bodies.fetch(job, tries)
        if isinstance(got, Ticket):
            self.uploader.submit(self._put(got))
        elif got is not None:
            self._not_read(*got)

    def _got(self, got: Got) -> None:
        """A thread has read a file: the run may have been told to stop since it was asked to."""
        if not isinstance(got, Ticket):
            self._not_read(*got)
        elif self._run.stopping:
            got.reading.discard()
            self._not_tried(got.job)
        else:
            self.uploader.submit(self._put(got))

    def _not_read(self, job: Job, error: Exception) -> None:
        if isinstance(error, reading.Interrupted):
            self._not_tried(job)
        else:
            self._failed_to_read(job, file_failure(job.pair.file.name, error))

    def _put(self, ticket: Ticket) -> Put:
        job, read = ticket.job, ticket.reading
        digest, if_match = read.digest, job.decision.if_match
        condition = (_NEW if if_match is None else Condition(if_match)) if self._conditional else None
        own = not self._in_parts
        return Put(
            job.key, job.rendering.parameters, digest.size, digest.md5 or None, None if own else read.data,
            read.file.path if own else read.path, condition, job.pair.file.name, ticket.multipart_etag,
            not self._target.etags_are_md5 and not own,  # where an ETag tells nothing, our metadata does
            ticket, job.pair.assumed, ticket.part_md5s, ticket.sha256,
        )  # fmt: skip

    def _completed(self, completions: list[Completion]) -> None:
        """Takes what the engines have delivered since the last time."""
        settle = self.uploader.settle
        for completion in completions:
            result = settle(completion)
            if isinstance(result, Stored):
                self._store(result)
            elif result is not None:
                self._refuse(result)
        self._moved()

    def _store(self, stored: Stored) -> None:
        put, ticket = stored.put, stored.put.ticket
        read, job = ticket.reading, ticket.job
        self._run.upload_succeeded()
        if put.body is None:
            if _was_touched(put):
                try:
                    stored, is_whole = self.uploader.look_again(stored)
                except Replaced:
                    self._refuse(Refused(put, "PreconditionFailed", 412, "it was replaced at once", conflict=True))
                    return
                if not is_whole:
                    self._mixed(put, stored.etag, put.size if stored.size is None else stored.size)
                    return
            read.discard()
        size = put.size if stored.size is None else stored.size
        fingerprint = Fingerprint(put.size, put.md5)
        # In this order a flush finds both, and stores them in one row.
        self._state.remember_fingerprint(read.file, job.rendering.encoding, fingerprint)
        self._state.remember_known(put.key, Known(stored.etag, size, fingerprint))
        if self._stored is not None:
            self._stored(put.key, stored.etag, size)
        put.body = put.ticket = None  # whoever still has the object is not to hold on to megabytes
        progress = self._run.progress
        progress.files_done += 1
        if put.multipart_etag is None:  # else its bytes were counted as they went
            progress.bytes_done += put.size
        if not self._run.wants_uploads:
            self._run.count_upload(put.size)
            return
        self._run.emit(Outcome(
            put.name, put.key, Action.UPLOAD, Result.DONE, job.decision.reason, put.size,
            existed=job.pair.obj is not None,
        ))  # fmt: skip

    def _mixed(self, put: Put, etag: str, size: int) -> None:
        """It was streamed while somebody wrote to it: what is stored is ours, equal to no file, and to be replaced."""
        job = put.ticket.job
        self._state.remember_known(put.key, Known(etag, size, _MIXED))
        put.ticket.reading.discard()
        self._again(put, job._replace(decision=replace(job.decision, if_match=etag)))

    def _again(self, put: Put, job: Job) -> None:
        """Reads and sends a file that has changed once more, if it was not too often already."""
        tries = put.ticket.tries + 1
        if tries < _TRIES:
            self._begin(job, tries)
        else:
            self._failed_to_read(job, file_failure(put.name, reading.Restless(put.name)))

    def _refuse(self, refused: Refused) -> None:
        put, job = refused.put, refused.put.ticket.job
        touched = not (refused.conflict or refused.code in ("Cancelled", "FileNotFoundError")) and _was_touched(put)
        if refused.left is not None:
            if touched:
                self._mixed(put, *refused.left)
                return
            self._state.remember_known(put.key, Known(*refused.left, _MIXED))
        put.ticket.reading.discard()
        if touched and (refused.code == "Unreachable" or refused.code not in NO_RETRY_MENDS):
            self._again(put, job)
            return
        if refused.conflict and job.pair.assumed and self.reconsider is not None:
            self._look_anew(job, put, refused.found)
        elif refused.conflict:
            self._run.progress.files_done += 1
            self._run.emit(Outcome(put.name, put.key, Action.CONFLICT, Result.SKIPPED, Reason.NEWER, put.size))
        elif refused.code == "Cancelled":
            self._not_tried(job)
        elif refused.code == "FileNotFoundError":
            self._failed_to_read(job, Passed(put.name, Reason.VANISHED))
        else:
            operation = writing(put.parameters.params)
            trouble = Trouble(refused.code, refused.http, refused.message)
            failure = remote_failure(trouble, operation, self._target.bucket, self._target.prefix + "*")
            if refused.parts_left:
                failure = replace(failure, hint=_and_parts(failure.hint, self._target))
            down = refused.code in DOWN
            self._run.upload_failed(refused.code, mendable=refused.code not in NO_RETRY_MENDS | DOWN, down=down)
            self._fail(job, failure)

    def _look_anew(self, job: Job, put: Put, found: Mapping[str, Any] | None) -> None:
        """There is an object that nobody knew of, or another one: what was begun has not been tried."""
        if self._run.stopping or self.reconsider is None:
            self._not_tried(job)
            return
        self._run.report.taken_back(existed=job.pair.obj is not None, size=job.pair.file.size)
        self._run.progress.files -= 1
        self._run.progress.bytes -= job.pair.file.size
        read = put.ticket.reading
        pair = job.pair._replace(file=read.file, size=put.size, digest=read.digest._replace(md5=put.md5))
        self.reconsider(job._replace(pair=pair), found)

    def _failed_to_read(self, job: Job, passed: Passed) -> None:
        if passed.failure is not None:
            self._fail(job, passed.failure)
        else:
            self._run.emit(Outcome(passed.name, job.key, Action.SKIP, Result.SKIPPED, passed.reason))

    def _fail(self, job: Job, failure: Failure) -> None:
        file, decision = job.pair.file, job.decision
        self._run.progress.files_done += 1
        self._run.emit(Outcome(
            file.name, job.key, Action.UPLOAD, Result.FAILED, decision.reason, file.size, failure,
            existed=job.pair.obj is not None,
        ))  # fmt: skip

    def _not_tried(self, job: Job) -> None:
        self._run.report.counts["not_tried"] += 1


def _and_parts(hint: str, target: Target) -> str:
    """Nobody sees unfinished uploads, and they are paid for."""
    right = f"needs s3:AbortMultipartUpload on {target.bucket}/{target.prefix}* to remove the parts that were sent"
    return f"{hint}; {right}" if hint else right


def _was_touched(put: Put) -> bool:
    """Whether anything was done to the file from which the object was streamed, since it was hashed."""
    file = put.ticket.reading.file
    return put.body is None and put.path == file.path and not reading.is_untouched(file)

"""Headers and ACLs that are not as the storage would write them: found by a HEAD, mended in place by a copy."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..core.comparison import Action, Reason
from ..core.events import Outcome, Result
from ..core.objects import Known
from ..local.state import State
from ..s3.errors import operation_of, trouble_of
from ..s3.metadata import MAX_COPY_BYTES, difference, mend
from ..s3.objects import etag_of, head_object
from ..s3.target import Target
from .desk import Desk
from .failures import remote_failure
from .jobs import Executor, Job
from .run import Run

_WORKERS = 16
_OUTSTANDING = 128


class Drift:
    """An executor that looks at the headers of unchanged objects before it counts them as such."""

    def __init__(self, inner: Executor, run: Run, target: Target, state: State, desk: Desk) -> None:
        self._inner, self._run, self._target, self._state, self._desk = inner, run, target, state, desk
        self._pool = ThreadPoolExecutor(min(_WORKERS, target.pool_size), thread_name_prefix="s3sync-head")
        self._outstanding = 0

    @property
    def minds_unchanged(self) -> bool:
        """They are all that it is about."""
        return True

    def act(self, job: Job) -> None:
        """Passes on what is not unchanged."""
        if job.decision.action is not Action.NONE or job.pair.obj is None:
            self._inner.act(job)
            return
        self._outstanding += 1
        self._pool.submit(self._look, job)

    def ease(self) -> None:
        """Waits while too much is under way."""
        self._inner.ease()
        while self._outstanding >= _OUTSTANDING:
            self._desk.work(0.2)
            self._run.moved()

    def finish(self) -> None:
        """Waits for everything."""
        while self._outstanding:
            self._desk.work(0.2)
            self._run.moved()
        self._inner.finish()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._inner.close()

    def _look(self, job: Job) -> None:
        """In a worker: what differs, and its mending if that was asked for."""
        options, target = self._run.options, self._target
        outcome: tuple[Mapping[str, Any], str | None] | Exception | None
        try:
            answer = head_object(target.client, target.bucket, job.key, extra=target.head_parameters(job.key))
            if answer is None:
                raise FileNotFoundError("the object is gone since it was listed: push again")
            if job.pair.obj is None or etag_of(answer) != job.pair.obj.etag:
                raise _Replaced
            found = difference(target, job.key, job.rendering.parameters.params, answer)
            outcome = (found, None)
            if found and options.fix_metadata and not options.dry_run and _mendable(answer) and _is_known(job):
                outcome = (found, mend(target, job.key, job.rendering.parameters.params, answer))
        except Exception as error:  # noqa: BLE001  the worker's boundary
            outcome = _Replaced() if trouble_of(error).http == 412 else error
        self._desk.post(partial(self._looked, job), outcome)

    def _looked(self, job: Job, outcome: tuple[Mapping[str, Any], str | None] | Exception) -> None:
        self._outstanding -= 1
        file = job.pair.file
        if isinstance(outcome, _Replaced):
            self._run.emit(Outcome(file.name, job.key, Action.KEEP, Result.SKIPPED, Reason.NEWER, file.size))
            return
        if isinstance(outcome, Exception):
            failure = remote_failure(outcome, operation_of(outcome) or "HeadObject", self._target.bucket, job.key)
            self._run.emit(Outcome(
                file.name, job.key, Action.FIX, Result.FAILED, Reason.METADATA, file.size, failure, existed=True
            ))  # fmt: skip
            return
        found, etag = outcome
        if not found:
            self._inner.act(job)
            return
        result = Result.PLANNED
        if etag is not None:
            result = Result.DONE
            self._remember(job, etag)
        elif not (self._run.options.dry_run and self._run.options.fix_metadata):
            self._run.report.differences = True
        self._run.emit(Outcome(
            file.name, job.key, Action.FIX, result, Reason.METADATA, file.size, existed=True, detail=_in_words(found)
        ))  # fmt: skip

    def _remember(self, job: Job, etag: str) -> None:
        """The copy's ETag, unless it may be that of bytes which a user stored a moment ago: not every server looks at
        the condition of a copy."""
        obj, digest, known = job.pair.obj, job.pair.digest, job.pair.known
        if obj is None:
            return
        fingerprint = digest.fingerprint if digest is not None else None
        if fingerprint is None and known is not None and known.stands_for(obj):
            fingerprint = known.fingerprint
        if fingerprint is not None and (self._target.is_aws or etag in (obj.etag, fingerprint.md5)):
            self._state.remember_known(job.key, Known(etag, obj.size, fingerprint))


class _Replaced(Exception):
    """A user has replaced the object since it was listed: its headers are theirs too."""


def _is_known(job: Job) -> bool:
    """Whether the object was seen to hold this file's bytes; `--compare size` alone does not tell."""
    known, obj = job.pair.known, job.pair.obj
    return job.pair.digest is not None or (known is not None and obj is not None and known.stands_for(obj))


def _mendable(answer: Mapping[str, Any]) -> bool:
    """Beyond 5 GB one copy can't do it, and an archived object can't be read."""
    archived = answer.get("StorageClass") in ("GLACIER", "DEEP_ARCHIVE") or answer.get("ArchiveStatus")
    return int(answer.get("ContentLength", 0)) <= MAX_COPY_BYTES and not archived


def _in_words(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{header} is {have!r}, should be {want!r}" for header, (have, want) in sorted(found.items()))

"""`--abort-stale`: what killed runs have left in the bucket, and nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from ..core.comparison import Action
from ..core.events import Failure, Finding, Outcome, Result
from ..core.scope import Scope
from ..exceptions import RemoteError
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.target import Target
from ..s3.unfinished import Unfinished, abort, list_unfinished
from .run import Run

_NAMED = 3


def abort_stale(run: Run, target: Target, scope: Scope, age: float, skew: float) -> None:
    """Aborts uploads in parts that were begun at least `age` seconds ago, `skew` being how far the server is ahead.

    Raises RemoteError where they can't be listed. What can't be aborted is a failure of that name.
    """
    limit = datetime.now(timezone.utc) + timedelta(seconds=skew - age)
    done: list[Unfinished] = []
    try:
        # To the end before the first one goes: what is deleted while pages are read makes servers skip others.
        stale = list(_stale(target, scope, run.options.prefix, limit))
    except REMOTE_ERRORS as error:
        trouble = trouble_of(error)
        hint = hint_for(trouble, "ListMultipartUploads", target.bucket, target.prefix + "*") or trouble.message
        raise RemoteError(
            "ListMultipartUploads", target.bucket, code=trouble.code, http=trouble.http, hint=hint
        ) from error
    for upload in stale:
        if run.stopping:
            break
        if run.options.dry_run or _abort(run, target, upload):
            done.append(upload)
    if done:
        _tell(run, target, done)


def _stale(target: Target, scope: Scope, prefix: str, limit: datetime) -> Iterator[Unfinished]:
    for upload in list_unfinished(target.client, target.bucket, target.listing_prefix(prefix)):
        name = target.name_of(upload.key)
        if upload.begun <= limit and not name.startswith(scope.foreign) and name.startswith(prefix):
            yield upload


def _abort(run: Run, target: Target, upload: Unfinished) -> bool:
    try:
        abort(target.client, target.bucket, upload)
    except REMOTE_ERRORS as error:
        trouble = trouble_of(error)
        hint = hint_for(trouble, operation_of(error) or "AbortMultipartUpload", target.bucket, upload.key)
        failure = Failure(trouble.code, trouble.http, hint, trouble.message)
        run.emit(Outcome(target.name_of(upload.key), upload.key, Action.NONE, Result.FAILED, error=failure))
        return False
    return True


def _tell(run: Run, target: Target, uploads: list[Unfinished]) -> None:
    names = ", ".join(target.name_of(upload.key) for upload in uploads[:_NAMED])
    more = f" and {len(uploads) - _NAMED:,} more" if len(uploads) > _NAMED else ""
    oldest = min(upload.begun for upload in uploads)
    did = "would be aborted" if run.options.dry_run else "aborted"
    what = "unfinished upload" if len(uploads) == 1 else "unfinished uploads"
    detail = f"{len(uploads):,} {what} {did}, the oldest of {oldest:%Y-%m-%d %H:%M} UTC: {names}{more}."
    run.report.differences |= run.report.check
    run.emit(Finding("uploads-stale", "info", detail))

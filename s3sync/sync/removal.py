"""Deletes many objects, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from ..core.comparison import Action
from ..core.events import Outcome, Result
from ..core.objects import RemoteObject
from ..s3.target import Target
from .failures import remote_failure
from .run import Run

_WORKERS = 16

Delete = Callable[[RemoteObject], Exception | None]
"""Deletes one object, in a worker; the error, if it could not be done."""


def deleted(
    run: Run, target: Target, objects: Iterable[RemoteObject], delete: Delete
) -> Iterator[tuple[RemoteObject, Exception | None]]:
    """Each object with what became of it. Begins nothing new once the run has to stop."""
    rest = iter(objects)
    with ThreadPoolExecutor(min(_WORKERS, target.pool_size), thread_name_prefix="s3sync-delete") as pool:
        while not run.stopping and (batch := list(islice(rest, 8 * _WORKERS))):
            run.progress.doing = "deleting"
            for each in zip(batch, pool.map(delete, batch), strict=True):
                run.moved()
                yield each


def failed_to_delete(target: Target, obj: RemoteObject, error: Exception) -> Outcome:
    """The outcome of a delete that S3 has refused."""
    failure = remote_failure(error, "DeleteObject", target.bucket, obj.key)
    name = target.name_of(obj.key)
    return Outcome(name, obj.key, Action.DELETE, Result.FAILED, size=obj.size, error=failure)

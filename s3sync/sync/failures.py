"""Exceptions become failures that a person can act on."""

from __future__ import annotations

from ..core.comparison import Reason
from ..core.events import Failure
from ..core.plan import Passed
from ..local.reading import NotRegular, Restless
from ..local.walk import unreadable
from ..s3.errors import Trouble, hint_for, trouble_of


def remote_failure(error: BaseException | Trouble, operation: str, bucket: str, key: str) -> Failure:
    """What S3, botocore or the network has refused, with a hint."""
    trouble = error if isinstance(error, Trouble) else trouble_of(error)
    return Failure(trouble.code, trouble.http, hint_for(trouble, operation, bucket, key), trouble.message)


def storage_failure(storage: object, error: BaseException) -> Failure:
    """A method that the project's storage class overrides has raised."""
    return Failure(
        type(error).__name__, hint=f"correct the storage class {type(storage).__name__}",
        message=f"{type(storage).__name__} raised {type(error).__name__}: {error}",
    )  # fmt: skip


def file_failure(name: str, error: BaseException) -> Passed:
    """What became of a file that could not be read."""
    if isinstance(error, FileNotFoundError):
        return Passed(name, Reason.VANISHED)
    if isinstance(error, NotRegular):
        return Passed(name, Reason.SPECIAL)
    if isinstance(error, Restless):
        return Passed(name, failure=Failure(
            "FileChanged", hint="it was written to each time it was read: push again later, or use --min-age",
            message="changed three times while it was read",
        ))  # fmt: skip
    if isinstance(error, OSError):
        return Passed(name, failure=unreadable(error))
    return Passed(name, failure=Failure(type(error).__name__, message=str(error)))

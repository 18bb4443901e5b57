"""What can stop a run: one class per remedy.

The failure of a single file never raises out of a run; it is an event. An exception here means that the run cannot
begin or cannot go on. Each carries the exit code that the command ends with, and all of them can be pickled.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured


class S3SyncError(Exception):
    """Base of everything raised on purpose; `code` is S3's or ours for machines, `hint` is what to do about it."""

    exit_code = 1

    def __init__(self, message: str = "", *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own way calls the class with `args`, the finished message, and loses what subclasses ask for.
        return _restored, (type(self), self.args, dict(self.__dict__))


def _restored(cls: type[S3SyncError], args: tuple[Any, ...], attributes: dict[str, Any]) -> S3SyncError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(attributes)
    return error


class ConfigurationError(S3SyncError, ImproperlyConfigured):
    """A setting is missing or cannot be meant; the message says which one and what to write."""


class UsageError(S3SyncError):
    """The options given exclude each other or make no sense here."""

    exit_code = 2


class SourceError(S3SyncError):
    """The local side cannot be read; `name` is the directory or the storage name."""

    def __init__(self, name: str, reason: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"Cannot read {name!r}: {reason}.", code=code, hint=hint)
        self.name = name


class RemoteError(S3SyncError):
    """S3 refused something the run cannot do without, such as listing the target; `key` is None for bucket calls."""

    def __init__(
        self,
        operation: str,
        bucket: str,
        key: str | None = None,
        *,
        code: str = "Unknown",
        http: int | None = None,
        hint: str | None = None,
    ) -> None:
        where = bucket if key is None else f"{bucket}/{key}"
        answer = code if http is None else f"{code} (HTTP {http})"
        super().__init__(f"{operation} on {where!r} failed: {answer}.", code=code, hint=hint)
        self.operation = operation
        self.bucket = bucket
        self.key = key
        self.http = http


class GuardRefused(S3SyncError):
    """A safety guard stopped the run or held a part of it back; nothing was lost or exposed."""

    exit_code = 5


class LockHeld(S3SyncError):
    """Another run works on the same target."""

    exit_code = 6

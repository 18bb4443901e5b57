"""A push of names that are given: nothing is listed, so the first answers tell what a listing would have told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..core.objects import RemoteObject
from ..exceptions import RemoteError
from ..s3.errors import REMOTE_ERRORS, Trouble, hint_for, trouble_of
from ..s3.target import Target
from .run import Run

_NO_START: Final = frozenset({
    "NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "301", "AuthorizationHeaderMalformed",
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired",
    "RequestTimeTooSkewed", "NoCredentials", "PartialCredentials", "CredentialRetrievalError", "NoRegion",
    "AllAccessDisabled", "AccountProblem", "NotSignedUp", "Unreachable", "TLS", "WrongAnswer",
})  # fmt: skip
"""With one of these a listing would have been refused too."""
_ANSWERED: Final = ("uploaded", "unchanged", "kept", "conflicts")


class NoListing:
    """Stands where a listing does, and asks for nothing."""

    skew = 0.0
    begin_at: Sequence[str] = ()
    marks: Sequence[str] | None = None

    def open(self) -> None:
        """Does nothing."""

    def pages(self) -> Iterator[Sequence[RemoteObject]]:
        """None."""
        return iter(())


def check_first_answers(run: Run, target: Target) -> None:
    """Raises RemoteError where nothing was reached, as each name failed for one reason that is no name's own."""
    counts = run.report.counts
    if len(run.failures) != 1 or run.report.pending or any(counts[name] for name in _ANSWERED):
        return
    ((code, error),) = run.failures.items()
    trouble, operation = Trouble(code, error.http, error.message), "PutObject"
    if code == "403":  # the answer to a HEAD has no body that would say why
        trouble, operation = _why_refused(target) or trouble, "ListObjectsV2"
    if trouble.code in _NO_START:
        hint = hint_for(trouble, operation, target.bucket, target.prefix + "*") or trouble.message
        raise RemoteError(operation, target.bucket, code=trouble.code, http=trouble.http, hint=hint)


def _why_refused(target: Target) -> Trouble | None:
    try:
        target.client.list_objects_v2(Bucket=target.bucket, Prefix=target.prefix, MaxKeys=1)
    except REMOTE_ERRORS as error:
        return trouble_of(error)
    return None

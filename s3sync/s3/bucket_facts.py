"""What decides who can read a bucket's objects, read in about seven calls.

Of each fact it is told apart whether it is *not configured*, which is a fact too, or could not be read: not allowed,
not implemented by this server, or answered with the wrong document (`documents`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ..access.facts import BucketFacts, Grant
from .bucket_calls import ABSENT, ACCOUNT, ACL, BLOCK, IDENTITY, OWNERSHIP, PAYMENT, POLICY, STATUS, Call
from .detached import with_session
from .documents import Tap, WrongDocument
from .errors import trouble_of
from .providers import endpoint_kind, lacks, provider_of
from .siblings import sibling

Why = Literal["denied", "not-implemented", "wrong-document", "unreachable"]

_FATAL = frozenset({
    "NoSuchBucket", "InvalidBucketName", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
    "TokenRefreshRequired", "RequestTimeTooSkewed", "PermanentRedirect", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException", "AllAccessDisabled", "AccountProblem", "InvalidSecurity", "301",
})  # fmt: skip
"""With one of these, no other call fares better."""


class Unread(NamedTuple):
    """A fact that could not be read, and why."""

    operation: str
    action: str
    """The permission that it takes."""
    code: str
    http: int | None
    why: Why


@dataclass(frozen=True)
class BucketReading:
    """All that was read of one bucket."""

    facts: BucketFacts
    acl: list[Grant] | None
    """Of the bucket itself: who lists it and writes to it. None: unread."""
    unread: tuple[Unread, ...]
    calls: int
    """Requests made, botocore's retries aside."""
    provider: str
    """`aws`, `ceph`, `minio`, `r2`, `b2`, `spaces`, `wasabi`, `gcs`, `moto?` or `unknown`."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Operation -> what it has read, or `ABSENT`, of those that were asked for besides; None: unread."""


def read_bucket(
    client: Any, bucket: str, *, is_aws: bool, account_id: str | None = None, besides: Iterable[Call] = ()
) -> BucketReading:
    """The facts of one bucket. Raises what botocore raises only where the bucket can't be reached at all.

    `account_id` is whose public access block counts besides the bucket's, if it is not that of the caller.
    """
    reader = _Reader(client, bucket)
    kind = endpoint_kind(bucket, is_aws=is_aws)
    if kind != "bucket":  # nobody gets in without credentials, whatever else there is
        reader.reach()
        facts = replace(BucketFacts.unread(bucket), endpoint_kind=kind)
        return BucketReading(facts, None, (), reader.calls, provider_of(client, reader.headers, is_aws=is_aws))
    if is_aws:
        reader.owner = account_id or reader.ask_sibling("sts", IDENTITY)
    acl, block, ownership = reader.ask(ACL), reader.ask(BLOCK), reader.ask(OWNERSHIP)
    policy = reader.ask(POLICY)
    # No policy is not public, and a call less.
    public = False if policy is ABSENT else reader.ask(STATUS)
    payment = reader.ask(PAYMENT)
    account: Any = reader.ask_account() if is_aws else ABSENT
    asked = [(call, reader.ask(call)) for call in besides]
    provider = provider_of(client, reader.headers, is_aws=is_aws)
    known = reader.settled(provider)
    facts = BucketFacts(
        bucket, acl.owner_id if acl else None,
        ownership=known(OWNERSHIP, ownership, "ObjectWriter"), bucket_block=known(BLOCK, block, {}),
        account_block=known(ACCOUNT, account, {}), policy=known(POLICY, policy, None),
        policy_read=policy is not None, policy_is_public=known(STATUS, public, None),
        requester_pays=known(PAYMENT, payment, False), endpoint_kind=kind,
    )  # fmt: skip
    grants = list(acl.grants) if acl else None
    details = {call.operation: known(call, found, ABSENT) for call, found in asked}
    return BucketReading(facts, grants, tuple(reader.unread), reader.calls, provider, details)


class _Reader:
    """Makes the calls of one reading and keeps what became of them."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._original = client
        self._tap = Tap(client._endpoint.http_session, _check)
        self._client, self._bucket = with_session(client, self._tap), bucket
        self._answered = False
        self._trouble: Exception | None = None
        self.owner: str | None = None
        """The account that the bucket is thought to be of; each call asks S3 to make sure."""
        self._owner_proven: bool | None = None
        self.unread: list[Unread] = []
        self.headers: list[tuple[str, str]] = []
        """Of all answers; names in small letters."""
        self.calls = 0

    def reach(self) -> None:
        """Raises what botocore raises if the bucket can't be reached."""
        self.calls += 1
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if trouble_of(error).http not in (400, 403, 405, 501):
                raise

    def ask(self, call: Call) -> Any:
        """What is configured, or `ABSENT`; None, and a note, if it could not be read."""
        if self.owner is None or self._owner_proven is False:
            return self._guarded(call, lambda: self._read(self._client, call, Bucket=self._bucket))
        try:
            found = self._read(self._client, call, Bucket=self._bucket, ExpectedBucketOwner=self.owner)
        except ClientError as error:
            if trouble_of(error).http != 403 or self._owner_proven:
                return self._failed(call, error)
            return self._of_another(call)
        except Exception as error:  # noqa: BLE001  sorted out there
            return self._failed(call, error)
        self._owner_proven = True
        return found

    def _of_another(self, call: Call) -> Any:
        """A 403 may say that the bucket is another account's: then it is not said without naming the owner."""
        before = len(self.unread)
        found = self._guarded(call, lambda: self._read(self._client, call, Bucket=self._bucket))
        if len(self.unread) == before:
            self._owner_proven = False
        return found

    def ask_account(self) -> Any:
        """The account's public access block, provided that the bucket is known to be of that account."""
        if self.owner is None:
            return self._note(ACCOUNT, "UnknownAccount", None, "denied")
        if not self._owner_proven:
            return self._note(ACCOUNT, "OtherAccount", None, "denied")
        return self.ask_sibling("s3control", ACCOUNT, AccountId=self.owner)

    def ask_sibling(self, service: str, call: Call, **arguments: Any) -> Any:
        """The same of another service, with the client's credentials and ways; its trouble is never the bucket's."""
        before = self._answered
        try:
            return self._read(sibling(self._original, service), call, **arguments)
        except Exception as error:  # noqa: BLE001  sorted out there
            return self._failed(call, error, may_end=False)
        finally:
            self._answered = before  # which says nothing about the bucket's endpoint

    def settled(self, provider: str) -> Callable[[Call, Any, Any], Any]:
        """A function that gives a fact its value: `absent` where nothing is configured, or nothing can be there.

        Raises the first trouble if there was nothing but trouble.
        """
        if self._trouble is not None and not self._answered:
            raise self._trouble
        unknown_there = [each.operation for each in self.unread if each.why in ("not-implemented", "wrong-document")]
        spared = lacks(provider).intersection(unknown_there)
        self.unread = [each for each in self.unread if each.operation not in spared]

        def known(call: Call, found: Any, absent: Any) -> Any:
            return absent if found is ABSENT or call.operation in spared else found

        return known

    def _read(self, client: Any, call: Call, **arguments: Any) -> Any:
        """Raises what botocore raises, or WrongDocument."""
        self.calls += 1
        self._tap.begin()
        try:
            answer = getattr(client, call.method)(**arguments)
        except ClientError as error:
            if call.absent and trouble_of(error).code == call.absent:
                self._answered = True
                return ABSENT
            raise
        finally:
            self.headers += [(name.lower(), value) for name, value in self._tap.headers.items()]
        self._answered = True
        try:
            return call.read(answer, self._tap.body)
        except (KeyError, IndexError, TypeError) as error:
            raise WrongDocument("what was asked for is not in it") from error

    def _guarded(self, call: Call, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except Exception as error:  # noqa: BLE001  sorted out there
            return self._failed(call, error)

    def _failed(self, call: Call, error: Exception, *, may_end: bool = True) -> None:
        """Notes why a fact is unread; raises the error again if it says that nothing can be read."""
        if isinstance(error, (WrongDocument, ResponseParserError)):
            self._answered = True
            return self._note(call, "WrongDocument", 200, "wrong-document")
        if not isinstance(error, (ClientError, BotoCoreError)):
            raise error
        trouble = trouble_of(error)
        why = _why(trouble.code, trouble.http, error)
        silent = trouble.http is None and not self._answered  # to wait for five more such helps nobody
        if may_end and (why is None or trouble.code in _FATAL or silent):
            raise error
        if why == "unreachable" and may_end:
            self._trouble = self._trouble or error
        self._answered = self._answered or why in ("denied", "not-implemented")
        return self._note(call, trouble.code, trouble.http, why or "unreachable")

    def _note(self, call: Call, code: str, http: int | None, why: Why) -> None:
        self.unread.append(Unread(call.operation, call.action, code, http, why))


def _why(code: str, http: int | None, error: Exception) -> Why | None:
    """Why something is unread; None for trouble of our own (credentials, parameters), which all calls share."""
    if isinstance(error, (boto.ConnectionError, boto.HTTPClientError)):
        return "unreachable"
    if http is None:
        return None
    if http == 403 or code == "AccessDenied":
        return "denied"
    # 501 and 405, but also 400 and 404 with all kinds of codes: what a server does that does not know the sub-resource.
    return "unreachable" if http == 429 or (http >= 500 and http != 501) else "not-implemented"


def _check(body: bytes, headers: Mapping[str, str]) -> None:
    """botocore would take what is no XML for a server error, and try again and again."""
    start = body.lstrip()[:9].lower()
    if not start.startswith((b"<", b"{")) or start.startswith((b"<!doctype", b"<html")):
        raise WrongDocument("it is no XML" if body else "it is empty")

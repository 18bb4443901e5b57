"""Whose credentials a storage uses, and how its bucket answers: in four calls or fewer, none of which changes anything.

"Error responses" and "HeadBucket", Amazon S3 API Reference; "GetCallerIdentity", AWS STS API Reference.
"""

from __future__ import annotations

import copy
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from ..doctor.facts import Answer, Caller, Reach
from .bucket_calls import IDENTITY
from .detached import with_session
from .documents import WrongDocument
from .errors import REMOTE_ERRORS, hint_for, trouble_of
from .explanations import without_secrets
from .siblings import sibling
from .target import Target, without_userinfo

SPEAKS_TLS: Final = "SpeaksTLS"
"""Our code for an endpoint that is written with http:// and speaks TLS."""
NOT_S3: Final = "WrongDocument"
"""Our code for an answer that no S3 gives."""
SPELT: Final = "Spelling"
"""Our code for a key with something at its ends that hardly belongs to it."""
_HASTE = Config(connect_timeout=5, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 2})
_REDIRECTS = (301, 302, 303, 307, 308)
_VARIABLES = ("AWS_S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID")
"""Where django-storages itself looks, so that to botocore the key seems to be written in the code."""
_QUOTES = "\"'"
_ACCOUNT = re.compile(r"\b\d{8}(?=\d{4}\b)")


def in_haste(target: Target) -> Target:
    """The same with a client that soon gives up: a dead endpoint is not to cost minutes."""
    storage = copy.copy(target.storage)
    storage.client_config = storage.client_config.merge(_HASTE)
    return Target.of(target.alias, storage)  # which leaves a `connection` of the class's own as it is


def answer_of(error: BaseException, operation: str, bucket: str, key: str = "*") -> Answer:
    """An exception of a call as its answer."""
    trouble = trouble_of(error)
    return Answer(
        operation=operation, code=trouble.kind or trouble.code, http=trouble.http,
        hint=hint_for(trouble, operation, bucket, key), message=trouble.message, region=trouble.region,
    )  # fmt: skip


def caller_of(target: Target) -> Caller:
    """Whose credentials there are, without a request to S3."""
    try:
        source = target.client._get_credentials()
        frozen = None if source is None else source.get_frozen_credentials()
    except Exception as error:  # noqa: BLE001  a provider may be any program
        return Caller(found=False, trouble=answer_of(error, "", target.bucket))
    if frozen is None:
        return Caller(found=False, trouble=Answer(operation="", code="NoCredentials"))
    method = str(source.method or "")
    if method == "explicit":
        told = any(os.environ.get(name) == frozen.access_key for name in _VARIABLES if frozen.access_key)
        method = "env" if told else "OPTIONS"
    caller = Caller(
        found=bool(frozen.access_key and frozen.secret_key), method=method, temporary=bool(frozen.token),
        masked="..." + str(frozen.access_key)[-4:] if len(frozen.access_key or "") > 4 else "...",
    )  # fmt: skip
    if caller.found:
        return caller
    halves = {"access_key": frozen.access_key, "secret_key": frozen.secret_key}
    lacking = " and ".join(name for name, value in halves.items() if not value)
    return replace(caller, trouble=Answer(operation="", code="PartialCredentials", message=lacking))


def misspelt(target: Target) -> Answer | None:
    """What came along when a key was copied, if anything did."""
    frozen = target.client._get_credentials().get_frozen_credentials()
    for name, value in (("access", frozen.access_key), ("secret", frozen.secret_key), ("session", frozen.token)):
        what = "key" if name != "session" else "token"
        if value and (value != value.strip() or value[0] in _QUOTES or value[-1] in _QUOTES):
            return Answer(
                operation="", code=SPELT,
                message=f"a space, a line break or a quotation mark begins or ends the {name} {what}",
                hint=f"write the {name} {what} without it: read from a file, add .strip(); in an .env file for Docker, "
                "leave out the quotation marks",
            )  # fmt: skip
    return None


def unsendable(target: Target, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Which parameters of an upload boto3 does not send, and why; values are not told."""
    shape = target.client.meta.service_model.operation_model("PutObject").input_shape
    report = ParamValidator().validate({**parameters, "Bucket": "b", "Key": "k"}, shape).generate_report()
    found = (line for line in report.splitlines() if re.match("(Invalid|Unknown|Missing) ", line))
    return tuple(re.sub(r", must be one of:.*|, value: .*?(?=, valid types: |$)", "", line) for line in found)


def refused(target: Target, answer: Answer) -> Answer:
    """An answer about the credentials, with what the kind of key tells besides."""
    frozen = target.client._get_credentials().get_frozen_credentials()
    key, token = str(frozen.access_key), frozen.token
    if answer.code == "InvalidAccessKeyId" and key.startswith("ASIA") and not token:
        hint = "this key is a temporary one, which is nothing without its session token: set AWS_SESSION_TOKEN too"
        return replace(answer, hint=hint)
    if answer.code == "InvalidToken" and key.startswith("AKIA"):
        return replace(answer, hint="this key is a lasting one, and the session token beside it belongs to another: "
            "remove security_token, AWS_SESSION_TOKEN and AWS_SECURITY_TOKEN")  # fmt: skip
    return answer


def identified(target: Target, caller: Caller) -> tuple[Caller, str | None]:
    """The same with what STS tells, where Amazon is asked; and the account, unmasked."""
    if not target.is_aws:
        return caller, None
    try:
        said = sibling(target.client, "sts").get_caller_identity()
        account = str(IDENTITY.read(said, b""))
    except (*REMOTE_ERRORS, KeyError):
        return caller, None  # S3 will say the same in words of its own, or does not mind
    arn = _ACCOUNT.sub("...", str(said.get("Arn", "")))
    return replace(caller, identity=arn, account="..." + account[-4:]), account


def reach_of(target: Target, account: str | None) -> Reach:
    """How the bucket answers. After an answer that a second call can't improve, there is none."""
    watch = _Watch(target.client._endpoint.http_session)
    client, bucket = with_session(target.client, watch), target.bucket
    head = _asked("HeadBucket", bucket, lambda: client.head_bucket(Bucket=bucket))
    if head.http is None and not head.well:
        if _speaks_tls(target.endpoint, head):
            head = replace(head, code=SPEAKS_TLS)
        return Reach(head=head, listing=replace(head, operation="ListObjectsV2"))
    if watch.heard:  # a hook may answer in the server's place, as moto.mock_aws does
        head = _with_redirect(head, watch, target)
    prefix = target.listing_prefix("")
    listing = listed(client, bucket, prefix)[0]
    if watch.heard:
        listing = _not_s3(listing, watch)
    own = None
    if account is not None and (head.well or listing.well):
        own = _is_own(lambda: client.head_bucket(Bucket=bucket, ExpectedBucketOwner=account))
    return Reach(head=head, listing=listing, skew=watch.skew, own_account=own)


def listed(client: Any, bucket: str, prefix: str) -> tuple[Answer, str | None]:
    """A listing of one key, and that key if there is one."""
    found: list[str] = []

    def ask() -> None:
        said = client.list_objects_v2(Bucket=bucket, MaxKeys=1, **({"Prefix": prefix} if prefix else {}))
        found.extend(entry["Key"] for entry in said.get("Contents", ()))

    return _asked("ListObjectsV2", bucket, ask), next(iter(found), None)


def _asked(operation: str, bucket: str, ask: Callable[[], Any]) -> Answer:
    try:
        ask()
    except WrongDocument as error:
        return Answer(operation=operation, code=NOT_S3, http=200, message=str(error))
    except Exception as error:  # noqa: BLE001  the network's, the certificate file's, a hook's: each is an answer
        return answer_of(error, operation, bucket)
    return Answer(operation=operation, http=200)


class _Heard(NamedTuple):
    status: int
    headers: Any
    body: bytes
    skew: float | None


class _Watch:
    """Stands in for botocore's HTTP session, and keeps what was answered, before botocore acts on it."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.heard: list[_Heard] = []

    @property
    def skew(self) -> float | None:
        """Of the first answer that tells."""
        return next((each.skew for each in self.heard if each.skew is not None), None)

    def send(self, request: Any) -> Any:
        before = time.time()
        response = self._session.send(request)
        skew = _skew((before + time.time()) / 2, response.headers.get("date"))
        self.heard.append(_Heard(response.status_code, response.headers, response.content, skew))
        if response.status_code == 200 and request.method == "GET" and not _is_xml(response.content):
            raise WrongDocument(_described(response.content))  # botocore would try again and again
        return response


def _skew(ours: float, date: str | None) -> float | None:
    with suppress(TypeError, ValueError):
        return ours - (parsedate_to_datetime(date or "").timestamp() + 0.5)  # the header has whole seconds, cut off
    return None


def _is_xml(body: bytes) -> bool:
    start = body.lstrip()[:9].lower()
    return start.startswith(b"<") and not start.startswith((b"<!doctype", b"<html"))


def _described(body: bytes) -> str:
    if not body:
        return "nothing"
    return "a page for browsers (HTML)" if body.lstrip()[:1] == b"<" else "something that is no XML"


def _with_redirect(head: Answer, watch: _Watch, target: Target) -> Answer:
    """botocore goes where it is sent, without a word; so do requests, and signed addresses do not."""
    first = watch.heard[0]
    region = str(first.headers.get("x-amz-bucket-region") or head.region)
    sent_away = first.status in _REDIRECTS or (first.status == 400 and region)
    if sent_away and region and region != target.region:
        return replace(head, code=str(first.status), http=first.status, region=region)
    if first.status in _REDIRECTS:
        place = without_userinfo(without_secrets(str(first.headers.get("location") or "")))
        return replace(head, code=str(first.status), http=first.status, region="", message=place)
    return replace(head, region=region)


def _not_s3(listing: Answer, watch: _Watch) -> Answer:
    """An error page of some web server is not S3's word that there is no bucket."""
    last = watch.heard[-1]
    if listing.http in (None, 200) or not last.body or _is_xml(last.body) or last.status in _REDIRECTS:
        return listing
    return replace(listing, code=NOT_S3, http=last.status, message=_described(last.body))


def _is_own(ask: Callable[[], Any]) -> bool | None:
    try:
        ask()
    except ClientError as error:
        return False if trouble_of(error).http == 403 else None
    except REMOTE_ERRORS:
        return None
    return True


def _port_of(parts: SplitResult) -> int:
    """0 where what is written is none."""
    try:
        return parts.port or 80
    except ValueError:
        return 0


def _speaks_tls(endpoint: str, head: Answer) -> bool:
    """Whether a server that hung up on http waits for a handshake. Sends nothing else."""
    parts = urlsplit(endpoint)
    if (
        parts.scheme != "http"
        or not parts.hostname
        or not _port_of(parts)
        or head.code in ("EndpointConnectionError", "ConnectTimeoutError")
    ):
        return False
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is told it, nothing believed
    try:
        with socket.create_connection((parts.hostname, _port_of(parts)), timeout=3) as connection:
            context.wrap_socket(connection, server_hostname=parts.hostname).close()
    except OSError:
        return False
    return True

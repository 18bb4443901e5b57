"""Asks botocore how it would send a request, and proves that a `Template` says the same.

The requests are built and signed by the storage's own client, event hooks included, and go nowhere: we work on a
shallow copy of the client whose transport only takes note. (A `before-send` hook on the client itself would not do:
botocore caches its handler lists without a lock, so that with other threads on the client a probe could, once in a
blue moon, be sent.)
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import md5, sha256
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session

from .conditions import condition_arguments
from .detached import with_session
from .objects import MD5_METADATA
from .signing import Captured, Moment, NotFast, Template, etag_value
from .transfer import Condition, WriteParameters

AWKWARD = " a+b%2F~'\"(ü日😀)/./..//&=?#;,@:$!*|<>\\\x01\x7f"
"""What a key may hold that somebody on the way could write in another form."""
EXPRESS = ("--x-s3", "--xa-s3")
"""How the names of S3 Express' buckets and access points end."""


@dataclass(slots=True)
class _Probe:
    """One object that is never sent."""

    key: str
    body: bytes
    condition: Condition | None
    carries_md5: bool

    @property
    def md5(self) -> bytes:
        return md5(self.body, usedforsecurity=False).digest()

    @property
    def sha256(self) -> str:
        return sha256(self.body).hexdigest()

    def head_by(self, template: Template, now: Moment) -> bytes:
        etag = etag_value(self.condition, quoted=True)
        return template.head(self.key, len(self.body), self.md5.hex(), self.sha256, etag, now)

    def arguments(self, parameters: WriteParameters) -> dict[str, Any]:
        arguments = {**parameters.params, **condition_arguments(self.condition)}
        if self.carries_md5:
            arguments["Metadata"] = {**arguments.get("Metadata", {}), MD5_METADATA: self.md5.hex()}
        return arguments


def capture(
    client: Any, bucket: str, parameters: WriteParameters, condition: Condition | None, keys: tuple[str, ...],
    *, carries_md5: bool = False,
) -> Template:  # fmt: skip
    """A template for all PUTs with these parameters and this kind of condition; raises NotFast with the reason.

    `keys` (at least one) are some of the keys that are going to be sent: a header that one of them changes shows. Takes
    some milliseconds, sends nothing to S3, may fetch credentials. Any thread may call it while others use the client.
    """
    if bucket.endswith(EXPRESS):
        # botocore would ask for a session first, with a request of its own.
        raise NotFast("an S3 Express bucket")
    try:
        return _proven(client, bucket, parameters, list(_probes(keys, condition, carries_md5)))
    except NotFast:
        raise
    except Exception as error:
        # boto3 will meet the same trouble and has the words for it.
        raise NotFast(f"{type(error).__name__}: {error}") from error


def refuse_answering_hooks(client: Any, bucket: str) -> None:
    """Raises NotFast where a hook answers in the server's place: it might store our probes, as moto's does."""
    try:
        unsent(client, "GET", lambda its: its.list_objects_v2(Bucket=bucket, MaxKeys=1))
    except NotFast:
        raise
    except Exception as error:
        raise NotFast(f"{type(error).__name__}: {error}") from error


def credentials_of(client: Any) -> Any:
    """The client's frozen credentials as of now; may refresh them, and so block. Raises NotFast if there are none."""
    source = client._get_credentials()
    if source is None:
        raise NotFast("no credentials: the requests are not signed")
    return source.get_frozen_credentials()


def session_of(client: Any) -> Any:
    """botocore's own HTTP session, which knows proxies and certificates; raises NotFast if it is another's."""
    session = getattr(client._endpoint, "http_session", None)
    if type(session) is not URLLib3Session:
        raise NotFast(f"an HTTP session of another make ({type(session).__name__})")
    return session


def _proven(client: Any, bucket: str, parameters: WriteParameters, probes: list[_Probe]) -> Template:
    requests = [_captured(client, bucket, parameters, probe) for probe in probes]
    template = Template(requests[0], probes[0].key, probes[0].sha256)
    credentials = credentials_of(client)
    for probe, request in zip(probes, requests, strict=True):
        compare(template, request, credentials, partial(probe.head_by, template))
    return template


def compare(template: Template, request: Captured, credentials: Any, head: Callable[[Moment], bytes]) -> None:
    """Raises NotFast unless `head`, the template's for the same object, is what botocore would have sent."""
    if urlsplit(request.url)[:2] != urlsplit(template.url)[:2]:
        raise NotFast("the server's address depends on the key")
    ours, theirs = head(Moment(dict(request.by_name())["x-amz-date"], credentials)), request.head()
    if ours != theirs:
        raise NotFast(f"{_first_difference(ours, theirs)} cannot be derived")


def _probes(keys: tuple[str, ...], condition: Condition | None, carries_md5: bool) -> Iterator[_Probe]:
    """Objects that differ in all that may differ: keys, sizes (none included), ETags."""
    for number, key in enumerate((*keys, keys[-1] + AWKWARD)):
        stale = condition and (condition if condition.is_new else Condition(if_match=f"{number:032x}-{number + 1}"))
        yield _Probe(key, b"probe" * number, stale, carries_md5)


def _captured(client: Any, bucket: str, parameters: WriteParameters, probe: _Probe) -> Captured:
    """What the client would send for one probe."""
    session_of(client)  # the attribute that we replace has to be the one that sends
    return unsent(client, "PUT", lambda its: its.put_object(
        Bucket=bucket, Key=probe.key, Body=probe.body, ContentMD5=b64encode(probe.md5).decode(),
        **probe.arguments(parameters),
    ))  # fmt: skip


def unsent(client: Any, method: str, call: Callable[[Any], object]) -> Captured:
    """The one request that `call`, which is given a client, would make; raises NotFast if it is not just that one."""
    note = _NoteTaker()
    call(with_session(client, note))
    if len(note.requests) != 1:
        # A before-send hook of the user's (moto's in-process mock is one) has answered, or there was a second request.
        raise NotFast(f"one {method} makes {len(note.requests)} requests")
    request = note.requests[0]
    if request.method != method:
        raise NotFast(f"the request is a {request.method}")
    headers = [(_text(name), _text(value)) for name, value in request.headers.items()]
    return Captured(request.url, headers, method)


class _NoteTaker:
    """Stands where botocore's HTTP session stands, and answers everything with an empty 200."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def send(self, request: Any) -> AWSResponse:
        self.requests.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), self)

    def stream(self) -> Iterator[bytes]:
        return iter(())


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _first_difference(ours: bytes, theirs: bytes) -> str:
    """Names the first line that differs, never its value: it may be a key or a token."""
    for mine, other in zip(ours.split(b"\r\n"), theirs.split(b"\r\n"), strict=False):
        if mine != other:
            name = other.partition(b":")[0] if b":" in other[:60] else other[:4]
            return name.decode("latin-1").strip()
    return "the end"

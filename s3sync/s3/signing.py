"""AWS Signature Version 4 for requests whose shape botocore has shown us.

A `Template` is made from one request of botocore's and writes the same request for any other object. Whether it really
does is for `capture` to prove, with botocore as the referee.

The algorithm: "Signature Version 4 signing process" in the AWS IAM User Guide; S3's payload rules: "Authenticating
Requests: Using the Authorization Header" in the Amazon S3 API Reference.
"""

from __future__ import annotations

import re
import time
from binascii import a2b_hex, b2a_base64
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:  # who signs in a process of its own does without it
    from .transfer import Condition

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
PER_CALL = frozenset({"amz-sdk-invocation-id", "amz-sdk-request", "expect", "host", "x-amzn-trace-id"})
"""Headers that name the call or the hop, not the object; never signed but for `host`, which we write ourselves."""

_AUTHORIZATION = re.compile(
    ALGORITHM + r" Credential=(?P<key>[^,]+)/\d{8}/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[^, ]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_NEEDS_NO_QUOTING = re.compile(r"[A-Za-z0-9_.~/-]+").fullmatch
_VISIBLE = re.compile(r"[\x21-\x7e]*").fullmatch
_PRINTABLE = re.compile(r"[\t\x20-\x7e]*").fullmatch


class NotFast(Exception):
    """Says why a shape of requests has to go through boto3."""


class Moment:
    """One second of signing: the date, the credentials, and what is derived from both.

    Not thread-safe; an engine makes a new one each second.
    """

    __slots__ = ("_keys", "access_key", "date", "secret_key", "token")

    def __init__(self, date: str, credentials: Any) -> None:
        """`date` is `x-amz-date`'s value; `credentials` botocore's frozen ones."""
        self.date = date
        self.access_key: str = credentials.access_key
        self.secret_key: str = credentials.secret_key
        self.token: str | None = credentials.token
        self._keys: dict[tuple[str, str], bytes] = {}

    @classmethod
    def at(cls, epoch: float, credentials: Any) -> Moment:
        """The moment of a Unix time, in seconds."""
        return cls(time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(epoch)), credentials)

    def signing_key(self, region: str, service: str) -> bytes:
        key = self._keys.get((region, service))
        if key is None:
            key = ("AWS4" + self.secret_key).encode()
            for part in (self.date[:8], region, service, "aws4_request"):
                key = hmac_digest(key, part.encode(), "sha256")
            self._keys[region, service] = key
        return key


def kind_of(condition: Condition | None) -> str:
    """Which of the three kinds of request a condition makes: their header sets differ, so their templates do."""
    if condition is None:
        return "plain"
    return "new" if condition.is_new else "match"


def quote_key(key: str) -> str:
    """A key as it stands in the path and in the canonical request: S3 wants it encoded once and never normalised."""
    return key if _NEEDS_NO_QUOTING(key) else quote(key, safe="/~")


class Captured:
    """One request of botocore's, as it would have gone out."""

    __slots__ = ("headers", "method", "url")

    def __init__(self, url: str, headers: list[tuple[str, str]], method: str = "PUT") -> None:
        self.url, self.headers, self.method = url, headers, method

    @property
    def host(self) -> str:
        """As signed and as sent: the port only if it is not the scheme's own (RFC 9110, section 7.2)."""
        parts = urlsplit(self.url)
        own = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
        return dict(self.by_name()).get("host") or parts.netloc.removesuffix(own)

    def by_name(self) -> list[tuple[str, str]]:
        return [(name.lower(), value) for name, value in self.headers]

    def head(self) -> bytes:
        """The request's head in our own spelling: our order, without what belongs to the single call."""
        parts = urlsplit(self.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        kept = [f"{name}: {value}\r\n" for name, value in self.headers if name.lower() not in PER_CALL]
        return f"{self.method} {target} HTTP/1.1\r\nHost: {self.host}\r\n{''.join(kept)}\r\n".encode("ascii")


class Template:
    """Writes the signed head of any request of one shape; of a PUT: one set of write parameters, one kind of condition.

    Used by one thread at a time. The text is filled in two steps: once per `Moment` what depends on the second and the
    credentials, and once per object the rest, so that one head costs some ten microseconds.
    """

    QUERY = ""
    """What follows the `?` of the address: a text to be filled twice."""
    SIGNED_QUERY = ""
    """The same in the canonical request's form, where names are sorted and each has a `=`."""
    NEEDED = frozenset({"content-length", "content-md5", "x-amz-date"})
    """Headers without which the request has another form than expected."""

    def __init__(self, request: Captured, key: str, payload_sha256: str, query: str | None = None) -> None:
        """`request` is botocore's for `key`; `query` is its own, where `QUERY` is yet to be filled.

        Raises NotFast if it has a form that we don't write.
        """
        headers = request.by_name()
        values = dict(headers)
        scope = _AUTHORIZATION.fullmatch(values.get("authorization", ""))
        if scope is None:
            raise NotFast("the request is not signed with Signature Version 4")
        _refuse_other_forms(request, headers, key, self.QUERY if query is None else query, self.NEEDED)
        self.url = request.url
        self.region, self.service, self._signed = scope["region"], scope["service"], scope["signed"]
        self.signs_payload = values.get("x-amz-content-sha256") != UNSIGNED
        if self.signs_payload and values.get("x-amz-content-sha256") != payload_sha256:
            raise NotFast(f"the payload is signed as {values.get('x-amz-content-sha256')}")
        self._has_token = "x-amz-security-token" in values
        self._has_etag = "if-match" in values
        self._prefix = urlsplit(request.url).path.removesuffix(quote_key(key))
        self._canonical_text = self._canonical(request, values | {"host": request.host})
        self._head_text = self._written(request)
        self._begin()

    def _begin(self) -> None:
        self._moment: Moment | None = None
        self._canonical_now = self._head_now = ""
        self._inner = self._outer = sha256()

    def __getstate__(self) -> dict[str, Any]:
        """All but what belongs to a second: hashes that have begun can't go to another process."""
        return {name: value for name, value in vars(self).items() if name not in _OF_A_MOMENT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def head(
        self, key: str, size: int, md5_hex: str, payload_sha256: str | None, etag: str | None, now: Moment
    ) -> bytes:
        """The whole head of one PUT, signed, with its empty line.

        `payload_sha256` (hexadecimal) counts only where `signs_payload`; `etag` is the value of `If-Match`. Raises
        NotFast if there is none, or if the credentials have gained or lost a session token since the capture.
        """
        if now is not self._moment:
            self._enter(now)
        fields: dict[str, object] = {
            "path": self._prefix + quote_key(key),
            "size": size,
            "md5": b2a_base64(a2b_hex(md5_hex), newline=False).decode(),
            "md5_hex": md5_hex,
            "sha": payload_sha256,
        }
        if self._has_etag:
            if etag is None:
                raise NotFast("no ETag for If-Match")
            fields["etag"] = etag
        fields["signature"] = self._signature(self._canonical_now % fields)
        return (self._head_now % fields).encode()

    def _signature(self, canonical: str) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(sha256(canonical.encode()).hexdigest().encode())
        outer.update(inner.digest())
        return outer.hexdigest()

    def _enter(self, now: Moment) -> None:
        if self._has_token != (now.token is not None):
            raise NotFast("the credentials have changed their kind")
        scope = f"{now.date[:8]}/{self.region}/{self.service}/aws4_request"
        fields = {"date": now.date, "token": _escape(now.token or ""), "access_key": _escape(now.access_key)}
        self._canonical_now = self._canonical_text % fields
        self._head_now = self._head_text % (fields | {"scope": scope})
        # HMAC (RFC 2104) with what never changes within the second already hashed: a third of the time.
        key = now.signing_key(self.region, self.service).ljust(64, b"\0")
        self._inner, self._outer = sha256(bytes(b ^ 0x36 for b in key)), sha256(bytes(b ^ 0x5C for b in key))
        self._inner.update(f"{ALGORITHM}\n{now.date}\n{scope}\n".encode())
        self._moment = now

    def _canonical(self, request: Captured, values: dict[str, str]) -> str:
        """The canonical request, as a text to be filled twice."""
        names = self._signed.split(";")
        if unknown := set(names) - set(values):
            raise NotFast(f"signed but absent: {', '.join(sorted(unknown))}")
        if fickle := set(names) & (PER_CALL - {"host"}):
            raise NotFast(f"signed but different in each call: {', '.join(sorted(fickle))}")
        # Signed values are trimmed and their inner spaces folded; the wire carries them as they are.
        lines = "".join(f"{name}:{self._field(name, ' '.join(values[name].split()))}\n" for name in names)
        payload = "%%(sha)s" if self.signs_payload else UNSIGNED
        return f"{request.method}\n%%(path)s\n{self.SIGNED_QUERY}\n{lines}\n{self._signed}\n{payload}"

    def _written(self, request: Captured) -> str:
        lines = [f"Host: {_escape(_escape(request.host))}\r\n"]
        for name, value in request.headers:
            if name.lower() not in PER_CALL:
                lines.append(f"{_escape(_escape(name))}: {self._field(name.lower(), value)}\r\n")
        target = "%%(path)s" + (f"?{self.QUERY}" if self.QUERY else "")
        return f"{request.method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n"

    def _field(self, name: str, value: str) -> str:
        """What stands for a header's value: a mark to be filled, or the value itself where it is always the same."""
        if name == "authorization":
            credential = "Credential=%(access_key)s/%(scope)s"
            return f"{ALGORITHM} {credential}, SignedHeaders={self._signed}, Signature=%%(signature)s"
        if name == "x-amz-content-sha256" and self.signs_payload:
            return "%%(sha)s"
        return _MARKS.get(name) or _escape(_escape(value))


_OF_A_MOMENT = frozenset({"_moment", "_canonical_now", "_head_now", "_inner", "_outer"})
_MARKS = {
    "content-length": "%%(size)s",
    "content-md5": "%%(md5)s",
    "if-match": "%%(etag)s",
    "x-amz-date": "%(date)s",
    "x-amz-meta-s3sync-md5": "%%(md5_hex)s",
    "x-amz-security-token": "%(token)s",
}


def _refuse_other_forms(
    request: Captured, headers: list[tuple[str, str]], key: str, query: str, needed: frozenset[str]
) -> None:
    """Raises NotFast for all that a template cannot say: nothing here is guessed at."""
    parts, names = urlsplit(request.url), [name for name, _ in headers]
    if parts.query != query or parts.fragment or not parts.path.endswith(quote_key(key)):
        raise NotFast(f"the address has another form than expected: {parts.path}?{parts.query}")
    if twice := {name for name in names if names.count(name) > 1}:
        raise NotFast(f"sent more than once: {', '.join(sorted(twice))}")
    if odd := [name for name, value in headers if not (_PRINTABLE(name) and _PRINTABLE(value))]:
        raise NotFast(f"not plain ASCII: {', '.join(odd)}")
    values = dict(headers)
    if "transfer-encoding" in values or values.get("x-amz-content-sha256", "STREAMING").startswith("STREAMING"):
        raise NotFast("the payload goes out in signed chunks or with a trailing checksum")
    if express := [name for name in names if name.startswith("x-amz-s3session")]:
        raise NotFast(f"an S3 Express session ({express[0]})")
    if missing := needed - set(names):
        raise NotFast(f"expected but absent: {', '.join(sorted(missing))}")


def _escape(value: str) -> str:
    return value.replace("%", "%%")


def etag_value(condition: Condition | None, quoted: bool) -> str | None:
    """What `If-Match` says, if it is sent at all. Raises NotFast for an ETag that no header can carry."""
    etag = condition.if_match if condition else None
    if etag is None:
        return None
    if not _VISIBLE(etag):
        raise NotFast(f"no ETag for If-Match: {etag!r}")
    return f'"{etag}"' if quoted else etag

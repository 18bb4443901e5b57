"""GetObjectAcl for very many keys: botocore as referee, our own signatures, one thread's event loop.

As in the fast engine for uploads, it only ever confirms: a 200 with a document of the one known form, or a plain
AccessDenied. Everything else is passed on to boto3, which knows redirects, retries, clock skew and error models.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from .acl_documents import ObjectAcl, parse_acl
from .answers import element
from .capture import AWKWARD, EXPRESS, compare, credentials_of, session_of, unsent
from .documents import is_object_itself
from .errors import Trouble
from .keyed_wire import KeyedWire, Passed
from .signing import Captured, Moment, NotFast, Template, quote_key
from .wire import Connection

_EMPTY = sha256(b"").hexdigest()


class AclTemplate(Template):
    """Writes the signed head of a GetObjectAcl of any key."""

    QUERY = "acl"
    SIGNED_QUERY = "acl="
    NEEDED = frozenset({"x-amz-content-sha256", "x-amz-date"})

    def __init__(self, request: Captured, key: str) -> None:
        super().__init__(request, key, _EMPTY)

    def head_of(self, key: str, now: Moment) -> bytes:
        """The whole head, with its empty line. Raises NotFast if the session token has come or gone."""
        if now is not self._moment:
            self._enter(now)
        fields = {"path": self._prefix + quote_key(key), "sha": _EMPTY}
        fields["signature"] = self._signature(self._canonical_now % fields)
        return (self._head_now % fields).encode()


def capture_acl(client: Any, bucket: str, keys: tuple[str, ...]) -> AclTemplate:
    """A template for all of a bucket's keys, proven on some; raises NotFast with the reason. Sends nothing to S3."""
    if bucket.endswith(EXPRESS):
        raise NotFast("an S3 Express bucket")
    try:
        session_of(client)
        probes = (*keys, keys[-1] + AWKWARD)
        requests = [_unsent_get(client, bucket, key) for key in probes]
        template = AclTemplate(requests[0], probes[0])
        credentials = credentials_of(client)
        for key, request in zip(probes, requests, strict=True):
            compare(template, request, credentials, lambda now, key=key: template.head_of(key, now))  # type: ignore[misc]
    except NotFast:
        raise
    except Exception as error:
        # boto3 will meet the same trouble and has the words for it.
        raise NotFast(f"{type(error).__name__}: {error}") from error
    return template


def _unsent_get(client: Any, bucket: str, key: str) -> Captured:
    return unsent(client, "GET", lambda its: its.get_object_acl(Bucket=bucket, Key=key))


class AclWire(KeyedWire[str, ObjectAcl]):
    """Connections that ask for the ACLs of keys."""

    def __init__(self, client: Any, template: AclTemplate, *, start: int, ceiling: int) -> None:
        super().__init__(client, template.url, start=start, ceiling=ceiling)
        self._template = template

    def _head_of(self, job: str, now: Moment) -> bytes:
        return self._template.head_of(job, now)

    def _meaning(self, job: str, answer: Connection) -> ObjectAcl | Passed:
        if answer.status == 200 and not is_object_itself(answer.body, answer.headers):
            acl = parse_acl(answer.body)
            if acl is not None:
                return ObjectAcl(job, acl.owner_id, acl.grants)
        if answer.status == 403 and element(answer.body, "Code") == "AccessDenied":
            trouble = Trouble("AccessDenied", 403, element(answer.body, "Message"))
            return ObjectAcl(job, None, None, trouble)
        return Passed(job, str(answer.status))

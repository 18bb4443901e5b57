"""One object that is changed by conditional writes alone, on servers that keep them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from ..core.claims import Claim, read_claim
from .conditions import Enforcement, condition_arguments
from .errors import trouble_of
from .objects import content_md5, customer_key, etag_of, is_missing, server_time
from .transfer import Condition

_STALE: Final = Condition("0" * 32)
_BUSY: Final = 3
"""Tries, while other conditional writes of the same key are under way (409)."""
_PAUSE: Final = 0.2


class NotKept(Exception):
    """The server does not keep conditions, so nobody can lock by them; says what it did."""


class Found(NamedTuple):
    """The object, as it was read."""

    body: bytes
    etag: str
    age: float
    """Seconds since it was stored, by the server's clock."""

    @property
    def claim(self) -> Claim | None:
        """What it says, while that holds; None: it is free, or has expired."""
        claim = read_claim(self.body)
        return None if claim is None or self.age >= claim.seconds else claim

    @property
    def expired(self) -> Claim | None:
        """What it said until its time was over."""
        return read_claim(self.body) if self.claim is None else None


@dataclass(slots=True)
class LockObject:
    """The calls raise what botocore raises. For one thread at a time."""

    client: Any
    bucket: str
    key: str
    parameters: Mapping[str, Any]
    bare: bool = False
    """`If-Match` goes without quotes, as Ceph RGW 16 wants it."""

    def create(self, body: bytes) -> str | None:
        """Stores it where there is none, and gives its ETag; None where there is one. Raises NotKept."""
        return self._put(Condition(), body)

    def replace(self, etag: str, body: bytes) -> str | None:
        """Stores it in place of the one with this ETag, and gives its own; None where that is gone."""
        for _ in range(2):
            stored = self._put(Condition(etag), body)
            if stored is not None:
                return stored
            found = self.read()
            if found is not None and found.body == body:  # it was stored, and the answer lost
                return found.etag
            if found is None or found.etag != etag:
                return None
            self.bare = not self.bare  # it is there: the server reads the ETag in another form
        return None

    def read(self) -> Found | None:
        """The object, or None."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.key, **customer_key(self.parameters))
            body: bytes = answer["Body"].read()
        except ClientError as error:
            trouble = trouble_of(error)
            missing = trouble.http == 404 and trouble.code != "NoSuchBucket"
            if missing or (trouble.http == 403 and is_missing(self.client, self.bucket, self.key)):
                return None
            raise
        clock = server_time(answer)
        age = (time.time() if clock is None else clock) - answer["LastModified"].timestamp()
        return Found(body, etag_of(answer), age)

    def prove(self, body: bytes) -> None:
        """Asks for what must be refused, of the object that holds this. Raises NotKept where it is done."""
        for condition, header in ((Condition(), "If-None-Match"), (_STALE, "If-Match")):
            if self._put(condition, body) is not None:
                raise NotKept(f"it stores objects whatever {header} says")

    def clear(self) -> None:
        """Empties it without a condition: where none is kept, no lock means anything, and none is to stay."""
        self.client.put_object(Bucket=self.bucket, Key=self.key, Body=b"", **self.parameters)

    def _put(self, condition: Condition, body: bytes) -> str | None:
        """The new ETag; None where the server has refused the condition."""
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        for left in reversed(range(_BUSY)):
            try:
                answer = self.client.put_object(
                    Bucket=self.bucket, Key=self.key, Body=body, ContentMD5=content_md5(md5),
                    ContentType="application/json", **self.parameters, **condition_arguments(condition, bare=self.bare),
                )  # fmt: skip
            except ClientError as error:
                trouble = trouble_of(error)
                if trouble.http == 409 and left:
                    time.sleep(_PAUSE)
                    continue
                if trouble.http in (409, 412) or (trouble.http == 404 and trouble.code == "NoSuchKey"):
                    return None
                if Enforcement.shown_by(trouble) is Enforcement.REFUSED:
                    raise NotKept(f"it refuses conditional writes: {trouble.code}") from error
                raise
            return etag_of(answer)
        raise AssertionError

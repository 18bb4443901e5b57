"""A bucket, and those of its settings that decide who reads it: made, read and written, a call for each.

Pages of the Amazon S3 API Reference: "CreateBucket", "HeadBucket", "PutPublicAccessBlock",
"PutBucketOwnershipControls", "PutBucketPolicy", "PutBucketVersioning", "PutBucketCors".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError, WaiterError
from botocore.parsers import ResponseParserError

from .bucket_calls import ABSENT, BLOCK, CORS, FLAGS, IDENTITY, OWNERSHIP, POLICY, VERSIONING, Call
from .detached import with_session
from .documents import Tap, WrongDocument
from .errors import REMOTE_ERRORS, trouble_of
from .providers import provider_of
from .siblings import sibling

NAMES: Final = ("block", "policy", "ownership", "versioning", "cors")
"""In the order in which they are written: the block first, so that nothing is open for want of it, and a policy can be
public where it is meant to be. ACLs are switched off after that, when the policy reads for them."""
_TRIES = 5
_NOT_THERE = frozenset({
    "NotImplemented", "XNotImplemented", "MethodNotAllowed", "InvalidArgument", "InvalidRequest", "MalformedXML",
    "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "NotFound", "NoSuchKey",
})  # fmt: skip
"""What servers other than Amazon's say to a sub-resource that they don't know; some take it for CreateBucket."""
_ANYWHERE = (None, "", "us-east-1", "aws-global", "auto", "default")
"""Regions that CreateBucket does not name: the first is refused by name, the last ones are no regions."""
_NO_REGIONS = frozenset({
    "InvalidLocationConstraint", "IllegalLocationConstraintException", "InvalidRegionName", "NotImplemented",
    "InvalidArgument", "MalformedXML",
})  # fmt: skip
"""What servers without such regions say to a CreateBucket that names one."""


class NotOurs(Exception):
    """The bucket belongs to another account, or these credentials may not see it."""


_CALLS: Mapping[str, tuple[Call, Any]] = {
    "block": (BLOCK, dict.fromkeys(FLAGS, False)),
    "policy": (POLICY, None),
    "ownership": (OWNERSHIP, "ObjectWriter"),
    "versioning": (VERSIONING, ""),
    "cors": (CORS, []),
}
"""How each is read, and what it is where nothing is configured."""


class Bucket:
    """One bucket, as its owner. Methods raise what botocore raises."""

    def __init__(self, client: Any, name: str, *, is_aws: bool, account: str | None = None) -> None:
        """`account`: whose bucket it has to be; each call asks S3 to make sure."""
        self.name, self.is_aws = name, is_aws
        self._tap = Tap(client._endpoint.http_session, self._check)
        self._reads = False
        self._client = with_session(client, self._tap)
        self._headers: list[tuple[str, str]] = []
        self._owner = {"ExpectedBucketOwner": account} if account else {}

    @property
    def provider(self) -> str:
        """As the answers so far tell."""
        return provider_of(self._client, self._headers, is_aws=self.is_aws)

    def exists(self) -> bool:
        """Raises NotOurs, or what S3 says of the credentials, the region or the clock."""
        try:
            self._send(partial(self._client.head_bucket, Bucket=self.name, **self._owner))
        except ClientError as error:
            trouble = trouble_of(error)
            if trouble.http == 404:
                return False
            if trouble.http not in (400, 403):
                raise
            self._explain(error)
        return True

    def _explain(self, error: ClientError) -> None:
        """The answer to a HEAD has no body, and so no code: that of a listing does."""
        try:
            self._send(partial(self._client.list_objects_v2, Bucket=self.name, MaxKeys=1, **self._owner))
        except ClientError as told:
            if trouble_of(told).code != "AccessDenied":
                raise
            raise NotOurs from told
        if self._owner or trouble_of(error).http != 403:
            raise error

    def create(self, region: str | None) -> str | None:
        """Makes it in this region. The region's name, if the server would not have it named."""
        named = {} if region in _ANYWHERE else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        refused = None
        try:
            self._client.create_bucket(Bucket=self.name, **named)
        except ClientError as error:
            if self.is_aws or not named or trouble_of(error).code not in _NO_REGIONS:
                raise
            self._client.create_bucket(Bucket=self.name)
            refused = region
        with suppress(WaiterError):  # without s3:ListBucket it can't be seen; the next call tells
            waiter = self._client.get_waiter("bucket_exists")
            waiter.wait(Bucket=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
        return refused

    def read(self, names: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Setting -> value; and setting -> why it does not exist here. Raises where one was refused."""
        found: dict[str, Any] = {}
        lacking: dict[str, str] = {}
        for name in names:
            call, absent = _CALLS[name]
            try:
                value = self._read(call)
                found[name] = absent if value is ABSENT else value
            except (WrongDocument, ResponseParserError, KeyError, IndexError, TypeError):
                lacking[name] = f"{call.operation} is answered with something else"
            except ClientError as error:
                lacking[name] = self._lack(error)
        return found, lacking

    def _read(self, call: Call) -> Any:
        self._tap.begin()
        self._reads = True
        try:
            answer = self._send(partial(getattr(self._client, call.method), Bucket=self.name, **self._owner))
        except ClientError as error:
            if call.absent and trouble_of(error).code == call.absent:
                return ABSENT
            raise
        finally:
            self._reads = False
        return call.read(answer, self._tap.body)

    def _check(self, body: bytes, headers: Mapping[str, str]) -> None:
        """botocore would take what is no document for a server error, and try again and again."""
        if self._reads and not body.lstrip().startswith((b"<", b"{")):
            raise WrongDocument("it is no document")

    def write(self, name: str, value: Any) -> str | None:
        """Sets one; None, or why it does not exist here."""
        for attempt in range(1, _TRIES + 1):
            try:
                self._send(self._writer(name, value))
                return None
            except ClientError as error:
                # Amazon's settings take some seconds to be known everywhere: a block that was just lifted still acts.
                trouble = trouble_of(error)
                passing = trouble.code == "OperationAborted" or "BlockPublicPolicy" in trouble.message
                if not passing or attempt == _TRIES:
                    return self._lack(error, known=name == "policy")
                time.sleep(2 ** (attempt - 1))
        raise AssertionError

    def _writer(self, name: str, value: Any) -> Callable[[], Any]:
        whose = {"Bucket": self.name, **self._owner}
        if name == "policy" and value is None:
            return partial(self._client.delete_bucket_policy, **whose)
        method, how = {
            "block": ("put_public_access_block", {"PublicAccessBlockConfiguration": value}),
            "policy": ("put_bucket_policy", {"Policy": json.dumps(value)}),
            "ownership": (
                "put_bucket_ownership_controls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": value}]}}
            ),
            "versioning": ("put_bucket_versioning", {"VersioningConfiguration": {"Status": value}}),
            "cors": ("put_bucket_cors", {"CORSConfiguration": {"CORSRules": value}}),
        }[name]  # fmt: skip
        return partial(getattr(self._client, method), **whose, **how)

    def _lack(self, error: ClientError, *, known: bool = False) -> str:
        """What the server says to something that it does not have. Raises the error if it is another one.

        `known`: it was told apart when it was read, and InvalidArgument is about the value (a policy's, on Ceph RGW).
        """
        trouble = trouble_of(error)
        lacks = trouble.http in (405, 501) or (trouble.code in _NOT_THERE and not known)
        if self.is_aws or not lacks:
            raise error
        return f"{error.operation_name} is answered with {trouble.code}, HTTP {trouble.http}"

    def _send(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            self._headers += [(name.lower(), value) for name, value in self._tap.headers.items()]


def account_of(client: Any) -> str | None:
    """The account of the client's credentials; None if STS does not tell."""
    try:
        return str(IDENTITY.read(sibling(client, "sts").get_caller_identity(), b""))
    except REMOTE_ERRORS:
        return None

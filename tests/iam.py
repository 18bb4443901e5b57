"""A user of RGW who may do what one document says, and nothing else.

RGW evaluates a user's policies as AWS does for an identity (Effect, Action, Resource, Condition), and answers 403
AccessDenied for everything else: also for a HEAD of a missing key, unless s3:ListBucket is allowed without a condition
on the prefix. RGW 16 does not check that a write which carries an ACL or tags needs s3:PutObjectAcl and
s3:PutObjectTagging too, and that a copy reads the tags; it takes s3:GetBucketPolicy for the right to read the public
access block, and knows no object ownership. `Unchecked` stands in front of it for these, and answers as AWS does
("PutObject", "CopyObject", "GetPublicAccessBlock", Amazon S3 API Reference).
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import escape

import boto3
from botocore.exceptions import ClientError

from tests.proxy import Request, Response, Verdict
from tests.servers import Server

NOT_OF_RGW = frozenset({
    "s3:GetBucketOwnershipControls", "s3:GetAccountPublicAccessBlock", "s3:GetEncryptionConfiguration",
})  # fmt: skip
"""Actions that RGW 16 does not know; it refuses a policy that names one."""

_ON_BUCKET = {
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Role:
    """The user, on one RGW."""

    server: Server
    """As which to run commands."""
    client: Any
    """IAM, as the first user."""
    uid: str

    @classmethod
    def on(cls, http: Server, https: Server, uid: str = "clerk") -> Role:
        """Makes a user, whose name begins so. The two are one RGW, whose certificate lies beside its data."""
        uid += secrets.token_hex(4)
        user = replace(http, access_key=f"s3sync{uid}", secret_key=f"s3sync{uid}secret")
        assert https.ca is not None
        admin = ["radosgw-admin", "-c", str(https.ca.with_name("ceph.conf")), "-n", "client.rgw"]
        keys = [f"--access-key={user.access_key}", f"--secret={user.secret_key}"]
        for words in (
            ["user", "create", f"--uid={uid}", f"--display-name={uid}", *keys],
            ["caps", "add", "--uid=s3sync", "--caps=user-policy=*"],
        ):
            subprocess.run([*admin, *words], check=True, capture_output=True, timeout=60)
        client = boto3.client(
            "iam", endpoint_url=http.endpoint_url, aws_access_key_id=http.access_key,
            aws_secret_access_key=http.secret_key, region_name=http.region,
        )  # fmt: skip
        return cls(user, client, uid)

    def allow(self, document: Document) -> None:
        """From now on, exactly this; RGW refuses a policy without any statement."""
        if document["Statement"]:
            self.client.put_user_policy(
                UserName=self.uid, PolicyName="only", PolicyDocument=json.dumps(without(document, *NOT_OF_RGW))
            )
        else:
            self.forbid()

    def forbid(self) -> None:
        """From now on, nothing."""
        try:
            self.client.delete_user_policy(UserName=self.uid, PolicyName="only")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A rule for a proxy: refuses what `document` does not allow, of that which RGW does not look at."""

    document: Document

    def __call__(self, request: Request) -> Verdict:
        for action in conditional_rights(request):
            arn = f"arn:aws:s3:::{request.bucket}/{request.key}".rstrip("/")
            if not allows(self.document, action, arn):
                message = (
                    f"User: arn:aws:iam::111122223333:user/clerk is not authorized to perform: {action} on resource: "
                    f'"{arn}" because no identity-based policy allows the {action} action'
                )
                body = f"<Error><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>".encode()
                return Response(403, "AccessDenied", {"Content-Type": "application/xml"}, body)
        return None


def conditional_rights(request: Request) -> Iterator[str]:
    """What RGW does not check; each object with tags in these tests gets them by a header."""
    if request.operation in _ON_BUCKET:
        yield _ON_BUCKET[request.operation]
    if request.operation not in ("PutObject", "CreateMultipartUpload", "CopyObject"):
        return
    if any(name == "x-amz-acl" or name.startswith("x-amz-grant-") for name in request.headers):
        yield "s3:PutObjectAcl"
    if "x-amz-tagging" in request.headers:
        yield "s3:PutObjectTagging"
        if request.operation == "CopyObject":
            yield "s3:GetObjectTagging"


def actions_of(document: Document) -> list[str]:
    """All that it allows."""
    return sorted({action for statement in document["Statement"] for action in statement["Action"]})


def without(document: Document, *actions: str) -> Document:
    """The same, but for these actions."""
    left = []
    for statement in document["Statement"]:
        kept = [action for action in statement["Action"] if action not in actions]
        if kept:
            left.append({**statement, "Action": kept})
    return {**document, "Statement": left}


def allows(document: Document, action: str, arn: str, context: Mapping[str, str] | None = None) -> bool:
    """Whether an identity with this policy may; knows what our documents are made of, and no more."""
    return any(
        action in statement["Action"] and matches(statement["Resource"], arn) and _holds(statement, context or {})
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
    )


def _holds(statement: Document, context: Mapping[str, str]) -> bool:
    condition = statement.get("Condition", {})
    assert set(condition) <= {"StringLike"}
    return all(
        key in context and matches(value, context[key]) for key, value in condition.get("StringLike", {}).items()
    )


def matches(pattern: str, text: str) -> bool:
    """As IAM compares an ARN or a StringLike: wildcards, and `${*}` for a character that would be one."""
    tokens = {"*": ".*", "?": "."}
    found = re.findall(r"\$\{[$*?]\}|.", pattern, re.DOTALL)
    parts = (re.escape(token[2]) if len(token) > 1 else tokens.get(token, re.escape(token)) for token in found)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None

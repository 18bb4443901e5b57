"""The calls that read what a bucket is set up for: above all, who can read it; and how each answer is read.

Error codes: "Error responses", Amazon S3 API Reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree

from ..access.facts import OWNERSHIPS
from .acl_documents import Acl, acl_of
from .documents import WrongDocument, booleans, local

FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


class Call(NamedTuple):
    """One operation: what it needs, what it says where nothing is configured, and how its answer is read."""

    operation: str
    method: str
    """The client's."""
    action: str
    absent: str
    """The error code that says that nothing is configured."""
    read: Callable[[Mapping[str, Any], bytes], Any]
    """From boto3's answer and the raw document; raises WrongDocument or KeyError if it is not there."""


class Absent:
    """Stands for what is not configured."""


ABSENT = Absent()


def _flags(answer: Mapping[str, Any], body: bytes) -> dict[str, bool]:
    said = {**answer["PublicAccessBlockConfiguration"], **booleans(body, FLAGS)}
    if not said:
        raise WrongDocument("it has none of the flags")
    return {name: bool(said.get(name, False)) for name in FLAGS}


def _ownership(answer: Mapping[str, Any], body: bytes) -> str:
    ownership = str(answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"])
    if ownership not in OWNERSHIPS:
        raise WrongDocument(f"it has an ownership that is not known: {ownership}")
    return ownership


def _policy(answer: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    try:
        policy = json.loads(answer["Policy"])
    except ValueError as error:
        raise WrongDocument(f"it is no JSON: {error}") from error
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise WrongDocument("it has no statements")
    return policy


def _status(answer: Mapping[str, Any], body: bytes) -> bool:
    return {"IsPublic": bool(answer["PolicyStatus"]["IsPublic"]), **booleans(body, ("IsPublic",))}["IsPublic"]


def _payer(answer: Mapping[str, Any], body: bytes) -> bool:
    return bool(answer["Payer"] == "Requester")


def _acl(answer: Mapping[str, Any], body: bytes) -> Acl:
    return acl_of(answer)


def _versioning(answer: Mapping[str, Any], body: bytes) -> str:
    _is(body, "Versioning")
    return str(answer.get("Status", "Off"))


def _cors(answer: Mapping[str, Any], body: bytes) -> list[dict[str, Any]]:
    _is(body, "CORS")
    return [dict(rule) for rule in answer["CORSRules"]]


def _encryption(answer: Mapping[str, Any], body: bytes) -> str:
    _is(body, "Encryption")
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
    return next((str(each["SSEAlgorithm"]) for each in defaults if "SSEAlgorithm" in each), "")


def _website(answer: Mapping[str, Any], body: bytes) -> bool:
    _is(body, "Website")
    return True


def _is(body: bytes, what: str) -> None:
    """Of the root's name only this part is looked at: moto names it after the operation.

    Where a hook answers in the server's place, as `moto.mock_aws` does, there is no body to look at.
    """
    if not body:
        return
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise WrongDocument(f"it is no XML: {error}") from error
    if what not in local(root.tag):
        raise WrongDocument(f"it is about something else than {what}")


ACL = Call("GetBucketAcl", "get_bucket_acl", "s3:GetBucketAcl", "", _acl)
BLOCK = Call(
    "GetPublicAccessBlock", "get_public_access_block", "s3:GetBucketPublicAccessBlock",
    "NoSuchPublicAccessBlockConfiguration", _flags,
)  # fmt: skip
OWNERSHIP = Call(
    "GetBucketOwnershipControls", "get_bucket_ownership_controls", "s3:GetBucketOwnershipControls",
    "OwnershipControlsNotFoundError", _ownership,
)  # fmt: skip
POLICY = Call("GetBucketPolicy", "get_bucket_policy", "s3:GetBucketPolicy", "NoSuchBucketPolicy", _policy)
STATUS = Call(
    "GetBucketPolicyStatus", "get_bucket_policy_status", "s3:GetBucketPolicyStatus", "NoSuchBucketPolicy", _status
)
PAYMENT = Call("GetBucketRequestPayment", "get_bucket_request_payment", "s3:GetBucketRequestPayment", "", _payer)
ACCOUNT = Call(
    "GetAccountPublicAccessBlock", "get_public_access_block", "s3:GetAccountPublicAccessBlock",
    "NoSuchPublicAccessBlockConfiguration", _flags,
)  # fmt: skip
IDENTITY = Call("GetCallerIdentity", "get_caller_identity", "sts:GetCallerIdentity", "", lambda its, _: its["Account"])
VERSIONING = Call("GetBucketVersioning", "get_bucket_versioning", "s3:GetBucketVersioning", "", _versioning)
CORS = Call("GetBucketCors", "get_bucket_cors", "s3:GetBucketCORS", "NoSuchCORSConfiguration", _cors)
ENCRYPTION = Call(
    "GetBucketEncryption", "get_bucket_encryption", "s3:GetEncryptionConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError", _encryption,
)  # fmt: skip
WEBSITE = Call("GetBucketWebsite", "get_bucket_website", "s3:GetBucketWebsite", "NoSuchWebsiteConfiguration", _website)
DETAILS: Final = (ENCRYPTION, VERSIONING, WEBSITE, CORS)
"""What matters to how a bucket is used, and not to who reads it."""

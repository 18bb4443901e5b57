"""What a refusal by S3 means here, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from .explanations import explanation_of, without_secrets

NO_RETRY_MENDS = frozenset({
    "AccessDenied", "AccessControlListNotSupported", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket",
    "AllAccessDisabled", "AccountProblem", "InvalidArgument", "InvalidRequest", "NotImplemented", "MethodNotAllowed",
    "ParamValidationError", "InvalidToken", "ExpiredToken", "PermanentRedirect", "KMS.DisabledException",
    "MissingContentLength", "403", "405", "411", "501", "Unreachable",
})  # fmt: skip
"""With one of these, the next object fares no better than the last."""

THROTTLING = frozenset({
    "SlowDown", "503", "429", "TooManyRequests", "ServiceUnavailable", "RequestLimitExceeded", "Throttling",
    "ThrottlingException", "BandwidthLimitExceeded", "TooManyRequestsException",
})  # fmt: skip
DOWN = THROTTLING | {"Unreachable"}
"""After so many tries, these say that the server serves nobody at the moment."""
TRANSIENT = THROTTLING | {
    "InternalError", "RequestTimeout", "500", "502", "504", "Unreachable", "OperationAborted", "WrongAnswer",
}  # fmt: skip
"""Trouble that a later try may not meet."""


class WrongAnswer(BotoCoreError):
    """A 200 that S3 can't have given: something on the way has answered in its place, or lost what S3 said."""

    fmt = "{operation} was answered with 200, but not as S3 does: {missing} is missing"


REMOTE_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""Whatever a call of a client raises."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One refusal or failure of S3, botocore or the network, in one form."""

    code: str
    http: int | None
    message: str
    retry_after: float | None = None
    """Seconds that the server asks to wait."""
    region: str = ""
    """Where the bucket is, if the server says that it is elsewhere."""
    kind: str = field(default="", compare=False)
    """The exception's class, where one code stands for several."""


_LOCAL = (
    (boto.NoCredentialsError, "NoCredentials"),
    (boto.PartialCredentialsError, "PartialCredentials"),
    (boto.CredentialRetrievalError, "CredentialRetrievalError"),
    (boto.ProfileNotFound, "ProfileNotFound"),
    (boto.NoRegionError, "NoRegion"),
    (boto.ParamValidationError, "ParamValidationError"),
    ((WrongAnswer, ResponseParserError), "WrongAnswer"),
    (boto.SSLError, "TLS"),
    (boto.HTTPClientError, "Unreachable"),
    (boto.ConnectionError, "Unreachable"),
)


_BROKEN_OFF = re.compile(r"EOF|connection has been closed|BAD_RECORD_MAC|DECRYPTION_FAILED|RECORD_LAYER_FAILURE", re.I)
"""How OpenSSL says that a connection broke, which has nothing to do with certificates."""


def operation_of(error: BaseException) -> str | None:
    """The operation that S3 refused, if it was S3."""
    return str(error.operation_name) if isinstance(error, ClientError) else None


def trouble_of(error: BaseException) -> Trouble:
    """Any exception that a call of a client may raise."""
    if isinstance(error, ClientError):
        response: Any = error.response
        details, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
        headers = metadata.get("HTTPHeaders", {})
        after = str(headers.get("retry-after", ""))
        return Trouble(
            str(details.get("Code", "Unknown")), metadata.get("HTTPStatusCode"),
            without_secrets(str(details.get("Message") or "")),
            float(after) if after.isdecimal() else None,
            str(details.get("Region") or headers.get("x-amz-bucket-region") or ""),
        )  # fmt: skip
    if isinstance(error, boto.SSLError) and _BROKEN_OFF.search(str(error)):
        return Trouble("Unreachable", None, _first_line(error), kind=boto.ConnectionClosedError.__name__)
    for kind, code in _LOCAL:
        if isinstance(error, kind):
            return Trouble(code, None, _first_line(error), kind=type(error).__name__)
    return Trouble(type(error).__name__, None, _first_line(error))


def hint_for(trouble: Trouble, operation: str, bucket: str, key: str) -> str:
    """What is missing and what to do, in one sentence; empty where S3's own words have to do.

    `operation` is S3's name for the call, or what `writing` gives.
    """
    if trouble.code in ("AccessDenied", "403", "Forbidden"):
        return _missing_right(trouble.message, operation, bucket, key)
    region = repr(trouble.region) if trouble.region else "the bucket's region"
    return explanation_of(trouble.code, trouble.kind, trouble.message).format(bucket=bucket, region=region)


_ON_BUCKET = {
    "ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions", "ListMultipartUploads": "ListBucketMultipartUploads",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock", "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketCors": "GetBucketCORS", "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock", "PutBucketCors": "PutBucketCORS",
    **{name: name for name in (
        "GetBucketAcl", "GetBucketLocation", "GetBucketOwnershipControls", "GetBucketPolicy", "GetBucketPolicyStatus",
        "GetBucketRequestPayment", "GetBucketVersioning", "GetBucketWebsite", "CreateBucket", "DeleteBucketPolicy",
        "PutBucketOwnershipControls", "PutBucketPolicy", "PutBucketVersioning", "PutBucketAcl",
    )},
}  # fmt: skip
_ON_OBJECT = {
    "HeadObject": "GetObject", "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject", "ListParts": "ListMultipartUploadParts",
    **{name: name for name in (
        "GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "GetObjectAcl", "GetObjectTagging",
        "PutObjectAcl", "PutObjectTagging",
    )},
}  # fmt: skip
"""Operation -> the action that it needs ("Required permissions for Amazon S3 API operations", User Guide)."""
_WHOLE = {"CopyObject": "GetObject+PutObject+PutObjectAcl"}
"""Of a copy, we copy the grants."""
_SAID = re.compile(
    r"not authorized to perform: (?P<action>[\w-]+:\w+)(?: on resource: \"?(?P<resource>[^\s\"]+)\"?)?(?P<why>.*)",
    re.DOTALL,
)
"""The message that S3 gives within an account ("Troubleshoot access denied errors in Amazon S3", User Guide)."""


def _missing_right(message: str, operation: str, bucket: str, key: str) -> str:
    """By S3's own words, where it has any: a PutObject may also lack a right to its ACL, its tags or the KMS key."""
    if "BlockPublicAcls" in message:
        return (
            f"Block Public Access of {bucket} or its account refuses public ACLs: remove default_acl (and ACL or "
            "Grant* in object_parameters) from the storage; make objects public by a bucket policy instead"
        )
    if "BlockPublicPolicy" in message:
        return (
            f"Block Public Access of {bucket} or its account refuses public policies: switch BlockPublicPolicy off "
            "where it is on (manage.py s3_create_bucket --update does for the bucket), or read through a CDN"
        )
    said = _SAID.search(message)
    if said is None:
        return f"needs {_action_of(operation, bucket, key)}"
    action, resource = said["action"], said["resource"]
    if action.startswith("s3:"):
        on_bucket = action.removeprefix("s3:") in _ON_BUCKET.values()
        resource = bucket if on_bucket else f"{bucket}/{key}"  # as in all other hints, so that equal ones are counted
    denied = re.search(r"explicit deny in an? ([\w -]*policy|[\w -]*boundary)", said["why"])
    reason = f", which a Deny in the {denied[1]} forbids" if denied else ""
    return f"needs {action} on {resource}{reason}" if resource else f"needs {action}{reason}"


def _action_of(operation: str, bucket: str, key: str) -> str:
    if operation in _ON_BUCKET:
        return f"s3:{_ON_BUCKET[operation]} on {bucket}"
    calls = _WHOLE.get(operation, operation).split("+")
    *others, last = [f"s3:{_ON_OBJECT[call]}" if call in _ON_OBJECT else f"permission for {call}" for call in calls]
    actions = f"{', '.join(others)} and {last}" if others else last
    return f"{actions} on {bucket}/{key}"


def writing(params: Mapping[str, Any]) -> str:
    """A PutObject with these parameters, by the operations whose rights it needs ("PutObject", Amazon S3 API)."""
    operation = "PutObject"
    if any(name == "ACL" or name.startswith("Grant") for name in params):
        operation += "+PutObjectAcl"
    return operation + "+PutObjectTagging" if "Tagging" in params else operation


def _first_line(error: BaseException) -> str:
    return without_secrets((str(error).splitlines() or [type(error).__name__])[0])

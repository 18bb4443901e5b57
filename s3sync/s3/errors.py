"""What a refusal by S3 means here, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

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
TRANSIENT = THROTTLING | {"InternalError", "RequestTimeout", "500", "502", "504", "Unreachable", "OperationAborted"}
"""Trouble that a later try may not meet."""


REMOTE_ERRORS = (ClientError, BotoCoreError)
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


_LOCAL = (
    (boto.NoCredentialsError, "NoCredentials"),
    (boto.PartialCredentialsError, "PartialCredentials"),
    (boto.CredentialRetrievalError, "CredentialRetrievalError"),
    (boto.ProfileNotFound, "ProfileNotFound"),
    (boto.NoRegionError, "NoRegion"),
    (boto.ParamValidationError, "ParamValidationError"),
    (boto.SSLError, "TLS"),
    (boto.HTTPClientError, "Unreachable"),
    (boto.ConnectionError, "Unreachable"),
)


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
            str(details.get("Code", "Unknown")), metadata.get("HTTPStatusCode"), str(details.get("Message") or ""),
            float(after) if after.isdigit() else None,
            str(details.get("Region") or headers.get("x-amz-bucket-region") or ""),
        )  # fmt: skip
    for kind, code in _LOCAL:
        if isinstance(error, kind):
            return Trouble(code, None, _first_line(error))
    return Trouble(type(error).__name__, None, _first_line(error))


def hint_for(trouble: Trouble, operation: str, bucket: str, key: str) -> str:
    """What is missing and what to do, in one sentence; empty where S3's own words have to do."""
    action = {
        "ListObjectsV2": f"s3:ListBucket on {bucket}", "PutObject": f"s3:PutObject on {bucket}/{key}",
        "PutObjectAcl": f"s3:PutObject and s3:PutObjectAcl on {bucket}/{key}",
        "HeadObject": f"s3:GetObject on {bucket}/{key}", "DeleteObject": f"s3:DeleteObject on {bucket}/{key}",
        "CopyObject": f"s3:GetObject and s3:PutObject on {bucket}/{key}",
        "GetObjectAcl": f"s3:GetObjectAcl on {bucket}/{key}",
    }.get(operation, f"permission for {operation} on {bucket}/{key}")  # fmt: skip
    if trouble.code in ("AccessDenied", "403", "Forbidden"):
        return f"needs {action}"
    region = repr(trouble.region) if trouble.region else "the bucket's region"
    return _HINTS.get(trouble.code, "").format(bucket=bucket, region=region)


_HINTS = {
    "NoCredentials": "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role",
    "PartialCredentials": "one half of the key pair is missing: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "CredentialRetrievalError": "the credentials' provider failed: check the profile's credential_process or the role",
    "ProfileNotFound": "check AWS_PROFILE or session_profile against the names in ~/.aws/config",
    "NoRegion": "set region_name in the storage's OPTIONS, or AWS_DEFAULT_REGION",
    "ParamValidationError": "check the bucket's name and object_parameters: boto3 does not accept them",
    "TLS": "the certificate of the endpoint is not trusted: set verify to the CA's file, or AWS_CA_BUNDLE",
    "Unreachable": "the endpoint does not answer: check endpoint_url, the network, and that the server is up",
    "NoSuchBucket": "bucket {bucket} does not exist at this endpoint: check bucket_name, endpoint_url and region_name, "
    "or create it",
    "404": "bucket {bucket} does not exist at this endpoint: check bucket_name and endpoint_url",
    "InvalidAccessKeyId": "this access key is not known to the server: check AWS_ACCESS_KEY_ID and endpoint_url",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key, or a proxy changes requests: check "
    "AWS_SECRET_ACCESS_KEY",
    "InvalidToken": "the session token is not valid: renew the temporary credentials",
    "ExpiredToken": "the temporary credentials have expired: renew them and run again",
    "RequestTimeTooSkewed": "this machine's clock is off by more than 15 minutes: set it (NTP)",
    "PermanentRedirect": "the bucket is in another region: set region_name to {region}",
    "301": "the bucket is in another region: set region_name to {region}",
    "AuthorizationHeaderMalformed": "the request was signed for another region: set region_name to {region}",
    "IllegalLocationConstraintException": "set region_name to {region}",
    "AccessControlListNotSupported": "the bucket's Object Ownership refuses ACLs: remove default_acl (and ACL or "
    "Grant* in object_parameters) from the storage; make objects public by a bucket policy instead",
    "InvalidStorageClass": "the endpoint does not know this StorageClass: change object_parameters",
    "MissingContentLength": "the endpoint does not take boto3's trailing checksums: set request_checksum_calculation "
    "to when_required",
    "EntityTooLarge": "the endpoint does not take an object of this size in one piece: lower multipart_threshold",
    "KeyTooLongError": "rename the file: a key has at most 1,024 bytes of UTF-8",
    "SlowDown": "the server throttles: run again later, or with fewer --workers",
    "503": "the server is overloaded: run again later, or with fewer --workers",
    "429": "the server throttles: run again later, or with fewer --workers",
    "TooManyRequests": "the server throttles: run again later, or with fewer --workers",
    "ServiceUnavailable": "the server is overloaded: run again later, or with fewer --workers",
    "InternalError": "the server failed: run again later",
    "BadDigest": "the bytes were damaged on their way: run again",
    "QuotaExceeded": "the account's storage quota is used up",
    "InsufficientCapacity": "the server's disk is full",
    "NotImplemented": "the endpoint does not support something that the storage asks for: check object_parameters",
}


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

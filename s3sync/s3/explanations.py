"""What each error code means here, and what to do about it.

Codes: "Error responses" (Amazon S3 API Reference), "Error codes" of AWS KMS (Developer Guide), the exceptions of
botocore, and what Ceph RGW and others answer besides. `{bucket}` and `{region}` are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_ELSEWHERE = "the bucket is in another region: set region_name to {region}"
_NO_ACLS = (
    "the bucket's Object Ownership refuses ACLs: remove default_acl (and ACL or Grant* in object_parameters) from the "
    "storage; make objects public by a bucket policy instead"
)
_THROTTLED = "the server throttles: run again later, or with fewer --workers"
_OVERLOADED = "the server is overloaded: run again later, or with fewer --workers"
_CHECKSUMS = "the endpoint does not take boto3's trailing checksums: set request_checksum_calculation to when_required"
_SIGN_IN = "the sign-in has expired: run 'aws sso login' with the profile, and run again"
_DAMAGED = "the bytes were damaged on their way: run again"
_V4 = 'set signature_version to "s3v4" in the storage\'s OPTIONS'
_UNSUPPORTED = (
    "the endpoint does not support something that the storage asks for: check object_parameters and default_acl, "
    "and that endpoint_url is the address of the S3 API"
)
_NO_CONTACT = "the endpoint does not answer: check endpoint_url, the network, and that the server is up"
_NO_SUCH_REGION = "this endpoint has no region of that name: correct region_name in the storage's OPTIONS"
_BLOCKED = "the account is suspended, or its access to S3 is: its owner has to settle that with the provider"

EXPLANATIONS: Final[Mapping[str, str]] = {
    # Before anything is sent
    "NoCredentials": "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role",
    "PartialCredentials": "one half of the key pair is missing: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "CredentialRetrievalError": "the credentials' provider failed: check the profile's credential_process or the role",
    "MetadataRetrievalError": "the machine's role could not be asked for: check the instance or task role",
    "RefreshWithMFAUnsupportedError": "the profile's MFA code is asked for once only: take a longer session, or a role",
    "ProfileNotFound": "check AWS_PROFILE or session_profile against the names in ~/.aws/config",
    "ConfigParseError": "~/.aws/config or ~/.aws/credentials can't be read: correct the file that is named",
    "InvalidConfigError": "the profile in ~/.aws/config is not complete: correct it",
    "UnauthorizedSSOTokenError": _SIGN_IN, "SSOTokenLoadError": _SIGN_IN, "TokenRetrievalError": _SIGN_IN,
    "LoginRefreshRequired": "the sign-in has expired: run 'aws login', and run again",
    "LoginTokenLoadError": "the sign-in has expired: run 'aws login', and run again",
    "NoRegion": "set region_name in the storage's OPTIONS, or AWS_DEFAULT_REGION",
    "InvalidRegionError": "region_name is no region: write one such as eu-west-1, without the zone's letter",
    "ParamValidationError": "check the bucket's name and object_parameters: boto3 does not accept them",
    "UnknownSignatureVersionError": _V4, "UnsupportedSignatureVersionError": _V4,
    "InvalidProxiesConfigError": "check the proxies of the storage and of client_config",
    # The network
    "TLS": "the certificate of the endpoint is not trusted: set verify to the CA's file, or AWS_CA_BUNDLE",
    "Unreachable": _NO_CONTACT,
    "EndpointConnectionError": "nobody answers at the endpoint: check endpoint_url and region_name, its name in the "
    "DNS, and that the server is up",
    "ConnectTimeoutError": "the endpoint does not take the connection: a firewall, a missing route or VPC endpoint, or "
    "a wrong endpoint_url; connect_timeout in client_config says how long to wait",
    "ReadTimeoutError": "the endpoint took the request and does not answer: run again, with fewer --workers, or raise "
    "read_timeout in client_config",
    "ProxyConnectionError": "the proxy does not answer: check HTTPS_PROXY, NO_PROXY and the storage's proxies",
    "ConnectionClosedError": "the endpoint has closed the connection: run again; if it stays so, check that "
    "endpoint_url has the right scheme and port",
    "WrongAnswer": "something has answered in S3's place, such as a proxy or a sign-in page: check endpoint_url and "
    "what stands before it, and run again",
    # Who asks
    "InvalidAccessKeyId": "this access key is not known to the server: check AWS_ACCESS_KEY_ID and endpoint_url",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key, or a proxy changes requests: check "
    "AWS_SECRET_ACCESS_KEY (and that it was copied whole), region_name, endpoint_url and the clock",
    "InvalidToken": "the session token is not valid: renew the temporary credentials, or remove AWS_SESSION_TOKEN",
    "ExpiredToken": "the temporary credentials have expired: renew them and run again",
    "TokenRefreshRequired": "the temporary credentials have to be renewed: do so and run again",
    "InvalidSecurity": "the credentials are not valid: check them, and that the account has access to S3",
    "NotSignedUp": "the account is not signed up for S3: its owner has to do that",
    "RequestTimeTooSkewed": "this machine's clock is off by more than 15 minutes: set it (NTP)",
    "RequestExpired": "this machine's clock is off: set it (NTP)",
    "AllAccessDisabled": _BLOCKED, "AccountProblem": _BLOCKED, "UserSuspended": _BLOCKED,
    "InvalidPayer": "the account can't be charged: its owner has to settle that with the provider",
    "InvalidObjectState": "the object is archived: restore it first (RestoreObject), or leave it out by --ignore",
    # Which bucket, and where
    "NoSuchBucket": "bucket {bucket} does not exist at this endpoint: check bucket_name, endpoint_url and region_name, "
    "or create it with manage.py s3_create_bucket",
    "404": "bucket {bucket} does not exist at this endpoint: check bucket_name and endpoint_url, or create it with "
    "manage.py s3_create_bucket",
    "InvalidBucketName": "{bucket} can't be the name of a bucket: write 3 to 63 small letters, digits and hyphens",
    "PermanentRedirect": _ELSEWHERE, "301": _ELSEWHERE, "TemporaryRedirect": _ELSEWHERE, "307": _ELSEWHERE,
    "AuthorizationHeaderMalformed": "the request was signed for another region: set region_name to {region}",
    "IllegalLocationConstraintException": "set region_name to {region}, and endpoint_url, if there is one, to that of "
    "the same region",
    "InvalidLocationConstraint": _NO_SUCH_REGION, "InvalidRegionName": _NO_SUCH_REGION,
    "BucketAlreadyExists": "the name {bucket} is taken, by another account: choose another bucket_name",
    "BucketAlreadyOwnedByYou": "the account has {bucket} already, maybe in another region: check region_name",
    "TooManyBuckets": "the account has as many buckets as it may: remove one, share one under another location, or "
    "have the quota raised",
    "OperationAborted": "somebody else is changing this bucket, or it was deleted a moment ago: run again in a minute",
    # ACLs and policies
    "AccessControlListNotSupported": _NO_ACLS,
    "InvalidBucketAclWithObjectOwnership": "the bucket's own ACL lets others in, and ACLs can't be switched off while "
    "it does: run aws s3api put-bucket-acl --bucket {bucket} --acl private first",
    "UnresolvableGrantByEmailAddress": "a Grant* names an e-mail address: name the account by its canonical id",
    "MalformedPolicy": "the server does not understand the bucket policy: see what it said",
    "MalformedACLError": "the server does not understand the ACL: see what it said",
    # Encryption
    "KMS.DisabledException": "the KMS key is disabled: enable it, or change SSEKMSKeyId in object_parameters",
    "KMS.NotFoundException": "there is no such KMS key in the bucket's region: correct SSEKMSKeyId in "
    "object_parameters, or the bucket's default encryption",
    "KMS.KMSInvalidStateException": "the KMS key can't be used in its present state, such as pending deletion: restore "
    "it, or change SSEKMSKeyId in object_parameters",
    "KMS.InvalidStateException": "the KMS key can't be used in its present state, such as pending deletion: restore "
    "it, or change SSEKMSKeyId in object_parameters",
    "KMS.InvalidKeyUsageException": "the KMS key is not one for symmetric encryption: change SSEKMSKeyId",
    "KMS.ThrottlingException": "KMS throttles: run with fewer --workers, or switch S3 Bucket Keys on for the bucket",
    "KMS.AccessDeniedException": "needs kms:GenerateDataKey and kms:Decrypt on the KMS key, in the policy of the key "
    "and in that of the role",
    # What is sent
    "InvalidStorageClass": "the endpoint does not know this StorageClass: change object_parameters",
    "MissingContentLength": _CHECKSUMS, "411": _CHECKSUMS,
    "XAmzContentSHA256Mismatch": "the body was changed on its way, or the endpoint reads it in another form: check "
    "that no proxy changes it, and set request_checksum_calculation to when_required",
    "BadDigest": _DAMAGED, "ChecksumError": _DAMAGED, "XAmzContentChecksumMismatch": _DAMAGED,
    "IncompleteBody": "the connection broke before all was sent: run again",
    "InvalidDigest": "the endpoint does not accept the checksum's form: look for a proxy that changes headers, and set "
    "request_checksum_calculation to when_required",
    "InvalidArgument": "the endpoint does not accept a value: check object_parameters, default_acl and region_name",
    "InvalidRequest": "the endpoint does not accept the request: check object_parameters and signature_version",
    "InvalidTag": "a tag has characters or a length that S3 does not take: change Tagging in object_parameters",
    "MetadataTooLarge": "the object's Metadata has at most 2 kB: shorten it in object_parameters",
    "EntityTooLarge": "the endpoint does not take an object of this size in one piece: lower multipart_threshold",
    "EntityTooSmall": "the endpoint wants larger parts: raise multipart_chunksize of transfer_config",
    "KeyTooLongError": "rename the file: a key has at most 1,024 bytes of UTF-8",
    "InvalidObjectName": "rename the file: a key has at most 1,024 bytes of UTF-8",
    "NoSuchUpload": "the upload in parts was aborted meanwhile, by a lifecycle rule or another run: run again",
    "InvalidPart": "a part of the upload got lost: run again",
    "NoSuchKey": "the object is not there, or was deleted meanwhile: run again",
    "PreconditionFailed": "somebody else has changed the object meanwhile: run again",
    "412": "somebody else has changed the object meanwhile: run again",
    "ConditionalRequestConflict": "somebody else is writing the same object: run again",
    # The server's state
    "SlowDown": _THROTTLED, "429": _THROTTLED, "TooManyRequests": _THROTTLED, "RequestLimitExceeded": _THROTTLED,
    "Throttling": _THROTTLED, "ThrottlingException": _THROTTLED, "BandwidthLimitExceeded": _THROTTLED,
    "TooManyRequestsException": _THROTTLED, "503": _OVERLOADED, "ServiceUnavailable": _OVERLOADED,
    "RequestTimeout": "the body came too slowly: run again, with fewer --workers where the line is narrow",
    "InternalError": "the server failed: run again later", "500": "the server failed: run again later",
    "502": "what stands before the server failed: run again later",
    "504": "what stands before the server waited in vain: run again later",
    "QuotaExceeded": "the account's or the bucket's storage quota is used up: have it raised, or delete something",
    "InsufficientCapacity": "the server's disk is full",
    "NotImplemented": _UNSUPPORTED, "501": _UNSUPPORTED,
    "MethodNotAllowed": _UNSUPPORTED, "405": _UNSUPPORTED,
    "XNotImplemented": _UNSUPPORTED,
}  # fmt: skip
"""Error code, or the name of botocore's exception -> what it means here, and what to do."""

_BY_WORDS: Final[Mapping[str, str]] = {
    r"require AWS Signature Version 4|use AWS4-HMAC-SHA256": f"the endpoint wants Signature Version 4: {_V4}",
    r"Object Lock": "Object Lock wants a checksum with each object, and lets nobody replace or delete what is "
    "retained: check ObjectLock* in object_parameters and the bucket's retention",
    r"Hostname mismatch|doesn't match|not valid for": "the certificate is that of another host: correct endpoint_url; "
    'with dots in bucket_name set addressing_style to "path"',
    r"WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|wrong version number": "the endpoint speaks no TLS at this port: write "
    "http:// in endpoint_url, or the right port",
    r"certificate has expired": "the certificate of the endpoint has expired, or this machine's clock is wrong",
}
"""Where one code has several causes, S3's words tell."""
_OF_MANY = ("InvalidArgument", "InvalidRequest", "TLS")

_QUERY = re.compile(r"(?P<url>\b[a-z][a-z0-9+.-]*://[^\s\"'<>?]*)\?[^\s\"'<>]*", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^\s/@\"'<>]+@")
_PARAMETER = re.compile(
    r"(?P<name>\b(?:X-Amz-(?:Signature|Credential|Security-Token)|Signature|Credential|AWSAccessKeyId|Key-Pair-Id|"
    r"Policy|aws_secret_access_key|aws_session_token)=)[^\s&,;\"'<>]+",
    re.IGNORECASE,
)
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{8,}(?=[A-Z0-9]{4}\b)")


def explanation_of(code: str, kind: str, message: str) -> str:
    """The text for a code, or for the `kind` of exception that gave it; empty if nobody knows it."""
    if code in _OF_MANY:
        for words, text in _BY_WORDS.items():
            if re.search(words, message, re.IGNORECASE):
                return text
    found = EXPLANATIONS.get(kind) or EXPLANATIONS.get(code, "")
    return found or ("the KMS key could not be used: see what KMS said" if code.startswith("KMS.") else "")


def without_secrets(text: str) -> str:
    """A text that somebody else wrote, without queries, names and passwords of URLs, signatures and key ids."""
    text = _QUERY.sub(r"\g<url>", text)
    text = _USERINFO.sub("", text)
    return _KEY_ID.sub("...", _PARAMETER.sub(r"\g<name>...", text))

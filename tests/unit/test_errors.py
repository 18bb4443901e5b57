"""What S3, botocore and the network refuse, and the words for it."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from s3sync.s3.errors import DOWN, NO_RETRY_MENDS, THROTTLING, TRANSIENT, Trouble, hint_for, trouble_of
from s3sync.s3.explanations import EXPLANATIONS

SIGNED = (
    "https://user:hunter2@b.example/k?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2Feu&X-Amz-Signature=5ec4e7&"
    "X-Amz-Security-Token=t0ken"
)

CODES = {
    "NoSuchBucket": "s3_create_bucket", "404": "s3_create_bucket", "InvalidAccessKeyId": "AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "clock", "AuthorizationHeaderMalformed": "'eu-west-1'",
    "PermanentRedirect": "'eu-west-1'", "301": "'eu-west-1'", "307": "'eu-west-1'", "TemporaryRedirect": "'eu-west-1'",
    "IllegalLocationConstraintException": "'eu-west-1'", "InvalidLocationConstraint": "region_name",
    "RequestTimeTooSkewed": "NTP", "RequestExpired": "NTP", "ExpiredToken": "renew", "InvalidToken": "renew",
    "TokenRefreshRequired": "renew", "AccessControlListNotSupported": "remove default_acl",
    "InvalidBucketAclWithObjectOwnership": "put-bucket-acl --bucket b --acl private",
    "KMS.DisabledException": "enable it", "KMS.NotFoundException": "SSEKMSKeyId",
    "KMS.KMSInvalidStateException": "pending deletion", "KMS.InvalidStateException": "pending deletion",
    "KMS.InvalidKeyUsageException": "symmetric", "KMS.ThrottlingException": "--workers",
    "KMS.AccessDeniedException": "kms:GenerateDataKey", "KMS.SomethingNew": "KMS",
    "InvalidArgument": "object_parameters", "InvalidRequest": "object_parameters",
    "MissingContentLength": "request_checksum_calculation", "411": "request_checksum_calculation",
    "XAmzContentSHA256Mismatch": "request_checksum_calculation", "BadDigest": "run again", "InvalidDigest": "proxy",
    "EntityTooLarge": "multipart_threshold", "EntityTooSmall": "multipart_chunksize", "KeyTooLongError": "1,024 bytes",
    "InvalidObjectName": "1,024 bytes", "SlowDown": "--workers", "429": "--workers", "503": "--workers",
    "ServiceUnavailable": "--workers", "TooManyRequests": "--workers", "RequestTimeout": "--workers",
    "InternalError": "later", "500": "later", "502": "later", "504": "later", "NotImplemented": "does not support",
    "501": "does not support", "MethodNotAllowed": "does not support", "405": "does not support",
    "InvalidBucketName": "small letters", "AllAccessDisabled": "suspended", "AccountProblem": "suspended",
    "NotSignedUp": "signed up", "InvalidSecurity": "credentials", "InvalidObjectState": "restore it",
    "PreconditionFailed": "meanwhile", "412": "meanwhile", "ConditionalRequestConflict": "same object",
    "OperationAborted": "in a minute", "QuotaExceeded": "quota", "InsufficientCapacity": "disk",
    "TooManyBuckets": "quota", "BucketAlreadyExists": "another bucket_name", "BucketAlreadyOwnedByYou": "region_name",
    "InvalidStorageClass": "object_parameters", "InvalidTag": "Tagging", "MetadataTooLarge": "2 kB",
    "NoSuchUpload": "run again", "InvalidPart": "run again", "IncompleteBody": "run again", "NoSuchKey": "run again",
    "MalformedPolicy": "policy", "MalformedACLError": "ACL",
}  # fmt: skip
"""Each code that S3 and its kind are known to answer, and the word that has to be in the text."""

EXCEPTIONS = [
    (boto.NoCredentialsError(), "AWS_ACCESS_KEY_ID"),
    (boto.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"), "AWS_SECRET_ACCESS_KEY"),
    (boto.CredentialRetrievalError(provider="p", error_msg="e"), "credential_process"),
    (boto.EndpointConnectionError(endpoint_url=SIGNED), "endpoint_url"),
    (boto.SSLError(endpoint_url=SIGNED, error="self-signed certificate"), "AWS_CA_BUNDLE"),
    (boto.SSLError(endpoint_url=SIGNED, error="Hostname mismatch, certificate is not valid for 'a.b'"), "another host"),
    (boto.SSLError(endpoint_url=SIGNED, error="[SSL: WRONG_VERSION_NUMBER]"), "http://"),
    (boto.ConnectTimeoutError(endpoint_url=SIGNED), "firewall"),
    (boto.ReadTimeoutError(endpoint_url=SIGNED), "read_timeout"),
    (boto.ConnectionClosedError(endpoint_url=SIGNED), "closed"),
    (boto.ProxyConnectionError(proxy_url="http://user:hunter2@proxy:3128"), "HTTPS_PROXY"),
    (boto.HTTPClientError(error=f"for {SIGNED}"), "does not answer"),
    (boto.ProfileNotFound(profile="p"), "AWS_PROFILE"),
    (boto.ConfigParseError(path="/home/a/.aws/config"), "~/.aws/config"),
    (boto.UnauthorizedSSOTokenError(), "aws sso login"),
    (boto.SSOTokenLoadError(error_msg="e"), "aws sso login"),
    (boto.TokenRetrievalError(provider="sso", error_msg="e"), "aws sso login"),
    (boto.NoRegionError(), "region_name"),
    (boto.InvalidRegionError(region_name="eu west"), "eu-west-1"),
    (boto.ParamValidationError(report="Invalid bucket name"), "object_parameters"),
    (boto.UnknownSignatureVersionError(signature_version="s4"), "s3v4"),
]


def refusal(code: str, message: str = "m", http: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": http}}
    return ClientError(response, "PutObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(("code", "words"), CODES.items())
def test_each_code_says_what_to_do(code: str, words: str) -> None:
    """The table holds all codes that are known."""
    assert words in hint_for(Trouble(code, 400, "", region="eu-west-1"), "PutObject", "b", "k")


@pytest.mark.parametrize(("error", "words"), EXCEPTIONS, ids=lambda value: type(value).__name__)
def test_each_exception_says_what_to_do(error: Exception, words: str) -> None:
    """What fails before S3 hears of it, too; and neither text tells what is nobody's business."""
    trouble = trouble_of(error)
    hint = hint_for(trouble, "PutObject", "b", "k")
    assert words in hint
    for secret in ("hunter2", "AKIAIOSFODNN7EXAMPLE", "5ec4e7", "t0ken"):
        assert secret not in trouble.message + hint


@pytest.mark.parametrize("code", sorted(NO_RETRY_MENDS | THROTTLING | TRANSIENT | DOWN))
def test_what_decides_about_retries_is_explained(code: str) -> None:
    """A run that stops for a code says why."""
    assert hint_for(Trouble(code, None, ""), "PutObject", "b", "k")


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("InvalidArgument", "Requests specifying SSE with KMS keys require AWS Signature Version 4.", "s3v4"),
        ("InvalidRequest", "The authorization mechanism is not supported. Please use AWS4-HMAC-SHA256.", "s3v4"),
        ("InvalidRequest", "x-amz-checksum- HTTP header is required with Object Lock parameters", "retention"),
    ],
)  # fmt: skip
def test_words_tell_the_causes_of_one_code_apart(code: str, message: str, words: str) -> None:
    """InvalidArgument says nothing by itself."""
    assert words in hint_for(trouble_of(refusal(code, message)), "PutObject", "b", "k")


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("CreateBucket", "s3:CreateBucket on b"), ("HeadBucket", "s3:ListBucket on b"),
        ("PutBucketPolicy", "s3:PutBucketPolicy on b"), ("DeleteBucketPolicy", "s3:DeleteBucketPolicy on b"),
        ("PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock on b"), ("PutBucketCors", "s3:PutBucketCORS on b"),
        ("PutBucketOwnershipControls", "s3:PutBucketOwnershipControls on b"),
        ("PutBucketVersioning", "s3:PutBucketVersioning on b"), ("PutObject", "s3:PutObject on b/k"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_right_by_operation(operation: str, action: str) -> None:
    """AccessDenied means another missing right for each call."""
    assert f"needs {action}" == hint_for(Trouble("AccessDenied", 403, "Access Denied"), operation, "b", "k")


def test_a_block_of_public_policies_is_not_taken_for_a_missing_right() -> None:
    """More rights would not help."""
    message = (
        'User: u is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::b" because public '
        "policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access"
    )
    hint = hint_for(Trouble("AccessDenied", 403, message), "PutBucketPolicy", "b", "")
    assert "BlockPublicPolicy" in hint
    assert "needs" not in hint


def test_an_unknown_code_is_left_to_what_s3_said() -> None:
    """A guess would mislead."""
    trouble = trouble_of(refusal("BrandNewError", f"Something about {SIGNED} failed"))
    assert "" == hint_for(trouble, "PutObject", "b", "k")
    assert ("BrandNewError", "Something about https://b.example/k failed") == (trouble.code, trouble.message)


@pytest.mark.parametrize(
    "message",
    [
        "bad Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu, Signature=5ec4e7",
        "POST failed: X-Amz-Signature=5ec4e7&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE",
        "the key AKIAIOSFODNN7EXAMPLE is unknown",
    ],
)
def test_messages_of_others_lose_their_secrets(message: str) -> None:
    """Reports go to logs and tickets."""
    said = trouble_of(refusal("X", message)).message
    assert "AKIAIOSFODNN7EXAMPLE" not in said
    assert "5ec4e7" not in said


def test_every_text_can_be_filled_in() -> None:
    """A stray brace would raise instead of helping."""
    for code, text in EXPLANATIONS.items():
        hint = hint_for(Trouble(code, None, ""), "PutObject", "b", "k")
        assert hint and "{" not in hint, text  # noqa: PT018

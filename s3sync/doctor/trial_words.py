"""Under which id a refusal goes, and what mends it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from ..access.documents import partition_of
from .facts import Answer, StorageSeen

_KINDS: Final[Mapping[str, tuple[tuple[str, str], tuple[str, ...]]]] = {
    "acl": (("D04", "acl-refused"), ("AccessControlListNotSupported", "InvalidBucketAclWithObjectOwnership")),
    "who": (("D01", "credentials"), (
        "SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken", "ExpiredToken", "TokenRefreshRequired",
        "InvalidSecurity", "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError",
    )),
    "where": (("D02", "bucket"), (
        "NoSuchBucket", "PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed",
    )),
    "tls": (("D18", "tls"), ("TLS", "SSLError")),
    "clock": (("D22", "clock"), ("RequestTimeTooSkewed", "RequestExpired")),
    "checksums": (("D26", "checksums-refused"), (
        "411", "MissingContentLength", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "InvalidTrailer",
        "MalformedTrailerError", "IncompleteBody", "FlexibleChecksumError",
    )),
    "rights": (("D21", "access-denied"), ("AccessDenied", "AllAccessDisabled", "403", "Forbidden")),
}  # fmt: skip
_BY_CODE: Final = {code: kind for kind, codes in _KINDS.values() for code in codes}
_WHY: Final[Mapping[str, str]] = {
    "D01": "each call is refused", "D02": "nothing can be written", "D04": "each upload fails",
    "D05": "each upload fails", "D11": "what is encrypted with this key can't be written or read",
    "D18": "no call gets through", "D21": "the site, or a push, needs it", "D22": "signatures are refused",
    "D26": "each upload fails", "D27": "uploads fail",
}  # fmt: skip


def id_of(answer: Answer) -> tuple[str, str]:
    """The check's id and a label, for a call that went wrong."""
    if answer.code.startswith("KMS.") or "kms:" in answer.message or "kms:" in answer.hint:
        return "D11", "kms"
    if "BlockPublicAcls" in answer.message:
        return "D05", "acl-blocked"
    return _BY_CODE.get(answer.code, ("D27", "refused"))


def mending(
    id_: str, answer: Answer, seen: StorageSeen, bucket: str, hint: str, *, acl_only: bool = False
) -> tuple[str, str]:
    """Why it matters, and what to type."""
    why = _WHY.get(id_, _WHY["D27"])
    if id_ in ("D04", "D05") or acl_only:
        return why, _without_acl(seen)
    if id_ == "D21":
        if "Deny" in hint:
            endpoint = _endpoint(seen)
            return why, (
                f"look at it: aws s3api get-bucket-policy --bucket {shlex.quote(bucket)} --query Policy --output text"
                f"{endpoint}\ntake these credentials out of its Deny"
            )
        return why, role_fix(seen, seen.prefix + "*", [f"s3:{_ACTIONS.get(answer.operation, answer.operation)}"])
    if id_ == "D26":
        return why, checksums_fix(seen, "")
    return why, hint or f"look at what the server says: {answer.message or answer.words}"


_ACTIONS: Final = {"HeadObject": "GetObject"}


def role_fix(seen: StorageSeen, pattern: str, actions: Sequence[str]) -> str:
    """A statement for the policy of whoever the storage's credentials belong to."""
    place = f"arn:{partition_of(seen.region or '')}:s3:::{seen.bucket}/{pattern}"
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": place}
    return "add this statement to the policy of the user or role whose credentials the storage has:\n" + json.dumps(
        statement
    )


def checksums_fix(seen: StorageSeen, config: str) -> str:
    """The line for OPTIONS that leaves boto3's new checksums out."""
    arguments = config or ('request_checksum_calculation="when_required", response_checksum_validation="when_required"')
    if not arguments.startswith("Config("):
        return f'in OPTIONS of STORAGES["{seen.alias}"], add to the Config of client_config:\n{arguments}'
    return (
        f'at the top of the settings: from botocore.config import Config\n'
        f'in OPTIONS of STORAGES["{seen.alias}"]: "client_config": {arguments},'
    )  # fmt: skip


def delete_command(seen: StorageSeen, bucket: str, key: str, *, version: str = "", upload: str = "") -> str:
    """What to type to take away one object, version or unfinished upload."""
    verb = "abort-multipart-upload" if upload else "delete-object"
    words = ["aws", "s3api", verb, "--bucket", bucket, "--key", key]
    words += ["--version-id", version] if version else []
    words += ["--upload-id", upload] if upload else []
    return shlex.join(words) + _endpoint(seen)


def _endpoint(seen: StorageSeen) -> str:
    return f" --endpoint-url {shlex.quote(seen.endpoint)}" if seen.endpoint_is_written else ""


def _without_acl(seen: StorageSeen) -> str:
    steps = [
        f'remove default_acl (AWS_DEFAULT_ACL), and ACL and Grant* in object_parameters, from STORAGES["{seen.alias}"]'
    ]
    if seen.storage.acl_is_public:
        steps.append(f"python manage.py s3_create_bucket --update --no-input --storage {shlex.quote(seen.alias)}")
    return "\n".join(steps)

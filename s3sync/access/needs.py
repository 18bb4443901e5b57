"""Which of S3's actions each command calls, as far as its options decide.

Found by counting what the commands send; `tests/test_least_privilege.py` holds them to it. An action is a policy's
("Required permissions for Amazon S3 API operations", Amazon S3 User Guide): HeadObject needs s3:GetObject, each call of
an upload in parts s3:PutObject, and no command lists parts. A condition on an ETag needs s3:GetObject too ("Enforce
conditional deletes on Amazon S3 buckets").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


class CannotExpress(ValueError):
    """No such document says what is meant; the message tells why, and what to do."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a command calls. Actions without their `s3:`."""

    lists: bool = False
    """Whether it lists the objects under the location."""
    objects: frozenset[str] = frozenset()
    bucket: frozenset[str] = frozenset()
    account: frozenset[str] = frozenset()
    with_acl: frozenset[str] = frozenset()
    """On objects, where the storage sends an ACL."""
    with_tags: frozenset[str] = frozenset()
    """On objects, where the storage sends tags."""

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.lists or other.lists, self.objects | other.objects, self.bucket | other.bucket,
            self.account | other.account, self.with_acl | other.with_acl, self.with_tags | other.with_tags,
        )  # fmt: skip

    @property
    def looking(self) -> Needs:
        """What of it is left where nothing is written."""
        objects, bucket, with_acl, with_tags = (
            _reads(part) for part in (self.objects, self.bucket, self.with_acl, self.with_tags)
        )
        return Needs(self.lists, objects, bucket, self.account, with_acl, with_tags)


def _reads(actions: frozenset[str]) -> frozenset[str]:
    return frozenset(action for action in actions if action.startswith(("Get", "List")))


def _set(*names: str) -> frozenset[str]:
    return frozenset(names)


_PUSH = Needs(
    True, _set("PutObject", "GetObject", "AbortMultipartUpload"), with_acl=_set("PutObjectAcl"),
    with_tags=_set("PutObjectTagging"),
)  # fmt: skip
_PULL = Needs(True, _set("GetObject"))
# An object like others, which a push may write anyway.
_LOCK = Needs(objects=_set("PutObject"))
_DELETE = Needs(objects=_set("DeleteObject"))
_CHECK_METADATA = Needs(with_acl=_set("GetObjectAcl"))
# The copy carries the ACL that the object has, whoever has set it, and its tags.
_FIX_METADATA = Needs(objects=_set("GetObjectAcl", "PutObjectAcl"), with_tags=_set("GetObjectTagging"))
_VERIFY = Needs(
    True, _set("GetObjectAcl"),
    _set("GetBucketAcl", "GetBucketOwnershipControls", "GetBucketPolicy", "GetBucketPolicyStatus",
         "GetBucketPublicAccessBlock", "GetBucketRequestPayment"),
    _set("GetAccountPublicAccessBlock"),
)  # fmt: skip
# A HEAD tells the version, and a call that names one has an action of its own.
_FIX = Needs(objects=_set("GetObject", "GetObjectVersionAcl", "PutObjectAcl", "PutObjectVersionAcl"))
# A bucket's name is looked for, which is a listing of no prefix; what is read is written, and read again.
_CREATE = Needs(bucket=_set(
    "CreateBucket", "ListBucket", "GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock", "GetBucketPolicy",
    "PutBucketPolicy", "DeleteBucketPolicy", "GetBucketOwnershipControls", "PutBucketOwnershipControls",
))  # fmt: skip
_CREATE_WITH = {
    "--versioning": Needs(bucket=_set("GetBucketVersioning", "PutBucketVersioning")),
    "--cors": Needs(bucket=_set("GetBucketCORS", "PutBucketCORS")),
}
_DOCTOR = _VERIFY | Needs(objects=_set("GetObject"), bucket=_set(
    "GetEncryptionConfiguration", "GetBucketVersioning", "GetBucketWebsite", "GetBucketCORS",
))  # fmt: skip
# Of what the probe leaves in a bucket that keeps versions, and what killed runs have left, nothing is to stay.
_TIDY = Needs(objects=_set("DeleteObjectVersion"), bucket=_set("ListBucketVersions", "ListBucketMultipartUploads"))
_ABORT_STALE = Needs(objects=_set("AbortMultipartUpload"), bucket=_set("ListBucketMultipartUploads"))
_METADATA = {"--abort-stale": _ABORT_STALE, "--check-metadata": _CHECK_METADATA, "--fix-metadata": _FIX_METADATA}

COMMANDS: Final[Mapping[str, tuple[Needs, Mapping[str, Needs]]]] = MappingProxyType({
    "s3_push_media": (_PUSH, {"--delete": _DELETE, **_METADATA}),
    "s3_pull_media": (_PULL, {"--lock": _LOCK}),
    "collectstatic": (_PUSH, {"--clear": _DELETE, "--prune": _DELETE, **_METADATA}),
    "s3_verify_acl": (_VERIFY, {"--fix": _FIX, "--undo": _FIX}),
    "s3_lint_css": (Needs(), {}),
    "s3_verify_media": (Needs(True), {}),
    "s3_create_bucket": (_CREATE, _CREATE_WITH),
    "s3_doctor": (_DOCTOR, {"--write": _PUSH | _DELETE | _TIDY}),
})  # fmt: skip
"""Command -> what it always needs, and what some of its options need besides."""
LOOKING: Final = ("--check", "--dry-run")
_IDLE = ("--s3", "--lock", "bucket", "--files-from")
"""Words of a command line that ask for no right more."""
_NAMES = {"s3_collectstatic": "collectstatic"}


def needs_of(command: str) -> Needs:
    """What a command line such as `s3_push_media --delete` needs. Raises CannotExpress for one that nobody knows."""
    name, *options = command.split() or [""]
    name = _NAMES.get(name, name)
    if name not in COMMANDS:
        raise CannotExpress(f"{name!r} is none of the commands {', '.join(COMMANDS)}")
    needs, by_option = COMMANDS[name]
    for option in options:
        if option not in (*by_option, *LOOKING, *_IDLE):
            known = ", ".join((*by_option, *LOOKING))
            raise CannotExpress(f"{option!r} is none of the options of {name} that bear on permissions: {known}")
        needs |= by_option.get(option, Needs())
    return needs.looking if any(option in LOOKING for option in options) else needs

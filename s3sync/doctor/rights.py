"""Checks of what the credentials may do, command by command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..access.logic import YES
from ..access.needs import needs_of
from ..core.events import Diagnosis
from .facts import Answer, Examined, StorageSeen
from .reaching import rights_fix
from .tls import refuses_http

_DENIED: Final = "AccessDenied"
_TO_PUSH: Final = ("ListBucket", "GetObject", "PutObject")
_TO_TIDY: Final = ("AbortMultipartUpload",)


def d21(facts: Examined) -> Iterator[Diagnosis]:
    """Which commands the credentials are good for."""
    if facts.bucket is None:
        return
    for storage in facts.storages:
        yield _of_storage(facts, storage, facts.rights.get(storage.alias, ()))


def _of_storage(facts: Examined, storage: StorageSeen, answers: Sequence[Answer]) -> Diagnosis:
    by_right = {answer.operation: answer for answer in answers}
    denied = [right for right in (*_TO_PUSH, *_TO_TIDY) if _code(by_right, right) == _DENIED]
    command = "collectstatic --s3" if storage.serves_static else "s3_push_media"
    if denied and refuses_http(facts, storage):
        return Diagnosis("D21", "ok", "rights", "not proven: the policy refuses http", alias=storage.alias)
    if _blocked_by_ceph(facts) and not {"ListBucket", "GetObject"}.intersection(denied):
        return Diagnosis("D21", "ok", "rights", "not proven: BlockPublicAcls refuses uploads", alias=storage.alias)
    if not denied:
        seen = f"{command} can run ({_words(by_right, (*_TO_PUSH, *_TO_TIDY))})"
        extra = _unseen(storage)
        seen += f"; {', '.join(extra)} is seen by --write" if extra else ""
        return Diagnosis("D21", "ok", "rights", f"{seen}; {_verifying(facts, by_right)}", alias=storage.alias)
    names = " and ".join(f"s3:{right}" for right in denied)
    place = storage.bucket if denied == ["ListBucket"] else f"{storage.bucket}/{storage.prefix}*"
    seen = f"the credentials lack {names} on {place}"
    blocking = [right for right in denied if right in _TO_PUSH]
    if blocking:
        why = f"{command} can't run, nor can the site use what it can't do"
        return Diagnosis("D21", "error", "right-missing", seen, why, rights_fix(facts, storage.alias), storage.alias)
    why = "an upload in parts that fails leaves its parts behind, which nobody sees and somebody pays for"
    return Diagnosis("D21", "warning", "right-missing", seen, why, rights_fix(facts, storage.alias), storage.alias)


def _blocked_by_ceph(facts: Examined) -> bool:
    """Ceph RGW refuses every upload of such a bucket, whatever the rights, which is D05's to say."""
    bucket = facts.bucket
    return bucket is not None and bucket.provider == "ceph" and bool(bucket.facts.levels("BlockPublicAcls"))


def _code(by_right: dict[str, Answer], right: str) -> str:
    return by_right[right].code if right in by_right else "NotAsked"


def _words(by_right: dict[str, Answer], rights: Sequence[str]) -> str:
    """`s3:ListBucket, s3:PutObject; s3:GetObject: not proven`."""
    proven = ", ".join(f"s3:{right}" for right in rights if _code(by_right, right) == "")
    rest = ", ".join(f"s3:{right}" for right in rights if _code(by_right, right) != "")
    return "; ".join(part for part in (proven, f"not proven: {rest}" if rest else "") if part)


def _unseen(storage: StorageSeen) -> list[str]:
    """Rights that only a write shows."""
    tags = ["s3:PutObjectTagging"] if "Tagging" in storage.parameters else []
    return ["s3:PutObjectAcl"] * storage.sends_acl + tags


def _verifying(facts: Examined, by_right: dict[str, Answer]) -> str:
    """Whether s3_verify_acl can decide."""
    assert facts.bucket is not None
    wanted = needs_of("s3_verify_acl")
    of_objects = facts.bucket.facts.enforced is not YES and _code(by_right, "GetObjectAcl") == _DENIED
    lacking = [words for words in facts.bucket.unread.values() if _right_in(words) in wanted.bucket | wanted.account]
    if of_objects:
        lacking.append(f"needs s3:GetObjectAcl on {facts.name}")
    if lacking:
        return f"s3_verify_acl can't decide everything: {', '.join(lacking)}"
    return "s3_verify_acl can run"


def _right_in(words: str) -> str:
    """`GetBucketAcl` of `needs s3:GetBucketAcl on b`."""
    return words.removeprefix("needs s3:").partition(" ")[0]

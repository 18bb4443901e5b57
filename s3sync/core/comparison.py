"""What to do with a pair: one file, and the object under its key.

Nothing here reads or asks. Where a rule wants a fact that costs something, the answer is a `Need`; the caller gets the
fact and asks again. So each rule can be tested as a table, and the price of each is visible.

Is the content equal? (`equal_content`)

    listed ETag              sizes    then
    the known one of the key any      the known fingerprint decides
    any                      differ   differs
    32 hex, equals MD5       equal    equal
    ...-N                    equal    recompute with the part sizes that give N parts; no match: HEAD
    32 hex, differs; other   equal    HEAD: an ETag that is an MD5 decides, then a stored checksum, then our metadata

What then, if it differs? (`decide`)

    known record  listed ETag    the file since then  outcome
    yes           the known one  changed              upload, If-Match; keep if it was pulled, and lost in a crash
    yes           another        unchanged            keep: it is newer in the bucket
    yes           another        changed              conflict
    none          -              older than object    keep
    none          -              newer than object    upload, If-Match

A record that another source has left tells what the object holds, and not that our file is a later version of it: where
such an object is the known one, it counts as none.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from .objects import Digest, Head, Known, LocalFile, RemoteObject

MIB = 1024 * 1024
USUAL_PART_SIZES = (5 * MIB, 8 * MIB, 16 * MIB)
"""What the common tools cut files into: S3's minimum, boto3 and aws-cli, rclone's larger setting."""

_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_MULTIPART = re.compile(r"[0-9a-f]{32}-([0-9]+)\Z")


class Action(str, Enum):
    """What is to be done with a name."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    DELETE = "delete"
    FIX = "fix"
    SKIP = "skip"
    KEEP = "keep"
    CONFLICT = "conflict"
    ORPHAN = "orphan"
    NONE = "none"


class Reason(str, Enum):
    """Why."""

    NEW = "new"
    SIZE = "size"
    ETAG = "etag"
    CHECKSUM = "checksum"
    FORCED = "forced"
    METADATA = "metadata"
    IGNORED = "ignored"
    YOUNG = "young"
    LINK = "link"
    SPECIAL = "special"
    JUNK = "junk"
    SECRET = "secret"
    VANISHED = "vanished"
    NEWER = "newer"


class Compare(str, Enum):
    """How much is asked before two contents are called equal."""

    AUTO = "auto"
    SIZE = "size"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Need:
    """The rules can't tell without one more fact."""

    head: bool = False
    """HEAD the object."""
    part_sizes: tuple[int, ...] = ()
    """Read the file, and compute the multipart ETag for these too (bytes)."""
    checksums: tuple[str, ...] = ()
    """Read the file, and compute these checksums too."""


NEED_DIGEST = Need()
NEED_HEAD = Need(head=True)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a name, and why."""

    action: Action
    reason: Reason | None = None
    if_match: str | None = None
    """The ETag that the replaced object must still have."""


UNCHANGED = Decision(Action.NONE)
KEEP = Decision(Action.KEEP, Reason.NEWER)
NEW = Decision(Action.UPLOAD, Reason.NEW)
NO_CLOBBER = Decision(Action.SKIP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the user and the target's nature have settled for all pairs of a run."""

    compare: Compare = Compare.AUTO
    two_hands: bool = True
    """Users write to the bucket too (media). False: the code is the only writer (static files)."""
    no_clobber: bool = False
    overwrite_newer: bool = False
    part_size: int = 8 * MIB
    """The storage's own multipart chunk size, in bytes."""
    etags_are_md5: bool = True
    """False where the target has shown that its 32 digit ETags are something else."""
    skew: float = 0.0
    """Seconds by which the server's clock is ahead of ours."""
    checksums: Collection[str] = ("CRC32", "SHA1", "SHA256")
    """The algorithms that this process can compute."""
    source: str = ""
    """Where the files are. What another source has sent is somebody else's, of whose file ours is no later version."""


class Pair(NamedTuple):
    """One name: its file, the object under its key, and the facts that were paid for so far."""

    file: LocalFile
    obj: RemoteObject | None
    known: Known | None = None
    size: int | None = None
    """Bytes that would be sent; None until a rendered file has been rendered."""
    digest: Digest | None = None
    """May be made of a cached fingerprint, then it holds size and MD5 alone."""
    head: Head | None = None
    assumed: bool = False
    """Nobody has looked into the bucket: `obj` is what the last run left there, None where none knows of any."""


def decide(pair: Pair, rules: Rules) -> Decision | Need:
    """What to do with one pair, or the fact that is missing to tell."""
    obj, known = pair.obj, pair.known
    if obj is None:
        return NEW
    if rules.no_clobber:
        return NO_CLOBBER
    replaced = _is_replaced_by_another(pair, obj, rules)
    differs = equal_content(pair._replace(head=None) if replaced else pair, obj, rules)
    if isinstance(differs, Need):
        return KEEP if replaced and differs.head else differs
    if differs is None:
        return Decision(Action.UPLOAD, Reason.FORCED, obj.etag) if rules.compare is Compare.ALWAYS else UNCHANGED
    upload = Decision(Action.UPLOAD, differs, obj.etag)
    if not rules.two_hands or rules.overwrite_newer:
        return upload
    if known is None or (known.stands_for(obj) and known.source not in ("", rules.source)):
        return KEEP if modified_later(obj, pair.file, rules.skew) else upload
    if known.stands_for(obj):
        return KEEP if is_lost(pair.file, obj) else upload
    changed = changed_since(pair, known)
    if isinstance(changed, Need):
        return changed
    return Decision(Action.CONFLICT, differs) if changed else KEEP


def _is_replaced_by_another(pair: Pair, obj: RemoteObject, rules: Rules) -> bool:
    """Whether a HEAD would change nothing: somebody has replaced our object, and the file is as we sent it.

    Without this, each run would ask again about each object that users have replaced by one of the same size.
    """
    known = pair.known
    if known is None or known.stands_for(obj) or not rules.two_hands or rules.overwrite_newer:
        return False
    return rules.compare is Compare.AUTO and changed_since(pair, known) is False


def equal_content(pair: Pair, obj: RemoteObject, rules: Rules) -> Reason | Need | None:
    """None where file and object hold the same bytes, else in what they differ, or the fact that is missing."""
    known, digest = pair.known, pair.digest
    if known is not None and known.stands_for(obj):
        return _known_content_differs(pair, known, rules)
    if pair.size is None:
        return NEED_DIGEST
    if pair.size != obj.size:
        return Reason.SIZE
    if rules.compare is Compare.SIZE:
        return None
    if digest is None:
        sizes = part_sizes_for(obj.size, obj.etag, rules.part_size)
        return Need(part_sizes=sizes) if sizes else NEED_DIGEST
    if _MD5.match(obj.etag) and obj.etag == digest.md5:
        return None
    sizes = part_sizes_for(obj.size, obj.etag, rules.part_size)
    if sizes and not digest.multipart:
        return Need(part_sizes=sizes)
    if obj.etag in digest.multipart.values():
        return None
    return NEED_HEAD if pair.head is None else _content_differs_by_head(obj, rules, digest, pair.head)


def _known_content_differs(pair: Pair, known: Known, rules: Rules) -> Reason | Need | None:
    if pair.size is not None and pair.size != known.fingerprint.size:
        return Reason.SIZE
    if pair.size is not None and rules.compare is Compare.SIZE:
        return None
    changed = changed_since(pair, known)
    if isinstance(changed, Need):
        return changed
    return Reason.ETAG if changed else None


def changed_since(pair: Pair, known: Known) -> bool | Need:
    """Whether the file holds other bytes than those that the record is about."""
    if pair.size is not None and pair.size != known.fingerprint.size:
        return True
    if pair.digest is None:
        return NEED_DIGEST
    return pair.digest.fingerprint != known.fingerprint


def _content_differs_by_head(obj: RemoteObject, rules: Rules, digest: Digest, head: Head) -> Reason | Need | None:
    if head.size != digest.size:
        return Reason.SIZE
    if _MD5.match(obj.etag) and rules.etags_are_md5 and head.etag_is_md5 and head.md5 is None:
        return Reason.ETAG  # our metadata is there only where ETags were seen to be no MD5
    stored = {name: value for name, value in head.checksums.items() if name in rules.checksums}
    if stored:
        name = min(stored)
        if name not in digest.checksums:
            return Need(checksums=(name,))
        return None if digest.checksums[name] == stored[name] else Reason.CHECKSUM
    if head.md5 is not None:
        return None if head.md5 == digest.md5 else Reason.CHECKSUM
    return Reason.ETAG


def part_sizes_for(size: int, etag: str, own: int) -> tuple[int, ...]:
    """The part sizes in bytes with which a file of `size` bytes may have got this `...-N` ETag, the storage's first."""
    match = _MULTIPART.match(etag)
    if match is None:
        return ()
    parts = int(match[1])
    return tuple(dict.fromkeys(part for part in (own, *USUAL_PART_SIZES) if max(1, -(-size // part)) == parts))


def pull_time_ns(obj: RemoteObject) -> int | None:
    """The modification time that a pulled file gets, in nanoseconds; None where the server told none."""
    modified = obj.modified_at
    return None if modified == float("inf") else int(modified) * 1_000_000_000


def is_as_pulled(file: LocalFile, obj: RemoteObject) -> bool:
    """Whether the file has the time that a pull of this object gives."""
    return file.mtime_ns == pull_time_ns(obj)


def is_lost(file: LocalFile, obj: RemoteObject) -> bool:
    """Whether the machine went down before a pulled file's bytes were on its disk: file systems keep an empty one then.

    Only that: there are tools that change files and set their times back.
    """
    return file.size == 0 and is_as_pulled(file, obj)


def modified_later(obj: RemoteObject, file: LocalFile, skew: float) -> bool:
    """Whether the object is not older than the file.

    S3 keeps whole seconds, so one is added; `skew` puts the server's clock onto ours.
    """
    return obj.modified_at - skew + 1.0 >= file.mtime_ns / 1e9

"""What has happened, in the past tense. Workers and planners make these; one thread counts and prints them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from .comparison import Action, Reason


class Result(str, Enum):
    """How it went."""

    DONE = "done"
    PLANNED = "planned"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something was not done, in words for people."""

    code: str
    """S3's error code, or ours (`Unreadable`, `NotUTF8`...)."""
    http: int | None = None
    hint: str = ""
    """What is missing and what to do about it."""
    message: str = ""
    """What S3 or the operating system said."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one name."""

    name: str
    key: str | None
    action: Action
    result: Result
    reason: Reason | None = None
    size: int | None = None
    """Bytes sent, or to be sent."""
    error: Failure | None = None
    existed: bool = False
    """An object was already there."""
    detail: str = ""
    """What exactly, for people."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth knowing that is no name's outcome."""

    id: str
    level: str
    """`info`, `warning` or `error`."""
    detail: str
    name: str | None = None
    line: int | None = None
    """Counted from 1, as `col` is."""
    col: int | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run ended before its work did."""

    cause: str
    """`signal`, `budget`, `errors` or `guard`."""
    detail: str
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Who reads one object, or everything below one prefix, against who should."""

    alias: str
    key: str
    """Of the object; or a prefix, where `whole`."""
    intent: str
    intent_source: str
    """`declared`, `derived` or `expected`."""
    verdict: str
    severity: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    whole: bool = False
    """It holds for every key that begins so."""
    count: int = 1
    """Objects that it stands for."""
    accepted: bool = False
    """The baseline has it."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What a baseline knows it by."""
        return (self.alias, self.key, self.verdict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check has found of one thing."""

    id: str
    """`D04`; or that of a system check."""
    verdict: str
    """`ok`, `warning`, `error`; or `unknown`: it could not be looked at."""
    title: str
    """The trouble in a few words, as a label for machines: `acl-refused`. One id may have several."""
    seen: str
    """What was seen, and where."""
    why: str = ""
    """Why it matters; empty where all is well."""
    fix: str = ""
    """What to type, paste or remove, a step a line; empty where all is well."""
    alias: str = ""
    """The storage, or several with commas between them; empty: the project."""
    name: str | None = None
    """A file of the project, where that is the place."""
    line: int | None = None
    """In that file, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a value of the database and the bucket do not agree on; or an object, or a text, that is worth knowing."""

    verdict: str
    """One of `core.values.VERDICTS`."""
    name: str
    """The value as the row has it; of an object, its name in the storage."""
    key: str | None
    alias: str | None
    """None: the storage is none of STORAGES."""
    bucket: str | None = None
    model: str | None = None
    """`photos.Post`; None for an object that no row names."""
    field: str | None = None
    database: str | None = None
    pk: int | str | None = None
    size: int | None = None
    """Bytes of the object."""
    local_size: int | None = None
    """Bytes of the file on the disk, before any rendering; None where there is none, or nobody has looked."""
    detail: str = ""
    """What exactly, for people."""


Event = Outcome | Finding | Stopped | Judged | Diagnosis | Verified

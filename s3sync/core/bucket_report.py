"""The report of `s3_create_bucket`: what each setting of a bucket is, and what it would be."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .report import Report


@dataclass(slots=True)
class Setting:
    """One setting of one bucket."""

    name: str
    """`bucket` stands for whether there is one."""
    now: Any
    wanted: Any
    result: str = "planned"
    """`same`, `planned`, `done`, or `unavailable`: the server has no such thing."""
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `diff` is there where the values are documents."""
        told = {"setting": self.name, "result": self.result, "now": self.now, "wanted": self.wanted}
        if self.detail:
            told["detail"] = self.detail
        if self.result in ("planned", "done") and self.is_document:
            told["diff"] = "\n".join(self.diff())
        return told

    @property
    def is_document(self) -> bool:
        """Whether it is better shown as a diff than as two words."""
        return self.name in ("policy", "cors")

    def diff(self) -> Iterator[str]:
        """What is, and what would be, as a unified diff of JSON."""
        return difflib.unified_diff(_lines(self.now), _lines(self.wanted), "now", "wanted", lineterm="")

    def words(self) -> str:
        """What is, and what would be, on one line."""
        if isinstance(self.wanted, Mapping):
            return _flags(self.now or {}, self.wanted)
        return str(self.wanted) if self.now in (None, "") else f"{self.now} -> {self.wanted}"


@dataclass(slots=True)
class BucketState:
    """One bucket, and what became of its settings."""

    bucket: str
    aliases: tuple[str, ...]
    settings: list[Setting] = field(default_factory=list)

    def as_dicts(self) -> Iterator[dict[str, Any]]:
        """Its settings, for JSON."""
        for setting in self.settings:
            yield {"bucket": self.bucket, "aliases": list(self.aliases), **setting.as_dict()}


@dataclass(slots=True, kw_only=True)
class BucketReport(Report):
    """The report of a run over some buckets."""

    schema: str = "s3sync.bucket/1"
    buckets: list[BucketState] = field(default_factory=list)

    def write_json(self, items: Iterable[str], findings: Iterable[str] = ()) -> Iterator[str]:
        """As other reports, with settings as items."""
        told = (item for bucket in self.buckets for item in bucket.as_dicts())
        return Report.write_json(self, [*items, *(json.dumps(item) for item in told)], findings)


def _lines(document: Any) -> list[str]:
    return [] if not document else json.dumps(document, indent=2, sort_keys=True).splitlines()


def _flags(now: Mapping[str, bool], wanted: Mapping[str, bool]) -> str:
    changes = [(name, bool(now.get(name, False)), on) for name, on in wanted.items()]
    return ", ".join(
        f"{name} {_word(on)}" if was == on else f"{name} {_word(was)} -> {_word(on)}" for name, was, on in changes
    )


def _word(on: bool) -> str:
    return "on" if on else "off"

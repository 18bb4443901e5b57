"""The report of `s3_verify_media`: what the database names, against what is there."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .events import Event, Verified
from .report import OK, UNDECIDED, Report, printable
from .values import FAILING, OF_VALUES, OLD_URL, ORPHAN
from .values import UNDECIDED as NOT_LOOKED_AT


@dataclass(slots=True)
class FieldSummary:
    """One field of one model in one database."""

    model: str
    name: str
    database: str
    storages: list[str] = field(default_factory=list)
    """Where its values lie, in words."""
    values: int = 0
    """That are not empty."""
    verdicts: Counter[str] = field(default_factory=Counter)
    """All but `ok`."""
    body: bool = False
    """It holds texts, not names of files."""

    def counts(self) -> dict[str, int]:
        """How many values came to what, `ok` first."""
        rest = self.values - sum(self.verdicts[verdict] for verdict in OF_VALUES)
        told = {} if self.body else {"ok": rest}
        return told | {verdict: count for verdict, count in self.verdicts.items() if count}

    def as_dict(self) -> dict[str, Any]:
        """The row, for JSON."""
        return {
            "model": self.model, "field": self.name, "database": self.database, "storages": self.storages,
            "values": self.values, "verdicts": self.counts(),
        }  # fmt: skip


@dataclass(slots=True)
class Listed:
    """One storage whose objects were listed."""

    alias: str | None
    label: str
    """The alias, or the class of a storage that is none of STORAGES."""
    bucket: str
    prefix: str
    endpoint: str | None
    objects: int | None = None
    """None: they could not be listed, or not to the end."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "alias": self.alias, "storage": self.label, "bucket": self.bucket, "prefix": self.prefix,
            "endpoint": self.endpoint, "objects": self.objects,
        }  # fmt: skip


@dataclass(slots=True, kw_only=True)
class MediaReport(Report):
    """The report of a verification."""

    schema: str = "s3sync.media/1"
    fields: dict[tuple[str, str, str], FieldSummary] = field(default_factory=dict)
    storages: list[Listed] = field(default_factory=list)
    coverage: str = "exact"
    """`partial`, where the run ended before everything was looked at."""
    undecided: bool = False
    orphan_bytes: int = 0

    def summary(self, model: str, name: str, database: str) -> FieldSummary:
        """The summary of this field, made where there is none yet."""
        found = self.fields.get((model, name, database))
        if found is None:
            found = self.fields[model, name, database] = FieldSummary(model, name, database)
        return found

    def fold(self, event: Event) -> None:
        """Counts one event."""
        if not isinstance(event, Verified):
            Report.fold(self, event)
            return
        if event.verdict == ORPHAN:
            self.counts["orphans"] += 1
            self.orphan_bytes += event.size or 0
        else:
            self.summary(event.model or "", event.field or "", event.database or "").verdicts[event.verdict] += 1
        self.differences |= event.verdict in FAILING

    def give_up(self) -> None:
        """What has no verdict by now, gets none."""
        self.coverage = "partial"
        for each in self.fields.values():
            each.verdicts[NOT_LOOKED_AT] += each.counts().get("ok", 0)

    def codes(self) -> set[int]:
        """What nobody could look at is not proven."""
        return Report.codes(self) | ({UNDECIDED} if self.undecided else {OK})

    def verdicts(self) -> dict[str, int]:
        """Values by verdict, over all fields."""
        totals: Counter[str] = Counter()
        for each in self.fields.values():
            totals.update(each.counts())
        if self.counts["orphans"]:
            totals[ORPHAN] = self.counts["orphans"]
        return {verdict: totals[verdict] for verdict in ("ok", *OF_VALUES, OLD_URL, ORPHAN) if totals[verdict]}

    def envelope(self) -> dict[str, Any]:
        """All of the report but its items."""
        return {
            **Report.envelope(self), "coverage": self.coverage, "verdicts": self.verdicts(),
            "fields": [each.as_dict() for each in self.fields.values()],
            "storages": [each.as_dict() for each in self.storages], "orphan_bytes": self.orphan_bytes,
        }  # fmt: skip


def verified_as_json(event: Verified, **extra: str) -> str:
    """An item of the report."""
    return json.dumps({
        **extra, "verdict": event.verdict, "model": event.model, "field": event.field, "database": event.database,
        "pk": printable(event.pk) if isinstance(event.pk, str) else event.pk, "name": printable(event.name),
        "key": printable(event.key), "alias": event.alias, "bucket": event.bucket, "size": event.size,
        "local_size": event.local_size, "detail": printable(event.detail),
    })  # fmt: skip

"""Counts what a rehearsal would have asked of S3, had it been a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core.comparison import Action
from ..core.estimate import Estimate
from ..core.report import Report
from ..s3.conditions import Conditions, Enforcement
from ..s3.target import Target
from ..s3.told import storage_facts
from ..s3.uploader import FAST_LIMIT
from .jobs import Job
from .run import PushOptions

_PAGE = 1000
"""Keys that one ListObjectsV2 gives."""


@dataclass(slots=True)
class Estimator:
    """Of one thread. `estimate` is complete after `finish`."""

    target: Target
    conditions: Conditions
    conditional: bool
    """Whether writes are on condition."""
    estimate: Estimate = field(init=False)
    _classes: Counter[str] = field(default_factory=Counter)
    _provable: bool = False

    def __post_init__(self) -> None:
        self.estimate = Estimate(self.target.is_aws)

    def add(self, job: Job, size: int) -> None:
        """One upload, of `size` bytes as far as that is known before they are rendered."""
        target, obj = self.target, job.pair.obj
        in_parts = size >= target.transfer_config.multipart_threshold and not target.saves_itself
        storage_class = str(job.rendering.parameters.params.get("StorageClass") or "STANDARD")
        self._classes[storage_class] += 1
        part_size = target.part_size_for(size) if in_parts else None
        self.estimate.upload(size, storage_class, part_size=part_size, replaced=0 if obj is None else obj.size)
        self._provable = self._provable or not (in_parts or target.saves_itself or size > FAST_LIMIT)
        self.estimate.ask("HeadObject", self._looks(in_parts), storage_class)

    def _looks(self, in_parts: bool) -> int:
        """HEADs that go with one upload: where the server would not look at a condition; after a save of its own."""
        after = int(self.target.saves_itself)
        if not self.conditional or self.conditions.everywhere:
            return after
        if in_parts:
            return 2  # at the beginning, and before the parts are put together
        if self.target.saves_itself:
            return 1 + after
        return int(self.conditions.needs_head(single_put=True) and not self._is_unproven)

    @property
    def _is_unproven(self) -> bool:
        return not self.conditions.everywhere and self.conditions.enforcement is Enforcement.UNPROVEN

    def finish(self, report: Report, asked: Mapping[str, int], options: PushOptions) -> None:
        """Adds what the rehearsal has asked, which a run asks too, and what comes after the uploads."""
        estimate, counts = self.estimate, report.counts
        usual = self._classes.most_common(1)[0][0] if self._classes else "STANDARD"
        for operation, number in asked.items():
            estimate.ask(operation, number, usual)
        if self.conditional and self._is_unproven and self._provable:
            estimate.ask("HeadObject", 1, usual)  # the first object proves that conditions are enforced
            estimate.ask("PutObject", 1, usual)
        if options.verify:
            estimate.ask("ListObjectsV2", max(1, -(-(counts["listed"] + counts["new"]) // _PAGE)))
        if options.fix_metadata:
            fixes, facts = report.planned[Action.FIX], storage_facts(self.target, self.target.prefix + "probe")
            estimate.ask("CopyObject", fixes, usual)
            if not facts.acl and not facts.grants:
                estimate.ask("GetObjectAcl", fixes, usual)  # a copy loses the ACL that somebody has given
        deletes = report.planned[Action.DELETE]
        estimate.ask("DeleteObject", deletes)
        if self.conditional and self.conditions.needs_head(single_put=False):
            estimate.ask("HeadObject", deletes, usual)

"""One alias of `s3_verify_acl`: facts first, keys where these differ, ACLs where they can matter, strangers last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

from ..access import BucketFacts, ObjectFacts, Verdict, decide, decide_prefix
from ..core.events import Finding, Judged
from ..core.judged import AccessReport, AliasSummary, as_bad_as
from ..core.plan import ascending
from ..core.scope import Scope
from ..s3.acls import AclReader, ObjectAcl
from ..s3.calls import CallCounter
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.list_fast import may_go_fast
from ..s3.listing import OwnedListing
from ..s3.objects import head_object
from ..s3.pages import Listed
from ..s3.target import Target
from .intents import Intents, Meant
from .probes import Probes, Sample
from .run import Run
from .strangers import at_odds, at_odds_with_cdn, with_evidence

_MOST_HELD = 100
"""So many objects with which something is wrong are probed."""
_PAGE = 1000


class _Case(NamedTuple):
    """A judgement on its way to be told, and who reads as far as the facts say."""

    judged: Judged
    access: str


class _Waiting(NamedTuple):
    """An object whose ACL is being read."""

    facts: ObjectFacts
    meant: Meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is looked at."""

    scope: Scope
    every: bool = False
    sample: int | None = None
    probes: int = 20
    engine: str = "auto"
    workers: int | None = None


@dataclass(slots=True, kw_only=True)
class AliasVerification:
    """Used by the run's own thread, once."""

    run: Run
    report: AccessReport
    target: Target
    facts: BucketFacts
    intents: Intents
    extent: Extent
    probes: Probes
    calls: CallCounter
    accepts: Callable[[Judged], bool] = lambda _: False
    """Whether the baseline has it."""
    exposed: list[Judged] | None = None
    """Where exposed objects are collected that may be mended, instead of being told."""
    _summary: AliasSummary = field(init=False)
    _fine: Sample = field(init=False)
    _held: list[_Case] = field(default_factory=list)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _acls: int = 0

    def verify(self) -> None:
        """Judges everything in scope. Raises what listing raises."""
        meant, target = self.intents.of(""), self.target
        self._fine = Sample(self.extent.probes)
        self._summary = self.report.aliases[target.alias] = AliasSummary(
            target.alias, target.bucket, target.prefix, meant.intent, meant.source, "bucket"
        )
        whole = self._whole()
        try:
            if whole and not any(judged.verdict in ("EXPOSED", "CONDITIONAL") for judged in whole):
                for judged in whole:
                    self._tell(judged)
                self._choose_for_probes()
            elif not self._judge_all():
                for judged in whole:  # nothing is there yet, but whatever comes will be exposed
                    self._tell(judged)
            self._probe()
        finally:
            for case in self._held:  # the run has broken off: what was found is told all the same
                self._tell(case.judged)

    def _whole(self) -> list[Judged]:
        """The answers for all keys of each rule; none, if keys or objects have to be looked at."""
        target, scope = self.target, self.extent.scope
        if self.extent.every or self.intents.differ_by_key:
            return []
        found = []
        for prefix in self.intents.prefixes:
            wanted, ruled = self._root + scope.prefix, self._root + prefix
            if not (wanted.startswith(ruled) or ruled.startswith(wanted)):
                continue
            decision = decide_prefix(self.facts, max(wanted, ruled, key=len), by_version=None)
            if not decision.final:
                return []
            meant = self.intents.of(prefix)
            verdict = decision.verdict(meant.intent, declared=meant.declared)
            key = max(wanted, ruled, key=len)
            found.append(self._judged(key or target.prefix, meant, verdict, whole=True))
        return found

    @property
    def _root(self) -> str:
        """What each key begins with, as far as that can be told."""
        return "" if self.target.has_own_keys else self.target.prefix

    def _judge_all(self) -> int:
        """Looks at each object; where that is refused, nobody can tell."""
        try:
            return self._judge_each()
        except REMOTE_ERRORS as error:
            trouble = trouble_of(error)
            if trouble.http != 403 or operation_of(error) not in (None, "ListObjectsV2"):
                raise
            hint = hint_for(trouble, "ListObjectsV2", self.target.bucket, self._root + "*")
            reason = f"the keys could not be listed ({trouble.code}: {hint})"
            meant = self.intents.of("")
            self._tell(self._judged(self._root, meant, Verdict("UNKNOWN", "error", reason), whole=True))
            return 1

    def _choose_for_probes(self) -> None:
        """Some objects of the first page."""
        if not self.extent.probes or self.run.stopping:
            return
        try:
            some = list(islice(self._listed(), _PAGE))
        except REMOTE_ERRORS as error:
            why = f"the keys can't be listed ({trouble_of(error).code})"
            detail = f"{self.target.alias}: no stranger was asked, as {why}."
            self.run.emit(Finding("not-probed", "warning", detail))
            return
        for listed in some:
            meant = self.intents.of(self.target.name_of(listed.key))
            verdict = self._decide(ObjectFacts(listed.key, listed.owner_id, None, None, listed.storage_class), meant)
            self._fine.offer(_Case(self._judged(listed.key, meant, verdict), verdict.access))

    # Each object

    def _judge_each(self) -> int:
        """Lists, and reads the ACLs that matter. Tells how many objects there are."""
        self._summary.how = "keys"
        self._summary.objects = 0
        extent = self.extent
        with AclReader(self.target, engine=extent.engine, workers=extent.workers, calls=self.calls) as reader:
            for acl in reader.read(self._keys_in_question()):
                self._judge_by_acl(acl, self._waiting.pop(acl.key))
                if self.run.stopping:
                    reader.cancel()
            if reader.requests:
                self.calls.counts["GetObjectAcl"] += reader.requests
            self.report.engine = reader.engine
            self.report.engine_reason = reader.why_not_fast
        if self._acls:
            self._summary.how = f"{self._acls:,} ACLs"
        return self._summary.objects

    def _keys_in_question(self) -> Iterator[str]:
        """Judges what key and owner tell; yields the keys of the rest, whose ACLs are to be read."""
        for listed in self._sampled():
            if self.run.stopping:
                return
            self._summary.objects = (self._summary.objects or 0) + 1
            self.run.progress.files_done += 1
            self.run.watcher.moved(self.run.progress)
            facts = ObjectFacts(listed.key, listed.owner_id, None, None, listed.storage_class)
            meant = self.intents.of(self.target.name_of(listed.key))
            verdict = self._decide(facts, meant)
            if verdict.verdict == "UNKNOWN" and "grants" in verdict.unread:
                self._waiting[listed.key] = _Waiting(facts, meant)
                yield listed.key
            else:
                self._settle(facts, meant, verdict)

    def _judge_by_acl(self, acl: ObjectAcl, waiting: _Waiting) -> None:
        facts, meant = waiting
        if acl.error is not None and acl.error.code == "NoSuchKey" and self._has_gone(acl.key):
            self._summary.objects = (self._summary.objects or 1) - 1
            return
        self._acls += 1
        facts = replace(facts, owner_id=acl.owner_id or facts.owner_id, grants=acl.grants)
        verdict = self._decide(facts, meant)
        evidence: dict[str, Any] = {}
        if acl.error is not None:
            hint = hint_for(acl.error, "GetObjectAcl", self.target.bucket, acl.key) or acl.error.message
            evidence["error"] = {"code": acl.error.code, "http": acl.error.http, "hint": hint}
            verdict = replace(verdict, reason=f"{verdict.reason} ({acl.error.code}: {hint})")
        elif acl.grants is not None:
            evidence["grants"] = [list(grant) for grant in acl.grants]
        self._settle(facts, meant, verdict, evidence)

    def _has_gone(self, key: str) -> bool:
        try:
            extra = self.target.head_parameters(key)
            return head_object(self.target.client, self.target.bucket, key, extra=extra) is None
        except REMOTE_ERRORS:
            return False

    def _decide(self, facts: ObjectFacts, meant: Meant) -> Verdict:
        return decide(self.facts, facts, meant.intent, declared=meant.declared, by_version=None)

    def _sampled(self) -> Iterator[Listed]:
        if self.extent.sample is None:
            return self._listed()
        chosen = Sample(self.extent.sample)
        total = 0
        for listed in self._listed():
            total += 1
            chosen.offer(listed)
        if total > self.extent.sample:
            self.report.coverage = "sampled"
        return iter(chosen.chosen)

    def _listed(self) -> Iterator[Listed]:
        target, scope = self.target, self.extent.scope
        prefix = target.listing_prefix(scope.prefix)
        counted = self.calls if may_go_fast(target, self.extent.engine) else None
        for listed in ascending(OwnedListing(target.client, target.bucket, prefix, counted)):
            inside = listed.key.startswith(self._root)
            if inside and scope.covers(target.name_of(listed.key)):
                yield listed

    # Telling

    def _judged(
        self, key: str, meant: Meant, verdict: Verdict, evidence: Mapping[str, Any] | None = None, *,
        whole: bool = False,
    ) -> Judged:  # fmt: skip
        judged = Judged(
            self.target.alias, key, meant.intent, meant.source, verdict.verdict, verdict.severity, verdict.reason,
            evidence or {}, whole,
        )  # fmt: skip
        return replace(judged, accepted=True) if self.accepts(judged) else judged

    def _settle(
        self, facts: ObjectFacts, meant: Meant, verdict: Verdict, evidence: Mapping[str, Any] | None = None
    ) -> None:
        key = facts.key
        case = _Case(self._judged(key, meant, verdict, evidence), verdict.access)
        judged = case.judged
        if judged.verdict == "OK" and not as_bad_as(judged.severity, "warning"):
            self._fine.offer(case)
            self.run.emit(judged)
        elif self.extent.probes and len(self._held) < _MOST_HELD:
            self._held.append(case)
        else:
            self._tell(judged)

    def _tell(self, judged: Judged) -> None:
        mendable = judged.verdict in ("EXPOSED", "UNREACHABLE") and not judged.whole and not judged.accepted
        if self.exposed is not None and mendable:
            self.exposed.append(judged)
        else:
            self.run.emit(judged)

    # Strangers

    def _probe(self) -> None:
        """Asks as a stranger for what is wrong, and for some of what is fine."""
        cases = [*self._held, *self._fine.chosen]
        if self.run.stopping or not self.extent.probes:
            cases = []
        keys = [case.judged.key for case in cases]
        direct = self.probes.directly(keys)
        through = self.probes.through_cdn([self.target.name_of(key) for key in keys])
        seen = {case.judged.key: pair for case, *pair in zip(cases, direct, through, strict=True)}
        held, self._held = self._held, []
        for case in held:
            self._tell(with_evidence(case.judged, *seen.get(case.judged.key, (None, None))))
        for case in cases:
            at_s3, at_cdn = seen[case.judged.key]
            if at_s3 is not None:
                self._differs(at_odds(case.judged, case.access, at_s3))
            if at_cdn is not None:
                self._differs(at_odds_with_cdn(case.judged, self.target.storage.custom_domain, at_cdn))

    def _differs(self, found: Judged | None) -> None:
        if found is not None:
            self.run.emit(replace(found, accepted=self.accepts(found)))

"""One alias of `s3_verify_acl`: facts first, keys where these differ, ACLs where they can matter, strangers last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

from ..access import BucketFacts, ObjectFacts, Verdict, decide, decide_prefix
from ..core.events import Judged
from ..core.judged import AccessReport, AliasSummary, as_bad_as
from ..core.plan import ascending
from ..core.scope import Scope
from ..s3.acls import AclReader, ObjectAcl
from ..s3.calls import CallCounter
from ..s3.errors import hint_for
from ..s3.listing import Listed, OwnedListing
from ..s3.target import Target
from .intents import Intents, Meant
from .probes import Probes, Sample, Seen, agrees
from .run import Run

_MOST_HELD = 100
"""So many objects with which something is wrong are probed."""
_PAGE = 1000
HIDDEN = ("private", "cdn")


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
    accepted: frozenset[tuple[str, str, str]] = frozenset()
    """What the baseline has."""
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
        decision = decide_prefix(self.facts, target.prefix + self.extent.scope.prefix)
        whole = decision.final and not self.extent.every and not self.intents.differ_by_key
        verdicts = []
        if whole:
            for prefix in self.intents.prefixes:
                meant = self.intents.of(prefix)
                verdict = decision.verdict(meant.intent, declared=meant.declared)
                verdicts.append((self._judged(target.prefix + prefix, meant, verdict, whole=True), verdict))
        if whole and not any(verdict.verdict in ("EXPOSED", "CONDITIONAL") for _, verdict in verdicts):
            for judged, _ in verdicts:
                self._tell(judged)
            self._choose_for_probes()
        elif not self._judge_each() and verdicts:
            for judged, _ in verdicts:  # nothing is there yet, but whatever comes will be exposed
                self._tell(judged)
        self._probe()

    def _choose_for_probes(self) -> None:
        """Some objects of the first page."""
        if not self.extent.probes or self.run.stopping:
            return
        for listed in islice(self._listed(), _PAGE):
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
                self._acls += 1
                self._waiting[listed.key] = _Waiting(facts, meant)
                yield listed.key
            else:
                self._settle(listed.key, meant, verdict)

    def _judge_by_acl(self, acl: ObjectAcl, waiting: _Waiting) -> None:
        facts, meant = waiting
        if acl.error is not None and acl.error.http == 404:
            return  # it has gone meanwhile
        facts = replace(facts, owner_id=acl.owner_id or facts.owner_id, grants=acl.grants)
        verdict = self._decide(facts, meant)
        evidence: dict[str, Any] = {}
        if acl.error is not None:
            hint = hint_for(acl.error, "GetObjectAcl", self.target.bucket, acl.key) or acl.error.message
            evidence["error"] = {"code": acl.error.code, "http": acl.error.http, "hint": hint}
            verdict = replace(verdict, reason=f"{verdict.reason} ({acl.error.code}: {hint})")
        elif acl.grants is not None:
            evidence["grants"] = [list(grant) for grant in acl.grants]
        self._settle(acl.key, meant, verdict, evidence)

    def _decide(self, facts: ObjectFacts, meant: Meant) -> Verdict:
        return decide(self.facts, facts, meant.intent, declared=meant.declared)

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
        for listed in ascending(OwnedListing(target.client, target.bucket, prefix)):
            inside = listed.key.startswith(target.prefix)
            if inside and scope.covers(target.name_of(listed.key)):
                yield listed

    # Telling

    def _judged(
        self, key: str, meant: Meant, verdict: Verdict, evidence: Mapping[str, Any] | None = None, *,
        whole: bool = False,
    ) -> Judged:  # fmt: skip
        alias = self.target.alias
        return Judged(
            alias, key, meant.intent, meant.source, verdict.verdict, verdict.severity, verdict.reason, evidence or {},
            whole, accepted=(alias, key, verdict.verdict) in self.accepted,
        )  # fmt: skip

    def _settle(self, key: str, meant: Meant, verdict: Verdict, evidence: Mapping[str, Any] | None = None) -> None:
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
        for case in self._held:
            self._tell(_with_evidence(case.judged, *seen.get(case.judged.key, (None, None))))
        for case in cases:
            at_s3, at_cdn = seen[case.judged.key]
            if at_s3 is not None:
                self._compare(case, at_s3)
            if at_cdn is not None:
                self._compare_cdn(case, at_cdn)

    def _compare(self, case: _Case, seen: Seen) -> None:
        """What the facts say against what a stranger was answered. What he got, he got."""
        judged = case.judged
        if seen.readable and case.access != "public" and judged.intent in HIDDEN and judged.verdict != "EXPOSED":
            reason = f"a stranger was given it (HTTP {seen.status}), whatever the facts say"
            self._differs(judged, "EXPOSED", "critical", reason, seen)
        elif not agrees(seen, case.access):
            answer = f"HTTP {seen.status}" + (f" {seen.code}" if seen.code else "")
            reason = f"the facts say {case.access}, but from this host a stranger was answered {answer}"
            self._differs(judged, "MODEL-MISMATCH", "error", reason, seen)

    def _compare_cdn(self, case: _Case, seen: Seen) -> None:
        judged = case.judged
        domain = self.target.storage.custom_domain
        if judged.intent == "private" and seen.readable:
            self._differs(judged, "EXPOSED", "critical", f"{domain} gives it to a stranger without a signature", seen)
        elif judged.intent in ("public", "cdn") and not seen.readable:
            answer = f"HTTP {seen.status}" if seen.status is not None else seen.error
            self._differs(judged, "UNREACHABLE", "high", f"{domain} does not give it to a stranger: {answer}", seen)

    def _differs(self, judged: Judged, verdict: str, severity: str, reason: str, seen: Seen) -> None:
        evidence = {**judged.evidence, "probe": seen.as_evidence()}
        accepted = (judged.alias, judged.key, verdict) in self.accepted
        self.run.emit(replace(
            judged, verdict=verdict, severity=severity, reason=reason, evidence=evidence, accepted=accepted
        ))  # fmt: skip


def _with_evidence(judged: Judged, at_s3: Seen | None, at_cdn: Seen | None) -> Judged:
    found = {name: seen.as_evidence() for name, seen in (("probe", at_s3), ("cdn", at_cdn)) if seen is not None}
    return replace(judged, evidence={**judged.evidence, **found}) if found else judged

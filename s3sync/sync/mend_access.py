"""`s3_verify_acl --fix` and `--undo`: ACLs of objects, never policies, blocks or ownership.

Toward private, public grants are taken away. Toward public, which has to be declared and allowed, everybody gets to
read. All other grants stay. Each ACL is written down before it is changed, and read again afterwards, as a stranger
too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from ..access import BucketFacts, Grant, ObjectFacts, Verdict, decide
from ..core.comparison import Action
from ..core.events import Failure, Judged, Outcome, Result
from ..core.scope import is_secret
from ..local.journal import Journal, read_journal
from ..s3.acl_changes import Raced, VersionedAcl, read_acl, version_of, with_public_read, without_public, write_acl
from ..s3.errors import REMOTE_ERRORS, operation_of, trouble_of
from ..s3.target import Target
from .failures import remote_failure
from .probes import Probes
from .run import Run

_WORKERS = 8


class _Change(NamedTuple):
    """What is to be done with one object's ACL, or why nothing is."""

    judged: Judged
    acl: VersionedAcl | None = None
    grants: tuple[Grant, ...] = ()
    why_not: str = ""
    error: Exception | None = None


@dataclass(slots=True)
class Mending:
    """Mends the ACLs of one alias. Used by the run's own thread."""

    run: Run
    target: Target
    facts: BucketFacts
    probes: Probes
    allow_public: bool

    def plan(self, exposed: Sequence[Judged]) -> Iterator[_Change]:
        """What would be done; asks for each object's ACL."""
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="s3sync-mend") as pool:
            yield from pool.map(self._planned, exposed)

    def _planned(self, judged: Judged) -> _Change:
        """In a worker."""
        why_not = self._why_not(judged)
        if why_not:
            return _Change(judged, why_not=why_not)
        client, bucket, key = self.target.client, self.target.bucket, judged.key
        try:
            version = version_of(client, bucket, key, self.target.head_parameters(key))
            acl = read_acl(client, bucket, key, version)
        except REMOTE_ERRORS as error:
            return _Change(judged, error=error)
        wanted = with_public_read(acl.grants) if judged.intent == "public" else without_public(acl.grants)
        if not wanted and acl.owner:
            wanted = (Grant(acl.owner, "FULL_CONTROL"),)
        if set(wanted) == set(acl.grants):
            return _Change(judged, why_not="its ACL is not the cause: see the bucket's policy (--print-policy bucket)")
        return _Change(judged, acl, wanted)

    def _why_not(self, judged: Judged) -> str:
        if self.facts.ownership == "BucketOwnerEnforced":
            return "ACLs are off in this bucket: look at its policy (--print-policy bucket)"
        if judged.intent != "public":
            sure = judged.intent == "private" or judged.intent_source != "derived"
            return "" if sure else "its intent is only guessed"
        if judged.intent_source == "derived" or not self.allow_public:
            return "made public only where that is declared in S3SYNC['INTENT'], and with --allow-public"
        return "its name tells of a secret" if is_secret(self.target.name_of(judged.key)) else ""

    def rehearse(self, changes: Sequence[_Change]) -> None:
        """Says what would be done."""
        for change in changes:
            if change.acl is None:
                self._skip(change)
            else:
                self._tell(change.judged, Result.PLANNED, None)
                self.run.emit(change.judged)

    def carry_out(self, changes: Sequence[_Change], journal: Journal) -> None:
        """Does it, and tells what became of each object."""
        for change in changes:
            if change.acl is None:
                self._skip(change)
            elif self.run.stopping:
                self.run.emit(change.judged)
            else:
                self._mend(change, change.acl, journal)

    def _skip(self, change: _Change) -> None:
        judged = change.judged
        if change.error is not None:
            operation = operation_of(change.error) or "GetObjectAcl"
            failure = remote_failure(change.error, operation, self.target.bucket, judged.key)
            self._tell(judged, Result.FAILED, failure)
        reason = f"{judged.reason}; not mended: {change.why_not}" if change.why_not else judged.reason
        self.run.emit(replace(judged, reason=reason))

    def _mend(self, change: _Change, acl: VersionedAcl, journal: Journal) -> None:
        judged, client, bucket = change.judged, self.target.client, self.target.bucket
        journal.note(_entry(self.target, judged.key, acl, change.grants))
        try:
            write_acl(client, bucket, judged.key, acl, change.grants)
        except Raced:
            failure = Failure("Raced", hint="run it again", message="somebody else writes its ACL")
            self._tell(judged, Result.FAILED, failure)
            self.run.emit(judged)
            return
        except REMOTE_ERRORS as error:
            self._tell(judged, Result.FAILED, remote_failure(error, "PutObjectAcl", bucket, judged.key))
            self.run.emit(judged)
            return
        self._tell(judged, Result.DONE, None)
        self.run.emit(self._judged_again(judged, acl, change.grants))

    def _judged_again(self, judged: Judged, acl: VersionedAcl, grants: tuple[Grant, ...]) -> Judged:
        """By the ACL that is there now, and as a stranger."""
        verdict: Verdict = decide(self.facts, ObjectFacts(judged.key, acl.owner, grants), judged.intent)
        (seen,) = self.probes.directly([judged.key])
        evidence: dict[str, Any] = {"grants": [list(grant) for grant in grants], "was": judged.verdict}
        if seen is not None:
            evidence["probe"] = seen.as_evidence()
        wrong = seen is not None and seen.readable and judged.intent != "public"
        if wrong and verdict.verdict == "OK":
            reason = "a stranger is still given it: older answers may be cached, or older versions be public"
            return replace(judged, reason=reason, evidence=evidence)
        reason = f"{verdict.reason} (mended; it was {judged.verdict} before, nobody knows for how long)"
        return replace(
            judged, verdict=verdict.verdict, severity=verdict.severity, reason=reason, evidence=evidence
        )

    def _tell(self, judged: Judged, result: Result, failure: Failure | None) -> None:
        name = self.target.name_of(judged.key)
        self.run.emit(Outcome(name, judged.key, Action.FIX, result, error=failure, existed=True))


def undo(run: Run, targets: Sequence[Target], path: Path) -> None:
    """Gives objects the ACLs back that a journal tells of, where nobody has changed them since."""
    by_bucket = {(target.identity, target.bucket): target for target in targets}
    for entry in read_journal(path):
        target = by_bucket.get((entry["target"], entry["bucket"]))
        key = str(entry["key"])
        if target is None:
            bucket = str(entry["bucket"])
            failure = Failure("NotConfigured", hint="no alias of STORAGES has this bucket", message=bucket)
            run.emit(Outcome(key, key, Action.FIX, Result.FAILED, error=failure))
        elif not run.stopping:
            _undo_one(run, target, key, entry)


def _undo_one(run: Run, target: Target, key: str, entry: dict[str, Any]) -> None:
    name = target.name_of(key)
    before, after = (tuple(Grant(*grant) for grant in entry[when]) for when in ("before", "after"))
    try:
        acl = read_acl(target.client, target.bucket, key, entry["version"])
        if set(acl.grants) != set(after):
            failure = Failure("Changed", hint="look at it yourself", message="its ACL was changed again since")
            run.emit(Outcome(name, key, Action.FIX, Result.FAILED, error=failure))
        elif run.options.dry_run:
            run.emit(Outcome(name, key, Action.FIX, Result.PLANNED, existed=True))
        else:
            write_acl(target.client, target.bucket, key, acl, before)
            run.emit(Outcome(name, key, Action.FIX, Result.DONE, existed=True))
    except Raced:
        failure = Failure("Raced", hint="run it again", message="somebody else writes its ACL")
        run.emit(Outcome(name, key, Action.FIX, Result.FAILED, error=failure))
    except REMOTE_ERRORS as error:
        operation = "PutObjectAcl" if trouble_of(error).http == 403 else "GetObjectAcl"
        run.emit(Outcome(
            name, key, Action.FIX, Result.FAILED, error=remote_failure(error, operation, target.bucket, key)
        ))  # fmt: skip


def _entry(target: Target, key: str, acl: VersionedAcl, after: tuple[Grant, ...]) -> dict[str, Any]:
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"), "target": target.identity,
        "bucket": target.bucket, "key": key, "version": acl.version, "owner": acl.owner,
        "before": [list(grant) for grant in acl.grants], "after": [list(grant) for grant in after],
    }  # fmt: skip

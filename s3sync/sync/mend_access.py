"""`s3_verify_acl --fix` and `--undo`: ACLs of objects, never policies, blocks or ownership.

Toward private, public grants are taken away. Toward public, which has to be declared and allowed, everybody gets to
read. All other grants stay. Each ACL is written down before it is changed, and read again afterwards, as a stranger
too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from ..access import BucketFacts, Grant, ObjectFacts, Verdict, decide
from ..core.comparison import Action
from ..core.events import Failure, Judged, Outcome, Result
from ..core.scope import is_secret
from ..exceptions import ConfigurationError
from ..local.journal import Journal, read_journal
from ..s3.acl_changes import (
    ANONYMOUS,
    NotGrantable,
    Raced,
    VersionedAcl,
    grant_arguments,
    overwritten,
    read_acl,
    read_current,
    with_public_read,
    without_public,
    write_acl,
)
from ..s3.errors import REMOTE_ERRORS, operation_of
from ..s3.target import Target
from .failures import remote_failure
from .probes import Probes
from .run import Run

_WORKERS = 8
_WINDOW = 64
"""So many ACLs are read ahead of the changes."""
_TROUBLE = (Raced, NotGrantable, *REMOTE_ERRORS)
"""What becomes the failure of one object."""


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
    _over: bool = False
    """Nothing more can be written down, so nothing more is changed."""

    def mend(self, exposed: Sequence[Judged], open_journal: Callable[[], Journal]) -> None:
        """Tells what became of each object; in a dry run, what would. Raises what `open_journal` raises, at the end.

        The journal is opened before the first change, if there is one.
        """
        changes = self.plan(exposed)
        if self.run.options.dry_run:
            self.rehearse(changes)
        else:
            self._carry_out(changes, open_journal)

    def plan(self, exposed: Sequence[Judged]) -> Iterator[_Change]:
        """What would be done, as it is asked for; reads each object's ACL, until the run stops."""
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="s3sync-mend") as pool:
            for start in range(0, len(exposed), _WINDOW):
                batch = exposed[start : start + _WINDOW]
                if self._over or self.run.stopping:
                    yield from map(_Change, batch)
                else:
                    yield from pool.map(self._planned, batch)

    def _planned(self, judged: Judged) -> _Change:
        """In a worker."""
        why_not = self._why_not(judged)
        if why_not:
            return _Change(judged, why_not=why_not)
        if self.run.is_interrupted():
            return _Change(judged)
        target, key = self.target, judged.key
        try:
            acl = read_current(target.client, target.bucket, key, target.head_parameters(key))
            wanted = with_public_read(acl.grants) if judged.intent == "public" else without_public(acl.grants)
            if set(wanted) == set(acl.grants):
                return self._already_so(judged, acl)
            if judged.intent != "public" and acl.owner == ANONYMOUS:
                why = "it was uploaded without credentials, so its owner is anonymous: overwrite it with credentials"
                return _Change(judged, why_not=why)
            if not wanted and acl.owner:
                wanted = (Grant(acl.owner, "FULL_CONTROL"),)
            grant_arguments(wanted)
        except (NotGrantable, *REMOTE_ERRORS) as error:
            return _Change(judged, error=error)
        return _Change(judged, acl, wanted)

    def _already_so(self, judged: Judged, acl: VersionedAcl) -> _Change:
        """The ACL is as it should be: somebody has changed it since it was listed, or something else decides."""
        verdict = self._decide(judged, acl, acl.grants)
        if verdict.verdict != "OK":
            return _Change(judged, why_not="its ACL is not the cause: see the bucket's policy (--print-policy bucket)")
        return _Change(replace(
            judged, verdict=verdict.verdict, severity=verdict.severity,
            reason=f"{verdict.reason} (it was {judged.verdict} when it was listed)",
            evidence={"grants": [list(grant) for grant in acl.grants], "was": judged.verdict},
        ))  # fmt: skip

    def _decide(self, judged: Judged, acl: VersionedAcl, grants: tuple[Grant, ...]) -> Verdict:
        facts = ObjectFacts(judged.key, acl.owner, grants, acl.sse, acl.storage_class)
        return decide(self.facts, facts, judged.intent, declared=judged.intent_source != "derived")

    def _why_not(self, judged: Judged) -> str:
        """What is only expected for this run is no reason to change anything."""
        source = judged.intent_source
        if self.facts.ownership == "BucketOwnerEnforced":
            return "ACLs are off in this bucket: look at its policy (--print-policy bucket)"
        if judged.intent == "public":
            if source != "declared" or not self.allow_public:
                return "made public only where that is declared in S3SYNC['INTENT'], and with --allow-public"
            return "its name tells of a secret" if is_secret(self.target.name_of(judged.key)) else ""
        if source == "declared" or (source == "derived" and judged.intent == "private"):
            return ""
        return "its intent is only guessed" if source == "derived" else "its intent is only expected: declare it"

    def rehearse(self, changes: Iterable[_Change]) -> None:
        """Says what would be done."""
        for change in changes:
            if change.acl is None:
                self._skip(change)
            else:
                self._tell(change.judged, Result.PLANNED, None)
                self.run.emit(change.judged)

    def carry_out(self, changes: Iterable[_Change], journal: Journal) -> None:
        """Does it, and tells what became of each object."""
        self._carry_out(changes, lambda: journal)

    def _carry_out(self, changes: Iterable[_Change], open_journal: Callable[[], Journal]) -> None:
        trouble: ConfigurationError | None = None
        for change in changes:
            if change.acl is None:
                self._skip(change)
            elif self._over or self.run.stopping:
                self.run.emit(change.judged)
            else:
                try:
                    self._mend(change, change.acl, open_journal())
                except ConfigurationError as error:  # there can be no journal; all the same, each object is told
                    trouble, self._over = error, True
                    self.run.emit(change.judged)
        if trouble is not None:
            raise trouble

    def _skip(self, change: _Change) -> None:
        judged = change.judged
        if change.error is not None:
            self._tell(judged, Result.FAILED, _failure(change.error, self.target, judged.key))
        reason = f"{judged.reason}; not mended: {change.why_not}" if change.why_not else judged.reason
        self.run.emit(replace(judged, reason=reason))

    def _mend(self, change: _Change, acl: VersionedAcl, journal: Journal) -> None:
        judged, target = change.judged, self.target
        failure = self._noted(journal, _entry(target, judged.key, acl, change.grants))
        if failure is None:
            try:
                extra = target.head_parameters(judged.key)
                write_acl(target.client, target.bucket, judged.key, acl, change.grants, extra)
            except _TROUBLE as error:
                failure = _failure(error, target, judged.key)
        if failure is None:
            self._tell(judged, Result.DONE, None)
            judged = self._judged_again(judged, acl, change.grants)
        else:
            self._tell(judged, Result.FAILED, failure)
        self.run.emit(judged)

    def _noted(self, journal: Journal, entry: dict[str, Any]) -> Failure | None:
        """Writes down what is to be changed; or tells why that can't be done, after which nothing is changed."""
        try:
            journal.note(entry)
        except OSError as error:
            self._over = True
            why = str(error.strerror or error).lower()
            return Failure(
                "Journal", hint="make room, or name another file with --journal; no other ACL was changed",
                message=f"the journal {str(journal.path)!r} can't be written: {why}",
            )  # fmt: skip
        return None

    def _judged_again(self, judged: Judged, acl: VersionedAcl, grants: tuple[Grant, ...]) -> Judged:
        """By the ACL that is there now, and as a stranger."""
        verdict = self._decide(judged, acl, grants)
        (seen,) = self.probes.directly([judged.key])
        evidence: dict[str, Any] = {"grants": [list(grant) for grant in grants], "was": judged.verdict}
        if seen is not None:
            evidence["probe"] = seen.as_evidence()
        wrong = seen is not None and seen.readable and judged.intent != "public"
        if wrong and verdict.verdict == "OK":
            reason = "a stranger is still given it: older answers may be cached, or older versions be public"
            return replace(judged, reason=reason, evidence=evidence)
        reason = f"{verdict.reason} (mended; it was {judged.verdict} before, nobody knows for how long)"
        return replace(judged, verdict=verdict.verdict, severity=verdict.severity, reason=reason, evidence=evidence)

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
    client, bucket, extra = target.client, target.bucket, target.head_parameters(key)
    try:
        acl = replace(read_acl(client, bucket, key, entry.get("version")), etag=entry.get("etag"))
        if set(acl.grants) == set(before):
            run.emit(Outcome(name, key, Action.SKIP, Result.SKIPPED, existed=True, detail="it has that ACL already"))
            return
        what = "its ACL was changed" if set(acl.grants) != set(after) else ""
        what = what or ("it was overwritten" if overwritten(client, bucket, key, acl, extra) else "")
        if what:
            failure = Failure("Changed", hint="look at it yourself", message=f"{what} since")
            run.emit(Outcome(name, key, Action.FIX, Result.FAILED, error=failure))
            return
        grant_arguments(before)
        if not run.options.dry_run:
            write_acl(client, bucket, key, acl, before, extra)
    except _TROUBLE as error:
        run.emit(Outcome(name, key, Action.FIX, Result.FAILED, error=_failure(error, target, key)))
        return
    result = Result.PLANNED if run.options.dry_run else Result.DONE
    run.emit(Outcome(name, key, Action.FIX, result, existed=True))


def _failure(error: Exception, target: Target, key: str) -> Failure:
    if isinstance(error, Raced):
        return Failure("Raced", hint="run it again", message="somebody else writes its ACL, or the object")
    if isinstance(error, NotGrantable):
        return Failure("NotGrantable", hint="change its ACL yourself", message=f"its ACL can't be written: {error}")
    return remote_failure(error, operation_of(error) or "PutObjectAcl", target.bucket, key)


def _entry(target: Target, key: str, acl: VersionedAcl, after: tuple[Grant, ...]) -> dict[str, Any]:
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"), "target": target.identity,
        "bucket": target.bucket, "key": key, "version": acl.version, "etag": acl.etag, "owner": acl.owner,
        "before": [list(grant) for grant in acl.grants], "after": [list(grant) for grant in after],
    }  # fmt: skip

"""`s3_verify_acl`, from settings to exit: is every object readable by exactly whom it should be?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

from ..access import Place, Verdict, conflicts, contradictions, derive, list_access, write_access
from ..access.verdict import Severity
from ..core.events import Finding, Judged
from ..core.judged import AccessReport, as_bad_as
from ..core.scope import Scope
from ..exceptions import ConfigurationError, RemoteError
from ..local.journal import Journal
from ..local.state import default_directory
from ..s3.bucket_facts import BucketReading, read_bucket
from ..s3.calls import CallCounter
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.listing import BrokenListing
from ..s3.options import find_backends
from ..s3.target import Target
from ..s3.told import storage_facts
from .access_wishes import AccessOptions, AccessSettings
from .alias_verification import AliasVerification, Extent
from .intents import Intents
from .mend_access import Mending, undo
from .probes import Probes
from .providers import acl_as_provider, as_provider
from .run import Run
from .static_access import report_denied_references
from .targets import facts_of, static_target_of

_UNDECIDED = ("UNKNOWN", "MODEL-MISMATCH")


def verify_access(run: Run, settings: AccessSettings, wishes: AccessOptions) -> None:
    """Judges each alias. Raises an S3SyncError where the run can't begin or go on; the rest is in the run's report.

    Trouble with one alias does not keep the others from being judged; it is raised at the end.
    """
    verification = _Verification(run, settings, wishes)
    with closing(verification):
        verification.verify_all()


class _Verification:
    """All aliases of one run."""

    def __init__(self, run: Run, settings: AccessSettings, wishes: AccessOptions) -> None:
        self._run, self._settings, self._wishes = run, settings, wishes
        self._report = cast("AccessReport", run.report)
        self._accepts = baseline(wishes.baseline)
        self._targets = list(_targets(settings, wishes.aliases))
        self._journal = _JournalOnDemand(wishes.journal or _journal_path(settings, run.report.run_id))
        if wishes.fix and not run.options.dry_run:
            self._journal.check()
        self._readings: dict[str, BucketReading] = {}
        self._calls: list[CallCounter] = []

    def verify_all(self) -> None:
        """Raises the first error of an alias once all others are done."""
        errors: list[RemoteError] = []
        _report_contradictions(self._run, self._settings, self._targets)
        for target in self._targets:
            self._run.report.target = facts_of(target)
            try:
                self._verify(target)
            except (*REMOTE_ERRORS, BrokenListing) as error:
                errors.append(_remote_error(target, error))
        if self._run.stopping or errors:
            self._report.coverage = "partial"
        if errors:
            raise errors[0]

    def close(self) -> None:
        """Counts the calls, and ends the journal."""
        self._journal.close()
        for calls in self._calls:
            calls.close()
            self._report.requests.update(calls.counts)
            self._report.api_calls += sum(calls.counts.values())

    def _verify(self, target: Target) -> None:
        run, wishes = self._run, self._wishes
        calls = CallCounter(target.client)
        self._calls.append(calls)
        reading = self._reading(target, calls)
        if run.stopping:
            return
        intents = self._intents(target)
        probes = Probes(target, wishes.via)
        if wishes.via == "cdn" and not probes.has_cdn:
            detail = f"{target.alias} has no custom_domain, so no stranger was asked: --via cdn."
            run.emit(Finding("not-probed", "warning", detail))
        exposed: list[Judged] | None = [] if wishes.fix else None
        try:
            AliasVerification(
                run=run, report=self._report, target=target, facts=as_provider(reading), intents=intents,
                probes=probes, calls=calls, extent=self._extent(target), accepts=self._accepts, exposed=exposed,
            ).verify()  # fmt: skip
        finally:
            self._conclude(target, reading, probes, exposed or [])
        self._judge_bucket(target, reading, intents, probes if wishes.check_listing else None)

    def _reading(self, target: Target, calls: CallCounter) -> BucketReading:
        """The facts of the bucket; asked once by each set of credentials."""
        label = f"{target.identity} {target.storage.access_key}"
        if label not in self._readings:
            reading = self._readings[label] = read_bucket(target.client, target.bucket, is_aws=target.is_aws)
            _report_unread(self._run, target, reading)
            # Those to other services (the account's block, whose account it is) are not among the client's own.
            self._report.api_calls += max(0, reading.calls - sum(calls.counts.values()))
        return self._readings[label]

    def _intents(self, target: Target) -> Intents:
        return Intents(target, self._settings.intent_for(target.alias) or (), self._wishes.expect)

    def _extent(self, target: Target) -> Extent:
        options, wishes, settings = self._run.options, self._wishes, self._settings
        # What lies in the location of another alias is that one's; but only if it is judged in this run.
        foreign = tuple(
            other.prefix[len(target.prefix) :] for other in self._targets
            if other.identity == target.identity and other.prefix.startswith(target.prefix)
            and other.prefix != target.prefix and not other.has_own_keys
        )  # fmt: skip
        scope = Scope(prefix=options.prefix, ignore=options.ignore, include=options.include, foreign=foreign)
        return Extent(
            scope=scope, every=wishes.every, sample=wishes.sample, probes=wishes.probes,
            engine=options.engine or settings.engine, workers=options.workers or settings.workers,
        )  # fmt: skip

    def _conclude(self, target: Target, reading: BucketReading, probes: Probes, exposed: list[Judged]) -> None:
        """What is told once an alias has been looked at, wholly or not."""
        if probes.unanswered:
            detail = f"{target.alias}: {probes.unanswered} of {probes.requests} strangers' requests were not answered."
            self._run.emit(Finding("probes-unanswered", "warning", detail))
        unreachable = any(judged.verdict == "UNREACHABLE" for judged in exposed)
        summary = self._report.aliases.get(target.alias)
        if summary is not None:
            report_denied_references(self._run, target, self._settings, summary, unreachable=unreachable)
        if exposed:
            mending = Mending(self._run, target, as_provider(reading), probes, self._wishes.allow_public)
            mending.mend(exposed, lambda: self._journal.open(self._run))

    def _judge_bucket(self, target: Target, reading: BucketReading, intents: Intents, probes: Probes | None) -> None:
        """Who lists, and who writes: from the facts alone, but for a listing that was asked for."""
        facts, acl = as_provider(reading), acl_as_provider(reading)
        same = [self._intents(other) for other in self._targets if other.identity == target.identity]
        inside = any(each.hides for each in same)
        listable = list_access(facts, acl, private_inside=inside)
        for right, verdict in (("bucket-writable", write_access(facts, acl)), ("bucket-listable", listable)):
            if verdict.verdict != "OK":
                words = f"{right.replace('-', ' is ')} by strangers: {verdict.reason}"
                self._emit_right(target, intents, right, verdict, words)
        if probes is None:
            return
        seen = probes.listing()
        severity: Severity = "critical" if inside else "warning"
        if seen.readable and listable.access not in ("public", "conditional"):
            found = Verdict("EXPOSED", severity, "a stranger was given the list of keys")
            self._emit_right(target, intents, "bucket-listable", found, found.reason)
        elif not seen.answered:
            found = Verdict("UNKNOWN", "error", f"nobody answered who asked for the list of keys: {seen.error}")
            self._emit_right(target, intents, "bucket-listable", found, found.reason)

    def _emit_right(self, target: Target, intents: Intents, right: str, verdict: Verdict, reason: str) -> None:
        meant = intents.of("")
        judged = Judged(
            target.alias, "", meant.intent, meant.source, verdict.verdict, verdict.severity, reason, {"right": right},
            whole=True, count=0,
        )  # fmt: skip
        self._run.emit(replace(judged, accepted=self._accepts(judged)))


def undo_access(run: Run, settings: AccessSettings, aliases: tuple[str, ...], journal: Path) -> None:
    """Gives back the ACLs that a `--fix` has changed. Raises ConfigurationError where the journal can't be read."""
    targets = list(_targets(settings, aliases))
    undo(run, targets, journal)


class _JournalOnDemand:
    """A journal that is made once something is to be changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._journal: Journal | None = None

    def check(self) -> None:
        """Raises ConfigurationError where there is such a file already."""
        if self._path.exists():
            raise ConfigurationError(
                f"The journal {str(self._path)!r} is there already.", code="Journal",
                hint="name a new file with --journal",
            )  # fmt: skip

    def open(self, run: Run) -> Journal:
        """Raises ConfigurationError where it can't be made."""
        if self._journal is None:
            self._journal = Journal(self._path)
            run.emit(Finding("journal", "warning", f"The ACLs as they were are in {self._path}; --undo takes it."))
        return self._journal

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()


def _journal_path(settings: AccessSettings, run_id: str) -> Path:
    directory = settings.state_dir or default_directory() or Path()
    return directory / f"acls-{run_id}.jsonl"


def baseline(path: Path | None) -> Callable[[Judged], bool]:
    """Whether an earlier report has found the same, and as bad. Raises ConfigurationError.

    What could not be decided is never accepted.
    """
    if path is None:
        return lambda _: False
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        reports = (
            [json.loads(line) for line in lines]
            if len(lines) > 1 and '"type"' in lines[0]
            else [json.loads("\n".join(lines))]
        )
        items = [item for each in reports for item in each.get("items", [each])]
        known = {
            (item["alias"], item["key"], item["intent"], item["verdict"]): str(item["severity"])
            for item in items if "verdict" in item
        }  # fmt: skip
        if not any("schema" in each for each in reports):
            raise ValueError("it has no schema")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"The baseline {str(path)!r} is no report of s3_verify_acl: {error}.", code="Baseline",
            hint="write one with --format json -o FILE",
        ) from error  # fmt: skip

    def accepts(judged: Judged) -> bool:
        before = known.get((judged.alias, judged.key, judged.intent, judged.verdict))
        return before is not None and judged.verdict not in _UNDECIDED and as_bad_as(before, judged.severity)

    return accepts


def _targets(settings: AccessSettings, aliases: tuple[str, ...]) -> Iterator[Target]:
    configured = settings.storages
    found = aliases or [alias for alias, backend in find_backends(configured).items() if backend.s3_class]
    if not found:
        raise ConfigurationError(
            "No alias of STORAGES is on S3, so there is nothing to verify.", code="NotOnS3",
            hint="add an alias whose BACKEND is storages.backends.s3.S3Storage to STORAGES",
        )  # fmt: skip
    for alias in found:
        yield static_target_of(alias, configured)[0]


def _report_contradictions(run: Run, settings: AccessSettings, targets: list[Target]) -> None:
    places = []
    for target in targets:
        declared = settings.intent_for(target.alias) or ()
        facts = storage_facts(target, target.prefix + "s3sync.jpg")
        facts = replace(facts, serves_static=target.alias == settings.static_storage)
        for found in contradictions(facts, declared):
            level = "info" if found.severity == "info" else "warning"
            run.emit(Finding(f"intent-{found.id}", level, f"{target.alias}: {found.detail}."))
        places.append(Place(target.alias, target.identity, target.prefix, derive(facts).intent, declared))
    for conflict in conflicts(places):
        (one, other), (its, theirs) = conflict.aliases, conflict.intents
        where = conflict.prefix or "the whole bucket"
        run.emit(Finding("intent-overlap", "warning", (
            f"{one} ({its}) and {other} ({theirs}) both lie in {where}: what belongs to the inner location is judged "
            "as its own; give them locations apart."
        )))  # fmt: skip


def _report_unread(run: Run, target: Target, reading: BucketReading) -> None:
    for unread in reading.unread:
        answer = unread.code if unread.http is None else f"{unread.code}, HTTP {unread.http}"
        hint = f"needs {unread.action} on {target.bucket}" if unread.why == "denied" else unread.why
        level = "warning" if unread.why == "denied" else "info"
        run.emit(Finding("fact-unread", level, f"{unread.operation} on {target.bucket}: {answer} ({hint})."))


def _remote_error(target: Target, error: Exception) -> RemoteError:
    if isinstance(error, BrokenListing):
        return RemoteError("ListObjectsV2", target.bucket, code="BrokenListing", hint=f"{error}")
    trouble, operation = trouble_of(error), operation_of(error) or "ListObjectsV2"
    hint = hint_for(trouble, operation, target.bucket, target.prefix + "*") or trouble.message
    return RemoteError(operation, target.bucket, code=trouble.code, http=trouble.http, hint=hint)

"""`s3_verify_acl`, from settings to exit: is every object readable by exactly whom it should be?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import cast

from ..access import Place, conflicts, contradictions, derive, list_access, write_access
from ..core.events import Finding, Judged
from ..core.judged import AccessReport
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
from .access_wishes import AccessOptions, AccessSettings
from .alias_verification import HIDDEN, AliasVerification, Extent
from .intents import Intents
from .mend_access import Mending, undo
from .probes import Probes
from .providers import as_provider
from .run import Run
from .static_access import report_denied_references
from .targets import facts_of, foreign_names, static_target_of

Accepted = frozenset[tuple[str, str, str]]


def verify_access(run: Run, settings: AccessSettings, wishes: AccessOptions) -> None:
    """Judges each alias. Raises an S3SyncError where the run can't begin or go on; the rest is in the run's report."""
    report = cast("AccessReport", run.report)
    accepted = read_baseline(wishes.baseline)
    targets = list(_targets(settings, wishes.aliases))
    journal = _JournalOnDemand(wishes.journal or _journal_path(settings, report.run_id))
    _report_contradictions(run, settings, targets)
    readings: dict[str, BucketReading] = {}
    with ExitStack() as stack:
        stack.callback(journal.close)
        for target in targets:
            run.report.target = facts_of(target)
            calls = CallCounter(target.client)
            stack.callback(_count, report, calls)
            try:
                _verify(run, report, settings, wishes, target, readings, calls, accepted, journal)
            except (*REMOTE_ERRORS, BrokenListing) as error:
                raise _remote_error(target, error) from error
            if run.stopping:
                return


def _verify(
    run: Run, report: AccessReport, settings: AccessSettings, wishes: AccessOptions, target: Target,
    readings: dict[str, BucketReading], calls: CallCounter, accepted: Accepted, journal: _JournalOnDemand,
) -> None:  # fmt: skip
    if target.identity not in readings:
        reading = readings[target.identity] = read_bucket(target.client, target.bucket, is_aws=target.is_aws)
        _report_unread(run, target, reading)
        # Those to other services (the account's block, whose account it is) are not among the client's own.
        report.api_calls += max(0, reading.calls - sum(calls.counts.values()))
    reading = readings[target.identity]
    options = run.options
    scope = Scope(
        prefix=options.prefix, ignore=options.ignore, include=options.include,
        foreign=tuple(filter(None, foreign_names(target, settings.storages))),
    )  # fmt: skip
    intents = Intents(target, settings.intent_for(target.alias) or (), wishes.expect)
    probes = Probes(target, wishes.via)
    exposed: list[Judged] | None = [] if wishes.fix else None
    AliasVerification(
        run=run, report=report, target=target, facts=as_provider(reading), intents=intents, probes=probes, calls=calls,
        extent=Extent(
            scope=scope, every=wishes.every, sample=wishes.sample, probes=wishes.probes,
            engine=options.engine or settings.engine, workers=options.workers or settings.workers,
        ),
        accepted=accepted, exposed=exposed,
    ).verify()  # fmt: skip
    report_denied_references(run, target, settings, report.aliases[target.alias])
    if exposed:
        _mend(Mending(run, target, as_provider(reading), probes, wishes.allow_public), exposed, journal)
    _judge_bucket(run, target, reading, intents, probes if wishes.check_listing else None)


def undo_access(run: Run, settings: AccessSettings, aliases: tuple[str, ...], journal: Path) -> None:
    """Gives back the ACLs that a `--fix` has changed. Raises ConfigurationError where the journal can't be read."""
    targets = list(_targets(settings, aliases))
    undo(run, targets, journal)


def _mend(mending: Mending, exposed: list[Judged], journal: _JournalOnDemand) -> None:
    changes = list(mending.plan(exposed))
    if mending.run.options.dry_run:
        mending.rehearse(changes)
    elif any(change.acl is not None for change in changes):
        mending.carry_out(changes, journal.open(mending.run))
    else:
        mending.rehearse(changes)


class _JournalOnDemand:
    """A journal that is made once something is to be changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._journal: Journal | None = None

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


def read_baseline(path: Path | None) -> Accepted:
    """What an earlier report found, which is accepted from now on. Raises ConfigurationError."""
    if path is None:
        return frozenset()
    try:
        text = path.read_text(encoding="utf-8")
        try:
            items = json.loads(text)["items"]
        except json.JSONDecodeError:
            items = [json.loads(line) for line in text.splitlines() if line.strip()]
        return frozenset((item["alias"], item["key"], item["verdict"]) for item in items if "verdict" in item)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"The baseline {str(path)!r} is no report of s3_verify_acl: {error}.", code="Baseline",
            hint="write one with --format json -o FILE",
        ) from error  # fmt: skip


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
        facts = target.storage_facts(target.prefix + "s3sync.jpg")
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


def _judge_bucket(
    run: Run, target: Target, reading: BucketReading, intents: Intents, probes: Probes | None
) -> None:
    """Who lists, and who writes: from the facts alone, but for a listing that was asked for."""
    facts = as_provider(reading)
    meant = intents.of("")
    inside = meant.intent in HIDDEN
    for what, verdict in (
        ("bucket-writable", write_access(facts, reading.acl)),
        ("bucket-listable", list_access(facts, reading.acl, private_inside=inside)),
    ):
        if verdict.verdict in ("EXPOSED", "CONDITIONAL"):
            run.emit(Judged(
                target.alias, "", meant.intent, meant.source, verdict.verdict, verdict.severity,
                f"{what.replace('-', ' is ')} by strangers: {verdict.reason}", {"right": what}, whole=True, count=0,
            ))  # fmt: skip
    if probes is not None:
        seen = probes.listing()
        if seen.readable and list_access(facts, reading.acl).access not in ("public", "conditional"):
            run.emit(Judged(
                target.alias, "", meant.intent, meant.source, "EXPOSED", "critical" if inside else "warning",
                "a stranger was given the list of keys", {"right": "bucket-listable", "probe": seen.as_evidence()},
                whole=True, count=0,
            ))  # fmt: skip


def _count(report: AccessReport, calls: CallCounter) -> None:
    calls.close()
    report.requests.update(calls.counts)
    report.api_calls += sum(calls.counts.values())


def _remote_error(target: Target, error: Exception) -> RemoteError:
    if isinstance(error, BrokenListing):
        return RemoteError("ListObjectsV2", target.bucket, code="BrokenListing", hint=f"{error}")
    trouble, operation = trouble_of(error), operation_of(error) or "ListObjectsV2"
    hint = hint_for(trouble, operation, target.bucket, target.prefix + "*") or trouble.message
    return RemoteError(operation, target.bucket, code=trouble.code, http=trouble.http, hint=hint)


"""`s3_verify_media`, from settings to exit: whether everything that the database names is in its bucket.

The rows are read first, and then the buckets: an object is stored before the row that names it, so what the listing
lacks was missing. (Whether such a row has gone meanwhile, is asked once more.)
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

from django.apps import apps

from ..core.derived import SETTINGS, Derived, derived_by
from ..core.events import Finding, Verified
from ..core.media_report import Listed, MediaReport
from ..core.old_urls import OldUrls
from ..core.scope import Scope
from ..core.values import CASE, MISSING, NORMALIZATION, ORPHAN, SIZE, UNDECIDED, WRONG_STORAGE
from ..exceptions import ConfigurationError, RemoteError, S3SyncError
from ..local.ledger import Amiss, Ledger
from ..rows.columns import Model, find_models
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.listing import BrokenListing
from .media_listing import PlaceListing
from .media_places import Place, Places
from .media_rows import Rows
from .media_wishes import MediaOptions, MediaSettings
from .run import Run
from .targets import facts_of


def verify_media(run: Run, settings: MediaSettings, wishes: MediaOptions) -> None:
    """Holds the rows of all databases against the buckets of their fields' storages; changes nothing.

    Needs a `MediaReport` as the run's report, in which all is counted. Raises an S3SyncError where the run can't begin,
    or no bucket can be listed.
    """
    try:
        models = find_models(wishes.models)
    except (LookupError, ValueError) as error:
        raise ConfigurationError(
            f"There is no such model: {error}".rstrip("."), code="NoModel", hint="write --model app_label.ModelName"
        ) from error
    try:
        with closing(Ledger()) as ledger:
            _Verification(run, settings, wishes, ledger).verify_all(models)
    except sqlite3.Error as error:
        raise S3SyncError(
            f"The names don't fit on the disk ({error}).", code="DiskFull",
            hint="make room in the folder for temporary files, or name another one in TMPDIR and SQLITE_TMPDIR",
        ) from error  # fmt: skip


class _Verification:
    """One run."""

    def __init__(self, run: Run, settings: MediaSettings, wishes: MediaOptions, ledger: Ledger) -> None:
        self._run, self._settings, self._wishes, self._ledger = run, settings, wishes, ledger
        self._report = cast("MediaReport", run.report)
        self._places = Places(run, settings, wishes)
        options = run.options
        self._scope = Scope(prefix=options.prefix, ignore=options.ignore, include=options.include)
        self._rows = Rows(run, self._report, self._places, ledger, self._scope, wishes.databases)
        self._errors: list[S3SyncError] = []

    def verify_all(self, models: list[Model]) -> None:
        """Raises whatever stops it; then nothing counts as proven."""
        try:
            self._verify(models)
        except BaseException:
            self._report.give_up()
            raise

    def _verify(self, models: list[Model]) -> None:
        """Rows, texts, buckets; then what is amiss."""
        wishes, run = self._wishes, self._run
        run.ready()
        if wishes.orphans:
            self._places.media()
        self._rows.read(models)
        if wishes.bodies and not run.stopping:
            self._rows.read_bodies(models, self._old_urls())
        if wishes.orphans and not run.stopping:
            self._rows.read_other_names(models)
        if not self._report.fields:
            run.emit(Finding("no-fields", "warning", "No model has a field of files in these databases."))
        self._list_all()
        if run.stopping:
            self._report.coverage = "partial"
        self._settle()
        self._tell_of_beside()
        if wishes.orphans:
            self._tell_of_orphans()
        if self._errors and not any(place.listed for place in self._places.all):
            raise self._errors[0]

    def _old_urls(self) -> OldUrls:
        project = self._settings.project_settings(("MEDIA_URL", "ALLOWED_HOSTS"))
        media_url = str(project.get("MEDIA_URL") or "")
        usual = media_url if media_url.startswith("/") and media_url.strip("/") else "/media/"
        hosts = [host for host in project.get("ALLOWED_HOSTS", ()) if host != "*"]
        site = urlsplit(self._settings.site_origin or "").hostname
        return OldUrls(self._wishes.old_urls or (usual,), [*hosts, *([site] if site else [])])

    # Buckets

    def _list_all(self) -> None:
        derived = derived_by(
            {config.name for config in apps.get_app_configs()}, self._settings.project_settings(SETTINGS)
        )
        for place in sorted(self._places.all, key=lambda each: each.alias != self._places.media_alias):
            facts = facts_of(place.target)
            if not self._report.storages:
                self._report.target = replace(facts, alias=place.label)
            row = Listed(place.alias, place.label, facts.bucket or "", facts.prefix, facts.endpoint)
            self._report.storages.append(row)
            if self._wishes.orphans or self._ledger.is_wanted(place.number):
                self._list(place, row, derived)

    def _list(self, place: Place, row: Listed, derived: Derived) -> None:
        scope = replace(self._scope, foreign=self._places.foreign_in(place))
        listing = PlaceListing(
            run=self._run, report=self._report, ledger=self._ledger, place=place, scope=scope, derived=derived,
            min_age=self._wishes.min_age, row=row, engine=self._settings.engine,
        )  # fmt: skip
        try:
            if not self._run.stopping and listing.read():
                return
        except (*REMOTE_ERRORS, BrokenListing) as error:
            refused = _remote_error(place, error)
            self._errors.append(refused)
            self._report.undecided = True
            detail = f"{place.label}: {refused}" + (f" {_sentence(refused.hint)}" if refused.hint else "")
            self._run.emit(Finding("listing-refused", "error", detail))
        for number, count in self._ledger.withdraw(place.number).items():
            self._rows.fields[number].summary.verdicts[UNDECIDED] += count

    # What is amiss

    def _settle(self) -> None:
        for field in self._rows.fields:
            for batch in self._ledger.missing(field.number):
                gone = self._rows.gone(field, batch)
                self._ledger.forget(gone)
                field.summary.values -= len(gone)
                self._report.counts["scanned"] -= len(gone)
        listed = [place for place in self._places.all if place.listed]
        for place in listed:
            self._ledger.find_alike(place.number)
        for place in listed:
            for other in listed:
                if other is not place:
                    self._ledger.find_elsewhere(place.number, other.number, other.key_of)
        for amiss in self._ledger.amiss():
            self._run.emit(self._verified(amiss))

    def _verified(self, amiss: Amiss) -> Verified:
        field, place = self._rows.fields[amiss.field], self._places.all[amiss.place]
        return Verified(
            verdict=amiss.verdict, name=amiss.name, key=amiss.key, alias=place.alias, bucket=place.target.bucket,
            model=field.column.model, field=field.column.name, database=field.database, pk=amiss.pk, size=amiss.size,
            local_size=amiss.local_size, detail=self._detail(amiss),
        )  # fmt: skip

    def _detail(self, amiss: Amiss) -> str:
        if amiss.verdict == SIZE:
            return f"{amiss.size:,} bytes, its file {amiss.local_size:,}"
        if amiss.verdict == MISSING and amiss.local_size is not None:
            return "its file is here"
        if amiss.verdict in (NORMALIZATION, CASE):
            return f"there is {ascii(amiss.other) if amiss.verdict == NORMALIZATION else repr(amiss.other)}"
        if amiss.verdict == WRONG_STORAGE and amiss.other_place is not None:
            place, other = self._places.all[amiss.place], self._places.all[amiss.other_place]
            return f"not in {place.label}; {other.label} has {other.target.bucket}/{amiss.other}"
        return ""

    def _tell_of_beside(self) -> None:
        for each in self._report.fields.values():
            for verdict, words in _BESIDE.items():
                if count := each.verdicts[verdict]:
                    where = "; ".join(each.storages)
                    detail = f"{each.model}.{each.name}: {count:,} values {words} ({where}), and were not looked at."
                    self._run.emit(Finding(f"storage-{verdict}", "warning", detail))

    # Orphans

    def _tell_of_orphans(self) -> None:
        if not self._rows.is_whole:
            self._run.emit(Finding("orphans-untold", "warning", (
                "No orphans are named: not all rows could be read, and they may name any object."
            )))  # fmt: skip
            return
        for place in self._places.all:
            if "" in self._places.foreign_in(place):
                self._run.emit(Finding("orphans-shared", "warning", (
                    f"No orphans of {place.label} are named: in {place.where} are static files, or another alias's."
                )))  # fmt: skip
            elif place.listed:
                for key, size in self._ledger.orphans(place.number):
                    name = place.target.name_of(key)
                    self._run.emit(Verified(
                        verdict=ORPHAN, name=name, key=key, alias=place.alias, bucket=place.target.bucket, size=size,
                    ))  # fmt: skip


_BESIDE = {"local": "lie in a folder of their own", "elsewhere": "lie in another kind of storage"}


def _remote_error(place: Place, error: Any) -> S3SyncError:
    target = place.target
    if isinstance(error, BrokenListing):
        return RemoteError("ListObjectsV2", target.bucket, code="BrokenListing", hint=f"{error}")
    trouble, operation = trouble_of(error), operation_of(error) or "ListObjectsV2"
    hint = hint_for(trouble, operation, target.bucket, target.prefix + "*") or trouble.message
    return RemoteError(operation, target.bucket, code=trouble.code, http=trouble.http, hint=hint)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."

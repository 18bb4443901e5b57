"""`s3_doctor`, from settings to exit: what keeps a project from working on S3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from django.contrib.staticfiles.finders import get_finders
from django.core.files.storage import storages

from ..core.diagnosed import DoctorReport
from ..core.events import Diagnosis, Event, Finding
from ..core.report import Report
from ..doctor.addresses import OF_ADDRESSES
from ..doctor.facts import Examined, Site, StorageSeen
from ..doctor.reaching import without_client
from ..doctor.readers import OF_READERS
from ..doctor.way import OF_THE_WAY
from ..exceptions import ConfigurationError, S3SyncError
from ..media_setting import MediaEntry, media_aliases
from ..s3.calls import CallCounter
from ..s3.checkup import answer_of, in_haste
from ..s3.errors import REMOTE_ERRORS
from ..s3.options import find_backends
from ..s3.static_storage import without_manifest
from ..s3.target import Target
from ..storages.cutover import s3_alone
from .examination import examined
from .project_code import of_project
from .run import Progress, Run
from .static import lint_css
from .storages_seen import seen
from .targets import facts_of, static_target_of
from .trial import Around, is_development, tried
from .wishes import Css, StaticOptions

CHECKS = (*OF_THE_WAY, *OF_READERS, *OF_ADDRESSES)
"""In the order in which trouble is best mended: before one can get in, nothing else matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What `s3_doctor` was asked for."""

    aliases: tuple[str, ...] = ()
    """Empty: all that are on S3."""
    write: bool = False
    """Whether objects may be written, and deleted again."""


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media(self) -> tuple[MediaEntry, ...]: ...
    @property
    def media_storage(self) -> str: ...
    @property
    def static_storage(self) -> str: ...
    @property
    def static_url(self) -> str: ...
    @property
    def css(self) -> Css: ...
    @property
    def site_origin(self) -> str | None: ...
    @property
    def state_dir(self) -> Path | None: ...
    @property
    def engine(self) -> str: ...
    @property
    def workers(self) -> int | None: ...
    @property
    def storages(self) -> Mapping[str, Mapping[str, Any]]: ...
    def intent_for(self, alias: str) -> list[tuple[str, str]] | None: ...
    def project_settings(self, names: Iterable[str]) -> dict[str, Any]: ...


def examine(run: Run, settings: Settings, wishes: DoctorOptions) -> None:
    """Looks at the project, then at each bucket. Raises ConfigurationError where nothing is on S3."""
    for diagnosis in of_project(settings):
        run.emit(diagnosis)
    on_s3 = _on_s3(settings)
    for alias in wishes.aliases:
        if alias not in on_s3:
            static_target_of(alias, settings.storages)  # which tells why not
    found = wishes.aliases or on_s3
    if not found:
        raise ConfigurationError(
            "No alias of STORAGES is on S3, so only the project itself was looked at.", code="NotOnS3",
            hint="add an alias whose BACKEND is storages.backends.s3.S3Storage to STORAGES",
        )  # fmt: skip
    patients = {alias: patient for alias in on_s3 if (patient := _admitted(run, alias, settings, asked=alias in found))}
    site = _site(run, settings)
    for group in _by_bucket([patients[alias] for alias in found if alias in patients]).values():
        if run.stopping:
            return
        first = group[0].target
        run.report.target = facts_of(first)
        inside = [each for each in patients.values() if each.target.identity == first.identity]
        _examine_bucket(run, _Group(group, inside), site, settings if wishes.write else None)


@dataclass(frozen=True, slots=True)
class _Patient:
    """An alias whose storage can be made."""

    target: Target
    seen: StorageSeen
    live: Any
    """The storage as the site uses it."""


@dataclass(slots=True)
class _Group:
    """Storages in one bucket that share credentials."""

    patients: list[_Patient]
    inside: list[_Patient]
    """All whose objects are in the bucket."""

    @property
    def beside(self) -> list[StorageSeen]:
        """Those that are looked at in another group, or not at all."""
        return [each.seen for each in self.inside if each not in self.patients]

    def concerns(self, diagnosis: Diagnosis) -> bool:
        """Whether it is about one of these."""
        names = {patient.seen.alias for patient in self.patients}
        return not names.isdisjoint(diagnosis.alias.split(", "))


def _on_s3(settings: Settings) -> tuple[str, ...]:
    return tuple(alias for alias, backend in find_backends(settings.storages).items() if backend.s3_class)


def _admitted(run: Run, alias: str, settings: Settings, *, asked: bool) -> _Patient | None:
    """Nothing where the storage can't be made, and a diagnosis if that was asked for."""
    emit: Callable[[Diagnosis], None] = run.emit if asked else lambda _: None
    try:
        target = in_haste(static_target_of(alias, settings.storages)[0])
        live = s3_alone(without_manifest(settings.storages[alias]) or storages[alias])
        patient = _Patient(target, seen(target, settings, live), live)
    except ConfigurationError as error:
        hint = error.hint or f'correct STORAGES["{alias}"], or the AWS_* setting that is meant'
        emit(Diagnosis(
            "D00", "error", "storage", str(error), "nothing on it can be read or written", hint, alias,
        ))  # fmt: skip
    except (*REMOTE_ERRORS, ValueError) as error:
        has_options = "OPTIONS" in settings.storages[alias]
        emit(without_client(alias, answer_of(error, "HeadBucket", alias), has_options=has_options))
    else:
        place = f"{patient.seen.class_name}, {target.bucket}/{target.prefix}"
        emit(_unsendable(patient.seen) or Diagnosis("D00", "ok", "storage", place, alias=alias))
        return patient
    return None


def _unsendable(seen: StorageSeen) -> Diagnosis | None:
    """Parameters that stop each upload here already."""
    if not seen.unsendable:
        return None
    return Diagnosis(
        "D00", "error", "object-parameters", f"boto3 sends no such upload: {'; '.join(seen.unsendable)}",
        "each upload fails", f'correct these in object_parameters in OPTIONS of STORAGES["{seen.alias}"], or in '
        "AWS_S3_OBJECT_PARAMETERS: names are those of PutObject (CacheControl, ContentDisposition), values strings",
        seen.alias,
    )  # fmt: skip


def _by_bucket(patients: list[_Patient]) -> dict[str, list[_Patient]]:
    """Storages that share a bucket and the credentials for it are looked at together."""
    groups: dict[str, list[_Patient]] = {}
    for patient in patients:
        label = f"{patient.target.identity} {patient.target.storage.access_key}"
        groups.setdefault(label, []).append(patient)
    return groups


def _examine_bucket(run: Run, group: _Group, site: Site, for_trials: Settings | None) -> None:
    report = cast("DoctorReport", run.report)
    counters = [CallCounter(patient.target.client) for patient in group.patients]
    try:
        targets, storages_seen = zip(*((patient.target, patient.seen) for patient in group.patients), strict=True)
        facts = examined(targets, storages_seen, site, group.beside)
        trials = for_trials if facts.bucket is not None else None
        said: list[Diagnosis] = []
        guessed: list[Diagnosis] = []
        for diagnosis in filter(group.concerns, judged(facts)):
            # What the server makes of boto3's checksums is about to be tried.
            (guessed if trials is not None and diagnosis.id == "D26" else said).append(diagnosis)
        for diagnosis in said:
            run.emit(diagnosis)
        if trials is not None:
            for patient in group.patients:
                if patient.seen.unsendable:
                    continue  # no upload leaves this machine
                guesses = [guess for guess in guessed if guess.alias == patient.seen.alias]
                _try(run, patient, facts, trials, said, guesses)
    finally:
        for counter in counters:
            counter.close()
            report.requests.update(counter.counts)
            report.api_calls += sum(counter.counts.values())


def _try(
    run: Run, patient: _Patient, facts: Examined, settings: Settings, said: list[Diagnosis], guesses: list[Diagnosis]
) -> None:  # fmt: skip
    """A round trip of one storage; what was guessed is told if that has not settled it."""
    debug = bool(settings.project_settings(["DEBUG"]).get("DEBUG"))
    around = Around(
        live=patient.live, known=said, state_dir=settings.state_dir,
        development=is_development(facts.site.origin, debug=debug),
    )  # fmt: skip
    ids = set()
    for diagnosis in tried(run, patient.target, patient.seen, facts, around):
        ids.add(diagnosis.id)
        run.emit(diagnosis)
    for guess in guesses:
        if guess.id not in ids:
            run.emit(guess)


def judged(facts: Examined) -> Iterator[Diagnosis]:
    """What all checks say."""
    for check in CHECKS:
        yield from check(facts)


def _site(run: Run, settings: Settings) -> Site:
    urls = settings.project_settings(["MEDIA_URL"])
    return Site(
        origin=settings.site_origin, static_url=settings.static_url, media_url=str(urls.get("MEDIA_URL") or ""),
        static_alias=settings.static_storage, media_alias=_media_alias(settings),
        needs_cors=_needing_cors(run, settings),
    )  # fmt: skip


def _media_alias(settings: Settings) -> str:
    """Where uploads go that MEDIA_URL was about."""
    try:
        aliases = media_aliases(settings)
    except ConfigurationError:  # what has a check of its own
        return settings.media_storage
    return settings.media_storage if settings.media_storage in aliases else aliases[0]


def _needing_cors(run: Run, settings: Settings) -> tuple[str, ...] | None:
    """What the stylesheets refer to that browsers fetch by CORS only; None if nobody can tell."""
    watcher = _Noting()
    aside = Run(run.options, Report(
        command="", version="", run_id="", started="", target=run.report.target
    ), watcher, interrupted=run.interrupted)  # fmt: skip
    try:
        lint_css(aside, settings, StaticOptions(), alias=None)
    except (S3SyncError, OSError):
        return None
    modules = (name for finder in get_finders() for name, _ in finder.list([]) if name.endswith(".mjs"))
    return (*watcher.found, *(f"{name}: it is a module" for name in modules))


@dataclass(slots=True)
class _Noting:
    """Keeps the findings about CORS."""

    found: list[str] = field(default_factory=list)

    def saw(self, event: Event) -> None:
        if isinstance(event, Finding) and event.id == "css-needs-cors":
            self.found.append(f"{event.name}: {event.detail}")

    def moved(self, progress: Progress) -> None:
        """Nobody looks."""

"""`s3_doctor --write`: a small object goes there and back, in each way in which a storage's objects do."""

from __future__ import annotations

import gzip
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from ..core.diagnosed import DoctorReport
from ..core.events import Diagnosis
from ..core.scope import HIDDEN
from ..doctor.facts import Examined, StorageSeen
from ..doctor.trial import Asked, Left, Trial, Way, of_left, of_trial
from ..doctor.trial_address import Address, Visit, is_internal
from ..local.state import State, default_directory
from ..s3.addresses import exact_url
from ..s3.calls import CallCounter
from ..s3.conditions import Conditions, Enforcement
from ..s3.errors import REMOTE_ERRORS, trouble_of
from ..s3.probe import Stranger
from ..s3.target import Target
from ..s3.trial import (
    Sample,
    config_for,
    deleted,
    put_without_acl,
    sample_of,
    saved_by_site,
    sent_by,
    with_when_required,
)
from ..s3.trial_conditions import Asking
from ..s3.trial_removal import Shelf
from ..signals import second_signal_raised
from .intents import Intents
from .remembered import recall, remember
from .run import Run

PROBES = HIDDEN + "doctor-"
"""What the names of these objects begin with: no other command sees anything under `.s3sync/`."""
_ENGINES = ("boto3", "fast")
_SIGNED = ("X-Amz-Signature=", "Signature=", "Key-Pair-Id=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a trial has to know besides the target and the facts."""

    live: Any
    """The storage as the site uses it, with boto3's own checksums."""
    known: Sequence[Diagnosis] = ()
    """What the checks have said."""
    state_dir: Path | None = None
    development: bool = False
    """Whether the site runs on a host that only its developer reaches."""


class _Stopped(Exception):
    """The run is to end."""


def tried(run: Run, target: Target, seen: StorageSeen, facts: Examined, around: Around) -> Iterator[Diagnosis]:
    """What came of it. Nothing is left behind; what can't be taken away again is named."""
    if run.stopping:
        return
    trial = _Tried(run, target, seen, around)
    outcome = trial.run_all()
    known = {each.id for each in around.known if each.verdict == "error" and seen.alias in each.alias.split(", ")}
    if outcome is not None:
        yield from of_trial(outcome, seen, facts, known)


@dataclass(slots=True)
class _Tried:
    """One trial; `run_all` may be called once."""

    run: Run
    target: Target
    seen: StorageSeen
    around: Around
    _token: str = field(default_factory=lambda: secrets.token_hex(8))
    _shelf: Shelf = field(init=False)
    _noted: list[str] = field(default_factory=list)
    """Keys that the site's own upload has written."""
    _found: Trial = field(init=False)

    def __post_init__(self) -> None:
        self._shelf = Shelf(self.target)
        self._found = Trial(bucket=self.target.bucket, pattern=f"{self.target.prefix}{PROBES}*")

    def run_all(self) -> Trial | None:
        """None if the run was told to end meanwhile."""
        calls, live = CallCounter(self.target.client), self._live_counter()
        with second_signal_raised() as undoing, tempfile.TemporaryDirectory(prefix="s3sync-") as folder:
            try:
                self._go(folder, calls)
            except _Stopped:
                return None
            finally:
                undoing.begun = True
                left = self._clear()
                self._count(live)
                calls.close()
                self._tell(left, ordered=undoing.order is not None)
        return self._found

    def _go(self, folder: str, calls: CallCounter) -> None:
        try:
            *ours, site = (self._sample(way, folder) for way in (*_ENGINES, "site"))
        except Exception as error:  # noqa: BLE001  the storage's own code may raise anything
            self._found = replace(self._found, own_code=_words(error))
            return
        if self._before(site):
            return
        self._shelf.keys += [ours[0].key, site.key]
        last = self._put_by_engines(ours, calls)
        if last is None:
            return
        self._save(site)
        self._step()
        self._found = replace(self._found, address=self._address(last))
        self._step()
        asked = self._ask(last)
        self._step()
        answers = [deleted(self.target, sample) for sample in (last, site)]
        self._found = replace(
            self._found, asked=asked, deleted=next((each for each in answers if not each.well), answers[0])
        )

    def _sample(self, way: str, folder: str) -> Sample:
        """Both engines write under one key; the content tells whose it is. A style sheet, so that gzip is tried."""
        raw = f"/* s3sync: s3_doctor --write tries {way}, {self._token}; é. It may be deleted. */\r\n\r\n".encode()
        path = Path(folder) / f"{way}.css"
        path.write_bytes(raw)
        suffix = "-site" if way == "site" else ""
        return sample_of(self.target, f"{PROBES}{self._token}{suffix}.css", raw, str(path))

    def _before(self, sample: Sample) -> bool:
        """Whether nothing is to be written; takes away what runs that were killed have left."""
        try:
            refused = self._shelf.why_not(sample.key)
        except REMOTE_ERRORS:
            refused = None  # the first upload meets the same, and tells
        self._step()
        removed = 0
        if refused is None and self.target.has_plain_keys:
            removed = self._shelf.leftovers(self.target.prefix + PROBES)
        self._found = replace(
            self._found, refused=refused, removed=removed, versioned=self._shelf.versioned is not False
        )
        return refused is not None

    def _put_by_engines(self, samples: Sequence[Sample], calls: CallCounter) -> Sample | None:
        """What is there then; None if it is refused."""
        last = None
        for engine, sample in zip(_ENGINES, samples, strict=True):
            self._step()
            way = sent_by(engine, self.target, sample, calls, self.run.is_interrupted)
            self._step()
            self._add(way)
            if way.put is not None and not (way.put.well and (way.get is None or way.get.well)):
                self._look_at_acl(sample, way)
                return None
            last = sample if way.put is not None else last
        return last

    def _look_at_acl(self, sample: Sample, way: Way) -> None:
        denied = way.put is not None and way.put.http == 403
        if denied and any(name == "ACL" or name.startswith("Grant") for name in sample.parameters.params):
            self._found = replace(self._found, without_acl=put_without_acl(self.target, sample))

    def _save(self, sample: Sample) -> None:
        way = saved_by_site(self.around.live, self.target, sample, self._noted)
        failed = way.put is not None and not (way.put.well and way.get is not None and way.get.well)
        other = with_when_required(self.around.live, self.target) if failed else None
        self._add(way)
        if other is not None:
            self._step()
            again = saved_by_site(other, self.target, sample, self._noted)
            self._found = replace(
                self._found, when_required=again.put if again.get is None else again.get,
                config=config_for(self.around.live),
            )  # fmt: skip
        strangers = tuple(dict.fromkeys(key for key in self._noted if self._token not in key))
        self._found = replace(self._found, others=strangers)

    def _add(self, way: Way) -> None:
        self._found = replace(self._found, ways=(*self._found.ways, way))

    def _address(self, sample: Sample) -> Address:
        storage = self.around.live
        intent = Intents(self.target, self.seen.declared).of(sample.name).intent
        try:
            url = exact_url(storage, sample.name)
        except Exception as error:  # noqa: BLE001  the storage's own code may raise anything
            return Address(url="", intent=intent, trouble=_words(error))
        bare, _, query = url.partition("?")
        if not urlsplit(url).netloc:
            return Address(url=bare, intent=intent, development=True)
        signed = any(mark in query for mark in _SIGNED)
        visit = self._visitor(sample)
        return Address(
            url=bare, intent=intent, signed=signed, by_version_2="AWSAccessKeyId=" in query,
            by_cdn=bool(storage.custom_domain), as_given=visit(url), bare=visit(bare) if signed else None,
            development=self.around.development,
        )  # fmt: skip

    def _visitor(self, sample: Sample) -> Callable[[str], Visit]:
        stranger = Stranger(getattr(self.target.storage, "verify", None))

        def visit(url: str) -> Visit:
            fetched, body = stranger.fetch_content(url)
            return Visit(
                status=fetched.status, code=fetched.code, error=fetched.error, readable=fetched.is_readable,
                same=fetched.is_readable and (self.target.saves_itself or _plain(body) == sample.raw),
            )  # fmt: skip

        return visit

    def _ask(self, sample: Sample) -> Asked:
        if self.target.saves_itself:
            return Asked(why_not=f"{self.seen.class_name} saves in its own way")
        asked = Asking(self.target, sample, self._shelf.uploads, lambda: self.run.stopping).asked()
        return replace(asked, remembered=self._remember(asked))

    def _remember(self, asked: Asked) -> bool:
        """Whether a push from here will not have to prove anything again."""
        if asked.enforcement not in (Enforcement.ENFORCED.value, Enforcement.IGNORED.value, Enforcement.REFUSED.value):
            return False
        troubles: list[str] = []
        state = State(
            self.around.state_dir or default_directory(), root="", target=self.target.identity,
            variant=self.target.variant, warn=troubles.append,
        )  # fmt: skip
        conditions, etags_are_md5 = Conditions(), self.target.etags_are_md5
        with closing(state):
            recall(state, self.target, conditions)
            self.target.etags_are_md5 = etags_are_md5
            conditions.enforcement = Enforcement(asked.enforcement)
            if asked.form in ("quoted", "bare"):
                conditions.bare_etags = asked.form == "bare"
            remember(state, self.target, conditions)
        return not troubles

    def _step(self) -> None:
        if self.run.stopping:
            raise _Stopped

    def _clear(self) -> list[Left]:
        self._shelf.keys += [key for key in self._noted if self._token in key and key not in self._shelf.keys]
        return self._shelf.clear()

    def _tell(self, left: list[Left], *, ordered: bool) -> None:
        for diagnosis in of_left(left, self.seen, self.target.bucket):
            if ordered:  # there is going to be no report
                sys.stderr.write(f"{diagnosis.seen}\n{diagnosis.fix}\n")
            self.run.emit(diagnosis)

    def _live_counter(self) -> CallCounter | None:
        """Of the site's own client, where that is another one."""
        with suppress(Exception):  # a client that can't be made: the storage is about to say so
            client = self.around.live.bucket.meta.client
            return CallCounter(client) if client is not self.target.client else None
        return None

    def _count(self, live: CallCounter | None) -> None:
        """What the caller's counter does not see."""
        report = cast("DoctorReport", self.run.report)
        counts = Counter({"PutObject": sum(way.name == "fast" and way.put is not None for way in self._found.ways)})
        if live is not None:
            live.close()
            counts += live.counts
        report.requests.update(+counts)
        report.api_calls += counts.total()


def is_development(origin: str | None, *, debug: bool) -> bool:
    """Whether the site itself is where only its developer is."""
    return debug or origin is None or is_internal(urlsplit(origin).hostname or "")


def _words(error: Exception) -> str:
    """What the project's own code has raised, without secrets."""
    trouble = trouble_of(error)
    return f"{trouble.code}: {trouble.message}"


def _plain(body: bytes) -> bytes:
    """Without the compression that a CDN may have undone."""
    try:
        return gzip.decompress(body)
    except (OSError, EOFError):
        return body

"""What is on its way to where everybody can read: secrets stay here, pages and scripts are named."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..access.intent import StorageFacts, is_meant_public
from ..core.comparison import Action, Reason
from ..core.contents import HEAD, is_active, secret_in
from ..core.events import Finding, Outcome, Result
from ..core.hosts import is_same_site
from ..core.objects import LocalFile
from ..core.scope import is_secret
from ..local import reading
from ..s3.addresses import exact_url
from ..s3.target import Target
from ..s3.told import storage_facts
from .jobs import Executor, Job
from .run import Run

_NAMED = 3


@dataclass(slots=True)
class Publicity:
    """Whether everybody may come to read an object. Used by one thread."""

    target: Target
    intent: Sequence[tuple[str, str]] | None
    """What `S3SYNC["INTENT"]` says of this alias."""
    _facts: StorageFacts | None = None
    """Of all keys, where the storage's class does not decide by key."""
    _always: bool | None = None
    """The answer for all names, where there is but one."""

    def covers(self, key: str, name: str) -> bool:
        """Raises what the storage's own methods raise."""
        if self._always is not None:
            return self._always
        facts = self._facts
        if facts is None:
            facts = storage_facts(self.target, key)
            if not self.target.decides_by_key:
                self._facts = facts
        public = is_meant_public(facts, self.intent, name)
        if self._facts is not None and not self.intent:
            self._always = public
        return public


def publishes_secret(publicity: Publicity, allowed: frozenset[str], key: str, name: str) -> bool:
    """Whether a file's name tells of a secret, and everybody may come to read what is stored under this key."""
    return is_secret(name) and name not in allowed and publicity.covers(key, name)


def held_secret(file: LocalFile, allowed: frozenset[str]) -> str | None:
    """What a file holds that is not for everybody, in words; None for nothing, and for what is allowed by its name."""
    return None if file.name in allowed else _in_words(secret_in(reading.head(file, HEAD)))


def _in_words(found: str | None) -> str | None:
    return found and f"it holds {found}"


@dataclass(slots=True)
class Guard:
    """An executor before another one, which it hands on what may go.

    A name has been looked at before (`publishes_secret`); here it is the content, of that alone which is to be sent.
    """

    inner: Executor
    run: Run
    publicity: Publicity
    site: str | None = None
    """The site's host, where objects that browsers run are to be named."""
    _active: list[str] = field(default_factory=list)
    _active_count: int = 0

    @property
    def minds_unchanged(self) -> bool:
        """Not for its own sake."""
        return self.inner.minds_unchanged

    def act(self, job: Job) -> None:
        """Raises nothing: a file that can't be read is the inner one's business."""
        if job.decision.action is Action.UPLOAD and self.publicity.covers(job.key, job.pair.file.name):
            name = job.pair.file.name
            if name not in self.run.options.allow_secret:
                job, head = self._looked_into(job)
                detail = _in_words(secret_in(head))
                if detail is not None:
                    self.run.emit(Outcome(name, job.key, Action.SKIP, Result.SKIPPED, Reason.SECRET, detail=detail))
                    return
            self._note_active(job)
        self.inner.act(job)

    def ease(self) -> None:
        """Waits while too much is under way."""
        self.inner.ease()

    def finish(self) -> None:
        """Names what browsers would run."""
        self.inner.finish()
        if self._active:
            more = f" and {self._active_count - _NAMED:,} more" if self._active_count > _NAMED else ""
            self.run.emit(Finding("media-active", "warning", (
                f"{', '.join(self._active)}{more}: browsers run such files when they are opened by their address, "
                "which is on the site's own domain: whoever uploaded them acts as the visitor. Let object_parameters "
                'give them "ContentDisposition": "attachment", or serve media from another domain.'
            )))  # fmt: skip
            self._active = []

    def close(self) -> None:
        """Ends threads and connections."""
        self.inner.close()

    def _looked_into(self, job: Job) -> tuple[Job, bytes]:
        """The file's beginning; and the job with all of a small file, so that what is sent is what was looked at."""
        file, read = job.pair.file, None
        if file.size <= reading.AT_ONCE and job.rendering.render is None and not self.run.options.dry_run:
            with contextlib.suppress(OSError, reading.NotRegular):
                read = reading.read_at_once(file, reading.AT_ONCE, hashed=False)
        if read is None or read.data is None:
            return job, reading.head(file, HEAD)
        return job._replace(read=read), read.data[:HEAD]

    def _note_active(self, job: Job) -> None:
        if self.site is None:
            return
        params = job.rendering.parameters.params
        kept = str(params.get("ContentDisposition", "")).lower().startswith("attachment")
        if kept or not is_active(str(params.get("ContentType", ""))):
            return
        if not self._active_count and not self._is_on_site(job.pair.file.name):
            self.site = None  # and so are all the others
            return
        self._active_count += 1
        if len(self._active) < _NAMED:
            self._active.append(job.pair.file.name)

    def _is_on_site(self, name: str) -> bool:
        try:
            host = urlsplit(exact_url(self.publicity.target.storage, name)).hostname or ""
        except Exception:  # noqa: BLE001  the user's own code
            return False
        return self.site is not None and is_same_site(host, self.site)

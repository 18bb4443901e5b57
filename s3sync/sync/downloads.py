"""Carries out what a pull has decided: fetches objects, puts them in place, and records what is here now."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from ..core.comparison import Action, Reason
from ..core.events import Failure, Outcome, Result, Stopped
from ..core.objects import Fingerprint, Known, LocalFile, RemoteObject
from ..core.pulling import PullReport
from ..local import reading
from ..local.obstacles import InTheWay
from ..local.placing import FULL, Destination
from ..local.segments import Segments
from ..local.state import State
from ..s3.downloader import WINDOW_BYTES, Downloader
from ..s3.errors import DOWN, NO_RETRY_MENDS, Trouble
from ..s3.fetching import SEGMENT, Delivery, Fetched, Get, Gone, Got, Missed, Moved
from ..s3.reads import opens_itself, read_parameters
from ..s3.target import Rendering, Target
from .arrivals import Arrivals, Damaged, NotGzip, Occupied, Placed, Same
from .desk import Desk
from .failures import remote_failure, storage_failure
from .run import Run

_TRIES = 3
_WRITERS = 4
_BATCH = 16
_MANY = 64
_SETTLED = 2.5
"""Seconds after which a file's stat tells of the next change (`State.remember_fingerprint`)."""


@dataclass(slots=True)
class Ticket:
    """What a download has to remember."""

    obj: RemoteObject
    name: str
    seen: LocalFile | None
    """The file that it is to replace."""
    reason: Reason | None
    rendering: Rendering
    tries: int = 0
    md5: str | None = None
    """Of bytes that came before, and did not have the object's ETag."""


@dataclass(slots=True)
class Downloads:
    """`fetch` and everything else is called by the run's own thread."""

    run: Run
    report: PullReport
    target: Target
    state: State
    desk: Desk
    destination: Destination
    make_downloader: Callable[..., Downloader]
    downloader: Downloader = field(init=False)
    _writers: ThreadPoolExecutor = field(init=False)
    _arrivals: Arrivals = field(init=False)
    _opens_itself: bool = False
    _writing: int = 0
    _came: list[Got] = field(default_factory=list)
    _young: deque[tuple[float, LocalFile, str, Fingerprint]] = field(default_factory=deque)
    _held: int = 0
    """Bytes of objects that have come and are not written yet."""
    _streamed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._opens_itself = opens_itself(self.target)
        deliver = partial(self.desk.post, self._completed)
        self.downloader = self.make_downloader(deliver=deliver, progress=self._received)
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="s3sync-write")
        self._arrivals = Arrivals(self.target, self.destination, self.run.is_interrupted)

    @property
    def minds_unchanged(self) -> bool:
        """Whether it has to hear of files that are as they should be."""
        return self.run.details

    def fetch(
        self, obj: RemoteObject, name: str, seen: LocalFile | None, reason: Reason | None, rendering: Rendering
    ) -> None:
        """Takes one object that is to come here."""
        self.report.decided(existed=seen is not None, size=obj.size)
        progress = self.run.progress
        progress.files += 1
        progress.bytes += obj.size
        if self.run.stopping:
            self.report.counts["not_tried"] += 1
            return
        self._begin(Ticket(obj, name, seen, reason, rendering))

    def ease(self) -> None:
        """Waits while as much is under way as the window allows."""
        while (self.downloader.full or self._held >= WINDOW_BYTES) and self._work():
            pass

    def finish(self) -> None:
        """Waits until nothing is under way; a run that has to stop leaves large objects for the next one."""
        cancelled = False
        while self.downloader.count or self._writing or self._came:
            if self.run.stopping and not cancelled:
                cancelled = True
                self.downloader.cancel()
            self._work()
        self._remember_settled()

    def close(self) -> None:
        """Ends threads and connections."""
        self.downloader.close()
        self._writers.shutdown(wait=True, cancel_futures=True)

    def _work(self) -> bool:
        if self.downloader.count >= _MANY:
            self.desk.gather(_MANY // 2, 0.02)
        self.desk.work(0.2)
        self._write_what_came()
        self._remember_settled()
        with self._lock:
            streamed, self._streamed = self._streamed, 0
        self.run.progress.bytes_done += streamed
        self.run.watcher.moved(self.run.progress)
        return bool(self.downloader.count or self._writing or self._came)

    def _received(self, amount: int) -> None:
        """Some bytes of a large object; in a worker."""
        with self._lock:
            self._streamed += amount

    def _begin(self, ticket: Ticket, *, again: bool = False) -> None:
        obj, destination = ticket.obj, self.destination
        unfinished = destination.unfinished(obj.key, obj.etag)
        sink = None
        if obj.size > SEGMENT and not self._opens_itself:
            sink = Segments(destination=destination, name=unfinished, size=obj.size, length=SEGMENT)
        spool = partial(destination.write, unfinished)
        try:
            extra = read_parameters(self.target, obj.key)
        except Exception as error:  # noqa: BLE001  a storage's own methods may raise anything
            self._fail(ticket, storage_failure(self.target.storage, error))
            return
        self.downloader.submit(Get(obj, ticket.name, extra, sink, spool, ticket, again))

    def _completed(self, delivery: Delivery) -> None:
        result = self.downloader.settle(delivery)
        if isinstance(result, Got):
            self.run.upload_succeeded()
            self._came.append(result)
            self._held += result.get.obj.size
            if len(self._came) >= _BATCH:
                self._write_what_came()
        elif result is not None:
            self._came_not(result)

    def _came_not(self, result: Fetched) -> None:
        ticket: Ticket = result.get.ticket
        if result.get.sink is not None:
            result.get.sink.close()
        if isinstance(result, (Gone, Moved)):
            self.destination.discard(self.destination.unfinished(ticket.obj.key, ticket.obj.etag))
        if isinstance(result, Gone):
            self._emit(ticket, Action.SKIP, Result.SKIPPED, Reason.VANISHED)
        elif isinstance(result, Moved):
            self._again(replace(ticket, obj=result.obj, md5=None))
        elif isinstance(result, Missed):
            self._missed(ticket, result)

    def _missed(self, ticket: Ticket, missed: Missed) -> None:
        if missed.code == "Cancelled":
            self.report.counts["not_tried"] += 1
        elif missed.local is not None:
            self._refused_here(ticket, missed.local)
        else:
            trouble = Trouble(missed.code, missed.http, missed.message)
            down = missed.code in DOWN
            self.run.upload_failed(
                missed.code, mendable=missed.code not in NO_RETRY_MENDS | DOWN, down=down, what="downloads"
            )
            self._fail(ticket, remote_failure(trouble, "GetObject", self.target.bucket, self.target.prefix + "*"))

    def _again(self, ticket: Ticket, *, again: bool = False) -> None:
        ticket.tries += 1
        if self.run.stopping:
            self.report.counts["not_tried"] += 1
        elif ticket.tries < _TRIES:
            self._begin(ticket, again=again)
        else:
            self._fail(ticket, Failure(
                "ObjectChanged", hint="it was replaced each time it was read: pull again later",
                message="changed three times while it was read",
            ))  # fmt: skip

    # Putting in place

    def _write_what_came(self) -> None:
        while self._came:
            batch, self._came = self._came[:_BATCH], self._came[_BATCH:]
            self._writing += 1
            self._writers.submit(self._write, batch)

    def _write(self, batch: list[Got]) -> None:
        """In a worker."""
        self.desk.post(self._written, [(got.get.ticket, self._arrivals.settle(got)) for got in batch])

    def _written(self, results: list[tuple[Ticket, Placed | Exception]]) -> None:
        self._writing -= 1
        for ticket, result in results:
            self._held -= ticket.obj.size
            if isinstance(result, Placed):
                self._placed(ticket, result)
            else:
                self._not_placed(ticket, result)

    def _placed(self, ticket: Ticket, placed: Placed) -> None:
        obj = ticket.obj
        if placed.fingerprint is not None:
            self.state.remember_known(obj.key, Known(obj.etag, obj.size, placed.fingerprint))
            self._young.append((time.monotonic(), placed.file, ticket.rendering.encoding, placed.fingerprint))
        if placed.etag_is_no_md5:
            self.target.etags_are_md5 = False
        self._progressed(ticket)
        if self.run.wants_uploads:
            self._emit(ticket, Action.DOWNLOAD, Result.DONE, ticket.reason)
        else:
            self.report.counts["downloaded"] += 1
            self.report.received_bytes += obj.size

    def _not_placed(self, ticket: Ticket, error: Exception) -> None:
        if isinstance(error, Same):
            self.state.remember_known(ticket.obj.key, Known(ticket.obj.etag, ticket.obj.size, error.fingerprint))
            self._progressed(ticket)
            self._emit(ticket, Action.NONE, Result.SKIPPED)
        elif isinstance(error, Occupied):
            self._progressed(ticket)
            self._emit(ticket, Action.CONFLICT, Result.SKIPPED, Reason.NEWER)
        elif isinstance(error, Damaged) and ticket.md5 is None:
            self._again(replace(ticket, md5=error.md5), again=True)
        elif isinstance(error, Damaged):
            self._fail(ticket, Failure("BadDigest", hint=(
                "the bytes that came are not those that the ETag stands for: look at the object, and at what stands "
                "between here and the server"
            ), message=str(error)))  # fmt: skip
        elif isinstance(error, InTheWay):
            self._fail(ticket, obstructed(error))
        elif isinstance(error, NotGzip):
            self._fail(ticket, Failure(
                "NotGzip", hint="store it anew: the site itself can't open it either",
                message=f"it is stored with Content-Encoding gzip, but is none: {error}",
            ))  # fmt: skip
        elif isinstance(error, reading.Interrupted):
            self.report.counts["not_tried"] += 1
        elif isinstance(error, OSError):
            self._refused_here(ticket, error)
        else:
            self._fail(ticket, Failure(type(error).__name__, message=str(error)))

    def _refused_here(self, ticket: Ticket, error: OSError) -> None:
        """This machine's trouble. A full disk ends the run: nothing else would fit."""
        reason = str(error.strerror or error)
        if error.errno in FULL:
            self._fail(ticket, Failure("DiskFull", hint=(
                f"make room in {self.destination.root}, or raise the quota or the limit, and pull again: what is here "
                "stays"
            ), message=reason))  # fmt: skip
            self.run.stop(Stopped("errors", f"nothing more fits into {self.destination.root} ({reason})"))
        else:
            self._fail(ticket, Failure(
                "Unwritable", hint="check the permissions of the folder for the user that runs this command",
                message=reason,
            ))  # fmt: skip

    def _fail(self, ticket: Ticket, failure: Failure) -> None:
        self.run.progress.files_done += 1
        self._emit(ticket, Action.DOWNLOAD, Result.FAILED, ticket.reason, failure)

    def _emit(
        self, ticket: Ticket, action: Action, result: Result, reason: Reason | None = None,
        failure: Failure | None = None,
    ) -> None:  # fmt: skip
        self.run.emit(Outcome(
            ticket.name, ticket.obj.key, action, result, reason, ticket.obj.size, failure,
            existed=ticket.seen is not None,
        ))  # fmt: skip

    def _progressed(self, ticket: Ticket) -> None:
        self.run.progress.files_done += 1
        if ticket.obj.size <= SEGMENT:
            self.run.progress.bytes_done += ticket.obj.size

    def _remember_settled(self) -> None:
        """Fingerprints of files that are old enough by now for their stat to tell of a change."""
        for file, encoding, fingerprint in self._settled():
            if reading.is_untouched(file):
                self.state.remember_fingerprint(file, encoding, fingerprint)

    def _settled(self) -> Iterator[tuple[LocalFile, str, Fingerprint]]:
        due = time.monotonic() - _SETTLED
        while self._young and self._young[0][0] < due:
            yield self._young.popleft()[1:]


def obstructed(error: InTheWay) -> Failure:
    """Something else has the name that a file was to get."""
    hint = "move it away, pull to another folder by --to, or leave the name out with --ignore"
    if error.code == "NameCollision":
        hint = "this folder takes both for one name: rename one of the objects, or pull to another file system by --to"
    return Failure(error.code, hint=hint, message=str(error))

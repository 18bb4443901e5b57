"""Walks both sides at once, gets the facts that the rules ask for, and hands each decision on."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from ..core.comparison import NEED_HEAD, Action, Compare, Decision, Need, Pair, Reason, Rules, decide
from ..core.events import Failure, Finding, Outcome, Result
from ..core.objects import Digest, Known, LocalFile, RemoteObject
from ..core.plan import Batch, Join, Match, Passed
from ..core.report import belongs_in_items
from ..core.scope import Scope
from ..local import reading
from ..local.state import State
from ..s3.errors import REMOTE_ERRORS
from ..s3.objects import content_facts, head_object, object_of, skew_of
from ..s3.target import Rendering, Target
from .desk import Desk
from .failures import file_failure, remote_failure, storage_failure
from .jobs import Executor, Job
from .naming import spelled
from .run import Run
from .settled import unsettled

KEEP = 8 * 1024 * 1024
"""Bytes; larger files are read by a thread of their own, not by the planning one."""
_INSPECTORS = 8
_OUTSTANDING = 64
_OFTEN = 64
"""Names."""
Rule = Callable[[Pair, Rules], Decision | Need]


class Planner:
    """Turns matches into decisions for the executor. Used by one thread."""

    rule: Rule = staticmethod(decide)
    action = Action.UPLOAD
    """What has failed, where a file can't be read."""

    def __init__(
        self, run: Run, target: Target, state: State, scope: Scope, rules: Rules, desk: Desk,
        executor: Executor, secret: Callable[[str, str], bool], unlisted: bool = False,
    ) -> None:  # fmt: skip
        """`unlisted`: there is no listing; each object is looked for by itself, where nothing else tells of it."""
        self._run, self._target, self._state, self._scope = run, target, state, scope
        self._rules, self._desk, self._executor, self._secret = rules, desk, executor, secret
        self._pool = ThreadPoolExecutor(_INSPECTORS, thread_name_prefix="s3sync-inspect")
        self._unlisted = unlisted
        self._outstanding = 0
        self._nfd = 0
        asks_more = rules.compare is Compare.ALWAYS or rules.no_clobber or executor.minds_unchanged
        self._only_counts_unchanged = not asks_more
        self.in_scope = 0
        """Objects of the listing that this run is about."""

    def decisions(self, join: Join) -> Iterator[RemoteObject]:
        """Works through a join; yields the objects without a file that are in scope."""
        report, progress = self._run.report, self._run.progress
        for met in join:
            report.counts["listed"] = join.listed
            for match in self._unsettled(met) if isinstance(met, Batch) else (met,):
                if self._run.stopping:
                    if not self._counts_the_rest(join, match):
                        return
                    continue
                if match.passed is not None:
                    self._passed(match.key, match.passed)
                elif match.files:
                    self._matched(match)
                elif match.obj is not None and not self._scope.leaves_out_object(self._target.name_of(match.obj.key)):
                    self.in_scope += 1
                    yield match.obj
                progress.compared += 1
                if self._outstanding or not progress.compared % _OFTEN:
                    self._look_up()
                self._executor.ease()
                while self._outstanding >= _OUTSTANDING:
                    self._wait()
        report.counts["listed"] = join.listed  # with those after the last match: of passed names

    def _unsettled(self, batch: Batch) -> Iterable[Match]:
        """Counts what is as it was when it was found equal; gives back the rest, or all if that can't be told of many.

        It says no more of any name than `_matched` does, which looks at names one by one.
        """
        if not self._only_counts_unchanged or self._unlisted or self._run.stopping:
            return batch.matches()
        rest = unsettled(batch, self._target, self._state)
        settled = len(batch.files) - len(rest)
        self._run.report.counts["scanned"] += settled
        self._run.report.counts["unchanged"] += settled
        self.in_scope += settled
        self._run.progress.compared += settled
        self._look_up()
        return batch.matches(rest)

    def _look_up(self) -> None:
        """Between two names: what others have done meanwhile is taken note of."""
        self._desk.work()
        self._run.moved()

    def _counts_the_rest(self, join: Join, match: Match) -> bool:
        """After failures have ended the run, what is left is counted, as long as it takes no more requests."""
        stopped = self._run.report.stopped
        if stopped is None or stopped.cause != "errors" or not join.ended:
            return False
        self._run.report.counts["scanned"] += len(match.files)
        for file in match.files:
            if match.obj is None or match.obj.size != file.size:
                self._run.report.decided(existed=match.obj is not None, size=file.size)
                self._run.report.counts["not_tried"] += 1
        return True

    def finish(self) -> None:
        """Waits for the facts that are still being got."""
        while self._outstanding:
            self._wait()
        if self._nfd:
            self._run.emit(Finding(
                "names-nfd", "info", f"{self._nfd} names are not in Unicode's composed form (NFC): macOS writes them "
                "so. S3 tells them from their composed twins; s3_push_media --normalize nfc gives them those keys.",
            ))  # fmt: skip
            self._nfd = 0

    @property
    def is_busy(self) -> bool:
        """Whether facts are still missing."""
        return self._outstanding > 0

    def reconsider(self, job: Job, found: Mapping[str, Any] | None) -> None:
        """Decides anew, as what was assumed does not hold; `found` is what a HEAD has answered, if one was asked."""
        if found is None:
            self._inspect(job.key, job.pair, NEED_HEAD, job.rendering)
        else:
            self._decide(job.key, self._seen(job.key, job.pair, found), job.rendering)

    def _wait(self) -> None:
        self._desk.work(0.2)
        self._run.moved()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _passed(self, key: str, passed: Passed) -> None:
        if passed.failure is not None:
            self._fail(passed.name, key if passed.storable else None, passed.failure)
        else:
            self._skip(passed.name, key, passed)

    def _skip(self, name: str, key: str, passed: Passed) -> None:
        outcome = Outcome(name, key, Action.SKIP, Result.SKIPPED, passed.reason, detail=passed.detail)
        if self._run.details or belongs_in_items(outcome, 1):
            self._run.emit(outcome)
        else:
            self._run.report.counts["skipped"] += 1

    def _matched(self, match: Match) -> None:
        self._run.report.counts["scanned"] += len(match.files)
        if match.obj is not None:
            self.in_scope += 1
        if len(match.files) > 1:
            names = " and ".join(spelled(match.files))
            for file in match.files:
                self._fail(file.name, match.key, Failure("KeyCollision", hint=f"rename one: {names} give the same key"))
            return
        file = match.files[0]
        if not file.name.isascii() and not unicodedata.is_normalized("NFC", file.name):
            self._nfd += 1
        try:
            secret = self._secret(match.key, file.name)
            rendering = self._target.rendering_of(match.key)
        except Exception as error:  # noqa: BLE001  a storage's own methods may raise anything
            self._fail(file.name, match.key, storage_failure(self._target.storage, error))
            return
        if secret:
            self._run.emit(Outcome(file.name, match.key, Action.SKIP, Result.SKIPPED, Reason.SECRET))
            return
        size = None if rendering.render else file.size
        if self._unlisted:
            self._assume(match.key, Pair(file, None, self._state.known(match.key), size, assumed=True), rendering)
            return
        if (
            match.obj is not None and self._only_counts_unchanged
            and self._state.is_settled(match.key, file, rendering.encoding, match.obj)
        ):  # fmt: skip
            self._run.report.counts["unchanged"] += 1
            return
        known = None if match.obj is None else self._state.known(match.key)
        self._decide(match.key, Pair(file, match.obj, known, size), rendering)

    def _assume(self, key: str, pair: Pair, rendering: Rendering) -> None:
        """Begins with what the last run has left. The condition of a small PUT tells whether it still holds; a large
        file is not sent in vain, and a rehearsal sends nothing, so there a HEAD tells."""
        known, size = pair.known, pair.file.size
        if self._run.options.dry_run or (known is None and size >= self._target.transfer_config.multipart_threshold):
            self._inspect(key, pair, NEED_HEAD, rendering)
        elif known is None or not known.etag:
            self._decide(key, pair, rendering)
        else:
            self._decide(key, pair._replace(obj=RemoteObject(key, known.size, known.etag, "")), rendering)

    def _decide(self, key: str, pair: Pair, rendering: Rendering) -> None:
        while True:
            decision = self.rule(pair, self._rules)
            if isinstance(decision, Decision):
                if pair.assumed and decision.action is not Action.UPLOAD:
                    self._inspect(key, pair, NEED_HEAD, rendering)  # nothing is sent that would tell
                else:
                    self._decided(Job(key, pair, decision, rendering))
                return
            cached = self._cached(pair, decision, rendering)
            if cached is not None:
                pair = cached
            elif decision.head or pair.file.size > KEEP:
                self._inspect(key, pair, decision, rendering)
                return
            else:
                try:
                    pair = self._digested(pair, decision, rendering)
                except Exception as error:  # noqa: BLE001  a storage's own rendering may raise anything
                    self._unreadable(key, pair.file, error)
                    return

    def _cached(self, pair: Pair, need: Need, rendering: Rendering) -> Pair | None:
        """The pair with a fingerprint that an earlier run took, where that is all that is needed."""
        if need.head or need.part_sizes or need.checksums or pair.digest is not None:
            return None
        fingerprint = self._state.fingerprint(pair.file, rendering.encoding)
        if fingerprint is None:
            return None
        return pair._replace(digest=Digest(fingerprint.size, fingerprint.md5), size=fingerprint.size)

    def _digested(self, pair: Pair, need: Need, rendering: Rendering) -> Pair:
        read = self._digest(pair, need, rendering)
        self._state.remember_fingerprint(read.file, rendering.encoding, read.digest.fingerprint)
        return pair._replace(file=read.file, size=read.digest.size, digest=read.digest.merged(pair.digest))

    def _inspect(self, key: str, pair: Pair, need: Need, rendering: Rendering) -> None:
        self._outstanding += 1
        self._pool.submit(self._get_facts, key, pair, need, rendering)

    def _get_facts(self, key: str, pair: Pair, need: Need, rendering: Rendering) -> None:
        """In a worker: what the rules asked for, or why it can't be had."""
        outcome: Pair | Exception
        try:
            if need.head:
                answer = head_object(
                    self._target.client, self._target.bucket, key, checksums=self._target.is_aws,
                    extra=self._target.head_parameters(key),
                )  # fmt: skip
                outcome = self._seen(key, pair, answer)
            else:
                read = self._digest(pair, need, rendering)
                digest = read.digest.merged(pair.digest)
                outcome = pair._replace(file=read.file, size=digest.size, digest=digest)
        except Exception as error:  # noqa: BLE001  the worker's boundary
            outcome = error
        self._desk.post(partial(self._inspected, key, pair, rendering), outcome)

    def _seen(self, key: str, pair: Pair, answer: Mapping[str, Any] | None) -> Pair:
        """The pair with what a HEAD has said; in any thread. Where nothing was listed, that tells of the object too."""
        if answer is None:
            return pair._replace(obj=None, assumed=False)
        if not pair.assumed:
            return pair._replace(head=content_facts(answer))
        self._rules = replace(self._rules, skew=skew_of(answer))
        return pair._replace(obj=object_of(key, answer), head=content_facts(answer), assumed=False)

    def _digest(self, pair: Pair, need: Need, rendering: Rendering) -> reading.Reading:
        """Reads a file for its digest alone; in any thread."""
        keep = KEEP if rendering.render else 0  # a rendering that is not kept in memory goes through a temporary file
        read = reading.read(
            pair.file, render=rendering.render, keep=keep, part_sizes=need.part_sizes, checksums=need.checksums,
            stop=self._run.is_over,
        )  # fmt: skip
        read.discard()
        return read

    def _inspected(self, key: str, pair: Pair, rendering: Rendering, outcome: Pair | Exception) -> None:
        self._outstanding -= 1
        if isinstance(outcome, Pair):
            if outcome.digest is not None:
                self._state.remember_fingerprint(outcome.file, rendering.encoding, outcome.digest.fingerprint)
            self._decide(key, outcome, rendering)
        elif isinstance(outcome, reading.Interrupted):
            self._run.report.counts["not_tried"] += 1
        elif isinstance(outcome, REMOTE_ERRORS):
            failure = remote_failure(outcome, "HeadObject", self._target.bucket, self._target.prefix + "*")
            self._fail(pair.file.name, key, failure)
        else:
            self._unreadable(key, pair.file, outcome)

    def _decided(self, job: Job) -> None:
        pair, decision = job.pair, job.decision
        if decision.action is Action.NONE and pair.obj is not None and pair.digest is not None:
            known = Known(pair.obj.etag, pair.obj.size, pair.digest.fingerprint, self._state.source)
            compared = self._rules.compare is not Compare.SIZE
            if compared and not self._run.options.dry_run and not self._is_written(job, pair.obj, known):
                self._state.remember_known(job.key, known)
                self._state.remember_fingerprint(pair.file, job.rendering.encoding, pair.digest.fingerprint)
        self._executor.act(job)

    def _is_written(self, job: Job, obj: RemoteObject, known: Known) -> bool:
        """Whether the state holds all of what was found, so that the next run need not look so closely."""
        if known != job.pair.known or not self._state.can_settle(obj):
            return known == job.pair.known
        return self._state.is_settled(job.key, job.pair.file, job.rendering.encoding, obj)

    def _unreadable(self, key: str, file: LocalFile, error: Exception) -> None:
        self._passed(key, file_failure(file.name, error))

    def _fail(self, name: str, key: str | None, failure: Failure) -> None:
        self._run.emit(Outcome(name, key, self.action, Result.FAILED, error=failure))

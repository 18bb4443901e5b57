"""The engine that is right in every case: the storage's own client in a pool of threads.

A conditional PUT that is answered 412, 409 or 404 is never taken at its word: the answer to an earlier try may have
been lost, the object may be gone, or the endpoint may misread the condition. A HEAD tells (`_resolve`).
"""

from __future__ import annotations

import contextlib
import copy
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from boto3.s3.transfer import create_transfer_manager
from botocore.exceptions import ClientError
from django.core.files import File
from s3transfer.exceptions import CancelledError

from .attempts import Attempt, Cancelled, Conflict, NothingStored, Untrue
from .conditions import Conditions, Enforcement, KeyedHooks
from .errors import REMOTE_ERRORS, THROTTLING, TRANSIENT, Trouble, WrongAnswer, trouble_of
from .objects import content_facts, content_md5, customer_key, encryption_of, etag_of, head_object, write_arguments
from .parts import Parts, is_confirmed
from .target import Target
from .transfer import Condition, Deliver, Put, Refused, Stored

_CONDITION_CODES = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"})
_TRIES = 6
_THROTTLED_TRIES = 10
"""A server that asks for patience gets it, about a minute; one that fails, some seconds."""
_LARGE_AT_ONCE = 4


class Boto3Engine:
    """Sends objects through boto3. `submit` never blocks; completions come from the pool's threads."""

    name = "boto3"

    def __init__(
        self, target: Target, conditions: Conditions, *, deliver: Deliver, workers: int,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._target, self._conditions, self._deliver, self._progress = target, conditions, deliver, progress
        self._client, self._bucket = target.client, target.bucket
        self._workers = max(1, min(workers, target.pool_size))
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="s3sync-put")
        self._large = self._pool  # one worker sends one thing at a time
        if self._workers > 1:
            self._large = ThreadPoolExecutor(min(_LARGE_AT_ONCE, self._workers), thread_name_prefix="s3sync-large")
        self._manager: Any = None
        self._manager_lock = threading.Lock()
        self._cancelled = threading.Event()
        self._transfers: set[Any] = set()
        self._hooks = KeyedHooks(self._client)
        self._parts = Parts(self._client, self._bucket)

    def submit(self, put: Put) -> None:
        """Queues one object."""
        pool = self._large if put.multipart_etag is not None else self._pool
        future: Future[None] = pool.submit(self._run, put)
        future.add_done_callback(lambda done: self._deliver_cancelled(done, put))

    def cancel(self) -> None:
        """Drops what is queued and aborts multipart uploads; small objects on the wire are left to finish."""
        self._cancelled.set()
        for transfer in list(self._transfers):
            transfer.cancel()

    def close(self) -> None:
        """Ends the threads and leaves the client; what is under way is cancelled, what is queued is dropped."""
        self.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._large.shutdown(wait=True, cancel_futures=True)
        if self._manager is not None:
            self._manager.shutdown(cancel=True)
        self._hooks.close()
        self._parts.close()

    def _deliver_cancelled(self, future: Future[None], put: Put) -> None:
        if future.cancelled():
            self._deliver(Refused(put, "Cancelled", None, "the run ended before it was sent"))

    def _run(self, put: Put) -> None:
        """The worker: whatever happens becomes a completion."""
        try:
            stored = self._store(put)
        except Conflict as conflict:
            message = "another object is under this key"
            self._deliver(Refused(put, "PreconditionFailed", 412, message, conflict=True, found=conflict.found))
        except Cancelled:
            self._deliver(Refused(put, "Cancelled", None, "the run ended before it was sent"))
        except Exception as error:  # noqa: BLE001  the worker's boundary
            trouble = trouble_of(error)
            left = self._parts.are_left(put.key)
            self._deliver(Refused(put, trouble.code, trouble.http, trouble.message, parts_left=left))
        else:
            self._deliver(stored)

    def _store(self, put: Put) -> Stored:
        attempt = Attempt(put.condition, self._conditions.bare_etags)
        for number in range(_THROTTLED_TRIES):
            attempt.number, attempt.asked = number, False
            try:
                self._look_first(put, attempt)
                self._stop_if_cancelled()
                stored = self._send(put, attempt)
            except (Untrue, *REMOTE_ERRORS, OSError) as error:
                found = self._after(error, put, attempt)
                if found is not None:
                    return found
            else:
                self._learn(attempt)
                return stored
        raise Conflict

    def _learn(self, attempt: Attempt) -> None:
        """What the server has shown by taking the object at last."""
        if attempt.unasked:
            self._conditions.enforcement = Enforcement.REFUSED  # Backblaze B2 knows no conditional headers
        if attempt.other_form and attempt.asked and attempt.condition and not attempt.condition.is_new:
            self._conditions.bare_etags = attempt.bare

    def _after(self, error: Exception, put: Put, attempt: Attempt) -> Stored | None:
        """What to make of a failed try: None to try again as `attempt` says now, or ours is stored. Else raises."""
        trouble = Trouble("PreconditionFailed", None, "") if isinstance(error, Untrue) else trouble_of(error)
        if attempt.condition is not None and trouble.code in _CONDITION_CODES:
            if put.assumed and not attempt.number and trouble.code in ("PreconditionFailed", "412"):
                raise Conflict(error.found if isinstance(error, Untrue) else None)
            return self._resolve(error, trouble, put, attempt, attempt.condition)
        if trouble.http == 501 and attempt.asked and not self._conditions.everywhere:
            attempt.unasked = True
            return None
        if put.multipart_etag is not None and trouble.code == "NoSuchUpload":
            # The answer that said so answers a second try: the first may have completed it. Else somebody aborted it.
            answer = self._head(put)
            if answer is not None and self._holds_our_bytes(put, answer):
                return Stored(put, etag_of(answer), encryption_of(answer))
        # The listing came over TLS, so its certificates are good: garbage on the wire passes.
        passes = trouble.code in TRANSIENT or trouble.code in ("NoSuchUpload", "TLS")
        tries = _THROTTLED_TRIES if trouble.code in THROTTLING else _TRIES if passes else 1
        if attempt.number + 1 >= tries:
            raise error
        self._wait(attempt.number, trouble)
        return None

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def _wait(self, attempt: int, trouble: Trouble) -> None:
        """Waits for a time that doubles, with jitter, or as long as the server asks (`Retry-After`)."""
        limit = 8.0 if trouble.code in THROTTLING else 2.0
        delay = trouble.retry_after or min(limit, 0.25 * 2**attempt) * random.uniform(0.5, 1.0)
        if self._cancelled.wait(min(delay, 30.0)):
            raise Cancelled

    def _look_first(self, put: Put, attempt: Attempt) -> None:
        """Where the server would not look at the condition, a HEAD does, as late as possible."""
        self._stop_if_cancelled()
        single = put.multipart_etag is None and not self._target.saves_itself
        needed = attempt.unasked or self._conditions.needs_head(single_put=single)
        if attempt.condition is None or not needed:
            return
        try:
            answer = self._head(put)
        except ClientError:
            if single and not attempt.unasked and self._conditions.may_be_kept:
                return  # no right to look: the condition itself has to do
            raise
        self._conditions.looked(single_put=single)
        if etag_of(answer or {}) != (attempt.condition.if_match or ""):
            raise Untrue(answer)

    def _head(self, put: Put) -> Mapping[str, Any] | None:
        return head_object(self._client, self._bucket, put.key, extra=customer_key(put.parameters.params))

    def _asking(self, attempt: Attempt) -> dict[str, str]:
        """The arguments of this try's condition."""
        asked = {} if attempt.unasked else self._conditions.arguments(attempt.condition, bare=attempt.bare)
        attempt.asked = bool(asked)
        return asked

    def _resolve(
        self, error: Exception, trouble: Trouble, put: Put, attempt: Attempt, condition: Condition
    ) -> Stored | None:
        """What a refused condition means: ours is stored already, or what to try next; else a conflict."""
        if trouble.code in ("ConditionalRequestConflict", "409") and attempt.number < 2:
            self._wait(attempt.number, trouble)
            return None
        answer = self._head(put)
        if answer is None:
            if trouble.code != "NoSuchKey" and condition.is_new and attempt.number >= 2:
                raise Conflict
            attempt.condition = Condition()
            return None
        if self._holds_our_bytes(put, answer):
            return Stored(put, etag_of(answer), encryption_of(answer))
        if condition.if_match is None or etag_of(answer) != condition.if_match:
            raise Conflict(answer)
        self._try_again_though_refused(error, trouble, attempt)
        return None

    def _try_again_though_refused(self, error: Exception, trouble: Trouble, attempt: Attempt) -> None:
        """The object still has the listed ETag: a server may want it in its other form. Never twice for one object."""
        if trouble.http == 412 and attempt.asked:
            if attempt.other_form or self._conditions.everywhere:
                raise error
            attempt.bare, attempt.other_form = not attempt.bare, True
        elif attempt.number + 1 < _TRIES:
            self._wait(attempt.number, trouble)
        else:
            raise Conflict if isinstance(error, Untrue) else error

    def _holds_our_bytes(self, put: Put, answer: Mapping[str, Any]) -> bool:
        facts = content_facts(answer)
        if facts.size != put.size:
            return False
        if facts.etag and facts.etag == put.multipart_etag:
            return True
        return (facts.etag == put.md5 and facts.etag_is_md5) or facts.md5 == put.md5

    def _send(self, put: Put, attempt: Attempt) -> Stored:
        if self._target.saves_itself:
            return self._save(put, attempt)
        if put.multipart_etag is not None:
            return self._upload_in_parts(put, attempt)
        arguments = {**write_arguments(put), **self._asking(attempt)}
        with contextlib.ExitStack() as stack:
            body = put.body if put.body is not None else stack.enter_context(open(put.path, "rb"))
            answer = self._client.put_object(
                Bucket=self._bucket, Key=put.key, Body=body, ContentMD5=content_md5(put.md5), **arguments
            )
        if not etag_of(answer):
            answer = self._head(put) or {}
            if not self._holds_our_bytes(put, answer):
                raise WrongAnswer(operation="PutObject", missing="an ETag")
        return Stored(put, etag_of(answer), encryption_of(answer))

    def _upload_in_parts(self, put: Put, attempt: Attempt) -> Stored:
        """Streams a large file from the disk by s3transfer, with the storage's own `transfer_config`."""
        began = time.monotonic()
        # Parts may take hours to send: whether the object is still the same has to be seen again at the end.
        look = partial(self._look_first, put, attempt)
        with self._hooks.watching(put.key, self._asking(attempt), look, put.part_md5s) as answer:
            transfer = self._transfer_manager().upload(
                put.path, self._bucket, put.key, extra_args=write_arguments(put),
                subscribers=[_Progress(self._progress)],
            )  # fmt: skip
            self._transfers.add(transfer)
            if self._cancelled.is_set():  # by a thread that could not know of this transfer yet
                transfer.cancel()
            try:
                transfer.result()
            except CancelledError as error:
                raise Cancelled from error
            except KeyError as error:  # s3transfer has looked for an UploadId or a part's ETag
                raise WrongAnswer(operation="An upload in parts", missing=str(error)) from error
            finally:
                self._transfers.discard(transfer)
                self._parts.clear(put.key, began)
            if not is_confirmed(answer()):
                raise WrongAnswer(operation="CompleteMultipartUpload", missing="an ETag")
            # Ceph RGW 16 answers a CompleteMultipartUpload with an empty ETag.
            return Stored(put, etag_of(answer()) or str(put.multipart_etag), encryption_of(answer()))

    def _save(self, put: Put, attempt: Attempt) -> Stored:
        """The storage's own way."""
        name = put.name if self._target.has_own_keys else self._target.name_of(put.key)
        self._hooks.attach(self._target.storage.bucket.meta.client)  # an overridden `connection` may have several
        with self._hooks.watching(put.key, self._asking(attempt)), open(put.path, "rb") as stream:
            saved = self._target.storage._save(name, File(stream, name=name))
        if saved != name:
            raise ValueError(f"{type(self._target.storage).__name__}._save stored it as {saved!r}")
        # What was stored may not be what was given, and the listing will show what was stored.
        stored = self._head(put)
        if stored is None:
            raise NothingStored(f"{type(self._target.storage).__name__}._save stored nothing under this key")
        return Stored(put, etag_of(stored), encryption_of(stored), int(stored.get("ContentLength", put.size)))

    def _transfer_manager(self) -> Any:
        with self._manager_lock:
            if self._manager is None:
                config = copy.copy(self._target.transfer_config)
                config.max_concurrency = min(config.max_request_concurrency, self._workers)
                self._manager = create_transfer_manager(self._client, config)
        return self._manager


class _Progress:
    """An s3transfer subscriber that passes on how many bytes have gone."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        self._progress(bytes_transferred)

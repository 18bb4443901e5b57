"""The engine that is right in every case: the storage's own client in a pool of threads.

A conditional PUT that is answered 412, 409 or 404 is never taken at its word: the answer to an earlier try may have
been lost, the object may be gone, or the endpoint may misread the condition. A HEAD tells (`_resolve`).
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from boto3.s3.transfer import create_transfer_manager
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from s3transfer.exceptions import CancelledError

from .conditions import Conditions, Enforcement, KeyedHooks
from .errors import THROTTLING, TRANSIENT, Trouble, trouble_of
from .objects import MD5_METADATA, content_facts, content_md5, encryption_of, etag_of, head_object
from .target import Target
from .transfer import Condition, Deliver, Put, Refused, Stored

_CONDITION_CODES = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"})
_TRIES = 6
_THROTTLED_TRIES = 10
"""A server that asks for patience gets it, about a minute; one that fails, some seconds."""
_LARGE_AT_ONCE = 4


class _Conflict(Exception):
    """Another object is under the key."""


class _Untrue(Exception):
    """A HEAD has shown that the condition does not hold."""


class Cancelled(Exception):
    """The run is ending; the object was not sent."""


class Boto3Engine:
    """Sends objects through boto3. `submit` never blocks; completions come from the pool's threads."""

    name = "boto3"

    def __init__(
        self, target: Target, conditions: Conditions, *, deliver: Deliver, workers: int,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._target, self._conditions, self._deliver, self._progress = target, conditions, deliver, progress
        self._client, self._bucket = target.client, target.bucket
        self._pool = ThreadPoolExecutor(max(1, min(workers, target.pool_size)), thread_name_prefix="s3sync-put")
        self._large = ThreadPoolExecutor(_LARGE_AT_ONCE, thread_name_prefix="s3sync-large")
        self._manager: Any = None
        self._manager_lock = threading.Lock()
        self._cancelled = threading.Event()
        self._transfers: set[Any] = set()
        self._hooks = KeyedHooks(self._client)

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
        """Ends the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._large.shutdown(wait=True, cancel_futures=True)
        if self._manager is not None:
            self._manager.shutdown(cancel=self._cancelled.is_set())

    def _deliver_cancelled(self, future: Future[None], put: Put) -> None:
        if future.cancelled():
            self._deliver(Refused(put, "Cancelled", None, "the run ended before it was sent"))

    def _run(self, put: Put) -> None:
        """The worker: whatever happens becomes a completion."""
        try:
            stored = self._store(put)
        except _Conflict:
            self._deliver(Refused(put, "PreconditionFailed", 412, "another object is under this key", conflict=True))
        except Cancelled:
            self._deliver(Refused(put, "Cancelled", None, "the run ended before it was sent"))
        except Exception as error:  # noqa: BLE001  the worker's boundary
            trouble = trouble_of(error)
            self._deliver(Refused(put, trouble.code, trouble.http, trouble.message))
        else:
            self._deliver(stored)

    def _store(self, put: Put) -> Stored:
        condition = put.condition
        for attempt in range(_THROTTLED_TRIES):
            if self._cancelled.is_set():
                raise Cancelled
            try:
                self._look_first(put, condition)
                return self._send(put, condition)
            except (_Untrue, ClientError, BotoCoreError, OSError) as error:
                following = self._after(error, put, condition, attempt)
            if isinstance(following, Stored):
                return following
            condition = following
        raise _Conflict

    def _after(
        self, error: Exception, put: Put, condition: Condition | None, attempt: int
    ) -> Stored | Condition | None:
        """What to make of a failed try: the condition of the next one, or ours is stored after all. Else raises."""
        trouble = Trouble("PreconditionFailed", 412, "") if isinstance(error, _Untrue) else trouble_of(error)
        if condition is not None and trouble.code in _CONDITION_CODES:
            return self._resolve(put, condition, trouble, attempt)
        if condition is not None and trouble.http == 501 and self._conditions.enforcement is not Enforcement.REFUSED:
            self._conditions.enforcement = Enforcement.REFUSED  # Backblaze B2 knows no conditional headers
            return condition
        tries = _THROTTLED_TRIES if trouble.code in THROTTLING else _TRIES if trouble.code in TRANSIENT else 1
        if attempt + 1 >= tries:
            raise error
        self._wait(attempt, trouble)
        return condition

    def _wait(self, attempt: int, trouble: Trouble) -> None:
        """Waits for a time that doubles, with jitter, or as long as the server asks (`Retry-After`)."""
        limit = 8.0 if trouble.code in THROTTLING else 2.0
        delay = trouble.retry_after or min(limit, 0.25 * 2**attempt) * random.uniform(0.5, 1.0)
        if self._cancelled.wait(min(delay, 30.0)):
            raise Cancelled

    def _look_first(self, put: Put, condition: Condition | None) -> None:
        """Where the server would not look at the condition, a HEAD does, as late as possible."""
        single = put.multipart_etag is None and not self._target.saves_itself
        if condition is None or not self._conditions.needs_head(single_put=single):
            return
        self._conditions.emulated = True
        answer = head_object(self._client, self._bucket, put.key)
        if etag_of(answer or {}) != (condition.if_match or ""):
            raise _Untrue

    def _resolve(self, put: Put, condition: Condition, trouble: Trouble, attempt: int) -> Stored | Condition:
        """What a refused condition means: ours is stored already, or the condition to try next; else a conflict."""
        if trouble.code in ("ConditionalRequestConflict", "409") and attempt < 2:
            self._wait(attempt, trouble)
            return condition
        answer = head_object(self._client, self._bucket, put.key)
        if answer is None:
            if trouble.code == "NoSuchKey" or not condition.is_new or attempt < 2:
                return Condition()
            raise _Conflict
        if self._holds_our_bytes(put, answer):
            return Stored(put, etag_of(answer), encryption_of(answer))
        if condition.if_match is not None and etag_of(answer) == condition.if_match:
            self._conditions.bare_etags = True
            return condition
        raise _Conflict

    def _holds_our_bytes(self, put: Put, answer: Mapping[str, Any]) -> bool:
        facts = content_facts(answer)
        if facts.size != put.size:
            return False
        if facts.etag and facts.etag == put.multipart_etag:
            return True
        return (facts.etag == put.md5 and facts.etag_is_md5) or facts.md5 == put.md5

    def _send(self, put: Put, condition: Condition | None) -> Stored:
        if self._target.saves_itself:
            return self._save(put, condition)
        if put.multipart_etag is not None:
            return self._upload_in_parts(put, condition)
        arguments = {**put.parameters.params, **self._conditions.arguments(condition)}
        with contextlib.ExitStack() as stack:
            body = put.body if put.body is not None else stack.enter_context(open(put.path, "rb"))
            answer = self._client.put_object(
                Bucket=self._bucket, Key=put.key, Body=body, ContentMD5=content_md5(put.md5), **arguments
            )
        return Stored(put, etag_of(answer), encryption_of(answer))

    def _upload_in_parts(self, put: Put, condition: Condition | None) -> Stored:
        """Streams a large file from the disk by s3transfer, with the storage's own `transfer_config`."""
        params = dict(put.parameters.params)
        params["Metadata"] = {**params.get("Metadata", {}), MD5_METADATA: put.md5}
        with self._hooks.watching(put.key, self._conditions.arguments(condition)) as answer:
            transfer = self._transfer_manager().upload(
                put.path, self._bucket, put.key, extra_args=params, subscribers=[_Progress(self._progress)]
            )
            self._transfers.add(transfer)
            try:
                transfer.result()
            except CancelledError as error:
                raise Cancelled from error
            finally:
                self._transfers.discard(transfer)
            # Ceph RGW 16 answers a CompleteMultipartUpload with an empty ETag.
            return Stored(put, etag_of(answer()) or str(put.multipart_etag), encryption_of(answer()))

    def _save(self, put: Put, condition: Condition | None) -> Stored:
        """The storage's own way."""
        name = put.name if self._target.has_own_keys else self._target.name_of(put.key)
        self._hooks.attach(self._target.storage.bucket.meta.client)  # an overridden `connection` may have several
        with self._hooks.watching(put.key, self._conditions.arguments(condition)), open(put.path, "rb") as stream:
            saved = self._target.storage._save(name, File(stream, name=name))
        if saved != name:
            raise ValueError(f"{type(self._target.storage).__name__}._save stored it as {saved!r}")
        # What was stored may not be what was given, and the listing will show what was stored.
        stored = head_object(self._client, self._bucket, put.key) or {}
        return Stored(put, etag_of(stored), encryption_of(stored), int(stored.get("ContentLength", put.size)))

    def _transfer_manager(self) -> Any:
        with self._manager_lock:
            if self._manager is None:
                self._manager = create_transfer_manager(self._client, self._target.transfer_config)
        return self._manager


class _Progress:
    """An s3transfer subscriber that passes on how many bytes have gone."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        self._progress(bytes_transferred)

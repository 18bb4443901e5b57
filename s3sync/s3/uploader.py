"""Sends prepared objects by whichever engine fits each, and vouches for what the servers answer.

One thread calls `submit` and `settle`; nothing that an engine says reaches the caller unchecked: an answered ETag that
is not the MD5 of what was sent is looked into, and a target off AWS has to prove once that it enforces conditions.
"""

from __future__ import annotations

import hashlib
import resource
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from ..core.objects import Head
from .calls import CallCounter
from .conditions import Conditions, Enforcement
from .engine_boto3 import Boto3Engine
from .engine_fast import FastEngine
from .errors import REMOTE_ERRORS, trouble_of
from .limits import Limits
from .objects import content_facts, content_md5, customer_key, etag_of, head_object, write_arguments
from .sending_process import SendingProcess
from .target import Target
from .transfer import Completion, Deliver, HandedOver, Put, Refused, Stored

FAST_LIMIT = 8 * 1024 * 1024
"""Bytes; larger bodies are streamed from the disk."""
WINDOW_BYTES = 64 * 1024 * 1024
"""Bytes of bodies that may be in memory at once."""

MOST_CONNECTIONS = 512
"""Where nobody has said how many: 100 ms away, that is five thousand objects in a second."""
_WINDOW = 1024
"""Objects that are under way at most, those included that wait for a connection."""

Finished = Stored | Refused


class Replaced(Exception):
    """What was stored a moment ago is no longer there: somebody else was faster than the look at it."""


class Uploader:
    """The transfer side of one run."""

    def __init__(
        self, target: Target, conditions: Conditions, calls: CallCounter, *, engine: str, workers: int | None,
        deliver: Deliver, progress: Callable[[int], None] = lambda _: None, limits: Limits | None = None,
        standby: SendingProcess | None = None,
    ) -> None:  # fmt: skip
        self._limits = limits = limits or Limits()
        self._target, self._conditions, self._deliver = target, conditions, deliver
        ceiling = workers or _connections_allowed()
        workers = min(ceiling, 32, limits.streams)
        self.boto3 = Boto3Engine(target, conditions, deliver=deliver, workers=workers, progress=progress)
        self.why_not_fast = "asked for boto3" if engine == "boto3" else target.why_not_fast
        self.fast: FastEngine | None = None
        if self.why_not_fast is None:
            start = min(ceiling, 64 if target.is_aws else 16)
            self.fast = FastEngine(
                target.client,
                target.bucket,
                deliver=deliver,
                start=start,
                ceiling=ceiling,
                probing=calls.paused,
                rest=limits.sent if limits.any else None,
                standby=standby,
            )
        self._window = max(64, min(4 * ceiling, max(_WINDOW, 2 * ceiling)))
        self._waiting: deque[Put] = deque()
        self._proving: Put | None = None
        self.count = 0
        self.bytes = 0

    @property
    def engine(self) -> str:
        """The engine that does the bulk, for the report."""
        return "boto3" if self.fast is None or (self.why_not_fast and not self.fast.requests) else "fast"

    @property
    def signs_payload(self) -> bool:
        """Whether requests of the fast engine are likely to name the SHA-256 of their body. Any thread may ask."""
        return self.fast is not None and (self.fast.signs_payload or self._target.endpoint.startswith("http:"))

    @property
    def full(self) -> bool:
        """Whether as much is under way as memory and good manners allow."""
        return self.count >= self._window or self.bytes >= WINDOW_BYTES

    def submit(self, put: Put) -> None:
        """Takes one object; never blocks."""
        self.count += 1
        self.bytes += len(put.body or b"")
        if self._needs_proof and self._can_prove(put):
            if self._proving is not None:
                self._waiting.append(put)
                return
            self._proving = put
        self._route(put)
        if put is self._proving and self.fast is not None:
            self.fast.get_ready(put)  # while the server shows what it makes of conditions

    def settle(self, completion: Completion) -> Finished | None:
        """Takes what an engine delivered; None if the object goes on to the other engine."""
        if isinstance(completion, HandedOver):
            put = completion.put
            if not put.assumed or completion.code != "412":
                put.assumed = put.assumed and completion.code == "degraded"  # else a try may have stored it already
                self.boto3.submit(put)
                return None
            completion = Refused(put, "PreconditionFailed", 412, "the condition does not hold", conflict=True)
        result = self._vouch(completion) if isinstance(completion, Stored) else completion
        self.count -= 1
        self.bytes -= len(result.put.body or b"")
        if result.put is self._proving:
            self._proving = None
            if isinstance(result, Stored) and self._needs_proof:
                result = self._prove(result)
            self._resume()
        return result

    def cancel(self) -> None:
        """Stops what has not begun; everything is still to be collected."""
        while self._waiting:
            self._deliver(Refused(self._waiting.popleft(), "Cancelled", None, "the run ended before it was sent"))
        if self.fast is not None:
            self.fast.cancel()
        self.boto3.cancel()

    def close(self) -> None:
        """Ends threads and connections."""
        if self.fast is not None:
            self.fast.close()
        self.boto3.close()

    @property
    def _needs_proof(self) -> bool:
        return self._conditions.enforcement is Enforcement.UNPROVEN and not self._conditions.everywhere

    def _can_prove(self, put: Put) -> bool:
        return put.condition is not None and put.body is not None and not self._target.saves_itself

    def _route(self, put: Put) -> None:
        if self.fast is None or not self._went_fast(self.fast, put):
            self.boto3.submit(put)

    def _went_fast(self, fast: FastEngine, put: Put) -> bool:
        if put.body is None or fast.degraded is not None:
            return False
        if not self._limits.at_once(put.size):
            return False  # the boto3 engine sends it in measure
        if put.condition is not None and self._conditions.needs_head(single_put=True):
            return False
        fast.quote_etags = not self._conditions.bare_etags
        reason = fast.take(put)
        self.why_not_fast = self.why_not_fast or reason
        return reason is None

    def _resume(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for put in waiting:
            self.count -= 1
            self.bytes -= len(put.body or b"")
            self.submit(put)

    def _prove(self, stored: Stored) -> Stored:
        """Sends a stored object once more on condition that there is none: 412 is the proof.

        Where it is stored all the same, its ETag is a new one if ETags are no MD5. Any other trouble proves nothing:
        the next object has to.
        """
        put = stored.put
        try:
            answer = self._target.client.put_object(
                Bucket=self._target.bucket, Key=put.key, Body=put.body, ContentMD5=content_md5(put.md5),
                IfNoneMatch="*", **write_arguments(put),
            )  # fmt: skip
        except REMOTE_ERRORS as error:
            self._conditions.enforcement = Enforcement.shown_by(trouble_of(error))
            return stored
        if not etag_of(answer):  # whoever has said so, S3 has not
            return stored
        self._conditions.enforcement = Enforcement.IGNORED
        return replace(stored, etag=etag_of(answer))

    def _vouch(self, stored: Stored) -> Finished:
        """Compares the answered ETag with the bytes that were sent."""
        put = stored.put
        expected = put.multipart_etag or put.md5
        if self._target.saves_itself or stored.etag in (expected, put.md5):
            return stored
        if not Head(put.size, stored.etag, stored.encryption).etag_is_md5:
            self._target.etags_are_md5 = False
            return stored
        if not self._target.etags_are_md5:
            return stored
        return self._look_into(stored)

    def _look_into(self, stored: Stored) -> Finished:
        put, target = stored.put, self._target
        try:
            answer = head_object(target.client, target.bucket, put.key, extra=customer_key(put.parameters.params))
            facts = content_facts(answer) if answer is not None else None
            if facts is not None and not _is_of(stored, facts):
                facts = None
            if facts is not None and facts.size == put.size:
                if facts.etag in (put.md5, put.multipart_etag):
                    return Stored(put, facts.etag, facts.encryption)
                if not facts.etag_is_md5 or self._reads_back(put):
                    target.etags_are_md5 = False
                    return Stored(put, facts.etag, facts.encryption)
        except REMOTE_ERRORS as error:
            trouble = trouble_of(error)
            return Refused(put, trouble.code, trouble.http, f"its ETag could not be looked into: {trouble.message}")
        # Only what the server says that it took from us is ours to replace; anything else may be somebody's.
        left = (facts.etag, facts.size) if facts is not None and facts.etag == stored.etag else None
        message = f"the server answered ETag {stored.etag}, but {put.md5} was sent"
        return Refused(put, "BadDigest", None, message, left=left)

    def look_again(self, stored: Stored) -> tuple[Stored, bool]:
        """For a file that may have changed while it was streamed: the same with the ETag and size that a HEAD tells,
        and whether these prove that what is stored is what was hashed.

        Raises Replaced. Ceph RGW 16 answers uploads in parts with an empty ETag: what stood for it was computed.
        """
        put, target = stored.put, self._target
        try:
            answer = head_object(target.client, target.bucket, put.key, extra=customer_key(put.parameters.params))
        except REMOTE_ERRORS:
            return stored, False
        facts = content_facts(answer or {})
        if answer is None or not _is_of(stored, facts):
            raise Replaced
        is_whole = facts.etag_is_md5 and facts.etag in (put.md5, put.multipart_etag)
        return replace(stored, etag=facts.etag, size=facts.size), is_whole

    def _reads_back(self, put: Put) -> bool:
        """Whether an endpoint whose ETags are no MD5 gives back what was sent. Asked once for a target."""
        if self._target.is_aws:
            return False
        extra = customer_key(put.parameters.params)
        body = self._target.client.get_object(Bucket=self._target.bucket, Key=put.key, **extra)["Body"]
        digest = hashlib.md5(usedforsecurity=False)
        for chunk in body.iter_chunks(1024 * 1024):
            digest.update(chunk)
        return digest.hexdigest() == put.md5


def _connections_allowed() -> int:
    """At most half of the files that this process may have open: the other half is for the files themselves."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else max(1, min(MOST_CONNECTIONS, files // 2))


def _is_of(stored: Stored, facts: Head) -> bool:
    """Whether a HEAD speaks of what was stored, and not of what somebody else has put there since."""
    return facts.etag == stored.etag or facts.md5 == stored.put.md5

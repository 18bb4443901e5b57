"""The fast engine's loop: puts jobs on the wire, one signed head and one body each, and tells what was answered.

It knows nothing of the objects but what is to be sent, so that it may run in a thread of this process (`near`) or in a
process of its own (`far`), whose interpreter's lock nobody else wants. It only ever confirms: see `engine_fast`.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from hashlib import md5, sha256
from typing import Any

from .answers import DENIED, told
from .pace import Pace
from .reactor import Reactor
from .request_loop import RequestLoop
from .signing import Moment, Template
from .wire import Connection

Job = tuple[int, Any, str, "str | None", "str | None", "str | None", bool, bytes]
"""Number, template, key, MD5 and SHA-256 (hexadecimal, as far as they are known already), `If-Match`'s value, whether
412 is an answer that was reckoned with, and the body. The template is None where there is none."""
Told = tuple[int, str, str, "str | None", "str | None"]
"""Number; "" for what is stored, `answers.DENIED`, or why it is handed over; the ETag or a message; the encryption; the
MD5 of what was sent, if it was computed here."""


class SendLoop(RequestLoop[Job, Told]):
    """Sends jobs over keep-alive connections. But for `inbox` and `hungry`, it is for its loop's thread alone."""

    def __init__(
        self, loop: Reactor, pace: Pace, *, credentials: Callable[[], Any], tell: Callable[[list[Told]], None],
        rest: Callable[[Job], float] | None = None,
    ) -> None:  # fmt: skip
        """`tell` is called in the loop's thread. The others: see `RequestLoop`."""
        super().__init__(loop, pace, credentials=credentials, rest=rest)
        self.hungry = True
        """Whether `pump` has to be called when something is in the inbox."""
        self.error: str | None = None
        """The traceback of an error of our own."""
        self.most: int | None = None
        """How many connections it makes do with, once it has been asked to."""
        self._tell = tell

    def run(self) -> None:
        """Runs the loop in this thread until it is stopped; then nothing is under way any more."""
        self._loop.call_soon(self.pool.sweep)
        try:
            self._loop.run_forever()
        finally:
            self._cancelled = True
            self.pool.abandon_all("cancelled")
            self.drain("cancelled")
            self.pool.close()
            self._loop.close()

    def pump(self) -> None:
        self._close_surplus()  # what was busy a moment ago may be free
        super().pump()

    def cancel(self) -> None:
        """Hands over what is not on the wire; asked a second time, what is on the wire too."""
        if self._cancelled:
            self.pool.abandon_all("cancelled")
        self._cancelled = True
        self.drain("cancelled")

    def retire(self, most: int) -> None:
        """Makes do with so many connections from now on; others do the bulk."""
        self.most = most
        self.pace.lower(max(1, most))
        self._close_surplus()

    def carry_on(self, most: int) -> None:
        """May have so many connections again: the others have gone."""
        self.most = None
        self.pace.allow(most)

    def _has_job(self) -> bool:
        while True:
            if not self.inbox:
                self.hungry = True
                if not self.inbox:  # looked at again, as who fills it looks at the flag afterwards
                    return False
                self.hungry = False
            if self.inbox[0][1] is not None:
                return True
            self._hand_over(self.inbox.popleft(), "not-fast")

    def _open_more(self) -> int:
        room = super()._open_more()
        # Objects that come in while there is room need connections of their own, at once.
        self.hungry = room > 0
        return room

    def _close_surplus(self) -> None:
        if self.most is not None and self.pool.live > self.most and not (self.most == 0 and self.inbox):
            self.pool.close_idle(self.pool.live - self.most)

    def _request(self, job: Job, now: Moment) -> tuple[bytes, bytes, Any]:
        """The note is the MD5 that the head names."""
        _, template, key, md5_hex, digest, etag, _, body = job
        assert isinstance(template, Template)
        if md5_hex is None:
            md5_hex = md5(body, usedforsecurity=False).hexdigest()
        if digest is None and template.signs_payload:
            digest = sha256(body).hexdigest()
        return template.head(key, len(body), md5_hex, digest, etag, now), body, md5_hex

    def _outcome(self, job: Job, note: Any, answer: Connection) -> tuple[str, Told]:
        code, message, encryption = told(answer.status, answer.headers, answer.body)
        reckoned_with = code == DENIED or (code == "412" and job[6])
        return "" if reckoned_with else code, (job[0], code, message, encryption, note)

    def _undone(self, job: Job, code: str) -> Told:
        return job[0], code, "", None, None

    def _deliver(self, outcome: Told) -> None:
        self._tell([outcome])

    def _report(self, error: BaseException) -> None:
        self.error = "".join(traceback.format_exception(type(error), error, error.__traceback__))

    def _collapse(self, error: BaseException) -> None:
        self.hungry = True  # the pump may have been interrupted; what comes in from now on must wake it
        super()._collapse(error)
        with contextlib.suppress(Exception):
            self._tell([])

"""The fast engine's second process, as seen from the first: see `sender` for its other end."""

from __future__ import annotations

import contextlib
import logging
import pickle
import selectors
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import sender
from .lanes import Deliver, Lane
from .origin import Origin
from .send_loop import Job
from .sending_process import SendingProcess
from .signing import Template
from .transfer import Put

logger = logging.getLogger(__name__)

_BATCH_BYTES = 256 * 1024
_NAP = 0.001
"""Seconds. As long does the lane's thread leave the interpreter to others before it looks again: to wake it for every
single object would cost more than the object."""
_HELD = 0.005
"""Seconds after which it is asked again whether jobs may go."""
_LONGEST_GOODBYE = 10.0
_AHEAD = 128
"""Objects that the other process gets beyond one for each connection: enough for the time in which it tells of some and
gets others. More of them would only take memory, and push out of the processor's caches what is needed next."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Credentials as they go to the other process."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)


class Far(Lane):
    """A process of its own, and a thread here that speaks with it.

    It leaves this one to the walk, the hashes and the records. And it is never needed: until it has said that it is
    ready, and once it has gone, everything takes the near lane.
    """

    def __init__(
        self, origin: Origin, start: int, ceiling: int, *, credentials: Callable[[], Any], deliver: Deliver,
        may_send: Callable[[], bool], standby: SendingProcess | None = None,
    ) -> None:  # fmt: skip
        """Raises OSError or RuntimeError if no process or thread can be had. `may_send` is asked before jobs go.

        `standby` is one that waits to be used, by this lane alone.
        """
        super().__init__(deliver)
        self.requests = 0
        self.ready = self.gone = False
        self._credentials, self._may_send = credentials, may_send
        self._degraded: str | None = None
        self._outbox: deque[Job] = deque()
        self._orders: deque[str] = deque()
        self._templates: dict[int, Template] = {}
        self._known: Secrets | None = None
        self._second = 0
        self._hungry = True
        self._closing = self._held = False
        self._there = 0
        """Objects that the other process has."""
        self._connections = start
        """That it has, as it has last told; until then, as many as it begins with."""
        with contextlib.ExitStack() as undo:
            self._wake_read, self._wake = (undo.enter_context(end) for end in socket.socketpair())
            self._wake_read.setblocking(True)  # whatever `socket.setdefaulttimeout` says
            self._wake.setblocking(False)
            self._sending = standby if standby is not None and not standby.ended else SendingProcess()
            undo.callback(self._sending.close)
            self._frames = sender.Frames(self._sending.socket)
            self._frames.send("setup", (origin.plain, start, ceiling))
            # Not select(), which knows no descriptor above 1,023: a web server's process may have many.
            self._selector = undo.enter_context(selectors.DefaultSelector())
            for end in (self._sending.socket, self._wake_read):
                self._selector.register(end, selectors.EVENT_READ)
            self._thread = threading.Thread(target=self._run, name="s3sync-far", daemon=True)
            self._thread.start()
            undo.pop_all()

    @property
    def degraded(self) -> str | None:
        return self._degraded

    @property
    def ended(self) -> bool:
        """Whether the process, and so every connection of its, is no more."""
        return self._sending.ended

    def submit(self, put: Put, template: Template, quoted: bool) -> None:
        job = self._job(put, template, quoted)
        self._outbox.append(job)
        if self._hungry:
            self._wake_up()
        if self.gone:
            self._give_back("broken")

    def cancel(self) -> None:
        self._orders.append("cancel")
        self._wake_up()

    def close(self) -> None:
        self._closing = True
        self._wake_up()
        self._thread.join(_LONGEST_GOODBYE)
        self._sending.close()
        self._close_wake()

    def _wake_up(self) -> None:
        self._hungry = False
        with contextlib.suppress(OSError):  # it is awake: the pipe is full; or it has ended
            self._wake.send(b"x")

    # The lane's thread, from here on

    def _run(self) -> None:
        try:
            while not self._closing:
                self._pass_on()
                self._listen()
        except (OSError, EOFError) as error:
            logger.info("The sending process has gone: %r", error)
        except Exception:
            logger.exception("The far lane gives up after an unexpected error.")
        finally:
            self.gone = True
            self._selector.close()
            self._frames.close()
            self._give_back("cancelled" if self._closing else "broken")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._sending.process.wait(_LONGEST_GOODBYE / 2)

    def _pass_on(self) -> None:
        """Sends what is here: first orders, then jobs in batches."""
        while self._orders:
            order = self._orders.popleft()
            if order == "cancel":
                while self._outbox:  # in place, as another thread may be adding to it
                    self._tell([(self._outbox.popleft()[0], "cancelled", "", None, None)])
            self._frames.send(order, None)
        while self._outbox and (room := self._room()) > 0:
            self._renew()
            batch: list[Any] = []
            bodies: list[bytes] = []
            size = 0
            while self._outbox and size < _BATCH_BYTES and len(batch) < room:
                number, template, *others, body = self._outbox.popleft()
                size += len(body)
                batch.append((number, self._number_of(template), *others))
                bodies.append(body)
            self._frames.send("jobs", batch, bodies)
            self._there += len(batch)

    def _room(self) -> int:
        """For so many objects, now. Where there is none as many are there, the next that is told makes some."""
        self._held = not (self.ready and self._may_send())
        return 0 if self._held else self._connections + _AHEAD - self._there

    def _number_of(self, template: Template) -> int:
        """What stands for a template; the first time, the template goes before."""
        number = id(template)
        if number not in self._templates:
            self._templates[number] = template  # kept, so that the number stays its own
            self._frames.send("template", (number, pickle.dumps(template)))
        return number

    def _renew(self) -> None:
        second = int(time.time())
        if second == self._second:
            return
        self._second = second
        try:
            found = self._credentials()
        except Exception as error:
            self._degraded = f"no credentials: {error}"
            raise EOFError(self._degraded) from error
        secrets = Secrets(found.access_key, found.secret_key, found.token)
        if secrets != self._known:
            self._known = secrets
            self._frames.send("credentials", (secrets.access_key, secrets.secret_key, secrets.token))

    def _listen(self) -> None:
        """Waits for answers, or for something to send; naps in between, so that there is a batch of either."""
        if not self._outbox and not self._orders:
            self._hungry = True
        readable = [key.fileobj for key, _ in self._selector.select(self._patience())]
        self._hungry = False
        if self._wake_read in readable:
            self._wake_read.recv(4096)
        if self._frames.socket in readable:
            for kind, payload, _ in self._frames.receive():
                self._hear(kind, payload)
        time.sleep(_NAP)

    def _patience(self) -> float | None:
        """Seconds after which it has to look by itself; None where what it waits for will wake it."""
        if self._orders:
            return 0.0
        if not self._outbox:
            return None if self._hungry else 0.0
        if self._room() > 0:
            return 0.0
        return _HELD if self._held else None

    def _hear(self, kind: str, payload: Any) -> None:
        if kind == "ready":
            self.ready = True
        elif kind == "told":
            results, self.requests, self._connections, degraded, error = payload
            self._there -= len(results)
            if error is not None:
                logger.error("The fast engine gives up after an unexpected error.\n%s", error)
            self._degraded = self._degraded or degraded
            self._tell(results)

    def _give_back(self, code: str) -> None:
        """Hands over all that is under way. To be called once this lane has gone."""
        self._outbox.clear()  # or else it would keep bodies that others see to
        self._tell([(number, code, "", None, None) for number in list(self._puts)])

    def _close_wake(self) -> None:
        self._wake.close()
        self._wake_read.close()

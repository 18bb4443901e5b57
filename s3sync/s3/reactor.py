"""One thread's event loop: sockets that are ready, calls that are due, calls from other threads; nothing else.

asyncio's loop does the same with a transport, a protocol and some handles for every connection and every event; for
requests that take the processor some ten microseconds each, that was half of it.
"""

from __future__ import annotations

import heapq
import selectors
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
_FEW = 64
"""So many timers that were cancelled wait for their time; what is more than that, and most of all, is swept out."""


class Timer:
    """A call that is due later."""

    __slots__ = ("_cancelled", "_reactor", "args", "callback")

    def __init__(self, reactor: Reactor, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._reactor, self.callback, self.args = reactor, callback, args
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """It will not be made; harmless if it has been."""
        if not self._cancelled:
            self._cancelled = True
            self._reactor._cancelled_one()


class Reactor:
    """All of it belongs to the thread that runs it, but for `call_soon_threadsafe`.

    In a round come first the sockets that are ready, then the timers that are due, then the calls that were asked for:
    whoever looks from a timer for what has not moved does not blame it on a loop that was held up.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._cancelled = 0
        self._on_error: Callable[[BaseException], None] | None = None
        self._asleep = self._stopping = self._closed = False
        self._ear, self._bell = socket.socketpair()
        for end in (self._ear, self._bell):
            end.setblocking(False)
        self.watch(self._ear, READ, self._rung)

    # Sockets

    def watch(self, fileobj: Any, events: int, ready: Callable[[int], None]) -> None:
        """`ready` is told the events (`READ`, `WRITE`) for as long as they last: it has to read, or to look away.

        Raises OSError if the system can watch no more of them.
        """
        self._selector.register(fileobj, events, ready)

    def rewatch(self, fileobj: Any, events: int, ready: Callable[[int], None]) -> None:
        """Other events, or another callback, for what is watched already."""
        self._selector.modify(fileobj, events, ready)

    def forget(self, fileobj: Any) -> None:
        """To be called before it is closed."""
        self._selector.unregister(fileobj)

    # Calls

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        """In this round or the next, after those that were asked for earlier."""
        self._ready.append((callback, args))

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        """Any thread, and a signal's handler too. Raises RuntimeError when the loop has been closed."""
        if self._closed:
            raise RuntimeError("the loop has been closed")
        self._ready.append((callback, args))
        # The loop says that it goes to sleep before it looks whether there is anything to do.
        if self._asleep:
            with suppress(OSError):  # the bell is full of rings, or it has been closed just now
                self._bell.send(b"\0")

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """`delay` in seconds; none at all is a call at the next opportunity."""
        timer = Timer(self, callback, args)
        heapq.heappush(self._timers, (monotonic() + delay, next(self._numbers), timer))
        return timer

    def set_exception_handler(self, handler: Callable[[BaseException], None]) -> None:
        """It is told of the errors of callbacks; without one, and always in KeyboardInterrupt, the loop ends."""
        self._on_error = handler

    # Running

    def run_forever(self) -> None:
        """Until `stop` is called; may be run again then."""
        try:
            while True:
                self._round()
                if self._stopping:
                    return
        finally:
            self._stopping = self._asleep = False

    def stop(self) -> None:
        """Ends `run_forever` after the round that is under way; if it isn't running, after its first one."""
        self._stopping = True

    def close(self) -> None:
        """Takes back what the loop has of the system; nothing is called any more."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()
        self._selector.close()
        self._ear.close()
        self._bell.close()

    def _round(self) -> None:
        self._asleep = True
        events = self._selector.select(self._patience())
        self._asleep = False
        for key, mask in events:
            try:  # as in `_run`, without the call
                key.data(mask)
            except BaseException as error:  # noqa: BLE001
                self._failed(error)
        timers, ready = self._timers, self._ready
        if timers and timers[0][0] <= (now := monotonic()):
            while timers and timers[0][0] <= now:
                timer = heapq.heappop(timers)[2]
                if timer.cancelled:
                    self._cancelled -= 1
                else:
                    timer._cancelled = True  # there is nothing to cancel any more
                    ready.append((timer.callback, timer.args))
        for _ in range(len(ready)):  # what these ask for is for the next round, so that sockets are not forgotten
            callback, args = ready.popleft()
            self._run(callback, args)

    def _run(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            callback(*args)
        except BaseException as error:  # noqa: BLE001
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        if self._on_error is None or isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        self._on_error(error)

    def _patience(self) -> float | None:
        """Seconds for which there is nothing to do unless a socket is ready; None: no end of it."""
        if self._ready or self._stopping:
            return 0.0
        return max(0.0, self._timers[0][0] - monotonic()) if self._timers else None

    def _rung(self, events: int) -> None:
        with suppress(BlockingIOError):
            self._ear.recv(4096)

    def _cancelled_one(self) -> None:
        """A server that ends every connection must not make one timer per object wait for its minute."""
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled > len(self._timers) // 2:
            self._timers = [entry for entry in self._timers if not entry[2].cancelled]
            heapq.heapify(self._timers)
            self._cancelled = 0

"""The event loop: what it calls, in which order, and what it does when something goes wrong."""

from __future__ import annotations

import selectors
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from s3sync.s3.reactor import READ, WRITE, Reactor

SELECTORS = [
    name
    for name in ("EpollSelector", "KqueueSelector", "PollSelector", "SelectSelector")
    if hasattr(selectors, name)
]  # fmt: skip


@pytest.fixture(params=SELECTORS)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reactor]:
    """On every kind of selector that there is here."""
    monkeypatch.setattr(selectors, "DefaultSelector", getattr(selectors, request.param))
    reactor = Reactor()
    yield reactor
    reactor.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_sockets_come_before_timers_and_calls(loop: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    """Whoever looks from a timer for what has stood still does not blame it on a loop that was held up."""
    heard: list[str] = []
    here, there = pair
    there.send(b"x")
    loop.call_soon(heard.append, "call")
    loop.call_later(0.02, heard.append, "second")
    loop.call_later(0.01, heard.append, "first")
    loop.call_later(0.03, loop.stop)
    loop.watch(here, READ, lambda events: heard.append(f"read {len(here.recv(9))}"))
    time.sleep(0.05)
    loop.run_forever()
    assert ["read 1", "call", "first", "second"] == heard


def test_events_are_those_that_were_asked_for(loop: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    """Others, once that is said; none, once it is forgotten."""
    here, there = pair
    heard: list[int] = []

    def ready(events: int) -> None:
        heard.append(events)
        if events == WRITE:
            loop.rewatch(here, READ, ready)
            there.send(b"x")
        else:
            loop.forget(here)
            loop.call_later(0.01, loop.stop)

    loop.watch(here, WRITE, ready)
    loop.run_forever()
    assert [WRITE, READ] == heard


def test_calls_from_other_threads_wake_it(loop: Reactor) -> None:
    """Each is made, once, in the loop's thread; none waits for a timer."""
    heard: list[tuple[int, int]] = []
    began = time.monotonic()

    def call(number: int) -> None:
        for each in range(200):
            loop.call_soon_threadsafe(hear, number, each)
            if each % 50 == 0:
                time.sleep(0.002)

    def hear(number: int, each: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        heard.append((number, each))
        if len(heard) == 800:
            loop.stop()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    loop.call_later(30, loop.stop)
    loop.run_forever()
    for thread in threads:
        thread.join()
    assert [(number, each) for number in range(4) for each in range(200)] == sorted(heard)
    assert time.monotonic() - began < 20


def test_a_signal_handler_may_call(loop: Reactor) -> None:
    """Also while the loop sleeps in the very thread that takes the signal."""
    heard: list[str] = []

    def handler(*_: object) -> None:
        loop.call_soon_threadsafe(heard.append, "signal")
        loop.call_soon_threadsafe(loop.stop)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        timer = loop.call_later(20, loop.stop)
        loop.run_forever()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ["signal"] == heard
    assert not timer.cancelled


def test_a_closed_loop_takes_no_calls() -> None:
    """The caller hears so, and sees to it what becomes of them."""
    loop = Reactor()
    loop.close()
    with pytest.raises(RuntimeError):
        loop.call_soon_threadsafe(print)


def test_cancelled_timers_do_not_pile_up(loop: Reactor) -> None:
    """Nor are those lost that were not cancelled; to cancel twice, or too late, is harmless."""
    heard: list[int] = []
    for number in range(3000):
        timer = loop.call_later(60 if number % 1000 else 0.01, heard.append, number)
        if number % 1000:
            timer.cancel()
            timer.cancel()
    assert len(loop._timers) < 200
    for _ in range(5):
        loop.call_later(0.01, heard.append, -1).cancel()
    last = loop.call_later(0.02, loop.stop)
    loop.run_forever()
    last.cancel()
    assert [0, 1000, 2000] == heard
    assert loop._cancelled == sum(entry[2].cancelled for entry in loop._timers)


def test_errors_of_callbacks_are_told(loop: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    """Whatever called it; and the rest goes on."""
    told: list[BaseException] = []
    here, there = pair
    there.send(b"x")

    def fail(*_: object) -> None:
        if _:
            loop.forget(here)
        raise ZeroDivisionError

    loop.set_exception_handler(told.append)
    loop.watch(here, READ, fail)
    loop.call_soon(fail)
    loop.call_later(0.01, fail)
    loop.call_later(0.02, loop.stop)
    loop.run_forever()
    assert [ZeroDivisionError] * 3 == [type(error) for error in told]


def test_an_interrupted_loop_goes_on_where_it_was(loop: Reactor) -> None:
    """^C ends it, and whoever runs it again loses nothing but the call that was interrupted."""
    heard: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    loop.set_exception_handler(lambda error: heard.append("told"))
    loop.call_soon(interrupt)
    loop.call_soon(heard.append, "later")
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert [] == heard
    loop.stop()  # before it runs: one round, and no waiting
    loop.run_forever()
    assert ["later"] == heard
    loop.call_later(20, heard.append, "waited")
    loop.stop()
    loop.run_forever()
    assert ["later"] == heard


def test_calls_that_ask_for_calls_leave_room_for_sockets(
    loop: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    """They come in the next round, after what can be read by then."""
    here, there = pair
    heard: list[str] = []

    def again(number: int) -> None:
        there.send(b"x")
        heard.append("call")
        if number:
            loop.call_soon(again, number - 1)
        else:
            loop.stop()

    loop.watch(here, READ, lambda events: heard.append(here.recv(9).decode()))
    loop.call_soon(again, 2)
    loop.run_forever()
    assert ["call", "x", "call", "x", "call"] == heard


def test_without_a_handler_errors_come_out(loop: Reactor) -> None:
    """No error is lost."""
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loop.run_forever()

"""SIGINT and SIGTERM: the first is a wish, the second an order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@contextmanager
def signals_noted(note: Callable[[int], None]) -> Iterator[None]:
    """Turns the first SIGINT or SIGTERM into a note, and the second into an immediate exit. Main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def noted(number: int, _: Any) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        note(number)

    before = {number: signal.signal(number, noted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SecondSignal(BaseException):
    """The order to end, where something has to be undone first."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True)
class Undoing:
    """Whether what was begun is being undone, and what came meanwhile."""

    begun: bool = False
    order: int | None = None


@contextmanager
def second_signal_raised() -> Iterator[Undoing]:
    """Within it, the second signal raises SecondSignal, so that what was begun is undone; then the process exits.

    Once `begun` is set, the second waits for the undoing to end. The third exits at once. Main thread only.
    """
    undoing = Undoing()
    if threading.current_thread() is not threading.main_thread():
        yield undoing
        return
    count = 0
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def noted(number: int, frame: Any) -> None:
        nonlocal count
        count += 1
        if count == 1 and callable(before[number]):
            before[number](number, frame)
        elif count == 2:
            undoing.order = number
            if not undoing.begun:
                raise SecondSignal(number)
        elif count > 2:
            os._exit(128 + number)

    for number in before:
        signal.signal(number, noted)
    try:
        yield undoing
    except SecondSignal:
        pass
    finally:
        if undoing.order is not None:
            os._exit(128 + undoing.order)
        for number, handler in before.items():
            signal.signal(number, handler)

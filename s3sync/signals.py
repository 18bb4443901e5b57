"""SIGINT and SIGTERM: the first is a wish, the second an order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

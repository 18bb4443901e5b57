"""The process that walks a large folder; `far_walk` is its other end.

It has a bare interpreter, knows nothing of Django or botocore, and gets what it needs for one `Walk` through its
standard input. What it finds goes to its standard output; when nobody reads there any more, it ends.
"""

from __future__ import annotations

import _thread
import contextlib
import marshal
import os
import pickle
import sqlite3
import sys
import time
from typing import Any

from ..child import leave_signals_to_parent
from ..core.columns import Files
from ..core.plan import Entry
from .settled import Place, Settled
from .walk import Walk

LENGTH = 4
"""Bytes before each message that say how long it is."""
FILES, ENTRY, HELD, END, BROKEN = range(5)
"""The kinds of messages: files of a folder that follow each other, another entry, one without its place in the order,
what the walk says at its end, or why it has come to none.
"""
_ENOUGH = 32 * 1024
"""Bytes that go out together, or ..."""
_SOON = 0.005
"""... what there is after so many seconds: each time wakes the other end."""
_EVERY = 1.0
"""Seconds between two looks at who is there."""


class _Answers:
    """Messages on their way out."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._parts: list[bytes] = []
        self._size, self._sent = 0, time.monotonic()

    def say(self, kind: int, payload: Any) -> None:
        data = marshal.dumps((kind, payload))
        self._parts += len(data).to_bytes(LENGTH, "big"), data
        self._size += LENGTH + len(data)
        if self._size >= _ENOUGH or time.monotonic() - self._sent >= _SOON:
            self.flush()

    def flush(self) -> None:
        rest = b"".join(self._parts)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._parts, self._size, self._sent = [], 0, time.monotonic()

    def hold(self, entry: Entry) -> None:
        self.say(HELD, pickle.dumps(entry))


def encoding() -> tuple[str, str]:
    """How names on the disk become text."""
    return sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


def main() -> None:
    """The whole process."""
    leave_signals_to_parent()
    # Not by a timer's signal: there are file systems which answer every call with EINTR then.
    _thread.start_new_thread(_end_with, (os.getppid(),))
    with contextlib.suppress(OSError, EOFError):  # nobody is there
        its_encoding, how, place = pickle.load(sys.stdin.buffer)
        if its_encoding == encoding():  # or else names would not be the same here and there
            answers = _Answers(sys.stdout.fileno())
            try:
                _walk(how, place, answers)
            except Exception as error:  # noqa: BLE001  the other end tells of it
                answers.say(BROKEN, f"{type(error).__name__}: {error}")
            answers.flush()
    os._exit(0)


def _end_with(parent: int) -> None:
    """Ends when that process has gone, though one that it has forked may still hold the other end."""
    while os.getppid() == parent:
        time.sleep(_EVERY)
    os._exit(0)


def _walk(how: dict[str, Any], place: Place | None, answers: _Answers) -> None:
    walk, settled = Walk(hold=answers.hold, **how), _settled(place)
    for entry in walk.stretches():
        if isinstance(entry, Files):
            files = entry if settled is None else settled.seen(entry)
            # Of files that are settled nobody asks for the stamps: unpacking them is left to who does.
            stamps = marshal.dumps(files.stamps)
            answers.say(FILES, (files.names, stamps, files.folder, files.skip, files.settled))
        else:
            answers.say(ENTRY, pickle.dumps(entry))
    answers.say(END, (walk.complete, walk.files))


def _settled(place: Place | None) -> Settled | None:
    with contextlib.suppress(sqlite3.Error):
        return None if place is None else Settled(place)
    return None

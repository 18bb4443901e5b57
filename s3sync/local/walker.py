"""The process that walks a large folder; `far_walk` is its other end.

It has a bare interpreter, knows nothing of Django or botocore, and gets what it needs for one `Walk` through its
standard input. What it finds goes to its standard output; when nobody reads there any more, it ends.

It may be told first what it will most likely be asked for. It begins with that, and keeps what it finds until it is
asked: if for something else, it begins anew.
"""

from __future__ import annotations

import _thread
import contextlib
import marshal
import os
import pickle
import select
import sqlite3
import sys
import time
from dataclasses import replace
from typing import Any, NamedTuple

from ..child import leave_signals_to_parent
from ..core.columns import Files
from ..core.plan import Entry
from ..garbage import look_rarely, spare_what_is_here
from .settled import Place, Settled, Stamp
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
_MOST = 4 * 1024 * 1024
"""Bytes that are kept until somebody asks for them, or reads them: of some 40,000 files."""


class Errand(NamedTuple):
    """What is to be walked."""

    how: dict[str, Any]
    """The parameters of a `Walk`."""
    place: Place | None
    """Where the state has what is known of these files."""
    state: Stamp | None
    """The state file as it was before. If it is another one now, another run may have sent a file since."""

    @classmethod
    def of(cls, walk: Walk, place: Place | None, state: Stamp | None = None) -> Errand:
        """The same walk for another process; of its scope, only what a walk asks for."""
        scope = replace(walk.scope, foreign=(), held_back=None)
        return cls({**walk.parameters(), "scope": scope}, place, state)


class _Other(Exception):
    """What is asked for is not what was foreseen."""

    def __init__(self, errand: Errand) -> None:
        self.errand = errand


class _Answers:
    """Messages on their way out. While the other end is busy, the walk goes on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)
        self._parts: list[bytes] = []
        self._rest = memoryview(b"")
        """Of the parts before."""
        self._sent = time.monotonic()
        self._size = 0
        """Bytes that have not gone out."""
        self._foreseen: Errand | None = None

    def keep(self, foreseen: Errand | None) -> None:
        """Forgets what was said. From now on, all is kept until somebody asks for that errand, if there is one."""
        self._foreseen = foreseen
        self._parts, self._rest, self._size = [], memoryview(b""), 0

    def say(self, kind: int, payload: Any) -> None:
        """Raises _Other if something else is asked for."""
        data = marshal.dumps((kind, payload))
        self._parts += len(data).to_bytes(LENGTH, "big"), data
        self._size += LENGTH + len(data)
        if self._foreseen is not None:
            if self._size >= _MOST or select.select([sys.stdin], [], [], 0)[0]:
                self.wait()
        elif self._size >= _ENOUGH or time.monotonic() - self._sent >= _SOON:
            self.flush(_MOST)

    @property
    def is_kept(self) -> bool:
        """Whether nobody has asked yet."""
        return self._foreseen is not None

    def wait(self) -> None:
        """Until somebody asks for what was foreseen. Raises _Other if something else is asked for."""
        if self._foreseen is None:
            return
        errand = _next_message()
        if errand != self._foreseen:
            raise _Other(errand)
        self._foreseen = None
        self.flush(_MOST)

    def flush(self, most: int = 0) -> None:
        """Lets out what there is room for, and waits only while it would keep more than so many bytes."""
        self._sent = time.monotonic()
        while self._size:
            if not self._rest:
                self._rest, self._parts = memoryview(b"".join(self._parts)), []
            try:
                written = os.write(self._descriptor, self._rest)
            except BlockingIOError:
                if self._size <= most:
                    return
                select.select([], [self._descriptor], [])
            else:
                self._rest = self._rest[written:]
                self._size -= written

    def hold(self, entry: Entry) -> None:
        self.say(HELD, pickle.dumps(entry))


def encoding() -> tuple[str, str]:
    """How names on the disk become text."""
    return sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


def write_all(descriptor: int, data: bytes) -> None:
    """Raises OSError where nobody reads."""
    while data:
        data = data[os.write(descriptor, data) :]


def message(content: Any) -> bytes:
    """For the standard input of this process: first `encoding` and an `Errand` or None, then an `Errand`."""
    data = pickle.dumps(content)
    return len(data).to_bytes(LENGTH, "big") + data


def main(parent: int) -> None:
    """The whole process, which that one has started."""
    leave_signals_to_parent()
    look_rarely()
    spare_what_is_here()
    # Not by a timer's signal: there are file systems which answer every call with EINTR then.
    _thread.start_new_thread(_end_with, (parent,))
    with contextlib.suppress(OSError, EOFError):  # nobody is there
        its_encoding, foreseen = _next_message()
        if its_encoding == encoding():  # or else names would not be the same here and there
            _serve(foreseen, _Answers(sys.stdout.fileno()))
    os._exit(0)


def _serve(foreseen: Errand | None, answers: _Answers) -> None:
    errand = foreseen or _next_message()
    answers.keep(foreseen)
    while True:
        try:
            _walk(errand, answers)
            answers.wait()
        except _Other as other:
            errand = other.errand
        except Exception as error:  # noqa: BLE001  the other end tells of it
            if not answers.is_kept:
                answers.say(BROKEN, f"{type(error).__name__}: {error}")
                break
            errand = _next_message()  # by then there is somebody to tell, if it is met again
        else:
            break
        answers.keep(None)
    answers.flush()


def _next_message() -> Any:
    """What the other end says. Raises EOFError when it has gone."""
    return pickle.loads(_read(int.from_bytes(_read(LENGTH), "big")))


def _read(size: int) -> bytes:
    # Not through a buffer, which would keep what comes next from being seen.
    data = b""
    while len(data) < size:
        some = os.read(sys.stdin.fileno(), size - len(data))
        if not some:
            raise EOFError
        data += some
    return data


def _end_with(parent: int) -> None:
    """Ends when that process has gone, though one that it has forked may still hold the other end."""
    while os.getppid() == parent:
        time.sleep(_EVERY)
    os._exit(0)


def _walk(errand: Errand, answers: _Answers) -> None:
    walk, settled = Walk(hold=answers.hold, **errand.how), _settled(errand.place)
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

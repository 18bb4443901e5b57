"""A walk by a process of its own: of a large folder, where the walk is a third of all that an unchanged run does."""

from __future__ import annotations

import contextlib
import json
import logging
import marshal
import os
import pickle
import subprocess
from collections.abc import Iterator
from functools import partial
from typing import Any

from ..bare import interpreter
from ..core.columns import Files
from ..core.objects import is_plain
from ..core.plan import Entry
from ..core.scope import Scope
from ..exceptions import SourceError
from . import walker
from .settled import Place, Stamp
from .walk import Walk
from .walker import Errand

logger = logging.getLogger(__name__)

_BUFFER = 256 * 1024
LARGE = "large"
"""What is noted of a large folder where its errand can't be foreseen."""


class WalkBroken(SourceError):
    """A folder was walked in part, and nobody knows what else there is."""


class FarWalk:
    """Starts the process, which takes a tenth of a second to get ready. Used by one thread; to be closed.

    It is not needed: where none can be had, and where it ends before it has told anything, the walk is done here.
    """

    def __init__(self, foreseen: Errand | None = None) -> None:
        """The process begins with what is foreseen, and anew if it is asked for something else then."""
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            self._process = interpreter(
                walker.__name__, os.getpid(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=_BUFFER
            )  # fmt: skip
            self._send((walker.encoding(), foreseen))

    def stretches(
        self, walk: Walk, place: Place | None = None, state: Stamp | None = None
    ) -> Iterator[Entry | Files]:  # fmt: skip
        """What this walk yields; it is used up then. Raises WalkBroken if the process ends before the walk does.

        Files come with what the state has of them at this place. `state` is the state file as it is now.
        """
        told = False
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._send(Errand.of(walk, place, state))
            for kind, payload in self._answers(self._process):
                told = True
                if kind == walker.FILES:
                    names, stamps, folder, skip, settled = payload
                    yield Files(names, partial(marshal.loads, stamps), folder=folder, skip=skip, settled=settled)
                elif kind == walker.ENTRY:
                    yield pickle.loads(payload)
                elif kind == walker.HELD:
                    walk.hold(pickle.loads(payload))
                elif kind == walker.END:
                    walk.complete, walk.files = payload
                    return
                else:
                    raise WalkBroken(walk.root, f"the walk broke off ({payload})", code="WalkBroken")
        if told:
            raise WalkBroken(
                walk.root, "the process that walked through it has gone", code="WalkBroken",
                hint="did the system end it, for want of memory? Run it again",
            )  # fmt: skip
        logger.info("No other process walks: this one does.")
        yield from walk.stretches()

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.__exit__(None, None, None)

    def _send(self, content: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        walker.write_all(self._process.stdin.fileno(), walker.message(content))

    def _answers(self, process: subprocess.Popen[bytes]) -> Iterator[tuple[int, Any]]:
        """Its messages, until it has ended."""
        assert process.stdout is not None
        read = process.stdout.read
        while len(head := read(walker.LENGTH)) == walker.LENGTH:
            size = int.from_bytes(head, "big")
            data = read(size)
            if len(data) < size:
                return
            yield marshal.loads(data)


def noted(errand: Errand) -> str:
    """An errand as a text that is kept until the next run."""
    how = {name: value for name, value in errand.how.items() if name not in ("root", "now", "is_regular")}
    scope = how.pop("scope")
    how["scope"] = {"prefix": scope.prefix, "ignore": scope.ignore, "include": scope.include}
    return json.dumps([how, errand.place])


def foreseen(root: str, text: str, state: Stamp | None = None) -> Errand | None:
    """The errand that was noted of this folder, if the state is as it is now; None where that can't be told."""
    try:
        how, place = json.loads(text)
        of = how.pop("scope")
        scope = Scope(prefix=of["prefix"], ignore=tuple(of["ignore"]), include=tuple(of["include"]))
        walk = Walk(root=root, scope=scope, hold=lambda entry: None, is_regular=is_plain, **how)
        return Errand.of(walk, None if place is None else Place(*place), state)
    except (ValueError, TypeError, AttributeError, KeyError):  # another version's
        return None

"""Runs a function in a child process: as somebody whom permissions hold back, or with less room than usual."""

from __future__ import annotations

import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
NOBODY = 65534


def in_child(function: Callable[[], T]) -> Callable[[], T]:
    """Starts `function` in a forked child; calling what this returns waits for its result. It has to be picklable."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: the child starts none
        child = os.fork()
    if not child:
        os.close(reader)
        _answer(writer, function)
    os.close(writer)

    def result() -> T:
        with os.fdopen(reader, "rb") as stream:
            answer = stream.read()
        os.waitpid(child, 0)
        good, found = pickle.loads(answer)
        assert good, found
        return found  # type: ignore[no-any-return]

    return result


def _answer(writer: int, function: Callable[[], object]) -> None:
    """The child's whole life."""
    try:
        try:
            answer = pickle.dumps((True, function()))
        except BaseException:  # noqa: BLE001  the parent shows it
            answer = pickle.dumps((False, traceback.format_exc()))
        with os.fdopen(writer, "wb") as stream:
            stream.write(answer)
    finally:
        os._exit(0)


def as_nobody(function: Callable[[], T]) -> T:
    """The result of `function` for a user whom permissions hold back: root reads everything."""
    if os.geteuid():
        return function()

    def stripped() -> T:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        return function()

    return in_child(stripped)()

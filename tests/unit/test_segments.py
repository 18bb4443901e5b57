"""What a killed run, or a machine that went down, leaves of a large file."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from s3sync.exceptions import LockHeld
from s3sync.local import segments
from s3sync.local.placing import Destination
from s3sync.local.segments import Segments


def test_two_pulls_do_not_share_an_unfinished_file(tmp_path: Path) -> None:
    """The later one would write its marks behind a file that the other has put in place, and may die before it is cut
    off: too long, and recorded as whole."""
    first, second = (Destination(root=str(tmp_path), label="b") for _ in range(2))
    first.open()
    made = first.unfinished("a", "etag")
    with contextlib.suppress(LockHeld):
        second.open()
    sinks = [
        Segments(destination=each, name=made, size=20, length=10) for each in (first, second) if each._workshop >= 0
    ]
    for sink in sinks:
        sink.open()
        sink.write(b"0123456789" * 2, 0)
    sinks[0].finish()
    first.place(made, "a", None, None)
    if len(sinks) > 1:
        sinks[1].done(10)
    assert b"0123456789" * 2 == (tmp_path / "a").read_bytes()
    for sink in sinks:
        sink.close()
    second.close(sweep=True)
    first.close(sweep=True)
    assert ["a"] == os.listdir(tmp_path)
    second.open()
    second.close(sweep=True)


def test_a_segment_is_on_the_disk_before_its_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else, after a power failure, the next run would take a hole for content: many ETags tell nothing of it."""
    happened: list[str] = []

    def noting(name: str, what: str) -> Any:
        call = getattr(os, name)
        monkeypatch.setattr(segments.os, name, lambda *args: (happened.append(what), call(*args))[1])

    destination = Destination(root=str(tmp_path), label="b")
    destination.open()
    sink = Segments(destination=destination, name="made", size=20, length=10)
    sink.open()
    noting("pwrite", "written")
    noting("fdatasync", "on the disk")
    sink.write(b"0123456789", 10)
    sink.done(10)
    assert ["written", "on the disk", "written"] == happened
    assert [(0, 10)] == sink.missing()
    sink.close()
    destination.close(sweep=False)

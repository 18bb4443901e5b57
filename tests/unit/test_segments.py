"""What a killed run, or a machine that went down, leaves of a large file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from s3sync.local import segments
from s3sync.local.placing import Destination
from s3sync.local.segments import Segments


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

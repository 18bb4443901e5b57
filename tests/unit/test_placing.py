"""What only the right moment shows: somebody writes between the last look at a file and its replacement."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from s3sync.core.objects import LocalFile
from s3sync.local.exchange import exchange
from s3sync.local.obstacles import InTheWay, Taken
from s3sync.local.placing import Destination


def seen(path: Path) -> LocalFile:
    """A file as a walk sees it."""
    status = path.stat()
    return LocalFile("a", str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class Overtaken(Destination):
    """Somebody does something to the file right after it was looked at."""

    def _check(self, folder: int, base: str, name: str, seen: LocalFile) -> bool:
        there = super()._check(folder, base, name, seen)
        path = Path(self.root) / name
        if name == "folder":
            path.unlink()
            path.mkdir()
        elif name == "saved":  # as an editor does
            path.with_name("new").write_bytes(b"ours, new")
            os.replace(path.with_name("new"), path)
        else:
            path.write_bytes(b"ours, new")
        return there


@pytest.mark.parametrize(("name", "error"), [("saved", Taken), ("written", Taken), ("folder", InTheWay)])
def test_who_was_quicker_than_the_look_keeps_his_file(tmp_path: Path, name: str, error: Any) -> None:
    """Where the system can swap names; elsewhere the window stays."""
    destination = Overtaken(root=str(tmp_path), label="b")
    destination.open()
    (tmp_path / name).write_bytes(b"ours")
    destination.write("made", [b"theirs"])
    if not _can_swap(tmp_path):
        pytest.skip("this file system can't swap names")
    with pytest.raises(error):
        destination.place("made", name, seen(tmp_path / name), 0)
    assert (tmp_path / name).is_dir() or (tmp_path / name).read_bytes() == b"ours, new"
    destination.discard("made")
    destination.close(sweep=True)
    assert [name] == os.listdir(tmp_path)


def _can_swap(folder: Path) -> bool:
    for name in ("x", "y"):
        (folder / name).write_text(name)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        can = exchange(descriptor, "x", descriptor, "y")
        assert not can or (folder / "x").read_text() == "y"
        with pytest.raises(FileNotFoundError):
            exchange(descriptor, "x", descriptor, "missing")
    finally:
        os.close(descriptor)
        for name in ("x", "y"):
            (folder / name).unlink()
    return can

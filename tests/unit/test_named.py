"""The files of a list are those that a walk finds, entry for entry."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.core.objects import LocalFile
from s3sync.core.plan import Entry, Passed
from s3sync.core.scope import Scope
from s3sync.exceptions import SourceError
from s3sync.local.named import NamedFiles
from s3sync.local.walk import Walk


def make(root: Path) -> None:
    """Files, folders, and links that lead to each kind of place."""
    for name in ("a.txt", "a-b/c.txt", "a/b/c/d.txt", "a/b.txt", ".hidden/x", "z/é.txt", "tmp/t.txt", "Thumbs.db"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "o.txt").write_text("o")
    for link, led in (
        ("l.txt", root / "a.txt"), ("la", root / "a"), ("a/up", root), ("out", outside), ("o.txt", outside / "o.txt"),
        ("a/b/broken", root / "nowhere"), ("lla", root / "la"), ("self", root / "self"),
    ):  # fmt: skip
        (root / link).symlink_to(led)


def found(kind: Any, root: Path, **how: Any) -> list[Entry]:
    held: list[Entry] = []
    scope = Scope(prefix=how.pop("prefix", ""), ignore=("tmp",))
    walk = kind(root=str(root), scope=scope, hold=held.append, is_regular=lambda name: True, **how)
    return [*walk, *held]


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("prefix", ["", "a", "a/b", "la/"])
def test_list_of_what_a_walk_meets(tmp_path: Path, follow: bool, prefix: str) -> None:
    """Whatever name a walk says, a list may say, and the same comes of it."""
    root = tmp_path / "media"
    root.mkdir()
    make(root)
    walked = found(Walk, root, follow_symlinks=follow, prefix=prefix)
    names = tmp_path / "names"
    names.write_text("".join(f"{entry.name}\n" for entry in reversed(walked)))
    named = found(
        NamedFiles, root, source=str(root), listed_in=str(names), follow_symlinks=follow, prefix=prefix
    )  # fmt: skip

    assert [entry for entry in walked if isinstance(entry, LocalFile)] == [
        entry for entry in named if isinstance(entry, LocalFile)
    ]
    reasons = {entry.name: entry.reason for entry in walked if isinstance(entry, Passed)}
    assert reasons == {entry.name: entry.reason for entry in named if isinstance(entry, Passed)}
    assert len(named) == len(walked) > 0


@pytest.mark.parametrize(
    ("content", "null", "said"),
    [
        (b"a.txt\nb.txt\n", True, "leave --null out"), (b"a.txt\0b.txt\0", False, "add --null"),
        (b"." * 100_000, False, "it is no list"), (b"x\n" * 10 + b"." * 100_000 + b"\nx", False, "it is no list"),
        (None, False, "is a directory"),
    ],
)  # fmt: skip
def test_what_is_no_list(tmp_path: Path, content: bytes | None, null: bool, said: str) -> None:
    """It is refused before the first name is said."""
    path = tmp_path / "names"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(SourceError) as refused:
        found(NamedFiles, tmp_path, source=str(tmp_path), listed_in=str(path), null=null)
    assert said in f"{refused.value}"
    assert "FilesFromUnreadable" == refused.value.code


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=12)), st.booleans())
def test_any_bytes_are_a_list_or_are_refused(records: list[bytes], null: bool) -> None:
    """No content leads out of the folder, and each name is said once."""
    here = Path(os.path.realpath(os.path.dirname(__file__)))
    reading, writing = os.pipe()
    with open(reading, "rb") as kept, open(writing, "wb") as pipe:
        pipe.write(b"\n".join(records))
        pipe.close()
        entries: list[Entry] = []
        with suppress(SourceError):
            entries = found(NamedFiles, here, source=str(here), listed_in=f"/dev/fd/{kept.fileno()}", null=null)
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names)
    assert all(entry.path.startswith(f"{here}/") for entry in entries if isinstance(entry, LocalFile))

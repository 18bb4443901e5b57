"""What the guard of secrets has looked into, and what goes on to be sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from s3sync.core.comparison import NEW, Pair
from s3sync.core.objects import LocalFile
from s3sync.core.report import Report, TargetFacts
from s3sync.local.reading import AT_ONCE
from s3sync.s3.target import Rendering
from s3sync.s3.transfer import WriteParameters
from s3sync.sync.guard import Guard, Publicity
from s3sync.sync.jobs import Job
from s3sync.sync.run import PushOptions, Run

SECRET = b"SQLite format 3\0" + bytes(100)


class Taker:
    """Takes the jobs that pass, and sees nothing else of the run."""

    minds_unchanged = False

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def act(self, job: Job) -> None:
        self.jobs.append(job)

    def saw(self, event: Any) -> None: ...

    def moved(self, progress: Any) -> None: ...

    def ease(self) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


def given(path: Path, content: bytes, **options: Any) -> tuple[Taker, Report]:
    """Lets a guard decide on one file that everybody may read."""
    path.write_bytes(content)
    status = os.stat(path)
    file = LocalFile(
        path.name, str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
    )  # fmt: skip
    taker, report = Taker(), Report(command="", version="", run_id="", started="", target=TargetFacts("default"))
    run = Run(PushOptions(**options), report, taker)
    target: Any = None
    guard = Guard(taker, run, Publicity(target, None, _always=True))
    guard.act(Job(path.name, Pair(file, None, None, file.size), NEW, Rendering(WriteParameters({}))))
    return taker, report


@pytest.mark.parametrize("size", [0, 1, AT_ONCE])
def test_what_was_looked_into_is_what_is_sent(tmp_path: Path, size: int) -> None:
    """A secret that takes the file's place a moment later does not go out under the old one's name."""
    taker, _ = given(tmp_path / "a.bin", b"x" * size)
    (tmp_path / "a.bin").write_bytes(SECRET)

    (job,) = taker.jobs
    assert job.read is not None
    assert b"x" * size == job.read.data


@pytest.mark.parametrize("options", [{}, {"dry_run": True}])
@pytest.mark.parametrize("size", [len(SECRET), AT_ONCE, AT_ONCE + 1])
def test_secrets_of_every_size_stay(tmp_path: Path, size: int, options: dict[str, Any]) -> None:
    """Read as a whole or not, sent or only rehearsed."""
    taker, report = given(tmp_path / "a.bin", SECRET.ljust(size, b"x"), **options)

    assert not taker.jobs
    assert 1 == report.counts["skipped"]


@pytest.mark.parametrize(("size", "options"), [(AT_ONCE + 1, {}), (5, {"dry_run": True})])
def test_no_more_is_read_than_is_needed(tmp_path: Path, size: int, options: dict[str, Any]) -> None:
    """Large files are left to threads, and a rehearsal sends nothing."""
    taker, _ = given(tmp_path / "a.bin", b"x" * size, **options)

    assert [None] == [job.read for job in taker.jobs]


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    """Whoever reads it next says so."""
    taker, _ = given(tmp_path / "a.bin", b"x")
    (tmp_path / "a.bin").unlink()
    (job,) = taker.jobs
    target: Any = None
    guard = Guard(taker, Run(PushOptions(), Report(
        command="", version="", run_id="", started="", target=TargetFacts("default")
    ), taker), Publicity(target, None, _always=True))  # fmt: skip
    guard.act(job._replace(read=None))

    assert 2 == len(taker.jobs)
    assert taker.jobs[1].read is None

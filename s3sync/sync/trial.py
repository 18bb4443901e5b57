"""`s3_doctor --write`: a small object goes there and back."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.events import Diagnosis
from ..doctor.facts import Examined, StorageSeen
from ..s3.target import Target
from .run import Run


def tried(run: Run, target: Target, seen: StorageSeen, facts: Examined) -> Iterator[Diagnosis]:
    """What came of it. Nothing is left behind."""
    yield from ()

"""What in the project's own code and settings breaks on S3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.events import Diagnosis


def of_project(settings: Any) -> Iterator[Diagnosis]:
    """Diagnoses of code, templates and neighbours. Asks nothing of the network."""
    yield from ()

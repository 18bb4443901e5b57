"""How much of a test with chance or size in it is run: a sample by default, all of it with S3SYNC_TEST_SOAK=1.

`make soak` sets that. S3SYNC_TEST_SEEDS says how many seeds or examples are taken; S3SYNC_TEST_SEED=n repeats the run
that has printed it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from typing import TypeVar

import pytest

SOAK = bool(os.environ.get("S3SYNC_TEST_SOAK") or os.environ.get("S3SYNC_TEST_SEED"))
"""A seed that was found in a soak means the same again."""
IN_SOAK = pytest.mark.skipif(not SOAK, reason="only in a soak")
ONLY_IN_SOAK = (pytest.mark.soak, IN_SOAK)
"""For rows of a table that show what another row shows as well, on another server or with another engine."""
T = TypeVar("T")


def seeds(few: int, many: int) -> Sequence[int]:
    """The seeds to try: S3SYNC_TEST_SEED alone, or S3SYNC_TEST_SEEDS of them, or `many` in a soak, else `few`.

    S3SYNC_TEST_SEEDS=300-400 is a hundred others.
    """
    if only := os.environ.get("S3SYNC_TEST_SEED"):
        return (int(only),)
    first, _, end = (os.environ.get("S3SYNC_TEST_SEEDS") or str(many if SOAK else few)).rpartition("-")
    return range(int(first or 0), int(end))


def amount(few: int, many: int) -> int:
    """How many examples or steps to take."""
    first, _, end = (os.environ.get("S3SYNC_TEST_SEEDS") or str(many if SOAK else few)).rpartition("-")
    return int(end) - int(first or 0)


def chosen_seed() -> int:
    """The seed of this run, printed so that it can be repeated."""
    seed = int(os.environ.get("S3SYNC_TEST_SEED") or secrets.randbelow(10**9))
    print(f"S3SYNC_TEST_SEED={seed}")  # noqa: T201
    return seed


def share(things: Sequence[T], part: int, parts: int) -> Sequence[T]:
    """All of them in a soak; else the part of that number, so that several tests together meet each."""
    return things if SOAK else things[part % parts :: parts]

"""How much of a test with chance in it is run: little by default, all of it with S3SYNC_TEST_SOAK=1 (`make soak`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

SOAK = bool(os.environ.get("S3SYNC_TEST_SOAK") or os.environ.get("S3SYNC_TEST_SEED"))
"""A seed that was found in a soak means the same again."""
IN_SOAK = pytest.mark.skipif(not SOAK, reason="only in a soak")
T = TypeVar("T")


def seeds(few: int, many: int) -> Sequence[int]:
    """The seeds to try: S3SYNC_TEST_SEED alone, or S3SYNC_TEST_SEEDS of them, or `many` in a soak, else `few`.

    S3SYNC_TEST_SEEDS=300-400 is a hundred others.
    """
    if only := os.environ.get("S3SYNC_TEST_SEED"):
        return (int(only),)
    first, _, end = (os.environ.get("S3SYNC_TEST_SEEDS") or str(many if SOAK else few)).rpartition("-")
    return range(int(first or 0), int(end))


def share(things: Sequence[T], part: int, parts: int) -> Sequence[T]:
    """All of them in a soak; else the part of that number, so that several tests together meet each."""
    return things if SOAK else things[part % parts :: parts]

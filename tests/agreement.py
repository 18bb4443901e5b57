"""What the state file says of objects, held against the bucket; and what random tests are made of."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

SOAK = os.environ.get("S3SYNC_TEST_SOAK") == "1"
STATE = "state.sqlite3"
MIXED = "0" * 32
"""In place of an MD5: our own object, which holds the bytes of no file."""

soak = pytest.mark.soak
"""Random tests: small in the default run, large with S3SYNC_TEST_SOAK=1, which `make soak` sets."""


def seeds(usual: int, soaked: int) -> list[int]:
    """The seeds of a random test: `usual` of them by default, `soaked` or S3SYNC_TEST_SEEDS with S3SYNC_TEST_SOAK=1.

    The default run has the same ones each time; S3SYNC_TEST_SEED repeats one.
    """
    one = os.environ.get("S3SYNC_TEST_SEED")
    if one:
        return [int(one)]
    return list(range(1, 1 + (int(os.environ.get("S3SYNC_TEST_SEEDS") or soaked) if SOAK else usual)))


def chance(seed: int) -> random.Random:
    """Chance that can be repeated; pytest shows the seed of what fails."""
    print(f"S3SYNC_TEST_SEED={seed}")
    return random.Random(seed)


def known(state: Path) -> dict[str, tuple[str, int, str]]:
    """Key -> ETag, size and MD5 as the state file remembers them; SQLite finds the file whole."""
    database = sqlite3.connect(state / STATE)
    try:
        assert [("ok",)] == database.execute("PRAGMA integrity_check").fetchall()
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'known'").fetchall():
            return {}  # it was killed before it had tables
        rows = database.execute("SELECT key, etag, size, md5 FROM known").fetchall()
        return {key: (etag, size, md5.hex()) for key, etag, size, md5 in rows}
    finally:
        database.close()


def stored(s3: Any, bucket: str, prefix: str = "media/") -> dict[str, tuple[str, int]]:
    """Key -> ETag and size of everything under a prefix."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {
        entry["Key"]: (entry["ETag"].strip('"'), entry["Size"]) for page in pages for entry in page.get("Contents", ())
    }


def md5_of(s3: Any, bucket: str, key: str) -> str:
    """Of an object's bytes."""
    return hashlib.md5(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()


def lies(state: Path, s3: Any, bucket: str, *, replaced: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Records that speak of an object which is not there, or of bytes that it does not hold.

    `replaced` are keys that others have written to: there, a record is true if it does not claim the object.
    """
    found, wrong = stored(s3, bucket), {}
    for key, (etag, size, md5) in known(state).items():
        there = found.get(key)
        claims = there == (etag, size)
        if (not claims and key not in replaced) or (claims and md5 not in (MIXED, md5_of(s3, bucket, key))):
            wrong[key] = (etag, size, md5), there
    return wrong

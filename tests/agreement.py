"""What the state file says of objects, held against the bucket; and what random tests are made of."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

STATE = "state.sqlite3"
MIXED = "0" * 32
"""In place of an MD5: our own object, which holds the bytes of no file."""

soak = pytest.mark.soak
"""Random tests: small in the default run, large with S3SYNC_TEST_SOAK=1, which `make soak` sets."""


def say(*what: object) -> None:
    """Tells what pytest shows of a test that fails."""
    sys.stdout.write(" ".join(map(str, what)) + "\n")


def chance(seed: int) -> random.Random:
    """Chance that can be repeated."""
    say(f"S3SYNC_TEST_SEED={seed}")
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


def md5_of(s3: Any, bucket: str, key: str, etag: str) -> str:
    """Of an object's bytes: its ETag, but for uploads in parts."""
    return etag if "-" not in etag else hashlib.md5(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()


def lies(
    state: Path, s3: Any, bucket: str, *, replaced: frozenset[str] = frozenset(), killed: bool = False,
    gone: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Records that claim an object for bytes which it does not hold; and those that know it no more, or not yet.

    `replaced` are keys that others have written to, and `killed` says that a run could not write down what it did last:
    there, a record is true if it does not claim the object. `gone`: an earlier one died while it deleted, so that there
    may be records of no object, which tell nobody anything.
    """
    found, wrong = stored(s3, bucket), {}
    for key, (etag, size, md5) in known(state).items():
        there = found.get(key)
        claims = there == (etag, size)
        behind = not claims and key not in replaced and not killed and not (gone and there is None)
        if behind or (claims and md5 not in (MIXED, md5_of(s3, bucket, key, etag))):
            wrong[key] = (etag, size, md5), there
    return wrong

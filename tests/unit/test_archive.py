"""Which archived manifests are kept."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from s3sync.core.objects import RemoteObject
from s3sync.sync.archive import Archive

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


def archive(days_ago: dict[str, float], **how: Any) -> Archive:
    """An archive whose copies became live so many days ago; `live` is the current one's."""
    target: Any = SimpleNamespace(name_of=lambda key: key)
    found = Archive(target, "live", {}, **how)
    for name, days in days_ago.items():
        found.listed.append(RemoteObject(name, 1, "e", (NOW - timedelta(days=days)).isoformat()))
    return found


@pytest.mark.parametrize(
    ("days_ago", "how", "dropped"),
    [
        ({}, {}, ""),
        ({"live": 900}, {}, ""),
        # live until the next one came: a was replaced 13 days ago, by b
        ({"a": 400, "b": 13, "live": 1}, {"keep_manifests": 1}, ""),
        ({"a": 400, "b": 15, "live": 1}, {"keep_manifests": 1}, "a"),
        ({"a": 400, "b": 15, "live": 1}, {"keep_manifests": 2}, "a"),
        ({"a": 400, "b": 15, "live": 1}, {"keep_manifests": 3}, ""),
        ({"a": 400, "b": 300, "c": 200, "live": 100}, {"keep_manifests": 2}, "ab"),
        ({"a": 400, "b": 300, "c": 200, "live": 100}, {}, ""),
        # the new one's copy is not listed yet: b was live until a moment ago
        ({"a": 400, "b": 300}, {"keep_manifests": 1}, "a"),
        ({"a": 400, "b": 300}, {"keep_manifests": 1, "keep_days": 0}, "ab"),
        # back to an earlier deploy: its listed date is of its first life, and a was live until now
        ({"live": 400, "a": 300}, {"keep_manifests": 1}, ""),
        ({"live": 400, "a": 300, "b": 200}, {"keep_manifests": 1}, "a"),
    ],
)  # fmt: skip
def test_what_is_neither_new_nor_was_live_lately_is_dropped(
    days_ago: dict[str, float], how: dict[str, Any], dropped: str
) -> None:
    found = archive(days_ago, **how).split(NOW.timestamp())
    assert sorted(dropped) == sorted(obj.key for obj in found)

"""Checks of `S3SYNC["MEDIA"]`: its folders against each other, and where they go."""

from __future__ import annotations

import os
from itertools import combinations
from typing import TYPE_CHECKING

from django.core import checks

from s3sync.checks import ids
from s3sync.conf import conf
from s3sync.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from s3sync.checks.sites import Site
    from s3sync.media_setting import MediaEntry

Numbered = tuple[int, "MediaEntry"]


def check_media(sites: list[Site]) -> list[checks.CheckMessage]:
    """What its entries give reason to say; a value that can't be meant is said elsewhere."""
    try:
        entries = list(enumerate(conf.media))
        unused = [key for key in ("MEDIA_SOURCE", "MEDIA_STORAGE") if entries and conf.is_written(key)]
    except ConfigurationError:
        return []
    messages: list[checks.CheckMessage] = [_unused(key) for key in unused]
    places = {site.alias: (site.place, site.folder) for site in sites}
    for one, other in combinations(entries, 2):
        here, there = (places.get(entry.storage, entry.storage) for _, entry in (one, other))
        if here == there:
            messages.append(_meeting(one, other))
        messages.extend(_nested(one, other))
    return messages


def _unused(key: str) -> checks.CheckMessage:
    return checks.Warning(
        f"S3SYNC has both {key!r} and 'MEDIA'; s3_push_media goes by 'MEDIA'.",
        hint=f"Delete {key!r}, and make its folder or storage an entry of 'MEDIA' if it is to be pushed.",
        id=ids.MEDIA_TWICE,
    )


def _meeting(one: Numbered, other: Numbered) -> checks.CheckMessage:
    return checks.Warning(
        f"S3SYNC['MEDIA'][{one[0]}] and [{other[0]}] go to the same location: of files with one name it holds "
        "the one that was sent first, until another changes; and each reports the other's objects as those without "
        "a file.",
        hint="Give them storages with locations apart, or push one folder that holds both.",
        id=ids.MEDIA_MEETS,
    )


def _nested(one: Numbered, other: Numbered) -> Iterator[checks.CheckMessage]:
    """The same folder to two storages is a mirror, and may be meant."""
    paths = [os.path.realpath(entry.source) for _, entry in (one, other)]
    for (number, entry), (around, outer), inner_path, outer_path in (
        (one, other, paths[0], paths[1]), (other, one, paths[1], paths[0])
    ):  # fmt: skip
        if inner_path != outer_path and inner_path.startswith(outer_path.rstrip(os.sep) + os.sep):
            yield checks.Warning(
                f"The source of S3SYNC['MEDIA'][{number}] ({entry.source}) is inside that of [{around}] "
                f"({outer.source}): its files are pushed to {outer.storage!r} too, whoever may read there.",
                hint="Move one of the folders out of the other.",
                id=ids.MEDIA_NESTED,
            )

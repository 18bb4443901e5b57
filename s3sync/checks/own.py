"""Checks of `S3SYNC` itself: keys, values, aliases."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.core import checks

from s3sync.checks import ids
from s3sync.conf import CSS_DEFAULTS, DEFAULTS, conf
from s3sync.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_own_settings() -> list[checks.CheckMessage]:
    """What is wrong with the dictionary `S3SYNC`."""
    problems = [checks.Error(str(error), hint=error.hint, id=ids.BAD_VALUE) for error in conf.problems()]
    try:
        return [*problems, *_unknown_keys(), *_unknown_aliases()]
    except ConfigurationError:
        # S3SYNC is no dictionary; that has been said.
        return [*problems]


def _unknown_keys() -> Iterator[checks.CheckMessage]:
    for key, near in conf.unknown_keys():
        known = [f"CSS.{name}" for name in CSS_DEFAULTS] if key.startswith("CSS.") else list(DEFAULTS)
        hint = f"Did you mean {near!r}?" if near else f"Known keys are {', '.join(known)}."
        yield checks.Warning(f"S3SYNC has the unknown key {key!r}; it has no effect.", hint=hint, id=ids.UNKNOWN_KEY)


def _unknown_aliases() -> Iterator[checks.CheckMessage]:
    known = conf.storage_aliases()
    for where, alias in _named_aliases():
        if alias not in known:
            yield checks.Warning(
                f"{where} names the alias {alias!r}, which is not in STORAGES.",
                hint=f"STORAGES has {', '.join(map(repr, known)) or 'no aliases'}. Name one of them, or add {alias!r}.",
                id=ids.UNKNOWN_ALIAS,
            )


def _named_aliases() -> Iterator[tuple[str, str]]:
    for key in ("MEDIA_STORAGE", "STATIC_STORAGE"):
        if conf.is_written(key):
            try:
                yield f"S3SYNC['{key}']", getattr(conf, key.lower())
            except ConfigurationError:
                continue
    with suppress(ConfigurationError):
        yield from ((f"S3SYNC['MEDIA'][{number}]", entry.storage) for number, entry in enumerate(conf.media))
    try:
        yield from (("S3SYNC['INTENT']", alias) for alias in conf.intent)
    except ConfigurationError:
        return

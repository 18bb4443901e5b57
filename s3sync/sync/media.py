"""`s3_push_media`, from settings to exit: the media folder goes to its storage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..core.report import TargetFacts
from ..exceptions import ConfigurationError
from ..local.state import default_directory
from ..local.walk import composed
from ..media_setting import MediaEntry, media_aliases
from ..s3.target import without_userinfo
from .folder import FolderPush
from .head_start import NONE, HeadStart
from .locking import locked
from .old_place import media_folder
from .run import PushOptions, Run
from .several import in_turn
from .targets import facts_of, foreign_names, target_of


class Settings(Protocol):
    """What is needed of the project's settings; `s3sync.conf.conf` is one."""

    @property
    def media(self) -> tuple[MediaEntry, ...]: ...
    @property
    def media_storage(self) -> str: ...
    @property
    def site_origin(self) -> str | None: ...
    @property
    def state_dir(self) -> Path | None: ...
    @property
    def engine(self) -> str: ...
    @property
    def workers(self) -> int | None: ...
    @property
    def storages(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def media_source(self) -> Path | None: ...
    def media_directory(self) -> Path: ...
    def intent_for(self, alias: str) -> list[tuple[str, str]] | None: ...


def push_media(
    run: Run, settings: Settings, *, alias: str | None, source: str | None, lock: str, begun: HeadStart = NONE
) -> None:  # fmt: skip
    """Pushes `source` (default: the settings' media directory) to the alias (default: the settings' media storage); or
    what `S3SYNC["MEDIA"]` says, which `alias` may narrow. `begun` is what other processes have begun with.

    Raises an S3SyncError where the run can't begin or go on; everything else is in the run's report, and so is what
    happens to one of several folders.
    """
    chosen = chosen_media(settings, alias=alias, source=source)
    if not chosen:
        _push(run, settings, alias or settings.media_storage, Path(source) if source else None, lock, begun)
    elif len(chosen) == 1:
        _push(run, settings, chosen[0].storage, chosen[0].source, lock)
    else:
        in_turn(
            run, chosen, lambda part, entry: _push(part, settings, entry.storage, entry.source, lock),
            lambda entry: f"{entry.source} -> {entry.storage}",
        )  # fmt: skip


def chosen_media(settings: Settings, *, alias: str | None, source: str | None) -> tuple[MediaEntry, ...]:
    """What these options mean of `S3SYNC["MEDIA"]`, in its order; empty where there is no such setting.

    Raises ConfigurationError.
    """
    if not settings.media:
        return ()
    entries = tuple(entry for entry in settings.media if alias in (None, entry.storage))
    if source:
        # The storage of another folder may be one that everybody reads.
        there = {entry.storage for entry in entries if os.path.realpath(entry.source) == os.path.realpath(source)}
        if alias is None and len(there) != 1:
            raise ConfigurationError(
                f"S3SYNC['MEDIA'] does not say to which one storage {source!r} goes.", code="NoStorage",
                hint="name it with --storage",
            )  # fmt: skip
        return (MediaEntry(Path(source), alias or there.pop()),)
    if not entries:
        raise ConfigurationError(
            f"No entry of S3SYNC['MEDIA'] is for the storage {alias!r}.", code="NoSuchEntry",
            hint=f"name one of {', '.join(media_aliases(settings))}, or a folder with --source",
        )  # fmt: skip
    return entries


def _push(
    run: Run, settings: Settings, alias: str, source: Path | None, lock: str, begun: HeadStart = NONE
) -> None:  # fmt: skip
    run.report.target = TargetFacts(alias)
    target = target_of(alias, settings.storages)
    endpoint = without_userinfo(target.storage.endpoint_url or "") or None
    run.report.target = TargetFacts(alias, target.bucket, target.prefix, endpoint)
    directory = source or media_folder(settings, target.storage)
    run.options = replace(
        _composed(run.options), engine=run.options.engine or settings.engine,
        workers=run.options.workers or settings.workers,
    )  # fmt: skip
    state_dir = settings.state_dir or default_directory()
    push = FolderPush(
        run=run, source=directory, target=target, state_dir=state_dir, intent=settings.intent_for(alias),
        foreign=foreign_names(target, settings.storages), site=urlsplit(settings.site_origin or "").hostname,
        far_walk=begun.walk, standby=begun.standby,
    )  # fmt: skip
    with push.stack:
        push.connect()
        run.ready()
        run.report.target = facts_of(target)
        with locked(run, target, lock, state_dir, push.intent):
            push.run_all()


def _composed(options: PushOptions) -> PushOptions:
    """With `--normalize nfc`, what names are to match is of that form too: a terminal on macOS may give another."""
    if options.normalize != "nfc":
        return options
    return replace(
        options, prefix=composed(options.prefix), ignore=tuple(map(composed, options.ignore)),
        include=tuple(map(composed, options.include)), allow_secret=frozenset(map(composed, options.allow_secret)),
    )  # fmt: skip

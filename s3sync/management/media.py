"""What `s3_verify_media` takes on its command line, and what that comes to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser
from django.db import connections

from .options import add_ignore, add_metrics, add_result, add_storage, duration, ignored, path

if TYPE_CHECKING:
    from ..sync import PushOptions
    from ..sync.media_wishes import MediaOptions


def add_media_options(parser: CommandParser) -> None:
    """All of them."""
    add = parser.add_argument
    add("--database", action="append", default=[], choices=tuple(connections), metavar="DB",
        help="Only this database. Repeatable. Default: all.")  # fmt: skip
    add("--model", action="append", default=[], metavar="APP.MODEL", help="Only this model. Repeatable.")
    add_storage(parser)
    add_ignore(parser)
    add("--include", action="append", default=[], metavar="GLOB", help="Only what matches. --ignore wins. Repeatable.")
    add("--prefix", default="", metavar="P", help="Only names that begin with P, on both sides.")
    add("--source", type=path, metavar="DIR", help="Folder whose files tell the sizes. Default: as s3_push_media.")
    add("--sizes", action=argparse.BooleanOptionalAction, default=True, help="Compare sizes with files that are here.")
    add("--orphans", action="store_true", help="Name objects that no row names, too.")
    add("--min-age", type=duration, default=0.0, metavar="AGE", help="Orphans that are younger (1d, 12h) are left out.")
    add("--bodies", action="store_true", help="Count and name texts that hold URLs of the old media folder, too.")
    add("--old-url", action="append", default=[], metavar="URL", help="With --bodies: what to look for. Repeatable.")
    add_result(parser, "text", "json", "jsonl")
    add_metrics(parser)
    add("--progress", action=argparse.BooleanOptionalAction, default=None,
        help="Show a progress bar on standard error, or don't. Default: on a terminal.")  # fmt: skip
    add("--max-duration", type=duration, metavar="T", help="Begin nothing new after T (90s, 50m, 2h); exit 7.")


def media_contradiction(options: dict[str, Any]) -> str | None:
    """Which options don't go together, and why; None where all is well."""
    if options["orphans"] and (options["model"] or options["database"]):
        return "--orphans needs all rows: it goes neither with --model nor with --database"
    if options["min_age"] and not options["orphans"]:
        return "--min-age goes with --orphans"
    if options["old_url"] and not options["bodies"]:
        return "--old-url goes with --bodies"
    if options["source"] and not options["sizes"]:
        return "--source and --no-sizes exclude each other"
    wrong = next((url for url in options["old_url"] if "/" not in url.strip("/") and not url.startswith("/")), None)
    return None if wrong is None else f"--old-url {wrong}: write /media/ or https://www.example.com/media/"


def run_options(options: dict[str, Any]) -> PushOptions:
    """What every run is asked for."""
    from ..sync import PushOptions

    return PushOptions(
        ignore=tuple(ignored(options)), include=tuple(options["include"]), prefix=options["prefix"],
        max_duration=options["max_duration"],
    )  # fmt: skip


def media_options(options: dict[str, Any]) -> MediaOptions:
    """What a verification is asked for besides."""
    from ..sync.media_wishes import MediaOptions

    return MediaOptions(
        alias=options["storage"], databases=tuple(options["database"]), models=tuple(options["model"]),
        source=Path(options["source"]) if options["source"] else None, sizes=options["sizes"],
        orphans=options["orphans"], min_age=options["min_age"], bodies=options["bodies"],
        old_urls=tuple(options["old_url"]),
    )  # fmt: skip

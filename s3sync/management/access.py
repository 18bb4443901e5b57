"""What `s3_verify_acl` takes on its command line, and what that comes to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from ..core.judged import SEVERITIES
from ..setting_values import INTENTS
from .documents import add_policy_options
from .options import add_ignore, add_metrics, add_result, duration, ignored, path, whole_number

if TYPE_CHECKING:
    from ..sync import PushOptions
    from ..sync.access_wishes import AccessOptions

_APART = (
    ("fix", "undo", "--fix and --undo exclude each other"),
    ("every", "sample", "--all and --sample exclude each other"),
    ("fix", "expect", "--expect is for looking: --fix goes by what is declared, or told by the storage"),
)


def add_access_options(parser: CommandParser) -> None:
    """All of them."""
    add = parser.add_argument
    add("--storage", action="append", default=[], metavar="ALIAS", help="Only this alias. Repeatable.")
    add_ignore(parser)
    add("--include", action="append", default=[], metavar="GLOB", help="Only what matches. --ignore wins. Repeatable.")
    add("--prefix", default="", metavar="P", help="Only names that begin with P.")
    add("--expect", choices=INTENTS, help="What everything is meant to be, whatever is declared or derived.")
    add("--all", action="store_true", dest="every", help="Look at each object, whatever the bucket says.")
    add("--sample", type=whole_number, metavar="N", help="Look at N objects of each alias; the report says so.")
    add("--via", choices=("s3", "cdn", "both"), default="both", help="Where to ask as a stranger. Default: both.")
    add("--probes", type=_count, default=20, metavar="N", help="Ask for N objects of each alias. Default: 20.")
    add("--check-listing", action="store_true", help="Ask for the list of keys as a stranger, too.")
    add("--fail-level", choices=SEVERITIES[1:], default="high", help="Exit 3 from this severity on. Default: high.")
    add("--baseline", type=path, metavar="FILE", help="Accept what this earlier report has found.")
    add("--fix", action="store_true", help="Take public grants away from what is meant to be private.")
    add("--allow-public", action="store_true", help="With --fix: give them to what is declared public.")
    add("--journal", type=path, metavar="FILE", help="Where --fix writes the ACLs before it changes them.")
    add("--undo", type=path, metavar="JOURNAL", help="Give back the ACLs that a --fix has changed.")
    add("-n", "--dry-run", action="store_true", help="With --fix and --undo: say what would be done.")
    add_policy_options(parser)
    add("-w", "--workers", type=whole_number, metavar="N", help="Read at most N ACLs at a time.")
    add("--engine", choices=("auto", "fast", "boto3"), help="How to ask for ACLs.")
    add_result(parser, "text", "json", "jsonl")
    add_metrics(parser)
    add("--progress", action=argparse.BooleanOptionalAction, default=None,
        help="Show a progress bar on standard error, or don't. Default: on a terminal.")  # fmt: skip
    add("--max-duration", type=duration, metavar="T", help="Begin nothing new after T (90s, 50m, 2h); exit 7.")
    add("--no-input", "--noinput", action="store_false", dest="interactive", help="Never ask.")


def access_contradiction(options: dict[str, Any]) -> str | None:
    """Which options don't go together, and why; None where all is well."""
    if options["print_policy"] and len(options["storage"]) > 1:
        return "--print-policy is for one --storage, or for all"
    if options["allow_public"] and not options["fix"]:
        return "--allow-public goes with --fix"
    return next((why for one, other, why in _APART if options[one] and options[other]), None)


def run_options(options: dict[str, Any]) -> PushOptions:
    """What every run is asked for."""
    from ..sync import PushOptions

    return PushOptions(
        dry_run=options["dry_run"], ignore=tuple(ignored(options)), include=tuple(options["include"]),
        prefix=options["prefix"], workers=options["workers"], engine=options["engine"] or "",
        max_duration=options["max_duration"],
    )  # fmt: skip


def access_options(options: dict[str, Any]) -> AccessOptions:
    """What a verification is asked for besides."""
    from ..sync.access_wishes import AccessOptions

    return AccessOptions(
        aliases=tuple(options["storage"]), expect=options["expect"], every=options["every"], sample=options["sample"],
        via=options["via"], probes=options["probes"], check_listing=options["check_listing"],
        baseline=_path(options["baseline"]), fix=options["fix"], allow_public=options["allow_public"],
        journal=_path(options["journal"]),
    )  # fmt: skip


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _count(text: str) -> int:
    """0 or more."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("it has to be 0 or more")
    return value

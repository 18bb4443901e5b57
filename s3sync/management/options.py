"""Options that the commands share, and the values that they take."""

from __future__ import annotations

import argparse
import re

from django.core.management.base import CommandParser

from ..core.plan import DeleteLimit


def add_shared_options(parser: CommandParser) -> None:
    """The options that every command of this project understands."""
    add = parser.add_argument
    add("--storage", metavar="ALIAS", help="Alias of STORAGES to work on.")
    add("-n", "--dry-run", action="store_true", help="Say what would be done, and do nothing.")
    add("--check", action="store_true", help="Like --dry-run; exit 3 if work is pending. Takes no lock.")
    add("-i", "--ignore", "--exclude", action="append", default=[], metavar="GLOB",
        help="Leave out files and folders whose base name or whole name matches. Repeatable.")  # fmt: skip
    add("--include", action="append", default=[], metavar="GLOB", help="Only what matches. --ignore wins. Repeatable.")
    add("--prefix", default="", metavar="P", help="Only names that begin with P, on both sides.")
    add("-w", "--workers", type=whole_number, metavar="N", help="At most N uploads at a time.")
    add("--engine", choices=("auto", "fast", "boto3"), help="How to send: auto takes the fast way where it is right.")
    add("--format", choices=("text", "json", "jsonl"), default="text", help="Form of the result on standard output.")
    add("-o", "--output", metavar="FILE", help="Write the result to FILE, not to standard output.")
    add("--progress", action=argparse.BooleanOptionalAction, default=None,
        help="Show a progress bar on standard error, or don't. Default: on a terminal.")  # fmt: skip
    add("--lock", default="auto", metavar="auto|none|PATH", help="Lock against a second run on the same target.")
    add("--max-duration", type=duration, metavar="T", help="Begin nothing new after T (90s, 50m, 2h); exit 7.")
    add("--max-errors", type=whole_number, metavar="N", help="Stop after N failures.")
    add("--fail-fast", action="store_true", help="Stop after the first failure.")
    add("--no-input", "--noinput", action="store_false", dest="interactive", help="Never ask.")


def whole_number(text: str) -> int:
    """1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it has to be 1 or more")
    return value


def duration(text: str) -> float:
    """`90`, `90s`, `50m`, `2h` or `1d`, in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 90s, 50m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def delete_limit(text: str) -> DeleteLimit:
    """`N` or `P%`."""
    try:
        return DeleteLimit.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor a percentage") from None

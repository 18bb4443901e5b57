"""Options that commands share, the values that they take, and what a push is asked for by them."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.plan import DeleteLimit

if TYPE_CHECKING:
    from ..sync import PushOptions

Options = argparse._ActionsContainer
"""A parser, or a group of its options."""


class Adder:
    """`add_argument`, but flags that the parser has already stay as they are: on Django's commands, Django's."""

    def __init__(self, parser: Options) -> None:
        self._parser = parser

    def __call__(self, *flags: str, **how: Any) -> None:
        free = [flag for flag in flags if flag not in self._parser._option_string_actions]
        if free:
            self._parser.add_argument(*free, **how)


def prefer(first: Collection[argparse.Action], parser: argparse.ArgumentParser) -> None:
    """Lets an abbreviation mean what it meant before other options came: one of the `first`, where it can be."""
    find = parser._get_option_tuples

    def found(text: str) -> list[tuple[argparse.Action, str, str | None]]:
        matches = find(text)
        return [match for match in matches if match[0] in first] or matches

    parser._get_option_tuples = found  # type: ignore[assignment,method-assign]


def add_run_options(parser: Options) -> None:
    """The options that every command understands that brings files from one side to the other."""
    add = Adder(parser)
    add_storage(parser)
    add("-n", "--dry-run", action="store_true", help="Say what would be done, and do nothing.")
    add("--check", action="store_true", help="Like --dry-run; exit 3 if work is pending. Takes no lock.")
    add_ignore(parser)
    add("--include", action="append", default=[], metavar="GLOB", help="Only what matches. --ignore wins. Repeatable.")
    add("--prefix", default="", metavar="P", help="Only names that begin with P, on both sides.")
    add("-w", "--workers", type=whole_number, metavar="N", help="At most N objects at a time.")
    add(
        "--engine",
        choices=("auto", "fast", "boto3"),
        help="How to talk to S3: auto takes the fast way where it is right.",
    )
    add("--bwlimit", type=bytes_per_second, metavar="RATE", help="Move at most RATE bytes a second: 500K, 40M, 1.5G.")
    add("--max-rps", type=requests_per_second, metavar="N", help="Make at most N requests a second, of all kinds.")
    add_result(parser, "text", "json", "jsonl")
    add_metrics(parser)
    add("--progress", action=argparse.BooleanOptionalAction, default=None,
        help="Show a progress bar on standard error, or don't. Default: on a terminal.")  # fmt: skip
    add("--lock", default="auto", metavar="auto|none|bucket|PATH",
        help="Lock against a second run on the same target; bucket: on all hosts, by an object there.")  # fmt: skip
    add("--max-duration", type=duration, metavar="T", help="Begin nothing new after T (90s, 50m, 2h); exit 7.")
    add("--max-errors", type=whole_number, metavar="N", help="Stop after N failures.")
    add("--fail-fast", action="store_true", help="Stop after the first failure.")
    add("--no-input", "--noinput", action="store_false", dest="interactive", help="Never ask.")


def add_shared_options(parser: Options) -> None:
    """The options that every command that pushes understands."""
    add_run_options(parser)
    add = Adder(parser)
    add("--check-metadata", action="store_true",
        help="Compare headers and ACL too: one HEAD for each unchanged object, and one GetObjectAcl where the"
        " storage sets an ACL.")  # fmt: skip
    add("--fix-metadata", action="store_true", help="Mend them in place: one copy for each object that differs.")
    add("--verify", action="store_true", help="List again after the push, and compare what was sent.")
    add("--abort-stale", type=duration, metavar="AGE",
        help="Abort uploads in parts that were begun so long ago (1d, 12h) and never finished: killed runs leave them,"
        " and they are paid for.")  # fmt: skip
    add("--allow-secret", action="append", default=[], metavar="NAME",
        help="Push this file to a public target though its name or content tells of a secret. Repeatable.")  # fmt: skip


def add_storage(parser: Options) -> None:
    """`--storage`."""
    Adder(parser)("--storage", metavar="ALIAS", help="Alias of STORAGES to work on.")


def add_ignore(parser: Options) -> None:
    """`--ignore`, with its other names."""
    Adder(parser)("-i", "--ignore", "--exclude", action="append", default=[], metavar="GLOB",
        help="Leave out files and folders whose base name or whole name matches. Repeatable.")  # fmt: skip


def add_result(parser: Options, *forms: str) -> None:
    """Where the result goes, and in which form."""
    add = Adder(parser)
    add("--format", choices=forms, default="text", help="Form of the result on standard output.")
    add("-o", "--output", metavar="FILE", help="Write the result to FILE, not to standard output.")


def add_metrics(parser: Options) -> None:
    """`--metrics`."""
    Adder(parser)("--metrics", type=path, metavar="FILE",
        help="Write the run's figures to FILE, for Prometheus (node_exporter's textfile collector).")  # fmt: skip


def ignored(options: dict[str, Any]) -> list[str]:
    """The globs of `--ignore`, which is Django's own on `collectstatic`, and of `--exclude`."""
    return [glob for name in ("ignore", "ignore_patterns", "exclude") for glob in options.get(name, ())]


def push_options(options: dict[str, Any], **more: Any) -> PushOptions:
    """What the shared options ask for, and `more` of `PushOptions`."""
    from ..sync import PushOptions

    return PushOptions(
        dry_run=options["dry_run"] or options["check"], check_metadata=options["check_metadata"],
        fix_metadata=options["fix_metadata"], verify=options["verify"], abort_stale=options["abort_stale"],
        allow_secret=frozenset(options["allow_secret"]), ignore=tuple(ignored(options)),
        include=tuple(options["include"]), prefix=options["prefix"], workers=options["workers"],
        engine=options["engine"] or "", bandwidth=options["bwlimit"], max_rps=options["max_rps"],
        max_duration=options["max_duration"],
        max_errors=1 if options["fail_fast"] else options["max_errors"], **more,
    )  # fmt: skip


def whole_number(text: str) -> int:
    """1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it has to be 1 or more")
    return value


def days(text: str) -> float:
    """`14`, or `0.5`."""
    if not re.fullmatch(r"\d+(?:\.\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days: write 14 or 0.5")
    return float(text)


def path(text: str) -> str:
    """Any path but the empty one: a variable that is not set would be this very folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; . is the current folder")
    return text


def duration(text: str) -> float:
    """`90`, `90s`, `50m`, `2h` or `1d`, in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 90s, 50m, 2h or 1d")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def size(text: str) -> int:
    """`500k`, `10M`, `2G` in powers of 1000, `10MiB` in powers of 1024, or bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKMGT]?)(i?)[bB]?", text)
    if match is None or (match[3] and not match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write 500k, 10M or 2G")
    power = " KMGT".index(match[2].upper() or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def moment(text: str) -> float:
    """`2024-05-01`, `2024-05-01T12:30`, with `Z` or `+02:00` where it is not the project's time; or a duration, so long
    ago. In seconds since the epoch."""
    if re.fullmatch(r"\d+(\.\d+)?[smhd]", text):
        return time.time() - duration(text)
    try:
        return datetime.fromisoformat(re.sub(r"[zZ]\Z", "+00:00", text)).timestamp()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write 2024-05-01, 2024-05-01T12:30+02:00, or 7d for the last seven days"
        ) from None


def bytes_per_second(text: str) -> float:
    """`500K`, `40M` or `1.5G`, in powers of 1000 as the reports have it."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)", text, re.IGNORECASE | re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes a second: write 500K, 40M or 1.5G")
    value = float(match[1]) * {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}[match[2].upper()]
    if value < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 1K, at which nothing gets through: write 500K or 40M")
    return value


def requests_per_second(text: str) -> float:
    """`100`, or `0.5`. Signatures are valid for a quarter of an hour, which a request must not have to wait."""
    if not re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII) or float(text) < 0.1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of requests a second, 0.1 or more: write 100 or 0.5")
    return float(text)


def delete_limit(text: str) -> DeleteLimit:
    """`N` or `P%`."""
    try:
        return DeleteLimit.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor a percentage") from None

"""`manage.py s3_verify_acl`: is every object readable by exactly whom it should be?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from ...conf import INTENTS, conf
from ...core.judged import SEVERITIES, AccessReport
from ..base import SyncCommand, stream_of
from ..documents import add_policy_options, show_policy
from ..options import add_ignore, add_result, ignored, path, whole_number
from ..options import duration as duration_of
from ..questions import refused_to_mend

if TYPE_CHECKING:
    from ...access_console import AccessConsole
    from ...core.report import Report
    from ...sync import Run


class Command(SyncCommand):
    help = "Says of every object on S3 whether exactly those can read it who should; and mends ACLs, if asked to."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--storage", action="append", default=[], metavar="ALIAS", help="Only this alias. Repeatable.")
        add_ignore(parser)
        add("--include", action="append", default=[], metavar="GLOB", help="Only what matches. Repeatable.")
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
        add("--progress", action=argparse.BooleanOptionalAction, default=None, help="Show progress, or don't.")
        add("--max-duration", type=duration_of, metavar="T", help="Begin nothing new after T (90s, 50m, 2h); exit 7.")
        add("--no-input", "--noinput", action="store_false", dest="interactive", help="Never ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["print_policy"] and len(options["storage"]) > 1:
            self.usage_error("--print-policy is for one --storage, or for all")
        if options["print_policy"]:
            show_policy(options, out=stream_of(self.stdout), err=stream_of(self.stderr))
            return
        if options["fix"] and options["undo"]:
            self.usage_error("--fix and --undo exclude each other")
        if options["allow_public"] and not options["fix"]:
            self.usage_error("--allow-public goes with --fix")
        if options["every"] and options["sample"]:
            self.usage_error("--all and --sample exclude each other")
        from ...sync import PushOptions

        wishes = PushOptions(
            dry_run=options["dry_run"], ignore=tuple(ignored(options)), include=tuple(options["include"]),
            prefix=options["prefix"], workers=options["workers"], engine=options["engine"] or "",
            max_duration=options["max_duration"],
        )  # fmt: skip
        problem = refused_to_mend(options, aside=stream_of(self.stderr))

        def work(run: Run) -> None:
            if problem is not None:
                raise problem
            self._work(run, options)

        # The report names one target; this command has as many as there are aliases.
        self.run_and_show({**options, "storage": ", ".join(options["storage"])}, work, wishes)

    def _work(self, run: Run, options: dict[str, Any]) -> None:
        from ...sync.access_wishes import AccessOptions
        from ...sync.verify_access import undo_access, verify_access

        if options["undo"]:
            undo_access(run, conf, tuple(options["storage"]), Path(options["undo"]))
            return
        verify_access(run, conf, AccessOptions(
            aliases=tuple(options["storage"]), expect=options["expect"], every=options["every"],
            sample=options["sample"], via=options["via"], probes=options["probes"],
            check_listing=options["check_listing"], baseline=_path(options["baseline"]), fix=options["fix"],
            allow_public=options["allow_public"], journal=_path(options["journal"]),
        ))  # fmt: skip

    def new_report(self, **facts: Any) -> Report:
        """With the severity from which on the exit code tells."""
        return AccessReport(**facts, fail_level=self._fail_level)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Keeps what `new_report` needs."""
        self._fail_level = options.get("fail_level") or "high"
        return super().execute(*args, **options)

    def console_class(self) -> type[AccessConsole]:
        """A table, and what is below it."""
        from ...access_console import AccessConsole

        return AccessConsole


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _count(text: str) -> int:
    """0 or more."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("it has to be 0 or more")
    return value

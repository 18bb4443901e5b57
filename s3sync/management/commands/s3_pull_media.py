"""`manage.py s3_pull_media`: the objects of the media storage, in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser
from django.db import connections

from ...conf import conf
from ...core.comparison import Compare
from ...core.pulling import PullReport
from ...core.report import Report
from ..base import SyncCommand
from ..options import add_run_options, ignored, moment, path, size

if TYPE_CHECKING:
    from ...pull_console import PullConsole


class Command(SyncCommand):
    help = "Pulls objects from S3 to MEDIA_ROOT: only what is new or has changed there, and over nothing newer here."

    def add_arguments(self, parser: CommandParser) -> None:
        add_run_options(parser)
        add = parser.add_argument
        add("--to", type=path, metavar="DIR", help="Folder to pull to; it is made if there is none. Default:"
            " S3SYNC['MEDIA_SOURCE'], else MEDIA_ROOT.")  # fmt: skip
        add("--referenced", action="store_true", help="Only what a file field of the databases names.")
        add("--database", action="append", default=[], choices=tuple(connections), metavar="DB",
            help="With --referenced: only this database. Repeatable. Default: all.")  # fmt: skip
        add("--since", type=moment, metavar="T", help="Only objects modified since T: 2024-05-01, or 7d.")
        add("--max-size", type=size, metavar="S", help="Only objects of at most S: 500k, 10M, 2G.")
        add("--compare", choices=[way.value for way in Compare], default="auto",
            help="auto compares content, size only sizes, always fetches everything.")  # fmt: skip
        add("--no-clobber", action="store_true", help="Leave alone whatever exists, without comparing.")
        add("--overwrite-newer", action="store_true", help="Fetch also where the folder has a newer file.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.check_options(options)
        if options["no_clobber"] and options["overwrite_newer"]:
            self.usage_error("--no-clobber and --overwrite-newer exclude each other")
        if options["database"] and not options["referenced"]:
            self.usage_error("--database goes with --referenced")
        from ...sync.pull import PullOptions, pull_media

        wishes = PullOptions(
            dry_run=options["dry_run"] or options["check"], ignore=tuple(ignored(options)),
            include=tuple(options["include"]), prefix=options["prefix"], workers=options["workers"],
            engine=options["engine"] or "", max_duration=options["max_duration"],
            bandwidth=options["bwlimit"], max_rps=options["max_rps"],
            max_errors=1 if options["fail_fast"] else options["max_errors"], compare=Compare(options["compare"]),
            no_clobber=options["no_clobber"], overwrite_newer=options["overwrite_newer"],
            referenced=options["referenced"], databases=tuple(options["database"]),
            since=options["since"], max_size=options["max_size"],
        )  # fmt: skip
        self.run_and_show(options, lambda run: pull_media(
            run, conf, alias=options["storage"], folder=options["to"], lock=options["lock"]
        ), wishes)  # fmt: skip

    def new_report(self, **facts: Any) -> Report:
        """With what came here."""
        return PullReport(**facts)

    def console_class(self) -> type[PullConsole]:
        """The words of the other direction."""
        from ...pull_console import PullConsole

        return PullConsole

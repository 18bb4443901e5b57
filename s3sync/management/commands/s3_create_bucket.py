"""`manage.py s3_create_bucket`: the bucket that the storages name, set up for those to read who are meant to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from ...conf import conf
from ...core.bucket_report import BucketReport
from ...exceptions import S3SyncError
from ..base import SyncCommand, stream_of
from ..options import add_result
from ..questions import is_terminal

if TYPE_CHECKING:
    from ...bucket_console import BucketConsole
    from ...core.report import Report
    from ...sync import Run


class Command(SyncCommand):
    help = (
        "Makes the bucket that the storages name: in their region, private but for what is meant to be public. Changes "
        "nothing on a bucket that is there, unless asked to."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--storage", action="append", default=[], metavar="ALIAS",
            help="Only the bucket of this alias of STORAGES. Repeatable.")  # fmt: skip
        add("-n", "--dry-run", action="store_true", help="Say what would be done, and do nothing.")
        add("--update", action="store_true", help="Change a bucket that is there; without it, differences are shown.")
        add("--versioning", action="store_true", help="Keep old versions of objects.")
        add("--cors", action="store_true", help="Let pages of the site use fonts and modules.")
        add("--origin", action="append", default=[], metavar="URL", help="With --cors: the site's origin. Repeatable.")
        add("--distribution", metavar="ARN", help="Let this CloudFront distribution read, by an origin access control.")
        add("--acls", action="store_true", help="Accept ACLs, for storages with a default_acl.")
        add_result(parser, "text", "json")
        add("--no-input", "--noinput", action="store_false", dest="interactive", help="Never ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["origin"] and not options["cors"]:
            self.usage_error("--origin goes with --cors")
        from ...sync import PushOptions

        self.run_and_show(
            {**options, "storage": ", ".join(options["storage"])}, lambda run: self._work(run, options),
            PushOptions(dry_run=options["dry_run"]),
        )  # fmt: skip

    def _work(self, run: Run, options: dict[str, Any]) -> None:
        from ...sync.bucket_wishes import BucketOptions
        from ...sync.create_bucket import create_buckets

        asks = options["update"] and options["interactive"] and not options["dry_run"]
        if asks and not is_terminal():
            raise S3SyncError(
                "Nothing was done: standard input is no terminal, so nobody can be asked.", code="NoInput",
                hint="add --no-input to change a bucket without a question, or leave --update out to see what differs",
            )  # fmt: skip
        from ...bucket_console import is_agreed_to

        aside = stream_of(self.stderr)
        create_buckets(run, conf, BucketOptions(
            aliases=tuple(options["storage"]), update=options["update"], versioning=options["versioning"],
            cors=options["cors"], origins=tuple(options["origin"]), distribution=options["distribution"],
            acls=options["acls"], consent=lambda state: not asks or is_agreed_to(state, aside),
        ))  # fmt: skip

    def new_report(self, **facts: Any) -> Report:
        """With the settings of buckets."""
        return BucketReport(**facts)

    def console_class(self) -> type[BucketConsole]:
        """Settings, as they are and would be."""
        from ...bucket_console import BucketConsole

        return BucketConsole

"""`manage.py s3_verify_media`: is everything in its bucket that the database names?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from ...conf import conf
from ...core.media_report import MediaReport
from ..base import SyncCommand
from ..media import add_media_options, media_contradiction, media_options, run_options

if TYPE_CHECKING:
    from ...core.report import Report
    from ...media_console import MediaConsole
    from ...sync import Run


class Command(SyncCommand):
    help = "Says whether every file that the database names is in its bucket. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        add_media_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if wrong := media_contradiction(options):
            self.usage_error(wrong)

        def work(run: Run) -> None:
            from ...sync.verify_media import verify_media

            verify_media(run, conf, media_options(options))

        self.run_and_show(options, work, run_options(options))

    def new_report(self, **facts: Any) -> Report:
        """With a row for each field."""
        return MediaReport(**facts)

    def console_class(self) -> type[MediaConsole]:
        """A table, and what is below it."""
        from ...media_console import MediaConsole

        return MediaConsole

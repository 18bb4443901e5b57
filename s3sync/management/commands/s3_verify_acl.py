"""`manage.py s3_verify_acl`: is every object readable by exactly whom it should be?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from ...conf import conf
from ...core.judged import AccessReport
from ..access import access_contradiction, access_options, add_access_options, run_options
from ..base import SyncCommand, stream_of
from ..documents import show_policy
from ..questions import refused_to_mend

if TYPE_CHECKING:
    from ...access_console import AccessConsole
    from ...core.report import Report
    from ...sync import Run


class Command(SyncCommand):
    help = "Says of every object on S3 whether exactly those can read it who should; and mends ACLs, if asked to."
    _fail_level = "high"

    def add_arguments(self, parser: CommandParser) -> None:
        add_access_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if wrong := access_contradiction(options):
            self.usage_error(wrong)
        if options["print_policy"]:
            show_policy(options, out=stream_of(self.stdout), err=stream_of(self.stderr))
            return
        problem = refused_to_mend(options, aside=stream_of(self.stderr))
        self._fail_level = options["fail_level"]

        def work(run: Run) -> None:
            from ...sync.verify_access import undo_access, verify_access

            if problem is not None:
                raise problem
            if options["undo"]:
                undo_access(run, conf, tuple(options["storage"]), Path(options["undo"]))
            else:
                verify_access(run, conf, access_options(options))

        # The report names one target; this command has as many as there are aliases.
        self.run_and_show({**options, "storage": ", ".join(options["storage"])}, work, run_options(options))

    def new_report(self, **facts: Any) -> Report:
        """With the severity from which on the exit code tells."""
        return AccessReport(**facts, fail_level=self._fail_level)

    def console_class(self) -> type[AccessConsole]:
        """A table, and what is below it."""
        from ...access_console import AccessConsole

        return AccessConsole

"""`manage.py s3_doctor`: why it does not work, before it does not work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from ...conf import conf
from ...core.diagnosed import DoctorReport
from ..base import SyncCommand
from ..options import add_metrics, add_result

if TYPE_CHECKING:
    from ...core.report import Report
    from ...doctor_console import DoctorConsole
    from ...sync import Run


class Command(SyncCommand):
    help = (
        "Looks for what keeps a project from working on S3: settings, credentials, the bucket and its rules, the code. "
        "Says of each trouble why it matters and what to type. Changes nothing; --write tries uploads and removes them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--storage", action="append", default=[], metavar="ALIAS",
            help="Only this alias of STORAGES. Repeatable. Default: all on S3.")  # fmt: skip
        add("--write", action="store_true",
            help="Also write, read and delete a small object of each storage's, under a hidden name.")  # fmt: skip
        add_result(parser, "text", "json")
        add_metrics(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        from ...sync import PushOptions

        self.run_and_show(
            {**options, "storage": ", ".join(options["storage"])}, lambda run: self._work(run, options), PushOptions()
        )

    def _work(self, run: Run, options: dict[str, Any]) -> None:
        from ...sync.doctor import DoctorOptions, examine
        from ..system_checks import system_checks

        for diagnosis in system_checks():
            run.emit(diagnosis)
        examine(run, conf, DoctorOptions(aliases=tuple(options["storage"]), write=options["write"]))

    def new_report(self, **facts: Any) -> Report:
        """With what each check has found."""
        return DoctorReport(**facts)

    def console_class(self) -> type[DoctorConsole]:
        """The worst first."""
        from ...doctor_console import DoctorConsole

        return DoctorConsole

"""What all commands do around their one call: a report, a console, signals, and the exit code."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from .. import __version__
from ..console import Console, signals_noted
from ..core.events import Failure
from ..core.report import Report, TargetFacts
from ..exceptions import S3SyncError
from ..sync import PushOptions, Run


class SyncCommand(BaseCommand):
    """A command that ends with a report."""

    # A cron job has no use for the checks of the whole project; what this command needs, it finds out itself.
    requires_system_checks: list[str] = []  # noqa: RUF012  as Django declares it

    def check_options(self, options: dict[str, Any]) -> None:
        """Ends with exit 2 where options exclude each other."""
        for one, other in (("no_clobber", "overwrite_newer"), ("progress", None)):
            if other and options.get(one) and options.get(other):
                self.usage_error(f"--{one} and --{other} exclude each other".replace("_", "-"))
        if options["lock"] == "bucket":
            self.usage_error("--lock bucket is not known to this version: use auto, none or a path")

    def usage_error(self, message: str) -> None:
        """Says what is wrong with the options and ends with exit 2."""
        if self._called_from_command_line:  # type: ignore[attr-defined]
            self.stderr.write(f"error: {message}")
            sys.exit(2)
        raise CommandError(message, returncode=2)

    def run_and_show(self, options: dict[str, Any], work: Callable[[Run], None], wishes: PushOptions) -> None:
        """Does the work, shows it, and ends with its exit code."""
        command = type(self).__module__.rpartition(".")[2]
        now = datetime.now(timezone.utc)
        report = Report(
            command=command, version=__version__, run_id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
            started=_stamp(now), target=TargetFacts(alias=options["storage"] or ""), dry_run=wishes.dry_run,
            check=options["check"],
        )  # fmt: skip
        out, err = _stream(self.stdout), _stream(self.stderr)
        try:
            console = Console(
                out, err, form=options["format"], verbosity=options["verbosity"], progress=options["progress"], output=options["output"],
            )  # fmt: skip
        except OSError as error:
            raise CommandError(f"Cannot write the report to {options['output']!r}: {error.strerror}.") from error
        signals: list[int] = []
        run = Run(
            wishes, report, console, interrupted=lambda: signals[0] if signals else None,
            details=console.wants_details,
        )  # fmt: skip
        with signals_noted(signals.append):
            try:
                work(run)
            except S3SyncError as error:
                report.error_exit = error.exit_code
                report.error = Failure(
                    error.code or type(error).__name__, getattr(error, "http", None), error.hint or "", str(error)
                )
            report.seconds["total"] = run.elapsed
            report.finished = _stamp(datetime.now(timezone.utc))
            console.finish(report)
        self._end(report)

    def _end(self, report: Report) -> None:
        if report.exit_code == 0:
            return
        if self._called_from_command_line:  # type: ignore[attr-defined]
            sys.exit(report.exit_code)
        raise CommandError(f"{report.command}: {report.status}", returncode=report.exit_code)


def _stream(wrapper: Any) -> IO[str]:
    """The stream behind Django's wrapper, which would style lines and add ends to them."""
    stream: IO[str] = wrapper._out
    return stream


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

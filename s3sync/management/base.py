"""What all commands do around their one call: a report, a console, signals, and the exit code.

The modules here import what works on S3 when it is needed: a `collectstatic` of Django's costs what Django's does.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from .. import __version__
from ..core.events import Failure
from ..core.report import NOT_STARTED, Report, TargetFacts
from ..exceptions import ConfigurationError, S3SyncError
from ..garbage import look_as_usual, look_rarely, spare_what_is_here
from ..signals import signals_noted
from .measuring import measure

if TYPE_CHECKING:
    from ..console import Console
    from ..sync import PushOptions, Run


class Reporting:
    """What makes a command end with a report: for commands of ours, and for one that extends another package's."""

    findings_are_the_result = False
    """Whether findings are what was asked for, rather than trouble on the way."""
    stdout: OutputWrapper
    stderr: OutputWrapper
    _called_from_command_line: bool

    def check_options(self, options: dict[str, Any]) -> None:
        """Ends with exit 2 where an option can't be meant."""
        if not options["lock"]:
            self.usage_error("--lock is empty: write auto, none, bucket or a path")

    def usage_error(self, message: str) -> None:
        """Says what is wrong with the options and ends with exit 2."""
        if self._called_from_command_line:
            self.stderr.write(f"error: {message}")
            sys.exit(2)
        raise CommandError(message, returncode=2)

    def begin(self) -> None:
        """While this command imports what it needs, garbage is looked for rarely: there is hardly any.

        A process that lives for more than this command goes on as it was.
        """
        if self._called_from_command_line:
            look_rarely()

    def _ready(self) -> None:
        # Looking through what Django and boto3 have made, again and again as names come and go, would cost an eighth
        # of a push.
        if self._called_from_command_line:
            spare_what_is_here()
            look_as_usual()

    def new_report(self, **facts: Any) -> Report:
        """The report of a run that is about to begin."""
        return Report(**facts)

    def console_class(self) -> type[Console]:
        """What shows the run."""
        from ..console import Console

        return Console

    def run_and_show(self, options: dict[str, Any], work: Callable[[Run], None], wishes: PushOptions) -> None:
        """Does the work, shows it, and ends with its exit code."""
        from ..sync import Run, RunEnded

        command = type(self).__module__.rpartition(".")[2]
        now = datetime.now(timezone.utc)
        report = self.new_report(
            command=command, version=__version__, run_id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
            started=_stamp(now), target=TargetFacts(alias=options["storage"] or ""), dry_run=wishes.dry_run,
            check=options.get("check", False),
        )  # fmt: skip
        show = partial(
            self.console_class(), stream_of(self.stdout), stream_of(self.stderr), form=options["format"],
            verbosity=options["verbosity"], progress=options.get("progress"), lints=self.findings_are_the_result,
        )  # fmt: skip
        unwritable: OSError | None = None
        try:
            console = show(output=options["output"])
        except OSError as error:
            console, unwritable = show(), error
        signals: list[int] = []
        run = Run(
            wishes, report, console, interrupted=lambda: signals[0] if signals else None,
            details=console.wants_details, wants_uploads=console.wants_uploads,
            ready=self._ready, target_began=console.began, target_ended=console.ended,
        )  # fmt: skip
        defect: Exception | None = None
        with signals_noted(signals.append):
            try:
                if unwritable is not None:
                    raise _unwritable(options["output"], unwritable)
                work(run)
            except RunEnded:  # as the report says
                pass
            except S3SyncError as error:
                report.error_exit = error.exit_code
                report.error = Failure(
                    error.code or type(error).__name__, getattr(error, "http", None), error.hint or "", str(error)
                )
            except OSError as error:  # this machine, not S3: a full disk, too many open files
                report.error_exit = NOT_STARTED
                report.error = Failure(type(error).__name__, message=f"This machine refused something: {error}.")
            except Exception as error:  # noqa: BLE001  whoever reads the report is to get one; raised again below
                defect = error
                report.error_exit = NOT_STARTED
                report.error = Failure(
                    "InternalError", hint="this is a defect: please report it with its traceback",
                    message=f"{type(error).__name__}: {error}",
                )  # fmt: skip
            except BaseException:
                console.discard()
                report.error_exit = NOT_STARTED
                measure(options, report)
                raise
            report.seconds["total"] = run.elapsed
            report.finished = _stamp(datetime.now(timezone.utc))
            if (unwritten := measure(options, report)) is not None:
                run.emit(unwritten)
            self._finish(console, report, options)
        if defect is not None:
            raise defect
        self._end(report)

    def _finish(self, console: Console, report: Report, options: dict[str, Any]) -> None:
        try:
            console.finish(report)
        except OSError as error:
            code = report.exit_code
            report.error_exit = NOT_STARTED  # as the process will end with
            measure(options, report)
            raise CommandError(f"The report could not be written ({error}); exit {code}.") from error

    def _end(self, report: Report) -> None:
        if report.exit_code == 0:
            return
        if self._called_from_command_line:
            sys.exit(report.exit_code)
        raise CommandError(f"{report.command}: {report.status}", returncode=report.exit_code)


class SyncCommand(Reporting, BaseCommand):
    """A command of ours that ends with a report."""

    # A cron job has no use for the checks of the whole project; what this command needs, it finds out itself.
    requires_system_checks: list[str] = []  # noqa: RUF012  as Django declares it

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.begin()
        return super().execute(*args, **options)


def stream_of(wrapper: Any) -> IO[str]:
    """The stream behind Django's wrapper, which would style lines and add ends to them."""
    stream: IO[str] = wrapper._out
    return stream


def _unwritable(path: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The report can't be written to {path!r}: {str(error.strerror).lower()}.", code="OutputUnwritable",
        hint="name a file, in a folder that is there, with --output",
    )  # fmt: skip


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

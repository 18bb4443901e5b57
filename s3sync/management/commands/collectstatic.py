"""`manage.py collectstatic`: Django's own in every detail; with `--s3`, to S3 in one pass."""

from __future__ import annotations

from argparse import Action
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.management.commands.collectstatic import Command as DjangoCommand
from django.core.management.base import CommandError, CommandParser

from ...conf import conf
from ...exceptions import ConfigurationError, S3SyncError
from ..base import Reporting, stream_of
from ..options import prefer, push_options
from ..static import ChecksLater, add_static_options, contradiction, refused, static_files_app, static_options

if TYPE_CHECKING:
    from ...sync import Run

BY_SETTING = "S3SYNC['COLLECTSTATIC'] is 's3', so this is collectstatic --s3 (--no-s3: Django's own way).\n"


class Command(ChecksLater, Reporting, DjangoCommand):
    help = "Collect static files in a single location; with --s3, on S3."
    _ours: tuple[Action, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        theirs = tuple(parser._actions)
        add_static_options(parser)
        self._ours = tuple(action for action in parser._actions if action not in theirs)
        prefer(theirs, parser)

    def handle(self, **options: Any) -> str | None:
        to_s3, problem = options["s3"], None
        if to_s3 is None:
            try:
                to_s3 = conf.collectstatic == "s3"
            except S3SyncError as error:  # nobody can tell which way is meant
                to_s3, problem = True, error
        if to_s3:
            self._collect_to_s3(options, problem)
            return None
        if self.unchecked is not None:
            raise self.unchecked
        given = [action for action in self._ours if action.dest != "s3" and options[action.dest] != action.default]
        if given:
            self.usage_error(f"only with --s3: {', '.join(action.option_strings[-1] for action in given)}")
        try:
            static_files_app()
        except S3SyncError as error:
            raise CommandError(str(error)) from None
        return super().handle(**options)

    def _collect_to_s3(self, options: dict[str, Any], problem: S3SyncError | None) -> None:
        self.begin()
        self.check_options(options)
        if wrong := contradiction(options):
            self.usage_error(wrong)
        if options["s3"] is None and problem is None and options["format"] == "text" and options["verbosity"] >= 1:
            stream_of(self.stdout).write(BY_SETTING)
        problem = problem or self._broken() or refused(options, aside=stream_of(self.stderr))

        def work(run: Run) -> None:
            from ...sync.static import collect_static

            if problem is not None:
                raise problem
            collect_static(run, conf, static_options(options), alias=options["storage"], lock=options["lock"])

        self.run_and_show(options, work, push_options(options))

    def _broken(self) -> S3SyncError | None:
        error = self.unchecked
        return None if error is None else ConfigurationError(
            f"Django's checks of STATICFILES_FINDERS raised {type(error).__name__}: {error}", code="Finders",
            hint="correct STATICFILES_FINDERS, or the class that it names",
        )  # fmt: skip

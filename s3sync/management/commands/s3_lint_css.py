"""`manage.py s3_lint_css`: what a browser would miss that reads the collected stylesheets on S3."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...conf import conf
from ...sync import PushOptions
from ...sync.static import lint_css
from ..base import SyncCommand
from ..options import add_ignore, add_result, add_storage
from ..static import add_css_urls, add_finders_options, lint_options


class Command(SyncCommand):
    help = "Says of every reference in every stylesheet what a browser would meet on S3. Asks nothing of the network."
    findings_are_the_result = True

    def add_arguments(self, parser: CommandParser) -> None:
        add_storage(parser)
        add_ignore(parser)
        add_finders_options(parser)
        add_css_urls(parser)
        add_result(parser, "text", "json")
        parser.add_argument("--no-input", "--noinput", action="store_false", dest="interactive", help="Never ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        wishes = PushOptions(dry_run=True, ignore=tuple(options["ignore"]))
        self.run_and_show(
            options, lambda run: lint_css(run, conf, lint_options(options), alias=options["storage"]), wishes
        )

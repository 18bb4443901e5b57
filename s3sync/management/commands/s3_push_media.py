"""`manage.py s3_push_media`: the files of MEDIA_ROOT, on S3."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...conf import conf
from ...core.comparison import Compare
from ...core.plan import DeleteLimit
from ...exceptions import ConfigurationError
from ...sync.head_start import HeadStart
from ..base import SyncCommand
from ..options import add_shared_options, delete_limit, duration, path, push_options
from ..pushing import begun, contradiction


class Command(SyncCommand):
    help = "Pushes the files of MEDIA_ROOT to S3: only what is new or has changed, and nothing that is newer there."

    def add_arguments(self, parser: CommandParser) -> None:
        add_shared_options(parser)
        add = parser.add_argument
        add("--source", metavar="DIR", help="Folder to push. Default: S3SYNC['MEDIA_SOURCE'], else MEDIA_ROOT.")
        add("--compare", choices=[way.value for way in Compare], default="auto",
            help="auto compares content, size only sizes, always sends everything.")  # fmt: skip
        add("--no-clobber", action="store_true", help="Leave alone whatever exists, without comparing.")
        add("--overwrite-newer", action="store_true", help="Send also where the bucket has a newer object.")
        add("--delete", action="store_true", help="Delete objects that we sent and whose files are gone.")
        add("--max-delete", type=delete_limit, default=DeleteLimit(), metavar="N|P%",
            help="Delete nothing if it would be more. Default: 10%% of the objects in scope, ten always.")  # fmt: skip
        add("--min-age", type=duration, default=0.0, metavar="S", help="Skip files changed in the last S seconds.")
        add("--normalize", choices=("none", "nfc"), default="none",
            help="nfc: file names as macOS writes them get the keys that browsers and databases mean.")  # fmt: skip
        add("--follow-symlinks", action="store_true", help="Follow links that lead out of the source.")
        add("--files-from", type=path, metavar="FILE|-",
            help="Push only the files that FILE names, one a line (-: standard input), and list nothing.")  # fmt: skip
        add("--null", action="store_true", help="The names of --files-from end with NUL, as find -print0 writes them.")

    def _are_several(self, options: dict[str, Any]) -> bool:
        from ...sync.media import chosen_media

        try:
            return len(chosen_media(conf, alias=options["storage"], source=options["source"])) > 1
        except ConfigurationError:  # the run says it, in its report
            return False

    def handle(self, *args: Any, **options: Any) -> None:
        self.check_options(options)
        if wrong := contradiction(options):
            self.usage_error(wrong)
        if options["files_from"] and self._are_several(options):
            self.usage_error("--files-from is about one entry of S3SYNC['MEDIA']: add --storage or --source")
        with begun(options) as head_start:
            self._push(options, head_start)

    def _push(self, options: dict[str, Any], head_start: HeadStart) -> None:
        from ...sync.media import push_media

        wishes = push_options(
            options, compare=Compare(options["compare"]), no_clobber=options["no_clobber"],
            overwrite_newer=options["overwrite_newer"], delete=options["delete"], max_delete=options["max_delete"],
            min_age=options["min_age"], follow_symlinks=options["follow_symlinks"],
            files_from=options["files_from"], null=options["null"], normalize=options["normalize"],
        )  # fmt: skip
        self.run_and_show(options, lambda run: push_media(
            run, conf, alias=options["storage"], source=options["source"], lock=options["lock"], begun=head_start
        ), wishes)  # fmt: skip

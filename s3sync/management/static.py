"""What the commands for static files have in common: their options, what excludes what, and Django's question."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser

from ..conf import CSS_MISSING, CSS_URLS, conf
from ..exceptions import ConfigurationError, S3SyncError
from .options import Adder, Options, add_shared_options, days, delete_limit, ignored, path, whole_number
from .questions import is_terminal

if TYPE_CHECKING:
    from ..sync.static import StaticOptions

_APART = (
    ("build", ("source",), "one makes the tree, the other pushes it"),
    ("build", ("include", "prefix"), "a part would be pushed as if it were the whole tree"),
    ("build", ("prune", "clear", "check", "check_metadata", "fix_metadata", "verify", "verify_css"),
        "--build makes a folder and asks nothing of a bucket"),
    ("clear", ("include",), "all that is left out would be deleted"),
    ("prune", ("include", "prefix"), "what is left out would be taken for replaced"),
)  # fmt: skip
"""Options that exclude each other, and why."""
_FLAGS = {"source": "from"}
"""The names of options that are not their destination's."""


class ChecksLater:
    """For a command whose system checks may meet classes of the project's that raise anything."""

    unchecked: Exception | None = None
    """What one of them has raised."""

    def check(self, *args: Any, **how: Any) -> None:
        """Django's; but what a finder raises while it is made, a run to S3 says in its report."""
        self.unchecked = None
        try:
            super().check(*args, **how)  # type: ignore[misc]
        except CommandError:
            raise
        except Exception as error:  # noqa: BLE001  a class of the project's may raise anything; raised again below
            self.unchecked = error


def add_static_options(parser: CommandParser) -> None:
    """The options of `collectstatic --s3`, but those that the parser has already."""
    parser.add_argument(
        "--s3",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="Collect to S3, in one pass, or don't. Default: as S3SYNC['COLLECTSTATIC'] says, else Django's way.",
    )
    group = parser.add_argument_group("options that go with --s3")
    add_shared_options(group)
    add_css_urls(group)
    add = Adder(group)
    add("--css-missing", choices=CSS_MISSING, help="What a reference in CSS is that leads to no collected file.")
    add("--manifest-to", type=path, metavar="PATH", help="Write the manifest to PATH too.")
    add("--build", type=path, metavar="DIR", help="Write what would be sent into DIR; no network, no credentials.")
    add("--from", type=path, metavar="DIR", dest="source", help="Push this built tree, not what the finders find.")
    add("--prune", action="store_true", help="Delete hashed files that no kept manifest names any more.")
    add("--keep-days", type=days, default=14.0, metavar="D", help="Keep manifests for D days. Default: 14.")
    add("--keep-manifests", type=whole_number, default=5, metavar="N", help="Keep N manifests at least. Default: 5.")
    add("--max-delete", type=delete_limit, metavar="N|P%", help="Delete nothing if it would be more. Default: any.")
    add("--verify-css", action="store_true", help="Fetch what CSS refers to as a browser would, after the upload.")


def add_css_urls(parser: Options) -> None:
    """`--css-urls`."""
    Adder(parser)("--css-urls", choices=CSS_URLS, help="How stylesheets refer to files. Default: auto.")


def add_finders_options(parser: Options) -> None:
    """What Django's `collectstatic` has beside `--ignore` to choose files."""
    parser.add_argument("--no-default-ignore", action="store_false", dest="use_default_ignore_patterns",
        help="Don't leave out what Django leaves out by default: CVS, .* and *~.")  # fmt: skip


def static_options(options: dict[str, Any]) -> StaticOptions:
    """What these options ask for. Raises ConfigurationError in a project without static files."""
    from ..sync.static import StaticOptions

    return StaticOptions(
        ignore_patterns=_ignore_patterns(options), post_process=options["post_process"], clear=options["clear"],
        max_delete=options["max_delete"], css_urls=options["css_urls"], css_missing=options["css_missing"],
        manifest_to=_as_path(options["manifest_to"]), build=_as_path(options["build"]),
        source=_as_path(options["source"]), prune=options["prune"], keep_days=options["keep_days"],
        keep_manifests=options["keep_manifests"], verify_css=options["verify_css"],
    )  # fmt: skip


def lint_options(options: dict[str, Any]) -> StaticOptions:
    """What `s3_lint_css` is asked for. Raises ConfigurationError in a project without static files."""
    from ..sync.static import StaticOptions

    return StaticOptions(ignore_patterns=_ignore_patterns(options), css_urls=options["css_urls"])


def contradiction(options: dict[str, Any]) -> str | None:
    """Which options exclude each other, and why; None where all is well."""
    if options["link"]:
        return "--link and --s3 exclude each other: S3 knows no links"
    for one, others, why in _APART:
        for other in others:
            if options[one] and options[other]:
                flags = (f"--{_FLAGS.get(name, name).replace('_', '-')}" for name in (one, other))
                return f"{' and '.join(flags)} exclude each other: {why}"
    return None


def refused(options: dict[str, Any], *, aside: IO[str]) -> S3SyncError | None:
    """Asks as Django does, where anything in the bucket may change; None stands for consent.

    Where standard output is for machines, the question goes to `aside`.
    """
    if not options["interactive"] or options["dry_run"] or options["check"] or options["build"]:
        return None
    if not is_terminal():
        return S3SyncError(
            "Nothing was done: standard input is no terminal, so nobody can be asked.", code="NoInput",
            hint="add --no-input to go on without a question",
        )  # fmt: skip
    try:
        answer = _ask(_question(options), aside if options["format"] != "text" else None)
    except ConfigurationError as error:
        return error
    return None if answer == "yes" else S3SyncError("Collecting static files cancelled.", code="Cancelled")


def static_files_app() -> Any:
    """The configuration of Django's app. Raises ConfigurationError where it is not installed."""
    try:
        return apps.get_app_config("staticfiles")
    except LookupError:
        raise ConfigurationError(
            "django.contrib.staticfiles is not in INSTALLED_APPS, so there are no static files to collect.",
            code="NoStaticFiles", hint='add "django.contrib.staticfiles", below "s3sync"',
        ) from None  # fmt: skip


def _ignore_patterns(options: dict[str, Any]) -> tuple[str, ...]:
    """As Django's `set_options` puts them together, in an order that stays."""
    by_default = static_files_app().ignore_patterns if options["use_default_ignore_patterns"] else []
    return tuple(dict.fromkeys(os.path.normpath(glob) for glob in [*ignored(options), *by_default]))


def _as_path(text: str | os.PathLike[str] | None) -> Path | None:
    return None if text is None else Path(text)


def _question(options: dict[str, Any]) -> str:
    does = "This will overwrite existing files!\n"
    if options["clear"]:
        does += "After the upload it will DELETE ALL FILES in this location that are not in this collection!\n"
    return (
        "\nYou have requested to collect static files at the destination\n"
        f"location as specified in your settings:\n\n    the storage {options['storage'] or conf.static_storage!r}\n\n"
        f"{does}Are you sure you want to do this?\n\nType 'yes' to continue, or 'no' to cancel: "
    )


def _ask(question: str, aside: IO[str] | None) -> str:
    """The answer; "" at the end of input."""
    if aside is not None:
        aside.write(question)
        aside.flush()
    try:
        return input("" if aside else question)
    except EOFError:
        return ""

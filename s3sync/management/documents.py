"""`--print-policy`: documents on standard output, and what belongs to them on standard error. Needs no network."""

from __future__ import annotations

import json
import sys
from typing import IO, Any

from django.core.management.base import CommandParser

from ..conf import conf
from ..exceptions import S3SyncError

KINDS = ("iam", "bucket", "cors")


def add_policy_options(parser: CommandParser) -> None:
    """What says which document, and for whom."""
    group = parser.add_argument_group("documents to paste; printing needs no network and no credentials")
    add = group.add_argument
    add("--print-policy", choices=KINDS, help="Print a policy for roles, one for the bucket, or CORS rules.")
    add("--for", action="append", default=[], dest="commands", metavar="COMMAND",
        help="With iam: what has to be allowed, such as 's3_push_media --delete'. Repeatable.")  # fmt: skip
    add("--distribution", metavar="ARN", help="With bucket: let this CloudFront distribution read.")
    add("--origin", action="append", default=[], metavar="URL", help="With cors: the site's origin. Repeatable.")


def show_policy(options: dict[str, Any], *, out: IO[str], err: IO[str]) -> None:
    """Prints the document; ends with exit 1 where there is none."""
    from ..sync.documents import print_policy
    from ..wording import with_advice

    aliases = options["storage"]
    try:
        printed = print_policy(
            conf, options["print_policy"], alias=aliases[0] if aliases else None, commands=tuple(options["commands"]),
            distribution=options["distribution"], origins=tuple(options["origin"]),
        )  # fmt: skip
    except S3SyncError as error:
        err.write(with_advice(str(error), error.hint) + "\n")
        sys.exit(error.exit_code)
    out.write(json.dumps(printed.document, indent=2) + "\n")
    for key, statement in printed.key_statements.items():
        err.write(f"The policy of the KMS key {key} needs this statement:\n{json.dumps(statement, indent=2)}\n")
    for note in printed.notes:
        err.write(f"{note}\n")

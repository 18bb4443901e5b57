"""What is asked before ACLs are changed: on a terminal only."""

from __future__ import annotations

import sys
from typing import IO, Any

from ..exceptions import S3SyncError


def refused_to_mend(options: dict[str, Any], *, aside: IO[str]) -> S3SyncError | None:
    """Why ACLs are not to be changed; None stands for consent, or for nothing to be consented to."""
    if not (options["fix"] or options["undo"]) or options["dry_run"] or not options["interactive"]:
        return None
    if not is_terminal():
        return S3SyncError(
            "Nothing was done: standard input is no terminal, so nobody can be asked.", code="NoInput",
            hint="add --no-input to change ACLs without a question, or --dry-run to see what would be changed",
        )  # fmt: skip
    where = ", ".join(options["storage"]) or "all storages on S3"
    what = "give back the ACLs that the journal tells of" if options["undo"] else "change the ACLs of objects"
    aside.write(f"This will {what}: {where}.\n")
    aside.write("Are you sure you want to do this? Type 'yes' to continue, or 'no' to cancel: ")
    aside.flush()
    try:
        answer = input()
    except EOFError:
        answer = ""
    return None if answer == "yes" else S3SyncError("Cancelled: no ACL was changed.", code="Cancelled")


def is_terminal() -> bool:
    """Whether somebody can answer."""
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # there is none, or it was closed
        return False

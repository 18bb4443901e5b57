"""What `s3_push_media` does with its options before it imports what works on S3."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..conf import conf
from ..sync.head_start import NONE, HeadStart, head_start

_APART = (
    ("no_clobber", "overwrite_newer", ""),
    ("files_from", "delete", "only a whole walk shows which files are gone"),
    ("files_from", "check_metadata", "that is a question about every object"),
    ("files_from", "fix_metadata", "that is a question about every object"),
    ("files_from", "verify", "it lists everything"),
)
"""Options that exclude each other, and why."""
_SENT_HERE = ("dry_run", "check", "bwlimit", "max_rps")
"""With these options, no other process sends."""


def contradiction(options: dict[str, Any]) -> str | None:
    """Which options exclude each other; None where all is well."""
    for one, other, why in _APART:
        if options[one] and options[other]:
            both = " and ".join(f"--{name.replace('_', '-')}" for name in (one, other))
            return f"{both} exclude each other" + (f": {why}" if why else "")
    return "--null goes with --files-from" if options["null"] and not options["files_from"] else None


def begun(options: dict[str, Any]) -> AbstractContextManager[HeadStart]:
    """What other processes begin with for a run with these options, until the context ends."""
    if options["files_from"] or options["prefix"]:
        return nullcontext(NONE)  # of a part, nobody knows how large it is
    sent_here = options["engine"] == "boto3" or any(options[name] for name in _SENT_HERE)
    return head_start(conf, alias=options["storage"], source=options["source"], sends=not sent_here)

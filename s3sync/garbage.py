"""How often a process looks through its objects for garbage. For processes that do our work and nothing else."""

from __future__ import annotations

import gc

_OFTEN = 10_000
"""Objects that may come before those of them that are left are looked through. Python's own number, 700, means that the
import of Django and boto3 is looked through some 200 times, which takes a tenth of a short command."""


def look_rarely() -> None:
    """From now on, to the end of this process. Garbage is what nobody refers to but itself: there is little of it."""
    gc.set_threshold(_OFTEN)


def spare_what_is_here() -> None:
    """What has been made so far stays to the end of this process, and is not looked through any more."""
    gc.freeze()

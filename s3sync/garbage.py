"""How often a process looks through its objects for garbage. For processes that do our work and nothing else."""

from __future__ import annotations

import gc

_RARELY = 10_000
"""Objects that may come before those of them that are left are looked through. With Python's own number, 700 or 2,000,
the import of boto3 and of ours is looked through again and again, which takes a tenth of a short command."""
_USUAL = gc.get_threshold()


def look_rarely() -> None:
    """From now on. Where hardly anything refers to itself, there is little to be found."""
    gc.set_threshold(_RARELY)


def look_as_usual() -> None:
    """From now on. An exception that refers to itself may hold megabytes, of a body that was to be sent."""
    gc.set_threshold(*_USUAL)


def spare_what_is_here() -> None:
    """What has been made so far stays to the end of this process, and is not looked through any more."""
    gc.freeze()

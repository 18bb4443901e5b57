"""One object's way through the boto3 engine: what was tried so far, and how it may end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .transfer import Condition


class Conflict(Exception):
    """Another object is under the key; `found` is what a HEAD has just said of it, if one was asked."""

    def __init__(self, found: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.found = found


class Untrue(Exception):
    """A HEAD has shown that the condition does not hold; `found` is its answer, None for no object."""

    def __init__(self, found: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.found = found


class NothingStored(Exception):
    """The storage's own `_save` said that all is well, but there is no object."""


class Cancelled(Exception):
    """The run is ending; the object was not sent."""


@dataclass(slots=True)
class Attempt:
    """Where one object stands: what is asked of the server, and what was tried before."""

    condition: Condition | None
    bare: bool
    """Whether `If-Match` goes without quotes."""
    number: int = 0
    asked: bool = False
    """Whether the request carried the condition."""
    unasked: bool = False
    """The server has refused the condition's header: this time a HEAD looks instead."""
    other_form: bool = False
    """This is not the form of `If-Match` that the target was known to want."""

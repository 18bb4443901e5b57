"""What a lock in a bucket says: who works on which names, and for how long that holds.

A claim holds from the moment the server stored it, by the server's own clock, so that no host's clock matters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

LIFETIME = 600.0
"""Seconds after which a lock that nobody has renewed is anybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The content of a lock that is not free."""

    run: str
    """The run's id; empty where the lock can't be read."""
    prefix: str
    """Of the names that the run is about; empty for all."""
    owner: str = ""
    """For people: which process on which host. Empty where everybody could read it."""
    held: bool = False
    """Whether the run has seen that no other one has names in common with it."""
    seconds: float = LIFETIME
    """How long it holds."""
    serial: int = 0
    """How often it was renewed: no two stores of a lock have the same bytes."""

    def encode(self) -> bytes:
        """As it is stored."""
        return json.dumps({
            "run": self.run, "prefix": self.prefix, "owner": self.owner, "held": self.held, "seconds": self.seconds,
            "serial": self.serial,
        }).encode()  # fmt: skip

    def next(self, *, held: bool) -> Claim:
        """The same, renewed."""
        return replace(self, held=held, serial=self.serial + 1)

    def overlaps(self, other: Claim) -> bool:
        """Whether a name can be in both."""
        return self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)

    def yields_to(self, other: Claim) -> bool:
        """Whether this one, not yet held, has to give way: of two that begin at once the wider prefix goes on."""
        return self.overlaps(other) and (other.held or other.prefix < self.prefix)

    @property
    def who(self) -> str:
        """Whose it is, in words."""
        if not self.run:
            return "a run of another version"
        names = f", for names under {self.prefix!r}" if self.prefix else ""
        return f"run {self.run}{f' ({self.owner})' if self.owner else ''}{names}"


def read_claim(body: bytes) -> Claim | None:
    """What a lock says; None for one that is free. What can't be understood counts as held, and for all names."""
    if not body:
        return None
    try:
        found = json.loads(body)
        return Claim(
            run=str(found["run"]), prefix=str(found["prefix"]), owner=str(found["owner"]), held=bool(found["held"]),
            seconds=min(float(found["seconds"]), 10 * LIFETIME), serial=int(found["serial"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return Claim(run="", prefix="", held=True)

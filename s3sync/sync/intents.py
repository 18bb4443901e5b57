"""Who is meant to read the objects of one alias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..access import StorageFacts, derive
from ..s3.target import Target
from ..s3.told import storage_facts

EXPECTED, DECLARED, DERIVED = "expected", "declared", "derived"
HIDDEN = ("private", "cdn")
_STRICTEST = ("private", "cdn", "undeclared", "public")


@dataclass(frozen=True, slots=True)
class Meant:
    """An intent, and who says so."""

    intent: str
    source: str

    @property
    def declared(self) -> bool:
        """Whether somebody has written it."""
        return self.source != DERIVED


@dataclass(slots=True)
class Intents:
    """Intents by name. Used by one thread."""

    target: Target
    declared: Sequence[tuple[str, str]] = ()
    """`S3SYNC["INTENT"]`: prefix of names and intent; the first match counts."""
    expected: str | None = None
    """What `--expect` says, of everything."""
    _facts: StorageFacts | None = None
    """Of all names, where the storage's class does not decide by key."""

    def of(self, name: str) -> Meant:
        """The intent for the object of this name."""
        if self.expected is not None:
            return Meant(self.expected, EXPECTED)
        if self.target.has_own_keys and any(prefix for prefix, _ in self.declared):
            # Nobody can tell a key's name, and so its rule: the strictest one holds.
            strictest = min((intent for _, intent in self.declared), key=_STRICTEST.index)
            return Meant(strictest, DECLARED)
        for prefix, intent in self.declared:
            if name.startswith(prefix):
                return Meant(intent, DECLARED)
        facts = self._facts
        if facts is None:
            facts = storage_facts(self.target, self.target.prefix + name)
            if not self.target.decides_by_key:
                self._facts = facts
        return Meant(derive(facts).intent, DERIVED)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Names that begin so have one intent each, as far as no storage class decides by key; the rest is `""`."""
        if self.expected is not None or self.target.has_own_keys:
            return ("",)
        written = dict.fromkeys(prefix for prefix, _ in self.declared)
        return tuple(written) if "" in written else (*written, "")

    @property
    def hides(self) -> bool:
        """Whether anything here is not for everybody."""
        return any(self.of(prefix).intent in HIDDEN for prefix in self.prefixes)

    @property
    def differ_by_key(self) -> bool:
        """Whether nobody can tell the intents of all names without asking for each."""
        covered = self.expected is not None or any(prefix == "" for prefix, _ in self.declared)
        return not covered and self.target.decides_by_key

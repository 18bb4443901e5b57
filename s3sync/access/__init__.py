"""Who can read an S3 object, and who is meant to. Standard library only; nothing here asks a server.

`decide` answers for one object, `decide_prefix` for all keys that begin so, from facts that somebody else has read. The
procedure and its sources are in `situation.py`, what is not known to hold on AWS is named in docs/access.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aliases import Conflict, Place, conflicts
    from .bucket import list_access, write_access
    from .facts import ALL_USERS, AUTHENTICATED_USERS, BucketFacts, Grant, ObjectFacts
    from .intent import Finding, Intent, StorageFacts, contradictions, derive, intent_of, is_meant_public
    from .prefix import PrefixDecision, decide_prefix
    from .verdict import Verdict, decide

_HOMES = {
    "aliases": ("Conflict", "Place", "conflicts"),
    "bucket": ("list_access", "write_access"),
    "facts": ("ALL_USERS", "AUTHENTICATED_USERS", "BucketFacts", "Grant", "ObjectFacts"),
    "intent": ("Finding", "Intent", "StorageFacts", "contradictions", "derive", "intent_of", "is_meant_public"),
    "prefix": ("PrefixDecision", "decide_prefix"),
    "verdict": ("Verdict", "decide"),
}

__all__ = [
    "ALL_USERS",
    "AUTHENTICATED_USERS",
    "BucketFacts",
    "Conflict",
    "Finding",
    "Grant",
    "Intent",
    "ObjectFacts",
    "Place",
    "PrefixDecision",
    "StorageFacts",
    "Verdict",
    "conflicts",
    "contradictions",
    "decide",
    "decide_prefix",
    "derive",
    "intent_of",
    "is_meant_public",
    "list_access",
    "write_access",
]


def __getattr__(name: str) -> Any:
    """Imports what is asked for only then: a push, which a user waits for, needs a tenth of this package."""
    for module, names in _HOMES.items():
        if name in names:
            globals()[name] = found = getattr(import_module(f".{module}", __name__), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

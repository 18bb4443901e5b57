"""Who is meant to read a storage's objects, as far as the storage itself tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PUBLIC_ACLS = frozenset({"public-read", "public-read-write"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFacts:
    """What a storage instance says that bears on who reads."""

    acl: str | None
    """The canned ACL that it writes with."""
    url_is_signed: bool
    """Whether `url()` carries a signature that expires."""


def is_meant_public(facts: StorageFacts, declared: Sequence[tuple[str, str]] | None, name: str) -> bool:
    """Whether anybody may come to read an object of this name.

    A written intent (`S3SYNC["INTENT"]`: prefix and intent, first match wins) counts before what is derived; but an
    object that is written with a public ACL is public, whatever anybody meant. A `cdn` serves everybody.
    """
    if facts.acl in PUBLIC_ACLS:
        return True
    for prefix, intent in declared or ():
        if name.startswith(prefix):
            return intent != "private"
    return not facts.url_is_signed

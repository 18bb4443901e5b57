"""Who is meant to read a storage's objects, as far as the storage itself tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PUBLIC_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read"})
"""`authenticated-read` lets in whoever has an AWS account: anybody (Amazon S3 User Guide, "ACL overview")."""
PUBLIC_GROUPS = ("global/AllUsers", "global/AuthenticatedUsers")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFacts:
    """What a storage instance says that bears on who reads."""

    acl: str | None
    """The canned ACL that it writes with."""
    url_is_signed: bool
    """Whether `url()` carries a signature that expires."""
    grants: Sequence[str] = ()
    """The grantees that it writes with."""
    acl_is_told: bool = True
    """False if nobody knows beforehand what ACL it writes with."""

    @property
    def acl_is_public(self) -> bool:
        """Whether the ACL lets everybody read, or may do so."""
        groups = any(group in grantees for grantees in self.grants for group in PUBLIC_GROUPS)
        return not self.acl_is_told or self.acl in PUBLIC_ACLS or groups


def is_meant_public(facts: StorageFacts, declared: Sequence[tuple[str, str]] | None, name: str) -> bool:
    """Whether anybody may come to read an object of this name.

    A written intent (`S3SYNC["INTENT"]`: prefix and intent, first match wins) counts before what is derived; but an
    object that is written with a public ACL is public, whatever anybody meant, and so is one whose ACL can't be told.
    A `cdn` serves everybody.
    """
    if facts.acl_is_public:
        return True
    for prefix, intent in declared or ():
        if name.startswith(prefix):
            return intent != "private"
    return not facts.url_is_signed

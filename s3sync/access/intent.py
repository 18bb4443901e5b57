"""Who is meant to read a storage's objects, as far as the storage itself tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

PUBLIC_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read"})
"""`authenticated-read` lets in whoever has an AWS account: anybody (Amazon S3 User Guide, "ACL overview")."""
PUBLIC_GROUPS = ("global/AllUsers", "global/AuthenticatedUsers")

Rules = Sequence[tuple[str, str]]
"""A written intent: prefix and intent, first match wins."""


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
    custom_domain: bool = False
    """Whether `url()` points to another host than S3's own."""
    custom_domain_is_s3: bool = False
    """Whether that host is S3 all the same, such as `bucket.s3.amazonaws.com`: then no CDN is in between."""
    custom_domain_signs: bool = False
    """Whether there is a CloudFront key to sign with, be it used or not."""
    wants_signed: bool = False
    """Whether `querystring_auth` is on: addresses ought to be signed."""
    serves_static: bool = False
    """Whether this is the storage of the static files."""

    @property
    def acl_is_public(self) -> bool:
        """Whether the ACL lets everybody read, or may do so."""
        groups = any(group in grantees for grantees in self.grants for group in PUBLIC_GROUPS)
        return not self.acl_is_told or self.acl in PUBLIC_ACLS or groups


def is_meant_public(facts: StorageFacts, declared: Rules | None, name: str) -> bool:
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


class Intent(NamedTuple):
    """Who is meant to read, and how we know."""

    intent: str
    """`public`, `private`, `cdn`, `undeclared` (the storage contradicts itself), or as declared: also `skip`."""
    source: Literal["declared", "derived"]


class Finding(NamedTuple):
    """A storage that says two things at once."""

    id: str
    severity: Literal["high", "warning", "info"]
    detail: str


STATIC_SIGNED = Finding(
    "static-signed", "high", "static files have signed addresses, and what stylesheets refer to would have none"
)
ACL_UNTOLD = Finding("acl-untold", "info", "which ACL an object gets is known only when it is written")
PUBLIC_SIGNED = Finding(
    "public-signed", "warning", "objects are written for everybody to read, but addresses are signed and expire"
)
ACCOUNTS_READ = Finding(
    "accounts-read", "high", "the ACL authenticated-read lets in whoever has an AWS account, and no browser"
)
PRIVATE_UNSIGNED = Finding(
    "private-unsigned", "warning", "objects are written as private, but addresses are not signed"
)
UNSIGNED_DOMAIN = Finding(
    "unsigned-domain", "warning", "querystring_auth has no effect at a custom domain without a CloudFront key"
)
KEY_WITHOUT_DOMAIN = Finding("unused-key", "warning", "the CloudFront key is not used: there is no custom domain")
KEY_UNUSED = Finding("unused-key", "info", "the CloudFront key is not used: querystring_auth is off")
DECLARED_BUT_OPEN = Finding(
    "declared-otherwise", "high", "declared not to be read by everybody at S3, but written with a public ACL"
)
DECLARED_UNSIGNED = Finding("declared-otherwise", "warning", "declared private, but addresses are not signed")
DECLARED_BUT_CLOSED = Finding("declared-otherwise", "warning", "declared public, but written with the ACL private")


def intent_of(facts: StorageFacts, declared: Rules | None, name: str) -> Intent:
    """Who is meant to read the object of this name: as written, else as the storage lets one conclude."""
    for prefix, intent in declared or ():
        if name.startswith(prefix):
            return Intent(intent, "declared")
    return derive(facts)


def derive(facts: StorageFacts) -> Intent:
    """Who seems to be meant to read what the storage writes.

    Whoever publishes an address without a signature means everybody to follow it: at S3, or at the CDN if the address
    leads there and no public ACL opens S3 too. A signed address means that others are kept out; with a public ACL they
    are not, and only the owner can say which of the two was meant.
    """
    if facts.url_is_signed:
        return Intent("undeclared" if facts.acl_is_public else "private", "derived")
    through_cdn = facts.custom_domain and not facts.custom_domain_is_s3
    return Intent("cdn" if through_cdn and not _is_open(facts) else "public", "derived")


def contradictions(facts: StorageFacts, declared: Rules | None = None) -> list[Finding]:
    """Where ACL, addresses and written intent don't fit together, unless a declaration for all names settles it."""
    intents = {intent for _, intent in declared or ()}
    settled = any(prefix == "" for prefix, _ in declared or ())
    signed, open_ = facts.url_is_signed, _is_open(facts)
    keyed = facts.custom_domain_signs
    found = (
        (facts.serves_static and signed, STATIC_SIGNED),
        (not facts.acl_is_told, ACL_UNTOLD),
        (signed and open_ and not settled, PUBLIC_SIGNED),
        (facts.acl == "authenticated-read", ACCOUNTS_READ),
        (facts.acl == "private" and not signed and "private" not in intents, PRIVATE_UNSIGNED),
        (facts.custom_domain and facts.wants_signed and not signed, UNSIGNED_DOMAIN),
        (keyed and not facts.custom_domain, KEY_WITHOUT_DOMAIN),
        (keyed and facts.custom_domain and not facts.wants_signed, KEY_UNUSED),
        (open_ and not intents.isdisjoint({"private", "cdn"}), DECLARED_BUT_OPEN),
        ("private" in intents and not signed, DECLARED_UNSIGNED),
        ("public" in intents and facts.acl == "private", DECLARED_BUT_CLOSED),
    )
    return [finding for holds, finding in found if holds]


def _is_open(facts: StorageFacts) -> bool:
    """Whether the storage is sure to write with a public ACL."""
    return facts.acl_is_told and facts.acl_is_public

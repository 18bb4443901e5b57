"""What has to be known of a bucket and of an object to tell who reads it.

A fact that could not be read is None, never False: refused (`AccessDenied`), not implemented by this server, or
answered with the wrong document. What the server says is *not configured* is a fact, and has its own value:

    GetPublicAccessBlock   NoSuchPublicAccessBlockConfiguration   an empty dictionary
    GetBucketPolicy        NoSuchBucketPolicy                     policy=None, policy_read=True
    GetOwnershipControls   OwnershipControlsNotFoundError         "ObjectWriter", which is what holds then
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple

from .logic import NO, UNREAD, YES, Truth, either, truth
from .policy import ANONYMOUS, READ_ACTION, READ_VERSION_ACTION, Statement, is_public, statements_of

Ownership = Literal["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]
OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")

IGNORE, RESTRICT = "IgnorePublicAcls", "RestrictPublicBuckets"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
"""Whoever has an AWS account, any account ("Access control list (ACL) overview", "Amazon S3 predefined groups")."""
_EVERYBODY = "/groups/global/AllUsers"
_GROUPS = (_EVERYBODY, "/groups/global/AuthenticatedUsers")

PERMISSIONS = frozenset({"READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"})
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE", "ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"})
"""Storage classes and archive tiers that have to be restored before anybody reads ("Working with archived objects")."""
_WITHOUT_ANONYMOUS = frozenset({
    "access point", "accesspoint", "access point alias", "mrap", "multi region access point", "object lambda",
    "object lambda access point", "olap", "directory", "directory bucket", "s3 express", "s3express",
})  # fmt: skip


class Grant(NamedTuple):
    """A line of an ACL."""

    grantee: str
    """A canonical id or the URI of a group."""
    permission: str


@dataclass(frozen=True)
class BucketFacts:
    """What was read of a bucket. What is left out is as on a new bucket of today, but for the public access block.

    Whoever reads facts from a server starts from `BucketFacts.unread`, where nothing is taken for granted. Don't change
    the dictionaries afterwards: what they mean is worked out once.
    """

    name: str
    owner_id: str | None = None
    """Canonical id."""
    ownership: str | None = "BucketOwnerEnforced"
    """None: not read. A bucket without ownership controls is `ObjectWriter` ("Controlling ownership of objects")."""
    bucket_block: Mapping[str, bool | None] | None = field(default_factory=dict)
    """The bucket's public access block, by the names of its flags; a flag that is not named is off."""
    account_block: Mapping[str, bool | None] | None = field(default_factory=dict)
    """The account's; AWS answers with what holds for it, an organization's block included."""
    policy: Any = None
    """The parsed document; None: there is none."""
    policy_read: bool = True
    policy_is_public: bool | Literal["derive"] | None = "derive"
    """What GetBucketPolicyStatus said; left out: what the policy plainly tells."""
    requester_pays: bool | None = False
    endpoint_kind: str | None = "bucket"
    """`bucket`, `website`; or what lets nobody in: `access point`, `mrap`, `object lambda`, `directory`."""

    @classmethod
    def unread(cls, name: str) -> BucketFacts:
        """A bucket of which nothing is known but its name."""
        return cls(name, None, None, None, None, None, False, None, None)

    @property
    def https(self) -> bool:
        """Website endpoints know http only ("Website endpoints"); elsewhere browsers come by https."""
        return self._kind != "website"

    @cached_property
    def closed(self) -> Truth:
        """Whether this kind of endpoint lets nobody in without credentials ("Access points restrictions")."""
        return YES if self._kind in _WITHOUT_ANONYMOUS else NO if self._kind in ("bucket", "website") else UNREAD

    @cached_property
    def _kind(self) -> str:
        return " ".join(re.split(r"[\W_]+", (self.endpoint_kind or "").lower()))

    @cached_property
    def enforced(self) -> Truth:
        """Whether ACLs are off and the bucket's owner owns every object ("Controlling ownership of objects")."""
        return truth(self.ownership == "BucketOwnerEnforced" if self.ownership in OWNERSHIPS else None)

    @cached_property
    def policy_public(self) -> Truth:
        """Whether RestrictPublicBuckets would act on the policy. Only a policy that lets in anybody can be public."""
        if isinstance(self.policy_is_public, bool):
            return truth(self.policy_is_public)
        told = is_public(self.policy) if self.policy_read else UNREAD
        return told if self.policy_is_public == "derive" or told is NO else UNREAD

    @cached_property
    def restrict(self) -> Truth:
        """RestrictPublicBuckets: the stricter of bucket and account wins ("Blocking public access")."""
        return either(*(_flag(block, RESTRICT) for block in (self.bucket_block, self.account_block)))

    @cached_property
    def ignore(self) -> Truth:
        """IgnorePublicAcls, likewise."""
        return either(*(_flag(block, IGNORE) for block in (self.bucket_block, self.account_block)))

    def levels(self, name: str, value: Truth = YES) -> tuple[str, ...]:
        """At which of `bucket` and `account` a flag is on; or, with `UNREAD`, could not be read."""
        blocks = (("bucket", self.bucket_block), ("account", self.account_block))
        return tuple(level for level, block in blocks if _flag(block, name) is value)

    def statements(self, action: str) -> tuple[Statement, ...]:
        """What the policy says to everybody about an action."""
        if action not in self._statements:
            self._statements[action] = statements_of(self.policy, action, self.https)
        return self._statements[action]

    @cached_property
    def versions_differ(self) -> bool:
        """Whether the policy says of versions by their ids something else than of objects."""
        return self.policy_read and self.statements(READ_ACTION) != self.statements(READ_VERSION_ACTION)

    @cached_property
    def _statements(self) -> dict[str, tuple[Statement, ...]]:
        return {}


def _flag(block: Mapping[str, bool | None] | None, name: str) -> Truth:
    return UNREAD if block is None else truth(block.get(name, False))


@dataclass(frozen=True)
class ObjectFacts:
    """What was read of an object."""

    key: str
    owner_id: str | None = None
    """Canonical id."""
    grants: Sequence[Grant] | None = None
    """Its ACL, as GetObjectAcl answers: what has effect now, not what may be stored behind a block."""
    sse: str | None = None
    """`AES256`, `aws:kms`, `aws:kms:dsse`, `SSE-C`, or None: not known to be encrypted."""
    storage_class: str = "STANDARD"
    """As listed, or the archive tier of an object in `INTELLIGENT_TIERING`. Restored copies are not told here."""

    @property
    def readable(self) -> Truth:
        """Whether S3 could give the content to somebody whom it lets in without credentials.

        What KMS or the customer's own key encrypts wants a signed request; what is archived has to be restored first.
        """
        if self.storage_class in ARCHIVED or self.sse in ("aws:kms", "aws:kms:dsse", "SSE-C"):
            return NO
        return truth(True if self.sse in (None, "AES256") else None)


class AclSays(NamedTuple):
    """What an ACL grants to those whom nobody has chosen."""

    everyone: Truth = UNREAD
    """Anybody may read: an object its content, a bucket its list of keys."""
    accounts: Truth = UNREAD
    """Anybody with an AWS account may read."""
    control: Truth = UNREAD
    """One of these may rewrite the ACL, and so let himself in."""
    writes: Truth = UNREAD
    """One of these may write (buckets only)."""
    shown: Truth = UNREAD
    """One of these may read the ACL."""


NOTHING_GRANTED = AclSays(NO, NO, NO, NO, NO)


def acl_says(grants: Iterable[Grant] | None, owner_id: str | None = "") -> AclSays:
    """What an ACL lets strangers do; all `UNREAD` without the ACL.

    An object that was uploaded without credentials belongs to the anonymous user, who may do anything with it and needs
    no group for it ("Access control list (ACL) overview", "What permissions can I grant?").
    """
    if grants is None:
        return AclSays(control=YES if owner_id == ANONYMOUS else UNREAD)
    return _acl_says(tuple(map(tuple, grants)), owner_id == ANONYMOUS)


@lru_cache(maxsize=4096)
def _acl_says(grants: tuple[tuple[str, ...], ...], is_anonymous: bool) -> AclSays:
    """Most objects of a bucket have one of a few ACLs."""
    strangers = [[permission for grantee, permission in grants if _is_for(grantee, group)] for group in _GROUPS]
    anybody = [permission for permissions in strangers for permission in permissions]
    return AclSays(
        everyone=_may(strangers[0], "READ"),
        accounts=_may(strangers[1], "READ"),
        control=YES if is_anonymous else _may(anybody, "WRITE_ACP"),
        writes=_may(anybody, "WRITE"),
        shown=_may(anybody, "READ_ACP"),
    )


def _is_for(grantee: str, group: str) -> bool:
    return grantee.endswith(group) or (group == _EVERYBODY and grantee == ANONYMOUS)


def _may(permissions: list[str], wanted: str) -> Truth:
    """Whether one of these permissions is enough; a word that no ACL has may mean anything."""
    return either(*(
        YES if permission in (wanted, "FULL_CONTROL") else NO if permission in PERMISSIONS else UNREAD
        for permission in permissions
    ))  # fmt: skip

"""What `s3_doctor` knows of storages, their bucket, and the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..access.facts import BucketFacts, Grant
from ..access.intent import Rules, StorageFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one call ended."""

    operation: str
    """S3's name of it."""
    code: str = ""
    """S3's error code, or botocore's exception; empty: it went well."""
    http: int | None = None
    hint: str = ""
    """What it means here, and what to do."""
    message: str = ""
    """What S3 said, without secrets."""
    region: str = ""
    """Where the bucket is, if the answer says so."""

    @property
    def well(self) -> bool:
        """Whether it did what was asked."""
        return not self.code

    @property
    def words(self) -> str:
        """`PutObject: AccessDenied, HTTP 403`."""
        if self.well:
            return f"{self.operation}: done"
        return f"{self.operation}: {self.code}" + (f", HTTP {self.http}" if self.http else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose credentials a storage uses."""

    found: bool
    method: str = ""
    """Where they come from: `OPTIONS`, or botocore's name for the provider (`env`, `shared-credentials-file`...)."""
    masked: str = ""
    """The end of the access key's id: `...WXYZ`."""
    temporary: bool = False
    """Whether there is a session token."""
    identity: str = ""
    """The ARN that STS told, with the account masked; empty: not asked (elsewhere than on Amazon), or not told."""
    account: str | None = None
    trouble: Answer | None = None
    """Why there are none, or why S3 does not accept them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How the bucket answers."""

    head: Answer
    listing: Answer
    """ListObjectsV2 with one key."""
    skew: float | None = None
    """Seconds that this machine's clock is ahead of the server's; None: no `Date` came."""
    own_account: bool | None = None
    """Whether the bucket is the caller's account's; None: not asked, or nobody could tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSeen:
    """One alias of STORAGES, as its instance tells."""

    alias: str
    bucket: str
    prefix: str
    """What its keys begin with: empty, or with a slash at the end."""
    identity: str
    """A label for endpoint and bucket."""
    class_name: str
    endpoint: str
    """The URL that requests go to."""
    endpoint_is_written: bool
    """Whether the storage names it, rather than botocore."""
    is_aws: bool
    region: str | None
    storage: StorageFacts
    serves_static: bool = False
    declared: Rules = ()
    """What `S3SYNC["INTENT"]` says."""
    rules: Rules = ()
    """Prefix of names -> intent for all names, written or derived; the first match counts, the last is ``""``."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What PutObject gets for an object such as `s3sync.jpg`: ACL, headers, encryption."""
    unsendable: Sequence[str] = ()
    """What boto3 finds wrong with them, without asking anybody."""
    acl_option: str = ""
    """Which option its ACL comes from: `default_acl` or `object_parameters`; empty: none, or its class decides."""
    url_origin: str = ""
    """Where `url()` leads: `https://host`, without path and query; empty if it could not be asked."""
    url_path: str = ""
    """The path of its addresses, up to the name: `/bucket/static/`."""
    signature_version: str = ""
    """As the client signs: `s3v4`, `s3`..."""
    expire: float | None = None
    """`querystring_expire`, in seconds."""
    checksums: str | None = None
    """`request_checksum_calculation` that the user has chosen; None: the site's own uploads have boto3's default."""
    use_ssl: bool = True
    """Whether requests are encrypted."""
    verifies: bool = True
    """Whether certificates are checked."""
    has_options: bool = True
    """Whether OPTIONS stand in STORAGES, so that a line can be written into them."""
    has_own_keys: bool = False
    """Whether nobody can tell its keys from their names."""

    @property
    def sends_acl(self) -> bool:
        """Whether objects are written with an ACL, or may be."""
        return bool(self.storage.acl or self.storage.grants) or not self.storage.acl_is_told

    def places(self, *intents: str) -> list[str]:
        """Prefixes of keys with one of these intents."""
        return [self.prefix + names for names, intent in self.rules if intent in intents]


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSeen:
    """What was read of a bucket. None: unread, and `unread` says why."""

    facts: BucketFacts
    acl: Sequence[Grant] | None
    provider: str
    """`aws`, `ceph`, `minio`, `r2`, `b2`, `spaces`, `wasabi`, `gcs`, `moto?` or `unknown`."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Operation -> why it could not be read: `needs s3:GetBucketAcl on b`, `not-implemented`, `unreachable`..."""
    encryption: str | None = None
    """The default: `AES256`, `aws:kms`, `aws:kms:dsse`; empty: none."""
    versioning: str | None = None
    """`Enabled`, `Suspended`; empty: never switched on."""
    website: bool | None = None
    """Whether it is set up as a website."""
    cors: Sequence[Mapping[str, Any]] | None = None
    """Its CORS rules as boto3 has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the project's settings say of the site itself."""

    origin: str | None
    """`https://www.example.com`; None: they leave it open."""
    static_url: str = "/static/"
    media_url: str = "/media/"
    static_alias: str = "staticfiles"
    media_alias: str = "default"
    needs_cors: Sequence[str] | None = ()
    """Static files that browsers fetch only by CORS (fonts, modules, masks), as `name -> reference`; None: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """Storages in one bucket with one set of credentials, and all that was read."""

    storages: Sequence[StorageSeen]
    caller: Caller
    reach: Reach | None
    """None where nothing was asked, for want of credentials."""
    bucket: BucketSeen | None
    """None where the bucket could not be reached."""
    rights: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    """Alias -> what harmless calls have answered, each with the operation whose right it asked for."""
    site: Site

    @property
    def aliases(self) -> str:
        """All of them, for a diagnosis of the bucket."""
        return ", ".join(storage.alias for storage in self.storages)

    @property
    def name(self) -> str:
        """The bucket's."""
        return self.storages[0].bucket

    @property
    def is_aws(self) -> bool:
        """Whether Amazon itself answers."""
        return self.storages[0].is_aws

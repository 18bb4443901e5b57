"""What came of following the address that a storage gives to an object."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..core.events import Diagnosis
from .facts import Examined, StorageSeen

_REACHES_NOBODY = frozenset({"D02", "D04", "D05", "D06", "D07", "D11", "D12", "D13", "D15", "D16"})
"""Where one of these is an error, it says why nobody reads, and D29 has nothing to add."""
_INTERNAL = (".internal", ".local", ".localhost", ".lan", ".home.arpa", ".svc")
_ELSEWHERE = frozenset({
    "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError",
    "IllegalLocationConstraintException", "NoSuchBucket", "InvalidBucketName",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a browser was given that followed an address."""

    status: int | None
    code: str = ""
    """S3's word for a refusal."""
    error: str = ""
    """Why there is no answer."""
    same: bool = False
    """Whether it was the content that had been put."""
    readable: bool = False

    @property
    def words(self) -> str:
        """`HTTP 403 AccessDenied`."""
        if self.status is None:
            return f"no answer ({self.error})"
        return f"HTTP {self.status}" + (f" {self.code}" if self.code else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An object's address, followed from here."""

    url: str
    """Without its query."""
    intent: str
    """Who is meant to read it: `public`, `private`, `cdn`..."""
    signed: bool = False
    by_version_2: bool = False
    """Whether it is signed in S3's old way."""
    by_cdn: bool = False
    """Whether it leads to a custom domain."""
    as_given: Visit | None = None
    bare: Visit | None = None
    """Without its signature; None: it has none."""
    trouble: str = ""
    """What `url()` raised."""
    development: bool = False
    """Whether the site itself is on such a host as others can't reach."""

    @property
    def host(self) -> str:
        """The host that browsers are sent to."""
        return urlsplit(self.url).hostname or ""


def is_internal(host: str) -> bool:
    """Whether browsers elsewhere can't reach a host of this name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_INTERNAL)
    return address.is_private or address.is_loopback or address.is_link_local


def of_address(address: Address, seen: StorageSeen, facts: Examined, known: Collection[str]) -> Iterator[Diagnosis]:
    """What url() leads to."""
    if address.trouble:
        yield Diagnosis(
            "D29", "error", "url-fails", f"{seen.class_name}.url() raised {address.trouble}",
            "each page that shows a file fails", f"correct the OPTIONS or the class {seen.class_name}", seen.alias,
        )  # fmt: skip
        return
    troubles = list(_troubles(address, seen, facts))
    if troubles and not _REACHES_NOBODY.intersection(known):
        yield troubles[0]
    elif not troubles:
        yield from _of_host(address, seen)


def _of_host(address: Address, seen: StorageSeen) -> Iterator[Diagnosis]:
    how = (
        "signed; unsigned it is refused" if address.signed and address.bare else "signed" if address.signed else "plain"
    )
    well = f"{address.url} gives what was put ({how})"
    if not address.host:
        yield Diagnosis("D29", "ok", "address", f"{address.url} leads to the site itself", alias=seen.alias)
    elif not is_internal(address.host):
        yield Diagnosis("D29", "ok", "address", well, alias=seen.alias)
    elif address.development:
        yield Diagnosis(
            "D29", "ok", "address", f"{well}; {address.host} is reached from here only, as in development",
            alias=seen.alias,
        )  # fmt: skip
    else:
        yield Diagnosis(
            "D29", "warning", "internal-host", f"url() sends browsers to {address.host}: {address.url}",
            "browsers can't reach it: it is a name or an address inside of your network",
            f'in OPTIONS of STORAGES["{seen.alias}"]: "endpoint_url": the public address of the S3 API, '
            'or "custom_domain": the public host that serves the bucket', seen.alias,
        )  # fmt: skip


def _troubles(address: Address, seen: StorageSeen, facts: Examined) -> Iterator[Diagnosis]:
    given, bare = address.as_given, address.bare
    if given is not None and not given.same:
        if address.by_cdn:
            yield _at_domain(address, seen, given)
        elif address.signed:
            yield _signature(address, seen, facts, given)
        elif address.intent != "private":
            yield _closed(address, seen, given)
        else:
            yield _error(
                address, seen, "unsigned-private", given, "the address has no signature, and S3 refuses it without one",
                f'in OPTIONS of STORAGES["{seen.alias}"]: "querystring_auth": True,',
            )  # fmt: skip
    if bare is not None and bare.readable and address.intent == "private":
        yield Diagnosis(
            "D29", "error", "open-unsigned", f"{address.url} is given to everybody, without its signature",
            "these files are meant to be private, and whoever drops the signature from an address reads on",
            f"python manage.py s3_verify_acl --fix --no-input --storage {shlex.quote(seen.alias)}\n"
            f"python manage.py s3_create_bucket --update --no-input --storage {shlex.quote(seen.alias)}", seen.alias,
        )  # fmt: skip


def _error(address: Address, seen: StorageSeen, title: str, visit: Visit, why: str, fix: str) -> Diagnosis:
    what = "the content of something else" if visit.readable else visit.words
    return Diagnosis("D29", "error", title, f"{address.url} gives {what}", why, fix, seen.alias)


def _signature(address: Address, seen: StorageSeen, facts: Examined, given: Visit) -> Diagnosis:
    """Why a signed address does not work."""
    options = f'in OPTIONS of STORAGES["{seen.alias}"]: '
    why = "pages show none of the files whose addresses are signed"
    if given.status is None:
        return _error(address, seen, "unreachable", given, why, options + '"endpoint_url": an address that answers')
    skew = facts.reach.skew if facts.reach is not None else None
    if seen.expire is not None and seen.expire <= 0:
        return _error(address, seen, "expired", given, why, options + '"querystring_expire": 3600,')
    if address.by_version_2:
        return _error(address, seen, "signature-version", given, why, options + '"signature_version": "s3v4",')
    if given.code in _ELSEWHERE or given.status in (301, 307):
        fix = (
            options + '"region_name": the region of the bucket, and "addressing_style": "virtual" (or "path" elsewhere '
        )
        return _error(address, seen, "wrong-region", given, why, fix + "than at Amazon)")
    if skew is not None and abs(skew) > 300:
        return _error(address, seen, "clock", given, why, "set this machine's clock (NTP)")
    fix = (
        options
        + '"signature_version": "s3v4",\nand let nothing between browsers and the bucket change Host, path or query'
    )
    return _error(address, seen, "signature", given, why, fix)


def _closed(address: Address, seen: StorageSeen, given: Visit) -> Diagnosis:
    if given.status is None:
        fix = f'in OPTIONS of STORAGES["{seen.alias}"]: "endpoint_url" or "custom_domain": a host that answers'
    else:
        fix = f"python manage.py s3_create_bucket --update --no-input --storage {shlex.quote(seen.alias)}"
    return _error(address, seen, "unreadable", given, "these files are meant for everybody, and nobody gets them", fix)


def _at_domain(address: Address, seen: StorageSeen, given: Visit) -> Diagnosis:
    """A CDN may have rules of its own for names with a dot, so its refusal is not taken for proof."""
    why = "pages send browsers there"
    if given.status is not None and 400 <= given.status < 500:
        return Diagnosis(
            "D29", "warning", "domain-refuses", f"{address.url} gives {given.words}",
            f"{why}; it may be that only hidden names such as this one are blocked there",
            f"open the address of another file in a browser; if that is refused too, correct custom_domain in OPTIONS "
            f'of STORAGES["{seen.alias}"], or let the CDN read {seen.bucket}/{seen.prefix}*: '
            f"python manage.py s3_verify_acl --print-policy bucket --storage {shlex.quote(seen.alias)}", seen.alias,
        )  # fmt: skip
    return _error(
        address, seen, "domain-fails", given, why,
        f'in OPTIONS of STORAGES["{seen.alias}"]: "custom_domain": the host that serves {seen.bucket}/{seen.prefix}',
    )  # fmt: skip

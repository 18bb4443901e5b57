"""Checks of addresses: signed or not, where they lead, and what browsers make of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from ..access.aliases import Place, conflicts
from ..access.intent import (
    ACCOUNTS_READ,
    DECLARED_BUT_CLOSED,
    DECLARED_BUT_OPEN,
    DECLARED_UNSIGNED,
    KEY_UNUSED,
    KEY_WITHOUT_DOMAIN,
    PRIVATE_UNSIGNED,
    PUBLIC_SIGNED,
    STATIC_SIGNED,
    UNSIGNED_DOMAIN,
    Finding,
    contradictions,
)
from ..core.events import Diagnosis
from .facts import Examined, Site, StorageSeen
from .reaching import option

_OPTIONS = 'in OPTIONS of STORAGES["{alias}"]'
_NO_ACL = "remove default_acl (AWS_DEFAULT_ACL) and the ACL in object_parameters " + _OPTIONS
_SIGN = '"querystring_auth": True ' + _OPTIONS
_LEAVE_UNSIGNED = '"querystring_auth": False ' + _OPTIONS

_MENDS: Final[Mapping[Finding, str]] = {
    PUBLIC_SIGNED: f"if everybody may read them: {_LEAVE_UNSIGNED}\nif not: {_NO_ACL}",
    ACCOUNTS_READ: _NO_ACL,
    PRIVATE_UNSIGNED: f"if nobody else may read them: {_SIGN}\nif everybody may: {_NO_ACL}",
    UNSIGNED_DOMAIN: f"if others are to be kept out: cloudfront_key_id and cloudfront_key {_OPTIONS}\n"
    f"if everybody may read them: {_LEAVE_UNSIGNED}",
    KEY_WITHOUT_DOMAIN: f"custom_domain {_OPTIONS}: the domain of the CloudFront distribution\n"
    "or remove cloudfront_key_id and cloudfront_key",
    KEY_UNUSED: _SIGN,
    DECLARED_BUT_OPEN: _NO_ACL,
    DECLARED_UNSIGNED: _SIGN,
    DECLARED_BUT_CLOSED: _NO_ACL,
}
_WHYS: Final[Mapping[Finding, str]] = {
    PUBLIC_SIGNED: "whoever drops the signature from an address reads on after it has expired",
    ACCOUNTS_READ: "pages can't show the files, and strangers with an account can read them",
    PRIVATE_UNSIGNED: "S3 refuses what the addresses ask for: pages show no files",
    UNSIGNED_DOMAIN: "addresses that were meant to expire never do",
    KEY_WITHOUT_DOMAIN: "addresses are signed by S3's rules, not by the distribution's",
    KEY_UNUSED: "addresses are not signed by it",
    DECLARED_BUT_OPEN: "each upload is open to everybody, whatever was declared",
    DECLARED_UNSIGNED: "S3 refuses what the addresses ask for: pages show no files",
    DECLARED_BUT_CLOSED: "whether everybody reads hangs on the policy alone",
}


def d08(facts: Examined) -> Iterator[Diagnosis]:
    """Storages that share a location, and mean different readers."""
    places = [
        Place(storage.alias, storage.identity, storage.prefix, storage.rules[-1][1], storage.rules[:-1])
        for storage in facts.storages if storage.rules
    ]  # fmt: skip
    found = conflicts(places)
    prefixes = {storage.alias: storage.prefix for storage in facts.storages}
    for conflict in found:
        (one, other), (its, theirs) = conflict.aliases, conflict.intents
        where = conflict.prefix or "the whole bucket"
        same = prefixes[one] == prefixes[other]
        moves = _moves(prefixes, one, other, facts.site)
        lines = [option(each, "location", f'"{moves[each.alias]}"') for each in facts.storages if each.alias in moves]
        lines += [_pushing(alias, facts.site) for alias in moves]
        yield Diagnosis(
            "D08", "error" if same else "warning", "intents-overlap",
            f"{one} ({its}) and {other} ({theirs}) both keep objects under {where}",
            "nobody can tell who is to read what lies there, and what opens the one opens the other",
            "\n".join(lines), f"{one}, {other}",
        )  # fmt: skip
    if not found:
        yield Diagnosis("D08", "ok", "intents-overlap", "no location means two things", alias=facts.aliases)


def _moves(prefixes: Mapping[str, str], one: str, other: str, site: Site) -> dict[str, str]:
    """Alias -> its new location: of the outer one of the two, of the inner one, or of both, so that they lie apart."""
    outer, inner = sorted((other, one), key=lambda alias: len(prefixes[alias]))
    found: dict[str, str] = {}
    for moving in ([outer], [inner], [outer, inner]):
        found = {alias: _folder(alias, site) for alias in moving}
        there = [(found[alias] + "/") if alias in found else prefixes[alias] for alias in (one, other)]
        if not there[0].startswith(there[1]) and not there[1].startswith(there[0]):
            break
    return found


def _pushing(alias: str, site: Site) -> str:
    """The command that brings its files to a new location."""
    if alias == site.static_alias:
        return "python manage.py s3_collectstatic --no-input"
    return f"python manage.py s3_push_media --storage {shlex.quote(alias)}"


def _folder(alias: str, site: Site) -> str:
    return {site.media_alias: "media", site.static_alias: "static"}.get(alias, alias)


def d15(facts: Examined) -> Iterator[Diagnosis]:
    """Storages that say two things at once: ACL, signature, domain, written intent."""
    for storage in facts.storages:
        found = [each for each in contradictions(storage.storage, storage.declared) if _counts(each, storage)]
        for each in found:
            mend = _MENDS.get(each, "").format(alias=storage.alias)
            verdict = {"high": "error", "info": "ok"}.get(each.severity, "warning")
            yield Diagnosis(
                "D15", verdict, each.id, each.detail, _WHYS.get(each, "") if verdict != "ok" else "",
                mend if verdict != "ok" else "", storage.alias,
            )  # fmt: skip
        if not found:
            signed = "signed" if storage.storage.url_is_signed else "not signed"
            words = f"addresses are {signed}, and lead to {storage.url_origin or '?'}"
            yield Diagnosis("D15", "ok", "addresses", words, alias=storage.alias)


def _counts(found: Finding, storage: StorageSeen) -> bool:
    """Signed static files are a matter of system checks, which know whether the redirect view is there."""
    behind_cdn = any(intent == "cdn" for _, intent in storage.rules)
    return found != STATIC_SIGNED and not (found == PRIVATE_UNSIGNED and behind_cdn)


def d17(facts: Examined) -> Iterator[Diagnosis]:
    """Fonts, modules and masks on another host than the site's: browsers ask the bucket for leave."""
    for storage in facts.storages:
        if storage.serves_static:
            yield _cors(facts, storage)


def _cors(facts: Examined, storage: StorageSeen) -> Diagnosis:
    site, needing = facts.site, facts.site.needs_cors
    if facts.bucket is None or not needing:
        seen = "the stylesheets could not be read" if needing is None else "no static file needs a CORS rule"
        return Diagnosis("D17", "ok", "cors", seen, alias=storage.alias)
    if storage.url_origin and storage.url_origin == site.origin:
        return Diagnosis("D17", "ok", "cors", "static files are on the site's own host", alias=storage.alias)
    if facts.bucket.cors is None:
        why_not = facts.bucket.unread.get("GetBucketCors", "")
        verdict = "unknown" if why_not.startswith("needs ") else "ok"
        return Diagnosis("D17", verdict, "cors", f"the CORS rules could not be read ({why_not})", alias=storage.alias)
    if allows(facts.bucket.cors, site.origin):
        whom = site.origin or "every site"
        return Diagnosis("D17", "ok", "cors", f"the CORS rules let {whom} use fonts and modules", alias=storage.alias)
    origin = "" if site.origin else " --origin https://www.example.com"
    ours = f"pages of {site.origin}" if site.origin else "pages of the site (its address is not in the settings)"
    also = " Let the CDN pass on the header Origin." if storage.storage.custom_domain else ""
    return Diagnosis(
        "D17", "warning", "cors",
        f"no CORS rule of {facts.name} lets {ours} use {len(needing)} of the static files, such as {needing[0]}",
        f"browsers refuse fonts, modules and masks from another host without such a rule.{also}",
        f"python manage.py s3_create_bucket --storage {storage.alias} --update --no-input --cors{origin}",
        storage.alias,
    )  # fmt: skip


def allows(rules: Sequence[Mapping[str, Any]], origin: str | None) -> bool:
    """Whether a page of this origin may GET; without one, whether those of every origin may.

    An origin in a rule has at most one `*` ("Elements of a CORS configuration", Amazon S3 User Guide).
    """
    for rule in rules:
        if "GET" not in rule.get("AllowedMethods", ()):
            continue
        for allowed in rule.get("AllowedOrigins", ()):
            before, star, after = str(allowed).partition("*")
            pattern = re.escape(before) + (".*" if star else "") + re.escape(after)
            if allowed == "*" or (origin and re.fullmatch(pattern, origin)):
                return True
    return False


def d30(facts: Examined) -> Iterator[Diagnosis]:
    """STATIC_URL and MEDIA_URL, where they name a host, against where the storage puts the files."""
    for storage in facts.storages:
        setting, written = _url_setting(facts.site, storage)
        if not setting or not urlsplit(written).netloc or not storage.url_origin:
            continue
        actual = storage.url_origin + storage.url_path
        if urlsplit(written)._replace(scheme="") == urlsplit(actual)._replace(scheme=""):
            yield Diagnosis("D30", "ok", "url-setting", f"{setting} leads where the files are", alias=storage.alias)
            continue
        yield Diagnosis(
            "D30", "warning", "url-setting", f"{setting} is {written}, and the files are at {actual}",
            "what is made of the setting by hand, in templates and in other packages, leads to nothing",
            f'{setting} = "{actual}"', storage.alias,
        )  # fmt: skip


def _url_setting(site: Site, storage: StorageSeen) -> tuple[str, str]:
    if storage.alias == site.static_alias:
        return "STATIC_URL", site.static_url
    return ("MEDIA_URL", site.media_url) if storage.alias == site.media_alias else ("", "")


OF_ADDRESSES: tuple[Callable[[Examined], Iterator[Diagnosis]], ...] = (d08, d15, d17, d30)

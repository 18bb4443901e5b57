"""Checks of the way to the bucket: address, region, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from ..core.events import Diagnosis
from .credentials import OF_CREDENTIALS, OF_THE_CLOCK
from .facts import Answer, Examined, Reach, StorageSeen

OF_TLS: Final = ("SSLError", "TLS", "SpeaksTLS")
NOT_S3: Final = "WrongDocument"
NO_ANSWER = "nothing on it can be read or written"
_WEBSITE = re.compile(r"(^|\.)s3-website[.-]")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_NAMES = "3 to 63 lowercase letters, digits, hyphens and dots"
_REDIRECTS = (301, 302, 303, 307, 308)


def option(storage: StorageSeen, name: str, value: str) -> str:
    """The line that sets an option of a storage."""
    return option_of(storage.alias, name, value, has_options=storage.has_options)


def option_of(alias: str, name: str, value: str, *, has_options: bool) -> str:
    """That line, which can also be pasted below a STORAGES where this alias has no OPTIONS yet."""
    options = '["OPTIONS"]' if has_options else '.setdefault("OPTIONS", {})'
    return f'STORAGES["{alias}"]{options}["{name}"] = {value}'


def d02(facts: Examined) -> Iterator[Diagnosis]:
    """The bucket answers, where the storage looks for it."""
    reach, first = facts.reach, facts.storages[0]
    if reach is None or {reach.head.code, reach.listing.code} & {*OF_CREDENTIALS, *OF_THE_CLOCK, *OF_TLS}:
        return
    place = f"{first.bucket} at {first.endpoint}"
    if facts.bucket is not None and not _is_elsewhere(reach, first):
        yield Diagnosis("D02", "ok", "bucket", f"{place} answers" + _in_region(reach), alias=facts.aliases)
        return
    title, seen, fix = _trouble(facts, reach, first)
    why = NO_ANSWER if facts.bucket is None else (
        "each call is sent away first, and a signed address, which browsers can't sign anew, is refused"
    )  # fmt: skip
    yield Diagnosis("D02", "error", title, seen, why, fix, facts.aliases)


def without_client(alias: str, trouble: Answer, *, has_options: bool = True) -> Diagnosis:
    """What to say of a storage for which boto3 makes no client."""
    seen, why = f"boto3 makes no client: {trouble.message}", NO_ANSWER
    if "CA bundle" in trouble.message:
        fix = option_of(alias, "verify", "None", has_options=has_options) + "  # or the path of a CA's certificate"
        return Diagnosis("D18", "error", "ca-bundle", seen, why, fix, alias)
    if trouble.code == "ValueError" and "endpoint" in trouble.message:
        fix = (
            option_of(alias, "endpoint_url", '"https://..."', has_options=has_options)
            + "  # with scheme and host, or without it for Amazon"
        )
        return Diagnosis("D02", "error", "endpoint", seen, why, fix, alias)
    if trouble.code == "ValueError":
        fix = f'correct OPTIONS of STORAGES["{alias}"]: {trouble.message}'
        return Diagnosis("D00", "error", "storage", seen, why, fix, alias)
    if trouble.code in ("InvalidRegionError", "NoRegion", "NoRegionError"):
        fix = option_of(alias, "region_name", '"eu-west-1"', has_options=has_options) + "  # the bucket's"
        return Diagnosis("D02", "error", "region", seen, why, fix, alias)
    return Diagnosis("D01", "error", "credentials", seen, why, trouble.hint or trouble.message, alias)


def _in_region(reach: Reach) -> str:
    return f", in {reach.head.region}" if reach.head.region else ""


def _is_elsewhere(reach: Reach, storage: StorageSeen) -> bool:
    """Whether it is in another region: by its word, or because requests were sent there."""
    told = reach.head.region or reach.listing.region
    sent = reach.head.http in (*_REDIRECTS, 400) or reach.listing.http in (*_REDIRECTS, 400)
    return bool(told) and told != (storage.region or "us-east-1") and (storage.is_aws or sent)


def _trouble(facts: Examined, reach: Reach, first: StorageSeen) -> tuple[str, str, str]:
    """Label, what was seen, and what to type."""
    head, listing = reach.head, reach.listing
    place = f"{first.bucket} at {first.endpoint}"
    if _is_elsewhere(reach, first):
        return _elsewhere(facts, head.region or listing.region)
    written = _endpoint_is_wrong(facts, first)
    if written is not None:
        return written
    if head.http in _REDIRECTS and head.message.startswith(("http:", "https:")):
        return _sent_away(facts, head)
    if listing.code == NOT_S3 or (listing.http in _REDIRECTS and not listing.region):
        what = listing.message or f"HTTP {listing.http}"
        return "not-s3", f"what answers at {first.endpoint} is not S3: {what}", _change_endpoint(facts)
    if listing.code in ("NoSuchBucket", "404") or (head.http == 404 and not listing.well):
        return "no-bucket", f"there is no {place}", _create(facts)
    if listing.code == "AccessDenied":
        return _denied(facts, listing)
    if head.code == "ParamValidationError":
        said = f"{first.bucket!r} is no name of a bucket: {_NAMES}"
        return "bucket-name", said, _rename(facts)
    if head.code == "ReadTimeoutError":
        said = f"{first.endpoint} takes requests, and does not answer within seconds"
        return "unreachable", said, _change_endpoint(facts)
    if head.http is None:
        return "unreachable", f"nobody answers for {place}: {head.code}", head.hint or _change_endpoint(facts)
    answer = listing if not listing.well else head
    said = f" ({answer.message})" if answer.message else ""
    return "bucket", f"{place} is answered with {answer.words}{said}", answer.hint or _change_endpoint(facts)


def _elsewhere(facts: Examined, region: str) -> tuple[str, str, str]:
    first = facts.storages[0]
    lines = [option(storage, "region_name", f'"{region}"') for storage in facts.storages]
    if first.is_aws and first.endpoint_is_written:
        lines.append("and remove endpoint_url: on Amazon, region_name is enough")
    signed = first.region or "us-east-1"
    return "region", f"{first.bucket} is in {region}, and requests are signed for {signed}", "\n".join(lines)


def _endpoint_is_wrong(facts: Examined, first: StorageSeen) -> tuple[str, str, str] | None:
    """What is seen of an endpoint's text, once it does not work."""
    if not first.endpoint_is_written:
        return None
    parts = urlsplit(first.endpoint)
    host, path = parts.hostname or "", parts.path.strip("/")
    bare = f"{parts.scheme}://{parts.netloc}"
    if ".console." in f".{host}":
        return "endpoint", f"{first.endpoint} is the address of a console, not of S3", _change_endpoint(facts)
    if _WEBSITE.search(host):
        return "endpoint", f"{first.endpoint} serves websites, and knows nothing of S3's calls", _change_endpoint(facts)
    if host.startswith(f"{first.bucket}."):
        right = f"{parts.scheme}://{parts.netloc.removeprefix(first.bucket + '.')}"
        return "endpoint", f"{first.endpoint} contains the bucket's name, which is added again", endpoints(facts, right)
    if path:
        what = "the bucket's name, which is added again" if path == first.bucket else f"a path, /{path}"
        return "endpoint", f"{first.endpoint} contains {what}", endpoints(facts, bare)
    return None


def endpoints(facts: Examined, endpoint: str) -> str:
    """The lines that give all storages of the bucket this endpoint."""
    return "\n".join(option(storage, "endpoint_url", f'"{endpoint}"') for storage in facts.storages)


def _change_endpoint(facts: Examined) -> str:
    first = facts.storages[0]
    if not first.endpoint_is_written:
        return "check the network, its proxies, and region_name"
    right = endpoints(facts, "https://...")
    return f"{right}  # the address of the S3 API\non Amazon, remove endpoint_url and set region_name instead"


def _sent_away(facts: Examined, head: Answer) -> tuple[str, str, str]:
    there = urlsplit(head.message)
    first = facts.storages[0]
    seen = f"{first.endpoint} sends requests on to {there.scheme}://{there.netloc}"
    return "redirect", seen, endpoints(facts, f"{there.scheme}://{there.netloc}")


def _rename(facts: Examined) -> str:
    """The lines that give all storages of the bucket another name of it: its own, where an address was written."""
    written = re.sub(r"^(s3://|https?://[^/]*/|arn:[\w-]*:s3:::)", "", facts.name)
    name, _, rest = written.partition("/")
    likely = name if _NAME.fullmatch(name) else "..."
    lines = [option(storage, "bucket_name", f'"{likely}"') for storage in facts.storages]
    if rest:
        lines.append(f"and what follows the name is the option location: {rest.strip('/')}")
    return "\n".join(lines)


def _create(facts: Examined) -> str:
    first = facts.storages[0]
    if not _NAME.fullmatch(first.bucket):
        return f"S3 makes no bucket of this name ({_NAMES}):\n{_rename(facts)}"
    return (
        f"python manage.py s3_create_bucket --storage {first.alias}\n"
        f"or, if there is one of another name: {option(first, 'bucket_name', '...')}"
    )


def _denied(facts: Examined, listing: Answer) -> tuple[str, str, str]:
    """Another account's bucket looks the same as one's own without a right."""
    first = facts.storages[0]
    asked = f"HeadBucket and ListObjectsV2 of {first.bucket} are refused (AccessDenied)"
    if "not authorized to perform" in listing.message:
        return "no-right", f"{asked}: the credentials have no right to it ({listing.hint})", rights_fix(facts)
    seen = f"{asked}, and whatever else was tried: the bucket is another account's, or these credentials have no right "
    lines = [
        f"if the bucket is yours, allow these credentials to use it (first of all s3:ListBucket on {first.bucket}):",
        rights_fix(facts), "if it is somebody else's, take a name of your own:",
        option(first, "bucket_name", '"..."'), f"python manage.py s3_create_bucket --storage {first.alias}",
    ]  # fmt: skip
    if first.endpoint.startswith("http:"):
        lines += ["if its policy refuses http (aws:SecureTransport):", endpoints(facts, "https" + first.endpoint[4:])]
    return "denied", seen + "to it", "\n".join(lines)


def rights_fix(facts: Examined, *aliases: str) -> str:
    """The commands that give the credentials what pushing to these storages needs, verifying included."""
    lines = []
    for storage in facts.storages:
        if not aliases or storage.alias in aliases:
            command = "'collectstatic --s3'" if storage.serves_static else "s3_push_media"
            lines.append(
                f"python manage.py s3_verify_acl --print-policy iam --for {command} --storage {storage.alias} "
                f"> {storage.alias}-policy.json"
            )
            lines.append(_attach(facts, storage))
    return "\n".join(lines)


def _attach(facts: Examined, storage: StorageSeen) -> str:
    name = facts.caller.identity.partition(":user/")[2].rpartition("/")[2]
    role = re.search(r":assumed-role/([^/]+)", facts.caller.identity)
    whom = f"put-role-policy --role-name {role[1]}" if role else f"put-user-policy --user-name {name or 'NAME'}"
    url = "" if facts.is_aws else f" --endpoint-url {storage.endpoint}"
    end = "" if role or name else "  # NAME: the user of these credentials"
    return (
        f"aws iam {whom} --policy-name s3sync-{storage.alias} --policy-document file://{storage.alias}-policy.json{url}"
        f"{end}"
    )


def d03(facts: Examined) -> Iterator[Diagnosis]:
    """The bucket is the caller's own."""
    if facts.reach is None or facts.reach.own_account is None:
        return
    if facts.reach.own_account:
        yield Diagnosis("D03", "ok", "account", f"{facts.name} is of the caller's account", alias=facts.aliases)
        return
    yield Diagnosis(
        "D03", "warning", "other-account", f"{facts.name} is another account's than the credentials' "
        f"({facts.caller.account or '?'})",
        "its owner sees, pays and decides; a bucket that was deleted and made anew by a stranger looks just like this",
        "if you did not mean it, take a name of your own:\n" + _create(facts), facts.aliases,
    )  # fmt: skip

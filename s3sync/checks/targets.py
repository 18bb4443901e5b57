"""Checks of the aliases on S3: their options one by one, and against each other."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from s3sync.checks import ids
from s3sync.checks.sites import Site
from s3sync.s3.options import OPTION_OF_SETTING, SECRET_OPTIONS, Backend, OfflineError


def check_targets(
    storages: Mapping[str, Mapping[str, Any]], backends: Mapping[str, Backend], sites: list[Site]
) -> list[checks.CheckMessage]:
    """What the options of the aliases on S3 give reason to say."""
    messages = []
    for alias, backend in backends.items():
        written = storages[alias].get("OPTIONS", {})
        if backend.s3_class is not None and not isinstance(written, Mapping):
            messages.append(_not_a_dictionary(alias, written))
    for site in sites:
        for check in (_construction, _bucket, _endpoint, _domain):
            messages.extend(check(site))
    return [*messages, *_overlaps(sites)]


def _not_a_dictionary(alias: str, written: object) -> checks.CheckMessage:
    return checks.Error(
        f"STORAGES[{alias!r}]['OPTIONS'] is a {type(written).__name__}; it has to be a dictionary.",
        hint='"OPTIONS": {"bucket_name": "..."},',
        id=ids.BAD_OPTIONS,
    )


def _construction(site: Site) -> Iterator[checks.CheckMessage]:
    """The reason for which the storage cannot be constructed, the most helpful way it can be said."""
    error = site.reading.error
    if error is None or isinstance(error, OfflineError):
        return
    location = site.text("location")
    unknown = [name for name in site.written if name not in site.reading.options and name not in SECRET_OPTIONS]
    if location.startswith("/"):
        yield checks.Error(
            f"STORAGES[{site.alias!r}]: the location {location!r} begins with a slash; django-storages refuses that.",
            hint=site.paste("location", location.lstrip("/")),
            id=ids.LEADING_SLASH,
        )
    elif unknown and isinstance(error, ImproperlyConfigured):
        yield from (_unknown_option(site, name) for name in unknown)
    else:
        yield checks.Warning(
            f"STORAGES[{site.alias!r}]: the storage cannot be constructed ({type(error).__name__}: {error}).",
            hint="Correct its OPTIONS or its __init__. See the whole error with: python manage.py shell -c "
            f"\"from django.core.files.storage import storages; storages['{site.alias}']\"",
            id=ids.NOT_CONSTRUCTED,
        )


def _unknown_option(site: Site, name: str) -> checks.CheckMessage:
    near = difflib.get_close_matches(name.lower(), [*site.reading.options, *SECRET_OPTIONS], n=1)
    meant = OPTION_OF_SETTING.get(name) or {"bucket": "bucket_name"}.get(name) or (near[0] if near else None)
    known = ", ".join(sorted(site.reading.options))
    return checks.Error(
        f"STORAGES[{site.alias!r}]: its storage has no option {name!r} and cannot be constructed.",
        hint=f'Did you mean "{meant}"?' if meant else f"Its options are {known}.",
        id=ids.BAD_OPTIONS,
    )


def _bucket(site: Site) -> Iterator[checks.CheckMessage]:
    # What an `__init__` that failed would have set is unknown.
    if site.reading.error is None and "bucket_name" in site.reading.options and not site.text("bucket_name"):
        yield checks.Error(
            f"STORAGES[{site.alias!r}] is on S3 and has no bucket name.",
            hint=f'{site.paste("bucket_name", "...")}, or AWS_STORAGE_BUCKET_NAME = "..." for all aliases',
            id=ids.NO_BUCKET,
        )


def _endpoint(site: Site) -> Iterator[checks.CheckMessage]:
    """The client puts the bucket's name into every request itself; here it would stand twice."""
    endpoint, bucket = site.text("endpoint_url"), site.text("bucket_name")
    right = _without_bucket(endpoint, bucket) if bucket else None
    if right is None:
        return
    hint = site.paste("endpoint_url", right)
    if right.endswith(".amazonaws.com"):
        hint += "  # or leave endpoint_url out: on AWS region_name is enough"
    yield checks.Warning(
        f"STORAGES[{site.alias!r}]: endpoint_url {endpoint!r} contains the bucket's name {bucket!r}, which is added "
        "again to every request: requests fail, or keys begin with the bucket's name. Objects stored that way have to "
        "be moved when you change it.",
        hint=hint,
        id=ids.BUCKET_IN_ENDPOINT,
    )


def _without_bucket(endpoint: str, bucket: str) -> str | None:
    """The endpoint as it should be, or None if it does not contain the bucket as its first label or its path."""
    try:
        parts = urlsplit(endpoint if "//" in endpoint else f"https://{endpoint}")
    except ValueError:
        return None
    host = parts.netloc.removeprefix(f"{bucket}.")
    if host == parts.netloc and parts.path.strip("/") != bucket:
        return None
    return f"{parts.scheme}://{host}"


def _domain(site: Site) -> Iterator[checks.CheckMessage]:
    """`S3Storage.url()` writes `url_protocol + "//" + custom_domain + "/" + key`."""
    domain = site.text("custom_domain")
    bare = re.sub(r"^([a-z][a-z0-9+.-]*:)?//", "", domain, flags=re.IGNORECASE)
    right = bare.strip("/")
    if bare != domain:
        yield checks.Error(
            f"STORAGES[{site.alias!r}]: custom_domain {domain!r} has a scheme; every URL would have two.",
            hint=f"{site.paste('custom_domain', right)}  # the scheme is the option url_protocol",
            id=ids.DOMAIN_WITH_SCHEME,
        )
    elif "/" in domain:
        yield checks.Warning(
            f"STORAGES[{site.alias!r}]: custom_domain {domain!r} contains a slash; URLs are that, a slash and the key "
            "(location included), which is seldom where the object is.",
            hint=f"{site.paste('custom_domain', right.split('/')[0])}  "
            "# a path belongs here only if that domain maps it to the bucket's root",
            id=ids.DOMAIN_WITH_SLASH,
        )


def _overlaps(sites: list[Site]) -> Iterator[checks.CheckMessage]:
    """A bucket's part with two owners: what one alias lists, prunes or publishes belongs to the other as well."""
    known = [site for site in sites if site.text("bucket_name") and "location" in site.reading.options]
    for pair in combinations(known, 2):
        outer, inner = sorted(pair, key=lambda site: len(site.folder))
        if outer.place == inner.place and inner.folder.startswith(outer.folder):
            yield checks.Warning(
                f"STORAGES[{outer.alias!r}] and STORAGES[{inner.alias!r}] overlap in bucket "
                f"{outer.text('bucket_name')!r}: {_relation(outer, inner)}. Files can overwrite each other, and "
                "deleting or publishing what one stores touches the other's.",
                hint=_apart(outer, inner),
                id=ids.OVERLAP,
            )


def _relation(outer: Site, inner: Site) -> str:
    if outer.folder == inner.folder:
        return f"both have the location {outer.folder!r}" if outer.folder else "both have it whole"
    return f"{inner.folder!r} is inside {repr(outer.folder) if outer.folder else 'the whole of it'}"


def _apart(outer: Site, inner: Site) -> str:
    """Locations beside each other: the inner one keeps its own, unless both have the whole bucket."""
    taken = inner.folder
    lines = []
    if not taken:
        taken = f"{_name(inner)}/"
        lines.append(inner.paste("location", taken.rstrip("/")))
    parent = outer.folder if outer.folder != inner.folder else outer.folder.rpartition("/")[0].rpartition("/")[0]
    beside = f"{parent.rstrip('/')}/{_name(outer)}".lstrip("/")
    if f"{beside}/".startswith(taken) or taken.startswith(f"{beside}/"):
        beside = f"{beside}-{outer.alias}"
    lines.insert(0, outer.paste("location", beside))
    return "\n".join([*lines, "(Or another bucket. Objects that are there keep their keys until you move them.)"])


def _name(site: Site) -> str:
    return {"default": "media", "staticfiles": "static"}.get(site.alias, site.alias)

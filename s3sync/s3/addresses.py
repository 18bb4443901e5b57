"""The address of one object, as its storage gives it, and how long it can be used."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.contrib.staticfiles.storage import HashedFilesMixin
from storages.backends.s3 import S3Storage

from .target import Target

_TOKENS = ("x-amz-security-token", "x-amz-s3session-token")


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object can be read, by whoever has this URL."""

    url: str
    seconds: float
    """How long from now; 0 where nobody can tell, infinity where it carries no signature."""


def address_of(target: Target, name: str, *, method: str = "GET", now: float) -> Address:
    """The URL of exactly this name, signed if the storage signs. Asks S3 nothing; may renew credentials.

    `now` is a Unix time. Raises what botocore raises where there are no credentials.
    """
    # Before signing: what signs is then the same, or newer and lives longer.
    credentials_end = _credentials_end(target)
    url = exact_url(target.storage, name, method)
    query = {key.lower(): value for key, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    end = _signature_end(query)
    if any(token in query for token in _TOKENS):
        end = min(end, credentials_end)
    return Address(url, max(end - now, 0.0))


def share_connections(target: Target) -> None:
    """Makes the clients now, for all threads: a thread of its own for each request would make each anew."""
    storage = target.storage
    storage._unsigned_connections = SimpleNamespace()
    if storage.custom_domain:
        return
    storage.bucket.name  # noqa: B018  made on the way
    if not storage.querystring_auth:
        storage.unsigned_connection  # noqa: B018


def exact_url(storage: S3Storage, name: str, method: str = "GET") -> str:
    """The storage's URL for the object of exactly this name. Raises whatever an overridden `url` raises."""
    order = type(storage).__mro__
    url = storage.url
    if HashedFilesMixin in order and order.index(HashedFilesMixin) < order.index(S3Storage):
        # Its url() would take the name for that of a source file, and hash it, once more.
        url = super(HashedFilesMixin, storage).url
    if method != "GET" and "http_method" in inspect.signature(url).parameters:
        return str(url(name, http_method=method))  # S3 refuses a method that the signature was not made for
    return str(url(name))


def _signature_end(query: Mapping[str, str]) -> float:
    """The Unix time until which a signed URL is valid; 0 where it does not tell."""
    try:
        if "x-amz-expires" in query:  # Signature Version 4
            made = datetime.strptime(query["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
            return made.timestamp() + float(query["x-amz-expires"])
        if "expires" in query:  # Signature Version 2, and CloudFront's canned policies
            return float(query["expires"])
    except (KeyError, ValueError):
        return 0.0
    # What else a CDN may want to read in a query is not for us to know.
    return 0.0 if query else math.inf


def _credentials_end(target: Target) -> float:
    """The Unix time until which the storage's credentials live; 0 where they don't tell."""
    if not target.storage.querystring_auth or target.storage.custom_domain:
        return 0.0  # whoever signs here, it is not this client
    credentials: Any = target.client._get_credentials()
    if credentials is None:
        return 0.0  # url() is about to say so
    if credentials.get_frozen_credentials().token is None:
        return math.inf
    # Botocore's RefreshableCredentials, just refreshed if need be; a token from settings or environment has no such.
    end = getattr(credentials, "_expiry_time", None)
    return end.timestamp() if isinstance(end, datetime) else 0.0

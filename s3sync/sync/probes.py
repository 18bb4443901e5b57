"""Strangers' requests: what an anonymous visitor is really answered, held against what the facts say."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..s3.probe import Fetched, Stranger, listing_url, object_url
from ..s3.static_storage import Addresses
from ..s3.target import Target

_WORKERS = 8
_OPEN = frozenset({"public"})
_CLOSED = frozenset({"private", "authenticated", "unreadable"})


class Seen(NamedTuple):
    """What a stranger was answered."""

    status: int | None
    code: str
    error: str
    readable: bool
    refused: bool
    """A clear no: neither an answer that has the content nor a failure to ask."""
    moved: str = ""
    """Where a redirect led, if it was to another path."""

    @property
    def answered(self) -> bool:
        """Whether it tells anything."""
        return self.readable or self.refused

    def as_evidence(self) -> dict[str, Any]:
        """For the report."""
        return {"status": self.status, "code": self.code or None, "error": self.error or None}


class Sample:
    """At most `size` of the things that were offered, each with the same chance. The choice is the same in each run."""

    def __init__(self, size: int) -> None:
        self.chosen: list[Any] = []
        self._size, self._offered = size, 0
        self._random = random.Random(0)

    def offer(self, thing: Any) -> None:
        """Takes it, or not."""
        self._offered += 1
        if len(self.chosen) < self._size:
            self.chosen.append(thing)
        elif (place := self._random.randrange(self._offered)) < self._size:
            self.chosen[place] = thing


@dataclass(slots=True)
class Probes:
    """Anonymous requests to one target. Used by one thread."""

    target: Target
    via: str
    requests: int = 0
    unanswered: int = 0
    _stranger: Stranger = field(init=False)
    _cdn: Addresses | None = None

    def __post_init__(self) -> None:
        storage = self.target.storage
        self._stranger = Stranger(getattr(storage, "verify", None))
        if storage.custom_domain and self.via in ("cdn", "both"):
            self._cdn = Addresses(storage)

    @property
    def has_cdn(self) -> bool:
        """Whether there is another domain to ask."""
        return self._cdn is not None

    def directly(self, keys: Sequence[str]) -> list[Seen | None]:
        """What S3 answers for each key; None where only the CDN is to be asked."""
        if self.via == "cdn":
            return [None] * len(keys)
        client, bucket = self.target.client, self.target.bucket
        return list(self._fetched(object_url(client, bucket, key) for key in keys))

    def through_cdn(self, names: Sequence[str]) -> list[Seen | None]:
        """What the custom domain answers for each name, unsigned; None where there is none."""
        if self._cdn is None:
            return [None] * len(names)
        return list(self._fetched(self._cdn.url(name) for name in names))

    def listing(self) -> Seen:
        """What a stranger is answered who asks for the list of keys."""
        self.requests += 1
        url = listing_url(self.target.client, self.target.bucket)
        return _seen(url, self._stranger.fetch_listing(self.target.client, self.target.bucket))

    def _fetched(self, urls: Iterable[str]) -> Iterable[Seen]:
        asked = list(urls)
        self.requests += len(asked)
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="s3sync-stranger") as pool:
            answers = pool.map(self._stranger.fetch, asked)
            seen = [_seen(url, fetched) for url, fetched in zip(asked, answers, strict=True)]
        self.unanswered += sum(not each.answered for each in seen)
        return seen


def agrees(seen: Seen, access: str) -> bool:
    """Whether an answer fits what the facts say; where they leave it open, or nobody answered, it does."""
    if access in _OPEN:
        return not seen.refused
    return not (access in _CLOSED and seen.readable)


def _seen(url: str, fetched: Fetched) -> Seen:
    asked, led = urlsplit(url).path, urlsplit(fetched.url)
    refused = fetched.status is not None and 400 <= fetched.status < 500 and not fetched.is_readable
    return Seen(
        fetched.status, fetched.code, fetched.error, fetched.is_readable, refused and fetched.status not in (408, 429),
        "" if led.path == asked else f"{led.scheme}://{led.netloc}{led.path}",
    )  # fmt: skip

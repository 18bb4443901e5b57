"""What the null server in Python remembers, its listings, and what the benchmark asks of it."""

from __future__ import annotations

import itertools
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.sax.saxutils import escape

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept of an object."""

    size: int
    etag: str
    modified: float
    metadata: dict[str, str]


@dataclass(slots=True)
class State:
    """All that the server knows."""

    objects: dict[str, Stored] = field(default_factory=dict)
    """By bucket and key."""
    uploads: dict[str, tuple[dict[str, str], dict[int, tuple[int, bytes]]]] = field(default_factory=dict)
    """Metadata and parts, by upload id."""
    numbers: Iterator[int] = field(default_factory=itertools.count)
    counts: dict[str, int] = field(default_factory=dict)
    latency: float = 0.0
    order: list[str] | None = None
    """The keys of `objects` in order; None when it has to be made anew."""

    def store(self, path: str, stored: Stored) -> None:
        """Keeps an object."""
        if path not in self.objects:
            self.order = None
        self.objects[path] = stored

    def forget(self, path: str) -> None:
        """Drops an object, if there is one."""
        if self.objects.pop(path, None):
            self.order = None

    def within(self, start: str) -> list[str]:
        """The paths that begin so, in order."""
        if self.order is None:
            self.order = sorted(self.objects, key=lambda path: path.encode("utf-8", "surrogateescape"))
        return [path for path in self.order if path.startswith(start)]


STATE = State()


def listing(bucket: str, query: dict[str, str]) -> str:
    """One page of ListObjectsV2, or of ListObjects."""
    v2, url = "list-type" in query, query.get("encoding-type") == "url"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token" if v2 else "marker") or query.get("start-after", "")
    skip, most = len(bucket) + 1, min(int(query.get("max-keys", _PAGE)), _PAGE)
    paths = STATE.within(f"{bucket}/{prefix}")
    shown: dict[str, str] = {}
    at = bisect_right(paths, f"{bucket}/{after}") if after else 0
    for path in paths[at:]:
        key = path[skip:]
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        name = key[: end + len(delimiter)] if end >= 0 else key
        if name in shown or (end >= 0 and name == after):
            continue
        if len(shown) >= most:
            break
        text = quote(name, safe="/*") if url else escape(name)
        if end >= 0:
            shown[name] = f"<CommonPrefixes><Prefix>{text}</Prefix></CommonPrefixes>"
            continue
        found = STATE.objects[path]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(found.modified))
        shown[name] = (
            f"<Contents><Key>{text}</Key><LastModified>{stamp}</LastModified><ETag>&quot;{found.etag}&quot;</ETag>"
            f"<Size>{found.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
    else:
        return page(shown, "", v2=v2, url=url)
    return page(shown, next(reversed(shown), ""), v2=v2, url=url)


def page(shown: dict[str, str], more: str, *, v2: bool, url: bool) -> str:
    """The document; `more` is the last name, if there are others behind it."""
    mark = quote(more, safe="/*") if url and not v2 else escape(more)
    element = "NextContinuationToken" if v2 else "NextMarker"
    return (
        f"<ListBucketResult>{'<EncodingType>url</EncodingType>' if url else ''}"
        f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{f'<{element}>{mark}</{element}>' if more else ''}"
        f"{''.join(shown.values())}</ListBucketResult>"
    )


def control(what: str, query: dict[str, str]) -> dict[str, float]:
    """What the benchmark asks; see null_server.c."""
    start = f"{query.get('bucket', '')}/"
    if what == "stats":
        return STATE.counts | {"cpu": time.process_time()}
    if what == "reset":
        STATE.counts.clear()
    elif what == "latency":
        STATE.latency = float(query["ms"]) / 1000
    elif what == "load":
        with open(query["file"]) as file:
            for line in file:
                key, size, md5 = line.rstrip("\n").split("\t")
                STATE.store(start + key, Stored(int(size), md5, time.time(), {}))
    elif what in ("count", "drop"):
        paths = STATE.within(start)
        found: dict[str, float] = {"objects": len(paths), "bytes": sum(STATE.objects[path].size for path in paths)}
        for path in paths if what == "drop" else ():
            STATE.forget(path)
        return found
    return {}

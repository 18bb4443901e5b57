"""After the uploads: what a browser would be answered, for each reference of each stylesheet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from ..core.events import Finding
from ..css.live import live_references
from ..local.rendering import bytes_of
from ..s3.addresses import address_of
from ..s3.probe import Fetched, Stranger
from ..s3.target import Target
from .render import Tree
from .run import Run

_WORKERS = 16


class _Asked(NamedTuple):
    """One reference, and the URL that a browser makes of it."""

    name: str
    line: int
    col: int
    url: str


def verify_stylesheets(run: Run, target: Target, tree: Tree) -> None:
    """Fetches each reference to one of our hosts once; whatever is not readable becomes a finding and a difference."""
    stranger = Stranger(getattr(target.storage, "verify", None))
    asked: dict[str, list[_Asked]] = {}
    for reference in _references(target, tree):
        asked.setdefault(reference.url, []).append(reference)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="s3sync-verify") as pool:
        for references, fetched in zip(asked.values(), pool.map(stranger.fetch, asked), strict=True):
            if not fetched.is_readable:
                run.report.differences = True
                for reference in references:
                    run.emit(_finding(reference, fetched))


def _references(target: Target, tree: Tree) -> Iterator[_Asked]:
    """What pages' stylesheets ask for: the hashed ones, where there are such."""
    paths = tree.paths or {name: name for name in tree.assets}
    for name, stored in paths.items():
        if not name.lower().endswith(".css") or stored not in tree.assets:
            continue
        base = address_of(target, stored, now=time.time()).url
        for found in live_references(bytes_of(tree.assets[stored].file)):
            url = urljoin(base, found.value).partition("#")[0]
            if urlsplit(url).scheme in ("http", "https"):
                yield _Asked(stored, found.line, found.col, url)


def _finding(reference: _Asked, fetched: Fetched) -> Finding:
    answer = f"HTTP {fetched.status}" if fetched.status is not None else fetched.error
    detail = f"{fetched.url} is not readable for a browser that comes from this stylesheet: {answer}."
    return Finding("css-unreadable", "error", detail, reference.name, reference.line, reference.col)

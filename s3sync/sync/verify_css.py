"""After the uploads: what a browser would be answered, for each reference of each stylesheet."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from ..core.events import Finding
from ..css.live import live_references
from ..exceptions import ConfigurationError
from ..local.reading import NotRegular, Restless
from ..local.rendering import bytes_of
from ..s3.addresses import address_of
from ..s3.probe import Fetched, Stranger
from ..s3.target import Target
from .failures import storage_failure
from .render import Tree
from .run import Run

_WORKERS = 16
_TICK = 0.2
"""Seconds between two looks at whether the run has to stop."""
_PATH = "!$%&'()*+,/:;=@[]|~"
_QUERY = "!$%&()*+,/:;=?@[\\]^`{|}~"
"""What browsers leave as it is (WHATWG URL, "percent-encode sets")."""
_SHOWN = 200


class _Asked(NamedTuple):
    """One reference, and the URL that a browser makes of it; empty where it makes none."""

    name: str
    line: int
    col: int
    url: str
    value: str


def verify_stylesheets(run: Run, target: Target, tree: Tree) -> None:
    """Fetches each http(s) URL that is referred to, wherever it leads, once.

    Whatever is not readable becomes a finding and a difference. Raises ConfigurationError where the storage gives no
    addresses.
    """
    stranger = Stranger(getattr(target.storage, "verify", None))
    asked: dict[str, list[_Asked]] = {}
    for reference in _references(run, target, tree):
        asked.setdefault(reference.url, []).append(reference)
    broken = asked.pop("", [])
    fetched = dict(_Fetches(stranger.fetch).results(asked, lambda: run.stopping))
    for reference in broken:
        _tell(run, reference, f"{reference.value.partition('?')[0][:_SHOWN]} is no valid URL.")
    for url, answer in ((url, fetched[url]) for url in asked if url in fetched):
        if not answer.is_readable:
            for reference in asked[url]:
                said = f"HTTP {answer.status}" if answer.status is not None else answer.error
                _tell(run, reference, (
                    f"{answer.url} is not readable for a browser that comes from this stylesheet: {said}."
                ))  # fmt: skip
    if len(fetched) < len(asked):
        detail = f"{len(asked) - len(fetched):,} URLs that stylesheets refer to were not asked for."
        run.emit(Finding("css-unverified", "warning", detail))


def _references(run: Run, target: Target, tree: Tree) -> Iterator[_Asked]:
    """What pages' stylesheets ask for: the hashed ones, where there are such."""
    paths = tree.paths or {}
    plain = paths.keys() - paths.values()
    for stored, asset in tree.assets.items():
        if not stored.lower().endswith(".css") or stored in plain:
            continue
        base = _address(target, stored)
        try:
            data = bytes_of(asset.file)
        except (OSError, NotRegular, Restless):
            run.report.differences = True
            detail = "This stylesheet can't be read any more, so nobody knows what it refers to."
            run.emit(Finding("css-unread", "error", detail, stored))
            continue
        for found in live_references(data):
            try:
                url = requested_url(base, found.value)
            except ValueError:
                url = ""
            if url is not None:
                yield _Asked(stored, found.line, found.col, url, found.value)


def _address(target: Target, name: str) -> str:
    try:
        return address_of(target, name, now=time.time()).url
    except Exception as error:
        failure = storage_failure(target.storage, error)
        raise ConfigurationError(failure.message, code=failure.code, hint=failure.hint) from error


def requested_url(base: str, value: str) -> str | None:
    """What a browser asks for that meets this reference at this URL; None for other schemes than http and https.

    Raises ValueError where that is no URL. (WHATWG URL, "basic URL parser".)
    """
    value = value.translate({ord(blank): None for blank in "\t\n\r"}).partition("#")[0]
    path, mark, query = value.partition("?")
    parts = urlsplit(urljoin(base, path.replace("\\", "/") + mark + query))
    if parts.scheme not in ("http", "https"):
        return None
    if not parts.hostname:
        raise ValueError("it names no host")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    place = f"[{host}]" if ":" in host else host
    if parts.port is not None:
        place += f":{parts.port}"
    asked = quote(parts.path or "/", safe=_PATH, errors="replace")
    if parts.query:
        asked += "?" + quote(parts.query, safe=_QUERY, errors="replace")
    return f"{parts.scheme}://{place}{asked}"


class _Fetches:
    """Fetches URLs in threads that nobody has to wait for. A host that was silent once is not asked again."""

    def __init__(self, fetch: Callable[[str], Fetched]) -> None:
        self._fetch = fetch
        self._todo: SimpleQueue[str] = SimpleQueue()
        self._done: SimpleQueue[tuple[str, Fetched]] = SimpleQueue()
        self._silent: dict[str, str] = {}
        """Host that was asked -> host that did not answer: where it redirects to, if it does."""
        self._ended = False

    def results(self, urls: Collection[str], stopping: Callable[[], bool]) -> Iterator[tuple[str, Fetched]]:
        """Each URL with what came back, in any order; ends early once the run has to stop."""
        for url in urls:
            self._todo.put(url)
        for _ in range(min(_WORKERS, len(urls))):
            Thread(target=self._work, name="s3sync-verify", daemon=True).start()
        missing = len(urls)
        while missing and not stopping():
            try:
                yield self._done.get(timeout=_TICK)
            except Empty:
                continue
            missing -= 1
        self._ended = True

    def _work(self) -> None:
        while not self._ended:
            try:
                url = self._todo.get_nowait()
            except Empty:
                return
            try:
                fetched = self._asked(url)
            except Exception as error:  # noqa: BLE001  the thread's boundary
                fetched = Fetched(None, url.partition("?")[0], f"{type(error).__name__}: {error}")
            self._done.put((url, fetched))

    def _asked(self, url: str) -> Fetched:
        host = urlsplit(url).netloc
        silent = self._silent.get(host)
        if silent is not None:
            return Fetched(None, url.partition("?")[0], f"it was not asked for, as {silent} did not answer before")
        fetched = self._fetch(url)
        if fetched.status is None and "timed out" in fetched.error:
            self._silent[host] = urlsplit(fetched.url).netloc
        return fetched


def _tell(run: Run, reference: _Asked, detail: str) -> None:
    run.report.differences = True
    run.emit(Finding("css-unreadable", "error", detail, reference.name, reference.line, reference.col))

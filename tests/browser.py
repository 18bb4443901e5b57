"""A real browser for the tests: Debian's chromium without a window, steered over two pipes.

It speaks the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/): JSON objects with a NUL behind
each, which chromium reads from its file descriptor 3 and writes to 4. No port is opened, and nothing but the standard
library is needed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_NOT_TESTED = "BROWSER NOT TESTED"
PATIENCE = 60.0
"""Seconds that one page, or the start, may take on a busy machine."""
QUIET = 0.5
"""Seconds without a request under way after which a page has all that it asks for."""

OPTIONS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
    "--disable-extensions", "--disable-sync", "--disable-background-networking", "--disable-component-update",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio", "--no-proxy-server", "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip

# Popen can't say which number a descriptor gets in the child.
MOVE_PIPES = """\
import os, sys
read, write = (os.dup(int(number)) for number in sys.argv[1:3])
read, write = os.dup(read), os.dup(write)
os.dup2(read, 3), os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclass(slots=True)
class Request:
    """One thing that a page asked for, and how that ended."""

    url: str
    """As the page asked for it; for where that led to, see `final_url`."""
    kind: str
    """What for: Document, Stylesheet, Image, Font, ..."""
    statuses: tuple[int, ...] = ()
    """The HTTP status of each answer, redirects included: `(302, 200)`."""
    final_url: str = ""
    failure: str = ""
    """The browser's words, such as `net::ERR_FAILED`, also where an answer came and CORS keeps it from the page."""
    done: bool = False

    @property
    def is_inlined(self) -> bool:
        """Whether it is a `data:` URL, for which nobody is asked."""
        return self.url.startswith("data:")


@dataclass(slots=True)
class Page:
    """A page as the browser has shown it."""

    requests: list[Request] = field(default_factory=list)
    fonts: list[str] = field(default_factory=list)
    """The families of the fonts that were loaded for it."""
    screenshot: bytes = b""
    """PNG."""


class Browser:
    """One chromium process; pages are opened one after the other, each without what an earlier one left in a cache."""

    def __init__(self, process: subprocess.Popen[bytes], read: int, write: int) -> None:
        self._process, self._read, self._write = process, read, write
        self._buffer = bytearray()
        self._calls = 0
        self._requests: dict[str, Request] = {}
        self._on_the_wire: dict[str, list[int]] = {}
        self._loaded = False

    def open(self, url: str, *, width: int = 960, height: int = 780) -> Page:
        """Load a page and wait until it is at rest: loaded, nothing under way any more, fonts ready."""
        context = self._call("Target.createBrowserContext")["browserContextId"]
        target = self._call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._requests, self._on_the_wire, self._loaded = {}, {}, False
        for domain in ("Page", "Network"):
            self._call(f"{domain}.enable", session)
        self._call(
            "Emulation.setDeviceMetricsOverride", session, width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        if error := self._call("Page.navigate", session, url=url).get("errorText"):
            raise RuntimeError(f"{url}: {error}")
        self._rest()
        script = "document.fonts.ready.then(all => [...all].filter(f => f.status == 'loaded').map(f => f.family))"
        found = self._call("Runtime.evaluate", session, expression=script, awaitPromise=True, returnByValue=True)
        self._rest()
        shot = self._call("Page.captureScreenshot", session, format="png")["data"]
        self._call("Target.disposeBrowserContext", browserContextId=context)
        fonts = [family.strip("\"'") for family in found["result"]["value"]]
        return Page(self._finished(), fonts, base64.b64decode(shot))

    def _rest(self) -> None:
        """Wait until the page has loaded and is quiet."""
        deadline = time.monotonic() + PATIENCE
        while (missing := self._under_way()) or self._message(time.monotonic() + QUIET) is not None:
            if missing and self._message(deadline) is None:
                raise TimeoutError(f"The page is not at rest after {PATIENCE:.0f} s: {missing}")

    def _under_way(self) -> list[str]:
        """What the page still waits for."""
        waiting = [request.url for request in self._requests.values() if not request.done]
        return waiting if self._loaded else [*waiting, "the page itself"]

    def _call(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Call a method and return its result; what happens meanwhile is noted."""
        self._calls += 1
        call: dict[str, Any] = {"id": self._calls, "method": method, "params": parameters}
        if session:
            call["sessionId"] = session
        os.write(self._write, json.dumps(call).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while (message := self._message(deadline)) is not None:
            if message.get("id") == self._calls:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
        raise TimeoutError(f"No answer to {method} within {PATIENCE:.0f} s")

    def _message(self, deadline: float) -> Any:
        """The next message, an event already noted; None if none came in time."""
        while (end := self._buffer.find(b"\0")) < 0:
            left = max(deadline - time.monotonic(), 0)
            if not select.select([self._read], [], [], left)[0]:
                return None
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise RuntimeError(f"chromium ended with {self._process.wait()}")
            self._buffer += piece
        message = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, told: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        if event == "Network.requestWillBeSent":
            self._begin(told)
        identity = told.get("requestId", "")
        if event == "Network.responseReceivedExtraInfo":
            # Of each answer on the wire, also of those that CORS keeps from the page; in no certain order.
            self._on_the_wire.setdefault(identity, []).append(told["statusCode"])
        request = self._requests.get(identity)
        if request is None:
            return
        if event == "Network.responseReceived":
            request.final_url = told["response"]["url"]
            request.statuses += (told["response"]["status"],)
        if event in ("Network.loadingFinished", "Network.loadingFailed"):
            request.failure = told.get("errorText", "")
            request.done = True

    def _begin(self, told: dict[str, Any]) -> None:
        url, redirect = told["request"]["url"], told.get("redirectResponse")
        request = self._requests.setdefault(told["requestId"], Request(url, told.get("type", "")))
        request.final_url = url
        if redirect:
            request.statuses += (redirect["status"],)

    def _finished(self) -> list[Request]:
        """All requests of the page, those included of whose answer the page was told nothing."""
        for identity, request in self._requests.items():
            request.statuses += tuple(self._on_the_wire.get(identity, ())[len(request.statuses) :])
        return list(self._requests.values())


def program() -> str:
    """The path of chromium; skips the test where there is none. `S3SYNC_TEST_BROWSER=require` fails, `off` skips."""
    wish = os.environ.get("S3SYNC_TEST_BROWSER", "")
    if wish == "off":
        pytest.skip(f"{BROWSER_NOT_TESTED}: S3SYNC_TEST_BROWSER=off")
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        text = f"{BROWSER_NOT_TESTED}: no chromium here. As root on Debian: apt-get install chromium"
        pytest.fail(text) if wish == "require" else pytest.skip(text)
    return found


@contextlib.contextmanager
def chromium(log: Path) -> Iterator[Browser]:
    """A browser for the length of the block, with a profile of its own."""
    found = program()
    to_child, write = os.pipe()
    read, from_child = os.pipe()
    with (
        tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile,
        log.open("wb") as output,
    ):
        # A container's root can't have chromium's sandbox, and sees no page but our own.
        command = [found, *OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else []), f"--user-data-dir={profile}"]
        move = [sys.executable, "-S", "-E", "-c", MOVE_PIPES, str(to_child), str(from_child)]
        process = subprocess.Popen(
            [*move, *command], pass_fds=(to_child, from_child), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, "HOME": profile}, start_new_session=True,
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        try:
            yield Browser(process, read, write)
        finally:
            os.close(write)  # chromium ends with its pipe
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            os.close(read)

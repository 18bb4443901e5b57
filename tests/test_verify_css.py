"""`collectstatic --s3 --verify-css` and `s3_lint_css`: what is asked for, what is said, and when nobody waits."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from s3sync.sync.verify_css import requested_url
from tests.project import S3_MANIFEST, Project, Result
from tests.proxy import Proxy
from tests.servers import ON_MOTO
from tests.test_interruptions import wait_until
from tests.test_sources import NO_PRIVILEGES

BASE = "https://cdn.example.com/static/css/a.css?v=1"


def findings(result: Result, id: str = "css-unreadable") -> dict[tuple[str, int | None], str]:
    """Where -> what, for each finding of one kind."""
    return {(f["name"], f["line"]): f["detail"] for f in result.report["findings"] if f["id"] == id}


class Silent:
    """A host that accepts connections and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.accepted: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.accepted.append(self._listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self.accepted):
            each.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    """Such a host."""
    host = Silent()
    yield host
    host.close()


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A web server that has everything: its URL, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


# What a browser asks for


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("img/a.png", "https://cdn.example.com/static/css/img/a.png"),
        ("../img/\u00e4.png", "https://cdn.example.com/static/img/%C3%A4.png"),
        ("my pic.png", "https://cdn.example.com/static/css/my%20pic.png"),
        ("%C3%A4%20.png", "https://cdn.example.com/static/css/%C3%A4%20.png"),
        ("100%.png", "https://cdn.example.com/static/css/100%.png"),
        ("a'(1)!$&+,;=:@[]|~.png", "https://cdn.example.com/static/css/a'(1)!$&+,;=:@[]|~.png"),
        ('a"<>^`{}.png', "https://cdn.example.com/static/css/a%22%3C%3E%5E%60%7B%7D.png"),
        ("..\\img\\a.png", "https://cdn.example.com/static/img/a.png"),
        ("a\n.p\tng", "https://cdn.example.com/static/css/a.png"),
        ("a.png?\u00e4 '\\^[x]%41", "https://cdn.example.com/static/css/a.png?%C3%A4%20%27\\^[x]%41"),
        ("?v=2", "https://cdn.example.com/static/css/a.css?v=2"),
        ("a.svg?#icon?x", "https://cdn.example.com/static/css/a.svg"),
        ("/a.png", "https://cdn.example.com/a.png"),
        ("//b\u00fccher.example/a.png", "https://xn--bcher-kva.example/a.png"),
        ("http://user:word@EXAMPLE.com:8080", "http://example.com:8080/"),
        ("http://[::1]:80/a.png", "http://[::1]:80/a.png"),
        ("ftp://example.com/a.png", None),
        ("chrome:a.png", None),
    ],
)
def test_what_a_browser_asks_for(value: str, expected: str | None) -> None:
    """As the URL standard has it: a name is not unreadable because Python can't send it."""
    assert expected == requested_url(BASE, value)


@pytest.mark.parametrize("value", ["http://[x/a.png", "http://a:x/", "//a:99999/", "http://", "//\u00e4..\u00e4/"])
def test_what_is_no_url(value: str) -> None:
    """No browser asks for it, and neither do we."""
    with pytest.raises(ValueError, match=r"IPv6|[Pp]ort|no host|label"):
        requested_url(BASE, value)


@ON_MOTO
def test_names_with_spaces_and_umlauts_are_readable(
    project: Project, proxy: Proxy, elsewhere: tuple[str, list[str]]
) -> None:
    """collectstatic --s3 --no-input --verify-css, with such names in the bucket and on another host"""
    url, asked = elsewhere
    project.server = proxy.server
    project.configure_static(default_acl="public-read")
    for name in ("\u00e4.png", "my pic.png"):
        project.asset(f"img/{name}", "a")
    project.asset(
        "a.css",
        'a{b:url("img/\u00e4.png")}\na{b:url("img/my pic.png")}\na{b:url(" img/my%20pic.png ")}\n'
        f'a{{b:url("{url}/\u00e4 b.png?q=\u00fc")}}\n',
    )

    result = project.collect("--verify-css")

    assert 0 == result.code, result
    assert {} == findings(result)
    assert ["/%C3%A4%20b.png?q=%C3%BC"] == asked, "of all hosts, each URL once"
    got = [request.path.rpartition("/")[2] for request in proxy.requests if request.operation == "GetObject"]
    assert ["%C3%A4.png", "my%20pic.png"] == sorted(got)


@ON_MOTO
def test_what_is_no_url_is_a_finding(project: Project) -> None:
    """collectstatic --s3 --no-input --verify-css, with url("http://[x/a.png")"""
    project.configure_static(default_acl="public-read")
    project.asset("a.css", 'a{b:url("http://[x/a.png?secret")}\na{b:url(a.css)}')

    result = project.collect("--verify-css")

    assert 3 == result.code, result
    assert {("a.css", 1): "http://[x/a.png is no valid URL."} == findings(result)


@ON_MOTO
def test_hashed_sheets_are_looked_at_and_those_that_others_have_hashed(
    project: Project, elsewhere: tuple[str, list[str]], tmp_path: Any
) -> None:
    """collectstatic --s3 --no-input --verify-css --from DIR, where django-compressor has added to DIR"""
    url, asked = elsewhere
    project.configure_static(S3_MANIFEST)
    project.asset("a.css", f"a{{b:url({url}/one.png)}}")
    built = tmp_path / "built"
    assert 0 == project.collect("--build", str(built)).code
    (built / "CACHE").mkdir()
    (built / "CACHE" / "output.0123456789ab.css").write_text(f"a{{b:url({url}/two.png)}}")

    assert 0 == project.collect("--from", str(built), "--verify-css").code

    assert ["/one.png", "/two.png"] == sorted(asked)


# Nobody waits


def refer_to(project: Project, url: str, count: int, settings: str = "") -> None:
    project.configure_static(settings=settings)
    project.asset("a.css", "\n".join(f"a{{b:url({url}/{number}.png)}}" for number in range(count)))


@ON_MOTO
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_hosts_are_silent(project: Project, silent: Silent, number: signal.Signals) -> None:
    """collectstatic --s3 --no-input --verify-css, and Ctrl-C: nothing new, and no waiting for what hangs"""
    refer_to(project, silent.url, 40)
    process = project.start("collectstatic", "--s3", "--no-input", "--format", "json", "--verify-css", fresh=True)
    wait_until(lambda: silent.accepted, process)

    began = time.monotonic()
    process.send_signal(number)
    result = project.finish(process)

    assert 10 > time.monotonic() - began
    assert 128 + number == result.code, result
    assert {(None, None): "40 URLs that stylesheets refer to were not asked for."} == findings(result, "css-unverified")
    assert {} == findings(result)
    assert 16 >= len(silent.accepted)


@ON_MOTO
def test_time_is_up_while_hosts_are_silent(project: Project, silent: Silent) -> None:
    """collectstatic --s3 --no-input --verify-css --max-duration 4s"""
    refer_to(project, silent.url, 40)
    began = time.monotonic()

    result = project.collect("--verify-css", "--max-duration", "4s", fresh=True)

    assert 15 > time.monotonic() - began
    assert 7 == result.code, result
    assert {(None, None): "40 URLs that stylesheets refer to were not asked for."} == findings(result, "css-unverified")
    assert {} == findings(result)


@ON_MOTO
def test_a_silent_host_costs_one_timeout(project: Project, silent: Silent) -> None:
    """collectstatic --s3 --no-input --verify-css, with forty references to a host that never answers"""
    refer_to(project, silent.url, 40, settings="import s3sync.s3.probe\ns3sync.s3.probe._TIMEOUT /= 4\n")
    began = time.monotonic()

    result = project.collect("--verify-css")

    assert 35 / 4 > time.monotonic() - began
    assert 3 == result.code, result
    said = list(findings(result).values())
    assert 40 == len(said)
    host = silent.url.removeprefix("http://")
    assert 24 == sum(f"it was not asked for, as {host} did not answer before" in detail for detail in said)
    assert 16 == sum("timed out" in detail for detail in said)


# What can't be looked into


@ON_MOTO
def test_a_sheet_that_is_gone_is_not_verified(project: Project, proxy: Proxy) -> None:
    """collectstatic --s3 --no-input --verify-css, where a stylesheet goes after it was sent"""
    project.server = proxy.server
    project.configure_static()
    sheet = project.asset("a.css", "a{b:url(b.png)}")
    project.asset("b.png", "b")
    proxy.rule = lambda _: sheet.unlink(missing_ok=True) if proxy.count()["PutObject"] == 2 else None

    result = project.collect("--verify-css")

    assert 3 == result.code, result
    assert {("a.css", None)} == set(findings(result, "css-unread"))


@ON_MOTO
def test_lint_tells_of_sheets_that_nobody_can_read(project: Project) -> None:
    """s3_lint_css, with stylesheets that are locked, gone, called what S3 can't store, or no files"""
    project.configure_static(settings=NO_PRIVILEGES)
    project.asset("good.css", "a{}")
    project.asset("locked.css", "a{}").chmod(0)
    project.asset(os.fsdecode(b"f\xfcr.css"), "a{}")
    (project.assets / "gone.css").symlink_to(project.root / "nowhere.css")
    os.mkfifo(project.assets / "fifo.css")
    project.asset("._good.css", "no sheet: macOS made it")

    result = project.run("s3_lint_css", "--format", "json")

    assert 3 == result.code, result
    found = {f["name"]: (f["id"], f["level"], f["detail"]) for f in result.report["findings"]}
    assert {"locked.css", "f\\xfcr.css", "gone.css", "fifo.css"} == set(found)
    assert {("css-unread", "error")} == {(id, level) for id, level, _ in found.values()}
    assert "Permission denied" in found["locked.css"][2]
    assert "not UTF-8" in found["f\\xfcr.css"][2]
    assert "no regular file" in found["fifo.css"][2]
    assert 5 == result.counts["scanned"]

    told = project.run("s3_lint_css")
    assert 3 == told.code, told
    assert "locked.css: error: This stylesheet can't be read: Permission denied. [css-unread]" in told.stdout
    assert "5 stylesheets: 4 errors" in told.stdout

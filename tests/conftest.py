"""Fixtures: servers, a bucket per test, a project that uses it, a proxy in between.

`server` runs a test once for each kind of server; what the other fixtures give belongs to that server.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import settings

from tests import elsewhere, servers, zygote
from tests.project import Project
from tests.proxy import Proxy
from tests.servers import Server

NOT_OURS = ("AWS_", "BOTO_", "S3SYNC_STATE_DIR", "REQUESTS_CA_BUNDLE")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def pytest_configure() -> None:
    """Before anything is imported that could look: no test may meet the caller's account, proxy or state."""
    url = os.environ.get("S3SYNC_TEST_ENDPOINT_URL")
    if url and os.environ.get("S3SYNC_TEST_ALLOW_REMOTE") != "1":
        raise pytest.UsageError(f"The tests would write to {url}. If you mean it, set S3SYNC_TEST_ALLOW_REMOTE=1.")
    for name in list(os.environ):
        if name.startswith(NOT_OURS) or name.lower() in PROXIES:
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    # No server here has a certificate of a public authority's, and to read all of them takes longer than most commands.
    os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So do shells start what is to run in the background, and what we start would inherit it, deaf to Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    zygote.share_models()
    settings.register_profile("no-clock", deadline=None)  # no test asserts a time
    settings.load_profile("no-clock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where all tests go to one server, those stay out that can't run there."""
    reasons = elsewhere.reasons(os.environ.get("S3SYNC_TEST_ON", ""))
    for item in items:
        if reason := reasons.get((item.path.stem, item.name.partition("[")[0])):
            item.add_marker(pytest.mark.skip(reason=f"not on {os.environ['S3SYNC_TEST_ON']}: {reason}"))


def pytest_unconfigure() -> None:
    """Nothing that the tests started stays."""
    zygote.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was not tested, where nobody can overlook it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)]
    lost = [reason.removeprefix("Skipped: ") for reason in reasons if servers.RGW_NOT_TESTED in reason]
    if lost:
        terminalreporter.write_sep("!", servers.RGW_NOT_TESTED, red=True, bold=True)
        terminalreporter.write_line(f"{lost[0]} ({len(lost)} tests skipped)", red=True)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the package remembers between runs stays within one test."""
    monkeypatch.setenv("S3SYNC_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """moto, over http."""
    with servers.moto(tmp_path_factory.mktemp("moto") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def _rgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Ceph's gateway on both ports. `S3SYNC_TEST_RGW=require` fails where it is not installed, `off` does without."""
    wish = os.environ.get("S3SYNC_TEST_RGW", "")
    missing = servers.missing_rgw_tools()
    if wish == "off":
        pytest.skip(f"{servers.RGW_NOT_TESTED}: S3SYNC_TEST_RGW=off")
    if missing:
        text = f"{servers.RGW_NOT_TESTED}: no {', '.join(missing)} here. As root on Debian: tests/rgw.sh install"
        pytest.fail(text) if wish == "require" else pytest.skip(text)
    with servers.rgw(tmp_path_factory.mktemp("rgw") / "rgw") as both:
        yield both


@pytest.fixture(scope="session")
def rgw_http(_rgw: tuple[Server, Server]) -> Server:
    """Ceph's gateway over http."""
    return _rgw[0]


@pytest.fixture(scope="session")
def rgw_https(_rgw: tuple[Server, Server]) -> Server:
    """The same gateway over https, with a certificate of its own making."""
    return _rgw[1]


@pytest.fixture(scope="session")
def remote_server() -> Server:
    """The endpoint that the environment names."""
    return servers.remote()


@pytest.fixture(params=servers.KINDS)
def server(request: pytest.FixtureRequest) -> Server:
    """Each kind of server in turn, or the one that a mark such as `ON_RGW` names; `S3SYNC_TEST_ON` overrules both."""
    kind = os.environ.get("S3SYNC_TEST_ON") or request.param
    found: Server = request.getfixturevalue(servers.FIXTURES[kind])
    return found


@pytest.fixture(scope="session")
def _clients() -> Iterator[dict[Server, Any]]:
    """What `s3` gives out: to make a client takes longer than to use it."""
    clients: dict[Server, Any] = {}
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture
def s3(server: Server, _clients: dict[Server, Any]) -> Any:
    """A boto3 client of `server`'s first user, for looking behind the back of what is tested."""
    if server not in _clients:
        _clients[server] = server.client()
    return _clients[server]


@pytest.fixture
def bucket(server: Server, s3: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a new, empty bucket, which goes away after the test."""
    name = servers.make_bucket(s3, request.node.name)
    yield name
    if server.kind == "remote":
        servers.remove_bucket(s3, name)
    else:  # the server goes away as well: a test may leave its bucket in a state that forbids this
        with suppress(ClientError, BotoCoreError):
            servers.leave_bucket(s3, name)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy before `server`: `proxy.server` is where to send what shall be counted or broken."""
    if server.kind == "remote":
        pytest.skip("A remote server takes the proxy's address for a wrong one.")
    with Proxy(server) as running:
        yield running
    assert running.errors == []


@pytest.fixture
def project(tmp_path: Path, server: Server, bucket: str) -> Project:
    """A Django project whose `default` storage is `bucket` on `server`."""
    return Project(tmp_path / "project", server, bucket)

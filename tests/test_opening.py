"""How connections come about: names, addresses, TLS; what fails, and how soon that is known."""

from __future__ import annotations

import datetime
import errno
import marshal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httptools
import pytest
from botocore.httpsession import create_urllib3_context, get_cert_path

from s3sync.s3 import opening
from s3sync.s3.origin import Origin, Tls
from s3sync.s3.pool import Pool
from s3sync.s3.reactor import Reactor
from s3sync.s3.session_origin import tls_of
from s3sync.s3.signing import NotFast
from s3sync.s3.tls import TlsLine, context_of
from s3sync.s3.wire import Connection
from tests.scripted import OK, Talk, answer, saying, scripted
from tests.servers import free_port

V4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
V6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "")


class Running:
    """A pool with its loop, in this thread, and what the pool has told."""

    def __init__(self, origin: Origin) -> None:
        self.loop = Reactor()
        self.pool = Pool(self.loop, self)
        self.pool.origin = origin
        self.ready = 0
        self.errors: list[BaseException] = []
        self.answers: list[int] = []
        self.broken: list[str] = []

    def opened(self) -> None:
        self.ready += 1
        self.loop.stop()

    def unreachable(self, error: BaseException) -> None:
        self.errors.append(error)
        self.loop.stop()

    def answered(self, connection: Connection) -> None:
        self.answers.append(connection.status)
        self.loop.stop()

    def broke(self, connection: Connection, code: str) -> None:
        self.broken.append(code)
        self.loop.stop()

    def until(self, done: Callable[[], bool]) -> None:
        stuck = self.loop.call_later(20, self.loop.stop)
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < 20
            self.loop.run_forever()
        stuck.cancel()

    def open(self, number: int = 1) -> None:
        """As many as are asked for, or errors."""
        before = self.ready + len(self.errors)
        self.pool.open(number)
        assert before == self.ready + len(self.errors), "told from within"
        self.until(lambda: self.ready + len(self.errors) == before + number)
        assert self.pool.opening == 0

    def put(self, body: bytes = b"body") -> None:
        connection = self.pool.take()
        assert connection is not None
        head = f"PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        before = len(self.answers) + len(self.broken)
        self.pool.send(connection, (), head, body)
        self.until(lambda: len(self.answers) + len(self.broken) > before)


@contextmanager
def running(host: str, port: int, tls: Tls | None = None, timeout: float = 20.0) -> Iterator[Running]:
    running = Running(Origin(host, port, tls, timeout, 20.0))
    try:
        yield running
    finally:
        running.pool.close()
        running.loop.close()
    assert (0, 0) == (running.pool.live, running.pool.opening)


class Names:
    """A resolver that knows one name, and notes who asks."""

    def __init__(self, *found: Any) -> None:
        self.found: Any = list(found)
        self.asked: list[threading.Thread] = []

    def __call__(self, host: str, port: int, *, type: int, flags: int = 0) -> Any:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        assert ("s3.example", socket.SOCK_STREAM) == (host, type)
        self.asked.append(threading.current_thread())
        if isinstance(self.found[0], Exception):
            raise self.found[0]
        return self.found


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Names]:
    def name(*found: Any) -> Names:
        names = Names(*found)
        monkeypatch.setattr(socket, "getaddrinfo", names)
        return names

    return name


def test_a_name_is_asked_for_once_and_elsewhere(name: Callable[..., Names], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread, as it takes its time; for some seconds the answer is good for all connections."""
    with scripted(saying(OK)) as server, running("s3.example", server.port) as pool:
        names = name((*V4, ("127.0.0.1", server.port)))
        pool.open(5)
        pool.open(2)
        assert (7, []) == (pool.ready, pool.errors)
        assert 1 == len(names.asked)
        assert names.asked[0] is not threading.current_thread()
        pool.pool._route._good_until = time.monotonic() - 0.001  # type: ignore[union-attr]
        pool.open()
        assert (8, 2) == (pool.ready, len(names.asked))
        pool.put()
        assert [200] == pool.answers


def test_an_address_needs_no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a thread."""
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread"))
    with socket.create_server(("127.0.0.1", 0)) as server, running("127.0.0.1", server.getsockname()[1]) as pool:
        pool.open(2)
        assert (2, []) == (pool.ready, pool.errors)


def test_all_addresses_are_tried(name: Callable[..., Names]) -> None:
    """IPv6 that leads nowhere, a family that this system has not, a port that nobody listens at: then the one that is
    right."""
    with scripted(saying(OK)) as server, running("s3.example", server.port) as pool:
        name(
            (*V6, ("::1", free_port(), 0, 0)), (9999, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1)),
            (*V4, ("127.0.0.1", free_port())), (*V4, ("127.0.0.1", server.port)),
        )  # fmt: skip
        pool.open(3)
        assert (3, []) == (pool.ready, pool.errors)
        pool.put()
        assert [200] == pool.answers


def test_connections_are_spread_over_equal_addresses(name: Callable[..., Names]) -> None:
    """S3 has many servers; another family is second choice all the same."""
    with scripted(saying(OK)) as one, scripted(saying(OK)) as two, running("s3.example", 1) as pool:
        name(*((*V4, ("127.0.0.1", port)) for port in (one.port, two.port)), (*V6, ("::1", one.port, 0, 0)))
        pool.open(6)
        assert (6, []) == (pool.ready, pool.errors)
        limit = time.monotonic() + 20
        while one.connections + two.connections < 6 and time.monotonic() < limit:
            time.sleep(0.005)
        assert (3, 3) == (one.connections, two.connections)


REFUSED = {
    "nobody listens": ((*V4, ("127.0.0.1", None)), ConnectionRefusedError),
    "the name does not exist": (socket.gaierror(socket.EAI_NONAME, "no such name"), socket.gaierror),
    "it cannot even be asked for": (UnicodeError("label too long"), UnicodeError),
}


@pytest.mark.parametrize("why", REFUSED)
def test_nobody_there(why: str, name: Callable[..., Names]) -> None:
    """Each that was asked for is told so, and the next one may do better."""
    found, error = REFUSED[why]
    if isinstance(found, tuple):
        found = (*V4, ("127.0.0.1", free_port()))
    with scripted(saying(OK)) as server, running("s3.example", server.port) as pool:
        names = name(found)
        pool.open(3)
        assert [error] * 3 == [type(each) for each in pool.errors]
        names.found = [(*V4, ("127.0.0.1", server.port))]
        pool.pool._route._good_until = 0  # type: ignore[union-attr]
        pool.open()
        assert 1 == pool.ready


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..example", ""])
def test_names_that_are_none(host: str) -> None:
    """The system refuses them in its own ways."""
    with running(host, free_port()) as pool:
        pool.open(2)
        assert 2 == len(pool.errors)
        assert all(isinstance(each, (OSError, UnicodeError)) for each in pool.errors)


def test_errors_are_told_once() -> None:
    """A connection that was refused does not run out of time as well."""
    with running("127.0.0.1", free_port(), timeout=0.05) as pool:
        pool.open(2)
        pool.loop.call_later(0.1, pool.loop.stop)
        pool.loop.run_forever()
        assert [ConnectionRefusedError] * 2 == [type(each) for each in pool.errors]


def test_a_resolver_that_hangs(name: Callable[..., Names], monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as time to connect; when it answers after all, nobody is troubled by that."""
    release = threading.Event()

    def hang(host: str, port: int, *, type: int, flags: int = 0) -> Any:
        if flags:
            raise socket.gaierror
        release.wait(20)
        return [(*V4, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with scripted(saying(OK)) as server, running("s3.example", server.port, timeout=0.1) as pool:
        pool.open(2)
        assert [TimeoutError] * 2 == [type(each) for each in pool.errors]
        release.set()
        pool.pool.open(1)
        pool.until(lambda: pool.ready == 1)
        assert 2 == len(pool.errors)


def test_nobody_answers() -> None:
    """An address that swallows everything: the origin's `connect_timeout` ends it, and it is a TimeoutError."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(8)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(address)
        with running(*address, timeout=0.2) as pool:
            pool.open(2)
            assert [TimeoutError] * 2 == [type(each) for each in pool.errors]
        for each in fillers:
            each.close()


def test_no_more_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's limit is an error like another, and what is there goes on."""

    class NoMore(socket.socket):
        def __init__(self, *_: Any) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

    with scripted(saying(OK)) as server, running("127.0.0.1", server.port) as pool:
        pool.open(1)
        while not server.connections:  # whose own sockets are of the same class
            time.sleep(0.005)
        with monkeypatch.context() as patch:
            patch.setattr(opening.socket, "socket", NoMore)
            pool.open(2)
        assert [errno.EMFILE] * 2 == [each.errno for each in pool.errors if isinstance(each, OSError)]
        pool.put()
        assert ([200], 1) == (pool.answers, pool.pool.live)


def test_what_fails_when_its_time_is_over_fails_once() -> None:
    """A timer that falls due in the round in which the last address fails has nothing more to say."""
    with running("255.255.255.255", 9, timeout=0.0) as pool:
        pool.pool.open(1)
        for _ in range(3):
            pool.loop.call_soon(int)  # so that it does not wait
            pool.loop._round()
        assert 1 == len(pool.errors), pool.errors


def test_the_end_while_connections_are_made() -> None:
    """Those in the making go too, and nobody hears of them."""
    with scripted(saying(OK)) as server, running("127.0.0.1", server.port) as pool:
        pool.open(1)
        pool.pool.open(5)
        making = list(pool.pool._opening)
        for each in making:
            each._begin()
        sockets = [each._socket for each in making]
    assert [-1] * 5 == [sock.fileno() for sock in sockets if sock is not None]
    assert 1 == pool.ready


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost, trusted by nobody yet, and a server's context with it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("authority")
    path, secret = folder / "localhost.pem", folder / "localhost.key"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(*form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    return path, context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("size", [0, 9000, 3 * 1024 * 1024])
def test_requests_over_tls(version: ssl.TLSVersion, size: int, authority: tuple[Path, ssl.SSLContext]) -> None:
    """Byte for byte, of both versions, larger than any record or buffer; one connection for all."""
    path, context = authority
    body = bytes(range(250)) * (size // 250)

    agreed: list[str | None] = []

    def script(talk: Talk) -> None:
        agreed.append(talk.socket.selected_alpn_protocol())  # type: ignore[attr-defined]
        for step in (OK[:10], OK[10:]), (answer(500, b"e" * 40_000),), (OK,):
            time.sleep(0.02)
            talk.read()
            talk.say(*step)

    context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with scripted(script, context) as server, running("localhost", server.port, tls_of(str(path))) as pool:
            pool.open()
            assert [] == pool.errors
            for _ in range(3):
                pool.put(body)
    finally:
        context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert ([200, 500, 200], []) == (pool.answers, pool.broken)
    assert ["http/1.1"] == agreed
    assert [(body, 0)] * 3 == [(asked.body, asked.connection) for asked in server.requests]


class Fickle:
    """A socket of TLS that takes so many bytes at a time, or has something else to do first."""

    def __init__(self, *steps: int | type[ssl.SSLError]) -> None:
        self.steps = list(steps)

    def send(self, rest: memoryview) -> int:
        step = self.steps.pop(0)
        if not isinstance(step, int):
            raise step
        return min(step, len(rest))

    def recv_into(self, buffer: memoryview, size: int) -> int:
        return self.send(buffer[:size])


@pytest.mark.parametrize(
    ("steps", "sent", "received"),
    [
        ((100,), 10, 10), ((4, 4, 4), 10, 4), ((4, ssl.SSLWantWriteError), 4, 4), ((4, ssl.SSLWantReadError), 4, 4),
        ((ssl.SSLWantWriteError,), 0, -1), ((ssl.SSLWantReadError,), -1, -1), ((0,), None, 0),
    ],
)  # fmt: skip
def test_what_a_line_of_tls_tells(steps: tuple[Any, ...], sent: int | None, received: int) -> None:
    """To write may take a read, and to read a write (RFC 5246, section 7.4.1.1; RFC 8446, section 4.6.3)."""
    if sent is not None:
        assert sent == TlsLine(Fickle(*steps)).begin(b"head", b"body67")  # type: ignore[arg-type]
        assert sent == TlsLine(Fickle(*steps)).send(memoryview(b"0123456789"))  # type: ignore[arg-type]
    assert received == TlsLine(Fickle(*steps)).receive(memoryview(bytearray(10)))  # type: ignore[arg-type]


def test_half_answers_over_tls(authority: tuple[Path, ssl.SSLContext]) -> None:
    """However the connection ends: without a goodbye, with one, in bytes that are no TLS."""
    path, context = authority

    def script(talk: Talk) -> None:
        talk.read()
        talk.say(OK[:20])
        if talk.number == 1:
            with suppress(OSError):  # the client may be gone before it has answered the goodbye
                talk.socket.unwrap()  # type: ignore[attr-defined]
        elif talk.number == 2:
            socket.socket.sendall(talk.socket, b"\0" * 100)

    with scripted(script, context) as server, running("localhost", server.port, tls_of(str(path))) as pool:
        for _ in range(3):
            pool.open()
            pool.put()
        assert (["broken"] * 3, 0) == (pool.broken, len(pool.answers))
        pool.loop.stop()
        pool.loop.run_forever()
        assert 0 == pool.pool.live


def test_certificates(authority: tuple[Path, ssl.SSLContext], name: Callable[..., Names]) -> None:
    """One that nobody vouches for, and one for another name, end the attempt; unless nobody is to look."""
    path, context = authority
    untrusted = ssl.SSLCertVerificationError
    with scripted(saying(OK), context) as server:
        for host, verify, error in (
            ("127.0.0.1", str(path), None), ("127.0.0.1", True, untrusted), ("127.0.0.1", False, None),
            ("s3.example", str(path), untrusted), ("s3.example", False, None),
        ):  # fmt: skip
            if host == "s3.example":
                name((*V4, ("127.0.0.1", server.port)))
            with running(host, server.port, tls_of(verify)) as pool:
                pool.open()
                assert ([error] if error else []) == [type(each) for each in pool.errors]
    assert [] == server.requests


@pytest.mark.parametrize(("said", "error"), [(None, TimeoutError), (b"HTTP/1.0 400 no\r\n\r\n", ssl.SSLError)])
def test_servers_that_speak_no_tls(said: bytes | None, error: type, authority: tuple[Path, ssl.SSLContext]) -> None:
    """Silence counts as time to connect."""
    release = threading.Event()

    def script(talk: Talk) -> None:
        if said:
            talk.say(said)
        release.wait(20)

    with scripted(script) as server, running("localhost", server.port, tls_of(str(authority[0])), 0.3) as pool:
        pool.open()
        assert [error] == [each.__class__ for each in pool.errors]
        release.set()


def test_contexts_are_those_of_botocore(authority: tuple[Path, ssl.SSLContext]) -> None:
    """In all that decides whom we talk to and how; and another process can be told by `marshal`."""
    for verify in (True, str(authority[0]), False):
        theirs = create_urllib3_context()
        theirs.set_alpn_protocols(["http/1.1"])
        theirs.check_hostname = bool(verify)
        theirs.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        if verify:
            theirs.load_verify_locations(cafile=get_cert_path(verify))
        told = marshal.loads(marshal.dumps(Origin("h", 443, tls_of(verify), 1.0, 2.0).plain))
        origin = Origin.of_plain(told)
        assert Origin("h", 443, tls_of(verify), 1.0, 2.0) == origin
        assert origin.tls is not None
        ours = context_of(origin.tls)
        for attribute in (
            "protocol", "options", "verify_mode", "verify_flags", "check_hostname", "minimum_version",
            "maximum_version", "post_handshake_auth", "keylog_filename", "hostname_checks_common_name",
            "security_level", "num_tickets", "host_flags", "_host_flags",
        ):  # fmt: skip
            assert getattr(theirs, attribute, None) == getattr(ours, attribute, None), attribute
        assert theirs.get_ciphers() == ours.get_ciphers()
        assert theirs.get_ca_certs() == ours.get_ca_certs()


def test_plain_origins_travel_too() -> None:
    """Without TLS there is less to tell."""
    origin = Origin("127.0.0.1", 9000, None, 1.0, 2.0)
    assert origin == Origin.of_plain(marshal.loads(marshal.dumps(origin.plain)))


def test_settings_of_a_context_are_carried_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody has changed in what botocore makes."""
    theirs = create_urllib3_context()
    theirs.minimum_version = theirs.maximum_version = ssl.TLSVersion.TLSv1_2
    theirs.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    theirs.set_ciphers("ECDHE+AESGCM")
    theirs.keylog_filename = str(tmp_path / "keys")
    monkeypatch.setattr("s3sync.s3.session_origin.create_urllib3_context", lambda: theirs)
    ours = context_of(tls_of(False))
    for attribute in ("options", "verify_flags", "minimum_version", "maximum_version", "keylog_filename"):
        assert getattr(theirs, attribute) == getattr(ours, attribute), attribute
    assert theirs.get_ciphers() == ours.get_ciphers()


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    """That is known before anything is sent."""
    (tmp_path / "empty.pem").write_text("nothing here")
    for each in (tmp_path / "absent.pem", tmp_path, tmp_path / "empty.pem"):
        with pytest.raises(NotFast, match="the CA bundle"):
            tls_of(str(each))


def test_what_a_sending_process_has_to_load() -> None:
    """A bare interpreter does it in some milliseconds: without asyncio, TLS, logging, botocore and Django."""
    root, parser = Path(opening.__file__).parents[2], Path(httptools.__file__).parents[1]
    code = (
        f"import sys; sys.path[:0] = [{str(root)!r}, {str(parser)!r}]; import s3sync.s3.pool; "
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60)
    assert "" == done.stderr
    loaded = set(eval(done.stdout))
    assert {"s3sync", "httptools", "selectors"} <= loaded
    assert set() == loaded & {
        "asyncio", "botocore", "concurrent", "dataclasses", "django", "email", "http", "inspect", "logging", "ssl",
        "threading", "urllib",
    }  # fmt: skip

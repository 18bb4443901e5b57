"""The fast engine: against moto, Ceph RGW over http and https, and servers that misbehave to order."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from s3sync.s3 import sending_process
from s3sync.s3.engine_fast import ENOUGH, FAR_FROM, INTERNAL, NEAR_FROM, FastEngine
from s3sync.s3.pace import LONGEST_PAUSE, Pace
from s3sync.s3.sending_process import SendingProcess
from s3sync.s3.transfer import Completion, Condition, HandedOver, Put, Refused, Stored, WriteParameters
from tests.scripted import OK, Talk, answer, once, saying, scripted
from tests.servers import ON_RGW, ON_RGW_HTTPS, Server, free_port

PLAIN = WriteParameters({"ContentType": "text/plain"})
AWKWARD = [
    "a b+c%20%.txt", "ümlaut/日本語/😀.txt", "'quotes\"`", "tilde~!*()", "a/./b/../c//d", "semi;colon:at@&=$,?#x",
    "tab\tnew\nline", "back\\slash<>|^{}[]", "\x01\x7f", "e\u0301 is not \u00e9", "k" * 900, "dir/", "%2F%2f",
]  # fmt: skip


@pytest.fixture(params=["near", "far"], autouse=True)
def lane(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the loop runs: in a thread of this process, or in a process of its own."""
    monkeypatch.setattr(Harness, "far", request.param == "far")
    return str(request.param)


@pytest.fixture
def near(lane: str) -> None:
    """For tests that reach into the loop."""
    if lane == "far":
        pytest.skip("another process can't be reached into")


class Harness:
    """An engine, and what it has delivered."""

    far = False

    def __init__(self, client: Any, bucket: str, **how: Any) -> None:
        self.completions: list[Completion] = []
        self.threads: set[threading.Thread] = set()
        self._changed = threading.Condition()
        how = {"start": 4, "ceiling": 32} | how
        self.engine = FastEngine(client, bucket, deliver=self._take, far_from=None, **how)

    def _take(self, completion: Completion) -> None:
        with self._changed:
            self.threads.add(threading.current_thread())
            self.completions.append(completion)
            self._changed.notify_all()

    def submit(self, *puts: Put) -> None:
        for put in puts:
            assert self.engine.prepare(put.parameters, (put.key,)) is None
            if self.far and self.engine._far is None:
                self._go_far()
            self.engine.submit(put)

    def _go_far(self) -> None:
        self.engine._share, self.engine._until_far = 0, 0
        self.engine._start_far()
        far = self.engine._far
        assert far is not None
        awaited(lambda: far.ready)

    def results(self, count: int) -> list[Completion]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.completions) >= count, timeout=60), self.completions
            assert len(self.completions) == count
            return list(self.completions)

    def send_more(self, *puts: Put) -> list[Completion]:
        before = len(self.completions)
        self.submit(*puts)
        return self.results(before + len(puts))[before:]

    def send(self, *puts: Put) -> list[Completion]:
        self.submit(*puts)
        return self.results(len(puts))


@contextmanager
def running(client: Any, bucket: str = "b-1", **how: Any) -> Iterator[Harness]:
    harness = Harness(client, bucket, **how)
    try:
        yield harness
    finally:
        harness.engine.close()
    assert not harness.engine._near.thread.is_alive()
    assert harness.engine._far is None or harness.engine._far._sending.process.poll() is not None
    assert threading.current_thread() not in harness.threads


def awaited(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds() and time.monotonic() < until:
        time.sleep(0.005)
    assert holds()


def fails_with(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def put_of(key: str, body: bytes = b"body", condition: Condition | None = None, like: WriteParameters = PLAIN) -> Put:
    return Put(key, like, len(body), hashlib.md5(body).hexdigest(), body, "", condition, key)


def client_for(url: str, **config: Any) -> Any:
    settings = {"request_checksum_calculation": "when_required", "s3": {"addressing_style": "path"}} | config
    session = boto3.session.Session("AKID", "secret", region_name="us-east-1")
    return session.client("s3", endpoint_url=url, config=Config(**settings))


def codes(completions: list[Completion]) -> list[str]:
    return [getattr(each, "code", "stored") for each in completions]


def test_objects_are_stored_as_boto3_would(server: Server, bucket: str, s3: Any) -> None:
    """Bytes, type, cache lifetime and metadata arrive, on every kind of server; the ETag is the MD5."""
    like = WriteParameters(
        {"ContentType": "text/css", "CacheControl": "max-age=60", "ACL": "public-read", "Metadata": {"a": "b  c"}}
    )
    puts = [put_of(f"media/{number}.css", b"x" * number * 31, like=like) for number in range(40)]
    for put in puts[::2]:
        put.known_md5 = None  # the loop has to compute it
    with running(server.client(), bucket) as harness:
        done = harness.send(*puts)
        assert [hashlib.md5(put.body or b"").hexdigest() for put in puts] == [put.known_md5 for put in puts]
        assert all(isinstance(each, Stored) for each in done)
        assert {each.put.key: each.etag for each in done if isinstance(each, Stored)} == {p.key: p.md5 for p in puts}
        assert harness.engine.requests == 40
        assert harness.engine.degraded is None
    stored = s3.get_object(Bucket=bucket, Key="media/39.css")
    assert puts[39].body == stored["Body"].read()
    assert ("text/css", "max-age=60", {"a": "b  c"}) == (
        stored["ContentType"], stored["CacheControl"], stored["Metadata"]
    )  # fmt: skip


@pytest.mark.parametrize("server", ["rgw", "rgw-https"], indirect=True)
def test_awkward_keys(server: Server, bucket: str, s3: Any) -> None:
    """Every key comes back from the listing as it was, byte for byte, with its own content."""
    puts = [put_of(key, key.encode()) for key in AWKWARD]
    with running(server.client(), bucket) as harness:
        assert {"stored"} == set(codes(harness.send(*puts)))
    assert sorted(AWKWARD) == sorted(each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"])
    for put in puts:
        assert put.body == s3.get_object(Bucket=bucket, Key=put.key)["Body"].read()


@pytest.mark.parametrize("server", ["rgw", "rgw-https"], indirect=True)
def test_large_bodies(server: Server, bucket: str, s3: Any) -> None:
    """Megabytes at once on several connections, over TLS too."""
    puts = [put_of(f"{number}", bytes([number]) * (3 * 1024 * 1024 + number)) for number in range(6)]
    with running(server.client(), bucket) as harness:
        assert {"stored"} == set(codes(harness.send(*puts)))
    assert puts[5].body == s3.get_object(Bucket=bucket, Key="5")["Body"].read()


@pytest.mark.parametrize("server", ["moto", "rgw"], indirect=True)
def test_conditions(server: Server, bucket: str, s3: Any) -> None:
    """A condition that fails is handed over as it is; nothing is overwritten."""
    s3.put_object(Bucket=bucket, Key="there", Body=b"theirs")
    with running(server.client(), bucket) as harness:
        new, taken = put_of("new", condition=Condition()), put_of("there", condition=Condition())
        stale = put_of("there", condition=Condition("0" * 32))
        done = {id(each.put): each for each in harness.send(new, taken, stale)}
    assert isinstance(done[id(new)], Stored)
    assert [HandedOver(taken, "412"), HandedOver(stale, "412")] == [done[id(taken)], done[id(stale)]]
    assert taken.condition == Condition()
    assert s3.get_object(Bucket=bucket, Key="there")["Body"].read() == b"theirs"


@ON_RGW
def test_bare_etags(server: Server, bucket: str, s3: Any) -> None:
    """RGW 16 understands If-Match without quotes only."""
    etag = s3.put_object(Bucket=bucket, Key="there", Body=b"1")["ETag"].strip('"')
    with running(server.client(), bucket) as harness:
        assert codes(harness.send(put_of("there", condition=Condition(etag)))) == ["412"]
        harness.engine.quote_etags = False
        harness.submit(put_of("there", b"2", condition=Condition(etag)))
        assert codes(harness.results(2)) == ["412", "stored"]


@ON_RGW_HTTPS
def test_encryption_is_told(server: Server, bucket: str) -> None:
    """Where the ETag may be no MD5, the caller learns why."""
    customer = WriteParameters({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32})
    kms = WriteParameters({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "testkey-1"})
    with running(server.client(), bucket) as harness:
        done = harness.send(put_of("c", like=customer), put_of("k", like=kms))
    told = {each.put.key: each.encryption for each in done if isinstance(each, Stored)}
    assert told == {"c": "SSE-C", "k": "aws:kms"}


@ON_RGW
def test_access_denied_is_final(server: Server, bucket: str) -> None:
    """No other engine would be let in."""
    with running(server.client(other=True), bucket) as harness:
        [refused] = harness.send(put_of("a"))
    assert isinstance(refused, Refused)
    assert ("AccessDenied", 403) == (refused.code, refused.http)


@pytest.mark.parametrize("server", ["rgw", "rgw-https"], indirect=True)
def test_other_refusals_are_handed_over(server: Server, bucket: str) -> None:
    """A wrong secret, a missing bucket, damaged content: boto3 has the words for them."""
    client = server.client()
    client._request_signer._credentials.secret_key += "x"
    with running(client, bucket) as harness:
        assert codes(harness.send(put_of("a"))) == ["403"]
    with running(server.client(), "no-such-bucket-here") as harness:
        assert codes(harness.send(put_of("a"))) == ["404"]
    damaged = put_of("a")
    damaged.known_md5 = "0" * 32
    with running(server.client(), bucket) as harness:
        assert codes(harness.send(damaged)) == ["400"]


@ON_RGW
def test_credentials_that_change(server: Server, bucket: str) -> None:
    """They are asked for anew each second, and sign from then on."""
    client = server.client()
    credentials = client._request_signer._credentials
    with running(client, bucket) as harness:
        assert codes(harness.send(put_of("first"))) == ["stored"]
        credentials.access_key, credentials.secret_key = server.other_access_key, server.other_secret_key
        time.sleep(1.1)
        harness.submit(put_of("second"))
        assert codes(harness.results(2)) == ["stored", "AccessDenied"]


@ON_RGW_HTTPS
def test_certificates_are_verified(server: Server, bucket: str) -> None:
    """An authority that the client doesn't trust: nothing is sent, everything is handed over."""
    settings = {"request_checksum_calculation": "when_required", "s3": {"addressing_style": "path"}}
    session = boto3.session.Session(server.access_key, server.secret_key, region_name="us-east-1")
    make = {"endpoint_url": server.endpoint_url, "config": Config(**settings)}
    with running(session.client("s3", **make), bucket) as harness:
        assert codes(harness.send(put_of("a"))) == ["unreachable"]
        assert harness.engine.requests == 0
    with running(session.client("s3", verify=False, **make), bucket) as harness:
        assert codes(harness.send(put_of("a"))) == ["stored"]


def silent(talk: Talk) -> None:
    """Takes the request, and says nothing until the client has gone."""
    while talk.read():
        pass


HANDED_OVER: dict[str, tuple[Callable[[Talk], None], str]] = {
    "a redirect": (saying(answer(301, b"<Error><Code>PermanentRedirect</Code></Error>")), "301"),
    "created": (saying(answer(201)), "201"),
    "no content": (saying(b"HTTP/1.1 204 No Content\r\n\r\n"), "204"),
    "conflict": (saying(answer(409)), "409"),
    "expired token": (saying(answer(403, b"<Error><Code>ExpiredToken</Code></Error>")), "stale"),
    "a 403 without words": (saying(answer(403)), "403"),
    "a sign-in page": (saying(answer(200, b"<html></html>")), "no-etag"),
    "internal error": (saying(answer(500)), "500"),
    "half an answer": (once(b"HTTP/1.1 200 OK\r\nETag: x\r\n"), "broken"),
    "no answer": (once(), "broken"),
    "silence": (silent, "timeout"),
}


@pytest.mark.parametrize("name", HANDED_OVER)
def test_all_but_200_is_handed_over(name: str) -> None:
    """With its condition, untouched; the engine never explains."""
    script, code = HANDED_OVER[name]
    put = put_of("a", condition=Condition("e" * 32))
    with scripted(script) as server, running(client_for(server.url, read_timeout=0.4)) as harness:
        assert [HandedOver(put, code)] == harness.send(put)
        assert harness.engine.requests == 1
        assert server.requests[0].headers["if-match"] == f'"{"e" * 32}"'
        assert "expect" not in server.requests[0].headers


def test_refused_with_its_message() -> None:
    """The server's words reach the report, unescaped."""
    body = (
        b"<?xml?><Error><Code>AccessDenied</Code><Message>no &lt;PutObject&gt; &amp; &quot;no&quot;</Message></Error>"
    )
    put = put_of("a")
    with scripted(saying(answer(403, body))) as server, running(client_for(server.url)) as harness:
        assert [Refused(put, "AccessDenied", 403, 'no <PutObject> & "no"')] == harness.send(put)


def test_connections_are_used_again_and_no_more_than_needed() -> None:
    """One object after the other takes one connection; at most `ceiling` are ever open."""
    with scripted(saying(OK)) as server:
        with running(client_for(server.url), ceiling=3, start=3) as harness:
            for number in range(5):
                harness.submit(put_of(str(number)))
                harness.results(number + 1)
            assert server.connections == 1
            harness.submit(*(put_of(str(number)) for number in range(100)))
            harness.results(105)
        assert server.connections <= 3


@pytest.mark.usefixtures("near")
def test_stale_connections_are_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has idled for too long may be gone at the other end."""
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        harness.send(put_of("a"))
        monkeypatch.setattr("s3sync.s3.pool.IDLE_LIMIT", 0.05)
        time.sleep(0.1)
        harness.submit(put_of("b"))
        assert codes(harness.results(2)) == ["stored", "stored"]
    assert [0, 1] == [asked.connection for asked in server.requests]


@pytest.mark.usefixtures("near")
def test_connections_hold_on_to_no_body() -> None:
    """What was sent last may be megabytes, and there may be hundreds of connections that are free."""
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        put = put_of("a", b"x" * (8 * 1024 * 1024))
        harness.send(put)
        awaited(lambda: sys.getrefcount(put.body) <= 2)


def test_slow_down_halves_the_pace() -> None:
    """503 and 429 hand over, halve the number of requests under way, and are no verdict on the target."""
    for status in (503, 429):
        with scripted(saying(answer(status))) as server:
            with running(client_for(server.url), start=8) as harness:
                done = harness.send(*(put_of(str(number)) for number in range(2 * ENOUGH)))
                assert {str(status)} == set(codes(done))
                assert harness.far or harness.engine._near.loop.pace.limit <= 4
                assert harness.engine.degraded is None
            assert 2 * ENOUGH == len(server.requests)


def test_the_pace_is_kept() -> None:
    """After a refusal fewer requests are under way at once, though there are connections for more."""
    together, lock = threading.Barrier(8, timeout=20), threading.Lock()
    active: list[int] = [0]
    highest: list[int] = []

    def script(talk: Talk) -> None:
        while talk.read():
            if not highest:
                together.wait()
                talk.say(answer(503))
                continue
            with lock:
                active[0] += 1
                highest.append(active[0])
            time.sleep(0.05)
            with lock:
                active[0] -= 1
            talk.say(OK)

    with scripted(script) as server, running(client_for(server.url), start=8, ceiling=8) as harness:
        harness.send(*(put_of(str(number)) for number in range(8)))
        highest.append(0)
        harness.submit(*(put_of(str(number)) for number in range(8)))
        harness.results(16)
        assert len(highest) == 9
        assert max(highest) <= 6  # 4, and some growth by success
        assert server.connections == 8


def test_retry_after_is_respected() -> None:
    """Nothing new is sent before the time that the server has asked for."""
    arrived: list[float] = []

    def script(talk: Talk) -> None:
        while talk.read():
            arrived.append(time.monotonic())
            talk.say(answer(503, b"", b"Retry-After: 1") if len(arrived) == 1 else OK)

    with scripted(script) as server, running(client_for(server.url), start=1, ceiling=1) as harness:
        assert codes(harness.send(put_of("a"), put_of("b"))) == ["503", "stored"]
    assert arrived[1] - arrived[0] >= 0.9


def test_pace() -> None:
    """Grows by success, is halved once per round trip, and never leaves its bounds."""
    pace = Pace(4, 16)
    for _ in range(100):
        pace.succeeded()
    assert pace.limit == 16
    for sent_at in (9.0, 9.5, 9.9):
        pace.throttled(sent_at, 10.0 + sent_at / 100, None)
    assert pace.limit == 8
    pace.throttled(11.0, 12.0, "7")
    assert (4.0, 19.0) == (pace.limit, pace.resume_at)
    pace.succeeded()
    assert pace.limit == 4.25
    for number in range(20):
        pace.throttled(100.0 + number, 100.0 + number, "100000")
    assert (1.0, 119.0 + LONGEST_PAUSE) == (pace.limit, pace.resume_at)
    pace.throttled(200.0, 200.0, "soon, perhaps")
    pace.throttled(200.0, 200.0, "Thu, 01 Jan 1970 00:00:00 GMT")
    assert pace.resume_at == 200.0
    pace.not_above(0)
    assert pace.limit == 1


def paced(pace: Pace, latency: float, most: float, seconds: float) -> float:
    """Answers in a second, at last, of a server that gives at most `most`, each after `latency` seconds."""
    now = rate = 0.0
    while now < seconds:
        number = int(pace.limit)
        rate = min(number / latency, most)
        for step in range(number):
            pace.succeeded(now + (step + 1) / rate)
        now += number / rate
    return rate


@pytest.mark.parametrize(("latency", "most"), [(0.001, 8000.0), (0.025, 8000.0), (0.1, 8000.0), (0.1, 500.0)])
def test_the_pace_rises_while_more_is_done(latency: float, most: float) -> None:
    """Within some seconds it does what the best fixed number would, with few more connections than that takes."""
    pace = Pace(16, 512)
    best = min(most, 512 / latency)

    assert paced(pace, latency, most, 5.0) >= 0.8 * best
    assert pace.limit <= max(64, 4 * best * latency)


@pytest.mark.parametrize(("fastest", "most"), [(0.0001, 32), (0.0005, 101), (0.001, 201), (0.005, 512)])
def test_the_pace_stops_where_no_process_could_send_more(fastest: float, most: int) -> None:
    """However rates look, which says little while connections are made: each costs, with TLS a millisecond."""
    pace, now = Pace(16, 512), 0.0
    for number in range(5000):
        now += 1 / (1000 + number)
        pace.succeeded(now, now - fastest * (1 + number % 7))

    assert most - 1 <= pace.limit <= most


def test_the_pace_finds_a_better_server() -> None:
    """What was enough once is looked at again."""
    pace = Pace(16, 512)
    assert paced(pace, 0.025, 1000.0, 5.0) >= 800

    assert paced(pace, 0.025, 8000.0, 10.0) >= 6400


def test_the_pace_recovers_from_a_refusal() -> None:
    """It grows by one in a round trip, however little that brings, until it is refused again."""
    pace = Pace(16, 512)
    paced(pace, 0.025, 1000.0, 5.0)
    pace.limit = 100.0
    pace.throttled(5.0, 5.1, None)
    paced(pace, 0.025, 1000.0, 5.0)

    assert 100 < pace.limit < 250


def test_a_target_that_refuses_everything_ends_the_attempt() -> None:
    """After so many in a row for one cause the wire is left alone, and all else is handed over at once."""
    with scripted(saying(answer(400))) as server:
        with running(client_for(server.url), start=1, ceiling=1) as harness:
            done = harness.send(*(put_of(str(number)) for number in range(ENOUGH + 50)))
            assert "400" in (harness.engine.degraded or "")
            assert ["400"] * ENOUGH + ["degraded"] * 50 == codes(done)
        assert ENOUGH == len(server.requests)


def test_nobody_there() -> None:
    """Where no connection can be made everything is handed over, unsent."""
    with running(client_for(f"http://127.0.0.1:{free_port()}")) as harness:
        done = harness.send(*(put_of(str(number)) for number in range(500)))
        assert {"unreachable", "degraded"} == set(codes(done))
        assert harness.engine.requests == 0


def test_a_server_that_closes_at_once() -> None:
    """A balancer without servers behind it accepts and hangs up: no endless loop comes of it."""
    with scripted(lambda talk: None) as server, running(client_for(server.url)) as harness:
        done = harness.send(*(put_of(str(number)) for number in range(200)))
        assert set(codes(done)) <= {"unreachable", "broken", "degraded"}


def test_cancel() -> None:
    """The first time what waits comes back, and what is on the wire is left to finish; the second time all does."""
    release, started = threading.Event(), threading.Event()

    def script(talk: Talk) -> None:
        while talk.read():
            started.set()
            release.wait(20)
            talk.say(OK)

    for twice in (False, True):
        release.clear()
        started.clear()
        with scripted(script) as server, running(client_for(server.url), start=1, ceiling=1) as harness:
            harness.submit(*(put_of(str(number)) for number in range(5)))
            started.wait(20)
            harness.engine.cancel()
            assert codes(harness.results(4)) == ["cancelled"] * 4
            if twice:
                harness.engine.cancel()
            else:
                release.set()
            assert codes(harness.results(5))[4] == ("cancelled" if twice else "stored")
            harness.submit(put_of("late"))
            assert codes(harness.results(6))[5] == "cancelled"
            release.set()


def test_close_completes_everything() -> None:
    """Also what is on the wire, and what comes afterwards."""
    release, started = threading.Event(), threading.Event()

    def script(talk: Talk) -> None:
        talk.read()
        started.set()
        release.wait(20)

    with scripted(script) as server:
        harness = Harness(client_for(server.url), "b-1", start=2, ceiling=2)
        harness.submit(*(put_of(str(number)) for number in range(10)))
        assert started.wait(20)
        harness.engine.close()
        assert {"cancelled"} == set(codes(harness.results(10)))
        harness.engine.submit(put_of("late"))
        harness.results(11)
        harness.engine.close()
        release.set()


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize("where", ["pace.succeeded", "pool.take", "pool.send", "_request", "_learn", "_pausing"])
def test_errors_of_our_own_lose_nothing(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong in the loop, each object is completed exactly once, and it is logged once."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(where)

    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        harness.send(put_of("first"))
        owner, name = harness.engine._near.loop, where
        if "." in where:
            owner, name = getattr(owner, where.split(".")[0]), where.split(".")[1]
        setattr(owner, name, fail)
        puts = [put_of(str(number)) for number in range(50)]
        with caplog.at_level(logging.ERROR):
            harness.submit(*puts)
            done = harness.results(51)
        assert {id(put) for put in puts} == {id(each.put) for each in done[1:]}
        assert set(codes(done)) <= {"stored", "internal", "degraded"}
        assert harness.engine.degraded == INTERNAL
        harness.submit(put_of("later"))
        assert codes(harness.results(52))[51] in ("internal", "degraded")
    assert len([record for record in caplog.records if record.name in ("s3sync.s3.far", "s3sync.s3.lanes")]) == 1


def test_an_object_that_breaks_the_loop_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """What comes with it and after it is handed over, and it is logged once where the trouble was."""
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        harness.send(put_of("first"))
        puts = [put_of(str(number)) for number in range(50)]
        puts[10].known_md5 = "no digest"
        with caplog.at_level(logging.ERROR):
            harness.submit(*puts)
            done = harness.results(51)
        assert {id(put) for put in puts} == {id(each.put) for each in done[1:]}
        assert "internal" in codes(done)
        assert set(codes(done)) <= {"stored", "internal", "degraded"}
        assert harness.engine.degraded == INTERNAL
    [record] = [record for record in caplog.records if record.name in ("s3sync.s3.far", "s3sync.s3.lanes")]
    assert "a2b_hex" in record.getMessage()


def test_callers_that_raise_do_not_stop_the_engine(caplog: pytest.LogCaptureFixture) -> None:
    """An error in `deliver` is logged, and the rest goes on."""
    taken: list[Completion] = []
    done = threading.Event()

    def deliver(completion: Completion) -> None:
        taken.append(completion)
        if len(taken) == 1:
            raise ZeroDivisionError
        done.set()

    with scripted(saying(OK)) as server:
        engine = FastEngine(client_for(server.url), "b-1", deliver=deliver, start=1, ceiling=1)
        engine.submit(put_of("a"))
        engine.submit(put_of("b"))
        assert done.wait(20)
        engine.close()
    assert codes(taken) == ["stored", "stored"]
    assert "could not take" in caplog.text


def test_shapes_that_are_not_fast() -> None:
    """`prepare` says why; an object that is submitted all the same is handed over."""
    client = client_for("http://127.0.0.1:9", signature_version="s3")
    with running(client) as harness:
        assert "Version 4" in (harness.engine.prepare(PLAIN, ("a",)) or "")
        harness.engine.submit(put_of("a"))
        assert codes(harness.results(1)) == ["not-fast"]
        assert harness.engine.degraded is None


def test_many_objects_go_to_a_process_of_their_own(lane: str) -> None:
    """Once so many wait; each is completed once, and never are there more connections than allowed."""
    if lane == "far":
        pytest.skip("it finds its way by itself")
    lock, now, most, release = threading.Lock(), [0], [0], threading.Event()

    def script(talk: Talk) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        while talk.read():
            release.wait(20)
            talk.say(OK)
        with lock:
            now[0] -= 1

    with scripted(script) as server, running(client_for(server.url), start=6, ceiling=6) as harness:
        harness.engine._until_far = FAR_FROM
        harness.submit(*(put_of(f"a/{number}") for number in range(FAR_FROM)))
        assert harness.engine._far is None
        harness.submit(put_of("b"))
        far = harness.engine._far
        assert far is not None
        awaited(lambda: far.ready)
        harness.submit(*(put_of(f"c/{number}") for number in range(500)))
        harness.submit(put_of("large", b"x" * (NEAR_FROM + 1)))
        release.set()
        done = harness.results(FAR_FROM + 502)
        assert {"stored"} == set(codes(done))
        assert far.requests == 500
        assert harness.engine.requests == FAR_FROM + 502
        assert most[0] <= 6
    assert len({asked.line for asked in server.requests}) == FAR_FROM + 502


def test_two_lanes_have_one_ceiling(lane: str) -> None:
    """The other one makes no connection before this one has taken note that it is to do with less."""
    if lane == "far":
        pytest.skip("it finds its way by itself")
    held = threading.Event()
    with scripted(saying(OK)) as server, running(client_for(server.url), start=8, ceiling=8) as harness:
        harness.engine.prepare(PLAIN, ("a",))
        harness.engine._near._call(held.wait, 20)  # a refresh of the credentials takes its time
        harness.submit(*(put_of(f"a/{number}") for number in range(8)))
        harness.engine._until_far = 0
        harness.engine._start_far()
        far = harness.engine._far
        assert far is not None
        awaited(lambda: far.ready)
        harness.submit(*(put_of(f"b/{number}") for number in range(50)))
        time.sleep(0.3)
        assert 0 == server.connections
        held.set()
        assert {"stored"} == set(codes(harness.results(58)))
        assert 50 == far.requests


def test_retry_after_is_for_both_lanes(lane: str) -> None:
    """A server that wants a rest is not met by another process meanwhile."""
    if lane == "far":
        pytest.skip("it finds its way by itself")
    arrived: list[float] = []

    def script(talk: Talk) -> None:
        while talk.read():
            arrived.append(time.monotonic())
            talk.say(answer(503, b"", b"Retry-After: 1") if len(arrived) == 1 else OK)

    with scripted(script) as server, running(client_for(server.url), start=8, ceiling=8) as harness:
        assert ["503"] == codes(harness.send(put_of("a")))
        harness.engine._until_far = 0
        harness.engine._start_far()
        far = harness.engine._far
        assert far is not None
        awaited(lambda: far.ready)
        assert {"stored"} == set(codes(harness.send_more(*(put_of(f"b/{number}") for number in range(20)))))
        assert 20 == far.requests
    assert arrived[1] - arrived[0] >= 0.9


def test_who_sends_now_and_then_needs_no_process(lane: str) -> None:
    """However many it comes to."""
    if lane == "far":
        pytest.skip("there is none")
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        harness.engine._until_far = 0
        for number in range(FAR_FROM):
            harness.submit(put_of(str(number)))
            harness.results(number + 1)
        assert harness.engine._far is None


@pytest.mark.parametrize("when", ["before it is ready", "at work"])
def test_a_process_that_is_killed_takes_nothing_with_it(lane: str, when: str) -> None:
    """What it had is handed over, as it may be stored; what comes later stays in this process."""
    if lane == "near":
        pytest.skip("there is none")
    release, started = threading.Event(), threading.Event()

    def script(talk: Talk) -> None:
        while talk.read():
            started.set()
            release.wait(20)
            talk.say(OK)

    with scripted(script) as server, running(client_for(server.url), start=2, ceiling=2) as harness:
        harness.engine.prepare(PLAIN, ("a",))
        if when == "at work":
            harness.submit(*(put_of(str(number)) for number in range(20)))
            assert started.wait(20)
            harness.engine._far._sending.process.kill()
            assert codes(harness.results(20)) == ["broken"] * 20
        else:
            harness.engine._share, harness.engine._until_far = 0, 0
            harness.engine._start_far()
            harness.engine._far._sending.process.kill()
            awaited(lambda: harness.engine._far.gone)
        release.set()
        before = len(harness.completions)
        harness.submit(*(put_of(f"later/{number}") for number in range(20)))
        assert codes(harness.results(before + 20)[before:]) == ["stored"] * 20
        assert harness.engine.degraded is None


def test_who_is_left_alone_has_all_connections_again(lane: str) -> None:
    """A process that has been killed costs no pace for the rest of the run."""
    if lane == "far":
        pytest.skip("it finds its way by itself")
    with scripted(saying(OK)) as server, running(client_for(server.url), start=8, ceiling=8) as harness:
        harness.engine.prepare(PLAIN, ("a",))
        harness.engine._until_far = 0
        harness.engine._start_far()
        far, pace = harness.engine._far, harness.engine._near.loop.pace
        assert far is not None
        awaited(lambda: far.ready)
        assert ["stored"] == codes(harness.send_more(put_of("a")))
        assert (1, 2) == (far.requests, pace.limit)
        far._sending.process.kill()
        awaited(lambda: far.gone and far.ended)
        assert {"stored"} == set(codes(harness.send_more(*(put_of(f"b/{number}") for number in range(30)))))
        assert pace.limit == 8


def test_no_process_can_be_had(monkeypatch: pytest.MonkeyPatch, lane: str) -> None:
    """One that may start no other, and one that is part of another program: all goes as it did."""
    if lane == "far":
        pytest.skip("there is none")
    monkeypatch.setattr("s3sync.s3.engine_fast.BACKLOG", 0)
    for program, frozen in (
        ("/nowhere/python3", False),
        ("/usr/bin/uwsgi", False),
        ("", False),
        (sys.executable, True),
    ):
        with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
            monkeypatch.setattr("sys.executable", program)
            monkeypatch.setattr("sys.frozen", frozen, raising=False)
            harness.engine._until_far = 0
            assert {"stored"} == set(codes(harness.send(*(put_of(str(number)) for number in range(30)))))
            assert harness.engine._until_far is None


@pytest.mark.parametrize("what", ["no thread", "no selector", "it ends at once"])
def test_a_process_of_no_use_is_ended(monkeypatch: pytest.MonkeyPatch, lane: str, what: str) -> None:
    """Where it could be started, and what is needed beside it can't be had: no other object hears of that."""
    if lane == "far":
        pytest.skip("there is none")
    started, start = sending_process.interpreter, threading.Thread.start
    processes: list[Any] = []

    def noted(*arguments: Any, **how: Any) -> Any:
        processes.append(started(*arguments, **how))
        if what == "it ends at once":
            processes[0].kill()
            os.waitid(os.P_PID, processes[0].pid, os.WEXITED | os.WNOWAIT)
        return processes[0]

    def no_more(thread: threading.Thread) -> None:
        if thread.name == "s3sync-far":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(sending_process, "interpreter", noted)
    monkeypatch.setattr("s3sync.s3.engine_fast.BACKLOG", 0)
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        if what == "no thread":
            monkeypatch.setattr(threading.Thread, "start", no_more)
        elif what == "no selector":
            monkeypatch.setattr(selectors.DefaultSelector, "register", fails_with(OSError(errno.ENOSPC, "full")))
        harness.engine._until_far = 0
        harness.engine.prepare(PLAIN, ("a",))
        harness.engine._start_far()
        monkeypatch.undo()
        assert {"stored"} == set(codes(harness.send(*(put_of(str(number)) for number in range(30)))))
        assert (None, None) == (harness.engine._far, harness.engine._until_far)
    [process] = processes
    assert process.returncode is not None


def test_the_end_is_told_though_others_hold_the_socket(lane: str) -> None:
    """As whoever this process has forked meanwhile does: the other one ends by itself, and at once."""
    if lane == "near":
        pytest.skip("there is none")
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        harness.send(put_of("a"))
        far = harness.engine._far
        copy = os.dup(far._frames.socket.fileno())
        try:
            harness.engine.close()
            assert 0 == far._sending.process.returncode
        finally:
            os.close(copy)


def test_many_files_are_open(lane: str) -> None:
    """As in a web server's process: descriptors have large numbers."""
    if lane == "near":
        pytest.skip("there is no other process")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 4096), before[1]))
    files = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while files[-1] < 1024:
            files.append(os.dup(files[0]))
        with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
            assert {"stored"} == set(codes(harness.send(*(put_of(str(number)) for number in range(30)))))
            assert harness.engine._far.requests == 30
    finally:
        for each in files:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_process_that_is_held_up(lane: str) -> None:
    """It is waited for, whatever time the project's own sockets have."""
    if lane == "near":
        pytest.skip("there is none")
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        harness.engine.prepare(PLAIN, ("a",))
        socket.setdefaulttimeout(0.2)
        try:
            harness._go_far()
        finally:
            socket.setdefaulttimeout(None)
        process = harness.engine._far._sending.process
        process.send_signal(signal.SIGSTOP)
        harness.submit(*(put_of(str(number), b"x" * 1024 * 1024) for number in range(3)))
        time.sleep(0.6)
        process.send_signal(signal.SIGCONT)
        assert ["stored"] * 3 == codes(harness.results(3))


def test_what_is_added_while_all_is_cancelled(monkeypatch: pytest.MonkeyPatch, lane: str) -> None:
    """By another thread, which found the queue just before: it comes back too."""
    if lane == "near":
        pytest.skip("one thread does both")
    found, cancelled = threading.Event(), threading.Event()

    class Slow(deque[Any]):
        def append(self, job: Any) -> None:
            found.set()
            cancelled.wait(20)
            super().append(job)

    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        harness.send(put_of("a"))
        far = harness.engine._far
        far._outbox = Slow()
        adding = threading.Thread(target=harness.submit, args=(put_of("b"),))
        adding.start()
        assert found.wait(20)
        harness.engine.cancel()
        awaited(lambda: not far._orders)
        time.sleep(0.05)
        cancelled.set()
        adding.join()
        assert ["stored", "cancelled"] == codes(harness.results(2))


def test_the_process_minds_its_own_modules(monkeypatch: pytest.MonkeyPatch, lane: str, tmp_path: Path) -> None:
    """Not those in the folder that it happens to start in, where uploads may lie; and it leaves nothing there."""
    if lane == "near":
        pytest.skip("there is none")
    package, uploads = tmp_path / "lib" / "s3sync", tmp_path / "uploads"
    shutil.copytree(Path(sending_process.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    uploads.mkdir()
    (uploads / "pickle.py").write_text(f"open({str(tmp_path / 'obeyed')!r}, 'w')")
    monkeypatch.chdir(uploads)
    monkeypatch.setattr(sys, "path", ["", ".", Path("lib"), str(tmp_path / "lib"), *sys.path])
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        assert ["stored"] == codes(harness.send(put_of("a")))
        assert harness.engine._far.requests == 1
    assert not (tmp_path / "obeyed").exists()
    assert [] == list(tmp_path.rglob("__pycache__"))


def test_the_process_ends_with_the_one_that_asked_for_it(lane: str) -> None:
    """However that ends: nothing is sent for nobody. Signals for all of a terminal's processes are not for it."""
    if lane == "near":
        pytest.skip("there is none")
    with scripted(saying(OK)) as server, running(client_for(server.url)) as harness:
        harness.send(put_of("a"))
        far = harness.engine._far
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            far._sending.process.send_signal(each)
        assert codes(harness.send_more(put_of("b"))) == ["stored"]
        far._frames.socket.shutdown(socket.SHUT_RDWR)  # as the kernel does for a process that has been killed
        assert far._sending.process.wait(20) == 0


@pytest.mark.parametrize("size", [10, 50_000])
def test_the_other_process_gets_no_more_than_it_can_send(lane: str, size: int) -> None:
    """The rest waits here, where it is in memory anyhow; all of it goes in the end."""
    if lane == "near":
        pytest.skip("there is no other process")
    release = threading.Event()

    def script(talk: Talk) -> None:
        while talk.read():
            release.wait(20)
            talk.say(OK)

    with scripted(script) as server, running(client_for(server.url), start=2, ceiling=2) as harness:
        harness.engine.prepare(PLAIN, ("a",))
        harness._go_far()
        harness.submit(*(put_of(str(number), b"x" * size) for number in range(1000)))
        far = harness.engine._far
        awaited(lambda: far._there == 2 + 128)
        time.sleep(0.1)
        assert 2 + 128 == far._there
        release.set()
        assert {"stored"} == set(codes(harness.results(1000)))
        assert 0 == far._there


def test_what_waits_for_a_process_that_has_gone_is_not_kept(lane: str) -> None:
    """Others see to it, and bodies are large."""
    if lane == "near":
        pytest.skip("there is none")
    with scripted(lambda talk: None) as server, running(client_for(server.url)) as harness:
        harness.engine.prepare(PLAIN, ("a",))
        harness._go_far()
        far = harness.engine._far
        far._sending.process.send_signal(signal.SIGSTOP)
        harness.submit(*(put_of(str(number)) for number in range(500)))
        assert len(far._outbox) > 300
        far._sending.process.kill()
        assert ["broken"] * 500 == codes(harness.results(500))
        awaited(lambda: not far._outbox)


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_process_that_stands_by(lane: str, has_ended: bool) -> None:
    """It is used from the first objects on; where it has ended meanwhile, a few objects need none."""
    if lane == "far":
        pytest.skip("it finds its way by itself")
    with closing(SendingProcess()) as standby, scripted(saying(OK)) as server:
        if has_ended:
            standby.process.kill()
            awaited(lambda: standby.ended)
        with running(client_for(server.url), standby=standby) as harness:
            engine = harness.engine
            engine._until_far = FAR_FROM
            assert ["stored"] == codes(harness.send(put_of("a")))
            awaited(lambda: has_ended or engine._far.ready)
            assert ["stored"] == codes(harness.send_more(put_of("b")))
            assert (None if has_ended else 1) == (engine._far and engine._far.requests)
    assert standby.ended


WAITING = """
import os, signal, sys
from s3sync.s3.sending_process import SendingProcess
standby = SendingProcess()
print(standby.process.pid, flush=True)
if os.fork():
    os.kill(os.getpid(), signal.SIGKILL)
os.close(1)
sys.stdin.read()  # with all that its parent had open
"""
ORPHANED = """
import os, signal, sys
from tests.test_engine_fast import Harness, client_for, put_of
Harness.far = True
harness = Harness(client_for(sys.argv[1]), "b-1")
harness.send(put_of("a"))
print(harness.engine._far._sending.process.pid, flush=True)
if os.fork():
    os.kill(os.getpid(), signal.SIGKILL)
os.close(1)
sys.stdin.read()  # with all that its parent had open
"""


@pytest.mark.parametrize("program", [ORPHANED, WAITING], ids=["at work", "standing by"])
def test_the_process_ends_though_somebody_else_holds_its_socket(lane: str, program: str) -> None:
    """A web server's worker, forked by the one that was killed, is nobody to send for."""
    if lane == "near":
        pytest.skip("there is none")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "ignore", "-c", program]
    with (
        scripted(saying(OK)) as server,
        subprocess.Popen(
            [*command, server.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as killed,
    ):
        assert killed.stdout is not None
        number = int(killed.stdout.readline())
        assert -signal.SIGKILL == killed.wait(20)
        awaited(lambda: not is_running(number))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_many_threads_are_not_needed() -> None:
    """Thousands of objects, every one completed once, in whatever order."""
    with scripted(saying(OK)) as server, running(client_for(server.url), start=16) as harness:
        done = harness.send(*(put_of(f"k/{number}") for number in range(2000)))
        assert {"stored"} == set(codes(done))
        assert len({each.put.key for each in done}) == 2000
    assert len(server.requests) == 2000

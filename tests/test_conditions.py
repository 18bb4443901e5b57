"""The transfer side by itself, on real servers: conditions, what is left on a client, how a run ends."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from storages.backends.s3 import S3Storage

from s3sync.s3.calls import CallCounter
from s3sync.s3.conditions import Conditions, Enforcement, KeyedHooks
from s3sync.s3.engine_boto3 import Boto3Engine
from s3sync.s3.engine_fast import MOST_PARAMETERS, FastEngine
from s3sync.s3.sending_process import SendingProcess
from s3sync.s3.target import Target
from s3sync.s3.transfer import Completion, Condition, Put, Refused, Stored, WriteParameters
from s3sync.s3.uploader import Uploader
from tests.project import s3_options
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_MOTO, ON_RGW, ON_RGW_HTTPS, Server

MIB = 2**20
PLAIN = WriteParameters({"ContentType": "text/plain"})
IN_PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
NO_RETRIES = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0})


def target_of(server: Server, bucket: str, **options: Any) -> Target:
    """What a storage in `STORAGES` comes to."""
    return Target.of("default", S3Storage(**s3_options(server, bucket, **options)))


def put_of(key: str, body: bytes = b"body", condition: Condition | None = None, like: WriteParameters = PLAIN) -> Put:
    """A small object."""
    return Put(key, like, len(body), hashlib.md5(body).hexdigest(), body, "", condition, key)


def large_put(path: Path, key: str, condition: Condition | None = None, like: WriteParameters = PLAIN) -> Put:
    """An object of two parts."""
    body = key.encode() * (6 * MIB // len(key))
    path.write_bytes(body)
    parts = [hashlib.md5(body[start : start + 5 * MIB]).digest() for start in (0, 5 * MIB)]
    etag = f"{hashlib.md5(b''.join(parts)).hexdigest()}-2"
    return Put(key, like, len(body), hashlib.md5(body).hexdigest(), None, str(path), condition, key, etag)


@contextmanager
def engine_for(
    target: Target, conditions: Conditions, workers: int = 4
) -> Iterator[tuple[Boto3Engine, queue.Queue[Completion]]]:
    """A boto3 engine, and where it delivers to."""
    done: queue.Queue[Completion] = queue.Queue()
    engine = Boto3Engine(target, conditions, deliver=done.put, workers=workers)
    try:
        yield engine, done
    finally:
        engine.close()


def sent(target: Target, conditions: Conditions, *puts: Put) -> list[Completion]:
    """What the boto3 engine makes of these, one after the other."""
    results = []
    with engine_for(target, conditions) as (engine, done):
        for put in puts:
            engine.submit(put)
            results.append(done.get(timeout=60))
    return results


@contextmanager
def uploading(
    target: Target, conditions: Conditions, **how: Any
) -> Iterator[tuple[Uploader, Callable[..., list[Any]]]]:
    """An uploader, and a function that sends puts by it and waits for all of them."""
    calls = CallCounter(target.client)
    done: queue.Queue[Completion] = queue.Queue()
    uploader = Uploader(target, conditions, calls, **({"engine": "auto", "workers": 4} | how), deliver=done.put)

    def send(*puts: Put) -> list[Any]:
        for put in puts:
            uploader.submit(put)
        results = []
        while uploader.count:
            results.append(uploader.settle(done.get(timeout=60)))
        return [result for result in results if result is not None]

    try:
        yield uploader, send
    finally:
        uploader.close()
        calls.close()


# What the report says


@pytest.mark.parametrize(
    ("enforcement", "everywhere", "emulated", "expected"),
    [
        (Enforcement.UNPROVEN, True, False, "enforced"),
        (Enforcement.UNPROVEN, False, False, "off"),
        (Enforcement.UNPROVEN, False, True, "emulated"),
        (Enforcement.ENFORCED, False, False, "enforced"),
        (Enforcement.ENFORCED, False, True, "emulated"),
        (Enforcement.IGNORED, False, False, "emulated"),
        (Enforcement.REFUSED, False, False, "emulated"),
    ],
)
def test_summary(enforcement: Enforcement, everywhere: bool, emulated: bool, expected: str) -> None:
    """Nothing is called enforced that was not proven."""
    assert expected == Conditions(enforcement, everywhere=everywhere, emulated=emulated).summary


def test_a_head_looks_wherever_conditions_do_not_count() -> None:
    """Even at Amazon, should a gateway before it refuse them."""
    for enforcement in (Enforcement.REFUSED, Enforcement.IGNORED):
        assert Conditions(enforcement, everywhere=True).needs_head(single_put=True)
    assert not Conditions(everywhere=True).needs_head(single_put=False)


# Proofs


@ON_MOTO
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(412, "PreconditionFailed"), Enforcement.ENFORCED),
        (Response(409, "ConditionalRequestConflict"), Enforcement.ENFORCED),
        (Response(501, "NotImplemented"), Enforcement.REFUSED),
        (Response(400, "InvalidArgument"), Enforcement.REFUSED),
        (Response(400, "InvalidRequest"), Enforcement.REFUSED),
        (Response(200, headers={"ETag": '"abc"'}), Enforcement.IGNORED),
        (Response(400, "RequestTimeout"), Enforcement.UNPROVEN),
        (Response(403, "AccessDenied"), Enforcement.UNPROVEN),
        (Response(503, "SlowDown"), Enforcement.UNPROVEN),
        ("drop", Enforcement.UNPROVEN),
    ],
)
def test_what_a_proof_proves(answer: Any, expected: Enforcement, proxy: Proxy, bucket: str) -> None:
    """Trouble is no verdict on conditions: the next object has to prove them."""
    conditions = Conditions()
    seen: set[str] = set()

    def rule(request: Request) -> Any:
        if request.method != "PUT":
            return None  # a HEAD looks first, as nobody knows yet
        if request.key in seen and request.key == "a":
            return answer
        seen.add(request.key)
        return None

    proxy.rule = rule
    target = target_of(proxy.server, bucket, client_config=NO_RETRIES)
    with uploading(target, conditions) as (_, send):
        assert [Stored] == [type(result) for result in send(put_of("a", condition=Condition()))]
        assert expected is conditions.enforcement
        send(put_of("b", condition=Condition()))
    assert (Enforcement.ENFORCED if expected is Enforcement.UNPROVEN else expected) is conditions.enforcement


@ON_MOTO
def test_501_that_is_not_about_conditions(proxy: Proxy, bucket: str) -> None:
    """The object fails without its condition too, and the target keeps its good name; at Amazon nothing is tried."""
    proxy.rule = lambda request: Response(501, "Unavailable") if request.method == "PUT" else None
    target = target_of(proxy.server, bucket)
    elsewhere, amazon = Conditions(Enforcement.ENFORCED), Conditions(everywhere=True)
    for conditions, puts in ((elsewhere, 2), (amazon, 1)):
        proxy.clear()
        before = conditions.enforcement
        [refused] = sent(target, conditions, put_of("a", condition=Condition()))
        assert isinstance(refused, Refused)
        assert (501, False) == (refused.http, refused.conflict)
        assert (before, puts) == (conditions.enforcement, proxy.count()["PutObject"])


@ON_MOTO
def test_501_about_conditions(proxy: Proxy, bucket: str) -> None:
    """Without its condition, and after a HEAD, the object is taken: the target refuses conditions."""
    conditions = Conditions()
    proxy.rule = lambda request: Response(501, "Other") if "if-none-match" in request.headers else None
    target = target_of(proxy.server, bucket)
    [stored] = sent(target, conditions, put_of("a", condition=Condition()))
    assert isinstance(stored, Stored)
    assert Enforcement.REFUSED is conditions.enforcement
    assert {"PutObject": 2, "HeadObject": 2} == dict(proxy.count())
    [refused] = sent(target, conditions, put_of("a", b"other", condition=Condition()))
    assert isinstance(refused, Refused)
    assert refused.conflict


# The form of If-Match


@ON_MOTO
@pytest.mark.parametrize("amazon", [False, True])
def test_if_match_that_is_refused_in_any_form(amazon: bool, proxy: Proxy, s3: Any, bucket: str) -> None:
    """A failure of this one object; nothing is learned from it, and at Amazon no other form is tried."""
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"old")["ETag"].strip('"')
    conditions = Conditions(everywhere=amazon)
    proxy.rule = lambda request: Response(412, "PreconditionFailed") if "if-match" in request.headers else None
    [refused] = sent(target_of(proxy.server, bucket), conditions, put_of("a", condition=Condition(etag)))
    assert isinstance(refused, Refused)
    assert ("PreconditionFailed", 412, False) == (refused.code, refused.http, refused.conflict)
    forms = [f'"{etag}"'] if amazon else [f'"{etag}"', etag]
    assert forms == [request.headers["if-match"] for request in proxy.requests if request.method == "PUT"]
    assert not conditions.bare_etags


@ON_MOTO
@pytest.mark.parametrize("wants_bare", [False, True])
def test_the_form_of_if_match_is_learned_both_ways(wants_bare: bool, proxy: Proxy, s3: Any, bucket: str) -> None:
    """From a request that was taken in the other form, once."""
    etags = [s3.put_object(Bucket=bucket, Key=key, Body=b"old")["ETag"].strip('"') for key in "ab"]

    def rule(request: Request) -> Any:
        given = request.headers.get("if-match", "")
        return Response(412, "PreconditionFailed") if given and wants_bare == given.startswith('"') else None

    proxy.rule = rule
    conditions = Conditions(Enforcement.ENFORCED, bare_etags=not wants_bare)
    puts = [put_of(key, condition=Condition(etag)) for key, etag in zip("ab", etags, strict=True)]
    assert [Stored, Stored] == [type(each) for each in sent(target_of(proxy.server, bucket), conditions, *puts)]
    assert wants_bare is conditions.bare_etags
    assert {"PutObject": 3, "HeadObject": 1} == dict(proxy.count())


@ON_MOTO
def test_409_teaches_nothing_about_etags(
    proxy: Proxy, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another request was under way: the same is asked again."""
    monkeypatch.setattr(Boto3Engine, "_wait", lambda *_: None)
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"old")["ETag"].strip('"')

    def rule(request: Request) -> Any:
        busy = request.method == "PUT" and proxy.count()["PutObject"] < 5
        return Response(409, "ConditionalRequestConflict") if busy else None

    proxy.rule = rule
    conditions = Conditions(Enforcement.ENFORCED)
    [stored] = sent(target_of(proxy.server, bucket), conditions, put_of("a", condition=Condition(etag)))
    assert isinstance(stored, Stored)
    assert not conditions.bare_etags


@ON_RGW
def test_bare_etags_go_the_fast_way(server: Server, s3: Any, bucket: str) -> None:
    """Where it is known that Ceph RGW 16 wants them so."""
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"old")["ETag"].strip('"')
    conditions = Conditions(Enforcement.ENFORCED, bare_etags=True)
    with uploading(target_of(server, bucket), conditions) as (uploader, send):
        assert [Stored] == [type(each) for each in send(put_of("a", b"new", condition=Condition(etag)))]
        assert uploader.fast is not None
        assert 1 == uploader.fast.requests
    assert b"new" == s3.get_object(Bucket=bucket, Key="a")["Body"].read()


# What is left on a client


@ON_MOTO
def test_runs_that_share_a_client(server: Server, s3: Any, bucket: str) -> None:
    """Each counts what it sends and puts its conditions on it; a run that is over does neither."""
    client = server.client()
    s3.put_object(Bucket=bucket, Key="a", Body=b"old")
    for _ in range(2):
        calls, hooks = CallCounter(client), KeyedHooks(client)
        other = CallCounter(client)
        with hooks.watching("a", {"IfNoneMatch": "*"}), pytest.raises(ClientError, match="PreconditionFailed"):
            client.put_object(Bucket=bucket, Key="a", Body=b"new")
        assert {"PutObject": 1} == dict(calls.counts) == dict(other.counts)
        for each in (calls, other, hooks):
            each.close()
        with hooks.watching("a", {"IfNoneMatch": "*"}):
            client.put_object(Bucket=bucket, Key="a", Body=b"new")
        assert {"PutObject": 1} == dict(calls.counts) == dict(other.counts)


@ON_MOTO
def test_an_engine_leaves_the_client(server: Server, bucket: str) -> None:
    """A project's own connection lives longer than a run."""
    target = target_of(server, bucket)

    def handlers() -> str:
        events = ("before-parameter-build.s3.PutObject", "after-call.s3.PutObject", "before-send.s3.PutObject")
        return repr([target.client.meta.events._emitter._handlers.prefix_search(event) for event in events])

    before = handlers()
    with uploading(target, Conditions()) as (_, send):
        send(put_of("a"))
        assert "s3sync" in handlers()
    assert before == handlers()


# The end of a run


@ON_MOTO
def test_cancelled_while_a_head_looks(tmp_path: Path, proxy: Proxy, s3: Any, bucket: str) -> None:
    """No upload in parts begins after the run was told to end."""
    looking, cancelled = threading.Event(), threading.Event()

    def rule(request: Request) -> None:
        if request.operation == "HeadObject":
            looking.set()
            cancelled.wait(20)

    proxy.rule = rule
    target = target_of(proxy.server, bucket, transfer_config=IN_PARTS)
    with engine_for(target, Conditions()) as (engine, done):
        engine.submit(large_put(tmp_path / "a", "a", Condition()))
        assert looking.wait(20)
        engine.cancel()
        cancelled.set()
        refused = done.get(timeout=60)
    assert "Cancelled" == getattr(refused, "code", refused)
    assert {"HeadObject"} == proxy.count().keys()


@ON_MOTO
def test_closed_while_parts_are_under_way(tmp_path: Path, proxy: Proxy, s3: Any, bucket: str) -> None:
    """As after an error: the upload is given up, and nothing of it stays."""
    started = threading.Event()

    def rule(request: Request) -> Any:
        if request.operation == "UploadPart":
            started.set()
            return 0.3
        return None

    proxy.rule = rule
    target = target_of(proxy.server, bucket, transfer_config=IN_PARTS)
    with engine_for(target, Conditions(everywhere=True), workers=1) as (engine, done):
        engine.submit(large_put(tmp_path / "a", "a", Condition()))
        assert started.wait(20)
    assert "Cancelled" == getattr(done.get(timeout=60), "code", "")
    assert (1, 0) == (proxy.count()["AbortMultipartUpload"], proxy.count()["CompleteMultipartUpload"])
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@ON_MOTO
@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_workers_than_asked_for(workers: int, tmp_path: Path, proxy: Proxy, bucket: str) -> None:
    """`--workers 1` is one request at a time, parts included; a large file's parts keep to any other number."""
    lock, active, highest = threading.Lock(), [0], [0]

    def rule(request: Request) -> Any:
        with lock:
            active[0] += 1
            highest[0] = max(highest[0], active[0])

        def answer(response: Response) -> Response:
            time.sleep(0.02)
            with lock:
                active[0] -= 1
            return response

        return answer

    proxy.rule = rule
    target = target_of(proxy.server, bucket, transfer_config=IN_PARTS)
    puts = [large_put(tmp_path / key, key) for key in "abcd"]
    if workers == 1:
        puts += [put_of(f"small-{number}") for number in range(8)]
    with engine_for(target, Conditions(), workers=workers) as (engine, done):
        for put in puts:
            engine.submit(put)
        assert {Stored} == {type(done.get(timeout=60)) for _ in puts}
    assert workers == highest[0]
    assert 10 == target.transfer_config.max_request_concurrency


# Parameters that differ from object to object


@ON_MOTO
@pytest.mark.parametrize("engine", ["fast", "boto3"])
def test_objects_carry_their_md5(engine: str, server: Server, s3: Any, bucket: str) -> None:
    """Where ETags tell nothing, our metadata does; one capture is enough for all of them."""
    like = WriteParameters({"ContentType": "text/plain", "Metadata": {"by": "site"}})
    puts = [put_of(f"{number}", b"%d" % number, like=like) for number in range(20)]
    for put in puts:
        put.carries_md5 = True
    plain = put_of("plain", like=like)
    with uploading(target_of(server, bucket), Conditions(), engine=engine) as (uploader, send):
        assert {Stored} == {type(each) for each in send(*puts, plain)}
        if engine == "fast":
            assert uploader.fast is not None
            assert (2, 21) == (len(uploader.fast._templates), uploader.fast.requests)
    for put in puts:
        assert {"by": "site", "s3sync-md5": put.md5} == s3.head_object(Bucket=bucket, Key=put.key)["Metadata"]
    assert {"by": "site"} == s3.head_object(Bucket=bucket, Key="plain")["Metadata"]


@ON_MOTO
def test_the_other_process_gets_ready_while_a_proof_is_under_way(proxy: Proxy, bucket: str) -> None:
    """So it takes all that comes afterwards, and nobody makes connections for the few objects until it is there."""
    first_seen = threading.Event()

    def rule(request: Request) -> float | None:
        if request.method == "PUT" and not first_seen.is_set():
            first_seen.set()
            until = time.monotonic() + 10
            while not (engine._far and engine._far.ready) and time.monotonic() < until:
                time.sleep(0.005)
        return None

    proxy.rule = rule
    target, puts = target_of(proxy.server, bucket), [put_of(str(number), condition=Condition()) for number in range(50)]
    with closing(SendingProcess()) as standby, uploading(target, Conditions(), standby=standby) as (uploader, send):
        assert uploader.fast is not None
        engine = uploader.fast
        assert [Stored] * 50 == [type(each) for each in send(*puts)]
        assert engine._far is not None
        assert (49, 0) == (engine._far.requests, engine._near.loop.requests)


@ON_MOTO
def test_md5_metadata_is_part_of_the_proof(proxy: Proxy, bucket: str) -> None:
    """The request that proves conditions writes what the first one wrote."""
    put = put_of("a", condition=Condition())
    put.carries_md5 = True
    with uploading(target_of(proxy.server, bucket), Conditions()) as (_, send):
        send(put)
    puts = [each for each in proxy.requests if each.method == "PUT"]
    assert [put.md5] * 2 == [each.headers.get("x-amz-meta-s3sync-md5") for each in puts]


@ON_MOTO
def test_parameters_for_each_key(server: Server, s3: Any, bucket: str) -> None:
    """After some dozens it is not worth proving more of them."""
    puts = [
        put_of(f"{number}", like=WriteParameters({"CacheControl": f"max-age={number}"}))
        for number in range(MOST_PARAMETERS + 20)
    ]
    with uploading(target_of(server, bucket), Conditions()) as (uploader, send):
        send(*puts)
        assert uploader.fast is not None
        assert "parameters differ from key to key" == uploader.why_not_fast
        assert MOST_PARAMETERS == len(uploader.fast._templates) == uploader.fast.requests
        assert uploader.fast.prepare(puts[0].parameters, ("a",)) is None
        send(puts[0])
        assert MOST_PARAMETERS + 1 == uploader.fast.requests
    heads = {put.key: s3.head_object(Bucket=bucket, Key=put.key)["CacheControl"] for put in puts}
    assert {put.key: f"max-age={put.key}" for put in puts} == heads


def test_caches_are_bounded(moto_server: Server) -> None:
    """However many extensions or parameters there are."""

    class ForEachKey(S3Storage):
        def get_object_parameters(self, name: str) -> dict[str, str]:
            return {"ContentDisposition": name}

    options = s3_options(moto_server, "b")
    for storage in (S3Storage(**options), ForEachKey(**options)):
        target = Target.of("default", storage)
        for number in range(5000):
            target.rendering_of(f"media/a.{number}x")
        assert len(target._renderings) <= 4096
        assert len(target._interned) <= 4096


def test_probes_are_not_counted(moto_server: Server) -> None:
    """They are built, and go nowhere."""
    client = moto_server.client()
    calls = CallCounter(client)
    engine = FastEngine(client, "b", deliver=lambda _: None, start=1, ceiling=1, probing=calls.paused)
    try:
        assert engine.prepare(PLAIN, ("a",)) is None
    finally:
        engine.close()
    assert {} == dict(calls.counts)


# Customer keys, addresses


@ON_RGW_HTTPS
def test_objects_under_a_customers_key(tmp_path: Path, server: Server, s3: Any, bucket: str) -> None:
    """Only who names the key may look: so do the HEADs that go before and after a write."""
    parameters = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    target = target_of(server, bucket, object_parameters=parameters, transfer_config=IN_PARTS)
    assert parameters == target.head_parameters("media/a.bin")
    like = target.rendering_of("media/a.bin").parameters
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"old", **parameters)["ETag"].strip('"')
    theirs = s3.put_object(Bucket=bucket, Key="b", Body=b"theirs", **parameters)["ETag"].strip('"')
    stored, conflict, late = sent(
        target, Conditions(Enforcement.ENFORCED),
        large_put(tmp_path / "a", "a", Condition(first), like),
        large_put(tmp_path / "b", "b", Condition(), like),
        put_of("b", b"ours", Condition(theirs[::-1]), like),
    )  # fmt: skip
    assert isinstance(stored, Stored)
    for refused in (conflict, late):
        assert isinstance(refused, Refused)
        assert refused.conflict, refused


def test_userinfo_stays_out_of_reports() -> None:
    """An endpoint_url may hold a name and a password for a proxy."""
    storage = S3Storage(
        bucket_name="b", endpoint_url="http://user:secret@127.0.0.1:9/s3", access_key="a", secret_key="s"
    )
    target = Target.of("default", storage)
    assert "http://127.0.0.1:9/s3" == target.endpoint
    assert "http://127.0.0.1:9/s3/b" == target.identity

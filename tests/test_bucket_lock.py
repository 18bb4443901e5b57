"""`--lock bucket`: one run at a time on the same names, whatever the host."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from storages.backends.s3 import S3Storage

from s3sync.core.claims import Claim, read_claim
from s3sync.exceptions import LockHeld
from s3sync.s3.bucket_lock import BucketLock, NotKept
from s3sync.s3.target import Target
from tests.project import S3_MANIFEST, Project, s3_options
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_BOTH, ON_MOTO, ON_RGW, ON_RGW_HTTPS, Server

LOCKS = "media/.s3sync/locks/"


def locks_in(s3: Any, bucket: str, folder: str = LOCKS) -> dict[str, bytes]:
    """Each lock and what it says; nothing where it is free."""
    entries = s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", ())
    return {entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in entries}


def much_later(_: Request) -> Callable[[Response], Response]:
    """A rule: the server's clock says that years have passed."""
    date = {"Date": "Fri, 01 Jan 2100 00:00:00 GMT"}
    return lambda said: Response(said.status, headers=said.headers | date, body=said.body)


class Clock:
    """Says what time it is told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="make")
def give_locks(server: Server, bucket: str, proxy: Proxy) -> Iterator[Callable[..., BucketLock]]:
    """Makes locks of other hosts: each with a client and a clock of its own."""
    made: list[BucketLock] = []

    def make(prefix: str = "", run: str = "", clock: Clock | None = None, **how: Any) -> BucketLock:
        target = Target.of("default", S3Storage(**s3_options(proxy.server, bucket)))
        claim = Claim(run=run or f"run-{len(made)}", prefix=prefix, owner=f"host {len(made)}", **how)
        made.append(BucketLock(target, claim, clock or Clock()))
        return made[-1]

    yield make
    for lock in made:
        lock._ended.set()


# One run after the other


@ON_RGW_HTTPS
def test_push_holds_the_lock_and_frees_it(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --lock bucket, --delete; collectstatic --s3 --lock bucket; what they leave bothers nobody"""
    project.configure(server=proxy.server)
    project.configure_static(S3_MANIFEST)
    for name in ("a.txt", "b/c.txt"):
        project.write(name, name.encode(), age=60)

    result = project.push("--lock", "bucket")
    assert (0, 2) == (result.code, result.counts["uploaded"]), result
    # Of the lock: a claim, the proof that both conditions are kept, held (quoted, which this RGW does not want, and not
    # quoted), freed. Of the files: two, and the first one once more for the proof.
    assert (6 + 3, 2) == tuple(result.report["requests"][name] for name in ("PutObject", "ListObjectsV2"))
    assert dict(proxy.count()) == {name: count for name, count in result.report["requests"].items() if count}
    assert [b""] == list(locks_in(s3, bucket).values())

    (project.media / "b/c.txt").unlink()
    again = project.push("--lock", "bucket", "--delete", "-v", "3")
    assert (0, 1, 0) == (again.code, again.counts["deleted"], again.counts.get("orphans", 0)), again
    assert [b""] == list(locks_in(s3, bucket).values())
    project.asset("site.css", "h1{color:red}")
    collected = project.collect("--lock", "bucket", "--clear", "--prune")
    assert (0, [b""]) == (collected.code, list(locks_in(s3, bucket, "static/.s3sync/locks/").values())), collected
    verified = project.run("s3_verify_acl", "--format", "json", "-v", "3", "--storage", "default")
    assert 0 == verified.code, verified
    assert all(".s3sync" not in item["key"] for item in verified.report["items"])


@ON_MOTO
def test_second_host_is_refused(project: Project, s3: Any, bucket: str, make: Callable[..., BucketLock]) -> None:
    """s3_push_media --lock bucket, while another host works on all names; and beside one that works on others"""
    project.write("a/1.txt", b"1", age=60)
    project.write("b/2.txt", b"2", age=60)
    other = make(run="20260101T000000-other")
    other.acquire()

    refused = project.push("--lock", "bucket")
    error = refused.report["error"]
    assert (6, "locked", "LockHeld") == (refused.code, refused.report["status"], error["code"]), refused
    assert "run 20260101T000000-other (host 0)" in error["message"]
    assert f"s3://{bucket}/{LOCKS}" in error["hint"]
    part = project.run("s3_push_media", "--lock", "bucket", "--prefix", "a/", "-v", "0")
    assert (6, "", "") == (part.code, part.stdout, part.stderr)
    assert 3 == project.push("--lock", "bucket", "--check").code

    assert other.release()
    shard = make("b/")
    shard.acquire()
    beside = project.push("--lock", "bucket", "--prefix", "a/")
    assert (0, 1) == (beside.code, beside.counts["uploaded"]), beside
    around = project.push("--lock", "bucket")
    assert (6, "for names under 'b/'") == (around.code, "for names under 'b/'"), around
    assert "for names under 'b/'" in around.report["error"]["message"]
    shard.release()
    assert {b""} == set(locks_in(s3, bucket).values())


@ON_MOTO
def test_expired_lock_is_taken_over(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --lock bucket, after a run that was killed: by the server's clock, whatever ours says"""
    project.configure(server=proxy.server)
    project.write("a.txt", b"a", age=60)
    process = None
    killed: list[Any] = []

    def kill(request: Request) -> None:
        if request.key == "media/a.txt" and not killed and process is not None:
            killed.append(process.send_signal(signal.SIGKILL))

    proxy.rule = kill
    process = project.start("s3_push_media", "--lock", "bucket")
    project.finish(process)
    (body,) = locks_in(s3, bucket).values()
    claim = read_claim(body)
    assert claim is not None
    assert ("", True) == (claim.prefix, claim.held)
    assert claim.owner.startswith("process ")

    proxy.rule = much_later
    result = project.push("--lock", "bucket")
    assert (0, ["lock-expired"]) == (result.code, [found["id"] for found in result.report["findings"]]), result
    assert claim.run in result.report["findings"][0]["detail"]
    assert [b""] == list(locks_in(s3, bucket).values())


@ON_MOTO
def test_interrupted_run_frees_it(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --lock bucket, and Ctrl-C"""
    project.configure(server=proxy.server)
    project.fill(20)
    signalled: list[Any] = []
    process = None

    def interrupt(request: Request) -> None:
        if request.key.startswith("media/many") and not signalled and process is not None:
            signalled.append(process.send_signal(signal.SIGINT))

    proxy.rule = interrupt
    process = project.start("s3_push_media", "--lock", "bucket", "--format", "json", "-w", "1")
    result = project.finish(process)
    assert 130 == result.code, result
    assert [b""] == list(locks_in(s3, bucket).values())


@ON_MOTO
def test_lost_lock_deletes_nothing(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --lock bucket --delete, while somebody takes the lock away; collectstatic --s3 too"""
    project.configure(server=proxy.server)
    project.configure_static(S3_MANIFEST)
    project.write("gone.txt", b"gone", age=60)
    assert 0 == project.push("--lock", "bucket").code
    (project.media / "gone.txt").unlink()
    project.write("new.txt", b"new", age=60)
    project.asset("site.css", "h1{color:red}")
    other = Claim(run="other", prefix="").encode()

    def steal(request: Request) -> None:
        if request.operation == "PutObject" and ".s3sync" not in request.key:
            folder = request.key.partition("/")[0]
            for key in locks_in(s3, bucket, f"{folder}/.s3sync/locks/"):
                s3.put_object(Bucket=bucket, Key=key, Body=other)

    proxy.rule = steal
    result = project.push("--lock", "bucket", "--delete")
    assert (5, "refused", 1) == (result.code, result.report["status"], result.counts["uploaded"]), result
    assert "the lock was lost: another run has taken it" in result.stderr
    assert s3.head_object(Bucket=bucket, Key="media/gone.txt")
    assert [other] == list(locks_in(s3, bucket).values())  # it is theirs now

    collected = project.collect("--lock", "bucket")
    assert 5 == collected.code, collected
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="static/")["Contents"]}
    assert ("static/site.css" in keys, "static/staticfiles.json" in keys) == (True, False)


@pytest.mark.parametrize("ignored", ["if-none-match", "if-match"])
@ON_MOTO
def test_server_that_ignores_conditions_can_not_lock(
    project: Project, s3: Any, bucket: str, proxy: Proxy, ignored: str
) -> None:
    """s3_push_media --lock bucket, where one condition is not kept"""
    project.configure(server=proxy.server)
    project.write("a.txt", b"a", age=60)

    def rule(request: Request) -> Response | None:
        if request.operation == "PutObject" and ignored in request.headers and "locks/" in request.key:
            s3.put_object(Bucket=bucket, Key=request.key, Body=b"")
            return Response(200, headers={"ETag": '"d41d8cd98f00b204e9800998ecf8427e"'}, body=b"")
        return None

    proxy.rule = rule
    result = project.push("--lock", "bucket")
    assert (1, "LockNotKept", {}) == (result.code, result.report["error"]["code"], result.counts), result
    assert "--lock auto" in result.report["error"]["hint"]


@ON_MOTO
def test_what_s3_refuses_is_told(project: Project, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --lock bucket, without the right to write or to list, and where conditions are not known"""
    project.configure(server=proxy.server)
    for status, code, error, hint in (
        (403, "AccessDenied", "AccessDenied", f"needs s3:PutObject on {bucket}/media/*"),
        (501, "NotImplemented", "LockNotKept", "--lock auto"),
    ):
        answer = Response(status, code)
        proxy.rule = lambda request, answer=answer: answer
        result = project.push("--lock", "bucket")
        assert (1, error) == (result.code, result.report["error"]["code"]), result
        assert hint in result.report["error"]["hint"]
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.operation == "ListObjectsV2" else None
    result = project.push("--lock", "bucket")
    assert (1, f"needs s3:ListBucket on {bucket}") == (result.code, result.report["error"]["hint"]), result


@ON_MOTO
def test_lock_in_public_says_nothing_of_the_host(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --lock bucket, to a storage that writes with a public ACL and encrypts"""
    public = {"default_acl": "public-read", "object_parameters": {"ServerSideEncryption": "AES256"}}
    project.configure(server=proxy.server, options=public)
    project.write("a.txt", b"a", age=60)
    proxy.keep_bodies = True
    assert 0 == project.push("--lock", "bucket").code
    writes = [request for request in proxy.requests if "locks/" in request.key and request.method == "PUT"]
    assert len(writes) >= 3
    assert not any("x-amz-acl" in request.headers for request in writes)
    assert {"AES256"} == {request.headers["x-amz-server-side-encryption"] for request in writes}
    assert {""} == {json.loads(request.body)["owner"] for request in writes if request.body.startswith(b"{")}


# The protocol


@ON_BOTH
def test_one_of_many_gets_it(make: Callable[..., BucketLock], proxy: Proxy, s3: Any, bucket: str) -> None:
    """Twelve hosts at once, of which no two may hold a lock on common names."""
    proxy.atomic = True
    prefixes = ["", "a/", "a/b/", "a/", "b/", ""]
    for _ in range(2):
        locks = [make(prefix) for prefix in prefixes]
        together = threading.Barrier(len(locks), timeout=30)
        held: list[BucketLock] = []

        def begin(lock: BucketLock, together: threading.Barrier = together, held: list[BucketLock] = held) -> None:
            together.wait()
            try:
                lock.acquire()
            except LockHeld:
                return
            held.append(lock)

        threads = [threading.Thread(target=begin, args=(lock,)) for lock in locks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert held
        both = [(a, b) for a in held for b in held if a is not b and a.claim.overlaps(b.claim)]
        assert [] == both
        assert all(lock.release() for lock in held)
        assert {b""} == set(locks_in(s3, bucket).values())


@pytest.mark.parametrize(("mine", "theirs", "wins"), [("", "a/", True), ("a/", "", False), ("a/", "b/", True)])
@ON_RGW
def test_wider_prefix_goes_first(
    make: Callable[..., BucketLock], proxy: Proxy, mine: str, theirs: str, wins: bool
) -> None:
    """Of two that have claimed and not yet looked, the one with the wider prefix takes the other's claim away."""
    later, earlier = make(mine), make(theirs)
    earlier._claim()
    if not wins:
        with pytest.raises(LockHeld):
            later.acquire()
        return
    later.acquire()
    if later.claim.overlaps(earlier.claim):
        with pytest.raises(LockHeld, match="goes first"):
            earlier._hold()
    else:
        earlier._hold()
    assert later.release()


@ON_RGW
def test_renewal(make: Callable[..., BucketLock], proxy: Proxy) -> None:
    """A lock is renewed; one that can't be for too long is lost, and so is one that was taken over."""
    clock = Clock()
    lock = make(clock=clock)
    lock.acquire()
    clock.now += 400
    lock.confirm()
    clock.now += 400
    assert lock.why_lost() is None
    proxy.rule = lambda request: Response(403, "AccessDenied")
    lock.confirm()
    assert lock.why_lost() is None
    clock.now += 200
    assert "it could not be renewed in time (AccessDenied)" == lock.why_lost()
    proxy.rule = None
    lock.confirm()
    assert lock.why_lost() is not None
    assert lock.release()  # nothing is left to be freed: it is anybody's by now

    proxy.rule = much_later
    first = make()
    first.acquire()
    second = make()
    second.acquire()
    assert first.claim.run == (second.taken_over and second.taken_over.run)
    proxy.rule = None
    first.confirm()
    assert "another run has taken it" == first.why_lost()
    first.release()
    with pytest.raises(LockHeld):
        make().acquire()
    second.release()


@ON_MOTO
def test_lock_that_slept_is_not_renewed(make: Callable[..., BucketLock], proxy: Proxy) -> None:
    """A machine sleeps for longer than its lock holds. Another run, for all names, passes by what has expired, so that
    nothing tells the one that wakes up; the first to run there is the thread that renews."""
    clock = Clock()
    asleep = make(prefix="a/", clock=clock)
    asleep.acquire()
    proxy.rule = much_later
    other = make()
    other.acquire()
    proxy.rule = None
    clock.now += 700
    asleep.confirm()
    assert asleep.why_lost() is not None, "both hold it"
    assert other.why_lost() is None


@ON_MOTO
def test_thread_renews(make: Callable[..., BucketLock], proxy: Proxy, s3: Any, bucket: str) -> None:
    """A lock of a moment, held for longer than that: a thread keeps it."""
    renewed = threading.Event()
    lock = make(seconds=0.3)

    def rule(request: Request) -> None:
        if request.operation == "PutObject" and b'"serial": 3' in request.body:
            renewed.set()

    proxy.rule = rule
    lock.acquire()
    assert renewed.wait(30)
    assert lock.why_lost() is None
    lock.release()
    assert [b""] == list(locks_in(s3, bucket).values())


@pytest.mark.parametrize("number", range(1, 7))
@ON_RGW
def test_lost_answers(make: Callable[..., BucketLock], proxy: Proxy, s3: Any, bucket: str, number: int) -> None:
    """Each answer in turn is lost, and the request sent again: the lock is ours all the same."""
    count = iter(range(1, 1000))
    proxy.rule = lambda request: "drop-after" if next(count) == number else None
    lock = make()
    lock.acquire()
    assert lock.why_lost() is None
    lock.confirm()
    assert lock.why_lost() is None
    assert lock.release()
    assert [b""] == list(locks_in(s3, bucket).values())


@ON_RGW
def test_bucket_with_versions(make: Callable[..., BucketLock], s3: Any, bucket: str) -> None:
    """RGW 16 ignores If-None-Match where versions are kept: nobody is told that it locks."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with pytest.raises(NotKept, match="If-None-Match"):
        make().acquire()
    assert [b""] == list(locks_in(s3, bucket).values())


def test_claims() -> None:
    """What a lock says survives being written; what can't be read is held, and for all names."""
    claim = Claim(run="r", prefix="a/", owner="h", serial=3)
    assert claim == read_claim(claim.encode())
    assert read_claim(b"") is None
    for body in (b"{}", b"x", b"\xff", b'{"run": 1}', b"[]"):
        unreadable = read_claim(body)
        assert unreadable is not None
        assert unreadable.held
        assert claim.yields_to(unreadable)
    assert claim.yields_to(Claim(run="", prefix=""))
    assert not claim.yields_to(Claim(run="", prefix="a/b/"))
    assert claim.yields_to(Claim(run="", prefix="a/b/", held=True))
    assert not claim.yields_to(Claim(run="", prefix="b/", held=True))

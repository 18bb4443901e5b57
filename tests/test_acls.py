"""Reading ACLs, one request per object: against moto, Ceph RGW, and servers that misbehave to order."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st
from storages.backends.s3 import S3Storage

from s3sync.access.facts import Grant
from s3sync.s3.acl_boto3 import HOPELESS_AFTER
from s3sync.s3.acl_documents import Acl, ObjectAcl, _any_form, _plain, parse_acl
from s3sync.s3.acl_wire import capture_acl
from s3sync.s3.acls import AclReader
from s3sync.s3.calls import CallCounter
from s3sync.s3.capture import credentials_of
from s3sync.s3.request_loop import ENOUGH, INTERNAL
from s3sync.s3.signing import Moment, NotFast
from s3sync.s3.target import Target
from tests.proxy import Proxy, Request, Response, Verdict
from tests.scripted import Scripted, Talk, answer, scripted
from tests.servers import ON_BOTH, ON_MOTO, ON_RGW, Server, free_port, make_bucket
from tests.soak import ONLY_IN_SOAK
from tests.test_signing import CONFIGURATIONS, _cached_client, make_client, taken_apart

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
ACCOUNTS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
AWKWARD = [
    "a b+c%20%.txt", "ümlaut/日本語/😀.txt", "'quotes\"`", "tilde~!*()", "a/./b/../c//d", "semi;colon:at@&=$,?#x",
    "tab\tx", "back\\slash<>|^{}[]", "\x01\x7f", "e\u0301 is not \u00e9", "k" * 900, "%2F%2f", "?acl", "a?versionId=1",
]  # fmt: skip
CANNED = ["private", "public-read", "public-read-write", "authenticated-read"]
ENGINES = pytest.mark.parametrize("engine", ["auto", "boto3"])
ACL = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>me</ID></Owner><AccessControlList>'
    b'<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>me</ID>'
    b"</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"
)
OURS = (Grant("me", "FULL_CONTROL"),)
ONE_TRY = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})


def target_at(url: str, bucket: str = "b-1", cls: type[S3Storage] = S3Storage, **options: Any) -> Target:
    given = {"access_key": "AKID", "secret_key": "secret", "region_name": "us-east-1"} | options
    if "client_config" not in given:
        given["addressing_style"] = "path"
    return Target.of("default", cls(bucket_name=bucket, endpoint_url=url, **given))


def target_on(server: Server, bucket: str, **options: Any) -> Target:
    who = {"access_key": server.access_key, "secret_key": server.secret_key}
    return target_at(server.endpoint_url, bucket, verify=str(server.ca) if server.ca else None, **(who | options))


@contextmanager
def reading(target: Target, engine: str = "auto", workers: int | None = None) -> Iterator[AclReader]:
    calls = CallCounter(target.client)
    try:
        with AclReader(target, engine=engine, workers=workers, calls=calls) as reader:
            reader.calls = calls  # type: ignore[attr-defined]
            yield reader
    finally:
        calls.close()


def read_all(reader: AclReader, keys: Iterable[str]) -> dict[str, ObjectAcl]:
    found = list(reader.read(keys))
    assert len({acl.key for acl in found}) == len(found)
    return {acl.key: acl for acl in found}


def by_boto3(reader: AclReader) -> int:
    """Requests that boto3 has made."""
    return int(reader.calls.counts["GetObjectAcl"])  # type: ignore[attr-defined]


def code(acl: ObjectAcl) -> str:
    return acl.error.code if acl.error else ""


def serving(respond: Callable[[str, int], bytes | None]) -> Callable[[Talk], None]:
    """A script that answers GETs by key and how often that was asked for; None hangs up."""
    asked: Counter[str] = Counter()

    def script(talk: Talk) -> None:
        while (request := talk.read_head()) is not None:
            key = unquote(urlsplit(request.line.split()[1]).path).partition("/b-1/")[2]
            with talk.server.lock:
                talk.server.requests.append(request)
                asked[key] += 1
                number = asked[key]
            said = respond(key, number)
            if said is None:
                return
            talk.say(said)

    return script


@ENGINES
def test_acls_are_what_boto3_reads(server: Server, bucket: str, s3: Any, engine: str) -> None:
    """Owner and every grant, of all kinds of keys and ACLs, by both ways on every kind of server."""
    acls = dict(zip([*AWKWARD, *(f"media/{number}" for number in range(12))], itertools.cycle(CANNED), strict=False))
    for key, canned in acls.items():
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ACL=canned)
    with reading(target_on(server, bucket), engine) as reader:
        found = read_all(reader, acls)
        assert ("fast" if engine == "auto" else "boto3") == reader.engine
        assert ((len(acls), 0) if engine == "auto" else (0, len(acls))) == (reader.requests, by_boto3(reader))
    for key in acls:
        expected = s3.get_object_acl(Bucket=bucket, Key=key)
        grants = {(g["Grantee"].get("ID") or g["Grantee"]["URI"], g["Permission"]) for g in expected["Grants"]}
        acl = found[key]
        assert (expected["Owner"]["ID"], grants, None) == (acl.owner_id, set(acl.grants), acl.error)
    assert Grant(ALL_USERS, "READ") in found["media/3"].grants
    assert Grant(ACCOUNTS, "READ") in found["media/1"].grants


@ON_BOTH
@ENGINES
def test_what_has_vanished(server: Server, bucket: str, s3: Any, engine: str) -> None:
    """Deleted since it was listed: the key's own error, in S3's word."""
    s3.put_object(Bucket=bucket, Key="there", Body=b"")
    with reading(target_on(server, bucket), engine) as reader:
        found = read_all(reader, ["there", "gone"])
    assert (None, "NoSuchKey", None) == (found["there"].error, code(found["gone"]), found["gone"].grants)


@ON_RGW
@ENGINES
def test_access_denied_is_an_error_and_final(server: Server, bucket: str, s3: Any, engine: str) -> None:
    """Unread is never private. Nobody else would be let in, so nobody else asks."""
    keys = [str(number) for number in range(100)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    other = {"access_key": server.other_access_key, "secret_key": server.other_secret_key}
    with reading(target_on(server, bucket, **other), engine) as reader:
        found = read_all(reader, keys)
        assert 100 == reader.requests + by_boto3(reader)
    assert {("AccessDenied", 403)} == {(acl.error.code, acl.error.http) for acl in found.values() if acl.error}
    assert {(None, None)} == {(acl.owner_id, acl.grants) for acl in found.values()}


def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries again does so at once: the length of a pause is a matter of chance, and here that is always 0."""
    for module in ("botocore.retryhandler", "s3sync.s3.acl_boto3"):
        monkeypatch.setattr(f"{module}.random", SimpleNamespace(random=lambda: 0.0, uniform=lambda *_: 0.0))


@cache
def twenty(server: Server) -> tuple[list[str], str, dict[str, ObjectAcl]]:
    """Keys in a bucket which nobody changes, and which goes away with its server; and their ACLs."""
    keys = [f"{number:03}" for number in range(20)]
    s3 = server.client()
    bucket = make_bucket(s3, "twenty")
    for key, acl in zip(keys, itertools.cycle(CANNED), strict=False):
        s3.put_object(Bucket=bucket, Key=key, Body=b"hello", ACL=acl)
    s3.close()
    with reading(target_on(server, bucket), "boto3") as reader:
        return keys, bucket, read_all(reader, keys)


BROKEN: dict[str, Verdict] = {
    "503": Response(503, "SlowDown"), "429": Response(429, "TooManyRequests"), "500": Response(500, "InternalError"),
    "cut": "drop", "answer lost": "drop-after", "garbage": Response(200, body=b"<ListBucketResult/>"),
    "nothing": Response(200, body=b""), "half": lambda response: Response(200, body=response.body[:-30]),  # type: ignore[index]
    "an error in a 200": Response(200, "InternalError"), "the object": Response(200, body=b"hello"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("server", "engine"),
    [
        ("rgw", "auto"), ("moto", "boto3"), pytest.param("rgw", "boto3", marks=ONLY_IN_SOAK),
        pytest.param("moto", "auto", marks=ONLY_IN_SOAK),
    ],
    indirect=["server"],
)  # fmt: skip
@pytest.mark.parametrize("how", BROKEN)
def test_trouble_that_passes(
    how: str, server: Server, proxy: Proxy, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every key is answered in the end, and truly, though each fourth is refused, cut off or garbled at first."""
    without_pauses(monkeypatch)
    keys, bucket, expected = twenty(server)
    seen: Counter[str] = Counter()

    def rule(request: Request) -> Verdict:
        seen[request.key] += 1
        return BROKEN[how] if int(request.key) % 4 == 0 and seen[request.key] == 1 else None

    proxy.rule = rule
    with reading(target_on(proxy.server, bucket), engine) as reader:
        assert expected == read_all(reader, keys)
        assert engine == "boto3" or reader.requests == 20


@ENGINES
@pytest.mark.parametrize(
    "body", [b"", b"<ListBucketResult/>", b"GIF89a", ACL.replace(b"AccessControlList>", b"Lists>"), b"<html><p>hello"]
)
def test_the_wrong_document_is_never_an_acl(body: bytes, engine: str) -> None:
    """An endpoint that does not know the sub-resource gives something else with 200: that says nothing about access."""
    count = HOPELESS_AFTER + 400
    with scripted(serving(lambda *_: answer(200, body))) as server:
        with reading(target_at(server.url, client_config=ONE_TRY), engine, workers=8) as reader:
            found = read_all(reader, map(str, range(count)))
        assert {("WrongDocument", None, None)} == {(code(acl), acl.owner_id, acl.grants) for acl in found.values()}
        assert count == len(found)
        # Nobody goes on asking for long.
        assert len(server.requests) < ENOUGH + 8 + 2 * (HOPELESS_AFTER + 16)


@ENGINES
def test_content_that_looks_like_an_acl(engine: str) -> None:
    """Where the object itself is given, whoever uploads could write what we believe; its ETag tells."""
    etag = b'ETag: "' + hashlib.md5(ACL).hexdigest().encode() + b'"'
    own, another = serving(lambda *_: answer(200, ACL, etag)), serving(lambda *_: answer(200, ACL, b'ETag: "other"'))
    with scripted(own) as server, reading(target_at(server.url), engine) as reader:
        assert "WrongDocument" == code(read_all(reader, ["a"])["a"])
    with scripted(another) as server, reading(target_at(server.url), engine) as reader:
        assert ObjectAcl("a", "me", OURS) == read_all(reader, ["a"])["a"]


@ENGINES
def test_nobody_has_a_right(engine: str) -> None:
    """An empty list is an answer: the owner has taken his own rights away."""
    empty = ACL[: ACL.index(b"<Grant>")] + ACL[ACL.index(b"</AccessControlList>") :]
    with scripted(serving(lambda *_: answer(200, empty))) as server, reading(target_at(server.url), engine) as reader:
        assert ObjectAcl("a", "me", ()) == read_all(reader, ["a"])["a"]


@ENGINES
def test_refusals_of_some_keys(engine: str) -> None:
    """One key's trouble is its own."""

    def respond(key: str, number: int) -> bytes:
        if int(key) % 3 == 0:
            return answer(403, b"<Error><Code>AccessDenied</Code><Message>no &amp; no</Message></Error>")
        return answer(404) if int(key) % 3 == 1 else answer(200, ACL)

    with scripted(serving(respond)) as server, reading(target_at(server.url), engine) as reader:
        found = read_all(reader, map(str, range(90)))
        assert reader.why_not_fast is None or engine == "boto3"
    assert Counter({"AccessDenied": 30, "NoSuchKey": 30, "": 30}) == Counter(code(acl) for acl in found.values())
    assert found["0"].error.message == "no & no"


@ON_MOTO
@ENGINES
def test_a_server_that_fails_on_one_object(server: Server, bucket: str, s3: Any, engine: str) -> None:
    """moto answers 500 for what was uploaded in parts without an ACL."""
    part = {"Bucket": bucket, "Key": "parts"}
    part["UploadId"] = s3.create_multipart_upload(**part)["UploadId"]
    etag = s3.upload_part(**part, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**part, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]})
    s3.put_object(Bucket=bucket, Key="whole", Body=b"x")
    with reading(target_on(server, bucket, client_config=ONE_TRY), engine) as reader:
        found = read_all(reader, ["parts", "whole"])
    assert (500, None, None) == (found["parts"].error.http, found["parts"].grants, found["whole"].error)


class OwnConnection(S3Storage):
    @property
    def connection(self) -> Any:
        session = boto3.session.Session("AKID", "secret", region_name="us-east-1")
        return session.resource("s3", endpoint_url=self.endpoint_url, config=Config(max_pool_connections=3))


NOT_FAST: dict[str, tuple[dict[str, Any], str]] = {
    "signature version 2": (
        {"client_config": Config(signature_version="s3", s3={"addressing_style": "path"})},
        "not signed with Signature Version 4",
    ),
    "an own connection": ({"cls": OwnConnection}, "OwnConnection overrides connection"),
    "a proxy": ({"proxies": {"http": "http://127.0.0.1:9"}}, "a proxy is in the way"),
}


@pytest.mark.parametrize("name", NOT_FAST)
def test_what_we_cannot_derive_goes_through_boto3(name: str) -> None:
    """With the reason, and the same answers."""
    options, reason = NOT_FAST[name]
    with scripted(serving(lambda *_: answer(200, ACL))) as server:
        url = server.url
        if "proxies" in options:  # the server stands in for the proxy
            options = {"proxies": {"http": server.url}}
            url = "http://s3.example"
        with reading(target_at(url, **options), "fast") as reader:
            found = read_all(reader, ["a", "b"])
            assert ("boto3", 0, 2) == (reader.engine, reader.requests, by_boto3(reader))
            assert reason in (reader.why_not_fast or "")
    assert {OURS} == {acl.grants for acl in found.values()}


def test_hooks_that_depend_on_the_key() -> None:
    """They show in the probes, or are asked through boto3."""
    with scripted(serving(lambda *_: answer(200, ACL))) as server:
        target = target_at(server.url)
        target.client.meta.events.register(
            "before-sign.s3.GetObjectAcl", lambda request, **_: request.headers.add_header("x-of", request.url[-5:-4])
        )
        with reading(target) as reader:
            assert {OURS} == {acl.grants for acl in read_all(reader, ["a", "b"]).values()}
            assert "x-of" in (reader.why_not_fast or "")


def test_express_buckets_are_refused() -> None:
    """botocore would ask for a session first."""
    with pytest.raises(NotFast, match="Express"):
        capture_acl(make_client(), "media--euw1-az1--x-s3", ("a",))


class _Empty:
    def stream(self) -> Iterator[bytes]:
        return iter(())


any_key = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80).filter(lambda key: key.strip("/"))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CONFIGURATIONS)), any_key, any_key)
def test_whole_requests_are_botocores(name: str, first: str, key: str) -> None:
    """A template captured for one key writes, for any other, exactly what botocore would have sent."""
    bucket, client, seen = CONFIGURATIONS[name][0], _cached_client(name), []
    template = capture_acl(client, bucket, (first,))

    def keep(request: Any, **_: Any) -> AWSResponse:
        seen.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Empty())

    client.meta.events.register("before-send.s3.GetObjectAcl", keep, unique_id="reference")
    client.get_object_acl(Bucket=bucket, Key=key)
    client.meta.events.unregister("before-send.s3.GetObjectAcl", unique_id="reference")

    plain = {n.lower(): v.decode() if isinstance(v, bytes) else v for n, v in seen[0].headers.items()}
    now = Moment(plain["x-amz-date"], credentials_of(client))
    line, ours = taken_apart(template.head_of(key, now))
    ours.pop("host")
    parts = urlsplit(seen[0].url)
    assert f"GET {parts.path}?{parts.query} HTTP/1.1" == line
    assert {n: v for n, v in plain.items() if n not in {"amz-sdk-invocation-id", "amz-sdk-request"}} == ours


@ON_RGW
def test_credentials_that_change(server: Server, bucket: str, s3: Any) -> None:
    """They are asked for anew each second, and sign from then on."""
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    target = target_on(server, bucket)
    credentials = target.client._request_signer._credentials
    with reading(target) as reader:
        assert "" == code(read_all(reader, ["a"])["a"])
        credentials.access_key, credentials.secret_key = server.other_access_key, server.other_secret_key
        time.sleep(1.1)
        assert "AccessDenied" == code(read_all(reader, ["a"])["a"])
        assert (2, 0) == (reader.requests, by_boto3(reader))


@ENGINES
def test_the_window_is_bounded(engine: str) -> None:
    """Ten million keys are never in memory at once."""
    taken: list[str] = []
    highest = number = 0

    def keys() -> Iterator[str]:
        for each in range(600):
            taken.append(str(each))
            yield taken[-1]

    script = serving(lambda *_: answer(200, ACL))
    with scripted(script) as server, reading(target_at(server.url), engine, workers=4) as reader:
        for number, _ in enumerate(reader.read(keys()), start=1):
            highest = max(highest, len(taken) - number)
    assert number == 600
    assert highest <= 64
    assert server.connections <= 8


@ENGINES
def test_throttling_slows_down(engine: str) -> None:
    """503 halves what is under way; the keys are read all the same."""

    def respond(key: str, number: int) -> bytes:
        if number == 1 and int(key) < 8:
            return answer(503, b"<Error><Code>SlowDown</Code></Error>")
        return answer(200, ACL)

    with scripted(serving(respond)) as server, reading(target_at(server.url), engine, workers=16) as reader:
        found = read_all(reader, map(str, range(40)))
        pace = reader._wire.pace if reader._wire else reader._slow._pace
        assert pace.limit < 16
    assert {OURS} == {acl.grants for acl in found.values()}


def test_what_is_not_there_says_nothing_of_the_server() -> None:
    """However many objects have vanished since they were listed, the others are read the fast way."""
    nothing = answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
    with scripted(serving(lambda *_: nothing)) as server, reading(target_at(server.url)) as reader:
        found = read_all(reader, map(str, range(2 * ENOUGH)))
        assert None is reader.why_not_fast
    assert {"NoSuchKey"} == {code(acl) for acl in found.values()}


@ENGINES
def test_cancel(engine: str) -> None:
    """A signal's handler ends it, though the server says nothing."""
    started, release = threading.Event(), threading.Event()

    def respond(key: str, number: int) -> bytes | None:
        started.set()
        release.wait(20)
        return None

    def cancel(reader: AclReader) -> None:
        started.wait(20)
        reader.cancel()

    with scripted(serving(respond)) as server, reading(target_at(server.url, client_config=ONE_TRY), engine) as reader:
        threading.Thread(target=cancel, args=(reader,), daemon=True).start()
        assert [] == list(reader.read(map(str, range(500))))
        release.set()  # boto3's threads can only be waited for


@ENGINES
def test_who_stops_early_can_begin_again(engine: str) -> None:
    """What was under way then does not turn up later."""
    with scripted(serving(lambda *_: answer(200, ACL))) as server, reading(target_at(server.url), engine) as reader:
        first = reader.read(f"old/{number}" for number in range(300))
        next(first)
        first.close()
        assert {"new/1", "new/2"} == set(read_all(reader, ["new/1", "new/2"]))
        assert {} == read_all(reader, [])


@pytest.mark.parametrize("where", ["pace.succeeded", "pool.take", "pool.send", "_learn", "_request"])
def test_errors_of_our_own_lose_nothing(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong in the loop, boto3 reads the rest, and it is logged once."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(where)

    with scripted(serving(lambda *_: answer(200, ACL))) as server, reading(target_at(server.url)) as reader:
        read_all(reader, ["first"])
        owner, name = reader._wire, where
        if "." in where:
            owner, name = getattr(reader._wire, where.split(".")[0]), where.split(".")[1]
        setattr(owner, name, fail)
        found = read_all(reader, map(str, range(100)))
        assert (100, {OURS}) == (len(found), {acl.grants for acl in found.values()})
        assert INTERNAL == reader.why_not_fast
    assert 1 == len([record for record in caplog.records if record.name == "s3sync.s3.keyed_wire"])


@ENGINES
def test_nobody_there(engine: str) -> None:
    """An error for each key, and an end before long."""
    began = time.monotonic()
    with reading(target_at(f"http://127.0.0.1:{free_port()}", client_config=ONE_TRY), engine) as reader:
        found = read_all(reader, map(str, range(300)))
    assert (300, {"Unreachable"}) == (len(found), {code(acl) for acl in found.values()})
    assert time.monotonic() - began < 30


def test_within_an_event_loop() -> None:
    """Whoever runs asyncio in this thread is not in the way, nor it in ours."""
    import asyncio

    async def run(server: Scripted) -> tuple[str | None, dict[str, ObjectAcl]]:
        with reading(target_at(server.url)) as reader:
            found = read_all(reader, ["a"])
            return reader.why_not_fast, found

    with scripted(serving(lambda *_: answer(200, ACL))) as server:
        why, found = asyncio.run(run(server))
    assert (None, OURS) == (why, found["a"].grants)


# Documents

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
grants = st.lists(
    st.tuples(st.sampled_from(["ID", "URI"]), text, st.sampled_from(["READ", "WRITE_ACP", "FULL_CONTROL"])), max_size=4
)


def document(owner: str, given: list[tuple[str, str, str]], space: str = "", name: str = "") -> bytes:
    display = f"<DisplayName>{escape(name)}</DisplayName>" if name else ""
    lines = "".join(
        f'<Grant>{space}<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:type="{"CanonicalUser" if kind == "ID" else "Group"}"><{kind}>{escape(value)}</{kind}>'
        f"{display if kind == 'ID' else ''}</Grantee><Permission>{permission}</Permission></Grant>"
        for kind, value, permission in given
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{space}<Owner><ID>{escape(owner)}</ID>{display}</Owner><AccessControlList>{lines}{space}</AccessControlList>"
        "</AccessControlPolicy>"
    ).encode()


@given(text, grants, st.sampled_from(["", " ", "\n\t"]), st.sampled_from(["", "me & <you>", "名"]))
@example("0\xa0", [], "", "")
def test_documents(owner: str, given: list[tuple[str, str, str]], space: str, name: str) -> None:
    """What was written is read, by the short cut or without."""
    body = document(owner, given, space, name)
    expected = Acl(owner.strip(" "), tuple(Grant(value.strip(" "), permission) for _, value, permission in given))
    assert expected == parse_acl(body)
    assert expected == _any_form(body)
    assert _plain(body) in (None, expected)


@given(st.binary(max_size=4), st.integers(0, 900), st.integers(0, 40))
def test_damaged_documents(noise: bytes, where: int, cut: int) -> None:
    """The short cut never reads another meaning into what is damaged than a real parser does."""
    whole = document("owner", [("ID", "owner", "FULL_CONTROL"), ("URI", ALL_USERS, "READ")], name="n")
    body = whole[:where] + noise + whole[where + cut :]
    short, full = _plain(body), _any_form(body)
    assert short is None or short == full


def test_plain_documents_take_the_short_cut() -> None:
    """As S3, Ceph and moto write them; with and without names, and in either order."""
    assert Acl("me", OURS) == _plain(ACL)
    assert Acl("me", OURS) == _plain(ACL.replace(b"<Owner>", b"<Owner><DisplayName>x y</DisplayName>"))
    assert Acl("me", ()) == _plain(ACL[: ACL.index(b"<Grant>")] + ACL[ACL.index(b"</AccessControlList>") :])


REFUSED = {
    "no owner": ACL.replace(b"<Owner><ID>me</ID></Owner>", b""),
    "an owner without id": ACL.replace(b"<ID>me</ID></Owner>", b"<DisplayName>me</DisplayName></Owner>"),
    "an empty id": ACL.replace(b"<ID>me</ID></Owner>", b"<ID></ID></Owner>"),
    "two owners": ACL.replace(b"</Owner>", b"</Owner><Owner><ID>you</ID></Owner>"),
    "no list": ACL[: ACL.index(b"<AccessControlList>")] + b"</AccessControlPolicy>",
    "another permission": ACL.replace(b"FULL_CONTROL", b"EVERYTHING"),
    "another grantee": ACL.replace(b'"CanonicalUser"', b'"AmazonCustomerByEmail"'),
    "a grantee without a type": ACL.replace(b' xsi:type="CanonicalUser"', b""),
    "another namespace": ACL.replace(b"s3.amazonaws.com/doc", b"s3.example/doc"),
    "something besides": ACL.replace(b"</Owner>", b"</Owner><More/>"),
    "a declaration": ACL.replace(b"<AccessControlPolicy ", b'<!DOCTYPE a [<!ENTITY x "me">]><AccessControlPolicy '),
    "a comment": ACL.replace(b"<ID>me", b"<ID><!-- -->me"),
    "another root": ACL.replace(b"AccessControlPolicy", b"ListBucketResult"),
    "cut off": ACL[:-3],
    "two of them": ACL + ACL,
    "no UTF-8": ACL.replace(b"<Owner>", b"<Owner><DisplayName>\x80</DisplayName>"),
    "nothing": b"",
}


@pytest.mark.parametrize("name", REFUSED)
def test_documents_of_other_forms(name: str) -> None:
    """Everything unexpected is for boto3."""
    assert parse_acl(REFUSED[name]) is None

"""What a stranger's browser gets: against moto and Ceph RGW, and servers that answer to order."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.s3.probe import Fetched, Stranger, listing_url, object_url
from tests.scripted import Talk, answer, scripted
from tests.servers import ON_RGW, Server, free_port
from tests.test_acls import AWKWARD, _Empty, any_key
from tests.test_signing import CONFIGURATIONS, _cached_client, make_client

LISTING = b"<?xml version='1.0'?><ListBucketResult><Name>b</Name></ListBucketResult>"


def saying(*answers: bytes) -> Any:
    """A script: these answers in turn, and the last one for ever; one to a connection."""
    left = itertools.chain(answers, itertools.repeat(answers[-1]))

    def script(talk: Talk) -> None:
        asked = talk.read_head()
        if asked is not None:
            with talk.server.lock:
                talk.server.requests.append(asked)
                said = next(left)
            talk.say(said)

    return script


def test_public_and_private(server: Server, bucket: str, s3: Any) -> None:
    """Exactly the object of this key, however odd: neither client nor server makes another one of it."""
    for key, acl in itertools.product(AWKWARD, ["public-read", "private"]):
        s3.put_object(Bucket=bucket, Key=f"{acl}/{key}", Body=b"hello", ACL=acl)
    s3.put_object(Bucket=bucket, Key="public-read/empty", Body=b"", ACL="public-read")
    stranger = Stranger(str(server.ca) if server.ca else None)
    for key in AWKWARD:
        assert stranger.fetch(object_url(s3, bucket, f"public-read/{key}")).is_readable, key
        assert 403 == stranger.fetch(object_url(s3, bucket, f"private/{key}")).status, key
    assert stranger.fetch(object_url(s3, bucket, "public-read/empty")).is_readable
    if server.kind != "moto":  # which says nothing
        assert "AccessDenied" == stranger.fetch(object_url(s3, bucket, "private/dir/x")).code


def test_an_object_that_is_named_by_its_path(server: Server, bucket: str, s3: Any) -> None:
    """`a/../b` is not `b`."""
    s3.put_object(Bucket=bucket, Key="b", Body=b"hello", ACL="public-read")
    s3.put_object(Bucket=bucket, Key="a/../b", Body=b"hello", ACL="private")
    stranger = Stranger(str(server.ca) if server.ca else None)
    assert not stranger.fetch(object_url(s3, bucket, "a/../b")).is_readable
    assert stranger.fetch(object_url(s3, bucket, "b")).is_readable


@ON_RGW
def test_listings(server: Server, bucket: str, s3: Any) -> None:
    """Only who may list it gets a listing; an empty one is one too."""
    stranger = Stranger()
    refused = stranger.fetch_listing(s3, bucket)
    assert (403, "AccessDenied", False) == (refused.status, refused.code, refused.is_readable)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert stranger.fetch_listing(s3, bucket, "no/such/prefix").is_readable
    assert "NoSuchBucket" == stranger.fetch_listing(s3, "no-such-bucket-here").code


def test_what_is_no_listing() -> None:
    """A website's front page is not a list of objects."""
    with scripted(saying(answer(200, b"<html>"), answer(200, LISTING))) as server:
        client = make_client(endpoint_url=server.url, s3={"addressing_style": "path"})
        refused = Stranger().fetch_listing(client, "b-1")
        assert (200, False, "the answer is no listing") == (refused.status, refused.is_readable, refused.error)
        assert Stranger().fetch_listing(client, "b-1", "a b").is_readable
    assert server.requests[1].line.startswith("GET /b-1?list-type=2&max-keys=1&prefix=a%20b")
    assert "authorization" not in server.requests[1].headers


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CONFIGURATIONS)), any_key)
def test_urls_are_those_of_the_client(name: str, key: str) -> None:
    """Path or host, port, partition and percent signs: as botocore would ask, without the signature."""
    bucket = CONFIGURATIONS[name][0]
    client, seen = _cached_client(name), []

    def keep(request: Any, **_: Any) -> AWSResponse:
        seen.append(request.url)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Empty())

    url = object_url(client, bucket, key)
    client.meta.events.register("before-send.s3.HeadObject", keep, unique_id="url")
    client.head_object(Bucket=bucket, Key=key)
    client.meta.events.unregister("before-send.s3.HeadObject", unique_id="url")
    assert seen == [url]


def test_urls() -> None:
    """Nothing in a key is taken for a part of the address."""
    client = make_client(endpoint_url="http://h:9000", s3={"addressing_style": "path"})
    assert "http://h:9000/b/a/../%C3%BC//%20%2B%25%3F%23/" == object_url(client, "b", "a/../ü// +%?#/")
    assert "https://media.s3.eu-west-1.amazonaws.com/k" == object_url(make_client(), "media", "k")
    assert "http://h:9000/b?list-type=2&max-keys=1&encoding-type=url" == listing_url(client, "b")


def test_a_stranger_has_nothing_with_him(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, no netrc, no cookie, no credentials; and the path goes out as it is."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    redirect = answer(302, b"", b"Location: /b/../c//d?x=%2E", b"Set-Cookie: a=b")
    with scripted(saying(redirect, answer(206, b"x"))) as server:
        fetched = Stranger().fetch(f"http://me:secret@127.0.0.1:{server.port}/a/./../b//?q=1")
    assert "GET /a/./../b//?q=1 HTTP/1.1" == server.requests[0].line
    assert (206, True) == (fetched.status, fetched.is_readable)
    for asked in server.requests:
        assert {"host", "range", "accept-encoding"} == set(asked.headers)
        assert "bytes=0-0" == asked.headers["range"]


REFUSALS = {
    "archived": (answer(403, b"<?xml?>\n<Error><Code>InvalidObjectState</Code></Error>"), 403, "InvalidObjectState"),
    "kms": (answer(400, b"<Error>\n<Message>m</Message><Code>InvalidArgument</Code></Error>"), 400, "InvalidArgument"),
    "another region": (answer(301, b"<Error><Code>PermanentRedirect</Code></Error>"), 301, "PermanentRedirect"),
    "a page": (answer(403, b"<html>Forbidden</html>"), 403, ""),
    "far too long": (answer(403, b"<Error>" + b" " * 100_000 + b"<Code>TooFar</Code></Error>"), 403, ""),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_are_told_in_s3s_words(name: str) -> None:
    """Archived, encrypted or elsewhere is not the same as private."""
    said, status, code = REFUSALS[name]
    with scripted(saying(said)) as server:
        fetched = Stranger().fetch(server.url + "/b/k")
    assert (status, code, False) == (fetched.status, fetched.code, fetched.is_readable)


def test_busy_servers_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice; 503 says nothing about access."""
    monkeypatch.setattr("s3sync.s3.probe._PAUSES", (0.01, 0.01))
    with scripted(saying(answer(503), answer(503), answer(200, b"x"))) as server:
        assert 200 == Stranger().fetch(server.url).status
    with scripted(saying(answer(503, b"<Error><Code>SlowDown</Code></Error>"))) as server:
        fetched = Stranger().fetch(server.url)
        assert (503, "SlowDown", 3) == (fetched.status, fetched.code, len(server.requests))


@pytest.mark.parametrize("url", ["ftp://{}/x", "http:///x", "http://{}/a b", "http://{}/ü"])
def test_addresses_that_cannot_be_asked(url: str) -> None:
    """Words instead of an exception, and instead of a guess."""
    with scripted(saying(answer(200))) as server:
        fetched = Stranger().fetch(url.format(server.url.removeprefix("http://")))
    assert (None, False) == (fetched.status, fetched.is_readable)
    assert fetched.error
    assert [] == server.requests


def test_readable() -> None:
    """Also an empty file, which has no first byte."""
    assert [True, True, True, False, False] == [
        Fetched(status, "u").is_readable for status in (200, 206, 416, 304, None)
    ]

"""Our signatures against botocore's: whole requests, over generated keys, parameters and configurations."""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore
import pytest
from botocore.auth import _host_from_url
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.s3.capture import capture, condition_arguments, credentials_of
from s3sync.s3.session_origin import is_for, origin_of
from s3sync.s3.signing import Moment, NotFast, Template, etag_value, quote_key
from s3sync.s3.transfer import Condition, WriteParameters

PER_CALL = {"amz-sdk-invocation-id", "amz-sdk-request", "expect"}
ACCESS_POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine"
NOWHERE = "http://127.0.0.1:9"

CONFIGURATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "aws": ("acme-media", {}),
    "session token": ("acme-media", {"token": "FwoG/+100%=="}),
    "us-east-1": ("acme-media", {"region": "us-east-1"}),
    "china": ("acme-media", {"region": "cn-north-1"}),
    "path addressing": ("acme-media", {"s3": {"addressing_style": "path"}}),
    "dualstack": ("acme-media", {"s3": {"use_dualstack_endpoint": True}}),
    "accelerate": ("acme-media", {"s3": {"use_accelerate_endpoint": True}}),
    "dotted bucket": ("media.acme.example", {}),
    "access point": (ACCESS_POINT, {}),
    "outpost": ("arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-0123456789abcdef0/accesspoint/mine", {}),
    "payload signed over https": ("acme-media", {"s3": {"payload_signing_enabled": True}}),
    "s3v4 by name": ("acme-media", {"signature_version": "s3v4"}),
    "http and a port": ("acme-media", {"endpoint_url": "http://minio.internal:9000"}),
    "http and port 80": ("acme-media", {"endpoint_url": "http://minio.internal:80"}),
    "https and port 443": ("acme-media", {"endpoint_url": "https://minio.internal:443"}),
    "https and a port": ("acme-media", {"endpoint_url": "https://minio.internal:9443"}),
    "an endpoint with a path": ("acme-media", {"endpoint_url": "https://gateway.internal/s3/"}),
    "an IPv6 endpoint": ("acme-media", {"endpoint_url": "http://[::1]:9000"}),
    "virtual addressing elsewhere": (
        "acme-media",
        {"endpoint_url": "http://rgw.internal:7480", "s3": {"addressing_style": "virtual"}, "token": "abc"},
    ),
}

REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "signature version 2": ("b-1", {"signature_version": "s3"}, {}, "not signed with Signature Version 4"),
    "unsigned": ("b-1", {"signature_version": botocore.UNSIGNED}, {}, "not signed with Signature Version 4"),
    "trailing checksums": ("b-1", {"request_checksum_calculation": "when_supported"}, {}, "trailing checksum"),
    "checksums over http": (
        "b-1",
        {"request_checksum_calculation": "when_supported", "endpoint_url": NOWHERE},
        {},
        "x-amz-checksum-crc32",
    ),
    "a checksum asked for": ("b-1", {}, {"ChecksumAlgorithm": "SHA256"}, "trailing checksum"),
    "S3 Express": ("media--euw1-az1--x-s3", {}, {}, "S3 Express"),
    "S3 Express access point": ("mine--euw1-az1--xa-s3", {}, {}, "S3 Express"),
    "a multi-region access point": (
        "arn:aws:s3::123456789012:accesspoint/mfz.mrap",
        {},
        {},
        r"botocore\[crt\]|Version 4",
    ),
    "a header that is not ASCII": ("b-1", {}, {"ContentDisposition": "attachment; filename=é"}, "content-disposition"),
    "an unknown parameter": ("b-1", {}, {"NoSuchThing": "1"}, "NoSuchThing"),
}


@cache
def _cached_client(name: str) -> Any:
    return make_client(**CONFIGURATIONS[name][1])


def make_client(token: str | None = None, region: str = "eu-west-1", **options: Any) -> Any:
    """A client whose requests botocore's own hook keeps from the network: the reference that we are held against."""
    endpoint_url = options.pop("endpoint_url", None)
    config = Config(**{"request_checksum_calculation": "when_required", **options})
    session = boto3.session.Session("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCY%", token, region_name=region)
    return session.client("s3", endpoint_url=endpoint_url, config=config)


class _Empty:
    def stream(self) -> Iterator[bytes]:
        return iter(())


def botocores_request(client: Any, bucket: str, key: str, body: bytes, arguments: dict[str, Any]) -> Any:
    """What botocore would have sent."""
    seen: list[Any] = []

    def keep(request: Any, **_: Any) -> AWSResponse:
        seen.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Empty())

    client.meta.events.register("before-send.s3.PutObject", keep, unique_id="reference")
    try:
        digest = b64encode(hashlib.md5(body).digest()).decode()
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentMD5=digest, **arguments)
    finally:
        client.meta.events.unregister("before-send.s3.PutObject", unique_id="reference")
    return seen[0]


def plain(value: str | bytes) -> str:
    """botocore's header values are of either type."""
    return value.decode() if isinstance(value, bytes) else value


def taken_apart(head: bytes) -> tuple[str, dict[str, str]]:
    lines = head.decode("ascii").split("\r\n")
    assert lines[-2:] == ["", ""]
    headers = [line.split(": ", 1) for line in lines[1:-2]]
    assert len({name.lower() for name, _ in headers}) == len(headers)
    return lines[0], {name.lower(): value for name, value in headers}


def written_by(template: Template, client: Any, key: str, body: bytes, condition: Condition | None, date: str) -> bytes:
    now = Moment(date, credentials_of(client))
    digests = hashlib.md5(body).hexdigest(), hashlib.sha256(body).hexdigest()
    return template.head(key, len(body), *digests, etag_value(condition, quoted=True), now)


header_text = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80).filter(lambda key: key.strip("/"))
conditions = st.one_of(
    st.none(), st.just(Condition()), st.builds(Condition, st.from_regex(r"[0-9a-f]{32}(-[1-9][0-9]?)?", fullmatch=True))
)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "ACL": st.sampled_from(["private", "public-read", "bucket-owner-full-control"]),
        "CacheControl": st.sampled_from(["max-age=31536000, public, immutable", "no-cache", "a  b   100%s %(path)s"]),
        "ContentType": st.sampled_from(["text/css", 'text/html; charset="utf-8"', "image/svg+xml"]),
        "ContentEncoding": st.just("gzip"),
        "ContentDisposition": header_text,
        "ContentLanguage": st.just("de, en"),
        "Expires": st.just(datetime(2030, 1, 1, tzinfo=timezone.utc)),
        "Metadata": st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), header_text, max_size=3),
        "ServerSideEncryption": st.sampled_from(["AES256", "aws:kms", "aws:kms:dsse"]),
        "SSEKMSKeyId": st.just("arn:aws:kms:eu-west-1:123456789012:key/1"),
        "BucketKeyEnabled": st.booleans(),
        "StorageClass": st.sampled_from(["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING"]),
        "Tagging": st.sampled_from(["a=b", "a=b%20c&d=%25"]),
        "ObjectLockMode": st.just("GOVERNANCE"),
        "RequestPayer": st.just("requester"),
        "ExpectedBucketOwner": st.just("123456789012"),
        "GrantRead": st.just('uri="http://acs.amazonaws.com/groups/global/AllUsers"'),
        "WebsiteRedirectLocation": st.just("/elsewhere%20"),
    },
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(CONFIGURATIONS)), keys, keys, parameters, st.binary(max_size=64), conditions)
def test_whole_requests_are_botocores(
    name: str, first: str, key: str, params: dict[str, Any], body: bytes, condition: Condition | None
) -> None:
    """A template captured for one key writes, for any other object, exactly what botocore would have sent."""
    client, bucket = _cached_client(name), CONFIGURATIONS[name][0]
    template = capture(client, bucket, WriteParameters(params), condition, (first,))

    expected = botocores_request(client, bucket, key, body, {**params, **condition_arguments(condition)})

    headers = {name.lower(): plain(value) for name, value in expected.headers.items() if name.lower() not in PER_CALL}
    head = written_by(template, client, key, body, condition, headers["x-amz-date"])
    line, ours = taken_apart(head)
    assert _host_from_url(expected.url) == ours.pop("host")
    assert f"PUT {urlsplit(expected.url).path} HTTP/1.1" == line
    assert headers == ours


def test_customer_keys_are_part_of_the_shape() -> None:
    """SSE-C: three headers, computed from the key by botocore."""
    client, arguments = make_client(), {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    template = capture(client, "b-1", WriteParameters(arguments), None, ("a",))

    expected = botocores_request(client, "b-1", "z", b"1", arguments).headers
    _, ours = taken_apart(written_by(template, client, "z", b"1", None, plain(expected["X-Amz-Date"])))

    name = "x-amz-server-side-encryption-customer-key-md5"
    assert plain(expected[name]) == ours[name]
    assert plain(expected["Authorization"]) == ours["authorization"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_we_cannot_derive_is_refused(name: str) -> None:
    """Every form that the template does not write is left to boto3, with a reason; nothing reaches the network."""
    bucket, options, params, reason = REFUSED[name]
    with pytest.raises(NotFast, match=reason):
        capture(make_client(**options), bucket, WriteParameters(params), None, ("media/a.css",))


def test_anonymous_clients_are_refused() -> None:
    """Without credentials there is nothing to sign with."""
    client = make_client()
    client._request_signer._credentials = None
    with pytest.raises(NotFast):
        capture(client, "b-1", WriteParameters({}), None, ("a",))


@pytest.mark.parametrize("event", ["before-sign.s3.PutObject", "before-send.s3.PutObject", "before-send"])
def test_headers_that_depend_on_the_key_are_refused(event: str) -> None:
    """A hook that treats keys differently, before or after signing, shows in the probes."""
    client = make_client()

    def mark(request: Any, **_: Any) -> None:
        request.headers["x-amz-meta-length"] = str(len(request.url))

    client.meta.events.register(event, mark)
    with pytest.raises(NotFast, match="x-amz-meta-length"):
        capture(client, "b-1", WriteParameters({}), None, ("a",))


def test_parameters_that_depend_on_the_key_are_refused() -> None:
    """A hook that gives some of the keys another cache lifetime shows, if one of them is among those asked about."""
    client = make_client()

    def mark(params: dict[str, Any], **_: Any) -> None:
        params["CacheControl"] = "max-age=9" if params["Key"].endswith(".css") else "no-store"

    client.meta.events.register("before-parameter-build.s3.PutObject", mark)
    with pytest.raises(NotFast, match=r"(?i)cache-control"):
        capture(client, "b-1", WriteParameters({}), None, ("a.css", "a.js"))


def test_headers_that_hooks_always_set_are_kept() -> None:
    """A hook that treats all objects alike is part of the shape."""
    client = make_client()

    def mark(params: dict[str, Any], **_: Any) -> None:
        params["CacheControl"] = "no-store"

    client.meta.events.register("before-parameter-build.s3.PutObject", mark)
    template = capture(client, "b-1", WriteParameters({}), None, ("a",))
    _, headers = taken_apart(written_by(template, client, "b", b"", None, "20300101T000000Z"))
    assert headers["cache-control"] == "no-store"


def test_a_hook_that_answers_is_refused() -> None:
    """Somebody who answers in place of the network (moto's in-process mock) has to be asked each time."""
    client = make_client()
    client.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: AWSResponse(request.url, 200, HTTPHeaders(), _Empty())
    )
    with pytest.raises(NotFast, match="0 requests"):
        capture(client, "b-1", WriteParameters({}), None, ("a",))


def test_capturing_leaves_the_client_alone() -> None:
    """Other threads use the client meanwhile: none of their requests may end up with us."""
    client, seen = make_client(endpoint_url=NOWHERE), []
    client.meta.events.register(
        "before-send.s3.HeadBucket",
        lambda request, **_: seen.append(request) or AWSResponse(request.url, 200, HTTPHeaders(), _Empty()),
    )
    stop = threading.Event()

    def others() -> None:
        while not stop.is_set():
            client.head_bucket(Bucket="b-1")

    before = client._endpoint.http_session
    thread = threading.Thread(target=others)
    thread.start()
    try:
        for _ in range(20):
            capture(client, "b-1", WriteParameters({}), None, ("a",))
    finally:
        stop.set()
        thread.join()
    assert seen
    assert client._endpoint.http_session is before


def test_credentials_are_those_of_the_moment() -> None:
    """New keys and a new token need no new capture; a token that comes or goes does."""
    client = make_client(token="first")
    template = capture(client, "b-1", WriteParameters({}), None, ("a",))
    renewed = make_client(token="second%(path)s%")
    renewed._request_signer._credentials.access_key = "AKIDOTHER"

    expected = botocores_request(renewed, "b-1", "k", b"x", {}).headers
    _, ours = taken_apart(written_by(template, renewed, "k", b"x", None, plain(expected["X-Amz-Date"])))

    assert plain(expected["Authorization"]) == ours["authorization"]
    assert plain(expected["X-Amz-Security-Token"]) == ours["x-amz-security-token"]
    with pytest.raises(NotFast, match="kind"):
        template.head("a", 0, "0" * 32, None, None, Moment.at(0, ReadOnlyCredentials("a", "b", None)))


def test_etags_can_be_bare_but_not_broken() -> None:
    """Ceph RGW 16 wants If-Match without quotes; no ETag may smuggle a header in."""
    client = make_client()
    template = capture(client, "b-1", WriteParameters({}), Condition("0"), ("a",))
    now = Moment.at(1.9, credentials_of(client))
    head = template.head("a", 0, "0" * 32, None, etag_value(Condition("abc-1"), quoted=False), now)
    assert b"If-Match: abc-1\r\n" in head
    assert b"X-Amz-Date: 19700101T000001Z\r\n" in head
    for etag in ("a\r\nx: y", "ü"):
        with pytest.raises(NotFast, match="no ETag"):
            etag_value(Condition(etag), quoted=True)
    with pytest.raises(NotFast, match="no ETag"):
        template.head("a", 0, "0" * 32, None, None, now)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_keys_are_quoted_as_botocore_does(key: str) -> None:
    """Also where the short cut for plain keys is taken."""
    from botocore.utils import percent_encode

    assert percent_encode(key, safe="/~") == quote_key(key)


@pytest.mark.parametrize(
    ("environment", "url", "proxied"),
    [
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://s3.internal", True),
        ({"HTTP_PROXY": "http://proxy:3128"}, "https://s3.internal", False),
        ({"https_proxy": "http://proxy:3128", "no_proxy": ".internal"}, "https://s3.internal", False),
    ],
)
def test_proxies_of_the_environment(
    environment: dict[str, str], url: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies are for botocore's session; NO_PROXY is respected."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = make_client(endpoint_url=url)
    if proxied:
        with pytest.raises(NotFast, match="proxy"):
            origin_of(client, url)
    else:
        assert origin_of(client, url).host == "s3.internal"


def test_origins() -> None:
    """Config proxies and client certificates are refused; addresses and time limits are the client's."""
    with pytest.raises(NotFast, match="proxy"):
        origin_of(make_client(proxies={"https": "http://proxy:3128"}), "https://s3.internal")
    with pytest.raises(NotFast, match="certificate"):
        origin_of(make_client(client_cert="/nowhere.pem"), "https://s3.internal")
    client = make_client(connect_timeout=3, read_timeout=7.5)
    origin = origin_of(client, "http://[::1]:9000/b/k")
    assert ("::1", 9000, None, 3.0, 7.5) == (
        origin.host, origin.port, origin.tls, origin.connect_timeout, origin.read_timeout
    )  # fmt: skip
    assert is_for(origin, "http://[::1]:9000/other")
    assert not is_for(origin, "https://[::1]:9000/other")
    assert origin_of(client, "https://h/k").port == 443

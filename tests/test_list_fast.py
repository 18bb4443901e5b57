"""Further pages of a long listing are asked for without the client: as botocore would, and never in its stead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.s3.calls import CallCounter
from s3sync.s3.capture import credentials_of
from s3sync.s3.list_fast import capture_pages
from s3sync.s3.listing import Listing
from s3sync.s3.signing import Moment, NotFast
from tests.canned import Canned, refusal, whole
from tests.gallery import Gallery
from tests.project import Project
from tests.servers import ON_BOTH, ON_RGW, Server
from tests.test_signing import CONFIGURATIONS, REFUSED, _cached_client, make_client, taken_apart

OBJECTS = 12_500
PAGES = 13
SLOWLY = 6
"""Further pages that botocore asks for first."""


@pytest.fixture
def canned() -> Iterator[Canned]:
    with Canned(objects=OBJECTS) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, canned: Canned) -> Project:
    return Project(tmp_path / "project", canned.server, "canned")


def listed(project: Project, *options: str) -> tuple[int, int]:
    """How many objects were listed, and how many requests the report says that took."""
    result = project.push("-v", "0", *options)
    assert 0 == result.code, result
    return result.counts["listed"], result.report["requests"]["ListObjectsV2"]


def of_botocore(canned: Canned) -> int:
    """How many pages it has asked for."""
    return sum(page.by_botocore for page in canned.pages)


def test_a_long_listing(project: Project, canned: Canned) -> None:
    """s3_push_media: botocore asks for the first pages, and each page is asked for once"""
    assert (OBJECTS, PAGES) == listed(project)
    assert PAGES == len(canned.pages)
    assert 1 + SLOWLY == of_botocore(canned)
    canned.pages.clear()

    assert (OBJECTS, PAGES) == listed(project)  # in ranges
    assert 1 + SLOWLY == of_botocore(canned)


@pytest.mark.parametrize("option", [("--engine", "boto3"), ("--max-rps", "1000"), ("--bwlimit", "1G")])
def test_where_the_client_is_to_ask(project: Project, canned: Canned, option: tuple[str, str]) -> None:
    """s3_push_media --engine boto3: nothing goes past it; nor past the limits that are put on it"""
    assert (OBJECTS, PAGES) == listed(project, *option)
    assert PAGES == of_botocore(canned)


def test_a_storage_with_clients_of_its_own(project: Project, canned: Canned) -> None:
    """s3_push_media: what a class of the project's own does with each request is not gone past"""
    project.configure(
        backend="backends.Own",
        backends="from storages.backends.s3 import S3Storage\n\n\nclass Own(S3Storage):\n"
        "    @property\n    def connection(self):\n        return super().connection\n",
    )
    assert (OBJECTS, PAGES) == listed(project)
    assert PAGES == of_botocore(canned)


TROUBLES = {
    "slow down": refusal(503, "SlowDown"),
    "an expired token": refusal(400, "ExpiredToken"),
    "a redirect": refusal(307, "TemporaryRedirect"),
    "a connection that ends": b"",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<ListBucketResult>",
    "no listing": whole(b"<Error><Code>InternalError</Code></Error>"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_no_page(project: Project, canned: Canned, trouble: str) -> None:
    """s3_push_media: botocore asks again for that page, and nothing is lost"""
    canned.break_page = lambda page, _: None if page.by_botocore or page.start != 9000 else TROUBLES[trouble]

    objects, requests = listed(project)
    assert OBJECTS == objects
    assert len(canned.pages) == requests
    assert [False, True] == [page.by_botocore for page in canned.pages if page.start == 9000]
    assert [True] * 3 == [page.by_botocore for page in canned.pages if page.start > 9000]


HOOK = """
def hook(request, **_):
    {does}


class Own(__import__("storages.backends.s3").backends.s3.S3Storage):
    def _create_session(self):
        session = super()._create_session()
        session.events.register("{event}.s3.ListObjectsV2", hook)
        return session
"""
HOOKS = {
    "another host": ("before-sign", "request.headers['Host'] = 's3.internal'"),
    "another header each time": ("before-sign", "request.headers['x-amz-meta-now'] = str(id(request))"),
    "a header that is not signed": ("before-send", "request.headers['Authorization'] = 'mine'"),
    "an error now and then": ("before-sign", "assert '%F0%9F%98%80' not in request.url"),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_what_no_template_does(project: Project, canned: Canned, hook: str) -> None:
    """s3_push_media: what a hook of the project's own does to a request is done to all of them"""
    event, does = HOOKS[hook]
    project.configure(backend="backends.Own", backends=HOOK.format(event=event, does=does))

    assert (OBJECTS, PAGES) == listed(project)
    assert PAGES == of_botocore(canned)


def test_verify_media_where_the_client_is_to_ask(project: Project, canned: Canned) -> None:
    """s3_verify_media --orphans: with the engine that the settings name"""
    asked, gallery = [], Gallery(project)
    gallery.models()
    gallery.table()
    for engine in ("auto", "boto3"):
        canned.pages.clear()
        gallery.models(settings=f"S3SYNC = {{'ENGINE': {engine!r}}}\n")
        result = gallery.verify("--orphans")
        assert PAGES == len(canned.pages) == result.report["requests"]["ListObjectsV2"], result
        asked.append(of_botocore(canned))
    assert [1 + SLOWLY, PAGES] == asked


class _InSmallPages(Listing):
    _ALSO: Mapping[str, Any] = {"MaxKeys": 2}


@ON_BOTH
@pytest.mark.parametrize("how", ["tokens", "ranges"])
def test_on_a_real_server(server: Server, bucket: str, s3: Any, how: str) -> None:
    """A listing whose signatures somebody looks at, of keys that have to be quoted."""
    keys = sorted(f"{number:02} é+%2F~&=/{number}" for number in range(24))
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    client = server.client()
    calls = CallCounter(client)
    listing = _InSmallPages(client, bucket, "", calls)
    if how == "ranges":
        listing.begin_at = keys[3:22:3]
    by_botocore: list[str] = []
    client.meta.events.register("before-send.s3", lambda event_name, **_: by_botocore.append(event_name))

    assert keys == [obj.key for obj in listing]
    probes = 3
    assert 1 + SLOWLY + probes == len(by_botocore)
    if how == "tokens":
        assert 12 == calls.counts["ListObjectsV2"]


@ON_RGW
def test_credentials_that_change(server: Server, bucket: str, s3: Any) -> None:
    """They are asked for anew for each page, and sign from then on."""
    for number in range(40):
        s3.put_object(Bucket=bucket, Key=f"{number:02}", Body=b"")
    client = server.client()
    listing = _InSmallPages(client, bucket, "", CallCounter(client))
    credentials = client._request_signer._credentials

    objects = iter(listing)
    for _ in range(2 * (SLOWLY + 3)):
        next(objects)
    credentials.access_key, credentials.secret_key = server.other_access_key, server.other_secret_key
    with pytest.raises(ClientError, match="AccessDenied"):
        deque(objects)


class _Empty:
    def stream(self) -> Iterator[bytes]:
        return iter(())


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)
places = st.one_of(
    st.just({}), st.fixed_dictionaries({"ContinuationToken": text}), st.fixed_dictionaries({"StartAfter": text})
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CONFIGURATIONS)), st.just("") | text, st.sampled_from([{}, {"FetchOwner": True}]), places)
def test_whole_requests_are_botocores(name: str, prefix: str, also: dict[str, Any], place: dict[str, str]) -> None:
    """A template captured of one listing writes, for any of its pages, exactly what botocore would have sent."""
    client, seen = _cached_client(name), []
    arguments = {"Bucket": CONFIGURATIONS[name][0], "Prefix": prefix, "EncodingType": "url", **also}
    template = capture_pages(client, arguments)

    def keep(request: Any, **_: Any) -> AWSResponse:
        seen.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Empty())

    client.meta.events.register("before-send.s3.ListObjectsV2", keep, unique_id="reference")
    try:
        client.list_objects_v2(**arguments, **place)
    finally:
        client.meta.events.unregister("before-send.s3.ListObjectsV2", unique_id="reference")

    plain = {n.lower(): v.decode() if isinstance(v, bytes) else v for n, v in seen[0].headers.items()}
    now = Moment(plain["x-amz-date"], credentials_of(client))
    line, ours = taken_apart(template.head_of(place, now))
    ours.pop("host")
    parts = urlsplit(seen[0].url)
    assert f"GET {parts.path}?{parts.query} HTTP/1.1" == line
    assert {n: v for n, v in plain.items() if n not in {"amz-sdk-invocation-id", "amz-sdk-request"}} == ours


@pytest.mark.parametrize("name", ["signature version 2", "unsigned", "S3 Express"])
def test_what_no_template_can_say(name: str) -> None:
    """It is left to botocore."""
    bucket, options, _, reason = REFUSED[name]
    with pytest.raises(NotFast, match=reason):
        capture_pages(make_client(**options), {"Bucket": bucket, "Prefix": "", "EncodingType": "url"})

"""Checks of addresses, by table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from s3sync.access.facts import BucketFacts
from s3sync.access.intent import StorageFacts
from s3sync.doctor.addresses import allows, d08, d15, d17, d30
from s3sync.doctor.facts import Answer, BucketSeen, Caller, Examined, Reach, Site, StorageSeen

PRIVATE = StorageFacts(acl=None, url_is_signed=True, wants_signed=True)
PUBLIC = StorageFacts(acl=None, url_is_signed=False)
MEDIA = StorageSeen(
    alias="default", bucket="b", prefix="media/", identity="https://s3/b", class_name="S3Storage",
    endpoint="https://s3.example.com", endpoint_is_written=True, is_aws=False, region="r", storage=PRIVATE,
    rules=[("", "private")], url_origin="https://s3.example.com", url_path="/b/media/",
)  # fmt: skip
STATIC = replace(
    MEDIA, alias="staticfiles", prefix="static/", storage=PUBLIC, rules=[("", "public")], serves_static=True,
    url_path="/b/static/",
)  # fmt: skip
OK = Answer(operation="HeadBucket")


def examined(*storages: StorageSeen, cors: Any = (), unread: Mapping[str, str] = {}, **site: Any) -> Examined:
    bucket = BucketSeen(facts=BucketFacts("b"), acl=[], provider="aws", cors=cors, unread=unread)
    return Examined(
        storages=storages or (MEDIA, STATIC), caller=Caller(found=True), reach=Reach(head=OK, listing=OK),
        bucket=bucket, site=Site(**{"origin": "https://www.example.com", **site}),
    )  # fmt: skip


_MEDIA_LINE = 'STORAGES["default"]["OPTIONS"]["location"] = "media"\n'
_STATIC_LINE = 'STORAGES["staticfiles"]["OPTIONS"]["location"] = "static"\n'
_PUSH, _COLLECT = "python manage.py s3_push_media --storage default", "python manage.py s3_collectstatic --no-input"
_MEDIA_MOVES, _STATIC_MOVES = _MEDIA_LINE + _PUSH, _STATIC_LINE + _COLLECT
_BOTH_MOVE = f"{_MEDIA_LINE}{_STATIC_LINE}{_COLLECT}\n{_PUSH}"
_NO_OPTIONS = ('["OPTIONS"]', '.setdefault("OPTIONS", {})')


@pytest.mark.parametrize(
    ("media", "static", "expected", "words"),
    [
        ({}, {}, "ok", ""),
        ({"prefix": "static/"}, {}, "error", _MEDIA_MOVES),
        ({"prefix": "static/", "has_options": False}, {}, "error", _MEDIA_MOVES.replace(*_NO_OPTIONS)),
        ({"prefix": ""}, {}, "warning", _MEDIA_MOVES),
        ({}, {"prefix": "media/static/"}, "warning", _STATIC_MOVES),
        ({"prefix": ""}, {"prefix": ""}, "error", _BOTH_MOVE),
        ({"prefix": ""}, {"rules": [("", "private")]}, "ok", ""),
        ({"prefix": "static/"}, {"identity": "https://s3/other"}, "ok", ""),
    ],
)
def test_d08_locations(media: Any, static: Any, expected: str, words: str) -> None:
    (found,) = d08(examined(replace(MEDIA, **media), replace(STATIC, **static)))
    assert (expected, "D08", words) == (found.verdict, found.id, found.fix)


@pytest.mark.parametrize(
    ("storage", "verdict", "title", "words"),
    [
        (PRIVATE, "ok", "addresses", ""),
        (PUBLIC, "ok", "addresses", ""),
        (replace(PRIVATE, acl="public-read"), "warning", "public-signed", '"querystring_auth": False'),
        (replace(PUBLIC, acl="private"), "warning", "private-unsigned", '"querystring_auth": True'),
        (replace(PUBLIC, acl="authenticated-read"), "error", "accounts-read", "remove default_acl"),
        (replace(PUBLIC, custom_domain=True, wants_signed=True), "warning", "unsigned-domain", "cloudfront_key"),
        (replace(PRIVATE, custom_domain_signs=True), "warning", "unused-key", "custom_domain"),
        (replace(PUBLIC, custom_domain=True, custom_domain_signs=True), "ok", "unused-key", ""),
        (replace(PUBLIC, acl_is_told=False), "ok", "acl-untold", ""),
    ],
)
def test_d15_contradictions(storage: StorageFacts, verdict: str, title: str, words: str) -> None:
    (found, *_) = d15(examined(replace(MEDIA, storage=storage)))
    assert (verdict, title) == (found.verdict, found.title)
    assert words in found.fix
    assert bool(found.fix) == bool(found.why) == (verdict != "ok")


def test_d15_what_is_declared_and_otherwise() -> None:
    open_ = replace(MEDIA, storage=replace(PUBLIC, acl="public-read"), declared=[("", "private")])
    assert ["error", "warning"] == [found.verdict for found in d15(examined(open_))]
    behind_cdn = replace(STATIC, storage=replace(PUBLIC, acl="private", custom_domain=True), rules=[("", "cdn")])
    assert ["ok"] == [found.verdict for found in d15(examined(behind_cdn))]


def rule(origin: str, *methods: str) -> dict[str, Any]:
    return {"AllowedOrigins": [origin], "AllowedMethods": methods or ("GET", "HEAD")}


@pytest.mark.parametrize(
    ("rules", "origin", "expected"),
    [
        ([], "https://a.example", False),
        ([rule("*")], "https://a.example", True),
        ([rule("*")], None, True),
        ([rule("https://a.example")], "https://a.example", True),
        ([rule("https://a.example")], "http://a.example", False),
        ([rule("https://a.example")], "https://a.example.org", False),
        ([rule("https://axexample")], "https://a.example", False),
        ([rule("https://*.example")], "https://www.example", True),
        ([rule("https://*.example")], None, False),
        ([rule("*", "PUT")], "https://a.example", False),
        ([rule("https://b.example"), rule("https://a.example")], "https://a.example", True),
    ],
)
def test_a_rule_lets_an_origin_get(rules: Any, origin: str | None, expected: bool) -> None:
    assert expected is allows(rules, origin)


@pytest.mark.parametrize(
    ("cors", "unread", "site", "expected", "words"),
    [
        ([], {}, {"needs_cors": ()}, "ok", "no static file needs"),
        ([], {}, {"needs_cors": None}, "ok", "could not be read"),
        ([], {}, {}, "warning", "a.css: fonts/a.woff2"),
        ([rule("https://www.example.com")], {}, {}, "ok", "https://www.example.com"),
        ([], {}, {"origin": "https://s3.example.com"}, "ok", "own host"),
        (None, {"GetBucketCors": "needs s3:GetBucketCORS on b"}, {}, "unknown", "needs s3:GetBucketCORS on b"),
        (None, {"GetBucketCors": "not-implemented"}, {}, "ok", "not-implemented"),
    ],
)
def test_d17_cors(cors: Any, unread: Any, site: Any, expected: str, words: str) -> None:
    facts = examined(cors=cors, unread=unread, **{"needs_cors": ["a.css: fonts/a.woff2"], **site})
    (found,) = d17(facts)  # of the static files alone
    assert (expected, "staticfiles") == (found.verdict, found.alias)
    assert words in found.seen


@pytest.mark.parametrize(
    ("origin", "ends"), [("https://www.example.com", "--cors"), (None, "--cors --origin https://www.example.com")]
)
def test_d17_command_is_whole(origin: str | None, ends: str) -> None:
    (found,) = d17(examined(needs_cors=["a.mjs: it is a module"], origin=origin))
    command = "python manage.py s3_create_bucket --storage staticfiles --update --no-input "
    assert command + ends == found.fix


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ({}, []),
        ({"static_url": "https://s3.example.com/b/static/"}, ["ok"]),
        ({"static_url": "//s3.example.com/b/static/"}, ["ok"]),
        ({"static_url": "https://s3.example.com/static/"}, ["warning"]),
        ({"static_url": "https://cdn.example.com/b/static/", "media_url": "https://s3.example.com/b/media/"},
         ["ok", "warning"]),
    ],
)  # fmt: skip
def test_d30_settings_of_urls(site: Any, expected: list[str]) -> None:
    found = list(d30(examined(**site)))
    assert expected == [each.verdict for each in found]
    if expected == ["warning"]:
        assert 'STATIC_URL = "https://s3.example.com/b/static/"' == found[0].fix

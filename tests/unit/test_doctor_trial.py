"""What a round trip says, by table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from s3sync.access.facts import BucketFacts
from s3sync.access.intent import StorageFacts
from s3sync.core.events import Diagnosis
from s3sync.doctor.facts import Answer, BucketSeen, Caller, Examined, Reach, Site, StorageSeen
from s3sync.doctor.trial import Asked, Left, Trial, Way, of_conditions, of_left, of_trial
from s3sync.doctor.trial_address import Address, Visit, is_internal
from s3sync.doctor.trial_words import checksums_fix, id_of

OPEN = StorageFacts(acl="public-read", url_is_signed=False)
MEDIA = StorageSeen(
    alias="default", bucket="b", prefix="media/", identity="https://s3/b", class_name="S3Storage",
    endpoint="https://s3.example.com", endpoint_is_written=True, is_aws=False, region="cn-north-1",
    storage=StorageFacts(acl=None, url_is_signed=True, wants_signed=True), rules=[("", "private")], expire=3600,
)  # fmt: skip
PUT, GET, DELETE = (Answer(operation=name) for name in ("PutObject", "GetObject", "DeleteObject"))
BOTH = (Way(name="boto3", put=PUT, get=GET), Way(name="fast", put=PUT, get=GET))
SITE = Way(name="site", put=PUT, get=GET)
GIVEN = Visit(status=200, same=True, readable=True)
REFUSED = Visit(status=403, code="AccessDenied")
DENIED = replace(PUT, code="AccessDenied", http=403, hint="needs s3:PutObject on b/media/*")
SIGNED = Address(url="https://s3.example.com/b/media/x", intent="private", signed=True, as_given=GIVEN, bare=REFUSED)
PLAIN = Address(url="https://s3.example.com/b/media/x", intent="public", as_given=GIVEN)


def facts_for(storage: StorageSeen, skew: float | None = 0.0, **facts: Any) -> Examined:
    bucket = BucketSeen(facts=BucketFacts("b", **facts), acl=[], provider="aws")
    reach = Reach(head=Answer(operation="HeadBucket"), listing=Answer(operation="ListObjectsV2"), skew=skew)
    return Examined(storages=[storage], caller=Caller(found=True), reach=reach, bucket=bucket, site=Site(origin=None))


def judged(
    trial: dict[str, Any], storage: StorageSeen = MEDIA, known: Collection[str] = (), **facts: Any
) -> list[Diagnosis]:
    made = Trial(**{"bucket": "b", "pattern": "media/.s3sync/doctor-*", "deleted": DELETE, **trial})
    return list(of_trial(made, storage, facts_for(storage, **facts), known))


def brief(found: list[Diagnosis]) -> list[tuple[str, str, str]]:
    return [(each.id, each.verdict, each.title) for each in found]


def test_all_is_well() -> None:
    found = judged({"ways": (*BOTH, SITE), "asked": Asked(new="enforced"), "address": SIGNED, "removed": 2})
    assert [
        ("D27", "ok", "round-trip"), ("D26", "ok", "checksums"), ("D28", "ok", "conditions"), ("D29", "ok", "address"),
    ] == brief(found)  # fmt: skip
    assert "engine boto3, engine fast, the site's own save(); 2 of an earlier run removed" in found[0].seen
    assert not any(each.fix or each.why for each in found)


@pytest.mark.parametrize(
    ("code", "http", "message", "expected"),
    [
        ("AccessControlListNotSupported", 400, "", "D04"),
        ("AccessDenied", 403, "refused by BlockPublicAcls", "D05"),
        ("AccessDenied", 403, "", "D21"),
        ("AccessDenied", 403, "not authorized to perform: kms:GenerateDataKey", "D11"),
        ("KMS.NotFoundException", 400, "", "D11"),
        ("SignatureDoesNotMatch", 403, "", "D01"),
        ("InvalidAccessKeyId", 403, "", "D01"),
        ("NoSuchBucket", 404, "", "D02"),
        ("SSLError", None, "", "D18"),
        ("RequestTimeTooSkewed", 403, "", "D22"),
        ("MissingContentLength", 411, "", "D26"),
        ("SlowDown", 503, "", "D27"),
        ("ValueError", None, "no", "D27"),
    ],
)
def test_under_which_id_a_refusal_goes(code: str, http: int | None, message: str, expected: str) -> None:
    answer = Answer(operation="PutObject", code=code, http=http, message=message)
    assert expected == id_of(answer)[0]
    ways = (Way(name="boto3", put=answer),)
    (found,) = judged({"ways": ways})
    assert (expected, "error") == (found.id, found.verdict)
    assert code in found.seen
    assert found.why
    assert found.fix
    assert [] == judged({"ways": ways}, known={expected})


@pytest.mark.parametrize(
    ("storage", "without", "facts", "expected", "words"),
    [
        (OPEN, PUT, {"bucket_block": {"BlockPublicAcls": True}}, "D05", "s3_create_bucket --update"),
        (OPEN, PUT, {"account_block": {"BlockPublicAcls": True}}, "D05", "s3_create_bucket --update"),
        (OPEN, PUT, {}, "D21", "remove default_acl"),
        (OPEN, DENIED, {}, "D21", '"Action": ["s3:PutObject"], "Resource": "arn:aws-cn:s3:::b/media/*"'),
        (MEDIA.storage, None, {}, "D21", '"Action": ["s3:PutObject"]'),
    ],
)
def test_whether_it_was_the_acl(storage: StorageFacts, without: Answer, facts: Any, expected: str, words: str) -> None:
    ways = (Way(name="boto3", put=DENIED),)
    (found,) = judged({"ways": ways, "without_acl": without}, replace(MEDIA, storage=storage), **facts)
    assert (expected, "error") == (found.id, found.verdict)
    assert words in found.fix
    assert ("PutObjectAcl" in found.seen) == (expected == "D21" and without == PUT)


def test_a_deny_is_not_mended_by_an_allow() -> None:
    answer = replace(DENIED, hint="needs s3:PutObject on b/media/*, which a Deny in the bucket policy forbids")
    (found,) = judged({"ways": (Way(name="boto3", put=answer),)})
    assert "get-bucket-policy" in found.fix
    assert "Allow" not in found.fix


@pytest.mark.parametrize(
    ("site", "when_required", "expected"),
    [
        (SITE, None, [("D27", "ok", "round-trip"), ("D26", "ok", "checksums")]),
        (
            Way(name="site", put=replace(PUT, code="XMalformed", http=400)), GET,
            [("D27", "ok", "round-trip"), ("D26", "error", "checksums-refused")],
        ),
        (
            Way(name="site", put=replace(PUT, code="411", http=411)), None,
            [("D27", "ok", "round-trip"), ("D26", "error", "checksums-refused")],
        ),
        (
            Way(name="site", put=PUT, get=replace(GET, code="ValueError", message="no")),
            replace(GET, code="ValueError"),
            [("D27", "ok", "round-trip"), ("D27", "error", "site-upload")],
        ),
    ],
)  # fmt: skip
def test_the_sites_own_upload(site: Way, when_required: Answer | None, expected: list[tuple[str, str, str]]) -> None:
    assert expected == brief(judged({"ways": (*BOTH, site), "when_required": when_required}))


def test_checksums_of_a_configuration_that_is_there() -> None:
    assert 'in OPTIONS of STORAGES["default"], add to the Config of client_config' in checksums_fix(MEDIA, "a=1")
    assert '"client_config": Config(a=1),' in checksums_fix(MEDIA, "Config(a=1)")


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        ({"ways": (replace(BOTH[0], differences=["ETag is 1"]), SITE), "address": PLAIN}, ("D27", "error", "damaged")),
        ({"ways": BOTH, "deleted": replace(DELETE, code="NotDeleted")}, ("D27", "error", "refused")),
        ({"own_code": "ValueError: no"}, ("D27", "error", "own-code")),
        ({"ways": BOTH, "others": ["media/index.txt"]}, ("D27", "warning", "more-keys")),
        (
            {"refused": replace(DELETE, code="AccessDenied", http=403), "versioned": True},
            ("D21", "unknown", "delete-refused"),
        ),
        ({"refused": replace(DELETE, code="Kept", hint="it would stay")}, ("D27", "unknown", "not-tried")),
    ],
)
def test_what_else_goes_wrong(trial: dict[str, Any], expected: tuple[str, str, str]) -> None:
    (found,) = (each for each in judged(trial) if each.verdict != "ok")
    assert expected == (found.id, found.verdict, found.title)
    assert found.why
    assert found.fix
    assert ("s3:DeleteObjectVersion" in found.seen) == ("delete-refused" in expected)


@pytest.mark.parametrize(
    ("asked", "verdict", "enforcement", "words"),
    [
        (Asked(new="enforced", match="enforced", form="quoted"), "ok", "enforced", "PutObject If-Match enforced"),
        (Asked(new="enforced", match="enforced", form="bare"), "ok", "enforced", "without quotes"),
        (Asked(new="ignored", match="enforced"), "ok", "ignored", "a HEAD looks"),
        (Asked(new="refused", match="refused", complete="refused", complete_http=400), "ok", "refused", "a HEAD"),
        (Asked(new="enforced", match="ignored"), "ok", "ignored", "a HEAD looks"),
        (Asked(new="enforced", complete="refused", complete_http=501), "ok", "enforced", "a HEAD looks"),
        (Asked(new="enforced", complete="refused", complete_http=400), "error", "ignored", "CompleteMultipartUpload"),
        (Asked(new="enforced", form="none"), "error", "ignored", "PutObject"),
        (Asked(new="enforced", form="none", remembered=True), "warning", "ignored", "pushes from here know it"),
        (Asked(new="enforced", form="quoted", delete_form="none"), "error", "ignored", "DeleteObject"),
        (Asked(new="unproven"), "ok", "unproven", "unproven"),
        (Asked(why_not="Mine saves in its own way"), "ok", "", "Mine saves"),
    ],
)
def test_conditions(asked: Asked, verdict: str, enforcement: str, words: str) -> None:
    found = of_conditions(asked, MEDIA)
    assert ("D28", verdict, enforcement) == (found.id, found.verdict, asked.enforcement)
    assert words in found.seen
    assert bool(found.fix) == (verdict != "ok")


GONE = Visit(status=None, error="no such host")
OTHER = Visit(status=200, readable=True)


@pytest.mark.parametrize(
    ("address", "storage", "expected", "words"),
    [
        (SIGNED, {}, ("ok", "address"), ""),
        (PLAIN, {}, ("ok", "address"), ""),
        (replace(PLAIN, url="/media/x", as_given=None), {}, ("ok", "address"), ""),
        (replace(SIGNED, as_given=REFUSED), {}, ("error", "signature"), '"signature_version": "s3v4"'),
        (replace(SIGNED, as_given=REFUSED, by_version_2=True), {}, ("error", "signature-version"), '"s3v4"'),
        (replace(SIGNED, as_given=REFUSED), {"expire": 0.0}, ("error", "expired"), '"querystring_expire": 3600'),
        (
            replace(SIGNED, as_given=Visit(status=301, code="PermanentRedirect")), {}, ("error", "wrong-region"),
            '"region_name"',
        ),
        (replace(SIGNED, as_given=GONE), {}, ("error", "unreachable"), '"endpoint_url"'),
        (replace(SIGNED, bare=GIVEN), {}, ("error", "open-unsigned"), "s3_verify_acl --fix"),
        (replace(SIGNED, bare=GIVEN, intent="public"), {}, ("ok", "address"), ""),
        (replace(PLAIN, as_given=REFUSED), {}, ("error", "unreadable"), "s3_create_bucket --update"),
        (replace(PLAIN, as_given=OTHER), {}, ("error", "unreadable"), "s3_create_bucket --update"),
        (replace(PLAIN, as_given=REFUSED, intent="private"), {}, ("error", "unsigned-private"), "querystring_auth"),
        (replace(PLAIN, as_given=REFUSED, by_cdn=True), {}, ("warning", "domain-refuses"), "--print-policy bucket"),
        (replace(PLAIN, as_given=OTHER, by_cdn=True), {}, ("error", "domain-fails"), '"custom_domain"'),
        (replace(PLAIN, as_given=GONE, by_cdn=True), {}, ("error", "domain-fails"), '"custom_domain"'),
        (Address(url="", intent="public", trouble="ValueError: no"), {}, ("error", "url-fails"), "S3Storage"),
        (replace(PLAIN, url="http://minio:9000/b/x"), {}, ("warning", "internal-host"), '"custom_domain"'),
        (replace(PLAIN, url="http://minio:9000/b/x", development=True), {}, ("ok", "address"), ""),
    ],
)  # fmt: skip
def test_addresses(address: Address, storage: Any, expected: tuple[str, str], words: str) -> None:
    (found,) = (each for each in judged({"address": address}, replace(MEDIA, **storage)) if each.id == "D29")
    assert expected == (found.verdict, found.title)
    assert words in found.fix
    assert bool(found.fix) == bool(found.why) == (expected[0] != "ok")


def test_a_wrong_clock_spoils_signatures() -> None:
    (found,) = judged({"address": replace(SIGNED, as_given=REFUSED)}, skew=400.0)
    assert "clock" == found.title


def test_who_does_not_reach_it_for_a_reason_that_is_known() -> None:
    assert [] == judged({"address": replace(PLAIN, as_given=REFUSED)}, known={"D06"})
    assert [("D29", "ok", "address")] == brief(judged({"address": PLAIN}, known={"D06"}))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("minio", True), ("localhost", True), ("127.0.0.1", True), ("10.1.2.3", True), ("172.16.0.1", True),
        ("172.32.0.1", False), ("192.168.1.1", True), ("s3.corp.internal", True), ("nas.local", True), ("::1", True),
        ("media.example.com", False), ("8.8.8.8", False), ("internal.example.com", False),
    ],
)  # fmt: skip
def test_internal_hosts(host: str, expected: bool) -> None:
    assert expected is is_internal(host)


def test_what_stays_can_be_taken_away() -> None:
    left = [
        Left(key="media/it's", version="v1", answer=replace(DELETE, code="AccessDenied", http=403)),
        Left(key="media/x", upload="u1", answer=replace(DELETE, code="AccessDenied", http=403)),
    ]
    (found,) = of_left(left, MEDIA, "b")
    assert ("D27", "warning", "left-behind") == (found.id, found.verdict, found.title)
    one, other = found.fix.splitlines()
    end = "--endpoint-url https://s3.example.com"
    assert f"aws s3api delete-object --bucket b --key 'media/it'\"'\"'s' --version-id v1 {end}" == one
    assert f"aws s3api abort-multipart-upload --bucket b --key media/x --upload-id u1 {end}" == other
    assert [] == list(of_left([], MEDIA, "b"))

"""The way to the bucket, by facts that no server here has: Amazon's answers, other providers, other clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from storages.backends.s3 import S3Storage

from s3sync.access.facts import BucketFacts
from s3sync.access.intent import StorageFacts
from s3sync.core.events import Diagnosis
from s3sync.doctor.facts import Answer, BucketSeen, Caller, Examined, Reach, Site, StorageSeen
from s3sync.doctor.reaching import without_client
from s3sync.doctor.way import OF_THE_WAY
from s3sync.s3.checkup import identified, in_haste, reach_of, refused
from s3sync.s3.rights import rights_of
from s3sync.s3.target import Target

ARN = "arn:aws:iam::...3333"
OK = {"head": Answer(operation="HeadBucket", http=200), "listing": Answer(operation="ListObjectsV2", http=200)}
RIGHTS = ("ListBucket", "GetObject", "GetObjectAcl", "AbortMultipartUpload", "PutObject")


def plain(**facts: Any) -> StorageFacts:
    return StorageFacts(acl=None, url_is_signed=True, wants_signed=True, custom_domain=False, **facts)


def storage(alias: str = "default", **changes: Any) -> StorageSeen:
    base = StorageSeen(
        alias=alias, bucket="b", prefix="media/", identity="b", class_name="S3Storage",
        endpoint="https://s3.eu-west-1.amazonaws.com", endpoint_is_written=False, is_aws=True, region="eu-west-1",
        storage=plain(), expire=3600.0, signature_version="s3v4",
    )  # fmt: skip
    return replace(base, **changes)


def elsewhere(alias: str = "default", **changes: Any) -> StorageSeen:
    """On a server of one's own."""
    base = {"endpoint": "https://s3.example.com", "endpoint_is_written": True, "is_aws": False, "region": "us-east-1"}
    return storage(alias, **{**base, **changes})


def bucket(provider: str = "aws", policy: Any = None, **changes: Any) -> BucketSeen:
    facts = BucketFacts("b", "owner", ownership="BucketOwnerEnforced", policy=policy, policy_read=True)
    return replace(BucketSeen(facts=facts, acl=(), provider=provider), **changes)


def rights(**changed: str) -> list[Answer]:
    return [Answer(operation=name, code=changed.get(name, "")) for name in RIGHTS]


def examined(*storages: StorageSeen, inside: BucketSeen | None = None, **changes: Any) -> Examined:
    """A healthy way, but for these changes."""
    found = storages or (storage(),)
    base = Examined(
        storages=found, caller=Caller(found=True, method="env", masked="...WXYZ", identity=f"{ARN}:user/team/site"),
        reach=Reach(**OK, skew=0.2, own_account=True), bucket=inside or bucket(),
        rights={each.alias: rights() for each in found}, site=Site(origin=None),
    )  # fmt: skip
    return replace(base, **changes)


def troubles(facts: Examined) -> list[Diagnosis]:
    return [found for check in OF_THE_WAY for found in check(facts) if found.verdict != "ok"]


def failed(code: str, http: int | None = None, message: str = "", region: str = "", hint: str = "") -> dict[str, Any]:
    """Nobody gets in, for this."""
    answer = Answer(operation="HeadBucket", code=code, http=http, message=message, region=region, hint=hint)
    return {
        "reach": Reach(head=answer, listing=replace(answer, operation="ListObjectsV2")),
        "bucket": None,
        "rights": {},
    }


def test_a_healthy_way() -> None:
    """Each of these checks has something to say, and nothing is wrong."""
    found = [found for check in OF_THE_WAY for found in check(examined())]
    assert {"ok"} == {each.verdict for each in found}
    assert ["D01", "D22", "D18", "D02", "D03", "D21", "D25", "D26"] == [each.id for each in found]
    assert f"from the environment, ...WXYZ, {ARN}:user/team/site" == found[0].seen


DENIED = {"ListBucket": "AccessDenied"}
UNENCRYPTED = {
    "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}  # fmt: skip
TRAILING = Answer(operation="UploadPart", code="MissingContentLength", http=411, hint="Config()")
CASES: dict[str, tuple[Examined, str, str, str]] = {
    "other-region-that-works": (
        examined(reach=Reach(head=replace(OK["head"], region="eu-central-1"), listing=OK["listing"])),
        "D02 error", "b is in eu-central-1, and requests are signed for eu-west-1", '["region_name"] = "eu-central-1"',
    ),
    "region-with-endpoint": (
        examined(storage(endpoint_is_written=True), **failed("AuthorizationHeaderMalformed", 400, region="eu-north-1")),
        "D02 error", "b is in eu-north-1", "remove endpoint_url",
    ),
    "console": (
        examined(elsewhere(endpoint="https://eu-west-1.console.aws.amazon.com/s3"), **failed("404", 404)),
        "D02 error", "is the address of a console", "remove endpoint_url and set region_name",
    ),
    "website": (
        examined(elsewhere(endpoint="http://b.s3-website-eu-west-1.amazonaws.com"), **failed("405", 405)),
        "D02 error", "serves websites", "remove endpoint_url",
    ),
    "bucket-in-endpoint": (
        examined(elsewhere(endpoint="https://b.nyc3.digitaloceanspaces.com"), **failed("NoSuchKey", 404)),
        "D02 error", "contains the bucket's name", '= "https://nyc3.digitaloceanspaces.com"',
    ),
    "path-in-endpoint": (
        examined(elsewhere(endpoint="https://s3.example.com/api"), **failed("NoSuchBucket", 404)),
        "D02 error", "contains a path, /api", '= "https://s3.example.com"',
    ),
    "no-right-as-amazon-says-it": (
        examined(**failed(
            "AccessDenied", 403, "User: x is not authorized to perform: s3:ListBucket", hint="needs s3:ListBucket on b"
        )),
        "D02 error", "the credentials have no right to it (needs s3:ListBucket on b)",
        "aws iam put-user-policy --user-name site ",
    ),
    "no-name-in-the-dns": (
        examined(**failed("EndpointConnectionError", hint="check endpoint_url")),
        "D02 error", "nobody answers for b at https://s3.eu-west-1.amazonaws.com", "check endpoint_url",
    ),
    "other-account": (
        examined(reach=Reach(**OK, own_account=False)), "D03 warning", "b is another account's", "s3_create_bucket",
    ),
    "other-host": (
        examined(elsewhere(), **failed("SSLError", message="certificate verify failed: Hostname mismatch")),
        "D18 error", "https://s3.example.com has the certificate of another host", '["endpoint_url"] = "https://..."',
    ),
    "certificate-of-yesterday": (
        examined(elsewhere(), **failed("SSLError", message="certificate verify failed: certificate has expired")),
        "D18 error", "has a certificate that has expired", "renew it",
    ),
    "policy-against-http": (
        examined(
            elsewhere(endpoint="http://s3.example.com", use_ssl=False),
            inside=bucket("ceph", {"Statement": UNENCRYPTED}), rights={"default": rights(PutObject="AccessDenied")},
        ),
        "D18 error", "aws:SecureTransport", '= "https://s3.example.com"',
    ),
    "role-without-a-right": (
        examined(
            storage(serves_static=True), rights={"default": rights(**DENIED)},
            caller=Caller(found=True, identity="arn:aws:sts::...3333:assumed-role/Deploy/me"),
        ),
        "D21 error", "the credentials lack s3:ListBucket on b",
        "> default-policy.json\naws iam put-role-policy --role-name Deploy ",
    ),
    "no-end-to-parts": (
        examined(rights={"default": rights(AbortMultipartUpload="AccessDenied")}),
        "D21 warning", "the credentials lack s3:AbortMultipartUpload on b/media/*", "--for s3_push_media",
    ),
    "six-minutes-behind": (examined(reach=Reach(**OK, skew=-360.0)), "D22 warning", "360 s behind", "timedatectl"),
    "an-hour-ahead": (examined(reach=Reach(**OK, skew=3600.0)), "D22 error", "3600 s ahead of", "timedatectl"),
    "skewed": (examined(**failed("RequestTimeTooSkewed", 403)), "D22 error", "RequestTimeTooSkewed", "timedatectl"),
    "r2-acl": (
        examined(elsewhere(storage=replace(plain(), acl="public-read")), inside=bucket("r2")),
        "D25 warning", "Cloudflare R2 has no ACLs", "remove default_acl",
    ),
    "b2-class": (
        examined(elsewhere(parameters={"StorageClass": "GLACIER"}), inside=bucket("b2")),
        "D25 warning", "has no storage class GLACIER", "remove StorageClass of object_parameters",
    ),
    "r2-tags": (
        examined(elsewhere(parameters={"Tagging": "a=b"}), inside=bucket("r2")),
        "D25 warning", "has no tags", "Tagging",
    ),
    "b2-kms": (
        examined(elsewhere(parameters={"ServerSideEncryption": "aws:kms"}), inside=bucket("b2")),
        "D25 warning", "has no KMS", "remove ServerSideEncryption",
    ),
    "checksums": (
        examined(elsewhere(), inside=bucket("ceph"), rights={"default": [*rights(), TRAILING]}),
        "D26 error", "refuses boto3's trailing checksums (MissingContentLength, HTTP 411)",
        '["client_config"] = Config()',
    ),
    "expires-in-eight-days": (examined(storage(expire=691200.0)), "D01 error", "signed for 691200 s", "604800"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_troubles(name: str) -> None:
    """One trouble is one diagnosis, which says why and what to type."""
    facts, which, seen, fix = CASES[name]
    assert [which] == [f"{each.id} {each.verdict}" for each in troubles(facts)]
    (found,) = troubles(facts)
    assert seen in found.seen
    assert fix in found.fix
    assert found.why


WELL = {
    "signed-the-old-way": examined(storage(expire=691200.0, signature_version="s3")),
    "signed-by-cloudfront": examined(storage(expire=691200.0, storage=plain(custom_domain_signs=True))),
    "a-role": examined(caller=Caller(found=True, temporary=True)),
    "no-region": examined(
        storage(region=None), reach=Reach(head=replace(OK["head"], region="us-east-1"), listing=OK["listing"])
    ),
    "another-region's-name": examined(
        elsewhere(checksums="when_required"), inside=bucket("minio"),
        reach=Reach(head=replace(OK["head"], region="fsn1"), listing=OK["listing"]),
    ),
    "nothing-proven": examined(rights={"default": rights(PutObject="500", GetObject="NotProven", ListBucket="x")}),
    "private-on-r2": examined(elsewhere(storage=replace(plain(), acl="private")), inside=bucket("r2")),
    "policy-that-is-not-enforced": examined(
        elsewhere(endpoint="http://s3.example.com", use_ssl=False), inside=bucket("ceph", {"Statement": [UNENCRYPTED]})
    ),
    "policy-for-https": examined(
        inside=bucket(policy={"Statement": [UNENCRYPTED]}), rights={"default": rights(PutObject="500")}
    ),
    "checksums-that-are-taken": examined(
        elsewhere(), inside=bucket("ceph"),
        rights={"default": [*rights(), replace(TRAILING, code="NoSuchUpload", http=404)]},
    ),
    "checksums-not-proven": examined(
        elsewhere(), inside=bucket("ceph"), rights={"default": [*rights(PutObject="500"), TRAILING]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WELL)
def test_no_trouble(name: str) -> None:
    """What looks alike, and is well or not proven."""
    assert [] == troubles(WELL[name])


def test_what_verifying_needs_is_said_where_all_is_well() -> None:
    """A fact that nobody may read is no reason not to push."""
    unread = {"GetBucketPolicy": "needs s3:GetBucketPolicy on b", "GetBucketCors": "needs s3:GetBucketCORS on b"}
    inside = bucket(unread=unread)
    (said,) = (each for check in OF_THE_WAY for each in check(examined(inside=inside)) if each.id == "D21")
    assert "s3_verify_acl can't decide everything: needs s3:GetBucketPolicy on b" == said.seen.partition("; ")[2]


@pytest.mark.parametrize(
    ("code", "message", "check", "fix"),
    [
        ("ValueError", "Invalid endpoint: minio:9000", "D02", '["endpoint_url"]'),
        ("InvalidRegionError", "Provided region_name 'eu west' doesn't match", "D02", '["region_name"]'),
        ("ProfileNotFound", "The config profile (x) could not be found", "D01", "check"),
        ("InvalidConfigError", "Invalid CA bundle: the configured value is empty", "D18", '["verify"] = None'),
        ("ValueError", "could not convert string to float", "D00", "OPTIONS"),
    ],
)
def test_no_client(code: str, message: str, check: str, fix: str) -> None:
    """boto3 refuses before anything is sent."""
    found = without_client("default", Answer(operation="", code=code, message=message, hint="check"))
    assert (check, "error") == (found.id, found.verdict)
    assert fix in found.fix


def test_lines_can_be_pasted_where_there_are_no_options() -> None:
    """A KeyError in the settings would be the next trouble."""
    settings: dict[str, dict[str, Any]] = {"default": {}}
    trouble = Answer(operation="", code="ValueError", message="Invalid endpoint: minio:9000")
    exec(without_client("default", trouble, has_options=False).fix, {"STORAGES": settings})
    lost = examined(elsewhere(has_options=False), inside=None, **failed("ReadTimeoutError"))
    exec(troubles(lost)[0].fix.splitlines()[0].replace("https://...", "https://s3"), {"STORAGES": settings})
    assert {"default": {"OPTIONS": {"endpoint_url": "https://s3"}}} == settings


@pytest.mark.parametrize(
    ("name", "likely"), [
        ("s3://photos/2024", '"photos"'), ("https://s3.example.com/photos", '"photos"'),
        ("arn:aws:s3:::photos", '"photos"'),
        ("No Such Name", '"..."'),
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_bucket(name: str, likely: str) -> None:
    """Nobody was asked, so it is not said that nobody answers."""
    facts = examined(storage(bucket=name), inside=None, **failed("ParamValidationError"))
    (found,) = troubles(facts)
    assert ("D02", "bucket-name") == (found.id, found.title)
    assert f'["bucket_name"] = {likely}' in found.fix


# What Amazon answers, told by a stub in the place of botocore's HTTP session


class Script:
    """Answers each request by its method and query, and keeps what was asked."""

    def __init__(self, *answers: tuple[str, int, Mapping[str, str], str]) -> None:
        self.answers, self.asked = answers, list[str]()

    def send(self, request: Any) -> AWSResponse:
        self.asked.append(f"{request.method} {request.url}")
        owner = request.headers.get("x-amz-expected-bucket-owner", b"")
        asked = f"{self.asked[-1]} {owner.decode() if isinstance(owner, bytes) else owner}"
        found = next(each for each in self.answers if all(word in asked for word in each[0].split()))
        _, status, headers, body = found
        return AWSResponse(request.url, status, {"date": _now(), **headers}, _Raw(body.encode()))


class _Raw:
    """What botocore reads a body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any) -> Iterator[bytes]:
        yield self._body

    def close(self) -> None:
        """There is nothing."""


def _now() -> str:
    return format_datetime(datetime.now(timezone.utc), usegmt=True)


def target(script: Script, **options: Any) -> Target:
    """A storage on Amazon, as far as it knows."""
    made = S3Storage(**{
        "bucket_name": "acme", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "x", "region_name": "eu-west-1",
        "location": "media", "addressing_style": "path", **options,
    })  # fmt: skip
    found = in_haste(Target.of("default", made))
    found.client._endpoint.http_session = script
    return found


LISTING = "<ListBucketResult><Name>acme</Name></ListBucketResult>"
NO_KEY = "<Error><Code>NoSuchKey</Code></Error>"
NO_UPLOAD = "<Error><Code>NoSuchUpload</Code></Error>"


def denied(action: str, why: str = "because no identity-based policy allows it") -> str:
    said = f"User: arn:aws:iam::111122223333:user/x is not authorized to perform: {action} on resource: y {why}"
    return f"<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>"


def test_whose_bucket_it_is_on_amazon() -> None:
    """Only whoever names the owner is told."""
    script = Script(
        ("HEAD 111122223333", 403, {}, ""),
        ("HEAD", 200, {"x-amz-bucket-region": "eu-west-1"}, ""),
        ("GET", 200, {}, LISTING),
    )
    reach = reach_of(target(script), "111122223333")
    assert (True, True, False) == (reach.head.well, reach.listing.well, reach.own_account)
    assert "eu-west-1" == reach.head.region
    assert reach.skew is not None
    assert abs(reach.skew) < 5
    own = Script(("HEAD", 200, {}, ""), ("GET", 200, {}, LISTING))
    assert reach_of(target(own), "111122223333").own_account is True
    assert reach_of(target(own), None).own_account is None


def test_a_redirect_that_botocore_follows_is_seen() -> None:
    """It is silent about it; signed addresses are not redirected."""
    script = Script(
        ("HEAD eu-west-1", 301, {"x-amz-bucket-region": "eu-central-1"}, ""),
        ("HEAD", 200, {"x-amz-bucket-region": "eu-central-1"}, ""), ("GET", 200, {}, LISTING),
    )  # fmt: skip
    reach = reach_of(target(script), None)
    assert ("301", "eu-central-1", True) == (reach.head.code, reach.head.region, reach.listing.well)


ON_OBJECT: dict[str, tuple[int, str, str]] = {
    "absent": (404, NO_KEY, ""),
    "no-right": (403, denied("s3:GetObject"), "AccessDenied"),
    "no-list": (403, denied("s3:ListBucket"), "NotProven"),
    "deny": (403, denied("s3:GetObject", "with an explicit deny in a resource-based policy"), "NotProven"),
    "no-words": (403, "<Error><Code>AccessDenied</Code></Error>", "NotProven"),
    "archived": (403, "<Error><Code>InvalidObjectState</Code></Error>", ""),
}


@pytest.mark.parametrize("name", ON_OBJECT)
def test_rights_to_an_absent_object_on_amazon(name: str) -> None:
    """Amazon looks at the right first, and names within an account what was missing."""
    status, body, code = ON_OBJECT[name]
    script = Script(
        ("GET list-type", 200, {}, LISTING), ("GET acl", 404, {}, NO_KEY), ("GET", status, {}, body),
        ("DELETE", 404, {}, NO_UPLOAD), ("PUT", 404, {}, NO_UPLOAD),
    )  # fmt: skip
    found = {answer.operation: answer.code for answer in rights_of(target(script), would_trail=False)}
    wanted = {"ListBucket": "", "GetObject": code, "GetObjectAcl": "", "AbortMultipartUpload": "", "PutObject": ""}
    assert wanted == found
    assert all("uploadId=" in each for each in script.asked if each.startswith(("PUT", "DELETE", "POST")))


def test_elsewhere_absence_proves_nothing() -> None:
    """RGW 16 tells whoever may list that a key is not there, before it looks at the right to read it."""
    script = Script(
        ("GET list-type", 200, {}, LISTING), ("GET", 404, {}, NO_KEY), ("DELETE", 404, {}, NO_UPLOAD),
        ("PUT", 500, {}, ""),
    )  # fmt: skip
    found = rights_of(target(script, endpoint_url="http://s3.example.com"), would_trail=False)
    assert ["", "NoSuchKey", "NoSuchKey", "", "500"] == [answer.code for answer in found]
    assert 1 == sum(each.startswith("PUT") for each in script.asked)


def test_a_server_that_knows_no_uploads_in_parts_is_sent_no_part() -> None:
    """It could take it for an object."""
    script = Script(("GET list-type", 200, {}, LISTING), ("GET", 404, {}, NO_KEY), ("DELETE", 204, {}, ""))
    found = rights_of(target(script, endpoint_url="http://s3.example.com"), would_trail=True)
    assert "NotAsked" == found[-1].code
    assert [] == [each for each in script.asked if each.startswith("PUT")]


@pytest.mark.parametrize(
    ("key", "token", "code", "words"),
    [
        ("ASIAIOSFODNN7EXAMPLE", None, "InvalidAccessKeyId", "nothing without its session token"),
        ("AKIAIOSFODNN7EXAMPLE", "token", "InvalidToken", "belongs to another"),
        ("AKIAIOSFODNN7EXAMPLE", None, "InvalidAccessKeyId", "as it was"),
    ],
)
def test_kinds_of_keys(key: str, token: str | None, code: str, words: str) -> None:
    """What the beginning of a key tells."""
    made = target(Script(), access_key=key, security_token=token)
    assert words in refused(made, Answer(operation="ListObjectsV2", code=code, hint="as it was")).hint


def test_the_identity_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account's number is nobody's business; the name is what to look for."""
    said = {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/site"}
    sts = SimpleNamespace(get_caller_identity=lambda: said)
    monkeypatch.setattr("s3sync.s3.checkup.sibling", lambda client, service: sts)
    caller, account = identified(target(Script()), Caller(found=True))
    assert (f"{ARN}:user/site", "...3333", "111122223333") == (caller.identity, caller.account, account)

"""`manage.py s3_doctor --write`: what is put comes back, and nothing stays, however it ends."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from tests.iam import Role
from tests.project import S3_MANIFEST, Code, Project, Result, s3_options
from tests.proxy import Proxy, Request, Response, Rule, Verdict
from tests.servers import ON_MOTO, ON_RGW, ON_RGW_HTTPS, Server
from tests.test_interruptions import Gate, wait_until

TRIED = ("D26", "D27", "D28", "D29")
REFUSED = ("D01", "D04", "D05", "D11", "D21", *TRIED)
IMPORT_CONFIG = "from botocore.config import Config"
QUIET = Code(
    'Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required", '
    'response_checksum_validation="when_required")'
)


def doctor(project: Project, *args: str, alias: str = "default") -> Result:
    """Run it for one storage."""
    return project.run("s3_doctor", "--write", "--format", "json", "--storage", alias, *args)


def told(result: Result, *ids: str) -> list[tuple[str, str, str]]:
    """Id, verdict and title of what these checks have said; or of what a trial may say, where it is not well."""
    assert result.report, result
    wanted = [
        item for item in result.report["items"]
        if (item["id"] in ids if ids else item["id"] in REFUSED and item["verdict"] != "ok")
    ]  # fmt: skip
    return [(item["id"], item["verdict"], item["title"]) for item in wanted]


def said(result: Result, id_: str, title: str = "") -> dict[str, Any]:
    """The one diagnosis of this id; with a title, that which is not well."""
    (item,) = (
        each for each in result.report["items"]
        if each["id"] == id_ and (not title or (each["title"] == title and each["verdict"] != "ok"))
    )  # fmt: skip
    return dict(item)


def contents(s3: Any, bucket: str) -> dict[str, Any]:
    """Everything that is in a bucket: objects, versions, delete markers, unfinished uploads."""
    answer = s3.list_object_versions(Bucket=bucket)
    found = {name: [(each["Key"], each["VersionId"]) for each in answer.get(name, ())] for name in (
        "Versions", "DeleteMarkers",
    )}  # fmt: skip
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
    return {**found, "Uploads": [each["Key"] for each in uploads]}


def refusing(operation: str, code: str, http: int = 403, message: str = "", after: int = 0) -> Rule:
    """A stub of what other servers say: the first `after` calls pass."""
    seen = []

    def rule(request: Request) -> Verdict:
        if request.operation != operation:
            return None
        seen.append(request)
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        return Response(http, code, {"Content-Type": "application/xml"}, body) if len(seen) > after else None

    return rule


def test_what_was_asked_is_counted(project: Project, proxy: Proxy) -> None:
    """s3_doctor --write: the requests that it only builds, to compare them with botocore's, are none"""
    project.configure(server=proxy.server)
    result = doctor(project)

    counted, asked = result.report["requests"], proxy.count()
    assert asked["ListObjectsV2"] == counted["ListObjectsV2"]
    assert asked["PutObject"] >= counted["PutObject"]  # strangers' are not the command's own


@pytest.mark.parametrize(
    ("server", "versioned"), [("moto", True), ("rgw", False), ("rgw", True), ("rgw-https", False)], indirect=["server"]
)
def test_a_healthy_site(project: Project, s3: Any, bucket: str, server: Server, versioned: bool) -> None:
    """s3_create_bucket --update; s3_doctor --write; s3_push_media, which proves nothing again"""
    common: dict[str, Any] = {"client_config": QUIET} if server.kind == "rgw-https" else {}
    headers = {"CacheControl": "max-age=60", "ContentDisposition": "inline", "Metadata": {"from": "a  b"}}
    static = s3_options(server, bucket, location="static", gzip=True, object_parameters=headers) | common
    project.configure(
        options=common, settings=IMPORT_CONFIG, storages={"staticfiles": {"BACKEND": S3_MANIFEST, "OPTIONS": static}}
    )
    assert 0 == project.run("s3_create_bucket", "--update", "--no-input").code
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="media/theirs.txt", Body=b"theirs")
    before = contents(s3, bucket)

    result = project.run("s3_doctor", "--write", "--format", "json")

    assert [] == [item for item in result.report["items"] if item["verdict"] != "ok"], result
    assert 0 == result.code
    assert sorted(TRIED * 2) == sorted(id_ for id_, _, _ in told(result, *TRIED))
    trips = [item for item in result.report["items"] if item["id"] == "D27"]
    assert ["engine boto3, engine fast, the site's own save()"] * 2 == [
        item["seen"].partition(": ")[2].partition(";")[0] for item in trips
    ]
    (kept, _) = (item["seen"] for item in result.report["items"] if item["id"] == "D28")
    new, other = ("ignored" if versioned else "enforced", "ignored") if server.kind != "moto" else ("enforced",) * 2
    assert f"PutObject If-None-Match {new}; PutObject If-Match enforced; CompleteMultipartUpload {other}" in kept
    assert before == contents(s3, bucket)

    project.write("a.txt", b"1", age=60)
    pushed = project.push()
    assert 0 == pushed.code, pushed
    assert 1 == pushed.report["requests"]["PutObject"]
    project.write("a.txt", b"22")
    assert {"uploaded": 1, "changed": 1}.items() <= project.push().counts.items()


@ON_RGW_HTTPS
def test_checksums_that_the_server_refuses(project: Project, s3: Any, bucket: str) -> None:
    """s3_doctor --write, and again after the line it gives was pasted"""
    found = doctor(project)

    assert [("D26", "error", "checksums-refused")] == told(found)
    assert 3 == found.code
    assert "MissingContentLength, HTTP 411" in said(found, "D26")["seen"]
    config = re.search(r'"client_config": (Config\(.*\)),$', said(found, "D26")["fix"])
    assert config, found
    project.configure(options={"client_config": Code(config[1])}, settings=IMPORT_CONFIG)
    assert [] == told(doctor(project))
    assert {"Versions": [], "DeleteMarkers": [], "Uploads": []} == contents(s3, bucket)


# Servers that refuse: stubs, which answer as others do


PUBLIC = {"default_acl": "public-read", "querystring_auth": False}


def with_acl(code: str, http: int, message: str = "") -> Rule:
    """Refuses a PutObject that has an ACL."""
    refuse = refusing("PutObject", code, http, message)
    return lambda request: refuse(request) if "x-amz-acl" in request.headers else None


def changing(operation: str, change: Callable[[Response], Response]) -> Rule:
    """Changes what the server answers to this."""
    return lambda request: change if request.operation == operation else None


def without(name: str) -> Callable[[Response], Response]:
    return lambda answer: replace(answer, headers={k: v for k, v in answer.headers.items() if k.lower() != name})


def signed_by_version_2(request: Request) -> Verdict:
    return Response(400, "InvalidRequest") if "AWSAccessKeyId" in request.query else None


def open_to_all(request: Request) -> Verdict:
    """Whoever does not sign a GET gets some content."""
    signed = "authorization" in request.headers or "Signature" in str(request.query)
    return Response(200, headers={}, body=b"anything") if request.operation == "GetObject" and not signed else None


def closed_to_all(request: Request) -> Verdict:
    """Whoever does not sign a GET is refused."""
    signed = "authorization" in request.headers
    return Response(403, "AccessDenied") if request.operation == "GetObject" and not signed else None


def never_if_match(request: Request) -> Verdict:
    return Response(412, "PreconditionFailed") if "if-match" in request.headers else None


@ON_MOTO
@pytest.mark.parametrize(
    ("options", "rule", "expected", "words"),
    [
        (
            PUBLIC, with_acl("AccessControlListNotSupported", 400), [("D04", "error", "acl-refused")],
            "remove default_acl",
        ),
        (
            PUBLIC, with_acl("AccessDenied", 403, "because public ACLs are blocked by the BlockPublicAcls block"),
            [("D05", "error", "acl-blocked")], "s3_create_bucket --update --no-input --storage default",
        ),
        (PUBLIC, with_acl("AccessDenied", 403), [("D21", "error", "access-denied")], "remove default_acl"),
        ({}, refusing("PutObject", "AccessDenied"), [("D21", "error", "access-denied")], '"Action": ["s3:PutObject"]'),
        ({}, refusing("PutObject", "KMS.DisabledException", 400), [("D11", "error", "kms")], "KMS key"),
        ({}, refusing("PutObject", "SignatureDoesNotMatch"), [("D01", "error", "credentials")], "secret key"),
        (
            {}, changing("GetObject", lambda answer: replace(answer, body=answer.body and answer.body.upper())),
            [("D27", "error", "damaged")], "between here and the bucket",
        ),
        (
            {"object_parameters": {"CacheControl": "max-age=60"}}, changing("GetObject", without("cache-control")),
            [("D27", "error", "damaged")], "between here and the bucket",
        ),
        (
            {}, changing("GetObject", lambda answer: replace(answer, headers={**answer.headers, "ETag": 'W/"1"'})),
            [("D27", "error", "damaged")], "between here and the bucket",
        ),
        ({}, lambda request: "drop" if request.operation == "GetObject" else None, [("D27", "error", "refused")], ""),
        ({}, signed_by_version_2, [("D29", "error", "signature-version")], '"signature_version": "s3v4"'),
        ({}, open_to_all, [("D29", "error", "open-unsigned")], "s3_verify_acl --fix"),
        ({}, never_if_match, [("D28", "warning", "conditions-refused")], "s3_doctor --write"),
        (PUBLIC, closed_to_all, [("D29", "error", "unreadable")], "s3_create_bucket --update"),
        ({"custom_domain": "localhost:1"}, None, [("D29", "error", "domain-fails")], '"custom_domain"'),
        (
            {}, refusing("DeleteObject", "AccessDenied"), [("D21", "unknown", "delete-refused")],
            '"Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]',
        ),
    ],
)  # fmt: skip
def test_what_is_refused(
    project: Project, proxy: Proxy, s3: Any, bucket: str, options: dict[str, Any], rule: Rule | None,
    expected: list[tuple[str, str, str]], words: str,
) -> None:  # fmt: skip
    """One trouble, one diagnosis, and nothing stays."""
    project.configure(server=proxy.server, options=options)
    proxy.rule = rule
    result = doctor(project)
    assert expected == told(result), result
    item = said(result, expected[0][0], expected[0][2])
    assert words in item["fix"]
    assert item["why"]
    assert {"Versions": [], "DeleteMarkers": [], "Uploads": []} == contents(s3, bucket)
    if "delete-refused" in expected[0]:
        assert 0 == proxy.count()["PutObject"]
    if "conditions-refused" in expected[0]:
        for content in (b"1", b"22"):
            project.write("a.txt", content)
            assert 0 == project.push().code
    if "signature-version" in expected[0]:
        project.configure(options={"signature_version": "s3v4"})
        assert [] == told(doctor(project))


@ON_MOTO
def test_what_can_not_be_deleted_is_named(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """The right to delete goes after the first question for it."""
    project.configure(server=proxy.server)
    proxy.rule = refusing("DeleteObject", "AccessDenied", after=1)
    result = doctor(project)
    (lies, other) = (key for key, _ in contents(s3, bucket)["Versions"])
    assert [("D27", "warning", "left-behind"), ("D21", "error", "access-denied")] == told(result), result
    where = f"--endpoint-url {proxy.server.endpoint_url}"
    assert {f"aws s3api delete-object --bucket {bucket} --key {key} {where}" for key in (lies, other)} == set(
        said(result, "D27", "left-behind")["fix"].splitlines()
    )


@ON_MOTO
def test_versions_that_may_not_be_listed(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """They are asked for one by one, and parts that may not be aborted become an object, which goes too."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    project.configure(server=proxy.server)
    aborts = refusing("AbortMultipartUpload", "AccessDenied", after=1)
    versions = refusing("ListObjectVersions", "AccessDenied")
    proxy.rule = lambda request: aborts(request) or versions(request)
    result = doctor(project)
    assert [] == told(result, "D27")[1:]
    assert 2 == proxy.count()["CompleteMultipartUpload"]
    assert {"Versions": [], "DeleteMarkers": [], "Uploads": []} == contents(s3, bucket)


@ON_MOTO
def test_a_bucket_that_keeps_everything(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """Object Lock: nothing is written that nobody could delete."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    project.configure(server=proxy.server)
    rule = b"<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>9</Days></DefaultRetention></Rule>"
    lock = b"<ObjectLockConfiguration>" + rule + b"</ObjectLockConfiguration>"
    proxy.rule = lambda request: Response(200, body=lock) if "object-lock" in request.query else None
    result = doctor(project)
    assert ("D27", "unknown", "not-tried") in told(result), result
    assert 8 == result.code
    assert 0 == proxy.count()["PutObject"]


@ON_MOTO
def test_an_internal_host_and_a_storage_of_their_own(project: Project, s3: Any, bucket: str) -> None:
    """Fine in development, and not for a site that others visit; a class's own failures are told, not raised."""
    project.configure(settings='CSRF_TRUSTED_ORIGINS = ["https://www.example.com"]')
    result = doctor(project)
    assert [("D29", "warning", "internal-host")] == told(result, *TRIED)[-1:], result
    assert "custom_domain" in said(result, "D29")["fix"]

    backends = """\
from storages.backends.s3 import S3Storage

class Shouting(S3Storage):
    def save(self, name, content, max_length=None):
        saved = super().save(name, content, max_length)
        super().save("index.txt", content, max_length)
        return saved

    def url(self, name, **how):
        raise RuntimeError("no urls today")
"""
    project.configure(backend="backends.Shouting", backends=backends)
    result = doctor(project)
    assert {("D27", "warning", "more-keys"), ("D29", "error", "url-fails")} == set(told(result, *TRIED)) - {
        each for each in told(result, *TRIED) if each[1] == "ok"
    }
    assert "media/index.txt" in said(result, "D27", "more-keys")["seen"]
    assert ["media/index.txt"] == [key for key, _ in contents(s3, bucket)["Versions"]]


@pytest.fixture(scope="module", name="role")
def make_role(rgw_http: Server, rgw_https: Server) -> Role:
    """A user whose rights are a document's."""
    return Role.on(rgw_http, rgw_https, "prober")


@ON_RGW
def test_rights(project: Project, s3: Any, bucket: str, role: Role, proxy: Proxy) -> None:
    """s3_doctor --write without s3:DeleteObject, s3:GetObject or s3:PutObject; and with all"""
    user = replace(role.server, endpoint_url=proxy.server.endpoint_url)
    project.configure(server=user)

    def may_not(*actions: str) -> Result:
        """Whoever has put an object may read it on RGW, unless a Deny says otherwise."""
        objects = f"arn:aws:s3:::{bucket}/media/*"
        allow = {"Effect": "Allow", "Action": ["s3:*"], "Resource": [f"arn:aws:s3:::{bucket}", objects]}
        deny = [{"Effect": "Deny", "Action": [action], "Resource": objects} for action in actions]
        role.allow({"Version": "2012-10-17", "Statement": [allow, *deny]})
        return doctor(project)

    for right, expected in (
        ("s3:DeleteObject", ("D21", "unknown", "delete-refused")),
        ("s3:GetObject", ("D21", "error", "access-denied")),
        ("s3:PutObject", ("D21", "error", "right-missing")),
    ):
        found = may_not(right)
        assert [expected] == told(found), found
        assert right in said(found, "D21", expected[2])["seen"]
        assert {"Versions": [], "DeleteMarkers": [], "Uploads": []} == contents(s3, bucket)
    assert [] == told(may_not())


# Nothing stays


@ON_MOTO
@pytest.mark.parametrize("often", [1, 2])
@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload"])
def test_interrupted(project: Project, proxy: Proxy, s3: Any, bucket: str, operation: str, often: int) -> None:
    """s3_doctor --write, and SIGTERM while the server stalls, once and twice"""
    project.configure(server=proxy.server)
    gate = Gate(proxy, operation)
    process = project.start("s3_doctor", "--write", "--format", "json", "--storage", "default", fresh=often == 2)
    # It stalls when it has been asked; that it has stored what was asked, comes a moment later.
    kind = "Versions" if operation == "PutObject" else "Uploads"
    wait_until(lambda: gate.held and contents(s3, bucket)[kind], process)
    process.send_signal(signal.SIGTERM)
    if often == 2:  # the stalled answer is not waited for; a third signal would be obeyed at once
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        result = project.finish(process, timeout=12)  # the stalled call itself would take 30
    gate.open()
    if often == 1:
        result = project.finish(process)
    assert 128 + signal.SIGTERM == result.code, result
    assert {"Versions": [], "DeleteMarkers": [], "Uploads": []} == contents(s3, bucket)


@ON_RGW
def test_what_a_killed_run_has_left(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """No other command sees it; after an hour the next s3_doctor --write removes it"""
    project.configure_static()
    key = "static/.s3sync/doctor-0123456789abcdef.css"
    for name in (key, key.replace("static", "media"), "static/.s3sync/other", "static/old.css"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"/**/")
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"1")
    project.write("a.txt", b"a")
    project.asset("a.css", "a{}")

    pushed = project.push("--delete", "--max-delete", "100%")
    assert (0, []) == (pushed.code, [item for item in pushed.report["items"] if item["action"] != "upload"]), pushed
    collected = project.collect("--clear")
    assert 0 == collected.code, collected
    assert {"static/old.css"} == {item["key"] for item in collected.report["items"] if item["action"] == "delete"}
    verified = project.run("s3_verify_acl", "--format", "json", "--storage", "default")
    assert (0, []) == (verified.code, verified.report["items"]), verified

    project.configure_static(endpoint_url=proxy.server.endpoint_url)
    assert ("D27", "ok", "round-trip") in told(doctor(project, alias="staticfiles"), "D27")
    assert key in [name for name, _ in contents(s3, bucket)["Versions"]]

    later = format_datetime(datetime.now(timezone.utc) + timedelta(hours=2), usegmt=True)
    proxy.rule = changing("ListObjectsV2", lambda answer: replace(answer, headers={**answer.headers, "Date": later}))
    result = doctor(project, alias="staticfiles")
    assert "2 of an earlier run removed" in said(result, "D27")["seen"], result
    left = contents(s3, bucket)
    assert [] == left["Uploads"]
    assert key not in [name for name, _ in left["Versions"]]
    assert "static/.s3sync/other" in [name for name, _ in left["Versions"]]

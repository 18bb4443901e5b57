"""`manage.py s3_doctor` on who reads and writes: a bucket is broken, the doctor says so, and what it says mends it."""

from __future__ import annotations

import http.client
import json
import re
import shlex
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import xform_name
from django.core.management import CommandError, call_command
from django.test import override_settings
from moto import mock_aws

from tests.project import S3_STATIC, S3_STORAGE, Project, Result, s3_options
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_MOTO, ON_RGW
from tests.test_verify_acl import allow, set_policy, stranger

FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
KMS = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
OAC = {"Service": "cloudfront.amazonaws.com"}
ROLE = {"AWS": "arn:aws:iam::111122223333:role/app"}
PUBLIC = {"location": "static", "querystring_auth": False}


def doctor(project: Project) -> Result:
    return project.run("s3_doctor", "--format", "json")


def sick(result: Result) -> list[tuple[str, str]]:
    """Id and verdict of all that is not well."""
    return [(item["id"], item["verdict"]) for item in result.report["items"] if item["verdict"] != "ok"]


def fixes(result: Result) -> list[str]:
    """The lines of all remedies, in the order in which people see them."""
    order = {"error": 0, "unknown": 1, "warning": 2}
    bad = [item for item in result.report["items"] if item["verdict"] in order]
    return [line for item in sorted(bad, key=lambda each: order[each["verdict"]]) for line in item["fix"].splitlines()]


def follow(project: Project, s3: Any, lines: list[str], write: Callable[[str], None] | None = None) -> None:
    """Types each line as it stands; what is to be written into the settings goes to `write`."""
    for line in lines:
        if line.startswith("python manage.py "):
            result = project.run(*shlex.split(line)[2:])
            assert 0 == result.code, f"{line}\n{result}"
        elif line.startswith("aws "):
            words = shlex.split(line)
            assert ["--endpoint-url", project.server.endpoint_url] == words[-2:]
            aws(s3, words[1:-2])
        else:
            assert write is not None, line
            write(line)


def aws(client: Any, words: list[str]) -> None:
    """What Amazon's command line does with these words."""
    if words[:2] == ["s3", "cp"]:
        bucket, _, prefix = words[2].removeprefix("s3://").partition("/")
        assert words[2] == words[3]
        assert ["--recursive", "--sse", "AES256"] == words[4:]
        for found in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            source = {"Bucket": bucket, "Key": found["Key"]}
            client.copy_object(Bucket=bucket, Key=found["Key"], CopySource=source, ServerSideEncryption="AES256")
        return
    method = words[1].replace("-", "_")
    members = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape.members
    named = {xform_name(name, "-"): name for name in members}
    options = dict(zip(words[2::2], words[3::2], strict=True))
    arguments = {named[option.removeprefix("--")]: value for option, value in options.items()}
    getattr(client, method)(**{
        name: _parsed(value) if members[name].type_name == "structure" else value for name, value in arguments.items()
    })  # fmt: skip


def _parsed(value: str) -> Any:
    """A structure, in JSON or in the command line's shorthand."""
    if value.startswith("{"):
        return json.loads(value)
    words = {"true": True, "false": False}
    return {name: words.get(text, text) for name, text in (each.split("=") for each in value.split(","))}


def block(s3: Any, bucket: str, *on: str) -> None:
    flags = {flag: flag in on for flag in FLAGS}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)


def own(s3: Any, bucket: str, ownership: str) -> None:
    rules = {"Rules": [{"ObjectOwnership": ownership}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)


def as_of_old(s3: Any, bucket: str, *blocked: str) -> None:
    """As buckets were before 2023: ACLs count."""
    block(s3, bucket, *blocked)
    own(s3, bucket, "ObjectWriter")


@pytest.fixture(name="site")
def make_site(project: Project, s3: Any, bucket: str) -> Project:
    """Private media and public static files in one bucket, as `s3_create_bucket` sets it up; an object in each."""
    static = {"BACKEND": S3_STATIC, "OPTIONS": s3_options(project.server, bucket, location="static")}
    project.configure(storages={"staticfiles": static})
    on = FLAGS[:2] if project.server.kind == "moto" else FLAGS[1:2]
    block(s3, bucket, *on)
    if project.server.kind == "moto":
        own(s3, bucket, "BucketOwnerEnforced")
    set_policy(s3, bucket, {**allow(bucket, "static/*"), "Sid": "StaticfilesPublic"})
    for key in ("media/a.jpg", "static/a.css"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"a")
    return project


STATIC = "static/*"


def _policy(*made: dict[str, Any]) -> Callable[[Any, str], None]:
    """`BUCKET` stands for the bucket's name."""
    return lambda s3, bucket: set_policy(s3, bucket, *json.loads(json.dumps(made).replace("BUCKET", bucket)))


PUBLISHED = {**allow("BUCKET", STATIC), "Sid": "StaticfilesPublic"}
NOT_PRINCIPAL = {**allow("BUCKET"), "NotPrincipal": ROLE}
del NOT_PRINCIPAL["Principal"]

BROKEN: dict[str, tuple[str, str, Callable[[Any, str], Any]]] = {
    "all is blocked": ("D06", "error", lambda s3, bucket: block(s3, bucket, *FLAGS)),
    "no policy": ("D07", "error", lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket)),
    "all is open": ("D07", "error", _policy(allow("BUCKET"))),
    "a pattern is broad": ("D07", "warning", _policy(allow("BUCKET", "static*"))),
    "strangers list": (
        "D09", "error", _policy(PUBLISHED, allow("BUCKET", Action="s3:ListBucket", Resource="arn:aws:s3:::BUCKET")),
    ),
    "strangers do anything": (
        "D10", "error",
        _policy(allow("BUCKET", Action="s3:*", Resource=["arn:aws:s3:::BUCKET", "arn:aws:s3:::BUCKET/*"])),
    ),
    "kms": (
        "D11", "error", lambda s3, bucket: s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration=KMS
        ),
    ),
    "website": (
        "D13", "warning", lambda s3, bucket: s3.put_bucket_website(
            Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
        ),
    ),
    "versions": ("D14", "error", _policy(PUBLISHED, allow("BUCKET", Action="s3:GetObjectVersion"))),
    "not principal": ("D19", "error", _policy(PUBLISHED, NOT_PRINCIPAL)),
    "acls count": ("D20", "warning", as_of_old),
}  # fmt: skip


@ON_MOTO
def test_broken_told_and_mended_again_and_again(site: Project, s3: Any, bucket: str) -> None:
    """s3_doctor; each line of its remedy, as it stands; the next trouble: nothing is left of the one before"""

    def write(line: str) -> None:
        if line.startswith("whom it was to let in"):
            return
        assert '"ServerSideEncryption": "AES256"' in line
        options = {"location": "static", "object_parameters": {"ServerSideEncryption": "AES256"}}
        static = {"BACKEND": S3_STATIC, "OPTIONS": s3_options(site.server, bucket, **options)}
        site.configure(storages={"staticfiles": static})

    for name, (check, verdict, breaking) in BROKEN.items():
        breaking(s3, bucket)
        result = doctor(site)
        assert [(check, verdict)] == sick(result), f"{name}: {result}"
        assert (3 if verdict == "error" else 0) == result.code, name
        follow(site, s3, fixes(result), write)
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        after = doctor(site)
        assert (0, []) == (after.code, sick(after)), f"{status}: {after}"
    assert [200, 403] == [stranger(site, bucket, key) for key in ("static/a.css", "media/a.jpg")]


@ON_RGW
def test_on_a_server_that_enforces(site: Project, s3: Any, bucket: str) -> None:
    """s3_doctor on Ceph RGW: uploads that are refused, what is open, what is shut; each mended to the letter"""
    assert [] == sick(doctor(site))
    site.write("b.jpg", b"b", age=60)

    block(s3, bucket, *FLAGS[:2])
    assert 4 == site.push().code
    blocked = doctor(site)
    (told,) = (item for item in blocked.report["items"] if item["id"] == "D05")
    assert "Ceph RGW refuses every upload" in told["why"]
    follow(site, s3, told["fix"].splitlines())
    assert [] == sick(doctor(site))
    assert 0 == site.push().code

    set_policy(s3, bucket, allow(bucket), allow(bucket, "media/*", Action="s3:PutObject"))
    assert [200, 200] == [stranger(site, bucket, key) for key in ("media/a.jpg", "static/a.css")]
    assert 200 == _anonymous(site, "PUT", f"/{bucket}/media/c.jpg")
    _mended(site, s3, ("D10", "error"), ("D07", "error"))
    assert [403, 200] == [stranger(site, bucket, key) for key in ("media/a.jpg", "static/a.css")]
    assert 403 == _anonymous(site, "PUT", f"/{bucket}/media/c.jpg")

    s3.delete_bucket_policy(Bucket=bucket)
    assert 403 == stranger(site, bucket, "static/a.css")
    _mended(site, s3, ("D07", "error"))
    assert 200 == stranger(site, bucket, "static/a.css")

    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert 403 == stranger(site, bucket, "static/a.css")
    _mended(site, s3, ("D12", "error"))
    assert 200 == stranger(site, bucket, "static/a.css")

    s3.delete_public_access_block(Bucket=bucket)
    _mended(site, s3, ("D20", "warning"))


@ON_RGW
def test_a_bucket_whose_own_acl_is_open(project: Project, s3: Any, bucket: str) -> None:
    """s3_doctor on Ceph RGW, where strangers list by the bucket's ACL; then write, too"""
    static = {"BACKEND": S3_STATIC, "OPTIONS": s3_options(project.server, bucket, location="static")}
    project.configure(storages={"default": static})
    set_policy(s3, bucket, allow(bucket, "static/*"))
    for acl, expected in (("public-read", ("D09", "warning")), ("public-read-write", ("D10", "error"))):
        s3.put_bucket_acl(Bucket=bucket, ACL=acl)
        assert 200 == _anonymous(project, "GET", f"/{bucket}")
        _mended(project, s3, expected)
        assert 403 == _anonymous(project, "GET", f"/{bucket}")


def _mended(project: Project, s3: Any, *expected: tuple[str, str]) -> None:
    result = doctor(project)
    assert list(expected) == sick(result), result
    follow(project, s3, fixes(result))
    after = doctor(project)
    assert (0, []) == (after.code, sick(after)), after


def _anonymous(project: Project, method: str, path: str) -> int:
    parts = urlsplit(project.server.endpoint_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    try:
        connection.request(method, path, b"x" if method == "PUT" else None)
        return connection.getresponse().status
    finally:
        connection.close()


@ON_MOTO
def test_an_acl_that_a_bucket_of_today_refuses(project: Project, s3: Any, bucket: str) -> None:
    """s3_doctor, with the ACL of an old tutorial, wherever it is written; then without it, as is told"""
    variants: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
        ({"default_acl": "public-read"}, "", {"default_acl": None}),
        ({}, 'AWS_DEFAULT_ACL = "public-read"', {"default_acl": None}),
        ({"object_parameters": {"ACL": "public-read"}}, "", {"object_parameters": {}}),
    ]
    for options, settings, written in variants:
        own(s3, bucket, "BucketOwnerEnforced")
        s3.delete_bucket_policy(Bucket=bucket)
        project.configure(options={**PUBLIC, **options}, settings=settings)
        result = doctor(project)
        assert [("D04", "error")] == sick(result), result
        lines = fixes(result)
        assert next(iter(written)) in lines[0]
        assert 'OPTIONS of STORAGES["default"]' in lines[0]
        project.configure(options={**PUBLIC, **options, **written}, settings=settings)
        follow(project, s3, lines[1:])
    after = doctor(project)
    assert (0, []) == (after.code, sick(after)), after
    s3.put_object(Bucket=bucket, Key="static/a.css", Body=b"a")
    assert 200 == stranger(project, bucket, "static/a.css")


@ON_MOTO
@pytest.mark.parametrize("everybody", [True, False])
def test_an_acl_that_contradicts_the_addresses(project: Project, s3: Any, bucket: str, everybody: bool) -> None:
    """s3_doctor, with public-read and signed addresses; then one way, or the other"""
    own(s3, bucket, "BucketOwnerEnforced")
    project.configure(options={"default_acl": "public-read"})
    result = doctor(project)
    assert ("D04", "error") in sick(result)
    (told,) = (item for item in result.report["items"] if item["id"] == "D04")
    write, choose, command = told["fix"].splitlines()
    assert '"default_acl": None' in write
    assert '"querystring_auth": False' in choose
    project.configure(options={"default_acl": None, **({"querystring_auth": False} if everybody else {})})
    follow(project, s3, [command])
    after = doctor(project)
    assert (0, []) == (after.code, sick(after)), after
    s3.put_object(Bucket=bucket, Key="media/a.jpg", Body=b"a")
    assert (200 if everybody else 403) == stranger(project, bucket, "media/a.jpg")


@ON_MOTO
def test_acls_alone_keep_public_and_private_apart(project: Project, s3: Any, bucket: str) -> None:
    """s3_doctor, on a bucket of old; then with BlockPublicAcls on"""

    def site(**options: Any) -> None:
        made = s3_options(project.server, bucket, location="static", **options)
        project.configure(storages={"staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": made}})

    def write(line: str) -> None:
        assert '"default_acl": None into OPTIONS of STORAGES["staticfiles"]' in line
        site(default_acl=None)

    for flags, expected in (((), ("D23", "warning")), (FLAGS[:1], ("D05", "error"))):
        s3.delete_bucket_policy(Bucket=bucket)
        as_of_old(s3, bucket, *flags)
        site(default_acl="public-read")
        result = doctor(project)
        assert [expected] == sick(result), result
        follow(project, s3, fixes(result), write)
        after = doctor(project)
        assert (0, []) == (after.code, sick(after)), after


@ON_MOTO
def test_a_cdn_that_everybody_can_go_around(project: Project, s3: Any, bucket: str) -> None:
    """s3_doctor, with an origin access control and a public policy; then with the policy that it prints"""
    static = s3_options(project.server, bucket, location="static", custom_domain="cdn.example.com")
    storages = {"staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": static}}
    project.configure(storages=storages)
    own(s3, bucket, "BucketOwnerEnforced")
    set_policy(s3, bucket, allow(bucket, "static/*"), allow(bucket, "static/*", Principal=OAC))
    result = doctor(project)
    assert [("D16", "warning")] == sick(result), result

    def write(line: str) -> None:
        if "only CloudFront" in line:
            (declared,) = re.findall(r"S3SYNC = \{.*\}\}", line)
            project.configure(storages=storages, settings=declared)

    follow(project, s3, fixes(result), write)
    after = doctor(project)
    assert (0, []) == (after.code, sick(after)), after
    (left,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert OAC == left["Principal"]


@ON_MOTO
def test_what_may_not_be_read_is_unknown(site: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_doctor on a stub that refuses the policy, and one that knows no switch"""

    def denied(request: Request) -> Response | None:
        return Response(403, "AccessDenied") if request.query.keys() & {"policy", "policyStatus"} else None

    proxy.rule = denied
    static = {"BACKEND": S3_STATIC, "OPTIONS": s3_options(proxy.server, bucket, location="static")}
    site.configure(server=proxy.server, storages={"staticfiles": static})
    result = doctor(site)
    ours = [item for item in result.report["items"] if item["verdict"] == "unknown" and item["id"] == "D07"]
    assert 8 == result.code, result
    assert 1 == len(ours)
    assert f"needs s3:GetBucketPolicy on {bucket}" in ours[0]["seen"]
    assert "D10" not in [check for check, _ in sick(result)], "told once"


def test_the_accounts_block_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """s3_doctor where the account shuts everything, inside `moto.mock_aws`: there are accounts there"""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    options = {"bucket_name": "acme", "region_name": "eu-west-1", **PUBLIC}
    with mock_aws(), override_settings(STORAGES={"default": {"BACKEND": S3_STORAGE, "OPTIONS": options}}):
        call_command("s3_create_bucket", verbosity=0)
        control = boto3.client("s3control", region_name="eu-west-1")
        control.put_public_access_block(
            AccountId="123456789012", PublicAccessBlockConfiguration=dict.fromkeys(FLAGS, True)
        )
        with pytest.raises(CommandError):
            call_command("s3_doctor", format="json")
        report = json.loads(capsys.readouterr().out)
        (told,) = (item for item in report["items"] if item["verdict"] == "error")
        assert ("D06", True) == (told["id"], "RestrictPublicBuckets (account)" in told["seen"])
        first, command = told["fix"].splitlines()
        account = '"$(aws sts get-caller-identity --query Account --output text)"'
        aws(control, shlex.split(first.replace(account, "123456789012"))[1:])
        call_command(*shlex.split(command)[2:], verbosity=0)
        with pytest.raises(CommandError, match="undecided"):  # who pays: mock_aws does not tell
            call_command("s3_doctor", format="json")
        found = json.loads(capsys.readouterr().out)["items"]
        assert [("D07", "unknown")] == [(item["id"], item["verdict"]) for item in found if item["verdict"] != "ok"]

"""`s3_doctor`, on the way to the bucket: each trouble by its own id, and a remedy that mends it when it is followed."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from s3sync.doctor.facts import BucketSeen, Site
from s3sync.s3.target import Target
from s3sync.sync.examination import examined
from tests.iam import Document, Role
from tests.project import S3_STATIC, S3_STORAGE, Code, Project, Result, s3_options
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_BOTH, ON_MOTO, ON_RGW, ON_RGW_HTTPS, Server, free_port, remove_bucket
from tests.test_verify_acl import set_policy
from tests.unit.test_doctor_way import elsewhere

OURS = {"D00", "D01", "D02", "D03", "D18", "D21", "D22", "D25", "D26"}
OF_THE_BUCKET = {"D03", "D04", "D05", "D06", "D07", "D09", "D10", "D11", "D12", "D20", "D21", "D25", "D26"}
KEY, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN"
KEYS = {"access_key": KEY, "secret_key": SECRET}
QUIET = {
    "settings": "from botocore.config import Config",
    "options": {"client_config": Code('Config(request_checksum_calculation="when_required")')},
}
"""What RGW needs over https."""
HTML = Response(200, headers={"Content-Type": "text/html"}, body=b"<!doctype html><title>Console</title>")


def doctor(project: Project, *args: str, **how: Any) -> Result:
    """Runs it for `default`, or for the aliases that are named; no run may tell a secret."""
    result = project.run("s3_doctor", "--format", "json", *(args or ("--storage", "default")), **how)
    for secret in (SECRET, TOKEN, KEY, project.server.secret_key * (project.server.kind != "moto"), "Signature="):
        assert not secret or secret not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr, result
    return result


def found(result: Result, *ids: str) -> list[dict[str, Any]]:
    """What is not well, of the way to the bucket."""
    return [item for item in result.report["items"] if item["id"] in (ids or OURS) and item["verdict"] != "ok"]


def only(result: Result, check: str, title: str, verdict: str = "error") -> dict[str, Any]:
    """The only trouble, which has to be this one."""
    assert [(check, title, verdict)] == [(item["id"], item["title"], item["verdict"]) for item in found(result)], result
    (item,) = found(result)
    assert item["why"]
    assert item["fix"]
    return item


def alone(result: Result, check: str, title: str) -> dict[str, Any]:
    """As `only`; and as nobody gets in, no other check says a word."""
    assert result.code == 3, result
    item = only(result, check, title)
    assert set() == OF_THE_BUCKET & {item["id"] for item in result.report["items"]}
    return item


def well(result: Result) -> None:
    """Of the way, nothing is to be said."""
    assert [] == found(result), result
    assert {"D01", "D02", "D21", "D22"} <= {item["id"] for item in result.report["items"]}


def follow(project: Project, fix: str) -> None:
    """Does what it says: pastes what is Python into the settings, and runs our commands."""
    with (project.root / "settings.py").open("a") as settings:
        settings.writelines(f"{line}\n" for line in fix.splitlines() if line.startswith(("STORAGES[", "from ")))
    for line in fix.splitlines():
        if line.startswith("python manage.py"):
            words, _, file = line.removeprefix("python manage.py ").partition(" > ")
            done = project.run(*shlex.split(words))
            assert done.code == 0, done
            if file:
                (project.root / file).write_text(done.stdout)


@pytest.fixture(scope="module", name="role")
def make_role(rgw_http: Server, rgw_https: Server) -> Role:
    """A user whose rights are a document's."""
    return Role.on(rgw_http, rgw_https, "patient")


@pytest.mark.parametrize("server", ["moto", "rgw", "rgw-https"], indirect=True)
def test_a_healthy_way_and_nothing_is_written(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_doctor"""
    s3.put_object(Bucket=bucket, Key="media/a.txt", Body=b"")
    project.configure(server=proxy.server, **(QUIET if project.server.kind == "rgw-https" else {}))

    result = doctor(project)

    well(result)
    assert ["media/a.txt"] == [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert [] == s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert set() == {name for name in proxy.count() if name.startswith(("Put", "Delete", "Create", "Complete"))}
    assert sum(proxy.count().values()) == result.report["api_calls"]
    (rights,) = (item for item in result.report["items"] if item["id"] == "D21")
    proven = {"moto": "s3:ListBucket, s3:GetObject, s3:AbortMultipartUpload; not proven: s3:PutObject"}
    full = "s3:ListBucket, s3:GetObject, s3:PutObject, s3:AbortMultipartUpload"
    words = f"s3_push_media can run ({proven.get(project.server.kind, full)}); s3_verify_acl can run"
    assert words == rights["seen"]


@ON_MOTO
def test_no_credentials(project: Project, bucket: str) -> None:
    """s3_doctor without any, with them in the environment, with half of them or a token alone, with no such profile"""
    keyless = {name: value for name, value in s3_options(project.server, bucket).items() if not name.endswith("_key")}

    def configure(**options: Any) -> None:
        project.configure(storages={"default": {"BACKEND": S3_STORAGE, "OPTIONS": keyless | options}})

    configure()
    alone(doctor(project), "D01", "no-credentials")

    env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
    mended = doctor(project, env=env)
    well(mended)
    (item,) = (item for item in mended.report["items"] if item["id"] == "D01")
    assert "from the environment, ...MPLE, temporary" == item["seen"]

    half = alone(doctor(project, env={"AWS_ACCESS_KEY_ID": KEY}), "D01", "half-a-key")
    assert "there is no secret_key: the other half is there" == half["seen"]
    assert half["fix"].startswith("export AWS_SECRET_ACCESS_KEY=... where")

    configure(access_key=None, secret_key=None)
    token = alone(doctor(project, env=env), "D01", "half-a-key")
    assert "remove access_key and secret_key from OPTIONS, where they are None" in token["fix"]

    configure(session_profile="nope")
    profile = alone(doctor(project), "D01", "credentials")
    assert "check AWS_PROFILE or session_profile against the names in ~/.aws/config" == profile["fix"]


@ON_RGW
def test_credentials_that_are_not_accepted(project: Project) -> None:
    """s3_doctor, with a wrong secret; with a key that nobody knows"""
    project.configure(options={"secret_key": SECRET})
    wrong = alone(doctor(project), "D01", "credentials-refused")
    assert "SignatureDoesNotMatch" in wrong["seen"]
    assert "AWS_SECRET_ACCESS_KEY" in wrong["fix"]
    project.configure(options=KEYS)
    unknown = alone(doctor(project), "D01", "credentials-refused")
    assert "(...MPLE): ListObjectsV2: InvalidAccessKeyId, HTTP 403" in unknown["seen"]


@ON_BOTH
def test_no_bucket(project: Project, s3: Any) -> None:
    """s3_doctor, and what it says to type"""
    name = f"made-{secrets.token_hex(6)}"
    project.configure(bucket=name)
    trouble = alone(doctor(project), "D02", "no-bucket")
    assert trouble["fix"].startswith("python manage.py s3_create_bucket --storage default\n")
    try:
        follow(project, trouble["fix"].splitlines()[0])
        well(doctor(project))
    finally:
        with suppress(ClientError, BotoCoreError):
            remove_bucket(s3, name)


@ON_RGW
def test_the_bucket_of_others(project: Project, s3: Any, bucket: str) -> None:
    """s3_doctor, for a bucket that the first user has made"""
    server = project.server
    other = {"access_key": server.other_access_key, "secret_key": server.other_secret_key}
    project.configure(options=other)
    trouble = alone(doctor(project), "D02", "denied")
    assert "the bucket is another account's, or these credentials have no right to it" in trouble["seen"]
    assert "s3:ListBucket" in trouble["fix"]
    assert "python manage.py s3_create_bucket --storage default" in trouble["fix"].splitlines()


def rights(bucket: str, *actions: str) -> Document:
    """Under the prefix as our documents allow it, these."""
    objects = [action for action in actions if action != "s3:ListBucket"]
    listing = {
        "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": f"arn:aws:s3:::{bucket}",
        "Condition": {"StringLike": {"s3:prefix": "media/*"}},
    }  # fmt: skip
    statements = [{"Effect": "Allow", "Action": objects, "Resource": f"arn:aws:s3:::{bucket}/media/*"}] * bool(objects)
    return {"Version": "2012-10-17", "Statement": statements + [listing] * ("s3:ListBucket" in actions)}


PRINT = "python manage.py s3_verify_acl --print-policy iam --for s3_push_media --storage default > default-policy.json"
ABORT, GET, LIST, PUT = "s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"


@ON_RGW
@pytest.mark.parametrize(
    ("allowed", "lacking", "verdict"),
    [
        ((), "", "error"),
        ((GET, PUT, ABORT), "s3:ListBucket on ", "error"),
        ((LIST, GET), "s3:PutObject and s3:AbortMultipartUpload on ", "error"),
        ((LIST, PUT, ABORT), "s3:GetObject on ", "error"),
        ((LIST, GET, PUT), "s3:AbortMultipartUpload on ", "warning"),
    ],
)
def test_rights(project: Project, s3: Any, bucket: str, role: Role, allowed: Any, lacking: str, verdict: str) -> None:
    """s3_doctor, as a user who may do only so much; and with the policy that it says to print"""
    s3.put_object(Bucket=bucket, Key="media/a.txt", Body=b"a")
    project.configure(server=role.server)
    role.allow(rights(bucket, *allowed))
    result = doctor(project)
    if lacking:
        trouble = only(result, "D21", "right-missing", verdict)
        assert trouble["seen"].startswith(f"the credentials lack {lacking}{bucket}"), trouble["seen"]
    else:
        trouble = alone(result, "D02", "denied")
    assert PRINT in trouble["fix"].splitlines()
    if GET in allowed and PUT in allowed:
        return  # the same document mends them all

    follow(project, PRINT)
    role.allow(json.loads((project.root / "default-policy.json").read_text()))

    well(doctor(project))


@ON_MOTO
def test_nobody_answers(project: Project) -> None:
    """s3_doctor, for an endpoint that refuses connections; one without a scheme; one that no DNS has"""
    dead = replace(project.server, endpoint_url=f"http://127.0.0.1:{free_port()}")
    project.configure(server=dead)
    result = doctor(project)
    refused = alone(result, "D02", "unreachable")
    assert "EndpointConnectionError" in refused["seen"]
    assert result.report["seconds"]["total"] < 15
    assert result.report["api_calls"] <= 2
    project.configure(server=replace(dead, endpoint_url="localhost:9000"))
    bare = alone(doctor(project), "D02", "endpoint")
    assert 'STORAGES["default"]["OPTIONS"]["endpoint_url"] = "https://..."' in bare["fix"]


ERRORS: dict[str, tuple[Callable[[Request], Any], str, str, str]] = {
    "html": (lambda _: HTML, "D02", "not-s3", "endpoint_url"),
    "html-404": (lambda _: replace(HTML, status=404), "D02", "not-s3", "endpoint_url"),
    "to-https": (
        lambda _: Response(308, headers={"Location": "https://s3.example.com/b?Signature=x"}, body=b""),
        "D02", "redirect", 'STORAGES["default"]["OPTIONS"]["endpoint_url"] = "https://s3.example.com"',
    ),
    "expired": (lambda _: Response(400, "ExpiredToken"), "D01", "credentials-refused", "renew them"),
    "lasting": (lambda _: Response(400, "InvalidToken"), "D01", "credentials-refused", "remove security_token"),
    "skewed": (
        lambda _: Response(403, "RequestTimeTooSkewed", {"Date": _date(20)}), "D22", "clock", "timedatectl set-ntp true"
    ),
    "suspended": (lambda _: Response(403, "UserSuspended"), "D01", "credentials-refused", "its owner has to settle"),
    "broken": (lambda _: Response(500, "InternalError"), "D02", "bucket", "the server failed"),
}  # fmt: skip


def _date(minutes: float) -> str:
    """A clock that is so many minutes behind ours."""
    return format_datetime(datetime.now(timezone.utc) - timedelta(minutes=minutes), usegmt=True)


@ON_MOTO
@pytest.mark.parametrize("name", ERRORS)
def test_scripted_answers(project: Project, proxy: Proxy, name: str) -> None:
    """s3_doctor, where each call is answered like this (a labelled stub)"""
    rule, check, title, fix = ERRORS[name]
    proxy.rule = rule
    project.configure(server=proxy.server, options={**KEYS, "security_token": TOKEN})
    trouble = alone(doctor(project), check, title)
    assert fix in trouble["fix"]
    assert proxy.count().total() <= (2 if name == "html" else 6)


@ON_MOTO
def test_a_clock_that_is_a_little_off(project: Project, proxy: Proxy) -> None:
    """s3_doctor, seven minutes ahead"""
    proxy.rule = lambda _: (
        lambda answer: replace(
            answer, headers={**{k: v for k, v in answer.headers.items() if k.lower() != "date"}, "Date": _date(7)}
        )
    )
    project.configure(server=proxy.server)
    trouble = only(doctor(project), "D22", "clock", "warning")
    assert "this machine's clock is 420 s ahead of the server's" == trouble["seen"]


@ON_RGW
def test_another_region(project: Project, proxy: Proxy) -> None:
    """s3_doctor, where S3 sends requests for other regions away, as Amazon does; and with the line that it prints"""

    def elsewhere(request: Request) -> Response | None:
        if "/eu-central-1/s3/" in request.headers.get("authorization", ""):
            return None
        return Response(301, "PermanentRedirect", {"x-amz-bucket-region": "eu-central-1"})

    proxy.rule = elsewhere
    project.configure(server=proxy.server)
    trouble = only(doctor(project), "D02", "region")
    assert 'STORAGES["default"]["OPTIONS"]["region_name"] = "eu-central-1"' == trouble["fix"]
    follow(project, trouble["fix"])
    well(doctor(project))


@ON_RGW_HTTPS
def test_tls(project: Project, s3: Any, rgw_http: Server) -> None:
    """s3_doctor: a certificate that nobody trusts, one of another host, the wrong port, the wrong scheme"""
    server = project.server
    project.configure(settings=QUIET["settings"], options={"verify": None, **QUIET["options"]})
    stranger = alone(doctor(project), "D18", "not-trusted")
    follow(project, stranger["fix"].replace("/etc/ssl/your-ca.pem", str(server.ca)))
    well(doctor(project))

    project.configure(server=replace(server, endpoint_url=server.endpoint_url.replace("https", "http")))
    plain = alone(doctor(project), "D18", "http-at-https-port")
    assert f'STORAGES["default"]["OPTIONS"]["endpoint_url"] = "{server.endpoint_url}"' == plain["fix"]

    wrong = replace(server, endpoint_url=rgw_http.endpoint_url.replace("http", "https"))
    project.configure(server=wrong)
    port = alone(doctor(project), "D18", "https-at-http-port")
    follow(project, port["fix"])
    well(doctor(project))


@ON_MOTO
def test_a_policy_that_refuses_http(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_doctor, by http: moto and RGW 16 don't mind, Amazon does (a labelled stub)"""
    denial = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip
    set_policy(s3, bucket, denial)
    project.configure(server=proxy.server)
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.key else None
    trouble = only(doctor(project), "D18", "http-refused")
    assert '["endpoint_url"] = "https://' in trouble["fix"]


@ON_RGW_HTTPS
def test_checksums_behind_the_body(project: Project, bucket: str) -> None:
    """s3_doctor, with boto3's default; and with the lines that it prints"""
    trouble = only(doctor(project), "D26", "checksums-refused")
    assert "MissingContentLength, HTTP 411" in trouble["seen"]
    follow(project, trouble["fix"])
    well(doctor(project))


@ON_MOTO
def test_addresses_that_live_too_long(project: Project) -> None:
    """s3_doctor, with a life of eight days, signed the old way and the new; of thirteen hours, with a session token"""
    project.configure(options={"querystring_expire": 8 * 24 * 3600})
    well(doctor(project))
    project.configure(options={"querystring_expire": 8 * 24 * 3600, "signature_version": "s3v4"})
    trouble = only(doctor(project), "D01", "expire-too-long")
    assert '"querystring_expire": 604800' in trouble["fix"]
    project.configure(options={**KEYS, "querystring_expire": 13 * 3600, "security_token": TOKEN})
    only(doctor(project), "D01", "outlives-session", "warning")


@ON_MOTO
def test_two_storages_and_a_secret_between(project: Project, bucket: str) -> None:
    """s3_doctor, for all aliases: each is asked for, and the text shows no key"""
    static = s3_options(project.server, bucket, location="static", **KEYS)
    project.configure(options=KEYS, storages={"staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": static}})
    result = doctor(project, "--storage", "default", "--storage", "staticfiles")
    well(result)
    seen = {item["alias"]: item["seen"] for item in result.report["items"] if item["id"] == "D21"}
    assert {"default", "staticfiles"} == set(seen)
    assert seen["staticfiles"].startswith("collectstatic --s3 can run")


def seen_of(server: Server, bucket: str) -> BucketSeen:
    """What is read of the bucket as this user."""
    target = Target.of("default", S3Storage(**s3_options(server, bucket)))
    found = examined([target], [elsewhere(use_ssl=False)], Site(origin=None)).bucket
    assert found is not None
    return found


@ON_BOTH
def test_how_a_bucket_is_set_up(server: Server, s3: Any, bucket: str) -> None:
    """What is not there is told from what can't be read, also where a server answers with something else (RGW 16)."""
    new = seen_of(server, bucket)
    assert ({}, "", "", False, []) == (new.unread, new.encryption, new.versioning, new.website, new.cors)

    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://www.example.com"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    if server.kind == "moto":
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=kms)
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    is_set = seen_of(server, bucket)
    assert ("Suspended", [rule]) == (is_set.versioning, is_set.cors)
    assert (("aws:kms", True) if server.kind == "moto" else ("", False)) == (is_set.encryption, is_set.website)


@ON_RGW
def test_what_nobody_may_read_of_a_bucket(server: Server, bucket: str, role: Role) -> None:
    """Each fact that is missing names its right."""
    role.allow(rights(bucket, LIST, GET))
    found = seen_of(role.server, bucket)
    assert (None, None, None) == (found.versioning, found.cors, found.acl)
    assert f"needs s3:GetBucketVersioning on {bucket}" == found.unread["GetBucketVersioning"]
    assert f"needs s3:GetBucketCORS on {bucket}" == found.unread["GetBucketCors"]

"""What is wrong with settings, credentials, permissions, servers: it ends with words to act on, and loses nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests import project as projects
from tests.project import Project, Result, s3_options
from tests.proxy import Proxy, Request, Response, Verdict
from tests.servers import ON_BOTH, ON_MOTO, ON_RGW, Server

BOTH_ENGINES = pytest.mark.parametrize("engine", ["fast", "boto3"])
UNSAID = ("Traceback", "X-Amz-Signature", "Signature=", "Authorization:")


@pytest.fixture(autouse=True)
def discreet(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Whatever a command says in these tests: no traceback, no credential, no signature."""
    read = projects.read_result

    def read_and_look(code: int, stdout: bytes, stderr: bytes) -> Result:
        result = read(code, stdout, stderr)
        for word in (*UNSAID, server.secret_key):
            assert word not in result.stdout + result.stderr, result
        return result

    monkeypatch.setattr(projects, "read_result", read_and_look)


def contents(s3: Any, bucket: str) -> dict[str, bytes]:
    """Name -> content of everything in the bucket, which has to be under `media/`."""
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", ()):
            assert entry["Key"].startswith("media/")
            found[entry["Key"].removeprefix("media/")] = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
    return found


def stored_names(s3: Any, bucket: str) -> list[str]:
    """The names of everything in the bucket, which has to be under `media/`; a listing tells them in a moment."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    assert all(key.startswith("media/") for key in keys)
    return sorted(key.removeprefix("media/") for key in keys)


def refuse_puts(bad: Callable[[Request], bool], status: int, code: str) -> Callable[[Request], Verdict]:
    """A rule that refuses some PUTs for good."""
    return lambda request: Response(status, code) if request.operation == "PutObject" and bad(request) else None


def numbered(request: Request) -> int:
    """The number in a key made by `Project.fill`."""
    return int(request.key[-10:-4])


def failed_names(result: Result) -> list[str]:
    """The names that the report gives as failed."""
    return sorted(item["name"] for item in result.report["items"] if item["result"] == "failed")


# Settings


@ON_MOTO
@pytest.mark.parametrize("alias", ["nope", "staticfiles"])
def test_alias_that_is_not_on_s3_gets_those_that_are(project: Project, s3: Any, bucket: str, alias: str) -> None:
    """s3_push_media --storage nope"""
    project.configure(
        storages={"backup": {"BACKEND": projects.S3_STORAGE, "OPTIONS": s3_options(project.server, bucket)}}
    )
    project.write("a.txt", b"a")

    result = project.run("s3_push_media", "--storage", alias)

    assert (1, "") == (result.code, result.stdout)
    assert f"{alias!r}" in result.stderr
    assert "On S3: 'default', 'backup'." in result.stderr
    assert "Name one with --storage default, or as S3SYNC['MEDIA_STORAGE'].\n" in result.stderr
    assert {} == contents(s3, bucket)


@ON_MOTO
def test_no_alias_on_s3_gets_what_to_add(project: Project) -> None:
    """s3_push_media"""
    project.configure(storages={"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}})

    result = project.run("s3_push_media")

    assert (1, "") == (result.code, result.stdout)
    assert "'default' is a FileSystemStorage, not on S3, and no other alias of STORAGES is." in result.stderr
    assert "storages.backends.s3.S3Storage" in result.stderr


@ON_MOTO
@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"bucket_name": None}, "NoBucketName", "AWS_STORAGE_BUCKET_NAME"),
        ({"endpoint_url": "localhost:9000"}, "ValueError", "endpoint"),
        ({"location": "media/../up"}, "Location", "'media/../up'"),
        ({"bucket_nam": "b"}, "Storage", "bucket_nam"),
        ({"access_key": None, "secret_key": None}, "NoCredentials", "AWS_ACCESS_KEY_ID"),
        ({"access_key": None, "secret_key": None, "session_profile": "nope"}, "ProfileNotFound", "AWS_PROFILE"),
        ({"bucket_name": "No Such Name"}, "ParamValidationError", "bucket's name"),
    ],
)
def test_unusable_settings(project: Project, options: dict[str, Any], code: str, words: str) -> None:
    """s3_push_media"""
    project.configure(options=options)
    project.write("a.txt", b"a")

    result = project.push()

    assert 1 == result.code, result
    error = result.report["error"]
    assert code in error["code"]
    assert words in error["message"] + error["hint"]
    assert "error" == result.report["status"]
    assert "default" == result.report["target"]["alias"]


@ON_MOTO
def test_wrong_setting_of_our_own_is_named(project: Project) -> None:
    """s3_push_media, with S3SYNC that means nothing"""
    project.configure(settings='S3SYNC = {"ENGINE": "warp"}')

    result = project.run("s3_push_media")

    assert (1, "") == (result.code, result.stdout)
    assert "S3SYNC['ENGINE'] is 'warp'; write one of 'auto', 'fast', 'boto3'." in result.stderr


# What S3 refuses before anything is sent


@ON_BOTH
def test_missing_bucket(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media"""
    project.configure(bucket="no-such-" + bucket)
    project.write("a.txt", b"a")

    result = project.run("s3_push_media")

    assert (1, "") == (result.code, result.stdout)
    assert f"bucket no-such-{bucket} does not exist" in result.stderr.lower()
    assert "bucket_name" in result.stderr
    assert "no-such-" + bucket not in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]


@ON_MOTO
@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")])
def test_wrong_region(project: Project, proxy: Proxy, s3: Any, bucket: str, status: int, code: str) -> None:
    """s3_push_media, to a stub that answers as AWS does for another region's bucket"""
    project.configure(server=proxy.server)
    project.write("a.txt", b"a")
    body = f"<Error><Code>{code}</Code><Message>no</Message><Region>eu-north-1</Region></Error>".encode()
    proxy.rule = lambda _: Response(status, code, {"x-amz-bucket-region": "eu-north-1"}, body)

    result = project.run("s3_push_media")

    assert (1, "") == (result.code, result.stdout)
    assert f"{code} (HTTP {status})" in result.stderr
    assert "region_name" in result.stderr
    assert "eu-north-1" in result.stderr
    assert {} == contents(s3, bucket)


@ON_RGW
@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"secret_key": "wrong"}, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        ({"access_key": "NOBODY"}, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
    ],
)
def test_wrong_credentials(
    project: Project, s3: Any, bucket: str, options: dict[str, str], code: str, words: str
) -> None:
    """s3_push_media"""
    project.configure(options=options)
    project.write("a.txt", b"a")

    result = project.run("s3_push_media")

    assert (1, "") == (result.code, result.stdout)
    assert f"{code} (HTTP 403)" in result.stderr
    assert words in result.stderr
    assert {} == contents(s3, bucket)


def as_the_other_user(project: Project) -> None:
    """From now on the project's credentials are the second user's."""
    server = project.server
    project.configure(options={"access_key": server.other_access_key, "secret_key": server.other_secret_key})


@ON_RGW
def test_no_right_to_list(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media"""
    as_the_other_user(project)
    project.write("a.txt", b"a")

    result = project.run("s3_push_media")

    assert (1, "") == (result.code, result.stdout)
    assert "AccessDenied (HTTP 403)" in result.stderr
    assert f"s3:ListBucket on {bucket}" in result.stderr
    assert {} == contents(s3, bucket)


@ON_MOTO
def test_server_is_down(project: Project) -> None:
    """s3_push_media"""
    project.configure(options={"endpoint_url": "http://127.0.0.1:9"})
    project.write("a.txt", b"a")

    result = project.run("s3_push_media", env={"AWS_MAX_ATTEMPTS": "2"})

    assert (1, "") == (result.code, result.stdout)
    assert "Unreachable" in result.stderr
    assert "endpoint_url" in result.stderr


# What S3 refuses of what is sent


@ON_RGW
@BOTH_ENGINES
def test_no_right_to_put(project: Project, s3: Any, bucket: str, engine: str) -> None:
    """s3_push_media, by a user who may only list"""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam:::user/other"]},
        "Action": ["s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}"],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    as_the_other_user(project)
    project.write("a.txt", b"a")
    project.write("b.txt", b"b")

    result = project.run("s3_push_media", "--engine", engine)

    assert 4 == result.code, result
    assert f"2 failed with AccessDenied: needs s3:PutObject on {bucket}/media/*" in result.stderr
    assert ["  a.txt", "  b.txt"] == sorted(line for line in result.stderr.splitlines() if line.startswith("  "))
    assert {} == contents(s3, bucket)


@ON_MOTO
@BOTH_ENGINES
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(403, "AccessDenied", "s3:PutObjectAcl"), (400, "AccessControlListNotSupported", "default_acl")],
)
def test_acl_is_refused(
    project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str, status: int, code: str, words: str
) -> None:
    """s3_push_media, to a stub that refuses ACLs: no server here does"""
    project.configure(server=proxy.server, options={"default_acl": "public-read"})
    proxy.rule = refuse_puts(lambda request: "x-amz-acl" in request.headers, status, code)
    project.write("a.txt", b"a")

    refused = project.push("--engine", engine)

    assert 4 == refused.code, refused
    error = refused.item("a.txt")["error"]
    assert (code, status) == (error["code"], error["http"])
    assert words in error["hint"]
    assert {} == contents(s3, bucket)


@ON_MOTO
@BOTH_ENGINES
@pytest.mark.parametrize(("every", "status", "code"), [(3, 403, "AccessDenied"), (2, 400, "InvalidArgument")])
def test_some_keys_are_refused_for_good(
    project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str, every: int, status: int, code: str
) -> None:
    """s3_push_media: the others are uploaded, each failure is named, and the next run has only those to do"""
    project.configure(server=proxy.server)
    names = project.fill(30)
    bad = names[::every]
    proxy.rule = refuse_puts(lambda request: numbered(request) % every == 0, status, code)

    first = project.push("--engine", engine)

    assert 4 == first.code, first
    assert bad == failed_names(first)
    assert {(code, status)} == {(item["error"]["code"], item["error"]["http"]) for item in first.report["items"]}
    assert {"scanned": 30, "new": 30, "uploaded": 30 - len(bad), "failed": len(bad)} == first.counts
    assert sorted(set(names) - set(bad)) == stored_names(s3, bucket)

    proxy.rule = None
    second = project.push("--engine", engine)

    assert 0 == second.code, second
    assert {"scanned": 30, "listed": 30 - len(bad), "new": len(bad), "uploaded": len(bad), "unchanged": 30 - len(bad)} \
        == second.counts  # fmt: skip
    assert sorted(names) == stored_names(s3, bucket)


@ON_MOTO
@pytest.mark.parametrize(
    ("engine", "status", "code"),
    [("fast", 403, "AccessDenied"), ("boto3", 403, "AccessDenied"), ("fast", 403, "InvalidAccessKeyId")],
)
def test_everything_is_refused(
    project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str, status: int, code: str
) -> None:
    """s3_push_media: stops after the first fifty"""
    project.configure(server=proxy.server)
    names = project.fill(400)
    proxy.rule = refuse_puts(lambda _: True, status, code)

    result = project.push("--engine", engine)

    assert 4 == result.code, result
    counts = result.counts
    assert 50 <= counts["failed"] <= 100
    assert counts["new"] == counts["failed"] + counts["not_tried"]
    assert len(failed_names(result)) == counts["failed"]
    assert set(failed_names(result)) <= set(names)
    assert f"Stopped: 50 uploads in a row failed with {code}." in result.stderr
    assert {} == contents(s3, bucket)


# What passes by itself


@ON_MOTO
@pytest.mark.parametrize(
    ("engine", "status", "code"),
    [("fast", 503, "SlowDown"), ("boto3", 503, "SlowDown"), ("fast", 429, "TooManyRequests")],
)
def test_throttling_that_ends(
    project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str, status: int, code: str
) -> None:
    """s3_push_media, to a server that asks to come again later"""
    project.configure(server=proxy.server)
    names = project.fill(16)
    tries: Counter[str] = Counter()

    def rule(request: Request) -> Verdict:
        if request.operation != "PutObject" or numbered(request) % 4:
            return None
        tries[request.key] += 1
        return Response(status, code, {"Retry-After": "1"}) if tries[request.key] <= 2 else None

    proxy.rule = rule
    result = project.push("--engine", engine)

    assert 0 == result.code, result
    assert {"scanned": 16, "new": 16, "uploaded": 16} == result.counts
    assert names == stored_names(s3, bucket)
    assert 4 == len([key for key, times in tries.items() if times >= 3])


@ON_BOTH
@BOTH_ENGINES
def test_answer_is_lost(project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str) -> None:
    """s3_push_media, twice: what was stored is uploaded, be it new or replaced, and no conflict"""
    project.configure(server=proxy.server)
    names = project.fill(12)
    tries: Counter[str] = Counter()

    def rule(request: Request) -> Verdict:
        if request.operation != "PutObject":
            return None
        tries[request.key] += 1
        return "drop-after" if tries[request.key] == 1 else None

    proxy.rule = rule
    first = project.push("--engine", engine)

    assert 0 == first.code, first
    assert {"scanned": 12, "new": 12, "uploaded": 12} == first.counts

    tries.clear()
    for name in names:
        project.write(name, b"new " + name.encode())
    second = project.push("--engine", engine)

    assert 0 == second.code, second
    assert {"scanned": 12, "listed": 12, "changed": 12, "uploaded": 12} == second.counts
    assert {name: b"new " + name.encode() for name in names} == contents(s3, bucket)
    assert 12 == len(tries)


@ON_MOTO
@BOTH_ENGINES
def test_a_user_is_faster(project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str) -> None:
    """s3_push_media, while a user uploads the same name: the user's object stays"""
    project.configure(server=proxy.server)
    project.write("a.txt", b"of the old disk")
    project.write("b.txt", b"also")
    assert 0 == project.push("--engine", engine).code
    project.write("b.txt", b"changed here")
    project.write("c.txt", b"new here")

    def rule(request: Request) -> Verdict:
        if request.operation == "PutObject":
            s3.put_object(Bucket=bucket, Key=request.key, Body=b"of the user")
        return None

    proxy.rule = rule
    result = project.push("--engine", engine)

    assert 3 == result.code, result
    assert {"scanned": 3, "listed": 2, "new": 1, "changed": 1, "unchanged": 1, "conflicts": 2} == result.counts
    assert "differences" == result.report["status"]
    expected = {"a.txt": b"of the old disk", "b.txt": b"of the user", "c.txt": b"of the user"}
    assert expected == contents(s3, bucket)


# Options that can't be meant


EXIT_CODES = """\
import contextlib, io, json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
found = []
for words in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            execute_from_command_line(["manage.py", "s3_push_media", *words])
        except SystemExit as error:
            found.append([error.code, said.getvalue()])
print(json.dumps(found))
"""


@ON_MOTO
def test_options_that_can_not_be_meant(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --workers 0, and others like it"""
    project.write("a.txt", b"a")
    (project.root / "manage.py").write_text(EXIT_CODES)
    wrong = [
        ["--bogus"], ["positional"], ["--format", "xml"], ["--engine", "warp"], ["--workers", "0"], ["--workers", "x"],
        ["--max-duration", "soon"], ["--max-delete", "lots"], ["--max-delete=-1"], ["--max-errors", "0"],
        ["--min-age", "young"], ["--compare", "looks"], ["--lock", ""], ["--no-clobber", "--overwrite-newer"],
    ]  # fmt: skip

    result = project.run(json.dumps(wrong))

    found = json.loads(result.stdout)
    assert [2] * len(wrong) == [code for code, _ in found], found
    assert [] == [said for _, said in found if "error:" not in said]
    assert {} == contents(s3, bucket)

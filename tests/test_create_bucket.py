"""`s3_create_bucket`: a bucket that the other commands can work with at once, and that lets in nobody else."""

from __future__ import annotations

import json
import os
import pty
import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from django.core.management import call_command
from django.test import override_settings
from moto import mock_aws

from s3sync.access.bucket_plan import Wanted, merged, plan, statements_for
from s3sync.access.documents import AliasFacts
from s3sync.access.needs import CannotExpress
from s3sync.s3.bucket_settings import Bucket, NotOurs, account_of
from tests.project import S3_MANIFEST, S3_STATIC, S3_STORAGE, Project, Result, s3_options
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_BOTH, ON_MOTO, ON_RGW, Server, remove_bucket
from tests.test_verify_acl import allow, set_policy, stranger

FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
ARN = "arn:aws:cloudfront::111122223333:distribution/E1A2B3"


@pytest.fixture(name="name")
def make_name(s3: Any) -> Iterator[str]:
    """The name of a bucket that is not there; what the test makes of it goes away."""
    name = f"made-{secrets.token_hex(6)}"
    yield name
    with suppress(ClientError, BotoCoreError):
        with suppress(ClientError):
            s3.delete_bucket_policy(Bucket=name)
        remove_bucket(s3, name)


def create(project: Project, *args: str, **how: Any) -> Result:
    return project.run("s3_create_bucket", "--format", "json", *args, **how)


def settings_of(result: Result) -> dict[str, str]:
    """Setting -> what became of it."""
    return {item["setting"]: item["result"] for item in result.report["items"]}


def item(result: Result, setting: str) -> dict[str, Any]:
    """The report's item of this setting."""
    (found,) = (each for each in result.report["items"] if each["setting"] == setting)
    return dict(found)


def found_ids(result: Result) -> set[str]:
    return {found["id"] for found in result.report["findings"]}


def policy_of(s3: Any, bucket: str) -> Any:
    return json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])


def site(project: Project, name: str, backend: str = S3_STATIC, **how: Any) -> None:
    """Media and static files in the bucket of this name."""
    static = {"BACKEND": backend, "OPTIONS": s3_options(project.server, name, location="static")}
    project.configure(bucket=name, storages={"staticfiles": static}, **how)


@ON_BOTH
def test_a_new_bucket_serves_the_whole_site(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket; s3_push_media; collectstatic --s3; s3_verify_acl"""
    site(project, name, S3_MANIFEST)
    project.write("a.jpg", b"private", age=60)
    project.asset("css/a.css", "a{}")

    made = create(project)

    assert 0 == made.code, made
    assert "done" == settings_of(made)["bucket"]
    assert ["default", "staticfiles"] == item(made, "bucket")["aliases"]
    pushed, collected = project.push(), project.collect()
    assert (0, 0) == (pushed.code, collected.code), f"{pushed}\n{collected}"
    verified = project.run("s3_verify_acl", "--format", "json")
    assert 0 == verified.code, verified
    assert 403 == stranger(project, name, "media/a.jpg")
    assert 200 == stranger(project, name, "static/css/a.css")
    assert 200 == stranger(project, name, "static/staticfiles.json")

    again = create(project)
    assert 0 == again.code, again
    assert {"same", "unavailable"} >= set(settings_of(again).values())
    assert settings_of(made)["ownership"] == ("unavailable" if project.server.kind == "rgw" else "done")


@ON_MOTO
def test_a_private_bucket_is_blocked_four_times(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket, for media alone"""
    project.configure(bucket=name)
    result = create(project)
    assert 0 == result.code, result
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert dict.fromkeys(FLAGS, True) == block
    ownership = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]
    assert "BucketOwnerEnforced" == ownership["Rules"][0]["ObjectOwnership"]
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=name)


@ON_MOTO
def test_a_public_bucket_is_open_under_one_prefix_only(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket, for media and static files"""
    site(project, name)
    assert 0 == create(project, "--storage", "staticfiles").code
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert dict(zip(FLAGS, (True, True, False, False), strict=True)) == block
    (statement,) = policy_of(s3, name)["Statement"]
    assert f"arn:aws:s3:::{name}/static/*" == statement["Resource"]


@ON_BOTH
def test_dry_run_makes_nothing(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket -n"""
    site(project, name)
    result = create(project, "-n")
    assert 3 == result.code, result
    assert "planned" == settings_of(result)["bucket"]
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=name)


@ON_BOTH
def test_an_existing_bucket_is_shown_and_left(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_create_bucket; then with --update, twice"""
    theirs = {**allow(bucket, "shared/*"), "Sid": "Theirs", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}
    set_policy(s3, bucket, theirs)
    project.configure(server=proxy.server)
    site(project, bucket)

    shown = create(project)
    assert 3 == shown.code, shown
    assert not [request for request in proxy.requests if request.method not in ("GET", "HEAD")]
    assert [theirs] == item(shown, "policy")["now"]["Statement"]
    assert '+      "Sid": "StaticfilesPublic"' in item(shown, "policy")["diff"]

    refused = create(project, "--update")
    assert (1, "NoInput") == (refused.code, refused.report["error"]["code"])
    assert "--no-input" in refused.report["error"]["hint"]

    updated = create(project, "--update", "--no-input")
    assert 0 == updated.code, updated
    assert ["Theirs", "StaticfilesPublic"] == [each["Sid"] for each in policy_of(s3, bucket)["Statement"]]
    written = [request.operation for request in proxy.requests if request.method == "PUT"]
    assert ["PutPublicAccessBlock", "PutBucketPolicy"] == written[:2], "the block comes first"

    proxy.clear()
    again = create(project, "--update", "--no-input")
    assert 0 == again.code, again
    assert not [request for request in proxy.requests if request.method not in ("GET", "HEAD")]


@ON_BOTH
def test_text_shows_what_is_and_what_would_be(project: Project, bucket: str) -> None:
    """s3_create_bucket, for people"""
    site(project, bucket)
    result = project.run("s3_create_bucket")
    assert 3 == result.code, result
    assert f"{bucket} (default, staticfiles):" in result.stdout
    assert "IgnorePublicAcls off -> on" in result.stdout
    assert f'"Resource": "arn:aws:s3:::{bucket}/static/*"' in result.stdout
    assert "[differences, exit 3]" in result.stdout


@ON_BOTH
def test_versioning_and_cors_on_request(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket; with --versioning --cors --update --no-input"""
    site(project, name, settings="ALLOWED_HOSTS = ['www.example.com']")
    assert 0 == create(project).code
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    args = ("--versioning", "--cors", "--update", "--no-input")
    assert 0 == create(project, *args).code
    assert "Enabled" == s3.get_bucket_versioning(Bucket=name)["Status"]
    (rule,) = s3.get_bucket_cors(Bucket=name)["CORSRules"]
    assert ["https://www.example.com"] == rule["AllowedOrigins"]
    assert 0 == create(project, "--versioning", "--cors").code
    assert 3 == create(project, "--cors", "--origin", "https://other.example.com").code


@ON_MOTO
def test_cors_rules_of_others_stay(project: Project, s3: Any, bucket: str) -> None:
    """s3_create_bucket --cors --origin URL --update --no-input"""
    rule = {"ID": "theirs", "AllowedMethods": ["PUT"], "AllowedOrigins": ["https://a.example"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    args = ("--cors", "--origin", "https://www.example.com", "--update", "--no-input")
    result = create(project, *args)
    assert 0 == result.code, result
    assert ["theirs", "s3sync"] == [each["ID"] for each in s3.get_bucket_cors(Bucket=bucket)["CORSRules"]]


@ON_MOTO
def test_cors_without_an_origin_is_refused(project: Project, name: str, s3: Any) -> None:
    """s3_create_bucket --cors, where nobody knows the site; --origin without --cors"""
    project.configure(bucket=name)
    result = create(project, "--cors")
    assert (1, "CannotExpress") == (result.code, result.report["error"]["code"])
    assert "--origin" in result.report["error"]["hint"]
    assert 2 == create(project, "--origin", "https://a.example").code


@ON_MOTO
def test_a_storage_that_sends_acls_is_refused(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket with default_acl, without and with --acls"""
    project.configure(bucket=name, options={"default_acl": "public-read", "querystring_auth": False})
    result = create(project)
    assert (1, "AccessControlListNotSupported") == (result.code, result.report["error"]["code"])
    for words in ("remove default_acl", "--acls"):
        assert words in result.report["error"]["hint"]
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=name)

    assert 0 == create(project, "--acls").code
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert dict.fromkeys(FLAGS, False) | {"IgnorePublicAcls": True} == block
    project.write("a.jpg", b"a", age=60)
    assert 0 == project.push().code
    assert 200 == stranger(project, name, "media/a.jpg")


@ON_BOTH
def test_nothing_private_is_let_out_with_what_is_public(project: Project, s3: Any, bucket: str) -> None:
    """s3_create_bucket --update, where media lie below the static files' location"""
    static = {"BACKEND": S3_STATIC, "OPTIONS": s3_options(project.server, bucket, location="")}
    project.configure(storages={"staticfiles": static})
    result = create(project, "--storage", "staticfiles", "--update", "--no-input")
    assert (5, "Exposes") == (result.code, result.report["error"]["code"])
    assert "'default' (media/)" in result.report["error"]["message"]
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)


@ON_MOTO
def test_a_block_that_holds_back_a_foreign_statement_is_not_lifted(project: Project, s3: Any, bucket: str) -> None:
    """s3_create_bucket --update, where somebody's policy opens the whole bucket, but for the block"""
    set_policy(s3, bucket, {**allow(bucket), "Sid": "Tutorial"})
    block = dict.fromkeys(FLAGS, True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    site(project, bucket)
    result = create(project, "--update", "--no-input")
    assert (5, "Exposes") == (result.code, result.report["error"]["code"])
    assert block == s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]

    s3.delete_public_access_block(Bucket=bucket)
    result = create(project, "--update", "--no-input")
    assert 3 == result.code, result
    assert "exposed" in found_ids(result)
    assert "Tutorial" in [each["Sid"] for each in policy_of(s3, bucket)["Statement"]], "nobody asked us to delete it"


@ON_RGW
def test_another_accounts_bucket_is_never_touched(project: Project, server: Server, s3: Any) -> None:
    """s3_create_bucket --update, where the name is taken"""
    name = f"theirs-{secrets.token_hex(6)}"
    other = server.client(other=True)
    other.create_bucket(Bucket=name)
    try:
        project.configure(bucket=name)
        result = create(project, "--update", "--no-input")
        assert (1, "AccessDenied") == (result.code, result.report["error"]["code"])
        assert "belongs to another account" in result.report["error"]["hint"]
    finally:
        other.delete_bucket(Bucket=name)


@ON_RGW
def test_wrong_credentials_are_not_taken_for_a_taken_name(project: Project, name: str) -> None:
    """s3_create_bucket with a wrong secret key: a HEAD says 403, and no more"""
    project.configure(bucket=name, options={"secret_key": "wrong"})
    result = create(project)
    assert (1, "SignatureDoesNotMatch") == (result.code, result.report["error"]["code"])
    assert "AWS_SECRET_ACCESS_KEY" in result.report["error"]["hint"]
    assert "wrong" not in result.stdout + result.stderr


@ON_BOTH
def test_region(project: Project, proxy: Proxy, name: str) -> None:
    """s3_create_bucket in a region: it is named, and on servers that have none, left out then"""
    project.configure(server=proxy.server, bucket=name, options={"region_name": "eu-west-1"})
    proxy.keep_bodies = True
    result = create(project)
    assert 0 == result.code, result
    bodies = [each.body for each in proxy.requests if each.method == "PUT" and not each.query]
    assert b"<LocationConstraint>eu-west-1<" in bodies[0]
    refuses = project.server.kind == "rgw"
    assert (2 if refuses else 1) == len(bodies)
    assert refuses is ("location-unavailable" in found_ids(result))


@ON_MOTO
def test_no_region_is_named_in_us_east_1(project: Project, proxy: Proxy, name: str) -> None:
    """s3_create_bucket: S3 refuses the name of its first region"""
    project.configure(server=proxy.server, bucket=name)
    proxy.keep_bodies = True
    assert 0 == create(project).code
    assert [b""] == [each.body for each in proxy.requests if each.method == "PUT" and not each.query]


@ON_MOTO
@pytest.mark.parametrize("status", [501, 405])
def test_what_a_server_does_not_have_is_said_and_the_rest_done(
    project: Project, proxy: Proxy, s3: Any, name: str, status: int
) -> None:
    """s3_create_bucket, on a stub of a server without blocks and ownership"""
    code = {501: "NotImplemented", 405: "MethodNotAllowed"}[status]

    def rule(request: Request) -> Response | None:
        lacks = {"publicAccessBlock", "ownershipControls"} & set(request.query)
        return Response(status, code) if lacks else None

    proxy.rule = rule
    project.configure(server=proxy.server)
    site(project, name)
    result = create(project)
    assert 0 == result.code, result
    assert {"block-unavailable", "ownership-unavailable"} == found_ids(result)
    assert "done" == settings_of(result)["policy"]


@ON_MOTO
def test_a_server_that_takes_everything_and_keeps_nothing(project: Project, proxy: Proxy, name: str) -> None:
    """s3_create_bucket, on a stub that answers 200 to what it does not know: that is not reported as done"""
    proxy.rule = lambda request: (
        Response(200, body=b"") if request.method == "PUT" and "publicAccessBlock" in request.query else None
    )
    project.configure(server=proxy.server, bucket=name)
    result = create(project)
    assert 0 == result.code, result
    assert "unavailable" == settings_of(result)["block"]


@ON_MOTO
def test_a_missing_right_stops_before_anything_is_open(project: Project, proxy: Proxy, s3: Any, name: str) -> None:
    """s3_create_bucket, where the block may not be set (a stub)"""
    proxy.rule = lambda request: (
        Response(403, "AccessDenied") if request.operation == "PutPublicAccessBlock" else None
    )
    project.configure(server=proxy.server)
    site(project, name)
    result = create(project)
    assert 1 == result.code, result
    assert f"needs s3:PutBucketPublicAccessBlock on {name}" == result.report["error"]["hint"]
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=name)
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.operation == "GetBucketPolicy" else None
    result = create(project)
    assert (1, f"needs s3:GetBucketPolicy on {name}") == (result.code, result.report["error"]["hint"])


@ON_MOTO
def test_a_cdn_reads_once_its_distribution_is_named(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket; then with --update --distribution ARN"""
    static = s3_options(project.server, name, location="static", custom_domain="cdn.example.com")
    project.configure(bucket=name, storages={"staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": static}})
    result = create(project)
    assert 0 == result.code, result
    assert "cdn-unnamed" in found_ids(result)
    assert 0 == create(project, "--distribution", ARN, "--update", "--no-input").code
    (statement,) = policy_of(s3, name)["Statement"]
    assert {"Service": "cloudfront.amazonaws.com"} == statement["Principal"]
    assert dict.fromkeys(FLAGS, True) == s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert 0 == create(project).code, "what is there stays"
    assert 1 == create(project, "--distribution", "E1A2B3").code


@ON_MOTO
def test_what_is_no_longer_public_is_closed(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket --update after the intent has become private: our own statement goes, others stay"""
    site(project, name)
    assert 0 == create(project).code
    site(project, name, settings="S3SYNC = {'INTENT': {'staticfiles': 'private'}}")
    shown = create(project)
    assert (3, None) == (shown.code, item(shown, "policy")["wanted"])
    assert 0 == create(project, "--update", "--no-input").code
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=name)


@ON_MOTO
def test_each_bucket_of_the_project(project: Project, s3: Any, name: str) -> None:
    """s3_create_bucket; --storage ALIAS makes one of them"""
    other = f"{name}-static"
    static = {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, other)}
    project.configure(bucket=name, storages={"staticfiles": static})
    try:
        assert 0 == create(project, "--storage", "staticfiles").code
        with pytest.raises(ClientError, match="404"):
            s3.head_bucket(Bucket=name)
        assert {name, other} == {each["bucket"] for each in create(project).report["items"]}
    finally:
        s3.delete_bucket(Bucket=other)


@ON_MOTO
def test_a_storage_that_is_not_on_s3(project: Project) -> None:
    """s3_create_bucket --storage ALIAS, misspelt or local: no setting of another command is named"""
    for alias in ("staticfiles", "medai"):
        refused = create(project, "--storage", alias)
        assert (1, "name one with --storage default") == (refused.code, refused.report["error"]["hint"])


@ON_MOTO
def test_each_call_names_the_owner(server: Server, proxy: Proxy, bucket: str) -> None:
    """On Amazon the account is known: no call may act on a bucket that somebody else has under this name."""
    account = "123456789012"
    ours = Bucket(proxy.server.client(), bucket, is_aws=True, account=account)
    assert ours.exists()
    ours.read(["block", "policy", "ownership", "versioning", "cors"])
    ours.write("versioning", "Enabled")
    assert {account} == {request.headers.get("x-amz-expected-bucket-owner") for request in proxy.requests}

    proxy.rule = lambda request: Response(403, "" if request.method == "HEAD" else "AccessDenied")
    with pytest.raises(NotOurs):
        ours.exists()


@ON_MOTO
def test_a_block_that_was_just_lifted_still_acts(server: Server, proxy: Proxy, bucket: str, s3: Any) -> None:
    """Amazon's settings take a while; a stub says so once, in its words."""
    said = "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access"
    body = f"<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>".encode()
    answers = [Response(403, body=body)]
    proxy.rule = lambda request: answers.pop() if request.operation == "PutBucketPolicy" and answers else None
    document = {"Version": "2012-10-17", "Statement": [allow(bucket, "static/*")]}
    assert Bucket(proxy.server.client(), bucket, is_aws=True).write("policy", document) is None
    assert document == policy_of(s3, bucket)


def test_on_amazon_by_its_address(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """s3_create_bucket without an endpoint_url: a stub (moto, in the place of all of AWS) has region and account"""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    options = {"bucket_name": "acme", "region_name": "eu-west-1", "location": "media"}
    with mock_aws(), override_settings(STORAGES={"default": {"BACKEND": S3_STORAGE, "OPTIONS": options}}):
        client = boto3.client("s3", region_name="eu-west-1")
        call_command("s3_create_bucket", format="json")
        made = json.loads(capsys.readouterr().out)
        call_command("s3_create_bucket")
        assert "eu-west-1" == client.get_bucket_location(Bucket="acme")["LocationConstraint"]
        assert "123456789012" == account_of(client)
    assert "acme (default): all as it should be" in capsys.readouterr().out
    assert 1 == made["requests"]["CreateBucket"]


def facts(alias: str, prefix: str, *rules: tuple[str, str]) -> AliasFacts:
    return AliasFacts(alias=alias, bucket="b", prefix=prefix, rules=rules)


def test_a_statement_that_says_the_same_is_not_written_again() -> None:
    """Whoever has followed a tutorial has it under another name."""
    static = facts("staticfiles", "static/", ("", "public"))
    wanted = Wanted(aliases=[static], statements=statements_for([static], None))
    theirs = {
        "Sid": "AllowStatic", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["s3:GetObject"],
        "Resource": ["arn:aws:s3:::b/static/*"],
    }  # fmt: skip
    policy = {"Version": "2008-10-17", "Statement": theirs}
    assert policy is merged(policy, wanted)


def test_a_changed_statement_of_ours_is_replaced() -> None:
    """The location has moved; the statement keeps its name."""
    static = facts("staticfiles", "assets/", ("", "public"))
    wanted = Wanted(aliases=[static], statements=statements_for([static], None))
    old = {**wanted.statements[0], "Resource": "arn:aws:s3:::b/static/*"}
    theirs = {"Sid": "X", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    found = merged({"Version": "2012-10-17", "Statement": [old, theirs]}, wanted)
    assert [theirs, wanted.statements[0]] == found["Statement"]


def test_acls_that_are_accepted_already_stay_accepted() -> None:
    """--acls on an old bucket, and on one of today"""
    wanted = Wanted(aliases=[facts("default", "media/", ("", "private"))], acls=True)
    for now, then in (("ObjectWriter", "ObjectWriter"), ("BucketOwnerEnforced", "BucketOwnerPreferred")):
        assert {"ownership": then} == plan(wanted, {"ownership": now}, "aws")


def test_a_cdns_part_of_a_public_location_is_not_published() -> None:
    """Without a distribution nobody is let in yet; and certainly not everybody."""
    with pytest.raises(CannotExpress, match="'a/'"):
        statements_for([facts("staticfiles", "static/", ("a/", "cdn"), ("", "public"))], None)


def test_a_statement_for_another_location_may_be_another_projects() -> None:
    """Two projects in one bucket, both with the alias `staticfiles`, and one of them private."""
    wanted = Wanted(aliases=[facts("staticfiles", "two/static/", ("", "private"))])
    theirs = {**allow("b", "one/static/*"), "Sid": "StaticfilesPublic"}
    ours = {**allow("b", "two/static/*"), "Sid": "StaticfilesPublic"}
    policy = {"Version": "2012-10-17", "Statement": [theirs]}
    assert policy is merged(policy, wanted)
    assert policy["Statement"] == merged({**policy, "Statement": [ours, theirs]}, wanted)["Statement"]


@ON_MOTO
@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("no", 1), ("", 1)])
def test_update_asks_on_a_terminal(project: Project, s3: Any, bucket: str, answer: str, code: int) -> None:
    """s3_create_bucket --update: shows what would be changed, and asks"""
    ours, its = pty.openpty()
    os.write(ours, answer.encode() + b"\n")
    try:
        result = project.run("s3_create_bucket", "--update", stdin=its)
    finally:
        os.close(ours)
        os.close(its)
    assert code == result.code, result
    assert "IgnorePublicAcls off -> on" in result.stderr
    assert "Type 'yes'" in result.stderr
    if code:
        with pytest.raises(ClientError, match="NoSuchPublicAccessBlockConfiguration"):
            s3.get_public_access_block(Bucket=bucket)


@ON_MOTO
def test_a_policy_that_is_refused_is_no_missing_feature(project: Project, proxy: Proxy, name: str) -> None:
    """Ceph RGW says InvalidArgument of a policy that it does not understand (a stub): nobody could read, so exit 1"""
    proxy.rule = lambda request: Response(400, "InvalidArgument") if request.operation == "PutBucketPolicy" else None
    project.configure(server=proxy.server)
    site(project, name)
    result = create(project)
    assert (1, "InvalidArgument") == (result.code, result.report["error"]["code"])
    assert ["done", "planned"] == [item(result, setting)["result"] for setting in ("block", "policy")]

"""`manage.py s3_verify_acl`: what it says is what a stranger gets."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.project import S3_STATIC, S3_STORAGE, Project, Result, s3_options
from tests.proxy import Proxy, Response
from tests.servers import ON_MOTO, ON_RGW

AS_STRANGER = {"public": 200, "private": 403}


def stranger(project: Project, bucket: str, key: str) -> int:
    """The status that an anonymous GET is answered with."""
    parts = urlsplit(project.server.endpoint_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    try:
        connection.request("GET", f"/{bucket}/{quote(key)}")
        return connection.getresponse().status
    finally:
        connection.close()


def verify(project: Project, *args: str, **how: Any) -> Result:
    return project.run("s3_verify_acl", "--format", "json", *args, **how)


def verdicts(result: Result) -> dict[str, str]:
    """Key -> verdict of everything that was told."""
    return {item["key"]: item["verdict"] for item in result.report["items"]}


def put(s3: Any, bucket: str, key: str, acl: str = "private") -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ACL=acl)


def allow(bucket: str, prefix: str = "*", **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/{prefix}", **more,
    }  # fmt: skip


def set_policy(s3: Any, bucket: str, *statements: dict[str, Any]) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


@ON_RGW
def test_private_media_with_one_public_picture(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl; s3_verify_acl --fix --no-input; s3_verify_acl"""
    for name in ("a.jpg", "b.jpg", "ids/passport.jpg", "ids/", "ids/Thumbs.db"):
        put(s3, bucket, f"media/{name}", "public-read" if "passport" in name else "private")

    found = verify(project)

    assert 3 == found.code, found
    (item,) = found.report["items"]
    assert {
        "alias": "default", "key": "media/ids/passport.jpg", "intent": "private", "intent_source": "derived",
        "verdict": "EXPOSED", "severity": "critical",
    }.items() <= item.items()  # fmt: skip
    assert ["http://acs.amazonaws.com/groups/global/AllUsers", "READ"] in item["evidence"]["grants"]
    assert 206 == item["evidence"]["probe"]["status"]
    assert ("s3sync.access/1", "exact") == (found.report["schema"], found.report["coverage"])

    mended = verify(project, "--fix", "--no-input")
    assert 0 == mended.code, mended
    assert 1 == mended.report["counts"]["fixed"]
    assert 403 == stranger(project, bucket, "media/ids/passport.jpg")
    assert 0 == verify(project).code


@ON_RGW
def test_every_object_as_a_stranger_gets_it(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl --all -v 3, over ACLs, prefix policies and a Deny"""
    acls = {"private", "public-read", "authenticated-read", "bucket-owner-full-control"}
    for folder in ("plain", "allowed", "allowed/denied"):
        for acl in acls:
            put(s3, bucket, f"media/{folder}/{acl}", acl)
    deny = allow(bucket, "media/allowed/denied/*", Effect="Deny")
    set_policy(s3, bucket, allow(bucket, "media/allowed/*"), deny)

    result = verify(project, "--all", "-v", "3")

    assert 3 == result.code, result
    found = {item["key"]: item for item in result.report["items"]}
    assert 3 * len(acls) == len(found)
    for key, item in found.items():
        exposed = item["verdict"] == "EXPOSED" and "AWS account" not in item["reason"]
        assert (stranger(project, bucket, key) == 200) is exposed, item
    assert "EXPOSED" == found["media/plain/authenticated-read"]["verdict"]


@ON_RGW
@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ({"StringLike": {"aws:Referer": "https://www.example.com/*"}}, "CONDITIONAL"),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, "CONDITIONAL"),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, "EXPOSED"),
    ],
)
def test_conditions_of_policies(
    project: Project, s3: Any, bucket: str, condition: dict[str, Any], verdict: str
) -> None:
    """s3_verify_acl, where a policy lets in some visitors"""
    put(s3, bucket, "media/a.jpg")
    set_policy(s3, bucket, allow(bucket, Condition=condition))

    result = verify(project)

    assert 3 == result.code, result
    assert {"media/a.jpg": verdict} == verdicts(result)


@ON_RGW
def test_public_grants_that_a_block_ignores_are_fine_and_latent(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, with IgnorePublicAcls, with BlockPublicPolicy, and without"""
    put(s3, bucket, "media/a.jpg", "public-read")
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    for flag, status, code in (("IgnorePublicAcls", 403, 0), ("BlockPublicPolicy", 200, 3)):
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**block, flag: True})
        assert status == stranger(project, bucket, "media/a.jpg")
        result = verify(project, "-v", "3")
        assert code == result.code, result
        (item,) = result.report["items"]
        assert (code == 0) is ("IgnorePublicAcls" in item["reason"])


@ON_RGW
def test_static_files_that_nobody_reads(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl --storage staticfiles; then with --fix --allow-public, derived and declared"""
    put(s3, bucket, "static/css/a.css")
    put(s3, bucket, "static/.env")
    project.asset("css/a.css", "a{background:url(../img/a.png)}")
    project.asset("img/a.png", "a")
    project.configure_static(S3_STATIC)

    result = verify(project, "--storage", "staticfiles")

    assert 3 == result.code, result
    assert "UNREACHABLE" == verdicts(result)["static/css/a.css"]
    assert ["css-denied"] == [found["id"] for found in result.report["findings"] if found["name"] == "css/a.css"]

    derived = verify(project, "--storage", "staticfiles", "--fix", "--allow-public", "--no-input")
    assert 3 == derived.code, derived
    assert 403 == stranger(project, bucket, "static/css/a.css")

    project.configure_static(S3_STATIC, settings="S3SYNC = {'INTENT': {'staticfiles': 'public'}}")
    assert 3 == verify(project, "--storage", "staticfiles", "--fix", "--no-input").code
    assert 403 == stranger(project, bucket, "static/css/a.css")
    declared = verify(project, "--storage", "staticfiles", "--fix", "--allow-public", "--no-input")
    assert 3 == declared.code, "the secret stays"
    assert 200 == stranger(project, bucket, "static/css/a.css")
    assert 403 == stranger(project, bucket, "static/.env")


@ON_RGW
def test_a_blogs_public_pictures_are_no_leak(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, where url() is unsigned; with public-read and signed URLs, which contradict each other"""
    put(s3, bucket, "media/a.jpg", "public-read")
    project.configure(options={"querystring_auth": False, "default_acl": "public-read"})
    result = verify(project)
    assert 0 == result.code, result
    assert {"OK": 1} == result.report["aliases"][0]["verdicts"]

    project.configure(options={"default_acl": "public-read"})
    result = verify(project)
    assert 0 == result.code, result
    assert {"media/a.jpg": "UNDECLARED"} == verdicts(result)
    assert ["intent-public-signed"] == [found["id"] for found in result.report["findings"]]
    assert 3 == verify(project, "--fail-level", "warning").code
    assert 3 == verify(project, "--expect", "private").code


@ON_RGW
def test_fix_keeps_other_grants_and_can_be_undone(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_verify_acl --fix --no-input --journal FILE; s3_verify_acl --undo FILE --no-input"""
    put(s3, bucket, "media/a.jpg")
    owner = s3.get_object_acl(Bucket=bucket, Key="media/a.jpg")["Owner"]["ID"]
    accounts = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
    s3.put_object_acl(
        Bucket=bucket, Key="media/a.jpg", GrantFullControl=f'id="{owner}"',
        GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"', GrantReadACP=f'uri="{accounts}"',
    )  # fmt: skip
    before = s3.get_object_acl(Bucket=bucket, Key="media/a.jpg")["Grants"]
    journal = tmp_path / "journal.jsonl"

    dry = verify(project, "--fix", "--dry-run")
    assert 3 == dry.code, dry
    assert before == s3.get_object_acl(Bucket=bucket, Key="media/a.jpg")["Grants"]

    mended = verify(project, "--fix", "--no-input", "--journal", str(journal))
    assert 0 == mended.code, mended
    assert 0o600 == journal.stat().st_mode & 0o777
    grants = s3.get_object_acl(Bucket=bucket, Key="media/a.jpg")["Grants"]
    assert [owner] == [grant["Grantee"].get("ID") for grant in grants]

    undone = verify(project, "--undo", str(journal), "--no-input")
    assert 0 == undone.code, undone
    assert 200 == stranger(project, bucket, "media/a.jpg")
    again = verify(project, "--fix", "--no-input", "--journal", str(journal))
    assert (1, "Journal") == (again.code, again.report["error"]["code"])
    s3.put_object_acl(Bucket=bucket, Key="media/a.jpg", ACL="authenticated-read")
    late = verify(project, "--undo", str(journal), "--no-input")
    assert 4 == late.code, "somebody has changed it since"


@ON_MOTO
def test_no_question_without_a_terminal(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl --fix; s3_verify_acl with options that exclude each other"""
    put(s3, bucket, "media/a.jpg", "public-read")
    result = verify(project, "--fix")
    assert (1, "NoInput") == (result.code, result.report["error"]["code"]), result
    assert 2 == verify(project, "--fix", "--undo", "x").code
    assert 2 == verify(project, "--all", "--sample", "3").code
    assert 2 == verify(project, "--allow-public").code


@ON_MOTO
def test_facts_that_decide_cost_a_handful_of_calls(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl, on a bucket of today: ACLs off, everything blocked"""
    project.server = proxy.server
    project.configure()
    for number in range(30):
        put(s3, bucket, f"media/{number}")
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(flags, True))
    proxy.clear()

    result = verify(project, "--probes", "0")

    assert 0 == result.code, result
    assert len(proxy.requests) <= 7, proxy.count()
    assert len(proxy.requests) == result.report["api_calls"]
    assert "exact" == result.report["coverage"]
    assert [] == result.report["items"]


@ON_RGW
def test_what_nobody_could_read_is_never_fine(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl, where every question about access is refused; and where one object's ACL is"""
    project.server = proxy.server
    project.configure()
    put(s3, bucket, "media/a.jpg")
    put(s3, bucket, "media/b.jpg")

    proxy.rule = lambda request: Response(403, "AccessDenied") if "Acl" in request.operation else None
    result = verify(project)
    assert 8 == result.code, result
    assert "undecided" == result.report["status"]
    assert {"UNKNOWN"} == set(verdicts(result).values())

    proxy.rule = lambda request: (
        Response(403, "AccessDenied") if request.operation == "GetObjectAcl" and request.key == "media/b.jpg" else None
    )
    result = verify(project)
    assert 8 == result.code, result
    assert {"media/b.jpg": "UNKNOWN"} == verdicts(result)
    (item,) = result.report["items"]
    assert "s3:GetObjectAcl" in item["evidence"]["error"]["hint"]

    denied = (
        "GetBucketPolicy", "GetPublicAccessBlock", "GetBucketAcl", "GetBucketPolicyStatus", "GetBucketRequestPayment"
    )
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.operation in denied else None
    result = verify(project)
    assert 8 == result.code, result
    assert {"fact-unread"} == {found["id"] for found in result.report["findings"]}


@ON_MOTO
def test_declared_intents_count_by_prefix(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, with S3SYNC['INTENT'] by prefix"""
    put(s3, bucket, "media/public/a.jpg", "public-read")
    put(s3, bucket, "media/ids/a.jpg", "public-read")
    rules = [("public/", "public"), ("", "private")]
    project.configure(settings=f"S3SYNC = {{'INTENT': {{'default': {rules!r}}}}}")

    result = verify(project, "-v", "3")

    assert 3 == result.code, result
    assert {"media/public/a.jpg": "OK", "media/ids/a.jpg": "EXPOSED"} == verdicts(result)
    assert {"declared"} == {item["intent_source"] for item in result.report["items"]}


@ON_MOTO
def test_a_baseline_accepts_what_was_found_before(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_verify_acl --baseline FILE"""
    put(s3, bucket, "media/a.jpg", "public-read")
    baseline = tmp_path / "accepted.json"
    assert 3 == verify(project, "-o", str(baseline)).code

    accepted = verify(project, "--baseline", str(baseline))
    assert 0 == accepted.code, accepted
    assert 1 == accepted.report["accepted"]

    put(s3, bucket, "media/b.jpg", "public-read")
    assert 3 == verify(project, "--baseline", str(baseline)).code
    baseline.write_text("nonsense")
    result = verify(project, "--baseline", str(baseline))
    assert (1, "Baseline") == (result.code, result.report["error"]["code"])


@ON_MOTO
def test_a_sample_says_that_it_is_one(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl --sample 3"""
    for number in range(10):
        put(s3, bucket, f"media/{number}")

    result = verify(project, "--sample", "3")

    assert 0 == result.code, result
    assert "sampled" == result.report["coverage"]
    assert 3 == result.report["requests"]["GetObjectAcl"]


@ON_RGW
def test_a_bucket_that_strangers_list(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl --check-listing, with a bucket ACL of public-read"""
    put(s3, bucket, "media/a.jpg")
    assert 0 == verify(project, "--check-listing").code
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")

    result = verify(project, "--check-listing")

    assert 3 == result.code, result
    (item,) = result.report["items"]
    assert ("EXPOSED", "bucket-listable") == (item["verdict"], item["evidence"]["right"])


@ON_MOTO
def test_text_for_people(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, with a key that would write on a terminal"""
    put(s3, bucket, "media/pass\x1b[2Jport.pdf", "public-read")
    put(s3, bucket, "media/a.jpg")

    result = project.run("s3_verify_acl")

    assert 3 == result.code, result
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["alias", "location", "intent", "objects", "verdict", "decided", "by"]
    assert lines[1].startswith(f"default  {bucket}/media/")
    assert "CRITICAL EXPOSED default: 'media/pass\\\\x1b[2Jport.pdf'" in result.stdout
    assert lines[-1].endswith("[differences, exit 3]")
    assert "" == project.run("s3_verify_acl", "-v", "0", "--expect", "public", "--fail-level", "critical").stdout


@ON_MOTO
def test_trouble_that_ends_the_run(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, with no bucket, an alias that is not there, and nothing on S3"""
    project.configure(bucket="there-is-no-such-bucket")
    result = verify(project)
    assert (1, "NoSuchBucket") == (result.code, result.report["error"]["code"])
    result = verify(project, "--storage", "nothing")
    assert (1, "NotOnS3") == (result.code, result.report["error"]["code"])
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    project.configure(storages={"default": local})
    result = verify(project)
    assert (1, "NotOnS3") == (result.code, result.report["error"]["code"])


@ON_MOTO
def test_a_custom_domain_is_asked_too(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl --via cdn, where a domain gives out what is private"""
    put(s3, bucket, "media/a.jpg", "public-read")
    domain = urlsplit(project.server.endpoint_url).netloc + f"/{bucket}"
    project.configure(
        options={"custom_domain": domain, "url_protocol": "http:"},
        settings="S3SYNC = {'INTENT': {'default': 'private'}}",
    )

    result = verify(project, "--via", "cdn")

    assert 3 == result.code, result
    reasons = [item["reason"] for item in result.report["items"]]
    assert any("gives it to a stranger without a signature" in reason for reason in reasons), result
    assert all(item["evidence"].get("probe") or item["evidence"].get("cdn") for item in result.report["items"])


@ON_MOTO
def test_policies_are_printed_without_a_network(project: Project) -> None:
    """s3_verify_acl --print-policy iam|bucket|cors"""
    project.configure(options={"endpoint_url": "http://localhost:9", "access_key": None, "secret_key": None})
    for kind, word in (("iam", "s3:PutObject"), ("bucket", "s3:x-amz-acl"), ("cors", "AllowedOrigins")):
        origin = ["--origin", "https://www.example.com"] if kind == "cors" else []
        result = project.run("s3_verify_acl", "--print-policy", kind, *origin)
        assert 0 == result.code, result
        assert word in json.dumps(result.report), result


@ON_RGW
def test_every_name_is_judged(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, with names that a push would not send; and with --ignore and --prefix"""
    names = ("Thumbs.db", "folder/", ".s3sync/x", "a..b//c", "ids/\u00e9 +%?#&.jpg", "../up", "x\\y")
    for name in names:
        put(s3, bucket, f"media/{name}", "public-read")

    result = verify(project)

    assert {f"media/{name}": "EXPOSED" for name in names} == verdicts(result), result
    assert all(item["evidence"]["probe"]["status"] == 206 for item in result.report["items"]), result
    some = verify(project, "--include", "folder*", "--include", "T*")
    assert {"media/folder/", "media/Thumbs.db"} == set(verdicts(some))
    assert {"media/ids/\u00e9 +%?#&.jpg"} == set(verdicts(verify(project, "--prefix", "ids/")))
    assert 3 == verify(project, "--ignore", "ids", "--max-duration", "1h").code


def is_signed(request: Any) -> bool:
    """Whether it is one of ours, and not a stranger's."""
    return "authorization" in {name.lower() for name in request.headers}


@ON_RGW
def test_strangers_have_the_last_word(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl, where a stranger is refused what is public, is given what is private, or is not answered"""
    project.server = proxy.server
    project.configure(options={"querystring_auth": False})
    put(s3, bucket, "media/a.jpg", "public-read")

    proxy.rule = lambda request: None if is_signed(request) else Response(403, "AccessDenied")
    result = verify(project)
    assert 8 == result.code, result
    assert {"media/a.jpg": "MODEL-MISMATCH"} == verdicts(result)

    proxy.rule = lambda request: None if is_signed(request) else Response(500, "InternalError")
    result = verify(project, "--check-listing")
    assert 8 == result.code, result
    assert "probes-unanswered" in {found["id"] for found in result.report["findings"]}

    project.configure()
    put(s3, bucket, "media/a.jpg")
    proxy.rule = lambda request: None if is_signed(request) else Response(200, body=b"x")
    result = verify(project)
    assert 3 == result.code, result
    assert {"media/a.jpg": "EXPOSED"} == verdicts(result)


@ON_RGW
def test_an_acl_that_is_not_found_is_not_taken_for_a_vanished_object(
    project: Project, proxy: Proxy, s3: Any, bucket: str
) -> None:
    """s3_verify_acl --probes 0, where GetObjectAcl is answered 404 for an object that is there"""
    project.server = proxy.server
    project.configure()
    put(s3, bucket, "media/a.jpg", "public-read")
    for code in ("NoSuchKey", "NotFound", ""):
        answer = Response(404, code)
        proxy.rule = lambda request, answer=answer: answer if request.operation == "GetObjectAcl" else None  # type: ignore[misc]
        result = verify(project, "--probes", "0")
        assert 8 == result.code, (code, result)


@ON_RGW
def test_what_was_found_is_told_though_the_run_breaks_off(
    project: Project, proxy: Proxy, s3: Any, bucket: str
) -> None:
    """s3_verify_acl, with a second alias whose bucket is missing; and where listing is refused"""
    put(s3, bucket, "media/a.jpg", "public-read")
    gone = {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, "there-is-no-such-bucket")}
    project.configure(storages={"gone": gone})

    result = verify(project)
    assert (1, "NoSuchBucket") == (result.code, result.report["error"]["code"]), result
    assert {"media/a.jpg": "EXPOSED"} == verdicts(result)
    assert "partial" == result.report["coverage"]
    text = project.run("s3_verify_acl")
    assert "CRITICAL EXPOSED" in text.stdout, text

    project.server = proxy.server
    project.configure()
    proxy.rule = lambda request: Response(403, "AccessDenied") if "list-type" in request.query else None
    result = verify(project)
    assert 8 == result.code, result
    (item,) = result.report["items"]
    assert ("UNKNOWN", True) == (item["verdict"], "s3:ListBucket" in item["reason"])


@ON_RGW
def test_only_what_is_judged_as_anothers_is_left_to_it(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl --storage outer, with an alias within it that is not judged, or lies elsewhere"""
    put(s3, bucket, "all/media/a.jpg", "public-read")
    elsewhere = s3_options(project.server, bucket, location="all/media", endpoint_url="http://localhost:9")
    inner = s3_options(project.server, bucket, location="all/media", querystring_auth=False)
    for other in (elsewhere, inner):
        project.configure(options={"location": "all"}, storages={"inner": {"BACKEND": S3_STORAGE, "OPTIONS": other}})
        result = verify(project, "--storage", "default")
        assert 3 == result.code, result
        assert {"all/media/a.jpg": "EXPOSED"} == verdicts(result)
    assert 0 == verify(project).code, "it is public by the inner one's word"


@ON_RGW
def test_a_url_of_ones_own_tells_the_intent(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl [--fix], where url() is overridden: signed though options say no, and the other way round"""
    put(s3, bucket, "media/a.jpg", "public-read")
    code = (
        "from storages.backends.s3 import S3Storage\n\n"
        "class Signed(S3Storage):\n"
        "    def url(self, name, *args, **how):\n"
        "        return 'https://example.com/' + name + '?X-Amz-Signature=1'\n\n"
        "class Plain(S3Storage):\n"
        "    def url(self, name, *args, **how):\n"
        "        return 'https://example.com/' + name\n"
    )
    project.configure(backend="backends.Signed", backends=code, options={"querystring_auth": False})
    assert 3 == verify(project).code
    project.configure(backend="backends.Plain", backends=code, options={"querystring_auth": True})
    result = verify(project, "--fix", "--no-input")
    assert 0 == result.code, result
    assert 200 == stranger(project, bucket, "media/a.jpg")


@ON_RGW
def test_keys_by_a_rule_of_ones_own_are_judged(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, where _normalize_name() puts keys elsewhere"""
    put(s3, bucket, "tenant1/media/a.jpg", "public-read")
    code = (
        "from storages.backends.s3 import S3Storage\n\n"
        "class Tenant(S3Storage):\n"
        "    def _normalize_name(self, name):\n"
        "        return 'tenant1/' + super()._normalize_name(name)\n"
    )
    project.configure(backend="backends.Tenant", backends=code)
    result = verify(project)
    assert 3 == result.code, result
    assert {"tenant1/media/a.jpg": "EXPOSED"} == verdicts(result)


@ON_RGW
def test_strangers_that_write(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, with a bucket ACL of public-read-write; --baseline takes it, but never what is unknown"""
    put(s3, bucket, "media/a.jpg")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    accepted = project.root / "accepted.json"

    result = verify(project, "-o", str(accepted))
    assert 3 == result.code, result
    rights = {item["evidence"]["right"] for item in json.loads(accepted.read_text())["items"]}
    assert {"bucket-writable", "bucket-listable"} == rights
    assert 0 == verify(project, "--baseline", str(accepted)).code


@ON_RGW
def test_no_baseline_accepts_what_is_unknown(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl --probes 0 --baseline FILE, where the ACL was and is refused"""
    project.server = proxy.server
    project.configure()
    put(s3, bucket, "media/a.jpg", "public-read")
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.operation == "GetObjectAcl" else None
    accepted = project.root / "accepted.json"
    assert 8 == verify(project, "--probes", "0", "-o", str(accepted)).code
    assert 8 == verify(project, "--probes", "0", "--baseline", str(accepted)).code


@ON_MOTO
def test_expect_does_not_go_with_fix(project: Project) -> None:
    """s3_verify_acl --expect public --fix"""
    assert 2 == verify(project, "--expect", "public", "--fix", "--allow-public", "--no-input").code


@ON_RGW
def test_versions_are_told_of(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl, where a policy opens versions only, or what is more than reading"""
    put(s3, bucket, "media/a.jpg")
    set_policy(s3, bucket, allow(bucket, Action="s3:GetObjectVersion"))
    result = verify(project)
    assert 3 == result.code, result
    (item,) = result.report["items"]
    assert "s3:GetObjectVersion" in item["reason"]

    set_policy(s3, bucket, allow(bucket, Action="s3:PutObjectVersionAcl"))
    result = verify(project)
    assert 3 == result.code, result
    assert ["bucket-writable"] == [item["evidence"]["right"] for item in result.report["items"]]

"""`manage.py s3_verify_acl --fix` and `--undo`: what goes wrong on the way, and what is never done."""

from __future__ import annotations

import os
import pty
from pathlib import Path
from typing import Any

import pytest

from tests.project import S3_STATIC, Project, Result
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_RGW
from tests.test_verify_acl import put, stranger, verify

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
ANONYMOUS = "65a011a29cdf8ec533ec3d1ccaae921c"


def fix(project: Project, *args: str, **how: Any) -> Result:
    return verify(project, "--fix", "--no-input", *args, **how)


def undo(project: Project, journal: Path, *args: str) -> Result:
    return verify(project, "--undo", str(journal), "--no-input", *args)


def failures(result: Result) -> dict[str, str]:
    """Name -> code of every failure."""
    return {item["name"]: item["error"]["code"] for item in result.report["items"] if item.get("error")}


def judged(result: Result) -> dict[str, str]:
    """Key -> verdict, of judgements only."""
    return {item["key"]: item["verdict"] for item in result.report["items"] if "verdict" in item}


def reasons(result: Result) -> str:
    return "\n".join(item["reason"] for item in result.report["items"] if "verdict" in item)


def acl_of(s3: Any, bucket: str, key: str, **more: str) -> set[tuple[str, str]]:
    """Grantee and permission of each line."""
    grants = s3.get_object_acl(Bucket=bucket, Key=key, **more)["Grants"]
    return {(grant["Grantee"].get("URI") or grant["Grantee"]["ID"], grant["Permission"]) for grant in grants}


def is_public(s3: Any, bucket: str, key: str, **more: str) -> bool:
    return ALL_USERS in {grantee for grantee, _ in acl_of(s3, bucket, key, **more)}


def behind(project: Project, proxy: Proxy, **how: Any) -> None:
    """The project talks to the proxy."""
    project.server = proxy.server
    project.configure(**how)


@pytest.fixture
def static(project: Project, proxy: Proxy) -> Project:
    """A project whose static files are declared public, behind the proxy."""
    project.server = proxy.server
    project.configure_static(S3_STATIC, settings="S3SYNC = {'INTENT': {'staticfiles': 'public'}}")
    return project


OPEN = ("--storage", "staticfiles", "--allow-public")


@ON_RGW
def test_what_is_only_expected_changes_nothing(project: Project, s3: Any, bucket: str) -> None:
    """s3_verify_acl --expect public --fix --allow-public: a slip of the hand would open everything"""
    put(s3, bucket, "media/closed.jpg")
    put(s3, bucket, "media/open.jpg", "public-read")

    for expected in (("public", "--allow-public"), ("private",)):
        result = fix(project, "--expect", *expected)
        assert result.code in (2, 3), result
        assert 403 == stranger(project, bucket, "media/closed.jpg")
        assert 200 == stranger(project, bucket, "media/open.jpg")


@ON_RGW
def test_each_permission_can_be_taken_away_and_given_back(
    project: Project, s3: Any, bucket: str, tmp_path: Path
) -> None:
    """s3_verify_acl --fix, then --undo, of public-read-write and of a named user who writes"""
    put(s3, bucket, "media/all.jpg", "public-read-write")
    put(s3, bucket, "media/kept.jpg")
    owner = s3.get_object_acl(Bucket=bucket, Key="media/kept.jpg")["Owner"]["ID"]
    s3.put_object_acl(
        Bucket=bucket, Key="media/kept.jpg", GrantFullControl=f'id="{owner}"', GrantRead=f'uri="{ALL_USERS}"',
        GrantWrite=f'id="{owner}"',
    )  # fmt: skip
    before = {key: acl_of(s3, bucket, key) for key in ("media/all.jpg", "media/kept.jpg")}
    assert (ALL_USERS, "WRITE") in before["media/all.jpg"]
    journal = tmp_path / "journal"

    assert 0 == fix(project, "--journal", str(journal)).code
    assert not is_public(s3, bucket, "media/all.jpg")
    assert {(owner, "FULL_CONTROL"), (owner, "WRITE")} == acl_of(s3, bucket, "media/kept.jpg")
    result = undo(project, journal)
    assert 0 == result.code, result
    assert before == {key: acl_of(s3, bucket, key) for key in before}


@ON_RGW
def test_an_unknown_permission_fails_one_object_only(
    project: Project, proxy: Proxy, s3: Any, bucket: str, tmp_path: Path
) -> None:
    """s3_verify_acl --fix and --undo, where an ACL has a line of a kind that we don't know"""
    behind(project, proxy)
    put(s3, bucket, "media/a.jpg", "public-read")
    put(s3, bucket, "media/b.jpg", "public-read")
    planned = set()

    def odd(answer: Response) -> Response:
        body = (answer.body or b"").replace(b"FULL_CONTROL", b"DREAM")
        return Response(answer.status, headers=answer.headers, body=body)

    def rule(request: Request) -> Any:
        if request.operation == "HeadObject":
            planned.add(request.key)
        late = request.operation == "GetObjectAcl" and request.key in planned
        return odd if late and request.key == "media/a.jpg" else None

    proxy.rule = rule
    result = fix(project)
    assert 4 == result.code, result
    assert {"a.jpg": "NotGrantable"} == failures(result)
    assert "EXPOSED" == judged(result)["media/a.jpg"]
    assert (True, False) == (is_public(s3, bucket, "media/a.jpg"), is_public(s3, bucket, "media/b.jpg"))

    proxy.rule = None
    journal = tmp_path / "journal"
    assert 0 == fix(project, "--journal", str(journal)).code
    journal.write_text(journal.read_text().replace('"READ"', '"DREAM"'))
    result = undo(project, journal)
    assert 4 == result.code, result
    assert {"a.jpg": "NotGrantable"} == failures(result)


@ON_RGW
def test_an_object_that_is_overwritten_meanwhile_is_not_opened(
    static: Project, proxy: Proxy, s3: Any, bucket: str
) -> None:
    """s3_verify_acl --fix --allow-public, while somebody puts something private in its place"""
    for when in ("GetObjectAcl", "PutObjectAcl"):
        put(s3, bucket, "static/a.css")
        before = acl_of(s3, bucket, "static/a.css")
        seen: list[str] = []

        def rule(request: Request, when: str = when, seen: list[str] = seen) -> None:
            seen.append(request.operation)
            if request.operation == when and "HeadObject" in seen and when + "!" not in seen:
                seen.append(when + "!")
                s3.put_object(Bucket=bucket, Key="static/a.css", Body=b"secret", ACL="private")

        proxy.rule = rule
        result = fix(static, *OPEN)
        proxy.rule = None
        assert 4 == result.code, result
        assert {"a.css": "Raced"} == failures(result)
        assert "UNREACHABLE" == judged(result)["static/a.css"]
        assert when + "!" in seen
        assert before == acl_of(s3, bucket, "static/a.css")


@ON_RGW
def test_what_was_not_tried_is_told(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl --fix --max-duration: the end comes between listing and mending"""
    behind(project, proxy)
    keys = [f"media/{number:03}.jpg" for number in range(150)]
    for key in keys:
        put(s3, bucket, key, "public-read")
    proxy.rule = lambda request: 0.5 if request.operation == "HeadObject" else None

    result = fix(project, "--max-duration", "3s", "--probes", "0", "-v", "3")

    assert 7 == result.code, result
    assert set(keys) == set(judged(result))
    assert proxy.count()["HeadObject"] < len(keys)
    still = {key for key, verdict in judged(result).items() if verdict == "EXPOSED"}
    assert still
    assert still == {key for key in keys if is_public(s3, bucket, key)}


@ON_RGW
def test_nothing_is_changed_that_was_not_written_down(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_verify_acl --fix, on a disk that is full after the first line"""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))"
    project.configure(settings=limit)
    keys = [f"media/{number}.jpg" for number in range(16)]
    for key in keys:
        put(s3, bucket, key, "public-read")
    journal = tmp_path / "journal"

    result = fix(project, "--journal", str(journal))

    assert 4 == result.code, result
    (failed,) = (item for item in result.report["items"] if item.get("error"))
    assert "Journal" == failed["error"]["code"]
    assert str(journal) in failed["error"]["message"]
    written = journal.read_text().count("\n")
    assert 0 < written < len(keys)
    exposed = {key for key, verdict in judged(result).items() if verdict == "EXPOSED"}
    assert exposed == {key for key in keys if is_public(s3, bucket, key)}
    assert len(keys) - written == len(exposed)
    project.configure()
    assert 0 == undo(project, journal).code, "the line that was cut short is none"


@ON_RGW
def test_what_was_made_private_meanwhile_is_fine(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl --fix, while somebody else mends the same object"""
    behind(project, proxy)
    put(s3, bucket, "media/a.jpg", "public-read")

    def rule(request: Request) -> None:
        if request.operation == "HeadObject":
            s3.put_object_acl(Bucket=bucket, Key="media/a.jpg", ACL="private")

    proxy.rule = rule
    result = fix(project, "-v", "3")
    assert 0 == result.code, result
    assert {"media/a.jpg": "OK"} == judged(result)
    assert "(it was EXPOSED when it was listed)" in reasons(result)


@ON_RGW
def test_undo_can_be_repeated(project: Project, proxy: Proxy, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_verify_acl --undo, twice; after a fix that was refused; after the object was overwritten"""
    behind(project, proxy)
    put(s3, bucket, "media/a.jpg", "public-read")
    put(s3, bucket, "media/b.jpg", "public-read")
    journal = tmp_path / "journal"
    proxy.rule = lambda request: (
        Response(403, "AccessDenied") if (request.operation, request.key) == ("PutObjectAcl", "media/b.jpg") else None
    )
    assert 4 == fix(project, "--journal", str(journal)).code
    proxy.rule = None

    for fixed, skipped in ((1, 1), (0, 2)):
        result = undo(project, journal)
        assert 0 == result.code, result
        assert (fixed, skipped) == (result.report["counts"]["fixed"], result.report["counts"]["skipped"])
        assert is_public(s3, bucket, "media/a.jpg")

    s3.put_object(Bucket=bucket, Key="media/a.jpg", Body=b"secret", ACL="private")
    result = undo(project, journal)
    assert 4 == result.code, result
    assert {"a.jpg": "Changed"} == failures(result)
    assert not is_public(s3, bucket, "media/a.jpg")


@ON_RGW
@pytest.mark.parametrize(
    "line", ['{"key": "media/a.jpg", "verdict": "EXPOSED"}', "[]", "nonsense", '{"target": "x", "before": [["a"]]}']
)
def test_another_file_is_no_journal(project: Project, s3: Any, bucket: str, tmp_path: Path, line: str) -> None:
    """s3_verify_acl --undo FILE, with a report, say"""
    put(s3, bucket, "media/a.jpg", "public-read")
    journal = tmp_path / "journal"
    assert 0 == fix(project, "--journal", str(journal)).code
    journal.write_text(journal.read_text() + line + "\n")

    result = undo(project, journal)

    assert (1, "Journal") == (result.code, result.report["error"]["code"]), result
    assert "line 2" in result.stdout + result.stderr
    assert not is_public(s3, bucket, "media/a.jpg")


@ON_RGW
def test_what_nobody_owns_can_only_be_overwritten(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl --fix, of what was uploaded without credentials; the server's answers are rewritten to say so"""
    behind(project, proxy)
    put(s3, bucket, "media/a.jpg", "public-read")
    owner = s3.get_object_acl(Bucket=bucket, Key="media/a.jpg")["Owner"]["ID"].encode()

    def anonymous(answer: Response) -> Response:
        body = (answer.body or b"").replace(b"<ID>" + owner + b"</ID>", f"<ID>{ANONYMOUS}</ID>".encode())
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        return Response(answer.status, headers=headers, body=body)

    proxy.rule = lambda request: anonymous if request.operation == "GetObjectAcl" else None
    result = fix(project)

    assert 3 == result.code, result
    assert "it was uploaded without credentials" in reasons(result)
    assert 0 == proxy.count()["PutObjectAcl"]


@ON_RGW
@pytest.mark.parametrize(
    ("more", "named"), [((), "all storages on S3"), (("--storage", "default"), "default")], ids=["all", "one"]
)
def test_the_question_says_what_it_is_about(
    project: Project, s3: Any, bucket: str, more: tuple[str, ...], named: str
) -> None:
    """s3_verify_acl --fix, on a terminal; answered with no"""
    put(s3, bucket, "media/a.jpg", "public-read")
    master, slave = pty.openpty()
    try:
        os.write(master, b"no\n")
        result = project.run("s3_verify_acl", "--format", "json", "--fix", *more, stdin=slave)
    finally:
        os.close(slave)
        os.close(master)
    assert f"change the ACLs of objects: {named}." in result.stderr, result
    assert (1, "Cancelled") == (result.code, result.report["error"]["code"])
    assert is_public(s3, bucket, "media/a.jpg")


@ON_RGW
def test_the_version_that_was_read_is_changed(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl --fix, on a versioned bucket, while a newer version comes"""
    behind(project, proxy)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="media/a.jpg", Body=b"old", ACL="public-read")["VersionId"]
    new: list[str] = []

    def rule(request: Request) -> None:
        if request.operation == "PutObjectAcl" and not new:
            new.append(s3.put_object(Bucket=bucket, Key="media/a.jpg", Body=b"n", ACL="public-read")["VersionId"])

    proxy.rule = rule
    result = fix(project)

    (put_acl,) = (request for request in proxy.requests if request.operation == "PutObjectAcl")
    assert old == put_acl.query["versionId"]
    assert not is_public(s3, bucket, "media/a.jpg", VersionId=old)
    assert is_public(s3, bucket, "media/a.jpg", VersionId=new[0])
    assert 3 == result.code, result
    assert "a stranger is still given it" in reasons(result)


@ON_RGW
def test_an_answer_of_200_is_not_believed(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_verify_acl --fix, where PutObjectAcl says that it was done, and it was not"""
    behind(project, proxy)
    put(s3, bucket, "media/a.jpg", "public-read")
    proxy.rule = lambda request: Response(200) if request.operation == "PutObjectAcl" else None

    result = fix(project)

    assert 4 == result.code, result
    assert {"a.jpg": "Raced"} == failures(result)
    assert {"media/a.jpg": "EXPOSED"} == judged(result)

"""Each command under exactly the policy that is printed for it, and again with each single right taken away.

RGW enforces the user's policy. Some rights it does not look at, and a stub in front of it does (`tests/iam.py`):
s3:PutObjectAcl, s3:PutObjectTagging and s3:GetObjectTagging of a write or copy that carries an ACL or tags, and
s3:GetBucketPublicAccessBlock and s3:GetBucketOwnershipControls. No server here has an account with a public access
block, versions with ACLs of their own, or KMS keys with policies.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.test import override_settings

from s3sync.conf import conf
from s3sync.sync.documents import print_policy
from tests.iam import Document, Role, Unchecked, actions_of, without
from tests.project import S3_MANIFEST, S3_STATIC, S3_STORAGE, Project, Result, s3_options
from tests.proxy import Proxy, Response
from tests.servers import ON_RGW, Server

MakeWorld = Callable[..., "World"]
ABORT = {"s3:AbortMultipartUpload"}
PUSH = {"s3:ListBucket", "s3:GetObject", "s3:PutObject"} | ABORT
MEND = {"s3:GetObjectAcl", "s3:PutObjectAcl", "s3:PutObjectTagging", "s3:GetObjectTagging"}
FACTS = {
    "s3:ListBucket", "s3:GetBucketAcl", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy",
    "s3:GetBucketPolicyStatus", "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment", "s3:GetObjectAcl",
}  # fmt: skip
SETTINGS = {
    "s3:GetEncryptionConfiguration", "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetBucketCORS",
}  # fmt: skip
TIDY = {
    "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads",
}  # fmt: skip
VERSIONS = {"s3:GetObjectVersionAcl", "s3:PutObjectVersionAcl"}
LARGE = 9 * 1024 * 1024
"""Bytes; from 8 MiB on, boto3 sends a file in parts."""


@dataclass(kw_only=True)
class World:
    """A project, its bucket as its owner sees it, and the user who may only do what the policy says."""

    project: Project
    bucket: str
    s3: Any
    role: Role
    proxy: Proxy
    options: dict[str, Any]
    backend: str
    fresh: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def configure(self, user: Server) -> None:
        """From now on, this user runs the commands."""
        server = replace(user, endpoint_url=self.proxy.server.endpoint_url)
        static = s3_options(server, self.bucket, location="static") | self.options
        self.project.configure(
            server=server, options=self.options, storages={"staticfiles": {"BACKEND": self.backend, "OPTIONS": static}}
        )

    def document(self, *commands: str, alias: str | None = None) -> Document:
        """What is printed for this project."""
        options = s3_options(self.project.server, self.bucket)
        storages = {
            "default": {"BACKEND": S3_STORAGE, "OPTIONS": options | self.options},
            "staticfiles": {"BACKEND": self.backend, "OPTIONS": options | {"location": "static"} | self.options},
        }
        with override_settings(STORAGES=storages):
            return print_policy(conf, "iam", commands=commands, alias=alias).document

    def allow(self, document: Document) -> None:
        """From now on, the user may do this."""
        self.role.allow(document)
        self.proxy.rule = Unchecked(document)

    def unfinished(self) -> list[str]:
        """Keys of uploads whose parts lie about."""
        return [entry["Key"] for entry in self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ())]

    def run(self, command: str, *args: str) -> Result:
        return self.project.run(*command.split(), *args)

    def file(self) -> None:
        """A media file and a static file that the bucket has not."""
        number = next(self.fresh)
        self.project.write(f"new/{number}.txt", b"%d" % number)
        self.project.asset(f"new/{number}.txt", f"{number}")

    def puzzle(self, folder: str) -> None:
        """An object of the right size, stored in parts by somebody else: only a HEAD tells more."""
        number = next(self.fresh)
        self.project.write("puzzle.bin", b"%09d" % number)
        self.project.asset("puzzle.bin", f"{number:09}")
        where = {"Bucket": self.bucket, "Key": f"{folder}/puzzle.bin"}
        upload = self.s3.create_multipart_upload(**where)["UploadId"]
        part = self.s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x" * 9)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        self.s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)

    def plain(self, **how: Any) -> None:
        """An object with wrong headers, and its file."""
        self.project.write("plain.txt", b"plain")
        self.s3.put_object(Bucket=self.bucket, Key="media/plain.txt", Body=b"plain", ContentType="wrong/type", **how)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One command line."""

    command: str
    """As `access.needs` knows it; it is run with `args` besides."""
    actions: set[str]
    """All that its policy is to allow."""
    prepare: Callable[[World], None]
    """What makes each right matter; called before each run."""
    args: tuple[str, ...] = ()
    begin: Callable[[World], None] = lambda _: None
    """Called once, while the bucket's owner runs the commands."""
    options: dict[str, Any] = field(default_factory=dict)
    backend: str = S3_STORAGE
    code: int = 0
    """How it ends under the whole policy."""
    codes: Collection[int] = (1, 4, 5)
    """How it may end with one right less. s3_verify_acl may do well without a fact, and names it all the same."""
    taken: set[str]
    """The rights that are taken away one by one; the command's other rows take the others."""


def push(world: World) -> None:
    world.file()
    world.puzzle("media")


def push_whatever(world: World) -> None:
    push(world)
    world.plain(ACL="public-read")


def push_what_is_deleted_later(world: World) -> None:
    for name in ("gone/1.txt", "gone/2.txt"):
        world.project.write(name, b"gone")
    assert 0 == world.run("s3_push_media").code
    for name in ("gone/1.txt", "gone/2.txt"):
        (world.project.media / name).unlink()


def push_by_names(world: World) -> None:
    push(world)
    names = [path.relative_to(world.project.media).as_posix() for path in world.project.media.rglob("*.*")]
    (world.project.root / "names.txt").write_text("\n".join(names))


def pull(world: World) -> None:
    world.s3.put_object(Bucket=world.bucket, Key=f"media/new/{next(world.fresh)}.txt", Body=b"new")


def collect(world: World) -> None:
    world.file()
    world.puzzle("static")


def collect_with_leftovers(world: World) -> None:
    collect(world)
    world.s3.put_object(Bucket=world.bucket, Key="static/left.txt", Body=b"left")


def collect_anew(world: World) -> None:
    """Replaces a hashed file, whose last version is then one to prune."""
    world.project.asset("site.css", f"/* {next(world.fresh)} */")


def collect_twice(world: World) -> None:
    for _ in range(2):
        collect_anew(world)
        assert 0 == world.run("collectstatic", "--s3", "--no-input").code


def with_policy(world: World) -> None:
    """Only of a policy that is there, it is asked whether it is public."""
    arn = f"arn:aws:s3:::{world.bucket}/open/*"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": arn}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    world.s3.put_bucket_policy(Bucket=world.bucket, Policy=json.dumps(policy))


def private(world: World) -> None:
    world.s3.put_object(Bucket=world.bucket, Key="media/private.txt", Body=b"private")


def exposed(world: World) -> None:
    """Strangers may read the one and change the ACL of the other; and what they may, the user may without a right."""
    grants = {"GrantWriteACP": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'}
    world.s3.put_object(Bucket=world.bucket, Key="media/readable.txt", Body=b"private", ACL="public-read")
    world.s3.put_object(Bucket=world.bucket, Key="media/writable.txt", Body=b"private", **grants)


def unfinished(world: World) -> None:
    """What a killed run leaves."""
    world.s3.create_multipart_upload(Bucket=world.bucket, Key="media/large.bin")


ROWS = {
    "push": Row(command="s3_push_media", prepare=push, actions=PUSH, taken=PUSH - ABORT),
    "push-acl-tags": Row(
        command="s3_push_media", prepare=push,
        options={"default_acl": "public-read", "object_parameters": {"Tagging": "a=b"}},
        actions=PUSH | {"s3:PutObjectAcl", "s3:PutObjectTagging"}, taken={"s3:PutObjectAcl", "s3:PutObjectTagging"},
    ),
    "push-files-from": Row(
        command="s3_push_media --files-from", args=("names.txt",), prepare=push_by_names, actions=PUSH,
        taken={"s3:GetObject"},
    ),
    "push-delete": Row(
        command="s3_push_media --delete", args=("--lock=bucket",), begin=push_what_is_deleted_later, prepare=push,
        actions=PUSH | {"s3:DeleteObject"}, taken={"s3:DeleteObject"},
    ),
    "push-check": Row(
        command="s3_push_media --check", prepare=push, code=3, actions={"s3:ListBucket", "s3:GetObject"},
        taken={"s3:ListBucket", "s3:GetObject"},
    ),
    "push-check-metadata": Row(
        command="s3_push_media --check --check-metadata", prepare=push_whatever, options={"default_acl": "public-read"},
        code=3, actions={"s3:ListBucket", "s3:GetObject", "s3:GetObjectAcl"}, taken={"s3:GetObjectAcl"},
    ),
    "push-fix-metadata": Row(
        command="s3_push_media --fix-metadata", prepare=push_whatever,
        options={"object_parameters": {"Tagging": "a=b"}}, actions=PUSH | MEND, taken=MEND,
    ),
    "push-abort-stale": Row(
        command="s3_push_media --abort-stale", args=("0s",), prepare=unfinished,
        actions=PUSH | {"s3:ListBucketMultipartUploads"}, taken=ABORT | {"s3:ListBucketMultipartUploads"},
    ),
    "pull": Row(
        command="s3_pull_media", prepare=pull, actions={"s3:ListBucket", "s3:GetObject"},
        taken={"s3:ListBucket", "s3:GetObject"},
    ),
    "pull-lock": Row(
        command="s3_pull_media --lock bucket", prepare=pull, actions={"s3:ListBucket", "s3:GetObject", "s3:PutObject"},
        taken={"s3:PutObject"},
    ),
    "doctor": Row(
        command="s3_doctor", args=("--storage=default",), prepare=private, actions=FACTS | SETTINGS | {"s3:GetObject"},
        taken={"s3:ListBucket"}, codes={3}, code=3,
    ),
    "doctor-write": Row(
        command="s3_doctor --write", args=("--storage=default",), prepare=private,
        actions=FACTS | SETTINGS | PUSH | TIDY, taken={"s3:PutObject", "s3:GetObject", "s3:DeleteObject"}, codes={3, 8},
    ),
    "collect-clear": Row(
        command="collectstatic --s3 --clear", args=("--no-input",), prepare=collect_with_leftovers, backend=S3_STATIC,
        actions=PUSH | {"s3:DeleteObject"},
        taken={"s3:ListBucket", "s3:PutObject", "s3:DeleteObject"},
    ),
    "collect-prune": Row(
        command="collectstatic --s3 --prune", args=("--no-input", "--keep-days=0", "--keep-manifests=1"),
        begin=collect_twice, prepare=collect_anew, backend=S3_MANIFEST,
        actions=PUSH | {"s3:DeleteObject"}, taken={"s3:GetObject", "s3:DeleteObject"},
    ),
    "verify": Row(
        command="s3_verify_acl", args=("--storage=default", "--format=json"), begin=with_policy, prepare=private,
        actions=FACTS, taken=FACTS, codes={0, 1, 8},
    ),
    "verify-media": Row(
        command="s3_verify_media", args=("--orphans",), prepare=private, actions={"s3:ListBucket"},
        taken={"s3:ListBucket"},
    ),
    "verify-fix": Row(
        command="s3_verify_acl --fix", args=("--storage=default", "--no-input"), prepare=exposed,
        actions=FACTS | VERSIONS | {"s3:GetObject", "s3:PutObjectAcl"}, taken={"s3:GetObject", "s3:PutObjectAcl"},
    ),
}  # fmt: skip
"""A new command, or an option that needs more, gets a row."""


@pytest.fixture(scope="module", name="role")
def make_role(rgw_http: Server, rgw_https: Server) -> Role:
    """The user whose rights are a document's."""
    return Role.on(rgw_http, rgw_https)


@pytest.fixture(name="make_world")
def give_world(project: Project, bucket: str, s3: Any, role: Role, proxy: Proxy) -> Iterator[MakeWorld]:
    """Makes a world in which the owner runs the commands."""

    def make(*, options: dict[str, Any] | None = None, backend: str = S3_STATIC) -> World:
        world = World(
            project=project, bucket=bucket, s3=s3, role=role, proxy=proxy, options=options or {}, backend=backend
        )
        world.configure(proxy.server)
        return world

    yield make
    role.forbid()


def lacks(world: World, document: Document, command: str, action: str, codes: Collection[int]) -> None:
    """Runs the command with one right less: it says which."""
    world.allow(without(document, action))
    result = world.run(command)
    assert result.code in codes, (action, result)
    named = re.search(rf"{action}\b[^\n]* on {world.bucket}", result.stdout + result.stderr, re.IGNORECASE)
    assert named, f"{action} was missing, and this was said: {result}"


@pytest.mark.parametrize("name", ROWS)
@ON_RGW
def test_each_right_is_needed_and_named(make_world: MakeWorld, name: str) -> None:
    """The policy is enough; and with one right less, the error says which."""
    row = ROWS[name]
    world = make_world(options=row.options, backend=row.backend)
    row.begin(world)
    world.configure(world.role.server)
    document = world.document(row.command, alias="default" if "--storage=default" in row.args else None)
    assert row.actions == set(actions_of(document))
    command = " ".join((row.command, *row.args))
    for action in sorted(row.taken):
        row.prepare(world)
        lacks(world, document, command, action, row.codes)
    row.prepare(world)
    world.allow(document)
    result = world.run(command)
    assert row.code == result.code, result
    assert "needs s3:" not in result.stderr


@ON_RGW
def test_large_file_needs_no_more_than_a_small_one(make_world: MakeWorld) -> None:
    """s3_push_media, of a file in parts: nobody lists them; RGW answers 403 to the HEAD that looks for the object."""
    world = make_world()
    world.configure(world.role.server)
    world.project.write("large.bin", b"." * LARGE)
    world.allow(world.document("s3_push_media"))

    result = world.run("s3_push_media")

    assert 0 == result.code, result
    (entry,) = world.s3.list_objects_v2(Bucket=world.bucket)["Contents"]  # its owner is the user: a HEAD is refused
    assert ("media/large.bin", LARGE) == (entry["Key"], entry["Size"])


def push_that_breaks_off(world: World, document: Document) -> Result:
    """Large file, second part refused."""
    world.configure(world.role.server)
    world.project.write("large.bin", b"." * LARGE)
    world.allow(document)
    world.proxy.rule = lambda request: Response(403, "AccessDenied") if request.query.get("partNumber") == "2" else None
    return world.run("s3_push_media")


@ON_RGW
def test_parts_of_a_failed_upload_go_away(make_world: MakeWorld) -> None:
    """s3_push_media, of which a part is refused: nobody pays for the others."""
    world = make_world()

    result = push_that_breaks_off(world, world.document("s3_push_media"))

    assert 4 == result.code, result
    assert [] == world.unfinished()


@ON_RGW
def test_parts_that_can_not_be_removed_are_told(make_world: MakeWorld) -> None:
    """s3_push_media, without s3:AbortMultipartUpload: they stay, and somebody has to know."""
    world = make_world()

    result = push_that_breaks_off(world, without(world.document("s3_push_media"), *ABORT))

    assert 4 == result.code, result
    assert ["media/large.bin"] == world.unfinished()
    assert f"s3:AbortMultipartUpload on {world.bucket}" in result.stderr


@ON_RGW
def test_other_prefixes_stay_closed(make_world: MakeWorld) -> None:
    """The policy of a push to media/ opens neither the list nor an object of anything else."""
    world = make_world()
    world.s3.put_object(Bucket=world.bucket, Key="other/secret.txt", Body=b"secret")
    world.allow(world.document("s3_push_media --delete", "s3_push_media --fix-metadata"))
    client = world.role.server.client()
    where = {"Bucket": world.bucket, "Key": "other/secret.txt"}

    client.list_objects_v2(Bucket=world.bucket, Prefix="media/")
    for call in (
        lambda: client.list_objects_v2(Bucket=world.bucket),
        lambda: client.list_objects_v2(Bucket=world.bucket, Prefix="other/"),
        lambda: client.get_object(**where),
        lambda: client.put_object(**where, Body=b""),
        lambda: client.delete_object(**where),
        lambda: client.get_object_acl(**where),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


@ON_RGW
def test_lint_needs_nothing(make_world: MakeWorld) -> None:
    """s3_lint_css, by a user without any right."""
    world = make_world()
    world.configure(world.role.server)
    world.role.forbid()
    world.project.asset("site.css", "body{}")

    assert 0 == world.run("s3_lint_css").code
    assert [] == world.proxy.requests

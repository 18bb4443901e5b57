"""`manage.py s3_push_media` against targets with a life of their own: users who write to the bucket too, headers that
drift, ETags that are no MD5, conditions that a server does not keep."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from tests import proxy as proxies
from tests.project import Project, Result
from tests.proxy import Proxy, Request, Response
from tests.servers import ON_BOTH, ON_MOTO, ON_RGW

MIB = 2**20
LISTS = {"ListObjectsV2": 1}
PUBLIC = "http://acs.amazonaws.com/groups/global/AllUsers"
OWN_SAVE = """
from storages.backends.s3 import S3Storage

class Media(S3Storage):
    def _save(self, name, content):
        return super()._save(name, content)
"""

OWN_KEYS = """
from storages.backends.s3 import S3Storage

class Media(S3Storage):
    def _normalize_name(self, name):
        return super()._normalize_name(f"{len(name)}/{name}")
"""


@pytest.fixture
def pushed(project: Project, proxy: Proxy) -> Project:
    """A project that pushes through the proxy."""
    project.configure(server=proxy.server)
    return project


def objects(s3: Any, bucket: str) -> dict[str, bytes]:
    """Name -> content of everything under `media/`."""
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return {key.removeprefix("media/"): s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def put(s3: Any, bucket: str, name: str, content: bytes) -> None:
    """A user's upload, behind the back of what is tested."""
    s3.put_object(Bucket=bucket, Key=f"media/{name}", Body=content)


def actions(result: Result) -> dict[str, str]:
    """Name -> action and result of the report's items."""
    return {item["name"]: f"{item['action']} {item['result']}" for item in result.report["items"]}


def readers(s3: Any, bucket: str, name: str) -> list[str]:
    """The groups in an object's ACL."""
    grants = s3.get_object_acl(Bucket=bucket, Key=f"media/{name}")["Grants"]
    return [grant["Grantee"]["URI"] for grant in grants if "URI" in grant["Grantee"]]


# Headers, metadata and ACLs that drift


@ON_RGW
def test_metadata_is_checked_and_mended(pushed: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media --check-metadata, then --fix-metadata"""
    content = {f"{name}.txt": name.encode() for name in ("plain", "noted", "public", "replaced")}
    content["big.bin"] = b"5" * 9 * MIB
    for name, data in content.items():
        pushed.write(name, data, age=100)
    assert 0 == pushed.push().code
    source = {"Bucket": bucket, "Key": "media/noted.txt"}
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", ContentType="text/plain",
        Metadata={"by": "a user", "owner": "nobody"})  # fmt: skip
    s3.put_object_acl(Bucket=bucket, Key="media/public.txt", ACL="public-read")
    put(s3, bucket, "replaced.txt", b"a user's")
    parameters = {"CacheControl": "max-age=60", "Metadata": {"Owner": "site"}}
    pushed.configure(options={"object_parameters": parameters})
    proxy.clear()

    checked = pushed.push("--check-metadata")

    drifted = dict.fromkeys(["big.bin", "noted.txt", "plain.txt", "public.txt"], "fix planned")
    assert (3, drifted | {"replaced.txt": "keep skipped"}) == (checked.code, actions(checked)), checked
    assert "CacheControl is None, should be 'max-age=60'" in checked.item("plain.txt")["detail"]
    assert "'owner': 'nobody'" in checked.item("noted.txt")["detail"]
    assert set() == proxy.count().keys() - {"ListObjectsV2", "HeadObject"}

    rehearsed = pushed.push("--fix-metadata", "--check")
    assert (3, drifted | {"replaced.txt": "keep skipped"}) == (rehearsed.code, actions(rehearsed)), rehearsed
    assert 0 == proxy.count()["CopyObject"]

    fixed = pushed.push("--fix-metadata")
    assert (0, 4, 0) == (fixed.code, fixed.report["counts"]["fixed"], fixed.report["counts"]["uploaded"]), fixed

    heads = {name: s3.head_object(Bucket=bucket, Key=f"media/{name}") for name in content}
    assert content | {"replaced.txt": b"a user's"} == objects(s3, bucket)
    assert [None] == [heads[name].get("CacheControl") for name in ["replaced.txt"]]
    assert {"max-age=60"} == {heads[name]["CacheControl"] for name in drifted}
    assert {"by": "a user", "owner": "site"} == heads["noted.txt"]["Metadata"]
    assert {"owner": "site", "s3sync-md5": hashlib.md5(content["big.bin"]).hexdigest()} == heads["big.bin"]["Metadata"]
    assert ([PUBLIC], []) == (readers(s3, bucket, "public.txt"), readers(s3, bucket, "plain.txt"))

    again = pushed.push("--check-metadata")
    assert (0, {"scanned": 5, "listed": 5, "unchanged": 4, "kept": 1}) == (again.code, again.counts), again
    proxy.clear()
    assert 0 == pushed.push().code
    assert LISTS == dict(proxy.count()), [(r.operation, r.path) for r in proxy.requests]


@ON_MOTO
def test_acl_is_checked_and_mended(pushed: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --check-metadata, then --fix-metadata --compare size, with default_acl"""
    pushed.write("a.txt", b"a", age=100)
    pushed.write("open.txt", b"b", age=100)
    assert 0 == pushed.push().code
    source = {"Bucket": bucket, "Key": "media/a.txt"}
    headers = {"StorageClass": "STANDARD_IA", "ContentType": "text/plain"}
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", **headers)
    s3.put_object_acl(Bucket=bucket, Key="media/open.txt", ACL="public-read")
    pushed.configure(options={"default_acl": "public-read"})

    checked = pushed.push("--check-metadata")
    fixed = pushed.push("--fix-metadata", "--compare", "size")

    assert (3, {"a.txt": "fix planned"}) == (checked.code, actions(checked)), checked
    assert "ACL is 'private', should be 'public-read'" == checked.item("a.txt")["detail"]
    assert (0, {"a.txt": "fix done"}) == (fixed.code, actions(fixed)), fixed
    assert [PUBLIC] == readers(s3, bucket, "a.txt")
    assert "STANDARD_IA" == s3.head_object(Bucket=bucket, Key="media/a.txt")["StorageClass"]
    assert 0 == pushed.push("--check-metadata").code

    pushed.configure(options={"default_acl": "private"})
    assert 2 == pushed.push("--fix-metadata").report["counts"]["fixed"]
    assert [] == readers(s3, bucket, "a.txt") + readers(s3, bucket, "open.txt")


@ON_MOTO
def test_metadata_of_a_storage_that_saves_itself(pushed: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --fix-metadata, where nobody can know what `_save` would write"""
    pushed.configure(backend="backends.Media", backends=OWN_SAVE, options={"default_acl": "public-read"})
    pushed.write("a.txt", b"a", age=100)
    assert 0 == pushed.push().code
    s3.put_object_acl(Bucket=bucket, Key="media/a.txt", ACL="private")

    result = pushed.push("--fix-metadata")

    assert ["metadata-own-save"] == [finding["id"] for finding in result.report["findings"]], result
    assert [] == readers(s3, bucket, "a.txt")


# Secrets, and objects that are not there

READERS = """
from storages.backends.s3 import S3Storage

class Media(S3Storage):
    def {}
"""
TOLD = "_get_write_parameters(self, name, content=None):\n        return {'ACL': 'public-read'}"
NOT_TOLD = "_get_write_parameters(self, name, content):\n        return {'ACL': content.acl}"
PRIVATE = "_get_write_parameters(self, name, content=None):\n        return {'ACL': 'private'}"
SAVES = "_save(self, name, content):\n        return super()._save(name, content)"


@ON_MOTO
@pytest.mark.parametrize(
    ("method", "options", "held_back"),
    [
        (SAVES, {"object_parameters": {"ACL": "public-read"}}, True),
        (SAVES, {"default_acl": "public-read"}, True),
        (SAVES, {}, False),
        (TOLD, {}, True),
        (NOT_TOLD, {}, True),
        (PRIVATE, {}, False),
        (None, {"object_parameters": {"GrantRead": f'uri="{PUBLIC}"'}}, True),
        (None, {"object_parameters": {"GrantRead": 'id="someone"'}}, False),
        (None, {"default_acl": "authenticated-read"}, True),
        (None, {}, False),
    ],
    ids=lambda value: value.partition("(")[0] if isinstance(value, str) else None,
)
def test_secrets_on_their_way_to_everybody(
    method: str | None, options: dict[str, Any], held_back: bool, project: Project
) -> None:
    """s3_push_media --dry-run, where the ACL that objects are written with comes from one or another place"""
    backend = {"backend": "backends.Media", "backends": READERS.format(method)} if method else {}
    project.configure(**backend, options={"querystring_auth": True} | options)
    project.write(".env", b"PASSWORD=1", age=100)

    result = project.push("--dry-run")

    assert ({".env": "skip skipped"} if held_back else {}) == actions(result), result
    assert (0 if held_back else 1) == result.report["counts"]["new"]


@ON_MOTO
def test_a_save_that_stores_nothing(pushed: Project, s3: Any, bucket: str) -> None:
    """s3_push_media with a `_save` that says that all is well"""
    source = READERS.format("_save(self, name, content):\n        return name")
    pushed.configure(backend="backends.Media", backends=source)
    pushed.write("a.txt", b"a", age=100)

    result = pushed.push()

    assert (4, 1, 0) == (result.code, result.counts["failed"], result.report["counts"]["uploaded"]), result
    error = result.item("a.txt")["error"]
    assert "NothingStored" == error["code"]
    assert "Media._save stored nothing under this key" in str(error)


# --verify


@ON_RGW
def test_verify(pushed: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media --verify, while nobody, a user, and a fault interfere"""
    pushed.write("a.txt", b"a1", age=100)
    pushed.write("big.bin", b"b" * 9 * MIB, age=100)
    undisturbed = pushed.push("--verify")
    assert (0, 2, 2) == (undisturbed.code, undisturbed.counts["uploaded"], proxy.count()["ListObjectsV2"]), undisturbed

    def between(interfere: Callable[[], object]) -> None:
        proxy.clear()

        def rule(request: Request) -> None:
            if request.operation == "ListObjectsV2" and proxy.count()["PutObject"]:
                interfere()

        proxy.rule = rule

    pushed.write("a.txt", b"a2", age=50)
    between(lambda: put(s3, bucket, "a.txt", b"a user's"))
    replaced = pushed.push("--verify")
    assert (3, {"a.txt": "conflict skipped"}) == (replaced.code, actions(replaced)), replaced
    assert b"a user's" == objects(s3, bucket)["a.txt"]

    pushed.write("b.txt", b"b1", age=100)
    between(lambda: s3.delete_object(Bucket=bucket, Key="media/b.txt"))
    missing = pushed.push("--verify")
    assert (4, "NotListed") == (missing.code, missing.item("b.txt")["error"]["code"]), missing

    proxy.rule = None
    mended = pushed.push("--verify")
    assert (0, {"a.txt": "keep skipped"}, 1) == (mended.code, actions(mended), mended.counts["uploaded"]), mended
    assert b"b1" == objects(s3, bucket)["b.txt"]


# Servers of another kind


def rewrite_requests(monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes]) -> None:
    """Let the proxy send other heads than it got; moto looks at no signature."""
    ask = proxies._Upstream.ask

    def asked(self: Any, method: str, message: bytes) -> Response:
        head, end, body = message.partition(b"\r\n\r\n")
        return ask(self, method, change(head) + end + body)

    monkeypatch.setattr(proxies._Upstream, "ask", asked)


@ON_MOTO
@pytest.mark.parametrize("encryption", [None, "aws:kms"])
def test_etags_that_are_no_md5(
    encryption: str | None, pushed: Project, proxy: Proxy, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s3_push_media, three times, the last without state: a server's ETags tell nothing of the content"""

    def reverse(text: str) -> str:
        return re.sub(r"[0-9a-f]{32}", lambda found: found[0][::-1], text)

    def disguise(answer: Response) -> Response:
        headers = {name: reverse(value) if name.lower() == "etag" else value for name, value in answer.headers.items()}
        is_list = b"<ListBucketResult" in (answer.body or b"")
        body = reverse((answer.body or b"").decode()).encode() if is_list else answer.body
        return Response(answer.status, headers=headers, body=body)

    def undisguise(head: bytes) -> bytes:
        return re.sub(rb"(?i)(if-match: .*)", lambda found: reverse(found[1].decode()).encode(), head)

    proxy.rule = lambda _: disguise
    rewrite_requests(monkeypatch, undisguise)
    if encryption:
        pushed.configure(options={"object_parameters": {"ServerSideEncryption": encryption}})
    names = pushed.fill(20)
    first = pushed.push("--workers", "1")
    assert (0, 20) == (first.code, first.counts["uploaded"]), first
    assert (0 if encryption else 1) == proxy.count()["GetObject"]
    proxy.clear()

    second = pushed.push()
    assert (0, 20, LISTS) == (second.code, second.counts["unchanged"], dict(proxy.count())), second

    pushed.write(names[3], b"changed", age=-5)
    pushed.write("new.txt", b"new", age=100)
    changed = pushed.push()
    assert (0, 2) == (changed.code, changed.counts["uploaded"]), changed
    md5 = hashlib.md5(b"new").hexdigest()
    assert {"s3sync-md5": md5} == s3.head_object(Bucket=pushed.bucket, Key="media/new.txt")["Metadata"]

    shutil.rmtree(pushed.state)
    lost = pushed.push()
    if encryption:  # without it, nothing tells any more that this ETag is no MD5
        assert (0, 0) == (lost.code, lost.report["counts"]["uploaded"]), lost
        assert {"keep skipped"} == set(actions(lost).values()), lost
        assert {"new.txt", names[3]}.isdisjoint(actions(lost))
    assert (0, 21) == (lost.code, lost.report["counts"]["listed"])


@ON_RGW
@pytest.mark.parametrize("engine", ["fast", "boto3"])
def test_if_match_without_quotes(engine: str, pushed: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media over files that were all changed: Ceph RGW 16 wants the ETag bare, and this is learned once"""
    names = pushed.fill(30)
    assert 31 == pushed.push().report["requests"]["PutObject"]
    for version, refused in ((b"two", True), (b"three", False)):
        for name in names:
            pushed.write(name, version, age=-5)
        proxy.clear()
        result = pushed.push("--engine", engine)

        assert (0, 30, "enforced") == (result.code, result.counts["uploaded"], result.report["conditional"]), result
        assert refused == (412 in {request.status for request in proxy.requests})
        assert {version} == set(objects(s3, bucket).values())
    assert {"PutObject": 30, "ListObjectsV2": 1} == dict(proxy.count())


@pytest.mark.parametrize(("server", "engine"), [("moto", "boto3"), ("rgw", "fast")], indirect=["server"])
def test_a_user_is_faster(engine: str, pushed: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, while a user stores other objects under the keys that were listed a moment ago"""
    pushed.write("changed.txt", b"old", age=100)
    pushed.write("other.txt", b"other", age=100)
    assert 0 == pushed.push().code
    pushed.write("changed.txt", b"new", age=50)
    pushed.write("new.txt", b"mine", age=100)
    pushed.write("big.bin", b"mine" * 3 * MIB, age=100)
    pushed.write("fine.txt", b"fine", age=100)

    def overtake(answer: Response) -> Response:
        for name in ("changed.txt", "new.txt", "big.bin"):
            put(s3, bucket, name, b"a user's")
        return answer

    proxy.rule = lambda request: overtake if request.operation == "ListObjectsV2" else None
    result = pushed.push("--engine", engine)

    lost = dict.fromkeys(["changed.txt", "new.txt", "big.bin"], "conflict skipped")
    assert (3, lost, 1) == (result.code, actions(result), result.counts["uploaded"]), result
    theirs = dict.fromkeys(lost, b"a user's")
    assert theirs | {"other.txt": b"other", "fine.txt": b"fine"} == objects(s3, bucket)


@ON_MOTO
def test_a_user_is_faster_than_an_own_save(pushed: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media with an overridden `_save`, which carries the condition all the same"""
    pushed.configure(backend="backends.Media", backends=OWN_SAVE)
    pushed.write("new.txt", b"mine", age=100)

    def overtake(request: Request) -> None:
        if request.operation == "PutObject":
            put(s3, bucket, "new.txt", b"a user's")

    proxy.rule = overtake
    result = pushed.push()

    assert (3, {"new.txt": "conflict skipped"}) == (result.code, actions(result)), result
    assert {"new.txt": b"a user's"} == objects(s3, bucket)
    assert {"*"} == {request.headers.get("if-none-match") for request in proxy.requests if request.method == "PUT"}


@ON_MOTO
@pytest.mark.parametrize("refused", [False, True])
def test_conditions_that_a_server_does_not_know(
    refused: bool, pushed: Project, proxy: Proxy, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s3_push_media to a server that ignores conditions, or answers 501: a HEAD stands in for them"""

    def refuse(request: Request) -> Any:
        conditional = {"if-none-match", "if-match"} & request.headers.keys()
        return Response(501, "NotImplemented") if conditional and request.method == "PUT" else None

    rule = refuse if refused else lambda _: None
    rewrite_requests(monkeypatch, lambda head: re.sub(rb"(?i)\r\nif-(none-)?match: [^\r]*", b"", head))
    proxy.rule = rule
    pushed.fill(5)
    pushed.write("a.txt", b"one", age=100)
    first = pushed.push()
    assert (0, 6, "emulated") == (first.code, first.counts["uploaded"], first.report["conditional"]), first

    pushed.write("a.txt", b"two", age=50)
    pushed.write("b.txt", b"mine", age=50)

    def overtake(answer: Response) -> Response:
        put(s3, bucket, "a.txt", b"a user's")
        put(s3, bucket, "b.txt", b"a user's")
        return answer

    proxy.rule = lambda request: overtake if request.operation == "ListObjectsV2" else rule(request)
    proxy.clear()
    second = pushed.push()
    assert (3, {"a.txt": "conflict skipped", "b.txt": "conflict skipped"}) == (second.code, actions(second)), second
    assert ({"ListObjectsV2", "HeadObject"}, "emulated") == (proxy.count().keys(), second.report["conditional"])
    assert {b"a user's"} == {objects(s3, bucket)[name] for name in ("a.txt", "b.txt")}


@ON_BOTH
def test_conditions_are_proven_once(pushed: Project, proxy: Proxy) -> None:
    """s3_push_media, twice: the request that proves conditions is sent in the first run only"""
    pushed.fill(3)
    first = pushed.push()
    pushed.write("new.txt", b"new", age=100)
    second = pushed.push()

    assert [4, 1] == [result.report["requests"]["PutObject"] for result in (first, second)]
    assert ["enforced", "enforced"] == [result.report["conditional"] for result in (first, second)]
    assert [404, 412] == [request.status for request in proxy.requests if request.status != 200], "a HEAD, a proof"


# Two hands on one bucket


@ON_RGW
def test_two_hands(pushed: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media --delete after users and the disk have gone on; then --no-clobber, --overwrite-newer"""
    names = ("replaced", "touched", "restored", "alike", "vanished", "gone", "gone-replaced", "edited", "untouched")
    for name in names:
        pushed.write(name, f"{name}, first".encode(), age=1000)
    assert 0 == pushed.push().code
    for name in ("replaced", "touched", "restored", "gone-replaced", "upload"):
        put(s3, bucket, name, b"a user's")
    s3.delete_object(Bucket=bucket, Key="media/vanished")
    put(s3, bucket, "alike", b"both")
    pushed.write("alike", b"both")
    pushed.write("edited", b"edited, second", age=500)
    pushed.write("restored", b"from last year's backup", age=10**7)
    os.utime(pushed.media / "touched")
    (pushed.media / "gone").unlink()
    (pushed.media / "gone-replaced").unlink()

    result = pushed.push("--delete")

    kept = {
        "replaced": "keep skipped",
        "touched": "keep skipped",
        "restored": "conflict skipped",
        "gone-replaced": "orphan skipped",
        "upload": "orphan skipped",
    }
    assert (3, kept | {"gone": "delete done"}) == (result.code, actions(result)), result
    theirs = dict.fromkeys(kept, b"a user's")
    ours = {name: f"{name}, first".encode() for name in ("vanished", "untouched")}
    there = theirs | ours | {"alike": b"both", "edited": b"edited, second"}
    assert there == objects(s3, bucket)

    proxy.clear()
    again = pushed.push("--delete")
    assert (3, kept, LISTS) == (again.code, actions(again), dict(proxy.count())), again
    assert there == objects(s3, bucket)

    pushed.write("edited", b"edited, third", age=400)
    pushed.write("new", b"new", age=400)
    careful = pushed.push("--no-clobber")
    assert (0, 1, 7) == (careful.code, careful.counts["uploaded"], careful.counts["skipped"]), careful
    assert there | {"new": b"new"} == objects(s3, bucket)

    bold = pushed.push("--overwrite-newer")
    assert (0, 4) == (bold.code, bold.counts["uploaded"]), bold
    disk = {name: (pushed.media / name).read_bytes() for name in os.listdir(pushed.media)}
    assert disk | dict.fromkeys(("gone-replaced", "upload"), b"a user's") == objects(s3, bucket)


@ON_RGW
def test_only_known_objects_are_deleted(pushed: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --delete with --max-delete and --dry-run"""
    names = pushed.fill(40)
    put(s3, bucket, "upload", b"a user's")
    assert 0 == pushed.push().code
    for name in names[:11]:
        (pushed.media / name).unlink()

    refused = [pushed.push("--delete", *limit) for limit in ((), ("--max-delete", "26%"))]
    rehearsed = pushed.push("--delete", "--max-delete", "11", "--dry-run")
    assert [5, 5] == [result.code for result in refused], refused[0]
    assert ["deletes-withheld"] == [finding["id"] for finding in refused[0].report["findings"]]
    assert dict.fromkeys(names[:11], "delete planned") | {"upload": "orphan skipped"} == actions(rehearsed)
    assert 41 == len(objects(s3, bucket))

    result = pushed.push("--delete", "--max-delete", "27%")
    assert (0, 11, 1) == (result.code, result.counts["deleted"], result.counts["orphans"]), result
    assert {*names[11:], "upload"} == objects(s3, bucket).keys()


@ON_MOTO
def test_own_keys_delete_nothing(pushed: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --delete, where `_normalize_name` is overridden: which file an object belongs to can't be told"""
    pushed.configure(backend="backends.Media", backends=OWN_KEYS)
    pushed.write("drafts/a.txt", b"a", age=100)
    pushed.write("b.txt", b"b", age=100)
    assert 0 == pushed.push().code

    result = pushed.push("--delete", "--ignore", "drafts")

    assert ["deletes-own-keys"] == [finding["id"] for finding in result.report["findings"]], result
    assert {"12/drafts/a.txt": b"a", "5/b.txt": b"b"} == objects(s3, bucket)
    assert (0, 1) == (result.code, pushed.push("--prefix", "drafts").counts["unchanged"])


@ON_RGW
def test_state_lost(pushed: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media without its state: what is there is recognised, and what users stored still wins"""
    pushed.configure(options={"gzip": True})
    names = ("a.css", "empty", "b.txt", "big.bin", "replaced.txt")
    for name, content in zip(names, (b"x" * 999, b"", b"b", os.urandom(12 * MIB), b"c"), strict=True):
        pushed.write(name, content, age=100)
    assert 5 == pushed.push().counts["uploaded"]
    shutil.rmtree(pushed.state)
    proxy.clear()

    result = pushed.push()
    assert (0, {"scanned": 5, "listed": 5, "unchanged": 5}, LISTS) == (result.code, result.counts, dict(proxy.count()))

    put(s3, bucket, "replaced.txt", b"a user's")
    shutil.rmtree(pushed.state)
    result = pushed.push()
    assert (0, {"replaced.txt": "keep skipped"}) == (result.code, actions(result)), result

    (pushed.media / "b.txt").unlink()
    shutil.rmtree(pushed.state)
    result = pushed.push("--delete")
    assert (0, "orphan skipped") == (result.code, actions(result)["b.txt"]), result
    assert {*names} == objects(s3, bucket).keys()


@ON_RGW
def test_another_tools_copy_is_taken_over(pushed: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media over what boto3's upload_file has stored, in parts of several sizes"""
    sizes = {"small.txt": None, "default.bin": None, "five.bin": 5, "sixteen.bin": 16, "odd.bin": 6}
    for name, part in sizes.items():
        size = 9 if name == "small.txt" else 20 * MIB
        path = pushed.write(name, os.urandom(size), age=100)
        config = TransferConfig(multipart_chunksize=part * MIB) if part else None
        s3.upload_file(str(path), bucket, f"media/{name}", Config=config)

    first = pushed.push()
    # Nobody can guess parts of 6 MiB; an object not older than the file is left alone.
    assert (0, {"odd.bin": "keep skipped"}, 4) == (first.code, actions(first), first.counts["unchanged"]), first
    assert {"ListObjectsV2": 1, "HeadObject": 1} == dict(proxy.count())

    pushed.write("five.bin", b"changed", age=100)
    second = pushed.push()
    assert (0, 1) == (second.code, second.counts["uploaded"]), second
    assert b"changed" == objects(s3, bucket)["five.bin"]

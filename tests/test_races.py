"""Others write while a run does: to the bucket, to the files, to the same names. Nobody's newer work is lost."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agreement import chance, known, lies, say, soak, stored
from tests.project import S3_MANIFEST, Code, Project
from tests.proxy import Proxy, Request, Response, Verdict
from tests.servers import ON_MOTO
from tests.soak import IN_SOAK, SOAK, seeds
from tests.test_targets import actions, objects, put, rewrite_requests

MIB = 1024 * 1024
PARTS = f"TransferConfig(multipart_threshold={5 * MIB}, multipart_chunksize={5 * MIB}, max_concurrency=1)"
PATIENCE = "Config(read_timeout=1, retries={'max_attempts': 0}, s3={'addressing_style': 'path'})"
IMPORTS = "from boto3.s3.transfer import TransferConfig\nfrom botocore.config import Config"


def in_parts(project: Project, proxy: Proxy, parts: str = PARTS) -> None:
    """A project that sends what is larger than 5 MiB in parts, one after the other."""
    options = {"transfer_config": Code(parts), "client_config": Code(PATIENCE)}
    project.configure(server=proxy.server, options=options, settings=IMPORTS)


# A user is faster

OURS, THEIRS = b"yesterday's", b"a user's"


def strip_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that knows no conditions."""
    rewrite_requests(
        monkeypatch, lambda head: re.sub(rb"(?i)\r\n(x-amz-copy-source-)?if-(none-)?match: [^\r]*", b"", head)
    )


@soak
@ON_MOTO
@pytest.mark.parametrize("kind", ["enforcing", "ignoring"] if SOAK else ["ignoring"])
def test_metadata_of_an_object_that_a_user_replaces(
    kind: str, project: Project, proxy: Proxy, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s3_push_media --fix-metadata, while a user stores other bytes of the same length: they are not ours to mend"""
    if kind == "ignoring":
        strip_conditions(monkeypatch)
    project.configure(server=proxy.server)
    names = ["before-head.txt", "before-copy.txt", "ours.txt"]
    for name in names:
        project.write(name, OURS, age=100)
    assert 0 == project.push().code
    project.configure(server=proxy.server, options={"object_parameters": {"CacheControl": "max-age=60"}})
    theirs = THEIRS.ljust(len(OURS))

    def rule(request: Request) -> None:
        if request.key.endswith("before-head.txt") and request.operation == "HeadObject":
            put(s3, bucket, "before-head.txt", theirs)
        if request.key.endswith("before-copy.txt") and request.operation == "CopyObject":
            put(s3, bucket, "before-copy.txt", theirs)

    proxy.rule = rule
    result = project.push("--fix-metadata")
    proxy.rule = None

    assert {"before-head.txt": theirs, "before-copy.txt": theirs, "ours.txt": OURS} == objects(s3, bucket), result
    assert {} == lies(project.state, s3, bucket, replaced=frozenset(f"media/{name}" for name in names[:2]))
    assert "CacheControl" not in s3.head_object(Bucket=bucket, Key="media/before-head.txt")
    for name in names:
        project.write(name, OURS + b", changed", age=100)
    assert 3 == project.push().code
    assert {"before-head.txt": theirs, "before-copy.txt": theirs, "ours.txt": OURS + b", changed"} == objects(
        s3, bucket
    )


WINDOWS = {
    # server, and what it does with conditions: name -> before what the user stores, and whose bytes stay
    ("moto", "ignored"): {
        "new-early.txt": ("HeadObject", "theirs"), "new-late.txt": ("PutObject", "ours"),
        "old-early.txt": ("HeadObject", "theirs"), "old-late.txt": ("PutObject", "ours"),
        "big-early.bin": ("UploadPart", "theirs"), "big-late.bin": ("CompleteMultipartUpload", "ours"),
        "gone-early.txt": ("HeadObject", "theirs"), "gone-late.txt": ("DeleteObject", "nobody's"),
    },
    ("moto", "enforced"): {
        "new-late.txt": ("PutObject", "theirs"), "old-late.txt": ("PutObject", "theirs"),
        "big-early.bin": ("UploadPart", "theirs"), "big-late.bin": ("CompleteMultipartUpload", "theirs"),
        "gone-late.txt": ("DeleteObject", "theirs"),
    },
    ("rgw", "enforced"): {
        "new-late.txt": ("PutObject", "theirs"), "old-late.txt": ("PutObject", "theirs"),
        "big-early.bin": ("UploadPart", "theirs"), "big-late.bin": ("CompleteMultipartUpload", "ours"),
        "gone-early.txt": ("HeadObject", "theirs"), "gone-late.txt": ("DeleteObject", "nobody's"),
    },
}  # fmt: skip


@soak
@pytest.mark.parametrize(
    ("server", "conditions"), WINDOWS if SOAK else [("moto", "ignored")], indirect=["server"]
)
def test_the_window_in_which_a_user_may_lose(
    conditions: str, project: Project, proxy: Proxy, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s3_push_media --delete --overwrite-newer: where a server looks at no condition, the moment after our HEAD"""
    in_parts(project, proxy)
    names = WINDOWS[(project.server.kind, conditions)]
    if conditions == "ignored":
        strip_conditions(monkeypatch)
    for name in (*names, "first.txt", "second.txt"):
        if name.startswith(("old", "gone", "first", "second")):
            project.write(name, b"the day before", age=100)

    def overtake(answer: Response) -> Response:
        put(s3, bucket, "first.txt", THEIRS)
        return answer

    proxy.rule = lambda request: overtake if request.operation == "ListObjectsV2" else None
    first = project.push("--workers", "1")  # nobody knows yet what the server does with conditions
    assert (3, {"first.txt": "conflict skipped"}) == (first.code, actions(first)), first

    for name in names:
        if name.startswith("gone"):
            (project.media / name).unlink()
        else:
            project.write(name, OURS * (6 * MIB // len(OURS)) if name.startswith("big") else OURS, age=50)
    (project.media / "first.txt").unlink()
    waiting = dict(names)

    def rule(request: Request) -> None:
        name = request.key.removeprefix("media/")
        if name in waiting and waiting[name][0] == request.operation:
            del waiting[name]
            put(s3, bucket, name, THEIRS)

    proxy.rule = rule
    result = project.push("--delete", "--max-delete", "100%", "--overwrite-newer")
    proxy.rule = None

    found = {name: whose(content) for name, content in objects(s3, bucket).items()}
    assert {name: found.get(name, "nobody's") for name in names} == {name: stays for name, (_, stays) in names.items()}
    assert "theirs" == found["first.txt"]
    assert ({}, 3) == (waiting, result.code), result
    kept = {name for name, whose_bytes in found.items() if whose_bytes == "theirs"}
    said = {name: "orphan skipped" if name.startswith(("gone", "first")) else "conflict skipped" for name in kept}
    assert said.items() <= actions(result).items()
    assert "emulated" == result.report["conditional"]
    theirs = frozenset(f"media/{name}" for name in kept)
    assert {} == lies(project.state, s3, bucket, replaced=theirs)
    assert project.push("--delete", "--max-delete", "100%").code in (0, 3)
    assert found == {name: whose(content) for name, content in objects(s3, bucket).items()}


def whose(content: bytes) -> str:
    """Who has written it."""
    return "theirs" if content == THEIRS else "ours"


# Users write all the time

USERS = """\
import hashlib
import json
import random
import sys
import threading

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    def handle(self, **options):
        seed, names = json.loads(sys.stdin.readline())
        chance, last, done = random.Random(seed), {}, threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
        number = 0
        while not done.is_set():
            number += 1
            name = chance.choice(names)
            content = b"user's %d " % number * chance.randrange(1, 50)
            way = chance.choice([default_storage.save, default_storage._save])
            assert name == way(name, ContentFile(content))
            last[name] = hashlib.md5(content).hexdigest()
        print(json.dumps([number, last]))
"""


@contextmanager
def users(project: Project, seed: int, names: list[str]) -> Iterator[dict[str, str]]:
    """A site whose users store under these names by django-storages; in the end, name -> MD5 of what each got last."""
    process = project.start("users", stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(json.dumps([seed, names]).encode() + b"\n")
    process.stdin.flush()
    last: dict[str, str] = {}
    try:
        yield last
    finally:
        ended = project.finish(process)
        assert 0 == ended.code, ended
        number, told = ended.report
        say(f"{number} uploads by users")
        last.update(told)


@soak
@pytest.mark.parametrize("server", ["moto", "rgw"] if SOAK else ["moto"], indirect=True)
@pytest.mark.parametrize("seed", seeds(1, 8))
def test_users_write_all_the_time(seed: int, project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media [--delete], again and again, beside a site: what a user stored last stays"""
    rng = chance(seed)
    count, rounds = (300, 8) if SOAK else (60, 2)
    # moto ignores no condition of a DELETE; what RGW does with it, the test of the window shows.
    deletes = ["--delete", "--max-delete", "100%"] if project.server.kind == "moto" else []
    proxy.atomic = True
    settings = "INSTALLED_APPS += ['crowd']"
    folder = project.root / "crowd" / "management" / "commands"
    folder.mkdir(parents=True)
    (folder / "users.py").write_text(USERS)
    project.configure(server=proxy.server, options={"file_overwrite": True}, settings=settings)
    names = project.fill(count)
    for name in names:
        project.write(name, b"yesterday's " + name.encode(), age=3600)
    assert 0 == project.push("--prefix", "many/0000/").code
    theirs = rng.sample(names, count * 2 // 3)
    alive = set(names)
    with users(project, seed, theirs) as last:
        for number in range(rounds):
            for name in rng.sample(sorted(alive), count // 4):
                project.write(name, b"yesterday's %d " % number + name.encode(), age=3600)
            for name in rng.sample(sorted(alive), 3) if deletes else ():
                (project.media / name).unlink()
                alive.remove(name)
            engine, workers = rng.choice(["fast", "boto3"]), rng.choice(["1", "4", "32"])
            result = project.push(*deletes, "--engine", engine, "--workers", workers)
            assert result.code in (0, 3), result
            assert 0 == result.counts.get("failed", 0), result
    final = project.push(*deletes)

    assert final.code in (0, 3), final
    found = {name: hashlib.md5(content).hexdigest() for name, content in objects(s3, bucket).items()}
    ours = {name: hashlib.md5((project.media / name).read_bytes()).hexdigest() for name in alive}
    expected = (ours if deletes else {name: found[name] for name in names} | ours) | last
    assert {name: md5 for name, md5 in expected.items() if found.get(name) != md5} == {}
    assert {} == lies(project.state, s3, bucket, replaced=frozenset(f"media/{name}" for name in last))


# Two runs at once


@ON_MOTO
@soak
@pytest.mark.parametrize("trees", ["one", "two"] if SOAK else ["two"])
@pytest.mark.parametrize("engine", ["fast", "boto3"] if SOAK else ["fast"])
def test_two_pushes_at_once(
    trees: str, engine: str, tmp_path: Path, project: Project, proxy: Proxy, s3: Any, bucket: str
) -> None:
    """s3_push_media --lock none, twice, from one folder or from two that differ: one of them wins, once and for all"""
    proxy.atomic = True
    count = 500 if SOAK else 120
    other = Project(tmp_path / "other", proxy.server, bucket) if trees == "two" else project
    for number, each in enumerate({project, other}):
        each.configure(server=proxy.server)
        for name in each.fill(count):
            each.write(name, b"%d of " % number + name.encode(), age=100)
    running = [each.start("s3_push_media", "--format", "json", "--lock", "none", "--engine", engine)
               for each in (project, other)]  # fmt: skip
    results = [each.finish(process) for each, process in zip((project, other), running, strict=True)]

    assert all(result.code in (0, 3) and not result.counts.get("failed") for result in results), results
    found = objects(s3, bucket)
    for each in (project, other):
        replaced = frozenset() if trees == "one" else frozenset(f"media/{name}" for name in found)
        assert {} == lies(each.state, s3, bucket, replaced=replaced)
    if trees == "one":
        assert [0, 0] == [result.code for result in results], results
        assert count == len(found)
        assert count == project.push().counts["unchanged"]
        return
    done = [Counter(result.counts) for result in results]
    assert count == sum(each["uploaded"] for each in done), done
    assert count == sum(each["conflicts"] + each["kept"] for each in done), done
    for each in (project, other):
        assert each.push().code in (0, 3)
    assert found == objects(s3, bucket)


@soak
@ON_MOTO
@IN_SOAK
def test_two_deploys_and_a_push_at_once(tmp_path: Path, project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --lock none, of two versions, one with --prune, beside s3_push_media: no manifest is ahead"""
    count = 400
    other = Project(tmp_path / "other", proxy.server, bucket)
    ahead: list[Any] = []
    live: list[bytes] = []

    def check(answer: Response) -> Response:
        manifest, missing = names_without_object(s3, bucket)
        live.append(manifest)
        ahead.extend(missing)
        return answer

    proxy.rule = lambda request: check if request.key == "static/staticfiles.json" and request.method == "PUT" else None
    project.server = other.server = proxy.server
    for version, each in (("one", project), ("two", other)):
        each.configure_static(S3_MANIFEST)
        for number in range(count):
            text = f"{version} {number}" if number % 3 else f"{number}"
            each.asset(f"{number}.txt", text)
            each.asset(f"{number}.css", f"a{{background:url({number}.txt)}}/*{text}*/")
    names = project.fill(count)
    collect = ["collectstatic", "--s3", "--no-input", "--format", "json", "--lock", "none"]
    started = [(project, project.start(*collect)), (other, other.start(*collect, "--prune")),
               (project, project.start("s3_push_media", "--format", "json"))]  # fmt: skip
    for each, process in started:
        result = each.finish(process)
        assert 0 == result.code, result
    proxy.rule = None

    assert (2, []) == (len(live), ahead)
    assert 0 == project.collect("--clear").code
    assert [] == names_without_object(s3, bucket)[1]
    assert names == [key.removeprefix("media/") for key in stored(s3, bucket)]


def names_without_object(s3: Any, bucket: str, elsewhere: bytes | None = None) -> tuple[bytes, list[str]]:
    """The live manifest, and what it names though it is not there; `elsewhere` is that manifest, if not in there."""
    there = stored(s3, bucket, "static/")
    if "static/staticfiles.json" not in there and elsewhere is None:
        return b"", []
    manifest = elsewhere or s3.get_object(Bucket=bucket, Key="static/staticfiles.json")["Body"].read()
    named = json.loads(manifest)["paths"].values()
    return manifest, [name for name in named if f"static/{name}" not in there]


# A file changes while it is read


def rewrite(path: Path, content: bytes) -> None:
    """In place, and nobody shall see it by the time."""
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path, content: bytes) -> None:
    """By a rename."""
    new = path.with_name("new.tmp")
    new.write_bytes(content)
    os.replace(new, path)


def append(path: Path, content: bytes) -> None:
    """As a log grows."""
    with path.open("ab") as stream:
        stream.write(content[:1000])


CHANGES: dict[str, Callable[[Path, bytes], None]] = {
    "appended": append,
    "truncated": lambda path, content: os.truncate(path, path.stat().st_size - MIB),
    "replaced": replace,
    "rewritten": rewrite,
}
ALL_CHANGES = [(kind, change, times) for kind in ("moto", "rgw") for change in CHANGES for times in (1, 9)]
SOME_CHANGES = [("moto", "rewritten", 1), ("rgw", "replaced", 9)]


@soak
@pytest.mark.parametrize(("server", "change", "times"), ALL_CHANGES if SOAK else SOME_CHANGES, indirect=["server"])
@pytest.mark.parametrize("way", ["parts", "whole"] if SOAK else ["parts"])
def test_file_changes_while_it_is_streamed(
    way: str, change: str, times: int, project: Project, proxy: Proxy, s3: Any, bucket: str
) -> None:
    """s3_push_media: what lies in the bucket in the end is one version, and what the state says it is; or it failed"""
    in_parts(project, proxy, PARTS if way == "parts" else f"TransferConfig(multipart_threshold={32 * MIB})")
    path = project.write("big.bin", b"0" * 11 * MIB, age=100)
    versions = [path.read_bytes()]
    trigger = "UploadPart" if way == "parts" else "HeadObject"

    def rule(request: Request) -> Verdict:
        if request.operation == trigger and request.query.get("partNumber", "1") == "1" and len(versions) <= times:
            CHANGES[change](path, b"%d" % len(versions) * 11 * MIB)
            versions.append(path.read_bytes())
        return None

    proxy.rule = rule
    result = project.push()
    proxy.rule = None

    assert result.code in ((0,) if times == 1 else (0, 4)), result
    assert len(versions) > 1
    if result.code:
        assert "FileChanged" == result.item("big.bin")["error"]["code"], result
        assert 4 <= len(versions)
    else:  # what was hashed before it grew is a version too, and the next run sends the next
        found = hashlib.md5(objects(s3, bucket)["big.bin"]).hexdigest()
        assert [found] == [md5 for *_, md5 in known(project.state).values()]
        assert found in {hashlib.md5(version).hexdigest() for version in versions}
    assert {} == lies(project.state, s3, bucket)
    assert 0 == project.push().code
    same = versions[-1] == objects(s3, bucket)["big.bin"]
    assert same
    assert {} == lies(project.state, s3, bucket)

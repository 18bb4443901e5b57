"""Whatever breaks between here and S3: no byte is lost, nothing is claimed that is not so, and the next run heals."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.faults import FAULTS, STALLS, ByChance, ByName, Exchange, Fault, FaultProxy, answered, fits
from tests.project import S3_MANIFEST, Code, Project, Result
from tests.promises import hold_after, in_short
from tests.promises import stored as contents
from tests.proxy import Request
from tests.servers import ON_MOTO, ON_RGW_HTTPS, Server
from tests.soak import IN_SOAK, SOAK, seeds, share

pytestmark = pytest.mark.soak

MIB = 1024 * 1024
IMPORTS = "from boto3.s3.transfer import TransferConfig\nfrom botocore.config import Config"
HASTY: dict[str, Any] = {
    "client_config": Code("Config(read_timeout=1)"),
    "transfer_config": Code(f"TransferConfig(multipart_threshold=65536, multipart_chunksize={5 * MIB})"),
}
"""A short patience; and uploads in parts, of one part each, that need no megabytes."""
EACH_ENGINE = pytest.mark.parametrize("engine", ["fast", *(["boto3"] * SOAK)])
SERVERS = ["rgw-https", "moto", "rgw-https", "rgw"]


@pytest.fixture
def faulty(server: Server) -> Iterator[FaultProxy]:
    """A proxy that breaks what it is told to break, before `server`."""
    if server.kind == "remote":
        pytest.skip("A remote server takes the proxy's address for a wrong one.")
    with FaultProxy(server) as running:
        yield running
    assert running.errors == []


def faults_of(operation: str, part: int, parts: int) -> list[str]:
    """The names of faults for an operation: all in a soak, else a share of those that take no whole timeout."""
    fitting = [name for name in FAULTS if fits(name, operation)]
    quick = [name for name in fitting if SOAK or name not in STALLS]
    return [*share(quick, part, parts), *([] if SOAK or operation != "PutObject" else ["stall-lost"])]


@pytest.mark.parametrize(
    ("server", "engine", "part"),
    [
        ("rgw-https", "fast", 0),
        *([("rgw-https", "boto3", 0), ("moto", "fast", 0), ("moto", "boto3", 0)] * SOAK),
    ],
    indirect=["server"],
)
def test_each_fault_of_puts_and_deletes(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, engine: str, part: int
) -> None:
    """s3_push_media --delete: new, replaced and deleted objects meet each fault once; all is well in one run"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    puts, deletes = faults_of("PutObject", part, 2), faults_of("DeleteObject", part + 1, 3)
    for name in puts:
        project.write(f"replaced/{name}.bin", b"old " * 50, age=60)
    for name in deletes:
        project.write(f"gone/{name}.bin", b"gone" + name.encode(), age=60)
    s3.put_object(Bucket=bucket, Key="media/orphan.bin", Body=b"theirs")
    s3.put_object(Bucket=bucket, Key="else/where.bin", Body=b"theirs")
    assert 0 == project.push("--engine", engine).code
    before = contents(s3, bucket)
    files = {}
    for name in puts:
        for folder in ("new", "replaced"):
            files[f"media/{folder}/{name}.bin"] = content = f"{folder} {name}".encode() * 40
            project.write(f"{folder}/{name}.bin", content)
    for name in deletes:
        (project.media / f"gone/{name}.bin").unlink()
    gone = {f"media/gone/{name}.bin" for name in deletes}
    theirs = {"media/orphan.bin": b"theirs", "else/where.bin": b"theirs"}
    plan = {("PutObject", f"media/{folder}/{name}.bin"): name for name in puts for folder in ("new", "replaced")}
    plan |= {("DeleteObject", f"media/gone/{name}.bin"): name for name in deletes}
    faulty.fault = faults = ByName(plan)
    options = ("-v", "2", "--engine", engine, "--delete", "--max-delete", "100%")

    result = project.push(*options)

    hold_after(result, s3, bucket, server, files=files, before=before, theirs=theirs, may_go=gone)
    assert [] == faults.unmet
    assert (2 * len(puts), len(gone)) == (result.counts["uploaded"], result.counts["deleted"]), in_short(result)
    again = project.push(*options)
    after = hold_after(again, s3, bucket, server, files=files, before=theirs | files, theirs=theirs)
    assert theirs | files == after
    assert 2 * len(puts) == again.counts["unchanged"], in_short(again)


@pytest.mark.parametrize(
    ("server", "part"), [("rgw-https", 0), *([("moto", 1)] if SOAK else [])], indirect=["server"]
)
def test_each_fault_of_uploads_in_parts(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, part: int
) -> None:
    """s3_push_media: beginning, parts and completion meet each fault once; nothing of them stays behind"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    plan, files = {}, {}
    for operation in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"):
        for name in [] if is_undated(server, operation) else faults_of(operation, part, 3):
            file = f"{operation}/{name}.bin"
            plan[operation, f"media/{file}"] = name
            files[f"media/{file}"] = content = file.encode() * 5000
            project.write(file, content, age=60)
    faulty.fault = faults = ByName(plan)

    result = project.push("-v", "2")

    hold_after(result, s3, bucket, server, files=files, before={})
    assert [] == faults.unmet
    again = project.push("-v", "2")
    hold_after(again, s3, bucket, server, files=files, before=files)
    assert len(files) == again.counts["unchanged"], in_short(again)


@IN_SOAK
@ON_RGW_HTTPS
def test_parts_go_though_their_abort_fails_too(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server
) -> None:
    """s3_push_media, where parts are refused, and S3 does not hear that they are to be dropped"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    names = ["html", "xhtml", "lost", "empty", "500-done"]
    files = {f"media/{name}.bin": name.encode() * 30000 for name in names}
    for name in names:
        project.write(f"{name}.bin", files[f"media/{name}.bin"], age=60)
    denied = answered(403, "AccessDenied")
    aborts = ByName({("AbortMultipartUpload", key): key[6:-4] for key in files})
    faulty.fault = lambda request: denied if request.operation == "UploadPart" else aborts(request)

    result = project.push("-v", "2")

    hold_after(result, s3, bucket, server, files=files, before={}, codes=[4])
    assert [] == aborts.unmet
    assert {"AccessDenied"} == {item["error"]["code"] for item in result.report["items"]}
    faulty.fault = None
    hold_after(project.push("-v", "2"), s3, bucket, server, files=files, before={})


@IN_SOAK
@ON_RGW_HTTPS
@pytest.mark.parametrize(("listed", "aborted"), [("xhtml", "empty"), ("html", "xhtml"), ("503", "lost")])
def test_parts_that_nobody_was_told_of(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, listed: str, aborted: str
) -> None:
    """s3_push_media, where the id of an upload is lost, and what looks for it and ends it is answered wrongly"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    files = {f"media/{number}.bin": b"%d" % number * 70000 for number in range(4)}
    met = set()
    for key, content in files.items():
        project.write(key.removeprefix("media/"), content, age=60)
    names = {"CreateMultipartUpload": "lost", "ListMultipartUploads": listed, "AbortMultipartUpload": aborted}

    def fault(request: Request) -> Fault | None:
        what = request.operation, request.key or request.query.get("prefix", "")
        if request.operation not in names or what in met:
            return None
        met.add(what)
        return FAULTS[names[request.operation]]

    faulty.fault = fault
    hold_after(project.push("-v", "2"), s3, bucket, server, files=files, before={})
    assert len(names) * len(files) == len(met)


@IN_SOAK
@ON_RGW_HTTPS
@pytest.mark.parametrize("name", ["xhtml", *(["html", "empty", "lost", "429", "bad-status"] if SOAK else [])])
def test_nothing_is_learned_from_a_false_answer(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, name: str
) -> None:
    """s3_push_media, where the proof that conditions are enforced gets a 200 from somebody else"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    files = {"media/a.bin": b"a"}
    project.write("a.bin", b"a")
    puts = count()
    faulty.fault = lambda request: (
        FAULTS[name] if request.operation == "PutObject" and next(puts) == 1 else None
    )

    hold_after(project.push("-v", "2"), s3, bucket, server, files=files, before={})

    files["media/b.bin"] = b"b"
    project.write("b.bin", b"b")
    result = project.push("-v", "2")
    hold_after(result, s3, bucket, server, files=files, before=files)
    assert "enforced" == result.report["conditional"]


@IN_SOAK
@ON_RGW_HTTPS
@pytest.mark.parametrize("verdict", ["end", "reset", "handshake"])
def test_tls_that_breaks_off_is_no_matter_of_certificates(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, verdict: str
) -> None:
    """s3_push_media, where every connection ends in its handshake: exit 1; where some do, all is well"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    files = {f"media/{number}.bin": b"%d" % number for number in range(20)}
    for key, content in files.items():
        project.write(key.removeprefix("media/"), content, age=60)
    faulty.on_connect = lambda: verdict

    result = project.push("-v", "2", env={"AWS_MAX_ATTEMPTS": "1"})

    hold_after(result, s3, bucket, server, files=files, before={}, codes=[1])
    assert "Unreachable" == result.report["error"]["code"], in_short(result)
    assert "certificate" not in result.report["error"]["hint"]
    numbers = count()
    faulty.on_connect = lambda: verdict if next(numbers) % 2 else None
    hold_after(project.push("-v", "2"), s3, bucket, server, files=files, before={})


# Listings


class Paged:
    """Serves listings in pages of `size` keys; each page is asked for in vain as often as there are `faults` for it."""

    def __init__(self, size: int, faults: Callable[[int], list[Fault]]) -> None:
        self._size, self._faults = size, faults
        self._seen: dict[str, Iterator[Fault]] = {}

    def __call__(self, request: Request) -> Fault | None:
        if request.operation != "ListObjectsV2":
            return None
        token = request.query.get("continuation-token", "")
        if token not in self._seen:
            self._seen[token] = iter(self._faults(len(self._seen)))
        return next(self._seen[token], self._page)

    @property
    def pages(self) -> int:
        return len(self._seen)

    def _page(self, exchange: Exchange) -> None:
        exchange.answer(exchange.list_page(self._size))


def refused_token(exchange: Exchange) -> None:
    """A node that has not heard of the token that another has given."""
    first = "continuation-token" not in exchange.request.query
    answered(503 if first else 400, "SlowDown" if first else "InvalidArgument")(exchange)


@ON_RGW_HTTPS
def test_each_fault_of_listings(project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server) -> None:
    """s3_push_media: every page is broken in another way, and then as it should be"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    few = ["page-of-another-bucket", "page-of-another-prefix", "empty", "page-cut", "xhtml"]
    whole = ("slow", "closed-after", "length-too-long")  # they give the server's own page, which holds all keys
    names = [name for name in FAULTS if fits(name, "ListObjectsV2") and name not in whole] if SOAK else few
    kinds = [FAULTS[name] for name in names] + [refused_token]
    files = {f"media/{number:03}.bin": b"%d" % number for number in range(3 * len(kinds))}
    for number, key in enumerate(files):
        project.write(key.removeprefix("media/"), files[key], age=60)
        if number % 3:
            s3.put_object(Bucket=bucket, Key=key, Body=files[key])
    present = contents(s3, bucket)
    faulty.fault = pages = Paged(2, lambda number: [kinds[number]] if number < len(kinds) else [])

    result = project.push("-v", "2")

    hold_after(result, s3, bucket, server, files=files, before=present)
    assert len(kinds) == pages.pages
    wanted = {"scanned": 3 * len(kinds), "listed": len(present), "new": len(kinds), "uploaded": len(kinds)}
    assert wanted | {"unchanged": len(present)} == result.counts


@IN_SOAK
@ON_MOTO
@pytest.mark.parametrize("name", ["page-of-another-bucket", "html", "empty", "page-cut"])
def test_listing_that_stays_wrong(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, name: str
) -> None:
    """s3_push_media: exit 1 after some tries, whichever page it is, and nothing was taken for deleted or new"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    files = {f"media/{number:02}.bin": b"%d" % number for number in range(9)}
    for key, content in files.items():
        project.write(key.removeprefix("media/"), content, age=60)
    assert 0 == project.push().code
    for page in (0, 1):
        kinds = [FAULTS[name]] * 50
        faulty.fault = Paged(3, lambda number, page=page, kinds=kinds: kinds if number == page else [])  # type: ignore[misc]
        result = project.push("-v", "2", "--delete", "--max-delete", "100%")
        hold_after(result, s3, bucket, server, files=files, before=files, codes=[1])
        assert "BrokenListing" == result.report["error"]["code"], in_short(result)
    faulty.fault = None
    assert {"scanned": 9, "listed": 9, "unchanged": 9} == project.push().counts


@ON_RGW_HTTPS
@EACH_ENGINE
def test_bucket_changes_between_pages(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, engine: str
) -> None:
    """s3_push_media: what users do to objects between page 1 and page 2 is theirs"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    ours = {f"media/{number}.bin": b"old %d" % number for number in range(8)}
    for key, content in ours.items():
        project.write(key.removeprefix("media/"), content, age=60)
    assert 0 == project.push("--engine", engine).code
    files = dict(ours)
    for number in (0, 1, 6):  # two on the first page, one on the second
        files[f"media/{number}.bin"] = b"new content %d" % number
        project.write(f"{number}.bin", files[f"media/{number}.bin"])
    for key in ("media/0a.bin", "media/9.bin"):
        files[key] = b"a new file"
        project.write(key.removeprefix("media/"), files[key])
    put = {"media/0.bin": b"theirs", "media/0a.bin": b"theirs too", "media/5.bin": b"theirs as well"}
    added = {"media/5a.bin": b"theirs alone", "media/9a.bin": b"theirs at the end"}

    def change(exchange: Exchange) -> None:
        page = exchange.list_page(4)
        for key, content in (put | added).items():
            s3.put_object(Bucket=bucket, Key=key, Body=content)
        for key in ("media/1.bin", "media/7.bin"):
            s3.delete_object(Bucket=bucket, Key=key)
        exchange.answer(page)

    faulty.fault = Paged(4, lambda number: [change] if number == 0 else [])
    result = project.push("-v", "2", "--engine", engine)

    theirs = put | added
    rest = {key: content for key, content in files.items() if key not in theirs}
    after = hold_after(
        result, s3, bucket, server, files=rest, before=ours, theirs=theirs, codes=[3]
    )
    assert rest | theirs == after
    assert (2, 1) == (result.counts["conflicts"], result.counts["kept"]), in_short(result)
    faulty.fault = None
    again = project.push("-v", "2", "--engine", engine)
    assert after == hold_after(again, s3, bucket, server, files=rest, before=after, theirs=theirs, codes=[0, 3])


# Static files


@ON_RGW_HTTPS
@EACH_ENGINE
def test_each_fault_of_a_manifest(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, engine: str
) -> None:
    """collectstatic --s3: each object meets a fault, and so does the manifest; --clear does too"""
    project.asset("img/a.png", b"a" * 900)
    project.asset("css/a.css", "@import 'b.css';a{background:url(../img/a.png)}")
    project.asset("css/b.css", "b{background:url(../img/a.png)}")
    names = [name for name in FAULTS if fits(name, "PutObject")]
    manifests = names if SOAK else ["lost"]
    project.server = server
    project.configure_static(S3_MANIFEST, settings=IMPORTS, **HASTY)
    assert 0 == project.collect().code
    files = contents(s3, bucket)
    project.server = faulty.server
    project.configure_static(S3_MANIFEST, settings=IMPORTS, **HASTY)
    numbers = count()
    for name in manifests:
        for key in files:
            s3.delete_object(Bucket=bucket, Key=key)
        shutil.rmtree(project.state, ignore_errors=True)
        s3.put_object(Bucket=bucket, Key="static/old.png", Body=b"old")
        met: set[str] = set()

        def fault(request: Request, met: set[str] = met, name: str = name) -> Fault | None:
            if request.operation not in ("PutObject", "DeleteObject") or request.key in met:
                return None
            met.add(request.key)
            if request.key == "static/staticfiles.json":
                return FAULTS[name]
            usual = faults_of(request.operation, 0, 1)[:-4]
            return FAULTS[usual[next(numbers) % len(usual)]]

        faulty.fault = fault
        result = project.collect("-v", "2", "--engine", engine, "--clear")
        hold_after(
            result, s3, bucket, server, files=files, before={"static/old.png": b"old"}, may_go=["static/old.png"]
        )
        assert len(files) + 1 == len(met)
        faulty.fault = None
        again = project.collect("-v", "2", "--engine", engine)
        assert files == hold_after(again, s3, bucket, server, files=files, before=files)
        assert 0 == again.counts.get("uploaded", 0), in_short(again)


# Metadata


@IN_SOAK
@ON_RGW_HTTPS
def test_each_fault_of_copies(project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server) -> None:
    """s3_push_media --fix-metadata: what was not copied is not called fixed, whatever answers"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    names = faults_of("CopyObject", 0, 1)
    files = {f"media/{name}.bin": name.encode() for name in names}
    for key, content in files.items():
        project.write(key.removeprefix("media/"), content, age=60)
    assert 0 == project.push().code
    parameters = {"object_parameters": {"CacheControl": "max-age=60"}}
    project.configure(options=HASTY | parameters, settings=IMPORTS)
    heads = dict(zip(files, faults_of("HeadObject", 1, 3) * len(files), strict=False))
    plan = {("CopyObject", key): key[6:-4] for key in files} | {("HeadObject", key): heads[key] for key in heads}
    faulty.fault = ByName(plan)

    result = project.push("-v", "2", "--fix-metadata")

    hold_after(result, s3, bucket, server, files=files, before=files, codes=[0, 4])
    fixed = [item["key"] for item in result.report["items"] if item["result"] == "done"]
    assert result.counts["fixed"] == len(fixed)
    for key in fixed:
        assert "max-age=60" == s3.head_object(Bucket=bucket, Key=key).get("CacheControl"), (key, result)
    faulty.fault = None
    hold_after(project.push("-v", "2", "--fix-metadata"), s3, bucket, server, files=files, before=files)
    assert {"max-age=60"} == {s3.head_object(Bucket=bucket, Key=key).get("CacheControl") for key in files}


# Credentials


PROVIDER = """\
import json, pathlib, sys
from datetime import datetime, timedelta, timezone
calls = pathlib.Path(sys.argv[1])
number = len(calls.read_text()) if calls.exists() else 0
calls.write_text("x" * (number + 1))
end = datetime.now(timezone.utc) + timedelta(hours=1)
print(json.dumps({"Version": 1, "AccessKeyId": sys.argv[2], "SecretAccessKey": sys.argv[3],
                  "Expiration": end.isoformat()}))
"""


@EACH_ENGINE
@pytest.mark.parametrize(
    ("server", "source"), [("rgw-https", "process"), *([("moto", "file")] * SOAK)], indirect=["server"]
)
def test_credentials_expire_in_the_middle(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, engine: str, source: str
) -> None:
    """s3_push_media, with a profile whose credentials S3 refuses at some point: it goes on with fresh ones"""
    calls, config, keys = (project.root / name for name in ("calls", "config", "credentials"))
    (project.root / "provider.py").write_text(PROVIDER)
    process = f"{sys.executable} {project.root}/provider.py {calls} {server.access_key} {server.secret_key}"
    config.write_text(f"[profile deploy]\n{f'credential_process = {process}' if source == 'process' else ''}\n")
    pair = f"aws_access_key_id = {{}}\naws_secret_access_key = {server.secret_key}\n"
    keys.write_text("[deploy]\n" + pair.format("FIRST") if source == "file" else "")
    project.env = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(keys)}
    project.configure(
        server=faulty.server, settings=IMPORTS,
        options=HASTY | {"access_key": None, "secret_key": None, "session_profile": "deploy"},
    )  # fmt: skip
    files = {f"media/{name}": name.encode() for name in project.fill(60)}
    for key in files:
        files[key] = (project.media / key.removeprefix("media/")).read_bytes()
    expired = answered(400, "ExpiredToken")
    puts = count()

    def fault(request: Request) -> Fault | None:
        if request.operation != "PutObject" or (number := next(puts)) < 20:
            return None
        if number == 20:
            keys.write_text("[deploy]\n" + pair.format("SECOND") if source == "file" else "")
        fresh = calls.stat().st_size > 1 if source == "process" else "=SECOND/" in request.headers["authorization"]
        return None if fresh else expired

    faulty.fault = fault
    result = project.push("-v", "2", "--engine", engine)

    hold_after(result, s3, bucket, server, files=files, before={})
    assert 60 == result.counts["uploaded"], in_short(result)


@IN_SOAK
@ON_MOTO
def test_credentials_that_stay_expired(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server
) -> None:
    """s3_push_media: exit 4, what to do is said, and a run with new ones does the rest"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    files = {f"media/{number}.bin": b"%d" % number for number in range(12)}
    for key, content in files.items():
        project.write(key.removeprefix("media/"), content)
    expired, puts = answered(400, "ExpiredToken"), count()
    faulty.fault = lambda request: expired if request.operation == "PutObject" and next(puts) > 5 else None

    result = project.push("-v", "2")

    hold_after(result, s3, bucket, server, files=files, before={}, codes=[4])
    assert {"ExpiredToken"} == {item["error"]["code"] for item in result.report["items"] if item["error"]}
    faulty.fault = None
    hold_after(project.push("-v", "2"), s3, bucket, server, files=files, before=contents(s3, bucket))


# By chance


def is_undated(server: Server, operation: str) -> bool:
    """moto dates every upload in parts back to 2010, so no run can tell that one is its own."""
    return server.kind == "moto" and operation == "CreateMultipartUpload"


class World:
    """A tree, what the bucket held before, and what a push of it comes to; all by one seed."""

    def __init__(self, seed: int, project: Project, s3: Any, bucket: str) -> None:
        self.chance = random.Random(seed)
        self.engine = self.chance.choice(["fast", "boto3"])
        self.static = self.chance.random() < 0.25
        self.files: dict[str, bytes] = {}
        self.theirs = {"else/where.bin": b"theirs"}
        self.may_go: set[str] = set()
        self._project, self._s3, self._bucket = project, s3, bucket
        self._root = project.assets if self.static else project.media
        self._prefix = "static/" if self.static else "media/"

    def configure(self, server: Server) -> None:
        """Writes the settings."""
        self._project.server = server
        if self.static:
            self._project.configure_static(settings=IMPORTS, **HASTY)
        else:
            self._project.configure(options=HASTY, settings=IMPORTS)

    def push(self) -> Result:
        """Pushes."""
        options = ["-v", "2", "--engine", self.engine, "--workers", self.workers]
        if self.static:
            return self._project.collect(*options)
        return self._project.push(*options, "--delete", "--max-delete", "100%", *self.extra)

    def make(self) -> None:
        """What was pushed once, and what has happened since."""
        chance = self.chance
        self.workers = str(chance.choice([1, 2, 8, 32, 128]))
        self.extra = ["--verify"] if chance.random() < 0.2 else []
        names = [self._name(number) for number in range(chance.randint(10, 60 if SOAK else 15))]
        old = [name for name in names if chance.random() < 0.5]
        self._write(f"large-{chance.random()}.bin", chance.randbytes(9 * MIB), age=120)
        for name in old:
            self._write(name, self._content(), age=120)
        if chance.random() < 0.5:  # else it meets the faults
            first = self.push()
            assert 0 == first.code, in_short(first)
        for name in names:
            if name not in old:
                self._write(name, self._content(), age=120)
        for name in old:
            self._age(name)
        self._s3.put_object(Bucket=self._bucket, Key="else/where.bin", Body=b"theirs")

    def _content(self) -> bytes:
        return self.chance.randbytes(self.chance.choice([0, 1, 20, 300, 4000, 70_000, 300_000]))

    def _age(self, name: str) -> None:
        key, fate = self._prefix + name, self.chance.random()
        if fate < 0.3:
            self._write(name, self._content())
        elif fate < 0.5 and not self.static:
            self._path(name).unlink()
            del self.files[key]
            self.may_go.add(key)
        elif fate < 0.6 and not self.static:  # a user has replaced it: it is kept
            self.theirs[key] = self.chance.randbytes(50)
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=self.theirs[key])
            del self.files[key]

    def _name(self, number: int) -> str:
        folder = self.chance.choice(["", "a/", "a/b c/", "\u00fc/", "a.b/", "z+%/"])
        return folder + str(number) + self.chance.choice([".bin", ".jpg", " x.txt", ".\u65e5"])

    def _path(self, name: str) -> Path:
        return self._root / name

    def _write(self, name: str, content: bytes, age: float = 0) -> None:
        self.files[self._prefix + name] = content
        if self.static:
            self._project.asset(name, content)
        else:
            self._project.write(name, content, age=age)


@pytest.mark.parametrize(
    ("server", "seed"), [(SERVERS[seed % len(SERVERS)], seed) for seed in seeds(2, 120)], indirect=["server"]
)
def test_any_faults(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, seed: int
) -> None:
    """s3_push_media --delete, or collectstatic --s3, of a random tree, with random faults; and once more without"""
    print(f"S3SYNC_TEST_SEED={seed}")  # noqa: T201  pytest shows it where the test fails
    world = World(seed, project, s3, bucket)
    world.configure(faulty.server)
    world.make()
    before = contents(s3, bucket)
    chance = ByChance(world.chance, world.chance.choice([0.02, 0.05, 0.15, 0.3]), most=120 if SOAK else 12)
    faulty.on_connect = chance.on_connect
    faulty.fault = lambda request: None if is_undated(server, request.operation) else chance(request)

    result = world.push()

    print("\n".join(faulty.met))  # noqa: T201
    hold = {"files": world.files, "theirs": world.theirs, "may_go": world.may_go}
    after = hold_after(result, s3, bucket, server, before=before, codes=[0, 1, 4], **hold)  # type: ignore[arg-type]
    faulty.fault = faulty.on_connect = None
    again = world.push()
    after = hold_after(again, s3, bucket, server, before=after, **hold)  # type: ignore[arg-type]
    assert world.files | world.theirs == after, in_short(again)
    if SOAK:
        third = world.push()
        assert set() == third.counts.keys() - {"scanned", "listed", "unchanged", "kept", "orphans"}, in_short(third)

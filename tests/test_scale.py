"""What must not grow with the number of objects, and what must not begin again at the start.

The default run takes small cases. `make soak` takes a million objects, 10,000 pages and 20 GiB; its output has the
figures. What a process needs at most is read off the kernel's own mark (`VmHWM`), when the command ends.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import canned, soak
from tests.canned import Canned, Page
from tests.gallery import Gallery
from tests.project import MANAGE, Project, Result

PEAK = r"""
import atexit, pathlib, re

def tell(peak=pathlib.Path(__file__).absolute().with_name("peak")):
    peak.write_text(re.search(r"VmHWM:\s*(\d+)", pathlib.Path("/proc/self/status").read_text())[1])

atexit.register(tell)
"""
MIB = 1 << 20
GIB = 1 << 30


@pytest.fixture
def server() -> Iterator[Canned]:
    """Objects without end."""
    with Canned() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, server: Canned) -> Project:
    """A project whose bucket is canned."""
    made = Project(tmp_path / "project", server.server, "canned")
    (made.root / "manage.py").write_text(PEAK + MANAGE)
    return made


def measured(project: Project, *args: str, timeout: float = 1800) -> tuple[Result, int]:
    """A command's result, and the most memory it had, in MiB."""
    result = project.run(*args, fresh=True, timeout=timeout)
    return result, int((project.root / "peak").read_text()) // 1024


def write_some(project: Project, numbers: range) -> int:
    """Files for some of the objects, each as it is stored."""
    for number in numbers:
        path = project.media / canned.name(number)
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
        path.write_bytes(canned.content(number))
    return len(numbers)


# Memory

SIZES = (10_000, 100_000, 1_000_000)
ROOM = 32
"""MiB that a hundred times as many may take more: what an allocator keeps, and pages that were read ahead."""


def assert_flat(what: str, peaks: dict[int, int], room: int = ROOM) -> None:
    """The largest case takes no more memory than the smallest one."""
    print(f"MiB by {what}:", peaks)  # noqa: T201
    assert peaks[max(peaks)] <= peaks[min(peaks)] + room, peaks


@pytest.mark.soak
@soak.IN_SOAK
def test_memory_does_not_grow_with_the_listing(project: Project, server: Canned) -> None:
    """s3_push_media --delete: a fifth of the objects has a file, the others are named as orphans"""
    peaks = {}
    for count in SIZES:
        server.objects = count
        files = write_some(project, range(0, count, 5))
        result, peaks[count] = measured(project, "s3_push_media", "--format", "json", "--delete", "-o", "report.json")

        assert 0 == result.code, result
        report = json.loads((project.root / "report.json").read_text())
        counts = {name: number for name, number in report["counts"].items() if number}
        assert {"scanned": files, "listed": count, "unchanged": files, "orphans": count - files} == counts
        assert {"ListObjectsV2": count // 1000, "PutObject": 0} == report["requests"]
        assert count - files == len(report["items"])
    assert_flat("objects", peaks)


@pytest.mark.soak
@soak.IN_SOAK
@pytest.mark.parametrize("sizes", [SIZES, (10_000, 100_000)], ids=["keys", "acls"])
def test_memory_does_not_grow_with_the_objects_judged(
    project: Project, server: Canned, sizes: tuple[int, ...], request: pytest.FixtureRequest
) -> None:
    """s3_verify_acl --all: by their keys, or by an ACL each"""
    by_keys = request.node.callspec.id == "keys"
    if by_keys:
        rule = "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"
        server.facts["ownershipControls"] = f"<OwnershipControls {canned.NAMESPACE}>{rule}</OwnershipControls>".encode()
    peaks = {}
    for count in sizes:
        server.objects = count
        server.asked.clear()
        result, peaks[count] = measured(
            project, "s3_verify_acl", "--all", "--probes", "0", "--storage", "default", "--format", "json"
        )

        assert 0 == result.code, result
        (row,) = result.report["aliases"]
        assert (count, {"OK": count}) == (row["objects"], row["verdicts"])
        assert (0 if by_keys else count) == server.asked["GetObjectAcl"]
    assert_flat("objects judged", peaks)


@pytest.mark.soak
@soak.IN_SOAK
@pytest.mark.parametrize("missing", [1000, 2], ids=["thousandth", "half"])
def test_memory_does_not_grow_with_the_rows(project: Project, server: Canned, missing: int) -> None:
    """s3_verify_media --orphans: a row for each other object; of these, some name what is not there"""
    gallery = Gallery(project)
    gallery.models()
    gallery.table()
    peaks = {}
    for count in SIZES:
        server.objects = count
        gallery.sql("DELETE FROM gallery_photo")
        names = (canned.name(number) + ("x" if number % missing == 0 else "") for number in range(0, count, 2))
        gallery.many(names)
        result, peaks[count] = measured(
            project, "s3_verify_media", "--orphans", "--format", "json", "-o", "report.json"
        )

        assert 3 == result.code, result
        report = json.loads((project.root / "report.json").read_text())
        lost = len(range(0, count, max(missing, 2)))
        assert {"ok": count // 2 - lost, "missing": lost, "orphan": count // 2 + lost} == {
            verdict: number for verdict, number in report["verdicts"].items() if number
        } | ({"ok": 0} if missing == 2 else {})
        assert {"ListObjectsV2": count // 1000, "PutObject": 0} == report["requests"]
        print(count, report["seconds"]["total"])  # noqa: T201
    assert_flat("rows", peaks)


@pytest.mark.soak
@soak.IN_SOAK
def test_memory_does_not_grow_with_what_is_exposed(project: Project, server: Canned) -> None:
    """s3_verify_acl --all: an item for each of the objects that everybody reads"""
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::canned/*"}
    server.facts["policy"] = json.dumps({"Version": "2012-10-17", "Statement": [everybody]}).encode()
    server.facts["policyStatus"] = f"<PolicyStatus {canned.NAMESPACE}><IsPublic>true</IsPublic></PolicyStatus>".encode()
    peaks = {}
    for count in (10_000, 200_000):
        server.objects = count
        result, peaks[count] = measured(
            project, "s3_verify_acl", "--all", "--probes", "0", "--storage", "default", "--format", "jsonl",
            "-o", "report.jsonl",
        )  # fmt: skip

        assert 3 == result.code, result
        with (project.root / "report.jsonl").open() as lines:
            assert count + 1 <= sum(1 for _ in lines)
    assert_flat("exposed objects", peaks)


@pytest.mark.soak
@soak.IN_SOAK
def test_memory_does_not_grow_with_failures(project: Project) -> None:
    """s3_push_media: names that no key can have"""
    peaks, made = {}, 0
    for count in (2_000, 200_000):
        for number in range(made, count):
            folder = project.media / f"{number // 1000:04}"
            if number % 1000 == 0:
                folder.mkdir()
            (folder / os.fsdecode(b"%04d\xff" % (number % 1000))).touch()
        made = count
        result, peaks[count] = measured(project, "s3_push_media", "--format", "json", "-o", "report.json")

        assert 4 == result.code, result
        report = json.loads((project.root / "report.json").read_text())
        assert (count, count) == (report["counts"]["failed"], len(report["items"]))
    assert_flat("failures", peaks)


@pytest.mark.soak
@soak.IN_SOAK
def test_memory_grows_little_with_the_files_of_one_folder(project: Project, server: Canned) -> None:
    """s3_push_media: 100,000 files in one folder, which has to be sorted"""
    for number in range(100_000):
        project.media.joinpath(f"{number:06}").write_bytes(b"%d" % number)
    result, peak = measured(project, "s3_push_media", "--format", "json")

    assert 0 == result.code, result
    assert {"scanned": 100_000, "new": 100_000, "uploaded": 100_000} == result.counts
    print("MiB for 100,000 files in one folder:", peak)  # noqa: T201
    assert peak < 300


@pytest.mark.soak
@soak.IN_SOAK
def test_memory_does_not_grow_with_findings(project: Project) -> None:
    """s3_lint_css: stylesheets, which are held whole, refer to nothing that is there; the report is not held"""
    project.configure_static()
    peaks = {}
    for count in (100, 2_000):
        for number in range(count):
            sheet = "".join(f"a{{b:url(missing-{number}-{each}.png)}}\n" for each in range(100))
            project.asset(f"css/{number}.css", sheet)
        result, peaks[count * 100] = measured(project, "s3_lint_css", "--format", "json", "-o", "report.json")

        report = json.loads((project.root / "report.json").read_text())
        assert count * 100 == len(report["findings"]), result
    assert_flat("findings", peaks, room=80)


# Listings that break

PAGES = 10_000 if soak.SOAK else 30
BREAKS = {
    "500": lambda answer: canned.refusal(500, "InternalError"),
    "503": lambda answer: canned.refusal(503, "SlowDown"),
    "nothing at all": lambda answer: b"",
    "cut in the head": lambda answer: answer[:20],
    "cut in the body": lambda answer: answer[: len(answer) * 2 // 3],
    "half a document": lambda answer: canned.whole(answer.partition(b"\r\n\r\n")[2][:-200]),
    "no document": lambda answer: canned.whole(b"<html>busy</html>"),
    "garbage": lambda answer: canned.whole(bytes(range(256))),
    "200, but an error": lambda answer: canned.whole(b"<Error><Code>InternalError</Code></Error>"),
}


@pytest.mark.soak
def test_a_page_that_breaks_is_asked_again(project: Project, server: Canned) -> None:
    """s3_push_media: pages that fail, one in each way, do not begin the listing anew"""
    server.page_size = 10
    server.objects = server.page_size * PAGES
    ways = [*BREAKS] if soak.SOAK else ["500", "cut in the body", "half a document", "garbage"]  # boto3 naps after some
    step = PAGES // (len(ways) + 1)
    broken = {(number + 1) * step * server.page_size: way for number, way in enumerate(ways)}
    once = dict(broken)
    server.break_page = lambda page, answer: BREAKS[once.pop(page.start)](answer) if page.start in once else None
    result = project.run("s3_push_media", "--format", "json", "-o", "report.json", timeout=1800)

    report = json.loads((project.root / "report.json").read_text())
    assert 0 == result.code, (result, report["error"])
    assert server.objects == report["counts"]["listed"] == report["counts"]["orphans"]
    asked = Counter(page.start for page in server.pages)
    expected = dict.fromkeys(range(0, server.objects, server.page_size), 1)
    assert expected | dict.fromkeys(broken, 2) == asked
    assert PAGES + len(broken) == report["requests"]["ListObjectsV2"]


def test_a_token_that_is_no_longer_taken(project: Project, server: Canned) -> None:
    """s3_push_media: after a pause in the listing, it goes on behind the last key, not from the start"""
    server.objects, server.page_size = 300, 10

    def expire(page: Page, answer: bytes) -> None:
        if page.start == 150:
            server.expire_tokens()

    server.break_page = expire
    result = project.push()

    assert 0 == result.code, result
    assert (300, 300) == (result.counts["listed"], result.counts["orphans"])
    assert sorted({page.start for page in server.pages}) == [page.start for page in server.pages]
    assert [server.key(159)] == [page.start_after for page in server.pages if page.start_after]


def test_tokens_that_are_never_taken(project: Project, server: Canned) -> None:
    """s3_push_media: a server that takes none of its own tokens is listed all the same"""
    server.objects, server.page_size = 50, 10
    server.break_page = lambda page, answer: server.expire_tokens()

    result = project.push()

    assert 0 == result.code, result
    assert 50 == result.counts["listed"]
    assert [0, 10, 20, 30, 40] == [page.start for page in server.pages]


def test_a_server_that_can_only_begin_anew(project: Project, server: Canned) -> None:
    """s3_push_media: one that knows neither its token nor `start-after` does not keep a run going for ever"""
    server.objects, server.page_size, server.knows_start_after = 50, 10, False
    server.break_page = lambda page, answer: server.expire_tokens()

    result = project.push()

    assert 1 == result.code, result
    assert "InvalidArgument" == result.report["error"]["code"]
    assert [0, 0] == [page.start for page in server.pages]


# Large files


@pytest.mark.soak
def test_a_large_file_goes_up_in_parts(project: Project, server: Canned) -> None:
    """s3_push_media: a sparse file, of which only some parts are in memory at any time"""
    size = 20 * GIB + 1 if soak.SOAK else 24 * MIB + 1
    with project.write("large.bin").open("wb") as stream:
        stream.truncate(size)
    result, peak = measured(project, "s3_push_media", "--format", "json")

    assert 0 == result.code, result
    assert {"scanned": 1, "new": 1, "uploaded": 1} == result.counts
    whole, rest = divmod(size, 8 * MIB)
    assert dict.fromkeys(range(1, whole + 1), 8 * MIB) | {whole + 1: rest} == server.parts
    assert (1, 1, 0) == tuple(
        server.asked[f"{verb}MultipartUpload"] for verb in ("Create", "Complete", "Abort")
    )
    print(f"MiB for {size:,} bytes: {peak}; seconds: {result.report['seconds']}")  # noqa: T201
    assert peak < 350


# Folders


def test_folders_in_folders(project: Project) -> None:
    """s3_push_media: 200 deep is nothing special; what has no path that the system takes is named, and is a failure"""
    deep = "/".join("d" * 200) + "/f"
    project.write(deep, b"deep")
    here = os.open(project.media, os.O_RDONLY)
    for _ in range(18):  # 18 * 251 > 4096
        os.mkdir("n" * 250, dir_fd=here)
        below = os.open("n" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)

    result = project.push("-v", "2")

    assert 4 == result.code, result
    assert {"scanned": 1, "new": 1, "uploaded": 1, "failed": 1} == result.counts
    assert "done" == result.item(deep)["result"]
    (failed,) = (item for item in result.report["items"] if item["result"] == "failed")
    assert "KeyTooLongError" == failed["error"]["code"], failed

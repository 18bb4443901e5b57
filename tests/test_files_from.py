"""`--files-from`: only the files that are named, and nothing is listed."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from s3sync.management.commands.s3_push_media import contradiction
from tests.project import Project, Result
from tests.proxy import Proxy, Response
from tests.servers import ON_MOTO, ON_RGW_HTTPS

NOTHING = dict.fromkeys(
    ("files_from", "null", "delete", "check_metadata", "fix_metadata", "verify", "no_clobber", "overwrite_newer")
)
TEN = [f"photos/{number}.jpg" for number in range(10)]


def listed(project: Project, *names: str | bytes, end: bytes = b"\n") -> str:
    """The path of a list of these names."""
    path = project.root / "names"
    path.write_bytes(b"".join(os.fsencode(name) + end for name in names))
    return str(path)


def push(project: Project, *names: str | bytes, args: tuple[str, ...] = ()) -> Result:
    return project.push("--files-from", listed(project, *names), *args)


def asked(proxy: Proxy) -> dict[str, int]:
    """The requests since this was asked last."""
    found = dict(proxy.count())
    proxy.clear()
    return found


@ON_RGW_HTTPS
def test_ten_names_cost_ten_requests(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --files-from: new ones, the same again, changed ones, one that a user has replaced"""
    project.configure(server=proxy.server)
    for name in [*TEN, "not/named.jpg"]:
        project.write(name, name.encode(), age=60)

    first = push(project, *TEN)
    assert (0, 10, 10) == (first.code, first.counts["uploaded"], first.counts["new"]), first
    # A new target off AWS proves once that it keeps conditions: a HEAD before the first PUT, and that PUT again.
    assert {"PutObject": 11, "HeadObject": 1} == asked(proxy)
    assert sorted(TEN) == [entry["Key"][6:] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]

    again = push(project, *TEN)
    assert (0, {"scanned": 10, "unchanged": 10}) == (again.code, again.counts), again
    assert {"HeadObject": 10} == asked(proxy)

    new = [f"new/{number}.jpg" for number in range(10)]
    for name in new:
        project.write(name, name.encode(), age=60)
    more = push(project, *new)
    assert (0, 10) == (more.code, more.counts["uploaded"]), more
    assert {"PutObject": 10} == asked(proxy)
    assert {"ListObjectsV2": 0, "PutObject": 10} == more.report["requests"]

    project.write(TEN[0], b"changed once")  # this RGW wants the ETag of If-Match without quotes, which has to be found
    assert {"uploaded": 1, "changed": 1, "scanned": 1} == push(project, TEN[0]).counts
    asked(proxy)
    for name in TEN[1:4]:
        project.write(name, b"changed " + name.encode())
    s3.put_object(Bucket=bucket, Key=f"media/{TEN[3]}", Body=b"a user's")
    changed = push(project, *TEN[1:4])
    assert (3, {"uploaded": 2, "changed": 2, "conflicts": 1, "scanned": 3}) == (changed.code, changed.counts), changed
    assert {"PutObject": 3, "HeadObject": 1} == asked(proxy)
    assert b"a user's" == s3.get_object(Bucket=bucket, Key=f"media/{TEN[3]}")["Body"].read()


@ON_MOTO
def test_each_row_of_the_table(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --files-from, of names whose objects nobody here knows: each costs its PUT and one HEAD"""
    project.configure(server=proxy.server)
    project.write("proof.txt", b"proof", age=60)
    push(project, "proof.txt")
    for name in ("equal.txt", "newer.txt", "same-size.txt"):
        project.write(name, name.encode(), age=3600)
    s3.put_object(Bucket=bucket, Key="media/equal.txt", Body=b"equal.txt")
    s3.put_object(Bucket=bucket, Key="media/newer.txt", Body=b"a user's")
    s3.put_object(Bucket=bucket, Key="media/same-size.txt", Body=b"size-same.txt")
    s3.put_object(Bucket=bucket, Key="media/older.txt", Body=b"old")
    project.write("older.txt", b"later", age=-3600)
    names = ("equal.txt", "newer.txt", "older.txt", "same-size.txt")
    asked(proxy)

    planned = push(project, *names, args=("--check", "-v", "3"))
    assert 3 == planned.code
    assert {"HeadObject": 4} == asked(proxy)
    assert ("none", "keep", "upload", "keep") == tuple(planned.item(name)["action"] for name in names), planned

    first = push(project, *names)
    expected = {"scanned": 4, "unchanged": 1, "kept": 2, "uploaded": 1, "changed": 1}
    assert (0, expected, 5) == (first.code, first.counts, first.report["bytes"]["planned"]), first
    assert {"PutObject": 5, "HeadObject": 4} == asked(proxy)
    assert b"a user's" == s3.get_object(Bucket=bucket, Key="media/newer.txt")["Body"].read()

    again = push(project, "equal.txt", "older.txt")
    assert {"unchanged": 2, "scanned": 2} == again.counts
    assert {"HeadObject": 2} == asked(proxy)  # what was found equal is known now
    kept = push(project, "newer.txt", args=("--no-clobber",))
    assert {"skipped": 1, "scanned": 1} == kept.counts
    over = push(project, "newer.txt", args=("--overwrite-newer",))
    assert ({"uploaded": 1, "changed": 1, "scanned": 1}, 0) == (over.counts, over.code), over
    s3.delete_object(Bucket=bucket, Key="media/older.txt")
    assert {"uploaded": 1, "new": 1, "scanned": 1} == push(project, "older.txt").counts
    forced = push(project, "equal.txt", args=("--compare", "always", "--engine", "boto3"))
    assert {"uploaded": 1, "changed": 1, "scanned": 1} == forced.counts
    s3.put_object(Bucket=bucket, Key="media/older.txt", Body=b"a user's")
    assert {"kept": 1, "scanned": 1} == push(project, "older.txt").counts
    assert "ListObjectsV2" not in proxy.count()


@ON_MOTO
def test_names_are_read_as_rsync_reads_them(project: Project, tmp_path: Path) -> None:
    """s3_push_media --files-from FILE, unsorted: comments, blanks, paths under the source, twice; --null; -"""
    for name in ("a.txt", "b/c.txt", "#1.jpg", "new\nline.txt", "é.txt", "d\\e.txt"):
        project.write(name, name.encode(), age=60)
    lines = (
        "# a comment", "; another", "", "é.txt", str(project.media / "b/c.txt"), "./a.txt", "b//../a.txt", "b/c.txt",
        "#1.jpg", "d\\e.txt\r",
    )  # fmt: skip
    result = push(project, *lines, args=("-v", "2"))
    assert (0, {"a.txt", "b/c.txt", "#1.jpg", "é.txt", "d\\e.txt"}) == (
        result.code, {item["name"] for item in result.report["items"]}
    ), result  # fmt: skip
    assert 5 == result.counts["uploaded"]

    nulls = listed(project, "new\nline.txt", "b/c.txt", end=b"\0")
    result = project.push("--files-from", nulls, "--null", "-n", "-v", "2")
    assert (0, ["new\nline.txt"], 1) == (
        result.code, [item["name"] for item in result.report["items"]], result.counts["unchanged"]
    ), result  # fmt: skip
    nulls = listed(project, "#1.jpg", "b/c.txt", end=b"\0")
    with Path(nulls).open("rb") as stdin:
        piped = project.push("--files-from", "-", "--null", stdin=stdin)
    assert {"scanned": 2, "unchanged": 2} == piped.counts
    assert {} == project.push("--files-from", os.devnull).counts


@ON_MOTO
def test_rules_are_those_of_a_walk(project: Project, tmp_path: Path, proxy: Proxy) -> None:
    """s3_push_media --files-from, of names that a walk would pass"""
    project.configure(
        server=proxy.server, options={"querystring_auth": False, "default_acl": "public-read", "location": ""}
    )
    for name in ("a.txt", "tmp/b.txt", ".DS_Store", ".s3sync/x", "dump.sql", "key.txt", "in/c.txt", "young.txt"):
        project.write(name, b"x", age=0 if name == "young.txt" else 600)
    project.write("key.txt", b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAu1SU1LfVLPHC\n", age=600)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f.txt").write_text("f")
    (project.media / "out").symlink_to(outside)
    (project.media / "out.txt").symlink_to(outside / "f.txt")
    (project.media / "inside").symlink_to(project.media / "in")
    (project.media / "in/loop").symlink_to(project.media / "in")
    (project.media / "broken").symlink_to("nowhere")
    (project.media / "secret").mkdir()
    os.mkfifo(project.media / "fifo")
    names: dict[str | bytes, tuple[str | None, str | None]] = {
        "a.txt": ("new", None), "inside/c.txt": ("new", None), "in/c.txt": ("new", None),
        "tmp/b.txt": ("ignored", None), ".DS_Store": ("junk", None), ".s3sync/x": ("ignored", None),
        "dump.sql": ("secret", None), "key.txt": ("secret", None), "young.txt": ("young", None),
        "out/f.txt": ("link", None), "out.txt": ("link", None), "in/loop/c.txt": ("link", None),
        "broken": ("link", None), "fifo": ("special", None), "secret": ("special", None), ".": ("special", None),
        "gone.txt": ("vanished", None), "a.txt/b": ("vanished", None), "gone/x.txt": ("vanished", None),
        "../x": (None, "OutsideSource"), "/etc/passwd": (None, "OutsideSource"), "n" * 300: (None, "PathTooLong"),
        b"\xff.txt": ("vanished", None),
    }  # fmt: skip
    result = push(project, *names, args=("-v", "3", "--ignore", "tmp", "--min-age", "60"))
    found = {item["name"]: (item["reason"], item["error"] and item["error"]["code"]) for item in result.report["items"]}
    expected = {"\\xff.txt" if isinstance(name, bytes) else name: what for name, what in names.items()}
    assert expected == found, result
    # Failures come before a guard in nothing but the order of exit codes.
    assert (5, 3, 3) == (result.code, result.counts["uploaded"], result.counts["failed"]), result
    assert "ListObjectsV2" not in proxy.count()

    followed = push(project, "out/f.txt", "out.txt", args=("--follow-symlinks",))
    assert (0, 2) == (followed.code, followed.counts["uploaded"]), followed
    narrowed = push(project, "in/c.txt", "a.txt", args=("--prefix", "in", "--include", "in"))
    assert {"scanned": 1, "unchanged": 1, "skipped": 1} == narrowed.counts


@ON_MOTO
def test_conditions_that_are_not_kept(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --files-from, to a server that ignores conditions: a HEAD goes first"""
    project.configure(server=proxy.server)

    def rule(request: Any) -> Any:
        unconditional = "if-none-match" not in request.headers and "if-match" not in request.headers
        return None if unconditional or request.operation != "PutObject" else Response(501, "NotImplemented")

    proxy.rule = rule
    project.write("a.txt", b"a", age=3600)
    assert 1 == push(project, "a.txt").counts["uploaded"]
    asked(proxy)
    project.write("b.txt", b"b", age=3600)
    s3.put_object(Bucket=bucket, Key="media/c.txt", Body=b"a user's")
    project.write("c.txt", b"c", age=3600)
    result = push(project, "b.txt", "c.txt")
    assert ({"scanned": 2, "uploaded": 1, "new": 1, "kept": 1}, "emulated") == (
        result.counts, result.report["conditional"]
    ), result  # fmt: skip
    assert {"HeadObject": 2, "PutObject": 1} == asked(proxy)


@ON_MOTO
def test_large_file_is_not_sent_in_vain(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --files-from, of a file that goes up in parts and is there already; then changed"""
    project.configure(server=proxy.server)
    body = b"." * (9 << 20)
    project.write("large.bin", body, age=3600)
    s3.put_object(Bucket=bucket, Key="media/large.bin", Body=body)

    there = push(project, "large.bin")
    assert ({"scanned": 1, "unchanged": 1}, {"HeadObject": 1}) == (there.counts, asked(proxy)), there
    project.write("large.bin", body + b"more")
    changed = push(project, "large.bin")
    assert {"scanned": 1, "uploaded": 1, "changed": 1} == changed.counts, changed
    assert len(body) + 4 == s3.head_object(Bucket=bucket, Key="media/large.bin")["ContentLength"]


@ON_MOTO
def test_what_is_no_list(project: Project) -> None:
    """s3_push_media --files-from, of a file that is not there: nothing is sent"""
    result = project.push("--files-from", "missing")
    error = result.report["error"]
    assert (1, "FilesFromUnreadable", {}) == (result.code, error["code"], result.counts), result
    assert "Stopped" not in result.stderr
    assert "Cannot read 'missing': no such file or directory." == error["message"]


@ON_MOTO
def test_options_that_ask_about_everything(project: Project) -> None:
    """s3_push_media --files-from with what needs a listing; --null alone"""
    result = project.push("--files-from", "names", "--delete")
    assert (2, "error: --files-from and --delete exclude each other: ") == (result.code, result.stderr[:53]), result
    for other in ("check_metadata", "fix_metadata", "verify"):
        said = contradiction(NOTHING | {"files_from": "names", other: True})
        assert f"--files-from and --{other.replace('_', '-')} exclude each other: " in (said or "")
    assert "--null goes with --files-from" == contradiction(NOTHING | {"null": True})
    assert contradiction(NOTHING | {"null": True, "files_from": "-"}) is None


@ON_MOTO
def test_nothing_reached_is_no_start(project: Project, proxy: Proxy) -> None:
    """s3_push_media --files-from, without a bucket, with a wrong key, without credentials"""
    for name in TEN:
        project.write(name, b"x", age=60)
    project.configure(server=proxy.server)
    push(project, *TEN)
    proxy.rule = lambda request: Response(403, "" if request.method == "HEAD" else "InvalidAccessKeyId")
    result = push(project, *TEN)
    assert (1, "InvalidAccessKeyId") == (result.code, result.report["error"]["code"]), result
    proxy.rule = None
    project.configure(server=proxy.server, bucket="not-there")
    result = push(project, *TEN)
    assert (1, "NoSuchBucket") == (result.code, result.report["error"]["code"]), result
    assert "s3_create_bucket" in result.report["error"]["hint"]
    proxy.rule = lambda request: Response(403, "InvalidAccessKeyId")
    result = push(project, *TEN)
    assert (1, "InvalidAccessKeyId") == (result.code, result.report["error"]["code"]), result
    project.configure(options={"access_key": None, "secret_key": None})
    result = push(project, *TEN)
    assert (1, "NoCredentials") == (result.code, result.report["error"]["code"]), result


@ON_MOTO
def test_list_that_never_comes_does_not_hold_the_run(project: Project) -> None:
    """s3_push_media --files-from -, --max-duration 0.3s, of a pipe that stays silent: half a list is none"""
    reading, writing = os.pipe()
    os.write(writing, b"a.txt\n")
    project.write("a.txt", b"a", age=60)
    with io.FileIO(reading, "rb") as stdin, io.FileIO(writing, "wb"):
        process = project.start("s3_push_media", "--format", "json", "--files-from", "-", "--max-duration", "0.3s",
                                stdin=stdin)  # fmt: skip
        result = project.finish(process)
    assert (7, {}) == (result.code, result.counts), result

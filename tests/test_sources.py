"""What a media folder may hold, and what may happen to it meanwhile: nothing crashes a run or deletes an object."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.project import Code, Project, Result
from tests.proxy import Proxy, Request, Verdict
from tests.servers import ON_MOTO, ON_RGW, ON_RGW_HTTPS
from tests.test_bad_input import BOTH_ENGINES, contents, discreet, failed_names
from tests.test_interruptions import IMPORT_CONFIG, MIB, PARTS

__all__ = ["discreet"]

NO_PRIVILEGES = """\
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert libc.capset(header, nothing) == 0
"""
"""Settings that give up root's right to read everything (capabilities(7)); does nothing to other users."""


def reasons(result: Result) -> dict[str, str]:
    """Name -> why it was skipped, of all items that are no failures."""
    return {item["name"]: item["reason"] for item in result.report["items"] if item["action"] == "skip"}


# Names


ODD_NAMES = [
    "new\nline.txt", "100%.txt", "%2F.txt", "%41.txt", "a+b c.txt", "~tilde.txt", "quo'te\".txt", "<&>.xml",
    "q?x=1#f.txt",
    "trailing. ", "tab\there.txt", "bell\x07.txt", "del\x7f.txt", "...", "a..b/c.txt", ";:@,=$!*().txt", "{[|^`]}.txt",
    "日本語/写真 1.jpg", "emoji 🐍.png", "caf\u00e9.txt", "cafe\u0301.txt", "\u202eexe.txt",
    "\U00010000.txt", "\uffee.txt",
    "/".join(["x" * 249] * 4),
]  # fmt: skip


@ON_RGW
@BOTH_ENGINES
def test_odd_names(project: Project, proxy: Proxy, s3: Any, bucket: str, engine: str) -> None:
    """s3_push_media, twice: every name that UTF-8 can write goes up as it is, and is found again"""
    project.configure(server=proxy.server)
    for name in ODD_NAMES:
        project.write(name, name.encode())

    first = project.push("--engine", engine)

    assert 0 == first.code, first
    assert {name: name.encode() for name in ODD_NAMES} == contents(s3, bucket)
    (finding,) = first.report["findings"]
    assert ("names-nfd", "info") == (finding["id"], finding["level"])
    assert finding["detail"].startswith("1 name")
    proxy.clear()
    number = len(ODD_NAMES)
    second = project.push("--engine", engine)
    assert {"scanned": number, "listed": number, "unchanged": number} == second.counts
    assert {"ListObjectsV2": 1} == dict(proxy.count())


@ON_MOTO
def test_control_characters_stay_off_the_terminal(project: Project) -> None:
    """s3_push_media -v 2"""
    project.write("\x1b[2Jred\u202etxt", b"a")

    result = project.run("s3_push_media", "-v", "2", "--dry-run")

    assert 0 == result.code, result
    assert "would upload \\x1b[2Jred\\u202etxt (new, 1 bytes)" in result.stdout


@ON_MOTO
@BOTH_ENGINES
def test_two_names_one_key(project: Project, s3: Any, bucket: str, engine: str) -> None:
    """s3_push_media --delete: django-storages reads backslashes as slashes; both names fail, and no object goes"""
    project.write("a/b.txt", b"before")
    assert 0 == project.push().code
    project.write("a/b.txt", b"with a slash")
    project.write("a\\b.txt", b"with a backslash")
    project.write("c\\\\d.txt", b"two")
    project.write("c\\d.txt", b"one")
    project.write("only\\one.txt", b"alone")
    project.write("..\\..\\out.txt", b"out")

    result = project.push("--engine", engine, "--delete")

    assert 4 == result.code, result
    assert ["..\\..\\out.txt", "a/b.txt", "a\\b.txt", "c\\\\d.txt", "c\\d.txt"] == failed_names(result)
    assert "KeyCollision" == result.item("a/b.txt")["error"]["code"]
    assert "'a\\\\b.txt'" in result.item("a/b.txt")["error"]["hint"]
    assert "rename" in result.item("..\\..\\out.txt")["error"]["hint"]
    assert {"a/b.txt": b"before", "only/one.txt": b"alone"} == contents(s3, bucket)


@ON_MOTO
def test_file_that_became_a_folder(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --delete: the object of the file is not an orphan for ever, because a folder is called so"""
    project.write("a", b"a file")
    project.push()
    (project.media / "a").unlink()
    project.write("a/b", b"in a folder")

    result = project.push("--delete")

    assert 0 == result.code, result
    assert {"scanned": 1, "listed": 1, "new": 1, "uploaded": 1, "deleted": 1} == result.counts
    assert {"a/b": b"in a folder"} == contents(s3, bucket)


@ON_MOTO
@pytest.mark.parametrize("left_out", ["--prefix=a/", "--ignore=a\\*", "--ignore=a\\b.txt"])
def test_backslash_and_delete(project: Project, s3: Any, bucket: str, left_out: str) -> None:
    """s3_push_media --delete --prefix a/: the object of the file `a\\b.txt` is `a/b.txt`, and its file is there"""
    for name in ("a\\b.txt", "a\\c/d.txt", "a/e.txt", "..\\..\\out.txt"):
        project.write(name, b"x")
    project.push()
    before = contents(s3, bucket)

    result = project.push("--delete", left_out, "--ignore=..*")

    assert 0 == result.code, result
    assert 0 == sum(result.counts.get(count, 0) for count in ("deleted", "orphans"))
    assert {"a/b.txt", "a/c/d.txt", "a/e.txt"} == set(before)
    assert before == contents(s3, bucket)


@ON_MOTO
@pytest.mark.parametrize("left_out", [(), ("--ignore", "z"), ("--ignore", "a"), ("--prefix", "a/"), ("--prefix", "z/")])
def test_objects_of_passed_files_are_listed_too(project: Project, left_out: tuple[str, ...]) -> None:
    """s3_push_media --ignore z: the report tells how many objects were listed, wherever those of passed files lie"""
    for name in ("a\\b.txt", "a/b.jpg", "z/1.txt", "z/2.txt"):
        project.write(name, b"x")
    assert 0 == project.push().code

    result = project.push(*left_out)

    assert (2 if "--prefix" in left_out else 4) == result.counts["listed"], result


@ON_MOTO
@pytest.mark.parametrize("form", ["text", "json", "jsonl"])
def test_names_that_are_not_utf8(project: Project, s3: Any, bucket: str, form: str) -> None:
    """s3_push_media --format json: each is reported, none crashes the run"""
    project.write(b"caf\xe9.txt", b"a")
    project.write(b"\xff\xfe/inner.txt", b"b")
    project.write("fine.txt", b"c")

    result = project.run("s3_push_media", "--format", form)

    assert 4 == result.code, result
    assert {"fine.txt": b"c"} == contents(s3, bucket)
    if form == "text":
        assert "2 failed with NotUTF8" in result.stderr
        assert "  caf\\xe9.txt" in result.stderr.splitlines()
        assert "  \\xff\\xfe/inner.txt" in result.stderr.splitlines()
        return
    items = result.report["items"] if form == "json" else result.lines[:-1]
    assert {"caf\\xe9.txt": None, "\\xff\\xfe/inner.txt": None} == {item["name"]: item["key"] for item in items}
    assert {"NotUTF8"} == {item["error"]["code"] for item in items}
    assert "\\ud" not in result.stdout


@ON_MOTO
def test_name_that_is_too_long(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media: a key has at most 1,024 bytes"""
    fits = "/".join(["x" * 254] * 4)[: 1024 - len("media/")]
    project.write(fits, b"fits")
    project.write(fits + "y", b"does not")

    result = project.push()

    assert 4 == result.code, result
    assert [fits + "y"] == failed_names(result)
    assert "KeyTooLongError" == result.item(fits + "y")["error"]["code"]
    assert {fits: b"fits"} == contents(s3, bucket)


# What is no file


@ON_MOTO
def test_links_and_special_files(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_push_media; s3_push_media --follow-symlinks"""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(b"outside")
    project.write("real/a.txt", b"a")
    media = project.media
    (media / "inside").symlink_to("real")
    (media / "dangling").symlink_to("nowhere")
    (media / "loop").symlink_to(".")
    (media / "ping").symlink_to("pong")
    (media / "pong").symlink_to("ping")
    (media / "way-out").symlink_to(outside)
    (media / "file-out.txt").symlink_to(outside / "secret.txt")
    os.mkfifo(media / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(media)  # a socket's path has at most 107 bytes
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)

        result = project.push()

        assert 0 == result.code, result
        links = dict.fromkeys(["dangling", "loop", "ping", "pong", "way-out", "file-out.txt"], "link")
        assert {**links, "fifo": "special", "socket": "special"} == reasons(result)
        assert {"real/a.txt": b"a", "inside/a.txt": b"a"} == contents(s3, bucket)

        followed = project.run("s3_push_media", "--follow-symlinks")

    assert 0 == followed.code, followed
    assert "4 links skipped, as they lead nowhere, in a circle or out of the source" in followed.stderr
    assert "2 skipped, as they are no regular files:\n  fifo\n  socket\n" in followed.stderr
    assert {"way-out/secret.txt": b"outside", "file-out.txt": b"outside"}.items() <= contents(s3, bucket).items()


@ON_MOTO
def test_litter_stays_here(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media"""
    for name in ("a.txt", ".DS_Store", "x/Thumbs.db", ".nfs0001"):
        project.write(name, b"a")

    result = project.push()

    assert (0, {"scanned": 1, "new": 1, "uploaded": 1, "skipped": 3}) == (result.code, result.counts)
    assert ["a.txt"] == list(contents(s3, bucket))


# The source is not what it was


@ON_MOTO
@pytest.mark.parametrize("what", ["missing", "a file", "empty", "unreadable"])
def test_source_can_not_be_trusted(project: Project, s3: Any, bucket: str, what: str) -> None:
    """s3_push_media --delete: exit 5, and nothing is deleted"""
    project.fill(3)
    assert 0 == project.push().code
    before = contents(s3, bucket)
    if what == "unreadable":
        project.configure(settings=NO_PRIVILEGES)
        project.media.chmod(0)
    else:
        shutil.rmtree(project.media)
    if what == "a file":
        project.media.write_bytes(b"")
    elif what == "empty":
        project.media.mkdir()

    with_delete = project.run("s3_push_media", "--delete")
    without = project.run("s3_push_media")

    project.media.chmod(0o755) if what == "unreadable" else None
    assert 5 == with_delete.code, with_delete
    assert "Nothing was deleted" in with_delete.stderr
    assert "disk" in with_delete.stderr
    assert (0 if what == "empty" else 1) == without.code, without
    if what != "empty":
        assert f"Cannot read {str(project.media)!r}" in without.stderr
        assert "MEDIA_ROOT" in without.stderr
    assert before == contents(s3, bucket)


@ON_MOTO
def test_folder_is_unreadable(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --delete: what can be read is sent, and nothing is deleted"""
    for name in ("locked/a.txt", "open/b.txt", "open/gone.txt"):
        project.write(name, b"before")
    assert 0 == project.push().code
    project.configure(settings=NO_PRIVILEGES)
    (project.media / "open/gone.txt").unlink()
    project.write("open/new.txt", b"new")
    (project.media / "locked").chmod(0)
    try:
        withheld = project.push("--delete")
        plain = project.run("s3_push_media")
    finally:
        (project.media / "locked").chmod(0o755)

    assert 5 == withheld.code, withheld
    assert {"scanned": 2, "new": 1, "uploaded": 1, "unchanged": 1, "failed": 1} == {
        name: count for name, count in withheld.counts.items() if name != "listed"
    }
    assert "Unreadable" == withheld.item("locked")["error"]["code"]
    assert ["deletes-withheld"] == [finding["id"] for finding in withheld.report["findings"]]
    assert 4 == plain.code, plain
    assert "1 failed with Unreadable: Permission denied; make it readable for the user" in plain.stderr
    assert {"locked/a.txt", "open/b.txt", "open/gone.txt", "open/new.txt"} == set(contents(s3, bucket))
    mended = project.push("--delete")
    assert (0, 1) == (mended.code, mended.counts["deleted"])
    assert {"locked/a.txt", "open/b.txt", "open/new.txt"} == set(contents(s3, bucket))


# Files change while the run looks at them


MEDDLER = """\
import base64
import hashlib
import os
from pathlib import Path

from storages.backends.s3 import S3Storage

MEDIA = Path(__file__).parent / "media"


class Meddler(S3Storage):
    def get_object_parameters(self, name):
        name = name.removeprefix("media/")
        path = MEDIA / name
        if name.startswith("vanishes"):
            path.unlink(missing_ok=True)
        elif name.startswith("grows"):
            with path.open("ab") as stream:
                stream.write(b" and more")
        elif name.startswith("locked"):
            path.chmod(0)
        elif name.startswith("folder") and path.is_file():
            path.unlink()
            path.mkdir()
        elif name.startswith("link") and not path.is_symlink():
            path.unlink()
            path.symlink_to("/etc/passwd")
        elif name.startswith("fifo") and path.is_file():
            path.unlink()
            os.mkfifo(path)
        return super().get_object_parameters(name)


class Restless(S3Storage):
    def _compress_content(self, content):
        with (MEDIA / "log.css").open("ab") as stream:
            stream.write(b"one more line")
        return super()._compress_content(content)
"""


@ON_MOTO
@BOTH_ENGINES
def test_file_changes_between_walk_and_upload(project: Project, s3: Any, bucket: str, engine: str) -> None:
    """s3_push_media, while somebody works on the files"""
    project.configure(backend="backends.Meddler", backends=MEDDLER, settings=NO_PRIVILEGES)
    for name in ("fifo.txt", "folder.txt", "grows.txt", "link.txt", "locked.txt", "stays.txt", "vanishes.txt"):
        project.write(name, b"content")

    result = project.push("--engine", engine)

    assert 4 == result.code, result
    assert ["link.txt", "locked.txt"] == failed_names(result)
    assert "Unreadable" == result.item("locked.txt")["error"]["code"]
    assert {"fifo.txt": "special", "folder.txt": "special", "vanishes.txt": "vanished"} == reasons(result)
    found = contents(s3, bucket)
    assert {"grows.txt", "stays.txt"} == set(found)
    assert found["grows.txt"] == (project.media / "grows.txt").read_bytes()[: len(found["grows.txt"])]
    assert b"content and more" == found["grows.txt"][:16]
    project.configure()
    (project.media / "locked.txt").chmod(0o644)
    (project.media / "link.txt").unlink()
    mended = project.push("--engine", engine)
    assert 0 == mended.code, mended
    assert {"grows.txt", "stays.txt", "locked.txt"} == set(contents(s3, bucket))


@ON_MOTO
def test_file_changes_each_time_it_is_read(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media, with a file that somebody writes to all the time"""
    project.configure(backend="backends.Restless", backends=MEDDLER, options={"gzip": True})
    project.write("log.css", b"a line")
    project.write("stays.png", b"content")

    result = project.push()

    assert 4 == result.code, result
    assert "FileChanged" == result.item("log.css")["error"]["code"]
    assert "--min-age" in result.item("log.css")["error"]["hint"]
    assert {"stays.png": b"content"} == contents(s3, bucket)


@ON_MOTO
@pytest.mark.parametrize("times", [1, 9])
def test_large_file_changes_while_it_is_sent(
    project: Project, proxy: Proxy, s3: Any, bucket: str, times: int
) -> None:
    """s3_push_media: what is mixed of two contents does not stay in the bucket as if it were right"""
    # A body that ends early leaves both sides waiting for the other, until the client has enough of it.
    patience = {"client_config": Code("Config(read_timeout=2, s3={'addressing_style': 'path'})")}
    settings = f"from botocore.config import Config\n{IMPORT_CONFIG}"
    project.configure(server=proxy.server, options=PARTS | patience, settings=settings)
    sizes = iter(range(times))

    def rule(request: Request) -> Verdict:
        if request.operation == "UploadPart" and request.query["partNumber"] == "1":
            number = next(sizes, None)
            if number is not None:
                project.write("big.bin", bytes([65 + number]) * (12 * MIB + number))
        return None

    project.write("big.bin", b"before" * 2 * MIB)
    proxy.rule = rule
    result = project.push()

    assert result.code in (0, 4), result
    if result.code == 4:
        assert ["big.bin"] == failed_names(result)
    proxy.rule = None
    again = project.push()
    assert 0 == again.code, again
    same = (project.media / "big.bin").read_bytes() == contents(s3, bucket)["big.bin"]  # too much for a diff
    assert same, (result.report, again.report)


@ON_RGW_HTTPS
def test_each_part_goes_with_its_md5(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, with a large file: the server refuses damage, and over https nothing is hashed for signatures"""
    project.configure(server=proxy.server, options=PARTS, settings=IMPORT_CONFIG)
    content = b"a" * 5 * MIB + b"b" * 5 * MIB + b"end"
    project.write("big.bin", content)

    result = project.push()

    assert 0 == result.code, result
    parts = {each.query["partNumber"]: each for each in proxy.requests if each.operation == "UploadPart"}
    wanted = [hashlib.md5(part).digest() for part in (content[: 5 * MIB], content[5 * MIB : -3], b"end")]
    assert wanted == [base64.b64decode(parts[number].headers["content-md5"]) for number in "123"]
    assert {"UNSIGNED-PAYLOAD"} == {each.headers["x-amz-content-sha256"] for each in parts.values()}
    assert contents(s3, bucket)["big.bin"] == content


# What the user leaves out


@ON_MOTO
def test_left_out_on_both_sides(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --delete --ignore cache --prefix a: what is left out here is left alone there"""
    names = ["a/1.txt", "a/2.txt", "a/cache/3.txt", "ab.txt", "b/4.txt", "a/5.jpg"]
    for name in names:
        project.write(name, b"before")
    assert 0 == project.push().code
    for name in names:
        (project.media / name).unlink()
    project.write("a/1.txt", b"changed")
    project.write("a/cache/6.txt", b"new")
    project.write("b/7.txt", b"new")

    shown = project.push("--delete", "--ignore", "cache", "--include", "*.txt", "--prefix", "a/", "--dry-run")
    done = project.push("--delete", "--exclude", "cache", "--include", "*.txt", "--prefix", "a/")

    assert 0 == shown.code, shown
    assert ["a/2.txt"] == [item["name"] for item in shown.report["items"] if item["action"] == "delete"]
    assert 0 == done.code, done
    assert (1, 1) == (done.counts["uploaded"], done.counts["deleted"])
    assert {"a/1.txt": b"changed", **dict.fromkeys(["a/cache/3.txt", "ab.txt", "b/4.txt", "a/5.jpg"], b"before")} \
        == contents(s3, bucket)  # fmt: skip


@ON_MOTO
def test_young_files_wait(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --min-age 1h --delete: neither sent nor missed"""
    project.write("old.txt", b"old", age=7200)
    project.write("young.txt", b"before", age=7200)
    assert 0 == project.push().code
    project.write("young.txt", b"being written")

    result = project.push("--min-age", "1h", "--delete")

    assert 0 == result.code, result
    assert {"young.txt": "young"} == reasons(result)
    assert {"old.txt": b"old", "young.txt": b"before"} == contents(s3, bucket)


SECRETS = [".env", ".git/config", "backup.sql", "deploy/id_rsa", "keys/tls.pem"]
HARMLESS = [".well-known/security.txt", "photo.jpg"]
UNSIGNED = {"querystring_auth": False}


@ON_MOTO
def test_secrets_are_held_back_from_a_public_target(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media: exit 5 with the names, the rest is pushed; --allow-secret NAME"""
    project.configure(options=UNSIGNED)
    for name in SECRETS + HARMLESS:
        project.write(name, b"content")

    result = project.run("s3_push_media")

    assert 5 == result.code, result
    assert "5 held back" in result.stderr
    assert "--allow-secret" in result.stderr
    assert SECRETS == sorted(line.strip() for line in result.stderr.splitlines() if line.startswith("  "))
    assert HARMLESS == sorted(contents(s3, bucket))
    allowed = project.push("--allow-secret", ".env", "--allow-secret", "backup.sql", "--delete")
    assert 5 == allowed.code, allowed
    assert "refused" == allowed.report["status"]
    assert dict.fromkeys([".git/config", "deploy/id_rsa", "keys/tls.pem"], "secret") == reasons(allowed)
    assert sorted([".env", "backup.sql", *HARMLESS]) == sorted(contents(s3, bucket))


@ON_MOTO
@pytest.mark.parametrize(
    ("options", "settings", "held"),
    [
        ({}, "", []),
        (UNSIGNED, 'S3SYNC = {"INTENT": {"default": "private"}}', []),
        (UNSIGNED, 'S3SYNC = {"INTENT": {"default": [("deploy/", "public"), ("", "private")]}}', ["deploy/id_rsa"]),
        ({}, 'S3SYNC = {"INTENT": {"default": "public"}}', SECRETS),
        ({"default_acl": "public-read"}, 'S3SYNC = {"INTENT": {"default": "private"}}', SECRETS),
    ],
    ids=["signed", "private", "by-prefix", "public", "public-acl"],
)
def test_intent_decides_about_secrets(
    project: Project, s3: Any, bucket: str, options: dict[str, Any], settings: str, held: list[str]
) -> None:
    """s3_push_media, with S3SYNC["INTENT"]"""
    project.configure(options=options, settings=settings)
    for name in SECRETS + HARMLESS:
        project.write(name, b"content")

    result = project.push()

    assert (5 if held else 0) == result.code, result
    assert held == sorted(reasons(result))
    assert sorted({*SECRETS, *HARMLESS} - set(held)) == sorted(contents(s3, bucket))


@ON_MOTO
def test_two_sources_of_one_bucket_leave_each_others_objects(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --source DIR --delete, for two folders in turn"""
    for name in ("one", "two"):
        (project.root / name).mkdir()
        (project.root / name / f"{name}.txt").write_text(name)
        assert 0 == project.push("--source", str(project.root / name)).code

    deleted = project.push("--source", str(project.root / "one"), "--delete")

    assert (0, {"scanned": 1, "listed": 2, "unchanged": 1, "orphans": 1}) == (deleted.code, deleted.counts), deleted
    assert ["one.txt", "two.txt"] == sorted(contents(s3, bucket))


@ON_MOTO
def test_two_sources_of_one_name_do_not_take_turns(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """s3_push_media --source a; --source b, whose file is newer; --source a: what is newer stays"""
    other = tmp_path / "other"
    other.mkdir()
    project.write("a.txt", b"older", age=100)
    (other / "a.txt").write_bytes(b"newer one")
    assert 1 == project.push().counts["uploaded"]
    assert 0 == project.push("--source", str(other), "--overwrite-newer").code

    again = project.push()

    assert (0, 1, None) == (again.code, again.counts["kept"], again.counts.get("uploaded")), again
    assert b"newer one" == s3.get_object(Bucket=bucket, Key="media/a.txt")["Body"].read()
    assert 1 == project.push("--overwrite-newer").counts["uploaded"]


@ON_MOTO
def test_storage_whose_methods_raise(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media, with a storage class that fails for some names"""
    project.write("good.txt", b"good")
    project.write("bad.txt", b"bad")
    project.write("large.css", b"x" * 9 * 1024 * 1024)
    project.configure(backend="backends.Faulty", options={"gzip": True}, backends=FAULTY)

    result = project.push()

    assert (4, {"good.txt"}) == (result.code, {key.rpartition("/")[2] for key in sorted(contents(s3, bucket))}), result
    assert "Faulty raised KeyError" in result.item("bad.txt")["error"]["message"]
    assert "ValueError" == result.item("large.css")["error"]["code"]


FAULTY = """
from storages.backends.s3 import S3Storage

class Faulty(S3Storage):
    def get_object_parameters(self, name):
        if "bad" in name:
            raise KeyError(name)
        return super().get_object_parameters(name)

    def _compress_content(self, content):
        raise ValueError("it does not compress")
"""

"""What a run says, to people and to machines: the forms that scripts rely on."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import stat
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import Any

import pytest

from s3sync import __version__
from tests.project import Project, Result
from tests.proxy import Proxy, Response
from tests.servers import ON_MOTO
from tests.test_bad_input import contents, discreet, refuse_puts, stored_names
from tests.test_interruptions import Gate, wait_until
from tests.test_sources import UNSIGNED

__all__ = ["discreet"]

COUNTS = {
    "scanned", "listed", "new", "changed", "unchanged", "uploaded", "deleted", "fixed", "kept", "conflicts", "orphans",
    "skipped", "failed", "not_tried",
}  # fmt: skip
STATUS = {0: "ok", 1: "error", 3: "differences", 4: "failed", 5: "refused", 6: "locked", 7: "budget"}
ENVELOPE = {
    "schema", "command", "version", "run_id", "started", "finished", "dry_run", "status", "exit_code", "engine",
    "conditional", "target", "counts", "bytes", "requests", "seconds", "error", "findings",
}  # fmt: skip
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def check_form(result: Result, form: str) -> list[dict[str, Any]]:
    """Hold a report against the form that is promised for it; return its items."""
    report, items = result.report, list(result.lines[:-1])
    if form == "json":
        assert 1 == len(result.lines), result
        items = report["items"]
        assert ENVELOPE | {"items"} == set(report) - {"estimate"}
    else:
        assert ENVELOPE | {"type"} == set(report) - {"estimate"}
        assert "report" == report["type"]
        assert {"item"} >= {item.pop("type") for item in items}
    assert (report["dry_run"] and not report["error"]) >= ("estimate" in report)
    assert ("s3sync.report/1", "s3_push_media", __version__) == (report["schema"], report["command"], report["version"])
    assert (result.code, STATUS[result.code]) == (report["exit_code"], report["status"])
    assert UTC.fullmatch(report["started"])
    assert UTC.fullmatch(report["finished"])
    assert {"alias", "bucket", "prefix", "endpoint", "region"} == set(report["target"])
    assert COUNTS == set(report["counts"])
    assert {"planned", "sent"} == set(report["bytes"])
    assert {"total", "plan", "transfer"} == set(report["seconds"])
    assert report["conditional"] in ("enforced", "emulated", "off")
    assert report["engine"] in ("fast", "boto3", None)
    for item in items:
        assert {"name", "key", "action", "reason", "size", "result", "error"} <= set(item)
        assert item["action"] in ("upload", "delete", "fix", "skip", "keep", "conflict", "orphan", "none")
        assert item["result"] in ("done", "planned", "failed", "skipped")
    for error in [report["error"], *(item["error"] for item in items)]:
        assert error is None or {"code", "http", "hint"} <= set(error)
    for finding in report["findings"]:
        assert {"id", "level", "name", "detail"} <= set(finding)
    return items


# JSON


@ON_MOTO
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_form_of_reports(project: Project, proxy: Proxy, form: str) -> None:
    """s3_push_media --format json, with each exit code that a run can be brought to end with"""
    project.configure(server=proxy.server, options=UNSIGNED)
    project.write("a.txt", b"a")
    project.write("b.txt", b"bb")

    def push(code: int, *options: str) -> list[dict[str, Any]]:
        result = project.run("s3_push_media", "--format", form, *options)
        assert code == result.code, result
        return check_form(result, form)

    assert [] == push(1, "--storage", "nope")
    (planned, _) = push(3, "--check", "-v", "2")
    assert ("a.txt", "media/a.txt", "upload", "new", 1, "planned", None) == tuple(
        planned[name] for name in ("name", "key", "action", "reason", "size", "result", "error")
    )
    proxy.rule = refuse_puts(lambda request: request.key.endswith("b.txt"), 403, "AccessDenied")
    (failed,) = push(4)
    assert ("b.txt", "upload", "new", 2, "failed") == tuple(
        failed[name] for name in ("name", "action", "reason", "size", "result")
    )
    assert ("AccessDenied", 403) == (failed["error"]["code"], failed["error"]["http"])
    assert failed["error"]["hint"] == f"needs s3:PutObject on {project.bucket}/media/*"
    proxy.rule = None
    assert [] == push(7, "--max-duration", "0s")
    uploaded, unchanged = sorted(push(0, "-v", "3"), key=lambda item: str(item["action"]), reverse=True)
    assert ("b.txt", "done") == (uploaded["name"], uploaded["result"])
    assert ("a.txt", "none") == (unchanged["name"], unchanged["action"])
    project.write(".env", b"secret")
    (held,) = push(5)
    assert (".env", "skip", "secret", "skipped") == tuple(held[n] for n in ("name", "action", "reason", "result"))
    (project.media / ".env").unlink()
    project.write("c.txt", b"c")
    gate = Gate(proxy, "PutObject")
    process = project.start("s3_push_media")
    wait_until(lambda: gate.held, process)
    assert [] == push(6)
    gate.open()
    assert 0 == project.finish(process).code


@ON_MOTO
def test_report_counts_bytes_and_names_its_target(project: Project, proxy: Proxy) -> None:
    """s3_push_media --format json"""
    project.configure(server=proxy.server)
    project.fill(5, size=100)

    report = project.push("--dry-run").report
    assert ({"planned": 500, "sent": 0}, True) == (report["bytes"], report["dry_run"])
    proxy.clear()
    report = project.push("--engine", "boto3").report

    assert ({"planned": 500, "sent": 500}, False, "boto3") == (report["bytes"], report["dry_run"], report["engine"])
    target = {"alias": "default", "bucket": project.bucket, "prefix": "media/", "region": "us-east-1"}
    assert {**target, "endpoint": proxy.server.endpoint_url} == report["target"]
    assert dict(proxy.count()) == report["requests"]


# Text


@ON_MOTO
def test_silence(project: Project, proxy: Proxy) -> None:
    """s3_push_media -v 0: nothing on exits 0 and 7, even if something was skipped; all that matters on the others"""
    project.configure(server=proxy.server, options=UNSIGNED)
    project.write("a.txt", b"a")
    (project.media / "dangling").symlink_to("nowhere")

    def push(*options: str, **how: Any) -> tuple[int, str, str]:
        result = project.run("s3_push_media", "-v", "0", *options, **how)
        return result.code, result.stdout, result.stderr

    assert (7, "", "") == push("--max-duration", "0s")
    assert (0, "", "") == push(env={"S3SYNC_STATE_DIR": "/proc/nope"})
    assert (0, "", "") == push()
    code, out, err = push("--source", "nowhere")
    assert (1, "") == (code, out)
    assert "nowhere" in err
    project.write("b.txt", b"b")
    code, out, err = push("--check")
    assert (3, "") == (code, out)
    assert "would upload 1" in err
    proxy.rule = refuse_puts(lambda _: True, 403, "AccessDenied")
    code, out, err = push()
    assert (4, "") == (code, out)
    assert "1 failed with AccessDenied" in err
    assert "  b.txt\n" in err
    proxy.rule = None
    project.write(".env", b"secret")
    code, out, err = push()
    assert (5, "") == (code, out)
    assert "  .env\n" in err


@ON_MOTO
def test_lines(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media; s3_push_media -v 2; s3_push_media -v 3"""
    project.write("a.txt", b"a")
    project.write("b.txt", b"b")
    s3.put_object(Bucket=bucket, Key="media/orphan.txt", Body=b"o")

    first = project.run("s3_push_media", "--prefix", "a")
    assert (0, "") == (first.code, first.stderr)
    assert re.fullmatch(
        rf"default -> s3://{bucket}/media/: 1 uploaded \(1 bytes\), 0 unchanged; \d+\.\d s\n", first.stdout
    )
    second = project.run("s3_push_media", "-v", "2", "--engine", "fast")
    assert (0, "") == (second.code, second.stderr)
    *lines, engine, summary = second.stdout.splitlines()
    assert ["orphan orphan.txt", "upload b.txt (new, 1 bytes)"] == sorted(lines)
    assert "engine fast; conditional writes enforced" == engine
    assert "1 without a file" in summary
    project.write("b.txt", b"bigger")
    third = project.run("s3_push_media", "-v", "3", "--engine", "boto3")
    *lines, engine, summary = third.stdout.splitlines()
    assert ["orphan orphan.txt", "unchanged a.txt", "upload b.txt (size, 6 bytes)"] == sorted(lines)
    assert "engine boto3 (asked for boto3); conditional writes enforced" == engine
    project.write("b.txt", b"other.")
    dry = project.run("s3_push_media", "-v", "2", "--dry-run")
    assert "would upload b.txt (etag, 6 bytes)" in dry.stdout.splitlines()


@ON_MOTO
def test_many_failures_are_grouped(project: Project, proxy: Proxy) -> None:
    """s3_push_media: ten names of each kind, and how many more"""
    project.configure(server=proxy.server)
    names = project.fill(40)

    def rule(request: Any) -> Response | None:
        if request.operation != "PutObject" or not request.key.endswith(("0.bin", "1.bin", "2.bin", "3.bin")):
            return None
        return Response(403, "AccessDenied") if request.key.endswith("3.bin") else Response(400, "InvalidArgument")

    proxy.rule = rule
    result = project.run("s3_push_media")

    assert 4 == result.code, result
    assert f"4 failed with AccessDenied: needs s3:PutObject on {project.bucket}/media/*:\n" in result.stderr
    assert "12 failed with InvalidArgument" in result.stderr
    named = [line.strip() for line in result.stderr.splitlines() if line.startswith("  ") and "more" not in line]
    assert 14 == len(named)
    assert set(named) <= set(names)
    assert "  and 2 more" in result.stderr.splitlines()
    assert "16 failed" in result.stdout


@ON_MOTO
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminal_without_unicode(project: Project, s3: Any, bucket: str, encoding: str) -> None:
    """s3_push_media -v 2, from a cron job with an old locale"""
    project.write("日本.txt", b"a")

    result = project.run("s3_push_media", "-v", "2", env={"PYTHONIOENCODING": encoding})

    assert 0 == result.code, result
    assert "upload \\u65e5\\u672c.txt (new, 1 bytes)" in result.stdout
    assert {"日本.txt": b"a"} == contents(s3, bucket)


@ON_MOTO
def test_nobody_reads(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media -v 2 | true"""
    names = project.fill(30)
    process = project.start("s3_push_media", "-v", "2", fresh=True)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate(timeout=60)

    assert (0, b"") == (process.returncode, stderr)
    assert names == stored_names(s3, bucket)


# Files


@ON_MOTO
def test_output_file(project: Project, tmp_path: Path) -> None:
    """s3_push_media --format json -o FILE: there whole, or not at all"""
    project.write("a.txt", b"a")
    folder = tmp_path / "reports"
    folder.mkdir()
    path, link = folder / "report.json", folder / "link.json"
    link.symlink_to(path)

    first = project.run("s3_push_media", "--format", "json", "-o", str(link))

    assert (0, "", "") == (first.code, first.stdout, first.stderr)
    assert 1 == json.loads(path.read_text())["counts"]["uploaded"]
    assert link.is_symlink()
    second = project.run("s3_push_media", "--format", "text", "--output", str(path))
    assert (0, "", "") == (second.code, second.stdout, second.stderr)
    assert "1 unchanged" in path.read_text()
    assert {path, link} == set(folder.iterdir())
    umask = os.umask(0)
    os.umask(umask)
    assert 0o666 & ~umask == stat.S_IMODE(path.stat().st_mode)


@ON_MOTO
@pytest.mark.parametrize("where", ["nowhere/report.json", "."])
def test_output_file_can_not_be_written(project: Project, s3: Any, bucket: str, where: str) -> None:
    """s3_push_media --format json -o nowhere/report.json: says so before anything is sent"""
    project.write("a.txt", b"a")

    result = project.push("-o", where)

    assert 1 == result.code, result
    assert "OutputUnwritable" == result.report["error"]["code"]
    assert repr(where) in result.report["error"]["message"]
    assert {} == contents(s3, bucket)
    said = project.run("s3_push_media", "-o", where)
    assert (1, "") == (said.code, said.stdout)
    assert f"The report can't be written to {where!r}" in said.stderr


@ON_MOTO
def test_output_to_a_pipe(project: Project, tmp_path: Path) -> None:
    """s3_push_media -o PIPE: a device or a pipe is written to, never replaced"""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()

    result = project.run("s3_push_media", "-o", str(pipe))

    reader.join(10)
    assert (0, "", "") == (result.code, result.stdout, result.stderr)
    assert "0 uploaded" in read[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


# Progress


def on_a_terminal(project: Project, *args: str) -> tuple[int, bytes, bytes]:
    """Run a command whose standard error is a terminal: its exit code, standard output, and what the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 4096):
                shown.append(data)
        except OSError:
            pass  # the other end was closed

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *args], cwd=project.root, env=project._environment({}), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    stdout, _ = process.communicate(timeout=60)
    reader.join(10)
    os.close(ours)
    return process.returncode, stdout, b"".join(shown)


@ON_MOTO
def test_progress_bar(project: Project, proxy: Proxy) -> None:
    """s3_push_media: a bar on a terminal, and nowhere else; --progress, --no-progress"""
    project.configure(server=proxy.server)
    proxy.rule = lambda request: 0.2 if request.operation == "PutObject" else None

    def push(*options: str, terminal: bool) -> bytes:
        project.fill(24, folder=f"f{len(list(project.media.iterdir()))}")
        if terminal:
            code, stdout, stderr = on_a_terminal(project, "s3_push_media", *options)
        else:
            result = project.run("s3_push_media", *options)
            code, stdout, stderr = result.code, result.stdout.encode(), result.stderr.encode()
        assert 0 == code, stderr
        assert b"24 uploaded" in stdout or b"-o" in options
        return stderr

    bar = push(terminal=True)
    assert b"Pushing" in bar
    assert b"/24 files" in bar
    assert b"" == push("--no-progress", terminal=True)
    assert b"" == push(terminal=False)
    assert b"Pushing" in push("--progress", terminal=False)


# Python


CALLER = """\
import io, json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
from django.core.management import CommandError, call_command
django.setup()
found = []
for options in ({}, {}, {"storage": "nope"}, {"lock": ""}, {"check": True, "compare": "always"}):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("s3_push_media", stdout=out, stderr=err, **options)
        found.append([0, out.getvalue(), err.getvalue()])
    except CommandError as error:
        found.append([error.returncode, out.getvalue(), err.getvalue()])
print(json.dumps(found))
"""


@ON_MOTO
def test_called_from_python(project: Project, s3: Any, bucket: str) -> None:
    """call_command("s3_push_media")"""
    project.write("a.txt", b"a")
    (project.root / "manage.py").write_text(CALLER)

    result = project.run()

    pushed, again, unknown, usage, pending = json.loads(result.stdout)
    assert "" == result.stderr
    assert [0, ""] == [pushed[0], pushed[2]]
    assert "1 uploaded" in pushed[1]
    assert "1 unchanged" in again[1]
    assert (1, "") == (unknown[0], unknown[1])
    assert "'nope'" in unknown[2]
    assert 2 == usage[0]
    assert 3 == pending[0]
    assert {"a.txt": b"a"} == contents(s3, bucket)

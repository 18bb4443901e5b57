"""`--metrics FILE`: what node_exporter reads, whatever became of the run."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.gallery import Gallery
from tests.project import Project
from tests.proxy import Proxy, Response
from tests.servers import ON_MOTO, ON_RGW_HTTPS
from tests.test_interruptions import Gate, wait_until


def read(path: Path) -> dict[str, float]:
    """`s3sync_exit_code`, or `s3sync_objects uploaded` -> value; the file's mode and its neighbours are right."""
    assert 0o644 == stat.S_IMODE(path.stat().st_mode)
    assert [] == [entry for entry in os.listdir(path.parent) if entry.startswith(".s3sync-")]
    found = {}
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            more = [sample.labels[name] for name in ("action", "operation", "verdict") if name in sample.labels]
            found[" ".join([sample.name, *more])] = sample.value
    return found


def labels(path: Path) -> dict[str, str]:
    """Those that all samples share."""
    (family, *_) = text_string_to_metric_families(path.read_text())
    return dict(family.samples[0].labels)


@pytest.fixture(name="file")
def make_file(tmp_path: Path) -> Path:
    """Where the metrics go, in a folder of its own."""
    (tmp_path / "metrics").mkdir()
    return tmp_path / "metrics" / "media.prom"


@ON_RGW_HTTPS
def test_every_run_leaves_its_figures(project: Project, file: Path, bucket: str) -> None:
    """s3_push_media --metrics FILE: sent, and nothing to do"""
    project.write("a.txt", b"one", age=60)
    project.write("b/c.txt", b"seven..", age=60)

    first = project.push("--metrics", str(file))
    figures = read(file)
    assert (0, "") == (first.code, first.stderr), first
    assert {"command": "s3_push_media", "alias": "default", "bucket": bucket, "prefix": "media/"} == labels(file)
    assert (0, 2, 10) == tuple(
        figures[name] for name in ("s3sync_exit_code", "s3sync_objects uploaded", "s3sync_bytes_sent")
    )
    assert {f"s3sync_requests {name}": count for name, count in first.report["requests"].items()} == {
        name: value for name, value in figures.items() if name.startswith("s3sync_requests")
    }
    assert figures["s3sync_last_run_timestamp_seconds"] == figures["s3sync_last_success_timestamp_seconds"]

    file.chmod(0o600)
    assert 0 == project.push("--metrics", str(file)).code
    again = read(file)
    assert (0, 2) == (again["s3sync_objects uploaded"], again["s3sync_objects unchanged"])
    assert again["s3sync_last_success_timestamp_seconds"] > figures["s3sync_last_success_timestamp_seconds"]


@ON_MOTO
def test_failures_leave_theirs_and_the_last_success(project: Project, file: Path, proxy: Proxy, bucket: str) -> None:
    """s3_push_media --metrics FILE: an upload fails (4), a lock is held (6), no bucket (1), no such alias (1)"""
    project.configure(server=proxy.server)
    project.write("a.txt", b"one", age=60)
    assert 0 == project.push("--metrics", str(file)).code
    success = read(file)["s3sync_last_success_timestamp_seconds"]
    project.write("b.txt", b"two", age=60)

    proxy.rule = lambda request: Response(403, "AccessDenied") if request.method == "PUT" else None
    assert 4 == project.push("--metrics", str(file)).code
    figures = read(file)
    assert (4, 1) == (figures["s3sync_exit_code"], figures["s3sync_objects failed"])
    assert success == figures["s3sync_last_success_timestamp_seconds"] < figures["s3sync_last_run_timestamp_seconds"]
    proxy.rule = None

    lock = project.root / "lock"
    with lock.open("w") as held:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        assert 6 == project.push("--metrics", str(file), "--lock", str(lock)).code
    assert (6, success) == (read(file)["s3sync_exit_code"], read(file)["s3sync_last_success_timestamp_seconds"])

    project.configure(bucket="no-such-bucket-here")
    assert 1 == project.push("--metrics", str(file)).code
    assert (1, "no-such-bucket-here") == (read(file)["s3sync_exit_code"], labels(file)["bucket"])
    assert "s3sync_last_success_timestamp_seconds" not in read(file)  # another bucket's is none of this one's

    assert 1 == project.push("--storage", "nobody", "--metrics", str(file)).code
    assert ("nobody", "") == (labels(file)["alias"], labels(file)["bucket"])


@ON_MOTO
def test_an_interrupted_run_leaves_its_figures(project: Project, file: Path, proxy: Proxy) -> None:
    """s3_push_media --metrics FILE, SIGTERM"""
    project.configure(server=proxy.server)
    project.fill(30)
    gate = Gate(proxy, "PutObject", after=5)
    process = project.start("s3_push_media", "--metrics", str(file), "--workers", "4")
    wait_until(lambda: gate.held, process)
    process.send_signal(signal.SIGTERM)
    gate.open()

    assert 143 == project.finish(process).code
    assert 143 == read(file)["s3sync_exit_code"]


@ON_MOTO
def test_a_dry_run_is_no_success(project: Project, file: Path) -> None:
    """s3_push_media -n, by hand, with the crontab's options"""
    project.write("a.txt", b"one", age=60)

    assert 0 == project.push("-n", "--metrics", str(file)).code
    assert 0 == read(file)["s3sync_exit_code"]
    assert "s3sync_last_success_timestamp_seconds" not in read(file)


@ON_MOTO
def test_a_file_that_can_not_be_written_is_told_and_changes_no_exit_code(project: Project, tmp_path: Path) -> None:
    """s3_push_media --metrics /no/such/folder/x.prom, a folder, -v 0, and nothing"""
    project.write("a.txt", b"one", age=60)

    nowhere = project.push("--metrics", str(tmp_path / "none" / "x.prom"))
    assert (0, 1) == (nowhere.code, nowhere.counts["uploaded"]), nowhere
    assert ["metrics-unwritten"] == [found["id"] for found in nowhere.report["findings"]]
    assert "no such file or directory" in nowhere.stderr

    folder = project.run("s3_push_media", "--metrics", str(tmp_path))
    assert (0, "is a directory") == (folder.code, folder.stderr.rpartition(": ")[2].partition(".")[0]), folder
    silent = project.run("s3_push_media", "--metrics", str(tmp_path), "-v", "0")
    assert (0, "", "") == (silent.code, silent.stdout, silent.stderr)
    assert 2 == project.run("s3_push_media", "--metrics", "").code


@ON_MOTO
def test_a_report_that_can_not_be_written_is_no_success(project: Project, file: Path) -> None:
    """s3_push_media --metrics FILE -o FOLDER/none/x: exit 1, there as here"""
    result = project.push("--metrics", str(file), "-o", str(file.parent / "none" / "report.json"))

    assert 1 == result.code
    assert 1 == read(file)["s3sync_exit_code"]


@ON_MOTO
def test_the_other_commands_too(project: Project, file: Path, s3: Any, bucket: str) -> None:
    """collectstatic --s3, s3_verify_acl and s3_doctor, each with --metrics FILE; none without --s3"""
    project.configure_static()
    project.asset("a.css", "a{}")

    assert 0 == project.collect("--metrics", str(file)).code
    assert ("collectstatic", "static/") == (labels(file)["command"], labels(file)["prefix"])
    assert 1 == read(file)["s3sync_objects uploaded"]
    assert 2 == project.run("collectstatic", "--no-input", "--metrics", str(file)).code

    s3.put_object_acl(Bucket=bucket, Key="static/a.css", ACL="public-read")
    verified = project.run("s3_verify_acl", "--expect", "private", "--metrics", str(file))
    assert 3 == verified.code, verified
    assert (3, 1) == (read(file)["s3sync_exit_code"], read(file)["s3sync_verdicts EXPOSED"])
    assert ("", "") == (labels(file)["alias"], labels(file)["bucket"])

    examined = project.run("s3_doctor", "--format", "json", "--metrics", str(file))
    figures = read(file)
    assert examined.code == figures["s3sync_exit_code"]
    assert examined.report["verdicts"]["ok"] == figures["s3sync_verdicts ok"]


@ON_MOTO
def test_the_way_back_and_the_proof(project: Project, file: Path, s3: Any, bucket: str) -> None:
    """s3_pull_media and s3_verify_media, each with --metrics FILE"""
    gallery = Gallery(project)
    gallery.models()
    gallery.table()
    gallery.rows("a.txt", "b.txt")
    gallery.store(s3, "media/a.txt", body=b"12345")

    assert 3 == gallery.verify("--metrics", str(file)).code
    figures = read(file)
    assert (3, 1, 1, 0) == (
        figures["s3sync_exit_code"],
        *(figures[f"s3sync_verdicts {name}"] for name in ("ok", "missing", "size")),
    )
    assert ("s3_verify_media", "", "") == tuple(labels(file)[name] for name in ("command", "alias", "bucket"))

    assert 0 == project.run("s3_pull_media", "--metrics", str(file)).code
    figures = read(file)
    assert ("s3_pull_media", bucket) == (labels(file)["command"], labels(file)["bucket"])
    assert (1, 5, 0) == tuple(
        figures[name] for name in ("s3sync_objects downloaded", "s3sync_bytes_received", "s3sync_bytes_sent")
    )
    assert 1 == figures["s3sync_requests GetObject"]

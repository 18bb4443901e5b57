"""Whatever breaks between here and S3: no byte is lost, nothing is claimed that is not so, and the next run heals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import FAULTS, ByName, FaultProxy, fits
from tests.project import Code, Project
from tests.promises import hold_after
from tests.promises import stored as contents
from tests.servers import Server

IMPORTS = "from boto3.s3.transfer import TransferConfig\nfrom botocore.config import Config"
HASTY: dict[str, Any] = {
    "client_config": Code("Config(read_timeout=1)"),
    "transfer_config": Code("TransferConfig(multipart_threshold=65536, multipart_chunksize=5 * 1024 * 1024)"),
}
"""A short patience; and uploads in parts, of one part each, that need no megabytes."""
EACH_WAY = pytest.mark.parametrize(
    ("server", "engine"), [("rgw-https", "fast"), ("rgw-https", "boto3"), ("moto", "fast")], indirect=["server"]
)


@pytest.fixture
def faulty(server: Server) -> Iterator[FaultProxy]:
    """A proxy that breaks what it is told to break, before `server`."""
    if server.kind == "remote":
        pytest.skip("A remote server takes the proxy's address for a wrong one.")
    with FaultProxy(server) as running:
        yield running
    assert running.errors == []


@EACH_WAY
def test_each_fault_of_puts_and_deletes(
    project: Project, faulty: FaultProxy, s3: Any, bucket: str, server: Server, engine: str
) -> None:
    """s3_push_media --delete: new, replaced and deleted objects meet each fault once; all is well in one run"""
    project.configure(server=faulty.server, options=HASTY, settings=IMPORTS)
    puts = [name for name in FAULTS if fits(name, "PutObject")]
    deletes = [name for name in FAULTS if fits(name, "DeleteObject")]
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

    hold_after(
        result, s3, bucket, server, files=files, before=before, theirs=theirs, may_go=gone
    )
    assert [] == faults.unmet
    assert (2 * len(puts), len(gone)) == (result.counts["uploaded"], result.counts["deleted"]), result
    assert theirs | files == contents(s3, bucket)
    again = project.push(*options)
    hold_after(again, s3, bucket, server, files=files, before=theirs | files, theirs=theirs)
    assert 2 * len(puts) == again.counts["unchanged"], again

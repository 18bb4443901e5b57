"""The S3 servers that the tests talk to, over real HTTP: none is mocked, and each runs on a free port of loopback.

- `moto`: everywhere, quick, knows nearly every call; checks no signatures and enforces little.
- `rgw`, `rgw-https`: Ceph's gateway, which checks signatures, digests and conditions. https is a case of its own: boto3
  signs and frames a body differently there.
- `remote`: whatever `S3SYNC_TEST_ENDPOINT_URL` names, for those who ask for it twice.

A test says which it needs by what it asks for: `server` runs it on each kind; `@ON_MOTO`, `@ON_RGW` and
`@ON_RGW_HTTPS` above it choose one.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

RGW_SCRIPT = Path(__file__).with_name("rgw.sh")
RGW_TOOLS = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "monmaptool", "curl", "openssl")
RGW_NOT_TESTED = "RGW NOT TESTED"
"""What a skip for want of RGW begins with: the end of the test run looks for it."""

FIXTURES = {"moto": "moto_server", "rgw": "rgw_http", "rgw-https": "rgw_https", "remote": "remote_server"}
KINDS = [kind for kind in FIXTURES if kind != "remote" or os.environ.get("S3SYNC_TEST_ENDPOINT_URL")]

ON_MOTO = pytest.mark.parametrize("server", ["moto"], indirect=True)
ON_RGW = pytest.mark.parametrize("server", ["rgw"], indirect=True)
ON_RGW_HTTPS = pytest.mark.parametrize("server", ["rgw-https"], indirect=True)
ON_BOTH = pytest.mark.parametrize("server", ["moto", "rgw"], indirect=True)
"""Leaves https out, for slow tests in which it could not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where an S3 server answers, and as whom to talk to it."""

    kind: str
    """A key of `FIXTURES`."""
    endpoint_url: str
    access_key: str
    secret_key: str
    other_access_key: str = ""
    other_secret_key: str = ""
    """A second user, without rights to what the first one makes; RGW only."""
    ca: Path | None = None
    """The certificate to trust, where the endpoint is https and no public authority has signed it."""
    region: str = "us-east-1"

    def client(self, *, other: bool = False, **config: Any) -> Any:
        """A boto3 S3 client of its own connection pool; `config` goes to botocore's `Config`."""
        settings: dict[str, Any] = {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "max_pool_connections": 32,
        }
        return _session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.other_access_key if other else self.access_key,
            aws_secret_access_key=self.other_secret_key if other else self.secret_key,
            region_name=self.region,
            verify=str(self.ca) if self.ca else None,
            config=Config(**(settings | config)),
        )


@cache
def _session() -> boto3.session.Session:
    """One session: it reads botocore's service model once, which takes longer than many a test."""
    return boto3.session.Session()


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


MOTO = """\
import functools, gc, os, sys, threading

def end_with_the_tests():
    sys.stdin.buffer.read()
    os._exit(0)

threading.Thread(target=end_with_the_tests, daemon=True).start()
import botocore.utils
import moto.backends
import moto.s3.responses
from moto.server import main

# For each request moto lists its own folder, and each date in an answer is written, read by guess, and written again.
names = tuple(moto.backends.list_of_moto_modules())
moto.backends.list_of_moto_modules = lambda: names
botocore.utils.parse_timestamp = functools.lru_cache(10_000)(botocore.utils.parse_timestamp)
gc.collect()
gc.freeze()
main(sys.argv[1:])
"""
"""Its standard input ends with the process that holds the other side, however that came to its end."""


@contextmanager
def moto(log: Path) -> Iterator[Server]:
    """A moto server for the length of the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        command = [sys.executable, "-c", MOTO, "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
        try:
            _await_answer(f"{url}/moto-api/", process, log)
            yield Server(kind="moto", endpoint_url=url, access_key="testing", secret_key="testing")
        finally:
            process.kill()
            process.communicate()


def _await_answer(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"No answer from {url}.\n{log.read_text(errors='replace')[-2000:]}")


def missing_rgw_tools() -> list[str]:
    """The programs that RGW needs and this machine does not have."""
    return [tool for tool in RGW_TOOLS if not shutil.which(tool)]


@contextmanager
def rgw(directory: Path) -> Iterator[tuple[Server, Server]]:
    """An RGW for the length of the block, as seen over http and over https."""
    ports = {name: str(free_port()) for name in ("RGW_PORT", "RGW_TLS_PORT", "RGW_MON_PORT")}
    environment = os.environ | ports | {"RGW_DIR": str(directory), "RGW_OWNER_PID": str(os.getpid())}

    def script(verb: str) -> str:
        done = subprocess.run(
            [str(RGW_SCRIPT), verb],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=180,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{RGW_SCRIPT.name} {verb} ended with {done.returncode}.\n{done.stderr[-4000:]}")
        return done.stdout

    try:
        script("start")
        exports = dict(re.findall(r"^export (\w+)=(.*)$", script("env"), re.MULTILINE))
        identity = {
            "access_key": exports["AWS_ACCESS_KEY_ID"],
            "secret_key": exports["AWS_SECRET_ACCESS_KEY"],
            "other_access_key": exports["RGW_OTHER_ACCESS_KEY_ID"],
            "other_secret_key": exports["RGW_OTHER_SECRET_ACCESS_KEY"],
        }
        yield (
            Server(kind="rgw", endpoint_url=exports["AWS_ENDPOINT_URL_S3"], **identity),
            Server(
                kind="rgw-https", endpoint_url=exports["RGW_TLS_URL"], ca=Path(exports["AWS_CA_BUNDLE"]), **identity
            ),
        )
    finally:
        script("wipe")


def remote() -> Server:
    """The endpoint that the environment names. The suite makes buckets of its own there, and removes them again."""
    ca = os.environ.get("S3SYNC_TEST_CA")
    return Server(
        kind="remote",
        endpoint_url=os.environ["S3SYNC_TEST_ENDPOINT_URL"],
        access_key=os.environ["S3SYNC_TEST_ACCESS_KEY"],
        secret_key=os.environ["S3SYNC_TEST_SECRET_KEY"],
        region=os.environ.get("S3SYNC_TEST_REGION", "us-east-1"),
        ca=Path(ca) if ca else None,
    )


def make_bucket(client: Any, label: str) -> str:
    """A new bucket, named after `label` and by chance, so that no two runs on one server meet."""
    prefix = os.environ.get("S3SYNC_TEST_BUCKET", "")
    words = re.sub(r"[^a-z0-9]+", "-", f"{prefix}-{label}".lower()).strip("-")
    name = f"{words[:50].rstrip('-')}-{secrets.token_hex(4)}"
    region = client.meta.region_name
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=name, **where)
    return name


def leave_bucket(client: Any, name: str) -> None:
    """Leave a bucket to a server that goes away soon: to remove it would take longer than many a test. Only what is
    large goes now, as these servers keep everything in memory."""
    for entry in client.list_objects_v2(Bucket=name).get("Contents", []):
        if entry["Size"] > 2**20:
            client.delete_object(Bucket=name, Key=entry["Key"])


def remove_bucket(client: Any, name: str) -> None:
    """Remove a bucket with every version, delete marker and unfinished upload in it."""
    for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", []):
        client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        doomed = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        if doomed:
            client.delete_objects(Bucket=name, Delete={"Objects": doomed, "Quiet": True})
    client.delete_bucket(Bucket=name)

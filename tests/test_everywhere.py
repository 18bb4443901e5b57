"""Every command on every server, by every way of naming a bucket and trusting a certificate.

What each command does in detail is told elsewhere; here is the whole round, as a project goes through it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests import servers
from tests.project import S3_MANIFEST, S3_STORAGE, Project, Result, s3_options
from tests.servers import Server
from tests.soak import ONLY_IN_SOAK
from tests.test_equality import RESOLVE_LOCALHOST

SITE = 'ALLOWED_HOSTS = ["www.example.com"]\n'
MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a project comes to its bucket."""

    server: str
    style: str = "path"
    trust: str = "verify"
    """`verify`: an option of the storage; `bundle`: AWS_CA_BUNDLE."""


IN_EVERY_RUN = {"moto virtual", "rgw path", "rgw-https path", "rgw-https virtual"}
"""Each server, each style and each trust; other pairs of these in a soak."""
WAYS = {
    "moto path": Way(server="moto"),
    "moto virtual": Way(server="moto", style="virtual"),
    "rgw path": Way(server="rgw"),
    "rgw virtual": Way(server="rgw", style="virtual"),
    "rgw-https path": Way(server="rgw-https"),
    "rgw-https virtual": Way(server="rgw-https", style="virtual", trust="bundle"),
}


@pytest.fixture(name="name")
def make_name(s3: Any) -> Iterator[str]:
    """The name of a bucket that is not there yet; what becomes of it goes away."""
    name = f"everywhere-{secrets.token_hex(6)}"
    yield name
    with suppress(ClientError, BotoCoreError):
        with suppress(ClientError):
            s3.delete_bucket_policy(Bucket=name)
        servers.remove_bucket(s3, name)


def configure(project: Project, server: Server, way: Way, name: str) -> None:
    more: dict[str, Any] = {"addressing_style": way.style}
    if way.style == "virtual":
        more["endpoint_url"] = server.endpoint_url.replace("127.0.0.1", "localhost")
    if way.trust == "bundle":
        more["verify"] = None
        project.env["AWS_CA_BUNDLE"] = str(server.ca)
    static = s3_options(server, name, location="static") | more
    media = s3_options(server, name) | more
    project.configure(
        server=server, bucket=name, settings=SITE + RESOLVE_LOCALHOST,
        storages={
            "default": {"BACKEND": S3_STORAGE, "OPTIONS": media},
            "staticfiles": {"BACKEND": S3_MANIFEST, "OPTIONS": static},
        },
    )  # fmt: skip


def well(result: Result, code: int = 0) -> Result:
    assert code == result.code, result
    return result


ROWS = [
    pytest.param(way.server, way, id=name, marks=() if name in IN_EVERY_RUN else ONLY_IN_SOAK)
    for name, way in WAYS.items()
]


@pytest.mark.parametrize(("server", "way"), ROWS, indirect=["server"])
def test_the_whole_round(way: Way, project: Project, server: Server, s3: Any, name: str) -> None:
    """s3_create_bucket; s3_push_media; s3_pull_media; collectstatic; s3_lint_css; s3_verify_acl; s3_doctor --write"""
    configure(project, server, way, name)
    project.write("photos/beach 1+ä.jpg", b"beach", age=60)
    project.write("film.bin", b"f" * 9 * MIB, age=60)
    project.asset("css/a.css", 'body{background:url("../img/sky.png")}')
    project.asset("img/sky.png", "sky")

    well(project.run("s3_create_bucket"))
    assert 2 == well(project.push("--verify")).counts["uploaded"]
    again = well(project.push())
    assert (2, {"ListObjectsV2": 1}) == (
        again.counts["unchanged"], {name: count for name, count in again.report["requests"].items() if count}
    )  # fmt: skip
    for engine in ("fast", "boto3"):
        project.write("photos/beach 1+ä.jpg", engine.encode(), age=10)
        assert 1 == well(project.push("--engine", engine)).counts["uploaded"]
    assert b"boto3" == s3.get_object(Bucket=name, Key="media/photos/beach 1+ä.jpg")["Body"].read()

    for engine in ("fast", "boto3"):
        there = project.root / engine
        pulled = well(project.run("s3_pull_media", "--format", "json", "--to", str(there), "--engine", engine))
        assert (2, engine) == (pulled.counts["downloaded"], pulled.report["engine"]), pulled
        assert b"boto3" == (there / "photos/beach 1+ä.jpg").read_bytes()
        assert 9 * MIB == (there / "film.bin").stat().st_size

    collected = well(project.collect())
    assert 6 == collected.counts["uploaded"], "two files under two names each, the manifest, and its copy to keep"
    assert 0 == well(project.collect("--prune")).report["counts"]["uploaded"]
    well(project.run("s3_lint_css"))
    if way.server == "moto":  # it lets everybody read an object of several parts, which has no ACL there
        s3.put_object_acl(Bucket=name, Key="media/film.bin", ACL="private")
    verified = well(project.run("s3_verify_acl", "--format", "json"))
    assert {"OK"} == {verdict for alias in verified.report["aliases"] for verdict in alias["verdicts"]}

    # boto3's trailing checksums are refused by Ceph RGW over https; and 127.0.0.1 is no address for visitors.
    doctor = well(project.run("s3_doctor", "--write", "--format", "json"), 3 if way.server == "rgw-https" else 0)
    told = {item["id"] for item in doctor.report["items"] if item["verdict"] != "ok"}
    assert ({"D26", "D29"} if way.server == "rgw-https" else {"D29"}) == told, doctor

    (project.media / "photos/beach 1+ä.jpg").unlink()
    assert 1 == well(project.push("--delete")).counts["deleted"]
    listed = s3.list_objects_v2(Bucket=name, Prefix="media/")["Contents"]
    assert ["media/film.bin"] == [entry["Key"] for entry in listed]

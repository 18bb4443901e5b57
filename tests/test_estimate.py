"""`-n` says what a run would ask of S3, and the run asks just that."""

from __future__ import annotations

import pytest

from tests.project import S3_MANIFEST, Code, Project, Result
from tests.proxy import Proxy
from tests.servers import ON_MOTO
from tests.soak import IN_SOAK

IN_PARTS = Code("TransferConfig(multipart_threshold=6 * 2**20, multipart_chunksize=5 * 2**20)")


def asked(result: Result) -> dict[str, int]:
    """What a run has asked; without what it has not."""
    return {name: number for name, number in result.report["requests"].items() if number}


def rehearsed(project: Project, *args: str) -> Result:
    """A run whose rehearsal has told the truth."""
    before = project.push("-n", *args)
    assert None is before.report["estimate"]["cost"]
    assert "the endpoint is not Amazon's" == before.report["estimate"]["why_no_cost"]
    after = project.push(*args)
    assert before.report["estimate"]["requests"] == asked(after), after
    assert before.report["estimate"]["bytes"] == after.report["bytes"]["sent"]
    assert "estimate" not in after.report
    return after


@pytest.mark.parametrize("server", ["moto", pytest.param("rgw", marks=IN_SOAK)], indirect=True)
def test_a_run_asks_what_its_rehearsal_has_told(project: Project, proxy: Proxy) -> None:
    """s3_push_media -n, and then without: the first files; mended; and in parts, deleted, replaced and verified"""
    imports = "from boto3.s3.transfer import TransferConfig"
    project.configure(server=proxy.server, options={"transfer_config": IN_PARTS}, settings=imports)
    for name in ("a.txt", "b.txt", "gone.txt"):
        project.write(name, name.encode(), age=60)
    assert 3 == rehearsed(project).counts["uploaded"]

    options = {"transfer_config": IN_PARTS, "object_parameters": {"CacheControl": "max-age=60"}}
    project.configure(options=options, settings=imports)
    assert 3 == rehearsed(project, "--fix-metadata").counts["fixed"]

    project.write("large.bin", b"x" * (11 * 2**20), age=60)
    (project.media / "gone.txt").unlink()
    if project.server.kind == "moto":  # RGW refuses the first If-Match, and is asked in its own way then
        project.write("a.txt", b"changed")
    last = rehearsed(project, "--delete", "--verify").counts
    assert (1, 1 + (project.server.kind == "moto")) == (last["deleted"], last["uploaded"])


@ON_MOTO
def test_static_files_too(project: Project) -> None:
    """collectstatic --s3 -n, and without"""
    project.configure_static(S3_MANIFEST)
    project.asset("a.css", "a{}")

    before, after = project.collect("-n"), project.collect()

    assert before.report["estimate"]["requests"] == asked(after)
    assert "would take" in project.run("collectstatic", "--s3", "--no-input", "-n").stdout
    assert "estimate" not in project.collect("-n", "--build", str(project.root / "built")).report


@ON_MOTO
def test_the_line_is_where_people_look(project: Project) -> None:
    """s3_push_media -n: a second line; none at -v 0, none without -n, and no price for a server of one's own"""
    project.write("a.txt", b"one", age=60)

    shown = project.run("s3_push_media", "-n").stdout.splitlines()

    assert (2, "  would take 1 HeadObject, 1 ListObjectsV2, 2 PutObject; 3 bytes to send") == (len(shown), shown[1])
    assert "" == project.run("s3_push_media", "-n", "-v", "0").stdout
    assert 1 == len(project.run("s3_push_media").stdout.splitlines())


@ON_MOTO
@pytest.mark.parametrize(
    ("storage_class", "price", "put"),
    [(None, "(list prices: STANDARD, us-east-1", 0.000005), ("STANDARD_IA", "prices: STANDARD_IA, us-", 0.00001),
     ("NEW", "no list price is known of the storage class NEW", None)],
)  # fmt: skip
def test_amazon_has_a_price(project: Project, storage_class: str | None, price: str, put: float | None) -> None:
    """s3_push_media -n, to an endpoint of Amazon's name, behind a proxy that is moto"""
    options = {
        "endpoint_url": "http://s3.us-east-1.amazonaws.com", "proxies": {"http": project.server.endpoint_url},
        "object_parameters": {"StorageClass": storage_class} if storage_class else {},
    }  # fmt: skip
    project.configure(options=options)
    project.write("a.txt", b"one", age=60)

    shown, estimate = project.run("s3_push_media", "-n"), project.push("-n").report["estimate"]

    assert price in shown.stdout, shown
    assert {"ListObjectsV2": 1, "PutObject": 1} == estimate["requests"]  # conditions need no proof at Amazon
    if put is None:
        assert (None, "NEW") == (estimate["cost"], estimate["why_no_cost"].rpartition(" ")[2])
    else:
        assert ("USD", pytest.approx(0.000005 + put)) == (estimate["cost"]["currency"], estimate["cost"]["requests"])

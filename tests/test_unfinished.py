"""`--abort-stale`: uploads in parts that nobody has finished."""

from __future__ import annotations

from typing import Any

from tests.project import Project
from tests.proxy import Proxy, Response
from tests.servers import ON_MOTO, ON_RGW


def begin(s3: Any, bucket: str, *keys: str) -> None:
    """What a killed run leaves."""
    for key in keys:
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"part")


def unfinished(s3: Any, bucket: str) -> list[str]:
    return sorted(entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()))


def stale(result: Any) -> list[str]:
    return [found["detail"] for found in result.report["findings"] if found["id"] == "uploads-stale"]


@ON_RGW
def test_only_what_is_old_ours_and_in_scope_is_aborted(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media; --abort-stale 1h; -n, --prefix and plain with --abort-stale 0s"""
    project.configure(server=proxy.server)
    project.configure_static()
    begin(s3, bucket, "media/a.bin", "media/b/1.bin", "media/b/1.bin", "static/c.bin", "other/d.bin")
    before = unfinished(s3, bucket)

    plain = project.push()
    assert (0, [], 0) == (plain.code, stale(plain), proxy.count()["ListMultipartUploads"]), plain
    young = project.push("--abort-stale", "1h")
    assert (0, [], before) == (young.code, stale(young), unfinished(s3, bucket)), young

    planned = project.push("--abort-stale", "0s", "-n")
    assert (0, before) == (planned.code, unfinished(s3, bucket)), planned
    assert stale(planned)[0].startswith("3 unfinished uploads would be aborted")
    assert 3 == project.push("--abort-stale", "0s", "--check").code

    part = project.push("--abort-stale", "0s", "--prefix", "b/")
    assert (0, ["media/a.bin", "other/d.bin", "static/c.bin"]) == (part.code, unfinished(s3, bucket)), part
    rest = project.push("--abort-stale", "0s")
    assert (0, ["other/d.bin", "static/c.bin"]) == (rest.code, unfinished(s3, bucket)), rest
    assert "a.bin" in stale(rest)[0]
    collected = project.collect("--abort-stale", "0s")
    assert (0, ["other/d.bin"]) == (collected.code, unfinished(s3, bucket)), collected


@ON_MOTO
def test_what_can_not_be_aborted_or_listed_is_told(project: Project, s3: Any, bucket: str, proxy: Proxy) -> None:
    """s3_push_media --abort-stale 1d, where S3 refuses one abort, one is gone, and then the list"""
    project.configure(server=proxy.server)
    project.write("a.txt", b"a", age=60)
    begin(s3, bucket, "media/gone.bin", "media/kept.bin", "media/old.bin")

    def rule(request: Any) -> Response | None:
        if request.operation == "AbortMultipartUpload" and "kept" in request.path:
            return Response(403, "AccessDenied")
        if request.operation == "AbortMultipartUpload" and "gone" in request.path:
            return Response(404, "NoSuchUpload")
        return None

    proxy.rule = rule
    result = project.push("--abort-stale", "1d")
    assert (4, 1, 1) == (result.code, result.counts["uploaded"], result.counts["failed"]), result
    assert "needs s3:AbortMultipartUpload" in result.item("kept.bin")["error"]["hint"]
    assert stale(result)[0].startswith("2 unfinished uploads aborted")
    assert ["media/gone.bin", "media/kept.bin"] == unfinished(s3, bucket)

    proxy.rule = lambda request: (
        Response(403, "AccessDenied") if request.operation == "ListMultipartUploads" else None
    )
    refused = project.push("--abort-stale", "1d")
    assert (1, "AccessDenied") == (refused.code, refused.report["error"]["code"]), refused
    assert "s3:ListBucketMultipartUploads" in refused.report["error"]["hint"]

"""The tests' own tools do what the tests rely on."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.project import Code, Project, read_result
from tests.proxy import Proxy, Request, Response, name_operation
from tests.servers import ON_MOTO, ON_RGW, ON_RGW_HTTPS, Server

ODD_KEY = "päth/with space +%.txt"


@pytest.fixture
def through(proxy: Proxy) -> Any:
    """A client whose requests go through the proxy, once each."""
    client = proxy.server.client(retries={"total_max_attempts": 1})
    yield client
    client.close()


def test_round_trip(s3: Any, bucket: str) -> None:
    """An object comes back from each server as it was sent."""
    s3.put_object(Bucket=bucket, Key=ODD_KEY, Body=b"hello", ContentMD5="XUFAKrxLKna5cZ2REBfFkg==")

    assert b"hello" == s3.get_object(Bucket=bucket, Key=ODD_KEY)["Body"].read()
    assert [ODD_KEY] == [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]


def test_no_account_is_in_reach() -> None:
    """Whatever the caller's environment holds, tests do not see it."""
    left = {name for name in os.environ if name.startswith("AWS_")}

    assert {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"} == left


@ON_RGW_HTTPS
def test_rgw_refuses_a_wrong_secret(rgw_http: Server, server: Server) -> None:
    """RGW checks signatures, on both of its ports; that is what it is here for."""
    for real in (rgw_http, server):
        liar = Server(
            kind=real.kind, endpoint_url=real.endpoint_url, access_key=real.access_key, secret_key="no", ca=real.ca
        )
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            liar.client().list_buckets()


@ON_RGW
def test_rgw_keeps_users_apart(server: Server, s3: Any, bucket: str) -> None:
    """The second user may not look into the first one's bucket."""
    with pytest.raises(ClientError, match="AccessDenied"):
        server.client(other=True).list_objects_v2(Bucket=bucket)


def test_proxy_counts(proxy: Proxy, through: Any, bucket: str) -> None:
    """Signed requests pass unharmed, and each is recorded under S3's name for it."""
    through.put_object(Bucket=bucket, Key=ODD_KEY, Body=b"x" * 3_000_000)
    through.head_object(Bucket=bucket, Key=ODD_KEY)
    through.list_objects_v2(Bucket=bucket)
    through.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": ODD_KEY})
    upload = through.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    part = through.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    parts = {"Parts": [{"ETag": part, "PartNumber": 1}]}
    through.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload=parts)
    through.get_object_acl(Bucket=bucket, Key="copy")
    through.delete_object(Bucket=bucket, Key="big")

    assert [
        "PutObject",
        "HeadObject",
        "ListObjectsV2",
        "CopyObject",
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
        "GetObjectAcl",
        "DeleteObject",
    ] == [request.operation for request in proxy.requests]
    put, head = proxy.requests[:2]
    assert (bucket, ODD_KEY, 3_000_000, 200) == (put.bucket, put.key, put.size, put.status)
    assert 200 == head.status
    assert 3_000_000 == through.head_object(Bucket=bucket, Key=ODD_KEY)["ContentLength"]


def test_proxy_answers_in_the_servers_place(proxy: Proxy, through: Any, s3: Any, bucket: str) -> None:
    """What a rule answers never reaches the server."""
    proxy.rule = lambda request: Response(503, "SlowDown", {"Retry-After": "1"}) if request.key == "no" else None
    through.put_object(Bucket=bucket, Key="yes", Body=b"")
    with pytest.raises(ClientError, match="SlowDown") as caught:
        through.put_object(Bucket=bucket, Key="no", Body=b"")

    assert "1" == caught.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]
    assert ["yes"] == [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert [200, 503] == [request.status for request in proxy.requests]


@pytest.mark.parametrize(("verdict", "stored"), [("drop", 0), ("drop-after", 1)])
def test_proxy_cuts_the_connection(proxy: Proxy, through: Any, s3: Any, bucket: str, verdict: Any, stored: int) -> None:
    """Before the server has the object, or after."""
    proxy.rule = lambda _: verdict
    with pytest.raises(ConnectionClosedError):
        through.put_object(Bucket=bucket, Key="a", Body=b"a")

    assert stored == s3.list_objects_v2(Bucket=bucket)["KeyCount"]
    assert [None] == [request.status for request in proxy.requests]


@ON_MOTO
def test_proxy_delays_and_alters(proxy: Proxy, through: Any, bucket: str) -> None:
    """A number waits; a function has the last word on the answer."""

    def rule(request: Request) -> Any:
        if request.operation == "PutObject":
            return lambda answer: Response(answer.status, headers={"ETag": '"other"'}, body=answer.body)
        return 0.2

    proxy.rule = rule
    before = time.monotonic()
    through.list_objects_v2(Bucket=bucket)

    assert time.monotonic() - before >= 0.2
    assert '"other"' == through.put_object(Bucket=bucket, Key="a", Body=b"a")["ETag"]


@ON_MOTO
def test_proxy_keeps_what_a_rule_raised(server: Server, bucket: str) -> None:
    """A mistake in a test's rule is not taken for the server's."""

    def rule(request: Request) -> None:
        raise KeyError(request.key)

    with Proxy(server) as proxy:
        proxy.rule = rule
        with pytest.raises(ClientError, match="RuleRaised"):
            proxy.server.client(retries={"total_max_attempts": 1}).put_object(Bucket=bucket, Key="a", Body=b"")
    assert ["KeyError('a')"] == [repr(error) for error in proxy.errors]


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        ("GET", ("", ""), {}, "ListBuckets"),
        ("GET", ("b", ""), {"list-type": "2", "prefix": ""}, "ListObjectsV2"),
        ("GET", ("b", ""), {"policyStatus": ""}, "GetBucketPolicyStatus"),
        ("POST", ("b", ""), {"delete": ""}, "DeleteObjects"),
        ("PUT", ("b", ""), {}, "CreateBucket"),
        ("PUT", ("b", "k"), {"acl": ""}, "PutObjectAcl"),
        ("DELETE", ("b", "k"), {"uploadId": "1"}, "AbortMultipartUpload"),
    ],
)
def test_operation_names(method: str, path: tuple[str, str], query: dict[str, str], operation: str) -> None:
    """Requests are told apart by method, depth and query."""
    assert operation == name_operation(method, *path, query, {})


@ON_MOTO
def test_project_runs_manage_py(project: Project, s3: Any, proxy: Proxy) -> None:
    """Settings, storage class and environment reach the process; what it stores reaches the bucket."""
    project.configure(
        server=proxy.server,
        backend="backends.Shouting",
        backends="from storages.backends.s3 import S3Storage\n\nclass Shouting(S3Storage):\n    pass\n",
        settings="from boto3.s3.transfer import TransferConfig",
        options={"location": "up", "transfer_config": Code("TransferConfig(use_threads=False)")},
    )
    source = (
        "import os; from django.core.files.base import ContentFile; from django.core.files.storage import storages;"
        "storages['default'].save('a.txt', ContentFile(os.environ['WORD'].encode()));"
        "print(type(storages['default']).__name__, storages['default'].transfer_config.use_threads)"
    )
    result = project.run("shell", "-v0", "-c", source, env={"WORD": "hello"})

    assert (0, "Shouting False\n", "") == (result.code, result.stdout, result.stderr), result
    assert b"hello" == s3.get_object(Bucket=project.bucket, Key="up/a.txt")["Body"].read()
    assert Counter(PutObject=1) == proxy.count() - Counter(HeadObject=9)


@ON_MOTO
def test_project_writes_media(project: Project) -> None:
    """Files lie where MEDIA_ROOT is, as old as asked for."""
    path = project.write("a/b.txt", b"b", age=100)
    names = project.fill(3, size=30)

    assert project.media / "a" / "b.txt" == path
    assert 99 < time.time() - path.stat().st_mtime < 110
    assert [30, 30, 30] == [(project.media / name).stat().st_size for name in names]


def test_reports_are_read_from_standard_output() -> None:
    """One JSON document, JSON lines, or text."""
    assert {"a": 1} == read_result(0, b'{"a": 1}\n', b"").report
    assert ({"a": 1}, {"b": 2}) == read_result(0, b'{"a": 1}\n{"b": 2}\n', b"").lines
    assert {"b": 2} == read_result(0, b'{"a": 1}\n{"b": 2}\n', b"").report
    assert read_result(1, b"no such alias\n", b"").report is None

"""What each upload says of its body, whoever has read it: small files are read at once, larger ones by threads."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import Counter
from typing import Any

from tests.project import Project
from tests.proxy import Proxy
from tests.servers import ON_BOTH, ON_MOTO
from tests.test_interruptions import Gate, wait_until
from tests.test_push import listed

KIB, MIB = 1024, 1024 * 1024
SIZES = (0, 1, 128 * KIB - 1, 128 * KIB, 128 * KIB + 1, 3 * MIB, 8 * MIB - 1, 8 * MIB, 13 * MIB)
"""On both sides of what is read at once, and of what goes up in parts."""


def bytes_of(size: int) -> bytes:
    """Not the same at any two places that are a part apart."""
    block = hashlib.sha256(b"%d" % size).digest()
    return b"".join(hashlib.sha256(block + b"%d" % each).digest() * 128 for each in range(size // 4096 + 1))[:size]


@ON_BOTH
def test_each_digest_is_that_of_the_body(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """Content-MD5 and x-amz-content-sha256 of every request; RGW looks at the latter too"""
    proxy.keep_bodies = True
    project.configure(server=proxy.server)
    files = {f"{number}.bin": bytes_of(size) for number, size in enumerate(SIZES)}
    for name, content in files.items():
        project.write(name, content)

    result = project.push()

    assert 0 == result.code, result
    assert {"scanned": len(SIZES), "new": len(SIZES), "uploaded": len(SIZES)} == result.counts
    assert {f"media/{name}": content for name, content in files.items()} == listed(s3, bucket)
    sent = [request for request in proxy.requests if request.operation in ("PutObject", "UploadPart")]
    assert {"PutObject": 8, "UploadPart": 3} == Counter(request.operation for request in sent)
    for request in sent:
        assert base64.b64encode(hashlib.md5(request.body).digest()).decode() == request.headers["content-md5"]
        assert hashlib.sha256(request.body).hexdigest() == request.headers["x-amz-content-sha256"]
    proxy.clear()
    assert {"scanned": len(SIZES), "listed": len(SIZES), "unchanged": len(SIZES)} == project.push().counts
    assert {"ListObjectsV2": 1} == dict(proxy.count())


@ON_MOTO
def test_more_than_is_to_be_in_memory(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """A server that does not answer is not given all there is: the rest stays on the disk until it does"""
    sizes = [5 * MIB + number for number in range(15)]
    for size in sizes:
        project.write(f"{size}.bin", bytes_of(size))
    project.configure(server=proxy.server)
    gate = Gate(proxy, "PutObject", after=2)  # the first object, and the proof that conditions are enforced

    process = project.start("s3_push_media", "--format", "json")
    wait_until(lambda: gate.held >= 9, process)
    time.sleep(0.5)
    held = gate.held
    gate.open()
    result = project.finish(process)

    assert 0 == result.code, result
    assert held <= 11  # of 5 MiB each
    assert {"scanned": 15, "new": 15, "uploaded": 15} == result.counts
    pages = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert {f"media/{size}.bin": size for size in sizes} == {each["Key"]: each["Size"] for each in pages}

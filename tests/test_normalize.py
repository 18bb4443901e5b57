"""`s3_push_media --normalize nfc`: a folder that came from macOS."""

from __future__ import annotations

from typing import Any

from tests.project import Project
from tests.proxy import Proxy
from tests.servers import ON_MOTO, ON_RGW_HTTPS
from tests.test_push import listed

NFD, NFC = "cafe\u0301", "café"


@ON_RGW_HTTPS
def test_names_of_macos_get_composed_keys(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media, then --normalize nfc, twice, and with --delete: the decomposed object is named, and left"""
    project.write(f"{NFD}/{NFD}.jpg", b"one", age=60)
    project.write("a.jpg", b"two", age=60)
    project.write("z.jpg", b"three", age=60)
    plain = project.push()
    assert {f"media/{NFD}/{NFD}.jpg", "media/a.jpg", "media/z.jpg"} == listed(s3, bucket).keys()
    assert "--normalize nfc" in plain.report["findings"][0]["detail"]

    first = project.push("--normalize", "nfc")
    assert {"scanned": 3, "listed": 3, "new": 1, "unchanged": 2, "uploaded": 1, "orphans": 1} == first.counts, first
    assert b"one" == listed(s3, bucket)[f"media/{NFC}/{NFC}.jpg"]
    assert [] == first.report["findings"]
    assert "orphan" == first.item(f"{NFD}/{NFD}.jpg")["action"]

    again = project.push("--normalize", "nfc", "--delete")
    assert {"scanned": 3, "listed": 4, "unchanged": 3, "orphans": 1} == again.counts, again
    assert 4 == len(listed(s3, bucket))

    (project.media / NFD / f"{NFD}.jpg").unlink()
    gone = project.push("--normalize", "nfc", "--delete")
    assert {"scanned": 2, "listed": 4, "unchanged": 2, "deleted": 1, "orphans": 1} == gone.counts, gone
    assert {f"media/{NFD}/{NFD}.jpg", "media/a.jpg", "media/z.jpg"} == listed(s3, bucket).keys()


@ON_MOTO
def test_what_a_user_has_uploaded_is_met(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """The rows say NFC, and so does the object: equal, newer, or to be replaced, as any other"""
    project.configure(server=proxy.server)
    s3.put_object(Bucket=bucket, Key=f"media/{NFC}.txt", Body=b"same")
    project.write(f"{NFD}.txt", b"same", age=60)
    first = project.push("--normalize", "nfc")
    assert {"scanned": 1, "listed": 1, "unchanged": 1} == first.counts, first
    assert {"ListObjectsV2": 1} == dict(proxy.count())

    project.write(f"{NFD}.txt", b"changed")
    second = project.push("--normalize", "nfc", "--prefix", NFD, "--include", f"{NFD}*")
    assert {"scanned": 1, "listed": 1, "changed": 1, "uploaded": 1} == second.counts, second
    assert {f"media/{NFC}.txt": b"changed"} == listed(s3, bucket)


@ON_MOTO
def test_two_forms_of_one_name(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --normalize nfc: neither is sent, and the message lets them be told apart"""
    project.write(f"{NFD}.txt", b"one", age=60)
    project.write(f"{NFC}.txt", b"two", age=60)
    project.write("b.txt", b"three", age=60)

    result = project.push("--normalize", "nfc")

    assert (4, 2, 1) == (result.code, result.counts["failed"], result.counts["uploaded"]), result
    assert ["media/b.txt"] == list(listed(s3, bucket))
    assert {"KeyCollision"} == {item["error"]["code"] for item in result.report["items"]}
    assert r"cafe\u0301.txt'" in result.report["items"][0]["error"]["hint"]
    assert r"caf\xe9.txt'" in result.report["items"][0]["error"]["hint"]


@ON_MOTO
def test_names_of_a_list(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media --files-from list --normalize nfc: the names are the disk's, the keys are composed"""
    project.configure(server=proxy.server)
    project.write(f"{NFD}/{NFD}.jpg", b"one", age=60)
    (project.root / "list").write_text(f"{NFD}/{NFD}.jpg\n", encoding="utf-8")

    result = project.push("--normalize", "nfc", "--files-from", str(project.root / "list"), "--prefix", NFD)

    assert (0, {"scanned": 1, "new": 1, "uploaded": 1}) == (result.code, result.counts), result
    assert {f"media/{NFC}/{NFC}.jpg": b"one"} == listed(s3, bucket)

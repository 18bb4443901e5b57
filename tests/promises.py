"""What holds after any run, whatever went wrong on the way: the promises, as one function."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tests.project import Result
from tests.servers import Server

UNSAID = ("Traceback", "X-Amz-Signature", "Signature=", "Authorization:", "x-amz-security-token")


def stored(s3: Any, bucket: str) -> dict[str, bytes]:
    """Key -> content of everything in the bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def unfinished(s3: Any, bucket: str) -> list[str]:
    """Keys of uploads in parts that nobody has completed or aborted."""
    return [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]


def in_short(result: Result) -> str:
    """A run, without what went well."""
    if result.report is None:
        return str(result)
    items = [item for item in result.report["items"] if item["result"] != "done"]
    facts = {name: result.report[name] for name in ("status", "engine", "conditional", "error", "findings")}
    return f"exit {result.code}, {result.counts}, {facts}, {items[:8]}\n--- stderr\n{result.stderr[-3000:]}"


def hold_after(
    result: Result, s3: Any, bucket: str, server: Server, *, files: Mapping[str, bytes],
    before: Mapping[str, bytes], theirs: Mapping[str, bytes] | None = None, may_go: Collection[str] = (),
    codes: Collection[int] = (0,),
) -> dict[str, bytes]:  # fmt: skip
    """Asserts it of a run with `-v 2 --format json`; gives what the bucket holds now.

    `files`: what the run was to store, by key. `before`: what the bucket held. `theirs`: what is nobody's to change.
    `may_go`: keys that the run was to delete.
    """
    after = stored(s3, bucket)
    _nothing_is_lost(result, after, files, before, theirs or {}, may_go)
    _nothing_is_claimed_in_vain(result, after, files, may_go)
    assert result.code in codes, in_short(result)
    assert result.report["exit_code"] == result.code, in_short(result)
    for word in (*UNSAID, server.secret_key):
        assert word not in result.stdout + result.stderr, in_short(result)
    assert [] == (left := unfinished(s3, bucket)), (left, in_short(result))
    return after


def _nothing_is_lost(
    result: Result, after: Mapping[str, bytes], files: Mapping[str, bytes], before: Mapping[str, bytes],
    theirs: Mapping[str, bytes], may_go: Collection[str],
) -> None:  # fmt: skip
    assert dict(theirs) == {key: after.get(key) for key in theirs}, in_short(result)
    for key in before.keys() - after.keys():
        assert key in may_go, (key, in_short(result))
    for key, content in after.items():
        # Old or new, whole: never a part of either, or of something else.
        allowed = [held[key] for held in (before, files, theirs) if key in held]
        assert content in allowed, (key, len(content), content[:60], in_short(result))


def _nothing_is_claimed_in_vain(
    result: Result, after: Mapping[str, bytes], files: Mapping[str, bytes], may_go: Collection[str]
) -> None:
    report = result.report
    assert report is not None, in_short(result)
    done = [item for item in report["items"] if item["result"] == "done"]
    uploaded = [item["key"] for item in done if item["action"] == "upload"]
    assert report["counts"]["uploaded"] == len(uploaded) == len(set(uploaded)), in_short(result)
    for key in uploaded:
        assert files[key] == after.get(key), (key, in_short(result))
    for item in done:
        assert item["action"] != "delete" or item["key"] not in after, (item, in_short(result))
    failed = [item for item in report["items"] if item["result"] == "failed"]
    for item in failed:
        assert item["error"]["code"], (item, in_short(result))
        assert item["error"]["hint"], (item, in_short(result))
    missing = {key for key, content in files.items() if after.get(key) != content}
    left = set(may_go) & after.keys() if report["counts"]["deleted"] else set()
    unexplained = (missing | left) - {item["key"] for item in failed}
    if result.code == 0:
        assert set() == missing | set(left), in_short(result)
        assert [] == failed, in_short(result)
    elif result.code == 4:
        assert failed, in_short(result)
        assert len(unexplained) <= report["counts"]["not_tried"] + len(left), (unexplained, in_short(result))
    elif result.code == 1:
        assert report["error"]["code"], in_short(result)
        assert report["error"]["hint"], in_short(result)

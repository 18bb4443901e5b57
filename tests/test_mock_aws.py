"""Projects that test inside moto's `mock_aws`: a hook answers there, and no request comes near a wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.management import call_command
from django.test import override_settings
from moto import mock_aws

from tests.project import S3_STORAGE

NAMES = ("a b+é.txt", "b/%2F.txt", "c.css")


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client within it; the bucket `acme` is there, and the project's files are to go to it."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("S3SYNC_STATE_DIR", str(tmp_path / "state"))
    for name in NAMES:
        (tmp_path / "media" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "media" / name).write_text(name)
    storage = {"BACKEND": S3_STORAGE, "OPTIONS": {"bucket_name": "acme", "region_name": "us-east-1"}}
    with mock_aws(), override_settings(STORAGES={"default": storage}, MEDIA_ROOT=str(tmp_path / "media")):
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="acme")
        yield client


def run(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, int]:
    """The report's counts, without zeros."""
    call_command(*command, format="json")
    return {name: count for name, count in json.loads(capsys.readouterr().out)["counts"].items() if count}


def content(s3: Any) -> dict[str, str]:
    """Key -> what is stored."""
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="acme")["Contents"]]
    return {key: s3.get_object(Bucket="acme", Key=key)["Body"].read().decode() for key in keys}


def test_push(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """s3_push_media, twice: our probes are no requests, and the listing is read as botocore has parsed it"""
    assert {"scanned": 3, "new": 3, "uploaded": 3} == run(capsys, "s3_push_media")
    assert {name: name for name in NAMES} == content(s3)
    assert {"scanned": 3, "listed": 3, "unchanged": 3} == run(capsys, "s3_push_media")


def test_pull(s3: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """s3_pull_media"""
    run(capsys, "s3_push_media")
    (tmp_path / "media" / "c.css").unlink()

    run(capsys, "s3_pull_media")
    assert "c.css" == (tmp_path / "media" / "c.css").read_text()


def test_pages(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """s3_push_media: more objects than a page has"""
    for number in range(1001):
        s3.put_object(Bucket="acme", Key=f"{number:04}", Body=b"")
    assert {"scanned": 3, "listed": 1001, "new": 3, "uploaded": 3, "orphans": 1001} == run(capsys, "s3_push_media")

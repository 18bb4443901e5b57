"""The checks of `CutoverStorage`: what its old place has to be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from storages.backends.s3 import S3Storage

from s3sync.storages import CutoverMixin
from tests.test_checks import LOCAL_STATIC, _no_network, found, s3

__all__ = ["_no_network"]  # a fixture: here, too, nothing may connect

CUTOVER = "s3sync.storages.CutoverStorage"


class OwnCutover(CutoverMixin, S3Storage):
    """A project's own, which takes no options."""

    bucket_name = "acme"
    local_url = "/old/"

    def __init__(self) -> None:
        super().__init__()


def ids_of(root: Path | str, url: str = "/media/", /, backend: str = CUTOVER, **options: Any) -> list[str]:
    """The ids of what is said of a CutoverStorage with these options, where MEDIA_ROOT is `root`."""
    storages = {"default": s3(backend, location="media", **options), "staticfiles": {"BACKEND": LOCAL_STATIC}}
    return [check for check, _, _ in found(STORAGES=storages, MEDIA_ROOT=root, MEDIA_URL=url)]


def test_an_old_place_that_can_be_used(tmp_path: Path) -> None:
    """MEDIA_ROOT; local as a folder, an entry, another kind of storage; a class of one's own; the ready-made one."""
    assert [] == ids_of(tmp_path)
    assert [] == ids_of("", local=tmp_path, local_url="https://www.example.com/media/")
    assert [] == ids_of("", "", local={"OPTIONS": {"location": str(tmp_path), "base_url": "/media/"}})
    assert [] == ids_of("", "", local={"BACKEND": "django.core.files.storage.InMemoryStorage"})
    assert [] == ids_of(tmp_path, "https://acme.s3.amazonaws.com/", url_from="s3")
    assert [] == ids_of(tmp_path, backend="s3sync.storages.MediaCutoverStorage")
    own = {"default": {"BACKEND": f"{__name__}.OwnCutover"}, "staticfiles": {"BACKEND": LOCAL_STATIC}}
    assert [] == found(STORAGES=own, MEDIA_ROOT=tmp_path, MEDIA_URL="")
    assert ["s3sync.E041"] == [check for check, _, _ in found(STORAGES=own, MEDIA_ROOT="", MEDIA_URL="")]


def test_an_old_place_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No MEDIA_ROOT; a folder that is not there, is a file, or can't be written to"""
    (tmp_path / "file").touch()
    assert ["s3sync.E041"] == ids_of("")
    assert ["s3sync.W042"] == ids_of(tmp_path / "absent")
    assert ["s3sync.W042"] == ids_of(tmp_path, local=str(tmp_path / "file"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # whoever runs this may be root
    assert ["s3sync.W043"] == ids_of(tmp_path)
    assert ["s3sync.W043"] == ids_of(tmp_path, write_to_local=True)


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("", {}, True), ("https://acme.s3.eu-west-1.amazonaws.com/media/", {}, True),
        ("https://cdn.example.com/media/", {"custom_domain": "cdn.example.com"}, True),
        ("https://minio.example.com/acme/", {"endpoint_url": "https://minio.example.com"}, True),
        ("https://acme.minio.example.com/", {"endpoint_url": "https://minio.example.com"}, True),
        ("https://acme.s3.amazonaws.com/", {"local_url": "/media/"}, False),
        ("https://www.example.com/media/", {"custom_domain": "cdn.example.com"}, False),
    ],
)  # fmt: skip
def test_addresses_of_the_old_place_lead_there(url: str, options: dict[str, Any], said: bool, tmp_path: Path) -> None:
    """MEDIA_URL that is empty, or S3's by now"""
    assert ["s3sync.W044"] * said == ids_of(tmp_path, url, **options)


def test_static_files_are_not_moved(tmp_path: Path) -> None:
    """CutoverStorage as `staticfiles`, and as what S3SYNC names; its hint is what to write"""
    storages = {"default": s3(location="media"), "staticfiles": s3(CUTOVER, querystring_auth=False)}
    storages["staticfiles"]["OPTIONS"]["location"] = "static"
    ((check, _, hint),) = found(STORAGES=storages, MEDIA_ROOT=tmp_path)
    assert "s3sync.E045" == check
    names: dict[str, Any] = {"STORAGES": {alias: dict(entry) for alias, entry in storages.items()}}
    exec(hint, names)
    assert [] == found(STORAGES=names["STORAGES"], MEDIA_ROOT=tmp_path)


def test_a_misspelt_name_is_set_right(tmp_path: Path) -> None:
    """s3sync.storages.CutoverStorge, s3sync.storage.MediaS3Storage"""
    for wrong, right in (
        ("s3sync.storages.CutoverStorge", "s3sync.storages.CutoverStorage"),
        ("s3sync.storage.MediaS3Storage", "s3sync.storages.MediaS3Storage"),
        ("s3sync.storages.S3StaticStorage", "s3sync.storages.StaticS3Storage"),
    ):
        ((check, _, hint),) = found(STORAGES={"default": s3(wrong)}, MEDIA_ROOT=tmp_path)
        assert ("s3sync.E003", f'"BACKEND": "{right}",') == (check, hint)


def test_options_that_can_not_be_meant(tmp_path: Path) -> None:
    """A misspelt option of ours is found as one of S3Storage is; a wrong value is told in the storage's own words"""
    for options, expected, words in (
        ({"write_local": True}, "s3sync.E010", "write_to_local"),
        ({"url_from": "both"}, "s3sync.W011", "'auto' or 's3' or 'local'"),
        ({"local": {"BACKEND": "no.such.Storage"}}, "s3sync.W011", "no.such.Storage"),
    ):
        storages = {"default": s3(CUTOVER, location="media", **options)}
        ((check, message, hint),) = found(STORAGES=storages, MEDIA_ROOT=tmp_path)
        assert expected == check
        assert words in message + hint

"""`S3SYNC["MEDIA"]`: several folders in one run of `s3_push_media`, with one report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.test import override_settings

from s3sync.checks import check_project
from s3sync.conf import conf
from s3sync.exceptions import ConfigurationError
from tests.project import S3_STORAGE, Project, s3_options
from tests.proxy import Proxy, Response
from tests.servers import ON_MOTO, ON_RGW_HTTPS, Server

ENTRIES = (("uploads", "default"), ("reports", "reports"), ("avatars", "avatars"))


def configure(project: Project, server: Server | None = None, entries: Any = ENTRIES, **options: Any) -> None:
    """Three folders beside `manage.py`, and three storages in one bucket; `options` are those of `reports`."""
    server = server or project.server
    media = [{"source": str(project.root / source), "storage": alias} for source, alias in entries]
    project.configure(
        server=server, settings=f"S3SYNC = {{'MEDIA': {media!r}}}",
        storages={
            alias: {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(server, project.bucket, location=alias) | more}
            for alias, more in (("reports", options), ("avatars", {}))
        },
    )  # fmt: skip


def fill(project: Project, *names: str) -> None:
    for name in names:
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def keys_in(s3: Any, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


@ON_RGW_HTTPS
def test_one_run_one_report(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --lock bucket -v 2, --delete, --storage; text, json and jsonl"""
    configure(project)
    fill(project, "uploads/a.txt", "uploads/b.txt", "reports/r.pdf", "avatars/ana.png")
    first = project.push("--lock", "bucket", "-v", "2")
    assert (0, 4, 4) == (first.code, first.counts["uploaded"], first.counts["new"]), first
    report = first.report
    assert [("default", "media/", 2), ("reports", "reports/", 1), ("avatars", "avatars/", 1)] == [
        (target["alias"], target["prefix"], target["counts"]["uploaded"]) for target in report["targets"]
    ]
    assert {(str(project.root / source), "ok", 0, bucket) for source, _ in ENTRIES} == {
        (target["source"], target["status"], target["exit_code"], target["bucket"]) for target in report["targets"]
    }
    assert ({None}, 3 + 3) == (set(report["target"].values()), report["requests"]["ListObjectsV2"])
    assert report["requests"]["PutObject"] == sum(target["requests"]["PutObject"] for target in report["targets"])
    assert {("a.txt", "default"), ("b.txt", "default"), ("r.pdf", "reports"), ("ana.png", "avatars")} == {
        (item["name"], item["alias"]) for item in report["items"]
    }
    files = ["avatars/ana.png", "media/a.txt", "media/b.txt", "reports/r.pdf"]
    assert files == [key for key in keys_in(s3, bucket) if ".s3sync" not in key]

    (project.root / "uploads/b.txt").unlink()
    text = project.run("s3_push_media", "--delete", "-v", "1")
    assert (0, "") == (text.code, text.stderr), text
    lines = text.stdout.splitlines()
    assert ["default", "reports", "avatars"] == [line.partition(" -> ")[0] for line in lines]
    assert "1 deleted" in lines[0]
    assert "deleted" not in lines[1] + lines[2]
    lines = project.run("s3_push_media", "--format", "jsonl", "-v", "3").lines
    assert [("a.txt", "default"), ("r.pdf", "reports"), ("ana.png", "avatars")] == [
        (line["name"], line["alias"]) for line in lines[:-1]
    ]

    one = project.push("--storage", "reports")
    assert ("reports", 1, 0) == (one.report["target"]["alias"], one.counts["unchanged"], one.code), one
    assert "targets" not in one.report


@ON_MOTO
def test_one_that_fails_does_not_stop_the_others(project: Project, proxy: Proxy, s3: Any, bucket: str) -> None:
    """s3_push_media, where one bucket is missing, one folder is gone, and one file is refused"""
    fill(project, "uploads/a.txt", "reports/r.pdf", "avatars/ana.png", "avatars/bob.png")
    configure(project, proxy.server, bucket_name="not-there")
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.key.endswith("bob.png") else None
    result = project.push()
    assert (1, "error", "NoSuchBucket") == (
        result.code, result.report["status"], result.report["error"]["code"]
    ), result  # fmt: skip
    assert [(0, "ok"), (1, "error"), (4, "failed")] == [
        (target["exit_code"], target["status"]) for target in result.report["targets"]
    ]
    assert {"uploaded": 2, "failed": 1} == {name: result.counts[name] for name in ("uploaded", "failed")}
    assert ["avatars/ana.png", "media/a.txt"] == keys_in(s3, bucket)

    shutil.rmtree(project.root / "uploads")
    text = project.run("s3_push_media")
    assert 1 == text.code
    assert "default: Cannot read " in text.stderr
    assert "reports: ListObjectsV2 on 'not-there' failed: NoSuchBucket" in text.stderr
    assert ["avatars"] == [line.partition(" -> ")[0] for line in text.stdout.splitlines()]
    assert text.stdout.endswith("[failed, exit 4]\n")
    proxy.rule = None
    deleting = project.push("--delete")
    assert (1, [5, 1, 0]) == (deleting.code, [target["exit_code"] for target in deleting.report["targets"]]), deleting

    configure(project, proxy.server)
    fill(project, "uploads/a.txt")
    assert 0 == project.push().code
    assert "" == project.run("s3_push_media", "-v", "0").stderr
    fill(project, "reports/new.pdf")
    assert (3, [0, 3, 0]) == (
        (checked := project.push("--check")).code, [target["exit_code"] for target in checked.report["targets"]]
    )  # fmt: skip


@ON_MOTO
def test_limits_are_those_of_the_whole_run(project: Project, proxy: Proxy) -> None:
    """s3_push_media --fail-fast, --max-errors 2, --max-duration"""
    configure(project, proxy.server)
    fill(project, "uploads/a.txt", "reports/r.pdf", "avatars/ana.png")
    proxy.rule = lambda request: Response(403, "AccessDenied") if request.operation == "PutObject" else None
    result = project.push("--fail-fast")
    assert (4, ["default"]) == (result.code, [target["alias"] for target in result.report["targets"]]), result
    assert "reports" in result.report["findings"][-1]["detail"]
    result = project.push("--max-errors", "2")
    assert (4, 2, 2) == (result.code, result.counts["failed"], len(result.report["targets"])), result
    proxy.rule = None
    result = project.push("--max-duration", "0s")
    assert (7, ["budget"]) == (result.code, [target["status"] for target in result.report["targets"]]), result


@ON_MOTO
def test_two_folders_in_one_place_keep_each_others_objects(project: Project, s3: Any, bucket: str) -> None:
    """s3_push_media --delete --max-delete 100%, of two sources with one location"""
    configure(project, entries=[("uploads", "default"), ("more", "default")])
    fill(project, "uploads/a.txt", "uploads/b.txt", "more/c.txt", "more/d.txt")
    project.push()
    (project.root / "more/c.txt").unlink()
    result = project.push("--delete", "--max-delete", "100%")
    assert (0, [0, 1]) == (result.code, [target["counts"]["deleted"] for target in result.report["targets"]]), result
    assert ["media/a.txt", "media/b.txt", "media/d.txt"] == keys_in(s3, bucket)


@ON_MOTO
def test_what_options_choose(project: Project, tmp_path: Path) -> None:
    """s3_push_media --storage, --source and --files-from beside the setting"""
    configure(project)
    fill(project, "uploads/a.txt", "reports/r.pdf", "avatars/ana.png", "other/o.txt")
    unknown = project.push("--storage", "staticfiles")
    assert (1, "NoSuchEntry") == (unknown.code, unknown.report["error"]["code"]), unknown
    named = project.push("--source", str(project.root / "reports"))
    assert (0, "reports") == (named.code, named.report["target"]["alias"]), named
    stray = project.push("--source", str(project.root / "other"))
    assert (1, "NoStorage") == (stray.code, stray.report["error"]["code"]), stray
    both = project.push("--source", str(project.root / "other"), "--storage", "avatars")
    assert (0, "avatars", 1) == (both.code, both.report["target"]["alias"], both.counts["uploaded"]), both
    (tmp_path / "names").write_text("ana.png\n")
    refused = project.push("--files-from", str(tmp_path / "names"))
    assert (2, True) == (refused.code, "--storage or --source" in refused.stderr), refused
    chosen = project.push("--files-from", str(tmp_path / "names"), "--storage", "avatars")
    assert (0, 1) == (chosen.code, chosen.counts["uploaded"]), chosen
    policy = project.run("s3_verify_acl", "--print-policy", "iam", "--for", "s3_push_media")
    resources = {statement["Resource"] for statement in json.loads(policy.stdout)["Statement"]}
    assert {f"arn:aws:s3:::{project.bucket}/{place}/*" for place in ("media", "reports", "avatars")} <= resources


# The setting


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("media", "write a list of dictionaries"), ([], "write a list of dictionaries"),
        ({"source": "/a", "storage": "b"}, "write a list of dictionaries"), (["/a"], "[0] is '/a'; write a dictionary"),
        ([{"source": "/a"}], "[0]['storage'] is None"), ([{"storage": "a"}], "[0]['source'] is None"),
        ([{"source": "/a", "storage": "b"}, {"sorce": "/a"}], "[1] is {'sorce': '/a'}; write 'source' instead of"),
        ([{"source": "/a", "storage": "b", "prefix": ""}], "write a source and a storage, and nothing else"),
        ([{"source": b"/a", "storage": "b"}], "['source'] is b'/a'"),
        ([{"source": "/a", "storage": ""}], "['storage'] is ''"),
    ],
)  # fmt: skip
def test_values_that_can_not_be_meant(written: object, said: str) -> None:
    """Each is said by the commands and by `manage.py check`."""
    with override_settings(S3SYNC={"MEDIA": written}):
        with pytest.raises(ConfigurationError) as raised:
            _ = conf.media
        assert said in str(raised.value)
        assert (raised.value.hint or "").startswith('"MEDIA": [{"source": BASE_DIR')
        assert ["s3sync.E005"] == [message.id for message in found()]


def found() -> list[CheckMessage]:
    """What the checks say of the setting, whatever else they say."""
    ids = ("s3sync.E005", "s3sync.W006", "s3sync.W007", "s3sync.W023", "s3sync.W031", "s3sync.W032", "s3sync.W033")
    return [message for message in check_project(None) if message.id in ids]


def storages(**locations: str) -> dict[str, Any]:
    return {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        **{
            alias: {"BACKEND": S3_STORAGE, "OPTIONS": {"bucket_name": "acme", "location": location}}
            for alias, location in locations.items()
        },
    }


@pytest.mark.parametrize(
    ("entries", "more", "expected"),
    [
        (["a:a", "b:b"], {}, []),
        (["a:a", "a:b"], {}, []),  # a mirror
        (["a:a", "b:a"], {}, ["W031"]),
        (["a:a", "b:twin"], {}, ["W031"]),
        (["a:a", "a/b:b"], {}, ["W032"]),
        (["a/b:a", "a:b"], {}, ["W032"]),
        (["a:nowhere"], {}, ["W007"]),
        (["a:a"], {"MEDIA_SOURCE": "/x", "MEDIA_STORAGE": "a"}, ["W033", "W033"]),
    ],
)
def test_checks(entries: list[str], more: dict[str, Any], expected: list[str], tmp_path: Path) -> None:
    """Entries are written source:storage."""
    pairs = [entry.split(":") for entry in entries]
    media = [{"source": tmp_path / source, "storage": alias} for source, alias in pairs]
    places = storages(a="a", b="b", twin="a")
    with override_settings(S3SYNC={"MEDIA": media, **more}, STORAGES=places, MEDIA_ROOT=tmp_path / "m"):
        assert [f"s3sync.{each}" for each in expected] == [message.id for message in found()]


@ON_MOTO
def test_the_doctor_goes_by_the_entries(project: Project) -> None:
    """s3_doctor, before the switch: MEDIA_URL is held against the storage that the folder is pushed to"""
    media = [{"source": str(project.media), "storage": "media_s3"}]
    project.configure(
        settings=f"S3SYNC = {{'MEDIA': {media!r}}}\nMEDIA_URL = 'https://cdn.example.com/uploads/'",
        storages={
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "media_s3": {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, project.bucket)},
        },
    )
    report = project.run("s3_doctor", "--format", "json").report
    (found,) = (item for item in report["items"] if item["id"] == "D30")
    assert ("warning", "media_s3") == (found["verdict"], found["alias"])

"""`s3_doctor`: the frame in which its checks hang, and whole ways from trouble to health."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.project import S3_STATIC, S3_STORAGE, Project, Result, s3_options
from tests.servers import ON_BOTH, ON_MOTO
from tests.test_checks_legacy import CLASSES, CUSTOM_CLASSES, legacy

SITE = 'ALLOWED_HOSTS = ["www.example.com"]'


def doctor(project: Project, *args: str, **how: Any) -> Result:
    return project.run("s3_doctor", "--format", "json", *args, **how)


def found(result: Result, *verdicts: str) -> list[str]:
    """Ids of what is not well, or of these verdicts."""
    wanted = verdicts or ("warning", "error", "unknown")
    return [item["id"] for item in result.report["items"] if item["verdict"] in wanted]


def item(result: Result, check: str) -> dict[str, Any]:
    """The first of this id that is not well."""
    return next(dict(each) for each in result.report["items"] if each["id"] == check and each["verdict"] != "ok")


def site(project: Project, **how: Any) -> None:
    """Private media and public static files, in one bucket."""
    static = {"BACKEND": S3_STATIC, "OPTIONS": s3_options(project.server, project.bucket, location="static")}
    project.configure(storages={"staticfiles": static}, settings=SITE, **how)


@ON_BOTH
def test_healthy_is_told_and_nothing_else(project: Project, bucket: str) -> None:
    """s3_create_bucket --update --no-input --cors; s3_doctor; s3_doctor -v 2; s3_doctor -v 0"""
    site(project)
    project.asset("a.css", '@font-face{font-family:a;src:url("a.woff2")}')
    project.asset("a.woff2", "font")
    made = project.run("s3_create_bucket", "--update", "--no-input", "--cors")
    assert 0 == made.code, made

    result = doctor(project)
    assert (0, "ok", []) == (result.code, result.report["status"], found(result)), result
    assert "s3sync.doctor/1" == result.report["schema"]
    assert {"ok"} == {each["verdict"] for each in result.report["items"]}
    assert result.report["verdicts"]["ok"] == len(result.report["items"])
    assert result.report["api_calls"] < 40

    text, every = project.run("s3_doctor"), project.run("s3_doctor", "-v", "2")
    assert 1 == len(text.stdout.splitlines()), text
    assert "OK D17 staticfiles:" in every.stdout
    quiet = project.run("s3_doctor", "-v", "0")
    assert (0, "", "") == (quiet.code, quiet.stdout, quiet.stderr)


@ON_MOTO
def test_trouble_comes_with_reason_and_remedy(project: Project, bucket: str) -> None:
    """s3_doctor; then what it says; s3_doctor"""
    site(project)
    project.asset("a.css", '@font-face{font-family:a;src:url("a.woff2")}')
    project.asset("a.woff2", "font")
    assert 0 == project.run("s3_create_bucket", "--update", "--no-input").code
    sick = project.run("s3_doctor")
    assert 0 == sick.code, "a warning alone fails nothing"
    (first, why, fix, last) = sick.stdout.splitlines()
    assert first.startswith("WARNING D17 staticfiles: no CORS rule")
    assert "a.woff2" in first
    assert why.startswith("  why: browsers refuse fonts")
    command = fix.removeprefix("  fix: python manage.py ")
    assert "1 warning" in last

    assert 0 == project.run(*command.split()).code
    assert "[" not in project.run("s3_doctor").stdout
    assert [] == found(doctor(project))


@ON_MOTO
def test_nothing_on_s3(project: Project) -> None:
    """s3_doctor, for a project that has no storage on S3; --storage of one that is not, or not there"""
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    project.configure(storages={"default": local})
    result = doctor(project)
    assert (1, "NotOnS3") == (result.code, result.report["error"]["code"])
    for alias in ("default", "nowhere"):
        result = doctor(project, "--storage", alias)
        assert (1, "NotOnS3") == (result.code, result.report["error"]["code"])
        assert alias in result.report["error"]["message"]


@ON_MOTO
def test_settings_of_a_tutorial_are_led_to_storages(project: Project, bucket: str) -> None:
    """s3_doctor, with DEFAULT_FILE_STORAGE and STATICFILES_STORAGE; then with what it says to paste"""
    legacy(project, CUSTOM_CLASSES, CLASSES)
    result = doctor(project)
    assert 1 == result.code
    told = item(result, "s3sync.E001")
    delete, _, paste = told["fix"].partition(":\n\n")
    assert "DEFAULT_FILE_STORAGE" in delete
    assert "Delete" in delete
    assert project.server.secret_key not in result.stdout
    path = project.root / "settings.py"
    settings = [line for line in path.read_text().splitlines() if "_STORAGE = " not in line]
    path.write_text("\n".join([*settings, paste, ""]))
    after = doctor(project)
    assert "s3sync.E001" not in found(after)
    assert {"default", "staticfiles"} <= {each["alias"] for each in after.report["items"]}


@ON_MOTO
def test_a_storage_that_can_not_be_made_keeps_no_other_from_being_looked_at(project: Project, bucket: str) -> None:
    """s3_doctor, with an option that is misspelt"""
    site(project, options={"bucket_nam": "b"})
    result = doctor(project)
    assert 3 == result.code, result
    assert {"D00", "s3sync.E010"} <= set(found(result, "error"))
    assert "staticfiles" in {each["alias"] for each in result.report["items"] if each["verdict"] == "ok"}


@ON_MOTO
def test_what_is_to_be_pasted_begins_at_the_margin(project: Project) -> None:
    """s3_doctor as text, with DEFAULT_FILE_STORAGE: whole lines can be copied"""
    legacy(project, CUSTOM_CLASSES, CLASSES)
    lines = project.run("s3_doctor").stdout.splitlines()
    (start, *_) = (number for number, line in enumerate(lines) if line.endswith("STORAGES = {"))
    paste = "\n".join(lines[start : lines.index("}", start) + 1])
    pasted: dict[str, Any] = {}
    exec(paste, pasted)
    assert {"default", "staticfiles"} == set(pasted["STORAGES"])


@ON_MOTO
def test_aws_settings_alone_and_what_is_spelt_wrong_in_them(project: Project, bucket: str) -> None:
    """s3_doctor, without OPTIONS, with the bucket in endpoint_url; with the line that it prints; with spoilt keys"""
    endpoint = project.server.endpoint_url

    def configure(more: str = "", **options: Any) -> None:
        aws = {
            "STORAGE_BUCKET_NAME": bucket, "S3_ENDPOINT_URL": f"{endpoint}/{bucket}", "ACCESS_KEY_ID": "testing",
            "SECRET_ACCESS_KEY": "testing", "S3_REGION_NAME": "us-east-1", "S3_ADDRESSING_STYLE": "path", **options,
        }  # fmt: skip
        project.configure(
            storages={"default": {"BACKEND": S3_STORAGE}},
            settings="".join(f"AWS_{name} = {value!r}\n" for name, value in aws.items()),
        )
        path = project.root / "settings.py"
        path.write_text(path.read_text() + more)

    configure()
    configure(item(doctor(project), "D02")["fix"])
    assert "D02" not in found(doctor(project))

    configure(S3_ENDPOINT_URL=endpoint, ACCESS_KEY_ID="testing\n")
    spoilt = doctor(project)
    assert ["D01"] == [each for each in found(spoilt) if each.startswith("D")]
    assert "a line break" in item(spoilt, "D01")["seen"]

    configure(
        S3_ENDPOINT_URL=endpoint,
        S3_OBJECT_PARAMETERS={"CacheControl": 86400, "Metadata": {"a": 5551234, "b": ["x\nq5551234"]}},
    )
    unsendable = item(doctor(project, "--write"), "D00")
    assert "object-parameters" == unsendable["title"]
    assert "5551234" not in unsendable["seen"]

    configure(S3_ENDPOINT_URL="http://127.0.0.1:99999")
    assert "endpoint_url" in item(doctor(project), "D02")["fix"]


@ON_MOTO
@pytest.mark.parametrize("args", [["--prune"], ["--format", "jsonl"]])
def test_wrong_options(project: Project, args: list[str]) -> None:
    """s3_doctor with options that it has not"""
    assert 2 == project.run("s3_doctor", *args).code


@ON_MOTO
def test_report_goes_to_a_file(project: Project, bucket: str) -> None:
    """s3_doctor --format json -o FILE"""
    path = project.root / "health.json"
    result = doctor(project, "-o", str(path))
    assert "" == result.stdout
    assert "s3_doctor" == json.loads(path.read_text())["command"]


@ON_MOTO
def test_one_storage_is_looked_at_beside_the_others(project: Project, bucket: str) -> None:
    """s3_doctor --storage default, with the location of public static files inside of its own"""
    site(project, options={"location": ""})
    assert 0 == project.run("s3_create_bucket", "--update", "--no-input").code
    alone = doctor(project, "--storage", "default")
    assert {"s3sync.W012", "D08"} == set(found(alone)), "what the policy opens is the other one's"
    assert not [each for each in alone.report["items"] if each["alias"] == "staticfiles"]
    assert [each for each in doctor(project).report["items"] if each["alias"] == "staticfiles"]

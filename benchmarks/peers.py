"""The tools: how each is told to use the null server, and started."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

INSTALLED = "installed"
"""In an environment that is complete, a file that names what was asked for."""
ROOT = Path(__file__).parents[1]
SETTINGS = """\
SECRET_KEY = "benchmark"
INSTALLED_APPS = [{app}"django.contrib.staticfiles"]
MEDIA_ROOT = {folder!r}
STATICFILES_DIRS = [{folder!r}]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
STATIC_URL = "/static/"
S3 = {{"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {{
    "bucket_name": {bucket!r}, "endpoint_url": {endpoint!r}, "access_key": "a", "secret_key": "b",
    "region_name": "us-east-1", "addressing_style": "path", "location": "media", {options}
}}}}
STORAGES = {{"default": S3, "staticfiles": S3}}
S3SYNC = {{"CSS": {{"URLS": "off"}}}}
# Of Collectfasta. Its own process has a cache that is empty at first, as each deploy's container has.
CACHES = {{"default": {{
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {{"MAX_ENTRIES": 1000000}},
}}}}
COLLECTFASTA_STRATEGY = "collectfasta.strategies.boto3.Boto3Strategy"
COLLECTFASTA_THREADS = {workers}
"""
UNSIGNED = (
    '"client_config": __import__("botocore.config").config.Config('
    's3={"addressing_style": "path", "payload_signing_enabled": False}),'
)
"""Over plain http botocore signs the SHA-256 of each body, unless told not to. `Content-MD5` goes all the same."""
AWS_CONFIG = """\
[default]
s3 =
  max_concurrent_requests = {workers}
  addressing_style = path
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What one run has to do."""

    folder: Path
    bucket: str
    endpoint: str
    certificate: Path | None
    scratch: Path
    """For settings, state and configuration; the same for all runs on one bucket."""
    workers: int = 0
    """0: the tool's own default."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One way of pushing a folder."""

    key: str
    title: str
    command: Callable[[Job], list[str]]
    environment: Callable[[Job], dict[str, str]]
    workers: Mapping[int, tuple[int, ...]]
    """By latency in ms: which numbers of workers are tried, of which the fastest is kept. Empty: its default."""
    compares: bool = True
    """Whether a second run asks what is there already."""
    stores: bool = True
    """Whether all files have to be in the bucket afterwards."""


def base_environment(job: Job) -> dict[str, str]:
    """No account can be reached from it, and no setting of the user's counts."""
    unwanted = ("AWS_", "DJANGO_", "RCLONE_", "S3SYNC_", "PYTHON", "SSL_CERT", "http", "HTTP", "no_proxy", "NO_PROXY")
    job.scratch.mkdir(parents=True, exist_ok=True)
    found = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    found |= {
        "HOME": str(job.scratch), "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(job.scratch / "aws"), "AWS_SHARED_CREDENTIALS_FILE": str(job.scratch / "none"),
        "NO_PROXY": "*",
    }  # fmt: skip
    if job.certificate:
        found |= {"AWS_CA_BUNDLE": str(job.certificate), "SSL_CERT_FILE": str(job.certificate)}
    return found


def django_environment(app: str, options: str = "") -> Callable[[Job], dict[str, str]]:
    """Of `django-admin` with a project of its own for each bucket; its settings are written as well."""

    def environment(job: Job) -> dict[str, str]:
        found = base_environment(job)
        text = SETTINGS.format(
            app=app, folder=str(job.folder), bucket=job.bucket, endpoint=job.endpoint, workers=job.workers or 16,
            options=options,
        )  # fmt: skip
        settings = job.scratch / "bench_settings.py"
        if not settings.exists() or settings.read_text() != text:
            settings.write_text(text)
        ours = [str(ROOT)] if "s3sync" in app else []
        return found | {
            "DJANGO_SETTINGS_MODULE": "bench_settings", "S3SYNC_STATE_DIR": str(job.scratch / "state"),
            "PYTHONPATH": os.pathsep.join([str(job.scratch), *ours]),
        }  # fmt: skip

    return environment


def aws_environment(job: Job) -> dict[str, str]:
    """Its number of requests at a time is known from a file only."""
    found = base_environment(job)
    (job.scratch / "aws").write_text(AWS_CONFIG.format(workers=job.workers or 10))
    return found


def rclone_environment(job: Job) -> dict[str, str]:
    """A remote `bench:`, from the environment."""
    remote = {
        "TYPE": "s3", "PROVIDER": "Other", "ENV_AUTH": "true", "ENDPOINT": job.endpoint, "REGION": "us-east-1",
        "FORCE_PATH_STYLE": "true",
    }  # fmt: skip
    found = base_environment(job)
    found.pop("AWS_CA_BUNDLE", None)  # it refuses to start with it; SSL_CERT_FILE says the same
    (job.scratch / "rclone.conf").touch()
    return found | {
        "RCLONE_CONFIG": str(job.scratch / "rclone.conf"),
        **{f"RCLONE_CONFIG_BENCH_{name}": value for name, value in remote.items()},
    }  # fmt: skip


def manage(python: str | Path, *arguments: str) -> list[str]:
    """`manage.py`, without the file."""
    return [str(python), "-m", "django", *arguments]


def of_us(python: str | Path, *arguments: str) -> Callable[[Job], list[str]]:
    """One of our commands."""
    return lambda job: manage(
        python, *arguments, "-v", "0", *(["--workers", str(job.workers)] if job.workers else [])
    )


def s5cmd(program: str, *words: str) -> Callable[[Job], list[str]]:
    """s5cmd copies or synchronizes a folder's content."""
    return lambda job: [
        program, "--endpoint-url", job.endpoint, "--log", "error",
        *(["--numworkers", str(job.workers)] if job.workers else []),
        *words, f"{job.folder}/", f"s3://{job.bucket}/media/",
    ]  # fmt: skip


def rclone(program: str, *options: str) -> Callable[[Job], list[str]]:
    """rclone copies what differs."""

    def command(job: Job) -> list[str]:
        number = ["--transfers", str(job.workers), "--checkers", str(job.workers)] if job.workers else []
        return [program, "copy", *options, *number, str(job.folder), f"bench:{job.bucket}/media"]

    return command


RCLONE_TUNED = (
    "--size-only", "--s3-no-head", "--s3-no-check-bucket", "--s3-disable-checksum", "--s3-upload-concurrency", "8",
    "--s3-chunk-size", "16M", "--buffer-size", "0",
)  # fmt: skip
"""Fewest requests and least work that the manual offers for pushing: no check after the upload, no MD5 for metadata."""
FEW_OR_MANY = {0: (16, 32, 64), 25: (64, 128, 256, 512)}
OURS = {0: (0, 64), 25: (0, 256)}


def python_of(base: Path, name: str) -> Path:
    """The Python of one of the benchmark's own environments."""
    return base / name / "bin/python"


def own_python(base: Path) -> Path:
    """The Python with what this project needs and nothing else; this one, until it is installed."""
    return python_of(base, "own") if (base / "own" / INSTALLED).exists() else Path(sys.executable)


def s5cmd_program(base: Path) -> str | None:
    """The program itself, as what the package puts into `bin` is a script that starts Python first."""
    found = next(iter((base / "django").glob("lib/python*/site-packages/s5cmd/bin/s5cmd")), None)
    return str(found) if found else shutil.which("s5cmd")


def tools(base: Path) -> dict[str, Tool]:
    """All of them, whether they are installed or not."""
    own = django_environment('"s3sync", ')
    plain, fasta = django_environment(""), django_environment('"collectfasta", ')
    s5, rc = s5cmd_program(base) or "s5cmd", shutil.which("rclone") or "rclone"
    collect, python = ["collectstatic", "--no-input", "-v", "0"], own_python(base)
    collectfasta = manage(python_of(base, "django"), *collect)
    found = [
        Tool("ours", "s3_push_media", of_us(python, "s3_push_media", "--engine", "fast"), own, OURS),
        Tool("ours-unsigned", "s3_push_media, bodies not signed", of_us(python, "s3_push_media", "--engine", "fast"),
             django_environment('"s3sync", ', UNSIGNED), OURS),
        Tool("ours-boto3", "s3_push_media --engine boto3", of_us(python, "s3_push_media", "--engine", "boto3"), own,
             {}),
        Tool("ours-static", "collectstatic --s3", of_us(python, "collectstatic", "--s3", "--no-input"), own, OURS),
        Tool("collectstatic", "collectstatic on S3Storage", lambda _: manage(python, *collect), plain, {}),
        Tool("collectfasta-16", "Collectfasta, 16 threads", lambda _: collectfasta, fasta, {0: (16,), 25: (16,)}),
        Tool("collectfasta-32", "Collectfasta, 32 threads", lambda _: collectfasta, fasta, {0: (32,), 25: (32,)}),
        Tool("aws", "aws s3 sync", lambda job: [
            str(base / "aws/bin/aws"), "--endpoint-url", job.endpoint, "s3", "sync", "--only-show-errors",
            str(job.folder), f"s3://{job.bucket}/media/",
        ], aws_environment, {0: (16,), 25: (32,)}),
        Tool("s5cmd-cp", "s5cmd cp", s5cmd(s5, "cp"), base_environment, FEW_OR_MANY, compares=False),
        Tool("s5cmd-sync", "s5cmd sync", s5cmd(s5, "sync"), base_environment, FEW_OR_MANY),
        Tool("rclone", "rclone copy, tuned", rclone(rc, *RCLONE_TUNED), rclone_environment, FEW_OR_MANY),
        Tool("rclone-default", "rclone copy", rclone(rc), rclone_environment, {}),
        Tool("check", "manage.py check", lambda _: manage(python, "check"), own, {}, stores=False),
        Tool("floor", "a C client", lambda job: [
            str(base / "floor"), job.endpoint.rsplit(":", 1)[1], job.bucket, "media", str(job.folder),
            str(job.workers or 4),
        ], base_environment, {0: (4,), 25: (64,)}, compares=False),
        Tool("engine", "the fast engine alone", lambda job: [
            sys.executable, "-m", "benchmarks.engine", job.endpoint, job.bucket, str(job.folder),
        ], own, {}, compares=False),
    ]  # fmt: skip
    return {tool.key: tool for tool in found}


def missing(tool: Tool, base: Path) -> str:
    """Why a tool can't be run here; empty if it can."""
    job = Job(base, "b", "http://127.0.0.1:1", None, base)
    program = tool.command(job)[0]
    if not shutil.which(program):
        return f"{Path(program).name} is not there"
    if "collectfasta" in tool.key and not list((base / "django").glob("lib/python*/site-packages/collectfasta")):
        return "collectfasta is not installed"
    return ""

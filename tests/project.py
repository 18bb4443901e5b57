"""A small Django project on the disk, and its `manage.py` run as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import s3sync
from tests import zygote
from tests.servers import Server

S3_STORAGE = "storages.backends.s3.S3Storage"
S3_STATIC = "storages.backends.s3.S3StaticStorage"
S3_MANIFEST = "storages.backends.s3.S3ManifestStaticStorage"

MANAGE = """\
import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""

SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "not a secret"
USE_TZ = True
INSTALLED_APPS = ["s3sync", "django.contrib.contenttypes", "django.contrib.staticfiles"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
STATIC_ROOT = BASE_DIR / "static_root"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "assets"]
"""


class Code(str):
    """Python source that stands in the settings as it is: `Code("Config(max_pool_connections=2)")`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended and what it said."""

    code: int
    stdout: str
    stderr: str
    report: Any = None
    """The JSON of standard output (its last line, for `--format jsonl`); None where it is no JSON."""
    lines: tuple[Any, ...] = ()
    """Every line of standard output, where each one is JSON."""

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"

    @property
    def counts(self) -> dict[str, int]:
        """The report's counts that are not zero."""
        return {name: count for name, count in self.report["counts"].items() if count}

    def item(self, name: str) -> dict[str, Any]:
        """The report's only item of this name."""
        (item,) = (item for item in self.report["items"] if item["name"] == name)
        return dict(item)


def s3_options(server: Server, bucket: str, **options: Any) -> dict[str, Any]:
    """`OPTIONS` of an `S3Storage` for this bucket; `options` come on top."""
    plain: dict[str, Any] = {
        "bucket_name": bucket,
        "endpoint_url": server.endpoint_url,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "region_name": server.region,
        "addressing_style": "path",
        "location": "media",
    }
    if server.ca:
        plain["verify"] = str(server.ca)
    return plain | options


class Project:
    """A project whose `default` storage is `bucket` on `server`, under `media/`.

    Folders: `media` is `MEDIA_ROOT`, `assets` is in `STATICFILES_DIRS`, `state` is the state directory.
    """

    def __init__(self, root: Path, server: Server, bucket: str) -> None:
        self.root = root
        self.media = root / "media"
        self.assets = root / "assets"
        self.state = root / "state"
        self.server = server
        self.bucket = bucket
        self.env: dict[str, str | None] = {}
        """What every run gets in its environment; None takes a variable away."""
        self.fresh = False
        """Whether runs start from nothing, as a user's do, and not from the zygote, which saves most of a second."""
        for folder in (root, self.media, self.assets):
            folder.mkdir(parents=True, exist_ok=True)
        (root / "manage.py").write_text(MANAGE)
        self.configure()

    def configure(
        self,
        *,
        server: Server | None = None,
        bucket: str | None = None,
        backend: str = S3_STORAGE,
        options: Mapping[str, Any] | None = None,
        storages: Mapping[str, Any] | None = None,
        settings: str = "",
        backends: str = "",
    ) -> None:
        """Write the settings anew, from the defaults and these changes.

        `server` and `bucket` stay for later calls. `backend` and `options` are those of `default`; an option may be
        `Code`. `storages` adds or replaces whole aliases. `settings` is source that follows Django's own settings and
        comes before `STORAGES`, so that it can import what `Code` names; to override `STORAGES` itself, use `storages`.
        `backends` is the source of a module of that name, for storage classes: `backend="backends.PrivateMedia"`.
        """
        self.server = server or self.server
        self.bucket = bucket or self.bucket
        aliases = {
            "default": {"BACKEND": backend, "OPTIONS": s3_options(self.server, self.bucket, **(options or {}))},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
            **(storages or {}),
        }
        (self.root / "settings.py").write_text(f"{SETTINGS}\n{settings}\n\nSTORAGES = {aliases!r}\n")
        (self.root / "backends.py").write_text(backends)
        # Bytecode of the same second and length would pass for that of the new source.
        shutil.rmtree(self.root / "__pycache__", ignore_errors=True)

    def write(self, name: str | bytes, content: bytes = b"", *, age: float = 0) -> Path:
        """Write a media file, last modified `age` seconds ago."""
        path = self.media / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if age:
            os.utime(path, times=(time.time() - age,) * 2)
        return path

    def fill(self, count: int, *, size: int = 20, folder: str = "many") -> list[str]:
        """Write `count` media files of `size` bytes, no two alike, a hundred to a folder; return their names."""
        names = [f"{folder}/{number // 100:04}/{number:06}.bin" for number in range(count)]
        for number, name in enumerate(names):
            self.write(name, b"%020d" % number + b"." * (size - 20))
        return names

    def push(self, *args: str, **how: Any) -> Result:
        """Run `s3_push_media --format json` with these arguments."""
        return self.run("s3_push_media", "--format", "json", *args, **how)

    def asset(self, name: str, content: bytes | str = b"") -> Path:
        """Write a file into the folder that is in `STATICFILES_DIRS`."""
        path = self.assets / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def configure_static(
        self, backend: str = S3_STATIC, /, *, settings: str = "", backends: str = "", **how: Any
    ) -> None:
        """Write the settings anew, with `staticfiles` on S3 under `static/`; `how` are further OPTIONS of it."""
        options = s3_options(self.server, self.bucket, location="static") | how
        self.configure(
            storages={"staticfiles": {"BACKEND": backend, "OPTIONS": options}}, settings=settings, backends=backends
        )

    def collect(self, *args: str, **how: Any) -> Result:
        """Run `collectstatic --s3 --no-input --format json` with these arguments."""
        return self.run("collectstatic", "--s3", "--no-input", "--format", "json", *args, **how)

    def run(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        timeout: float = 120,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        fresh: bool | None = None,
    ) -> Result:
        """Run `manage.py` with these arguments to its end."""
        process = self.start(*args, env=env, stdin=stdin, fresh=fresh)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return read_result(process.returncode, stdout, stderr)

    def start(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        fresh: bool | None = None,
    ) -> subprocess.Popen[bytes] | zygote.Forked:
        """Start `manage.py` and return at once, for tests that send signals; see `finish`.

        `fresh` is for this run what `Project.fresh` is for all. It is also fresh where `env` changes what only a start
        reads, such as PYTHONIOENCODING.
        """
        command = ["manage.py", *args]
        how: dict[str, Any] = {
            "cwd": self.root, "env": self._environment(env or {}), "stdin": stdin, "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }  # fmt: skip
        forked = None
        if not (self.fresh if fresh is None else fresh):
            forked = zygote.start(command, usual=only_set(inherited()), **how)
        return forked or subprocess.Popen([sys.executable, *command], **how)

    def finish(self, process: subprocess.Popen[bytes] | zygote.Forked, timeout: float = 60) -> Result:
        """Wait for what `start` started."""
        stdout, stderr = process.communicate(timeout=timeout)
        return read_result(process.returncode, stdout, stderr)

    def _environment(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """What a run with these changes gets; its state stays in the project."""
        return only_set({**inherited(), "S3SYNC_STATE_DIR": str(self.state), **self.env, **changes})


def inherited() -> dict[str, str | None]:
    """This process's environment, which holds no AWS settings, with the package under test first on the path."""
    package = str(Path(s3sync.__file__).parents[1])
    return {**os.environ, "DJANGO_SETTINGS_MODULE": None, "PYTHONPATH": package}


def only_set(variables: Mapping[str, str | None]) -> dict[str, str]:
    """An environment without the variables that are to be taken away."""
    return {name: value for name, value in variables.items() if value is not None}


def read_result(code: int, stdout: bytes, stderr: bytes) -> Result:
    """Decode a finished command's output, and the JSON in it."""
    out, err = (stream.decode("utf-8", "backslashreplace") for stream in (stdout, stderr))
    try:
        report = json.loads(out)
        return Result(code, out, err, report, (report,))
    except ValueError:
        pass
    try:
        lines = tuple(json.loads(line) for line in out.splitlines())
    except ValueError:
        lines = ()
    return Result(code, out, err, lines[-1] if lines else None, lines)

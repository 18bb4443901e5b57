"""Keys in the source of settings: found where they are written, never printed, and nothing else is taken for one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from s3sync.checks.source import keys_in, starred_in, tree_of
from tests.test_checks import LOCAL_STATIC, S3, manage_check

BUCKET = 'AWS_STORAGE_BUCKET_NAME = "acme"\n'
STORAGES = f"""
STORAGES = {{
    "default": {{"BACKEND": "{S3}", "OPTIONS": {{"location": "media"}}}},
    "staticfiles": {{"BACKEND": "{LOCAL_STATIC}"}},
}}
"""
PLAIN = 'AWS_ACCESS_KEY_ID = "AKIAVERYOPEN"\nAWS_SECRET_ACCESS_KEY = "very-secret"\n'


def written(tmp_path: Path, source: str) -> list[tuple[str, int]]:
    """Name and line of what is found in a file of this source."""
    path = tmp_path / "written_settings.py"
    path.write_text(source)
    return [(key.name, key.line) for key in keys_in(path)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('AWS_SECRET_ACCESS_KEY = "x1"', ["AWS_SECRET_ACCESS_KEY"]),
        ('AWS_ACCESS_KEY_ID: str = "x1"', ["AWS_ACCESS_KEY_ID"]),
        ('AWS_S3_SECRET_ACCESS_KEY = b"x1"', ["AWS_S3_SECRET_ACCESS_KEY"]),
        ('AWS_SESSION_TOKEN = AWS_SECURITY_TOKEN = "x1"', ["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]),
        ('AWS_CLOUDFRONT_KEY = """-----BEGIN"""', ["AWS_CLOUDFRONT_KEY"]),
        ('DO_SPACES_SECRET_KEY = "x" "y"', ["DO_SPACES_SECRET_KEY"]),
        ('AWS_SECRET_ACCESS_KEY = "x" + "y"', ["AWS_SECRET_ACCESS_KEY"]),
        ('AWS_SECRET_ACCESS_KEY = f"x"', ["AWS_SECRET_ACCESS_KEY"]),
        ('key = "x1"\nAWS_SECRET_ACCESS_KEY = key', ["AWS_SECRET_ACCESS_KEY"]),
        ('import os\nos.environ["AWS_SECRET_ACCESS_KEY"] = "x1"', ["AWS_SECRET_ACCESS_KEY"]),
        ('import os\nos.environ.setdefault("AWS_SECRET_ACCESS_KEY", "x1")', ["AWS_SECRET_ACCESS_KEY"]),
        ('try:\n    if 1:\n        AWS_SECRET_KEY = "x1"\nfinally:\n    pass', ["AWS_SECRET_KEY"]),
        ('class Production:\n    AWS_SECRET_ACCESS_KEY = "x1"', ["AWS_SECRET_ACCESS_KEY"]),
        ('STORAGES = {"a": {"OPTIONS": {"access_key": "a", "secret_key": "b"}}}', ['"access_key"', '"secret_key"']),
        ('STORAGES = {"default": {"OPTIONS": dict(security_token="x1")}}', ['"security_token"']),
        ('STORAGES["default"]["OPTIONS"]["secret_key"] = "x1"', ['"secret_key"']),
        ('S3_OPTIONS = {"bucket_name": "b", "secret_key": "x1"}', ['"secret_key"']),
        ('key = "x1"\nOPTIONS = {"bucket_name": "b", "secret_key": key}', ['"secret_key"']),
        ('if 1:\n    STORAGES = {"a": {"OPTIONS": {"secret_key": "x1"}}}', ['"secret_key"']),
        ('AWS_S3_ENDPOINT_URL = "https://s3.example.com"\nAWS_SECRET_ACCESS_KEY = "x1"', ["AWS_SECRET_ACCESS_KEY"]),
    ],
)
def test_keys_that_are_written(source: str, expected: list[str], tmp_path: Path) -> None:
    """In every way that people write them."""
    assert sorted(expected) == sorted(name for name, _ in written(tmp_path, source))


@pytest.mark.parametrize(
    "source",
    [
        'AWS_SECRET_ACCESS_KEY = os.environ["AWS_SECRET_ACCESS_KEY"]',
        'AWS_SECRET_ACCESS_KEY = os.environ.get("AWS_SECRET_ACCESS_KEY", "x1")',
        'AWS_SECRET_ACCESS_KEY = config("AWS_SECRET_ACCESS_KEY", default="x1")',
        'AWS_SECRET_ACCESS_KEY = json.load(open("secrets.json"))["secret"]',
        'AWS_SECRET_ACCESS_KEY = Path("/run/secrets/key").read_text()',
        'AWS_SECRET_ACCESS_KEY = f"{secret}"',
        'AWS_SECRET_ACCESS_KEY = ""',
        "AWS_SECRET_ACCESS_KEY = None",
        "AWS_SECRET_ACCESS_KEY: str",
        'AWS_ACCESS_KEY_ID = AWS_SECRET_ACCESS_KEY = "testing"',
        'AWS_SECRET_NAME = "prod/django"\nAWS_SECRET_ARN = "arn:aws:x"\nAWS_SECRETS_MANAGER_REGION = "eu-west-1"',
        'AWS_CLOUDFRONT_KEY_ID = "K1"\nAWS_STORAGE_BUCKET_NAME = "acme"\nSECRET_KEY = "django"',
        'STORAGES = {"default": {"OPTIONS": {"secret_key": os.environ["KEY"], "access_key": KEY}}}',
        'SEARCH = {"secret_key": "x1"}',
        'AWS_S3_ENDPOINT_URL = "http://localhost:9000"\nAWS_SECRET_ACCESS_KEY = "x1"',
        'if DEBUG:\n    AWS_S3_ENDPOINT_URL = "http://minio:9000"\n    AWS_SECRET_ACCESS_KEY = "x1"',
        'STORAGES = {"a": {"OPTIONS": {"endpoint_url": "http://127.0.0.1:9000", "secret_key": "x1"}}}',
        'if DEBUG:\n    ENDPOINT = "http://minio:9000"\n    STORAGES = {"a": {"OPTIONS": {"secret_key": "x1"}}}',
        'key = os.environ["KEY"]\nif DEBUG:\n    key = "x1"\nAWS_SECRET_ACCESS_KEY = key',
        'def connect():\n    AWS_SECRET_ACCESS_KEY = "x1"',
        '# AWS_SECRET_ACCESS_KEY = "x1"',
        "this is no Python",
        "x = '\\0'",
        "match 1:\n    case 1:\n        pass",
    ],
)
def test_what_is_no_key_in_the_source(source: str, tmp_path: Path) -> None:
    """What comes from elsewhere, opens nothing, or belongs to a server on this machine."""
    assert written(tmp_path, source) == []


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A check never falls over a project's files."""
    (tmp_path / "latin.py").write_bytes(b"x = '\xe4'")
    assert keys_in(tmp_path / "latin.py") == keys_in(tmp_path / "none.py") == []


def test_modules_taken_over_whole(tmp_path: Path) -> None:
    """Relative and absolute, also within a try; named imports are of single things."""
    path = tmp_path / "a.py"
    path.write_text("from .base import *\nfrom x import y\nfrom .. import *\nif 1:\n    from local import *")
    assert {"config", "config.settings.base", "local"} == set(starred_in(tree_of(path), "config.settings"))
    assert starred_in(tree_of(path), "") == ["local"]


# -- as a user meets them ---------------------------------------------------------------------------------------------


def keys_said(result: subprocess.CompletedProcess[str]) -> str:
    """The one message about keys, its hint included; nothing of a key is in any output."""
    assert "very-" not in result.stdout + result.stderr
    assert "VERYOPEN" not in result.stdout + result.stderr
    messages = re.findall(r"\(s3sync\.W021\).*?\n\n(?=System|\?)", result.stderr, re.DOTALL)
    assert len(messages) <= 1
    return "".join(messages)


def test_keys_in_settings(tmp_path: Path) -> None:
    """File and line, and the text to paste; with that, keys from the environment, there is nothing left to say."""
    said = keys_said(manage_check(BUCKET + PLAIN + STORAGES, tmp_path))
    assert "AWS_ACCESS_KEY_ID in own_settings.py:5, AWS_SECRET_ACCESS_KEY in own_settings.py:6." in said
    paste = said.partition(":\n\n")[2]
    assert 'import os\nAWS_ACCESS_KEY_ID = os.environ["AWS_ACCESS_KEY_ID"]\n' in paste

    environment = 'import os\nos.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")\n'
    result = manage_check(f"{environment}{BUCKET}{paste.strip()}\n{STORAGES}", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_keys_in_modules_behind(tmp_path: Path) -> None:
    """Keys are found in what the settings take over, and not in what is installed or imported by name."""
    package = tmp_path / "conf"
    (package / "site-packages").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "base.py").write_text("from .deep import *\nfrom .base import *\n" + PLAIN)
    (package / "deep.py").write_text('\nAWS_SESSION_TOKEN = "very-token"\n')
    (package / "named.py").write_text('AWS_S3_SECRET_ACCESS_KEY = "very-secret"\n')
    (package / "site-packages" / "theirs.py").write_text(PLAIN)
    source = (
        f"import sys\nsys.path.append({str(package / 'site-packages')!r})\n"
        "from conf.base import *\nfrom theirs import *\nfrom conf.named import AWS_S3_SECRET_ACCESS_KEY\n"
    )
    said = keys_said(manage_check(source + BUCKET + STORAGES, tmp_path))
    assert re.findall(r"[\w/.-]+\.py:\d+", said) == ["conf/base.py:3", "conf/base.py:4", "conf/deep.py:2"]


def test_keys_of_this_machine(tmp_path: Path) -> None:
    """Where the storages really are is taken from the settings' values, wherever they come from."""
    endpoint = 'import os\nAWS_S3_ENDPOINT_URL = os.environ.get("NONE", "http://localhost:9000")'
    result = manage_check(f"{BUCKET}{PLAIN}{endpoint}{STORAGES}", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_keys_of_a_legacy_project(tmp_path: Path) -> None:
    """What is printed for the old settings holds no key either, and says where they are."""
    result = manage_check(f'{BUCKET}{PLAIN}DEFAULT_FILE_STORAGE = "{S3}"', tmp_path)
    assert "(s3sync.E001)" in result.stderr
    assert "own_settings.py:6" in keys_said(result)

"""A process that is there for one command looks for garbage rarely while it begins; one with a longer life does not."""

from __future__ import annotations

import pytest

from tests.project import S3_STATIC, Project
from tests.servers import ON_MOTO

PROGRAM = """\
import contextlib, gc, os, sys
from django.core import management
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
before, frozen = gc.get_threshold(), gc.get_freeze_count()
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
    if sys.argv[1] == "call":
        import django
        django.setup()
        management.call_command(*sys.argv[2:])
    else:
        management.execute_from_command_line(sys.argv)
import backends
print(backends.THEN == before, gc.get_threshold() == before, gc.get_freeze_count() > frozen)
"""
STORAGE = f"""
import gc
from {S3_STATIC.rpartition(".")[0]} import {S3_STATIC.rpartition(".")[2]}
class Storage({S3_STATIC.rpartition(".")[2]}):
    pass
THEN = gc.get_threshold()
"""
AS_BEFORE, OURS, WITHOUT_MANY = "True True False\n", "False True True\n", "False False False\n"


@ON_MOTO
@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["s3_push_media", "--storage", "staticfiles"], OURS),
        (["s3_pull_media", "--storage", "staticfiles"], OURS),
        (["s3_verify_acl", "--storage", "staticfiles"], WITHOUT_MANY),
        (["collectstatic", "--s3", "--no-input"], OURS),
        (["collectstatic", "--no-s3", "--no-input"], AS_BEFORE),
        (["call", "s3_push_media", "--storage", "staticfiles"], AS_BEFORE),
    ],
    ids=["push", "pull", "verify", "collect", "django's", "called"],
)
def test_whose_process(project: Project, args: list[str], expected: str) -> None:
    """What is imported would be looked through again and again otherwise, a tenth of a short command."""
    project.configure_static("backends.Storage", backends=STORAGE)
    project.fill(1)
    (project.root / "manage.py").write_text(PROGRAM)
    result = project.run(*args)
    assert expected == result.stdout, result

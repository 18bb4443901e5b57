"""A process that is there for one command looks for garbage rarely; one with a longer life goes on as it was."""

from __future__ import annotations

import pytest

from tests.project import S3_MANIFEST, Project
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
print(gc.isenabled(), gc.get_threshold() == before, gc.get_freeze_count() > frozen)
"""
AS_BEFORE, OURS = "True True False\n", "True False True\n"


@ON_MOTO
@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["s3_push_media"], OURS),
        (["s3_pull_media"], OURS),
        (["s3_verify_media"], OURS),
        (["collectstatic", "--s3", "--no-input"], OURS),
        (["collectstatic", "--no-s3", "--no-input"], AS_BEFORE),
        (["call", "s3_push_media"], AS_BEFORE),
    ],
    ids=["push", "pull", "verify", "collect", "django's", "called"],
)
def test_whose_process(project: Project, args: list[str], expected: str) -> None:
    """What Django and boto3 have made is looked through again and again otherwise, a tenth of a short command."""
    project.configure_static(S3_MANIFEST)
    project.fill(1)
    (project.root / "manage.py").write_text(PROGRAM)
    result = project.run(*args)
    assert expected == result.stdout, result

"""What the project's own code raises in `collectstatic --s3` and `s3_lint_css`: it is named, and no traceback."""

from __future__ import annotations

from typing import Any

import pytest

from tests.project import S3_MANIFEST, Project, Result
from tests.servers import ON_MOTO
from tests.test_static_push import keys, make_site

COMMANDS = ("collectstatic", "s3_collectstatic", "s3_lint_css")
RAISED = ["KeyError('oops')", "ZeroDivisionError('oops')", "OSError('oops')", "Own('oops')"]
OWN_ERROR = "class Own(Exception):\n    pass\n\n\n"

FINDERS = """
from django.contrib.staticfiles.finders import FileSystemFinder
from django.core.exceptions import ImproperlyConfigured


class Late(FileSystemFinder):
    def list(self, ignore_patterns):
        yield from super().list(ignore_patterns)
        raise {raised}


class Early(FileSystemFinder):
    def __init__(self, *args, **kwargs):
        raise {raised}


class NoFinder:
    pass
"""


def run(project: Project, command: str) -> Result:
    return project.run(command, "--no-input", "--format", "json", *["--s3"] * (command == "collectstatic"))


def check(result: Result, *words: str) -> None:
    """The run did not begin, and says whose fault it is."""
    assert 1 == result.code, result
    error = result.report["error"]
    assert "InternalError" != error["code"], result
    for word in words:
        assert word in error["message"], result
    assert error["hint"]
    assert "Traceback" not in result.stderr


def own_storage(project: Project, body: str) -> None:
    code = f"from storages.backends.s3 import S3ManifestStaticStorage\n\n\n{OWN_ERROR}"
    project.configure_static("backends.Mine", backends=f"{code}class Mine(S3ManifestStaticStorage):\n{body}")


@ON_MOTO
@pytest.mark.parametrize("raised", RAISED)
def test_post_process_raises(project: Project, s3: Any, bucket: str, raised: str) -> None:
    """collectstatic --s3 --no-input, where post_process() raises"""
    own_storage(project, f"    def post_process(self, *args, **kwargs):\n        raise {raised}\n")
    make_site(project)

    check(project.collect(), "Mine", raised.partition("(")[0], "oops")

    assert set() == keys(s3, bucket)


@ON_MOTO
@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("when", ["name == 'js/app.js.map'", "name == 'css/site.css'", "name is None"])
def test_file_hash_raises(project: Project, s3: Any, bucket: str, raised: str, when: str) -> None:
    """collectstatic --s3 --no-input, where file_hash() raises: for a file, for rewritten bytes, for the manifest"""
    own_storage(project, (
        "    def file_hash(self, name, content=None):\n"
        f"        if {when}:\n"
        f"            raise {raised}\n"
        "        return super().file_hash(name, content)\n"
    ))  # fmt: skip
    make_site(project)

    check(project.collect(), "Mine", raised.partition("(")[0], "oops")

    assert set() == keys(s3, bucket)


@ON_MOTO
def test_hashed_name_raises(project: Project) -> None:
    """collectstatic --s3 --no-input, where hashed_name() raises"""
    own_storage(project, "    def hashed_name(self, *args, **kwargs):\n        raise KeyError('oops')\n")
    make_site(project)

    check(project.collect(), "Mine", "KeyError", "oops")


@ON_MOTO
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("finder", ["Late", "Early"])
@pytest.mark.parametrize("raised", ["KeyError('oops')", "ImproperlyConfigured('oops')", "ImportError('oops')"])
def test_a_finder_raises(project: Project, s3: Any, bucket: str, command: str, finder: str, raised: str) -> None:
    """collectstatic --s3 | s3_collectstatic | s3_lint_css: a finder raises when it is made, or after some files"""
    (project.root / "finders.py").write_text(FINDERS.format(raised=raised))
    project.configure_static(settings=f"STATICFILES_FINDERS = ['finders.{finder}']")
    make_site(project)

    check(run(project, command), "Late" if finder == "Late" else "FINDERS", raised.partition("(")[0], "oops")

    assert set() == keys(s3, bucket)


@ON_MOTO
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ("STATICFILES_FINDERS = ['finders.NoFinder']", "NoFinder"),
        ("STATICFILES_FINDERS = ['finders.Nobody']", "Nobody"),
        ("STATICFILES_FINDERS = ['nowhere.Finder']", "nowhere"),
        ("STATICFILES_FINDERS = ['Finder']", "Finder"),
        ("STATICFILES_DIRS = [('a', 'b', 'c')]", "STATICFILES"),
    ],
)
def test_finders_that_can_not_be_used(project: Project, command: str, settings: str, word: str) -> None:
    """collectstatic --s3 | s3_collectstatic | s3_lint_css: STATICFILES_FINDERS can't be meant"""
    (project.root / "finders.py").write_text(FINDERS.format(raised="KeyError('oops')"))
    project.configure_static(settings=settings)

    check(run(project, command), word)


@ON_MOTO
@pytest.mark.parametrize(
    ("options", "when"),
    [
        (("--css-urls", "absolute"), "True"),
        (("--css-urls", "off", "--verify-css"), "self.querystring_auth"),
    ],
)
def test_addresses_raise(project: Project, options: tuple[str, ...], when: str) -> None:
    """collectstatic --s3 --css-urls absolute | off --verify-css, where url() raises"""
    project.configure_static("backends.Mine", backends=(
        "from storages.backends.s3 import S3Storage\n"
        "class Mine(S3Storage):\n"
        "    def url(self, *args, **kwargs):\n"
        f"        if {when}:\n"
        "            raise KeyError('oops')\n"
        "        return super().url(*args, **kwargs)\n"
    ))  # fmt: skip
    make_site(project)

    check(project.collect(*options), "Mine", "KeyError", "oops")


@ON_MOTO
@pytest.mark.parametrize("command", COMMANDS)
def test_a_finders_storage_raises(project: Project, command: str) -> None:
    """collectstatic --s3 | s3_collectstatic | s3_lint_css: a finder's storage has no paths and can't be opened"""
    (project.root / "finders.py").write_text(
        "from django.contrib.staticfiles.finders import BaseStorageFinder\n"
        "from django.core.files.storage import Storage\n"
        "class Far(Storage):\n"
        "    def listdir(self, path):\n"
        "        return [], ['a.css']\n"
        "    def open(self, name, mode='rb'):\n"
        "        raise KeyError('oops')\n"
        "class Finder(BaseStorageFinder):\n"
        "    storage = Far()\n"
    )
    project.configure_static(S3_MANIFEST, settings="STATICFILES_FINDERS = ['finders.Finder']")

    check(run(project, command), "Far", "KeyError", "oops")


@ON_MOTO
def test_djangos_own_way_raises_what_it_always_did(project: Project) -> None:
    """collectstatic --no-input: with a finder that can't be made"""
    (project.root / "finders.py").write_text(FINDERS.format(raised="KeyError('oops')"))
    project.configure(settings="STATICFILES_FINDERS = ['finders.Early']")

    result = project.run("collectstatic", "--no-input")

    assert 1 == result.code
    assert result.stderr.endswith("KeyError: 'oops'\n"), result

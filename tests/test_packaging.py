"""What holds for the source as a whole: who imports whom, how much goes into one file, what a release is called."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import s3sync

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "s3sync"
MODULES = sorted(PACKAGE.rglob("*.py"))
PURE = ("core", "access")
NOT_PURE = {"asyncio", "concurrent", "http", "multiprocessing", "socket", "sqlite3", "subprocess", "threading", "time"}
"""Of the standard library: clocks, threads and sockets."""


def imports(module: Path) -> Iterator[str]:
    """Every module that a module imports, wherever in it; relative ones resolved."""
    inside = ("s3sync", *module.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(inside[: len(inside) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, [base, node.module]))
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def rooms(*names: str) -> list[Path]:
    """The modules of these subpackages."""
    return [module for module in MODULES if module.relative_to(PACKAGE).parts[0] in names]


def test_imports_obey_the_contracts() -> None:
    """Rooms that import each other at will stop being rooms; the contracts are in setup.cfg."""
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    if not program.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("module", rooms(*PURE), ids=str)
def test_pure_rooms_import_only_the_standard_library(module: Path) -> None:
    """A list of what is forbidden, such as the contracts have, cannot name what somebody adds tomorrow."""
    found = {name.partition(".")[0] for name in imports(module)} - {"s3sync"}

    assert set() == found - sys.stdlib_module_names
    assert set() == found & NOT_PURE


@pytest.mark.parametrize(
    ("thing", "home"),
    [("django.conf.settings", "conf.py"), ("django.core.management.base.BaseCommand", "management")],
)
def test_one_door_to(thing: str, home: str) -> None:
    """Django's settings and Django's commands come in at one place each."""
    visitors = {module.relative_to(PACKAGE) for module in MODULES if thing in imports(module)}

    assert set() == {path for path in visitors if path.parts[0] != home}


@pytest.mark.parametrize(("folder", "limit"), [("", 320), ("management/commands", 80)])
def test_no_module_outgrows_one_head(folder: str, limit: int) -> None:
    """About 200 lines are the aim, this is the ceiling; a command only parses, calls and prints."""
    modules = (PACKAGE / folder).rglob("*.py")
    lengths = {str(module.relative_to(PACKAGE)): len(module.read_text().splitlines()) for module in modules}

    assert {} == {name: length for name, length in lengths.items() if length > limit}


def test_newest_release_in_the_changelog_is_this_version() -> None:
    """Whoever releases writes both; until the first release there is only an Unreleased section."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]

    assert headings
    assert s3sync.__version__ in released[:1] or not released

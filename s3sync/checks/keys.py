"""Check of keys that stand in the source of settings, where everybody who gets the code gets them too.

They are found in the syntax tree: what a call gives (`os.environ[...]`, `config(...)`, `json.load(...)`) comes from
elsewhere and is nobody's business here. No value is ever printed.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.core import checks

from s3sync.checks import ids
from s3sync.checks.source import keys_in, starred_in, tree_of
from s3sync.checks.transport import is_this_machine
from s3sync.conf import conf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from s3sync.checks.sites import Site

_INSTALLED: Final = ("site-packages", "dist-packages")


def check_keys(sites: list[Site]) -> list[checks.CheckMessage]:
    """One message that names every place; none where all storages are on this machine, whose keys protect nothing."""
    if _is_development(sites):
        return []
    found = [(path, key) for path in _settings_files() for key in keys_in(path)]
    if not found:
        return []
    places = ", ".join(f"{key.name} in {_shown(path)}:{key.line}" for path, key in found)
    lines = dict.fromkeys(key.hint for _, key in found)
    return [
        checks.Warning(
            f"Keys to S3 are written into the settings' source: {places}. Whoever reads the code can use them.",
            hint="Put them into the environment, and change the keys: what was committed stays readable. Instead of "
            "those lines:\n\nimport os\n" + "\n".join(lines),
            id=ids.KEY_IN_SOURCE,
        )
    ]


def _is_development(sites: list[Site]) -> bool:
    endpoints = [site.text("endpoint_url") for site in sites]
    if not sites:
        endpoints = [str(url or "") for url in conf.project_settings(["AWS_S3_ENDPOINT_URL"]).values()]
    return bool(endpoints) and all(map(is_this_machine, endpoints))


def _settings_files() -> Iterator[Path]:
    """The source of the settings module, and of what it takes over whole with `from x import *`, without doubles."""
    names = [str(name) for name in conf.project_settings(["SETTINGS_MODULE"]).values() if name]
    seen = set()
    while names:
        # Whoever has the settings has imported them all; one that failed and was caught has no part in them.
        module = sys.modules.get(names.pop(0))
        path = _source_of(module) if module is not None else None
        if module is None or path is None or path in seen:
            continue
        seen.add(path)
        yield path
        names += starred_in(tree_of(path), module.__package__ or "")


def _source_of(module: ModuleType) -> Path | None:
    """The file, if it is the project's own: nobody edits what is installed."""
    path = Path(getattr(module, "__file__", None) or "")
    library = sysconfig.get_path("stdlib")
    if path.suffix != ".py" or any(part in _INSTALLED for part in path.parts) or path.is_relative_to(library):
        return None
    return path


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative

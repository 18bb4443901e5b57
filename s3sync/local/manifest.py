"""Django's staticfiles.json, written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

from ..core.scope import HIDDEN

ARCHIVE = HIDDEN + "manifests/"
"""Copies of all manifests that were live once lie under this prefix."""
_VERSION = "1.1"


class BrokenManifest(Exception):
    """It is no manifest that Django would read."""


def manifest_of(paths: Mapping[str, str], file_hash: Callable[[bytes], str | None]) -> bytes:
    """The manifest's bytes, as ManifestFilesMixin.save_manifest writes them (Django 6; 5.2 does not sort the paths)."""
    items = sorted(paths.items())
    digest = file_hash(json.dumps(items).encode())
    return json.dumps({"paths": dict(items), "version": _VERSION, "hash": digest}).encode()


def paths_of(manifest: bytes) -> dict[str, str]:
    """Name -> hashed name. Raises BrokenManifest."""
    try:
        stored = json.loads(manifest)
        paths = stored["paths"] if stored.get("version") in ("1.0", "1.1") else None
    except (ValueError, KeyError, AttributeError) as error:
        raise BrokenManifest(str(error)) from error
    if not isinstance(paths, dict):
        raise BrokenManifest("it names no paths")
    return {str(name): str(stored_name) for name, stored_name in paths.items()}


def archived_name(manifest: bytes) -> str:
    """Where its copy is kept: one name for one content."""
    return f"{ARCHIVE}{hashlib.sha256(manifest).hexdigest()[:20]}.json"

"""`collectstatic --s3 --build`: a rendered collection goes into a folder, to be pushed by another run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..core.comparison import Action
from ..core.events import Failure, Finding, Outcome, Result
from ..core.objects import LocalFile
from ..core.plan import Passed
from ..exceptions import ConfigurationError
from ..local.build import BuildFolder, FileChanged, NotWritten
from ..local.rendering import Asset
from .failures import file_failure
from .manifests import Manifests
from .naming import some
from .phases import COPY, MANIFEST
from .render import Tree
from .run import Run

_CHANGED = Failure(
    "FileChanged", hint="run it again; the manifest was not written", message="gone, or changed since it was found"
)


def write_build(run: Run, tree: Tree, folder: Path, manifests: Manifests | None) -> None:
    """Writes the tree into a folder, the manifest last, but for what only a bucket needs.

    Raises ConfigurationError for a folder that can't be meant.
    """
    _check_folder(tree, folder)
    if manifests is not None:
        manifests.open()
    assets = {name: asset for name, asset in tree.assets.items() if asset.level != COPY}
    for each in tree.passed.values():
        _tell(run, each)
    run.report.counts["scanned"] = len(assets) + len(tree.passed)
    target = BuildFolder(folder)
    _write_all(run, target, assets)
    if manifests is not None and _goes_on(run):
        manifests.save()
    left = [] if run.stopping else target.strangers(assets)
    if left:
        run.emit(Finding("build-leftovers", "warning", (
            f"{len(left):,} files in {folder} are not of this build, and --from would push them too: {some(left)}."
        )))  # fmt: skip


def _check_folder(tree: Tree, folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(
            f"Nothing can be built in {str(folder)!r}: it is no folder.", code="BuildFolder",
            hint="name a folder with --build",
        )  # fmt: skip
    inside = os.path.realpath(folder) + os.sep
    if any(asset.file.path.startswith(inside) for asset in tree.assets.values()):
        raise ConfigurationError(
            f"The folder {str(folder)!r} is collected itself, so a build would go on for ever.", code="BuildFolder",
            hint="name a folder outside STATICFILES_DIRS with --build",
        )  # fmt: skip


def _write_all(run: Run, target: BuildFolder, assets: Mapping[str, Asset]) -> None:
    files = [asset.file for asset in assets.values() if asset.level != MANIFEST]
    manifest = [asset.file for asset in assets.values() if asset.level == MANIFEST]
    for file in files:
        _write(run, target, file)
    for file in manifest:
        if _goes_on(run):
            _write(run, target, file)
        else:
            run.report.counts["not_tried"] += 1


def _goes_on(run: Run) -> bool:
    """Whether all that the manifest names is there; a manifest that names more would break pages."""
    return not run.report.counts["failed"] and not run.stopping


def _write(run: Run, target: BuildFolder, file: LocalFile) -> None:
    if run.stopping:
        run.report.counts["not_tried"] += 1
        return
    try:
        if not run.options.dry_run:
            target.write(file)
    except FileChanged:
        _tell(run, Passed(file.name, failure=_CHANGED))
    except NotWritten as error:
        _tell(run, Passed(file.name, failure=Failure(
            "NotWritten", hint="make room for it in the folder, or name another one with --build", message=str(error)
        )))  # fmt: skip
    except OSError as error:
        _tell(run, Passed(file.name, failure=file_failure(file.name, error).failure or _CHANGED))
    else:
        run.report.counts["new"] += 1
        run.report.planned_bytes += file.size


def _tell(run: Run, passed: Passed) -> None:
    if passed.failure is None:
        run.emit(Outcome(passed.name, None, Action.SKIP, Result.SKIPPED, passed.reason))
    else:
        run.emit(Outcome(passed.name, None, Action.UPLOAD, Result.FAILED, error=passed.failure))

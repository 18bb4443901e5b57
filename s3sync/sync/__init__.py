"""The public Python API: composes the rooms. The only one that joins the file side and S3.

Its names are imported when somebody asks for them: they bring boto3, which a command need not wait for to begin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .push import Push
    from .run import Progress, PushOptions, Run, RunEnded, Watcher

__all__ = ["Progress", "Push", "PushOptions", "Run", "RunEnded", "Watcher"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(".push" if name == "Push" else ".run", __name__), name)

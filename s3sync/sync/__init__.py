"""The public Python API: composes the rooms. The only one that joins the file side and S3."""

from .push import Push
from .run import Progress, PushOptions, Run, RunEnded, Watcher

__all__ = ["Progress", "Push", "PushOptions", "Run", "RunEnded", "Watcher"]

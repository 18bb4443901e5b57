"""Bare interpreters that work beside this one: without `site`, and without what the project has imported.

The interpreter's lock lets one thread compute at a time. What such a process does, it leaves the other threads of this
one their time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def interpreter(module: str, *arguments: int, **how: Any) -> subprocess.Popen[bytes]:
    """Starts one that calls `main` of a module of ours; `how` is for Popen. Raises OSError.

    It finds nothing in the folder it starts in, which people may upload to; and it leaves no compiled modules behind.
    """
    if not os.path.basename(sys.executable or "").startswith("python") or getattr(sys, "frozen", False):
        raise OSError("this interpreter is built into another program")  # which would take our words for its own
    package = str(Path(__file__).parents[1])  # what is installed to be edited may be found by other ways than the path
    # Behind the standard library's: a project may have a module of such a name.
    paths = [path for path in (*sys.path, package) if isinstance(path, str) and os.path.isabs(path)]
    program = f"import sys; sys.path += {paths!r}; from {module} import main; main(*{arguments!r})"
    options = ["-I", "-S", "-B", "-X", f"utf8={sys.flags.utf8_mode}"]
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **how}
    return subprocess.Popen([sys.executable, *options, "-c", program], **how)


def processors() -> int:
    """Those that this process may use, where the system tells: with only one, another process helps nobody."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""One run of one tool: what it cost, what it asked of the server, and whether it did the work at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .data import Tree
from .peers import Job, Tool
from .servers import Server

LAUNCHER = Path(__file__).with_name("launcher.py")
LONGEST = 1800.0
"""Seconds after which a run is given up."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run. `why_not` is empty if it counts; a run that did not store everything has no time worth telling."""

    seconds: float
    cpu: float
    """Seconds of processor time, of all its processes."""
    peak: float
    """MiB of memory."""
    requests: dict[str, int]
    server_cpu: float
    load: float
    """The system's load average of the last minute, before the run."""
    why_not: str = ""
    said: str = ""
    """The end of its standard error."""

    def as_dict(self) -> dict[str, Any]:
        """As it is kept; what the tool has said is not, as it names this machine's files."""
        kept = {name: value for name, value in asdict(self).items() if name != "said"}
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in kept.items()}


def launch(command: list[str], environment: dict[str, str]) -> tuple[int, float, float, float, str]:
    """Exit code, seconds, seconds of processor time, peak MiB, the end of standard error."""
    program = shutil.which(command[0]) or command[0]
    reading, writing = os.pipe()
    with open(reading) as answer:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(writing), program, *command[1:]], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            pass_fds=(writing,), start_new_session=True,
        )  # fmt: skip
        os.close(writing)
        try:
            _, errors = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            end(process)
            return -1, LONGEST, 0.0, 0.0, f"not done after {LONGEST:.0f} s"
        except BaseException:
            end(process)
            raise
        found = answer.read().split()
    if len(found) != 4:
        return -1, 0.0, 0.0, 0.0, errors[-300:]
    return int(found[0]), float(found[1]), float(found[2]), float(found[3]) / 1024, errors.strip()[-300:]


def end(process: subprocess.Popen[str]) -> None:
    """Ends the launcher and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def measure(tool: Tool, job: Job, tree: Tree, server: Server, latency: float) -> Sample:
    """Runs it once. The files have just been read, and the server waits `latency` ms before each answer."""
    expected = tree.size()
    tree.read()
    server.ask("latency", ms=latency)
    server.ask("reset")
    before, load = server.ask("stats"), os.getloadavg()[0]
    code, seconds, cpu, peak, errors = launch(tool.command(job), tool.environment(job))
    stats, stored = server.ask("stats"), server.ask("count", bucket=job.bucket)
    server.ask("latency", ms=0)
    requests = {name: int(count) for name, count in stats.items() if count and name != "cpu"}
    why_not = ""
    if code:
        why_not = f"exit code {code}: {errors}"
    elif tool.stores and (int(stored["objects"]), int(stored["bytes"])) != expected:
        why_not = f"stored {stored['objects']:.0f} objects, {stored['bytes']:.0f} bytes of {expected[0]}, {expected[1]}"
    return Sample(seconds, cpu, peak, requests, stats["cpu"] - before["cpu"], load, why_not, errors)

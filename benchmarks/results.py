"""The figures, kept as JSON: one file for each start of the benchmark, written anew after each round."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .cases import Case
from .installing import versions
from .measure import Sample

Cases = dict[str, dict[str, Any]]


def machine() -> dict[str, Any]:
    """What it ran on."""
    processor = platform.processor() or platform.machine()
    memory = 0.0
    if Path("/proc/cpuinfo").exists():
        rows = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((row.partition(":")[2].strip() for row in rows if row.startswith("model name")), processor)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": processor, "cores": os.cpu_count(), "memory": round(memory), "system": platform.system(),
        "kernel": platform.release(),
    }  # fmt: skip


@dataclass(slots=True)
class Results:
    """What one start has measured so far."""

    path: Path
    about: dict[str, Any]
    cases: Cases = field(default_factory=dict)

    @classmethod
    def begin(cls, folder: Path, base: Path, troubles: list[str], note: str = "") -> Results:
        """Nothing yet."""
        now = datetime.now(timezone.utc)
        about = {
            "date": now.strftime("%Y-%m-%d"), "began": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "machine": machine(),
            "versions": versions(base), "missing": troubles, "note": note,
        }  # fmt: skip
        return cls(folder / f"{now:%Y%m%dT%H%M%SZ}.json", about)

    def add(self, case: Case, scenario: str, tool: str, sample: Sample, workers: int) -> None:
        """One run."""
        kept = self.cases.setdefault(case.name, {
            "work": case.work, "latency": case.latency, "tls": case.tls, "scenarios": {}, "not_run": {},
            "server": self.about.get("server", ""), "about": self.about["began"],
        })  # fmt: skip
        row = kept["scenarios"].setdefault(scenario, {}).setdefault(tool, {"workers": workers, "runs": []})
        row["runs"].append(sample.as_dict())

    def leave_out(self, case: Case, tool: str, why: str) -> None:
        """A tool that does not take part, or takes part no longer."""
        if case.name in self.cases:
            self.cases[case.name]["not_run"][tool] = why

    def save(self, case: Case, files: tuple[int, int]) -> None:
        """Writes all there is."""
        if case.name in self.cases:
            self.cases[case.name]["files"], self.cases[case.name]["bytes"] = files
        self.path.write_text(json.dumps({"about": self.about, "cases": self.cases}, indent=1) + "\n")

    @staticmethod
    def all(folder: Path) -> tuple[Cases, dict[str, Any]]:
        """Of each case the latest that is in the folder, and the latest `about`."""
        cases: Cases = {}
        about: dict[str, Any] = {}
        for path in sorted(folder.glob("*.json")):
            found = json.loads(path.read_text())
            cases |= found["cases"]
            about = found["about"]
        return cases, about


def valid(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs that count."""
    return [run for run in row["runs"] if not run["why_not"]]


def median(row: dict[str, Any] | None, what: str = "seconds") -> float | None:
    """Of the runs that count; None if there is none."""
    runs = valid(row) if row else []
    return statistics.median(run[what] for run in runs) if runs else None

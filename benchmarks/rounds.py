"""The rounds: each tool in turn, in each round, until there are enough runs for a median."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from .cases import CHANGED, DATA, FIRST, TITLES, UNCHANGED, Case
from .data import CannotMake, Tree, tree
from .measure import Sample, launch, measure
from .peers import Job, Tool, missing, tools
from .results import Results
from .servers import Server, compiled, null_server

SHARE = 0.01


class Bench:
    """All cases of one start, against one server."""

    def __init__(self, base: Path, results: Results, *, patience: float, slow_rounds: int) -> None:
        self._base, self._results, self._patience, self._slow = base, results, patience, slow_rounds
        self._tools = tools(base)
        self._valid = True
        self._best: dict[tuple[str, int], int] = {}
        self._number = 0
        self._server: Server
        self._scratch: Path

    def run(self, cases: list[Case], rounds: int, *, python: bool) -> bool:
        """False if one of our own runs does not count."""
        compiled("floor.c", self._base, "-pthread", "-lcrypto")
        with (
            null_server(self._base, python=python) as self._server,
            tempfile.TemporaryDirectory(prefix="s3sync-bench-") as scratch,
        ):
            self._scratch = Path(scratch)
            self._results.about["server"] = self._server.kind
            for case in cases:
                began = time.monotonic()
                self._case(case, rounds)
                print(f"-- {case.name}: {time.monotonic() - began:.0f} s", flush=True)
        return self._valid

    def _case(self, case: Case, rounds: int) -> None:
        print(f"{TITLES[case.work]}, {case.latency} ms{', TLS' if case.tls else ''}", flush=True)
        if case.tls and not self._server.tls_port:
            print("not run: the null server speaks no TLS here (it needs OpenSSL's headers and the openssl program)")
            return
        try:
            files = tree(self._base, DATA.get(case.work, case.work))
        except CannotMake as reason:
            print(f"not run: {reason}")
            return
        present, absent = {}, {}
        for key in case.tools:
            why_not = missing(self._tools[key], self._base)
            if why_not:
                absent[key] = why_not
                print(f"  {self._tools[key].title}: not run: {why_not}", flush=True)
            else:
                present[key] = self._ready(self._tools[key], case)
        slow: dict[str, int] = {}
        for number in range(rounds * 3 if case.work == "start" else rounds):  # short, and so easily disturbed
            for key in [key for key, runs in slow.items() if runs >= self._slow]:
                present.pop(key, None)
            self._round(case, files, present, number, slow)
            for key, why_not in absent.items():
                self._results.leave_out(case, key, why_not)
            self._results.save(case, (0, 0) if case.work == "start" else files.size())

    def _ready(self, tool: Tool, case: Case) -> int:
        """Runs it once on a few files, so that its program is in memory; gives its best number of workers here."""
        candidates = tool.workers.get(case.latency, (0,))
        if case.work == "tiny":
            return candidates[0]
        # Of files that go up in parts, the null server has to have seen each part once: see null_server.c.
        few = tree(self._base, case.work if case.work in ("large", "mixed") else "tiny")
        job = self._job(tool, few, case, 0)
        launch(tool.command(job), tool.environment(job))
        self._server.ask("drop", bucket=job.bucket)
        if len(candidates) == 1 or case.work == "start":
            return candidates[0]
        family = tool.key.partition("-")[0]  # s5cmd's cp and sync have the same workers
        if (family, case.latency) not in self._best:
            first = next(each for key, each in self._tools.items() if key.partition("-")[0] == family)
            self._best[family, case.latency] = self._fastest(first, case, candidates)
        return self._best[family, case.latency]

    def _fastest(self, tool: Tool, case: Case, candidates: tuple[int, ...]) -> int:
        """Tried on the small files, whatever the case."""
        files = tree(self._base, "small")
        seconds: dict[int, float] = {}
        for number in candidates * self._slow:
            job = self._job(tool, files, case, number)
            sample = measure(tool, job, files, self._server, case.latency)
            if not sample.why_not:
                seconds[number] = min(sample.seconds, seconds.get(number, sample.seconds))
            self._server.ask("drop", bucket=job.bucket)
        shown = ", ".join(f"{number or 'default'} {found:.2f} s" for number, found in seconds.items())
        print(f"  {tool.title}, workers: {shown}", flush=True)
        return min(seconds, key=seconds.__getitem__, default=candidates[0])

    def _job(self, tool: Tool, files: Tree, case: Case, workers: int) -> Job:
        """With a bucket that nobody has used."""
        self._number += 1
        bucket = f"bench-{self._number}"
        secure = case.tls and bool(self._server.tls_port)
        return Job(
            files.folder, bucket, self._server.endpoint(tls=secure), self._server.certificate if secure else None,
            self._scratch / f"{tool.key}-{bucket}", workers,
        )  # fmt: skip

    def _round(self, case: Case, files: Tree, present: dict[str, int], number: int, slow: dict[str, int]) -> None:
        jobs = {key: self._job(self._tools[key], files, case, workers) for key, workers in present.items()}
        order = list(jobs)
        order = order[number % len(order) :] + order[: number % len(order)] if order else []
        late: set[str] = set()
        if case.loaded:
            self._load(case, files, jobs)
        for key in order:
            for scenario in case.scenarios:
                repeats = scenario == FIRST or (scenario == UNCHANGED and self._tools[key].compares)
                if repeats and self._one(case, scenario, key, jobs[key], files).seconds > self._patience:
                    late.add(key)
        if CHANGED in case.scenarios:
            time.sleep(1.1)  # S3 tells times in whole seconds: what changes now has to be newer than any object
            changed = files.change(SHARE, number)
            try:
                for key in order:
                    if self._tools[key].compares:
                        self._one(case, CHANGED, key, jobs[key], files)
            finally:
                files.restore(changed)
        for key in late:
            slow[key] = slow.get(key, 0) + 1
        for job in jobs.values():
            self._server.ask("drop", bucket=job.bucket)
            shutil.rmtree(job.scratch, ignore_errors=True)

    def _load(self, case: Case, files: Tree, jobs: dict[str, Job]) -> None:
        """All objects into each bucket, and a run of our own that is not measured, as nothing is known of them yet."""
        listing = self._scratch / "listing"
        if case.work == "start":
            for key, job in jobs.items():
                empty = self._scratch / "empty"
                empty.mkdir(exist_ok=True)
                jobs[key] = replace(job, folder=empty)
            return
        files.listing("media/", listing)
        for key, job in jobs.items():
            self._server.ask("load", bucket=job.bucket, file=listing)
            if key.startswith("ours"):
                launch(self._tools[key].command(job), self._tools[key].environment(job))

    def _one(self, case: Case, scenario: str, key: str, job: Job, files: Tree) -> Sample:
        if case.work == "start":
            files = Tree(job.folder)
        sample = measure(self._tools[key], job, files, self._server, case.latency)
        if key == "engine":
            sample = only_sending(sample)
        self._results.add(case, scenario, key, sample, job.workers)
        said = sample.why_not or (
            f"{sample.seconds:.2f} s, CPU {sample.cpu:.2f} s, {sample.peak:.0f} MiB, load {sample.load:.1f}"
        )
        if sample.why_not and key.startswith("ours"):
            self._valid = False
        print(f"  {scenario:14}{self._tools[key].title:34}{said}", flush=True)
        return sample


def only_sending(sample: Sample) -> Sample:
    """Of benchmarks.engine, which says how much of its processor time was the engine's."""
    found = re.fullmatch(r"\d+ ([\d.]+)", sample.said.strip())
    return replace(sample, cpu=float(found[1])) if found else sample

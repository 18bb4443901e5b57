"""What is compared: which tools push which files, how, and how far the server is away."""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST, UNCHANGED, CHANGED = "first push", "unchanged run", "1 % changed"
ALL = (FIRST, UNCHANGED, CHANGED)
GENERIC = ("ours", "s5cmd-cp", "s5cmd-sync", "rclone")
DJANGO = ("ours-static", "collectstatic", "collectfasta-16", "collectfasta-32")


@dataclass(frozen=True, slots=True)
class Case:
    """One table: these tools in turn, on the same files."""

    work: str
    tools: tuple[str, ...]
    scenarios: tuple[str, ...] = (FIRST,)
    latency: int = 0
    """Milliseconds that the server waits before each answer."""
    tls: bool = False
    loaded: bool = False
    """The objects are there at the beginning: nobody's first push is measured."""

    @property
    def name(self) -> str:
        """Names it in the results."""
        return f"{self.work}{f'-{self.latency}ms' if self.latency else ''}{'-tls' if self.tls else ''}"


TITLES = {
    "tiny": "20 files of 2 KiB",
    "start": "Nothing to push",
    "small": "5,000 files of 8 KiB in 200 folders",
    "many": "50,000 files of 8 KiB in 200 folders",
    "known": "100,000 objects that are there already",
    "static": "Static files: the admin's and 14 npm packages'",
    "large": "One file of 2 GiB",
    "mixed": "Media: 600 files of 1 KiB to 50 MiB, log-normal",
    "engine": "Processor time of sending 50,000 files of 8 KiB",
}
DATA = {"start": "tiny", "engine": "many"}
"""Which files a work sends, where they have another name."""

SMALL = (*GENERIC, "floor", "rclone-default", "aws", "ours-boto3", *DJANGO)
DEFAULT = (
    Case("start", ("ours", "check"), (UNCHANGED,), loaded=True),
    Case("small", SMALL, ALL),
    Case("small", GENERIC, tls=True),
    Case("known", ("ours", "s5cmd-sync", "rclone", "aws"), (UNCHANGED, CHANGED), loaded=True),
    Case("many", (*GENERIC, "floor")),
    Case("many", ("ours", "s5cmd-cp", "rclone"), latency=25),
    Case("large", ("ours", "ours-unsigned", "s5cmd-cp", "rclone", "aws")),
    Case("mixed", ("ours", "ours-unsigned", "s5cmd-cp", "rclone", "aws", "floor")),
    *(Case(work, ("ours", "s5cmd-cp", "rclone", "aws"), tls=True) for work in ("large", "mixed")),
    Case("engine", ("engine", "floor")),
)
"""What `make bench` runs: each target once."""

FULL = (
    DEFAULT[0],
    DEFAULT[1],
    Case("small", SMALL, ALL, latency=25),
    Case("small", (*GENERIC, "aws"), tls=True),
    DEFAULT[3],
    Case("known", ("ours", "s5cmd-sync", "rclone", "aws"), (UNCHANGED, CHANGED), latency=25, loaded=True),
    Case("many", (*GENERIC, "rclone-default", "aws", "ours-boto3"), ALL),
    Case("many", (*GENERIC, "rclone-default"), ALL, latency=25),
    Case("static", SMALL, ALL),
    Case("static", SMALL, latency=25),
    *(
        Case(work, (*GENERIC, "rclone-default", "aws", "ours-boto3"), ALL, latency=latency)
        for work in ("large", "mixed")
        for latency in (0, 25)
    ),
    DEFAULT[-1],
)
"""`--full`: all works at both latencies."""
QUICK = (Case("tiny", ("ours", "engine"), ALL),)
"""`--quick`: whether the benchmark itself still works."""


def chosen(
    cases: tuple[Case, ...], *, works: list[str] | None, latencies: list[int] | None, tls: bool, peers: list[str] | None
) -> list[Case]:
    """Those of the cases that were asked for; with `tls`, over TLS. Ours always takes part."""
    found = []
    for case in cases:
        if (works and case.work not in works) or (latencies is not None and case.latency not in latencies):
            continue
        if tls and not case.tls:
            continue
        tools = tuple(key for key in case.tools if peers is None or key in peers or key.startswith(("ours", "engine")))
        found.append(replace(case, tools=tools))
    return found

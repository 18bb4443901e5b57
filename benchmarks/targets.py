"""What this project wants to reach, and whether a set of results reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .cases import CHANGED, FIRST, UNCHANGED
from .results import Cases, median, valid

MOST_MEMORY = 100.0
LARGE_MEMORY = 256.0
STARTUP = 0.15


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured for one target."""

    said: str
    met: bool
    why_not: str = ""
    """What would have to be undercut."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to reach; `look` gives None where the results don't tell."""

    words: str
    wanted: str
    look: Callable[[Cases], Found | None]


def row(cases: Cases, case: str, scenario: str, tool: str) -> dict[str, Any] | None:
    """A tool's runs."""
    found: dict[str, Any] | None = cases.get(case, {}).get("scenarios", {}).get(scenario, {}).get(tool)
    return found


def ratio(
    cases: Cases, case: str, scenario: str, peers: tuple[str, ...], *, ours: str = "ours", what: str = "seconds"
) -> float | None:
    """How many times as much the best of the peers takes."""
    own = median(row(cases, case, scenario, ours), what)
    theirs = [found for peer in peers if (found := median(row(cases, case, scenario, peer), what)) is not None]
    return min(theirs) / own if own and theirs else None


def faster(
    words: str, wanted: float, case: str, scenario: str, *peers: str, ours: str = "ours", what: str = "seconds"
) -> Target:  # fmt: skip
    """At least so many times as fast as the best of these peers."""

    def look(cases: Cases) -> Found | None:
        found = ratio(cases, case, scenario, peers, ours=ours, what=what)
        if found is None:
            return None
        cpu = ratio(cases, case, scenario, peers, ours=ours, what="cpu") if what == "seconds" else None
        there = sum(median(row(cases, case, scenario, peer)) is not None for peer in peers)
        said = f"{found:.2f}x" + (f" (processor time {cpu:.2f}x)" if cpu else "")
        said += f", {there} of {len(peers)} ran" if there < len(peers) else ""
        own = median(row(cases, case, scenario, ours), what)
        why_not = least(cases, case, scenario, (own or 0.0) * found / wanted, what) if found < wanted else ""
        return Found(said, found >= wanted, why_not)

    return Target(words, f"{wanted:g}x", look)


def least(cases: Cases, case: str, scenario: str, needed: float, what: str) -> str:
    """What we can't do without, beside what would be fast enough; empty where it was not measured."""
    client = median(row(cases, case, scenario, "floor"), what)
    start = median(row(cases, "start", UNCHANGED, "ours"), what)
    if client is None or start is None:
        return ""
    verdict = ", together more than that" if client + start > needed else ""
    return f"{needed:.2f} s would do; a C client takes {client:.2f}, our start on nothing {start:.2f}{verdict}"


def memory(words: str, most: float, case: str, scenario: str) -> Target:
    """At most so many MiB."""

    def look(cases: Cases) -> Found | None:
        found = median(row(cases, case, scenario, "ours"), "peak")
        return None if found is None else Found(f"{found:.0f} MiB", found <= most)

    return Target(words, f"{most:.0f} MiB", look)


def few_requests(words: str, case: str) -> Target:
    """An unchanged run costs no more than one request for each thousand keys."""

    def look(cases: Cases) -> Found | None:
        runs = valid(row(cases, case, UNCHANGED, "ours") or {"runs": []})
        if not runs:
            return None
        most = max(requests(run) for run in runs)
        return Found(str(most), most <= -(-cases[case]["files"] // 1000))

    return Target(words, "1 per 1,000 keys", look)


def requests(run: dict[str, Any]) -> int:
    """All requests of a run."""
    others = ("connections", "bytes", "refused")
    return sum(count for name, count in run["requests"].items() if name not in others)


def engine(words: str, wanted: float) -> Target:
    """At most so many times the processor time of the C client."""

    def look(cases: Cases) -> Found | None:
        found = ratio(cases, "engine", FIRST, ("engine",), ours="floor", what="cpu")
        return None if found is None else Found(f"{found:.2f}x", found <= wanted)

    return Target(words, f"at most {wanted:g}x", look)


def startup(words: str) -> Target:
    """No more above `manage.py check`, neither by the clock nor in processor time, which is less easily disturbed."""

    def look(cases: Cases) -> Found | None:
        above = []
        for what in ("seconds", "cpu"):
            ours, check = (median(row(cases, "start", UNCHANGED, tool), what) for tool in ("ours", "check"))
            if ours is None or check is None:
                return None
            above.append(ours - check)
        clock, cpu = (each * 1000 for each in above)
        return Found(f"{clock:+.0f} ms (processor time {cpu:+.0f} ms)", max(above) <= STARTUP)

    return Target(words, f"at most +{STARTUP * 1000:.0f} ms", look)


_KNOWN = (("s5cmd sync", 5.0, "s5cmd-sync"), ("aws s3 sync", 8.0, "aws"), ("rclone, sizes only", 1.3, "rclone"))
TARGETS = (
    faster("5,000 x 8 KiB, first push: s5cmd cp", 1.2, "small", FIRST, "s5cmd-cp"),
    faster("... s5cmd sync", 3.5, "small", FIRST, "s5cmd-sync"),
    faster("... rclone copy, tuned", 1.4, "small", FIRST, "rclone"),
    faster("... collectstatic on S3Storage (ours: `collectstatic --s3`)", 15, "small", FIRST, "collectstatic",
           ours="ours-static"),
    faster("... Collectfasta, the better of 16 and 32 threads (ours: `collectstatic --s3`)", 40, "small", FIRST,
           "collectfasta-16", "collectfasta-32", ours="ours-static"),
    faster("... aws s3 sync", 10, "small", FIRST, "aws"),
    faster("50,000 x 8 KiB, first push: s5cmd cp", 2, "many", FIRST, "s5cmd-cp"),
    faster("... s5cmd sync", 6, "many", FIRST, "s5cmd-sync"),
    faster("... rclone copy, tuned", 2.2, "many", FIRST, "rclone"),
    faster("... processor time: s5cmd cp", 3, "many", FIRST, "s5cmd-cp", what="cpu"),
    faster("50,000 x 8 KiB at 25 ms: the better of s5cmd cp and rclone", 1.6, "many-25ms", FIRST, "s5cmd-cp", "rclone"),
    faster("5,000 x 8 KiB over TLS: the best of s5cmd and rclone", 1.5, "small-tls", FIRST, "s5cmd-cp", "s5cmd-sync",
           "rclone"),
    *(faster(f"100,000 objects, unchanged: {name}", wanted, "known", UNCHANGED, key) for name, wanted, key in _KNOWN),
    memory("... peak memory", MOST_MEMORY, "known", UNCHANGED),
    few_requests("... requests", "known"),
    *(faster(f"100,000 objects, 1 % changed: {name}", wanted, "known", CHANGED, key) for name, wanted, key in _KNOWN),
    memory("... peak memory", MOST_MEMORY, "known", CHANGED),
    faster("One file of 2 GiB: s5cmd cp", 1.5, "large", FIRST, "s5cmd-cp"),
    faster("... the best of s5cmd, rclone and aws", 1.0, "large", FIRST, "s5cmd-cp", "rclone", "aws"),
    memory("... peak memory", LARGE_MEMORY, "large", FIRST),
    faster("Mixed media: the best of s5cmd, rclone and aws", 1.3, "mixed", FIRST, "s5cmd-cp", "rclone", "aws"),
    engine("The fast engine alone, processor time: a C client", 3.0),
    startup("Start on nothing: `manage.py check`"),
)  # fmt: skip

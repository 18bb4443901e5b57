"""The results as Markdown, and docs/performance.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .cases import TITLES
from .peers import ROOT, tools
from .plot import plot
from .results import Cases, Results, median, valid
from .targets import TARGETS

DOCUMENT = ROOT / "docs/performance.md"
PLOT = ROOT / "docs/images/performance.svg"
BEGIN, END = "<!-- measured -->\n", "<!-- end of what was measured -->\n"
HEADER = (
    "| | seconds (least-most) | ratio | CPU s | per 1,000 | peak MiB | requests | workers | runs |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


def titles() -> dict[str, str]:
    """What the tools are called."""
    return {key: tool.title for key, tool in tools(Path()).items()}


def requested(runs: list[dict[str, Any]]) -> str:
    """The requests of a run in the middle, the most frequent first."""
    run = sorted(runs, key=lambda each: sum(each["requests"].values()))[len(runs) // 2]
    counts = {name: count for name, count in run["requests"].items() if name not in ("bytes", "connections")}
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda each: -each[1])) or "none"


def line(title: str, row: dict[str, Any], own: float | None, what: str, objects: int) -> str:
    """A tool's row; `own` is what the ratio of `what` is to."""
    runs = valid(row)
    if not runs:
        return f"| {title} | invalid: {row['runs'][-1]['why_not'].splitlines()[0][:90]} | | | | | | | |\n"
    seconds, cpu, peak = (median(row, each) or 0.0 for each in ("seconds", "cpu", "peak"))
    ratio = f"{(cpu if what == 'cpu' else seconds) / own:.2f}" if own else ""
    least, most = (pick(run["seconds"] for run in runs) for pick in (min, max))
    spread = f" ({least:.2f}-{most:.2f})" if len(runs) > 1 else ""
    bad = len(row["runs"]) - len(runs)
    each = f"{cpu / objects * 1000:.3f}" if objects else ""
    return (
        f"| {title} | {seconds:.2f}{spread} | {ratio} | {cpu:.2f} | {each} | "
        f"{peak:.0f} | {requested(runs)} | {row['workers'] or 'default'} | "
        f"{len(runs)}{f', {bad} invalid' if bad else ''} |\n"
    )


def table(name: str, case: dict[str, Any]) -> str:
    """All of a case."""
    named = titles()
    over = ", over TLS" if case["tls"] else ""
    loads = [
        run["load"] for rows in case["scenarios"].values() for row in rows.values() for run in row["runs"]
    ]  # fmt: skip
    text = f"### {TITLES[case['work']]}, {case['latency']} ms{over}\n\n"
    text += f"{case['files']:,} files, {case['bytes'] / 2**20:,.1f} MiB; begun {case['about']}; null server in "
    text += f"{case['server']}; load average {min(loads):.1f} to {max(loads):.1f}.\n"
    if case["work"] == "engine":
        text += "The ratio is of processor time; the engine's is that of sending alone.\n"
    for scenario, rows in case["scenarios"].items():
        key = next((key for key in ("ours", "floor") if key in rows), next(iter(rows)))
        what = "cpu" if key == "floor" else "seconds"
        own = median(rows[key], what)
        text += f"\n**{scenario}**\n\n{HEADER}"
        for tool, row in sorted(rows.items(), key=lambda each: median(each[1]) or float("inf")):
            text += line(named.get(tool, tool), row, own, what, case["files"])
    for tool, why_not in case["not_run"].items():
        text += f"\nNot run: {named.get(tool, tool)}: {why_not}\n"
    return text


def goals(cases: Cases) -> str:
    """Each target: met or not."""
    text = "| against | wanted | measured | |\n|---|---|---|---|\n"
    for target in TARGETS:
        found = target.look(cases)
        said = f"{found.said} | {'met' if found.met else '**not met**'}" if found else "| not measured"
        said += f": {found.why_not}" if found and found.why_not else ""
        text += f"| {target.words} | {target.wanted} | {said} |\n"
    return text


def markdown(cases: Cases, about: dict[str, Any]) -> str:
    """All of it."""
    machine = about["machine"]
    text = f"Measured {about['date']}: {machine['processor']}, {machine['cores']} cores, {machine['memory']} GiB, "
    text += f"{machine['system']} {machine['kernel']}; "
    text += ", ".join(f"{name} {version}" for name, version in about["versions"].items()) + ".\n\n"
    text += f"{about['note']}\n\n" if about.get("note") else ""
    text += "".join(f"Missing: {trouble}\n\n" for trouble in about["missing"])
    order = list(TITLES)
    ordered = sorted(cases.items(), key=lambda each: (order.index(each[1]["work"]), each[1]["latency"], each[1]["tls"]))
    return text + goals(cases) + "\n" + "\n".join(table(name, case) for name, case in ordered)


def write_docs(folder: Path) -> Path:
    """Writes the measured part of docs/performance.md, and the plot beside it, from all results in `folder`."""
    cases, about = Results.all(folder)
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{markdown(cases, about)}\n{END}{after}")
    PLOT.write_text(plot(cases, titles(), f"measured {about['date']}"))
    return DOCUMENT

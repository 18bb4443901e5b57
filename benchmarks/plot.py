"""The plot: how many times our seconds each tool takes, as bars on a logarithmic scale. SVG, written by hand."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from .cases import FIRST, TITLES, UNCHANGED
from .results import Cases, median, valid

PANELS = (
    ("small", FIRST), ("many", FIRST), ("many-25ms", FIRST), ("small-tls", FIRST), ("known", UNCHANGED),
    ("static", FIRST), ("mixed", FIRST), ("large", FIRST),
)  # fmt: skip
WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 860, 230, 130, 15, 5, 40
LEAST, MOST = 0.1, 100.0
MARKS = (0.1, 0.3, 1, 3, 10, 30, 100)
OURS, THEIRS, INK, FAINT = "#0b7a53", "#8a94a6", "#1f2430", "#d5d9e0"
Rows = list[tuple[str, str, float, float]]


def position(ratio: float) -> float:
    """Where a ratio is, in pixels from the left."""
    share = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def rows_of(cases: Cases, case: str, scenario: str, titles: dict[str, str]) -> Rows:
    """Key, title, ratio and seconds of each tool, the fastest first."""
    rows = cases.get(case, {}).get("scenarios", {}).get(scenario, {})
    own = median(rows.get("ours"))
    if not own:
        return []
    medians = {key: median(row) for key, row in rows.items() if valid(row) and key != "floor"}  # no choice for users
    found = [(key, titles[key], seconds / own, seconds) for key, seconds in medians.items() if seconds is not None]
    return sorted(found, key=lambda each: each[2])


def text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, weight: str = "normal", fill: str = INK
) -> str:
    """A piece of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="{fill}">{escape(words)}</text>'
    )


def panel(y: float, title: str, rows: Rows) -> list[str]:
    """One group of bars."""
    parts = [text(12, y + 22, title, size=13, weight="bold")]
    bottom = y + HEAD - 8 + len(rows) * (BAR + GAP)
    for mark in MARKS:
        colour = INK if mark == 1 else FAINT
        x = position(mark)
        parts.append(f'<path d="M{x:.1f} {y + HEAD - 8:.1f}V{bottom:.1f}" stroke="{colour}" stroke-width="1"/>')
    for number, (key, name, ratio, seconds) in enumerate(rows):
        top = y + HEAD - 6 + number * (BAR + GAP)
        first, last = sorted((position(1), position(ratio)))
        own = key.startswith("ours")
        parts.append(
            f'<rect x="{first - 1:.1f}" y="{top:.1f}" width="{max(last - first, 2) + 1:.1f}" height="{BAR}" '
            f'fill="{OURS if own else THEIRS}"/>'
        )
        parts.append(text(LEFT - 10, top + 12, name, anchor="end", weight="bold" if own else "normal"))
        parts.append(text(WIDTH - RIGHT + 12, top + 12, f"{ratio:.2f}x  {seconds:.2f} s", fill=OURS if own else INK))
    return parts


def plot(cases: Cases, titles: dict[str, str], caption: str) -> str:
    """The whole picture; cases that were not measured are left out."""
    explained = f"Seconds of each tool, as multiples of s3_push_media's; {caption}; to the right is slower, logarithmic"
    y, parts = 54.0, [text(12, 24, explained)]
    parts += [text(position(mark), 46, f"{mark:g}x", anchor="middle", size=10) for mark in MARKS]
    for case, scenario in PANELS:
        rows = rows_of(cases, case, scenario, titles)
        if len(rows) > 1:
            far = f", {cases[case]['latency']} ms" if cases[case]["latency"] else ""
            over = ", TLS" if cases[case]["tls"] else ""
            parts += panel(y, f"{TITLES[cases[case]['work']]}{far}{over}: {scenario}", rows)
            y += HEAD + len(rows) * (BAR + GAP) + 6
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" width="{WIDTH}" height="{y:.0f}" '
        f'font-family="system-ui, sans-serif" role="img" aria-label="Seconds of each tool">'
        f'<rect width="{WIDTH}" height="{y:.0f}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )

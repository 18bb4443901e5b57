"""Times the stylesheet scanner on sheets that are made to be slow, each twice as long as the one before.

    python benchmarks/css.py [--kib 64] [--doublings 4]

Prints nanoseconds per byte. Linear time is a row of equal figures; the worst rows come last.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from s3sync.css import Names, read_css
from tests.unit.test_css_scan import HOSTILE, PIECES


def nanoseconds(data: bytes) -> float:
    """The best of three, per byte."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        read_css("a/x.css", data, known=Names(["a/b"]))
        best = min(best, time.process_time() - began)
    return best * 1e9 / len(data)


def main() -> None:
    """Prints a row for each piece."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kib", type=int, default=64)
    parser.add_argument("--doublings", type=int, default=4)
    wanted = parser.parse_args()
    sizes = [(wanted.kib << doubling) * 1024 for doubling in range(wanted.doublings + 1)]
    rows = []
    for piece in dict.fromkeys([*HOSTILE, *PIECES]):
        row = [nanoseconds((piece * (size // len(piece)) + "url(b)").encode()) for size in sizes]
        rows.append((row[-1] / row[0], piece, row))
    for ratio, piece, row in sorted(rows):
        print(f"{piece!r:32}", *(f"{figure:8.1f}" for figure in row), f"  x{ratio:.2f}")


if __name__ == "__main__":
    main()

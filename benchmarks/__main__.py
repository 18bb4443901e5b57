"""Times whole processes of this and other tools, in turn, on the same files and the same server, and prints ratios.

    python -m benchmarks                  each target once: about 25 minutes
    python -m benchmarks --full           all works, at both latencies, five rounds: some hours
    python -m benchmarks --work small     one of them
    python -m benchmarks --docs           writes docs/performance.md and its plot from all results of the folder

All that takes part is installed into environments of its own below .venv-bench (rclone: by apt, as root only); what
can't be installed is named and left out. Loopback and two cores measure the client's own cost, not a network: quote
ratios.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from . import cases, report
from .installing import install
from .peers import ROOT, tools
from .results import Results
from .rounds import Bench


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = sorted({case.work for case in (*cases.DEFAULT, *cases.FULL)})
    parser.add_argument("--full", action="store_true", help="all works, at both latencies")
    parser.add_argument("--quick", action="store_true", help="20 files, our own tool, one round")
    parser.add_argument("--work", nargs="+", choices=names, help="only these")
    parser.add_argument("--latency", nargs="+", type=int, choices=[0, 25], help="only these, in ms")
    parser.add_argument("--tls", action="store_true", help="only what goes over TLS")
    peers = sorted(tools(Path()))
    parser.add_argument("--peers", nargs="*", metavar="NAME", choices=peers, help="only these beside ours")
    parser.add_argument("--rounds", type=int, help="medians of so many; default 3, with --full 5")
    parser.add_argument("--patience", type=float, default=15.0, metavar="S",
                        help="what takes longer is run once, with --full three times (default: 15)")  # fmt: skip
    parser.add_argument("--base", type=Path, default=ROOT / ".venv-bench", help="where files and peers are kept")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results", help="where the figures go")
    parser.add_argument("--python-server", action="store_true", help="do without a compiler")
    parser.add_argument("--no-install", action="store_true", help="install nothing; use what is there")
    parser.add_argument("--note", default="", help="words about the circumstances, to stand above the tables")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md afterwards")
    parser.add_argument("--report", action="store_true", help="run nothing; print, or with --docs write, what there is")
    return parser.parse_args()


def main() -> int:
    """Runs and reports; 1 if one of our own runs was not valid."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it has started is ended too
    base = options.base.resolve()
    options.results.mkdir(parents=True, exist_ok=True)
    valid = True
    if not options.report:
        table = cases.QUICK if options.quick else cases.FULL if options.full else cases.DEFAULT
        wanted = cases.chosen(
            table, works=options.work, latencies=options.latency, tls=options.tls, peers=options.peers
        )  # fmt: skip
        troubles = [] if options.quick or options.no_install or options.peers == [] else install(base)
        rounds = options.rounds or (1 if options.quick else 5 if options.full else 3)
        results = Results.begin(options.results, base, troubles, options.note)
        bench = Bench(base, results, patience=options.patience, slow_rounds=3 if options.full else 1)
        valid = bench.run(wanted, rounds, python=options.python_server)
        print()
        print(report.markdown(results.cases, results.about))
    if options.docs:
        print(f"written: {report.write_docs(options.results)}")
    elif options.report:
        print(report.markdown(*Results.all(options.results)))
    return 0 if valid else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(f"python -m benchmarks: {error}")

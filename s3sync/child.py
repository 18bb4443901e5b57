"""What every process does first that was started to work for another one. It has to be quick: imports little."""

from __future__ import annotations

import signal


def leave_signals_to_parent() -> None:
    """Signals for the whole group are for the process that asked: it tells us, or goes and ends what leads here."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(each, signal.SIG_IGN)

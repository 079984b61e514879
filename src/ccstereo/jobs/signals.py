"""Signals that reach all processes of a run."""

import signal


def outlive_signals(_worker: int) -> None:
    """Ignore Ctrl-C and SIGTERM in a loader's worker: they reach all processes of a run, and who trains still saves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

"""How many threads a network is run with."""

import os
import sys


def thread_count() -> int:
    """Processors that this process may use, or fewer where `OMP_NUM_THREADS` says so.

    >>> thread_count() >= 1
    True
    """
    # Python 3.13's os.process_cpu_count
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(here, int(asked))) if asked.isdigit() else here


def limit_threads(count: int) -> None:
    """Have what is loaded from now on run with so many threads, and PyTorch, if it is loaded already."""
    os.environ["OMP_NUM_THREADS"] = str(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)

"""Work over many items in processes, of which any may die."""

import os
import signal

import pytest

from ccstereo.jobs.processes import map_items, outlive_signals


class TestProcesses:
    def test_one_that_dies_takes_nobody_with_it(self):
        """The item at which a process dies is told, and all others are worked on."""
        items = [*(f"{n} + 1" for n in range(8)), "__import__('os')._exit(3)"]
        results = dict(map_items(eval, items[::-1], 2))
        assert results == {f"{n} + 1": n + 1 for n in range(8)} | {items[-1]: None}

    def test_errors_of_the_task_are_raised(self):
        for jobs in (1, 2):
            with pytest.raises(ZeroDivisionError):
                list(map_items(eval, ["1", "1 / 0", "2"], jobs))

    def test_an_unknown_engine_is_refused(self):
        with pytest.raises(ValueError, match="no engine 'threads'; there are processes"):
            list(map_items(eval, ["1"], 1, engine="threads"))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_loaders_worker_outlives_signals(sent):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        outlive_signals(0)
        os.kill(os.getpid(), sent)
        assert signal.getsignal(sent) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

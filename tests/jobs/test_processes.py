"""Work over many items in processes, of which any may die."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from ccstereo.jobs import cores, map_items, outlive_signals, processes
from worker_tasks import Noted, process_number, speaking


class TestProcesses:
    def test_one_that_dies_takes_nobody_with_it(self):
        """The item at which a process dies is given back with nothing, and all others are worked on."""
        items = [*(f"{n} + 1" for n in range(8)), "__import__('os')._exit(3)"]
        results = dict(map_items(eval, items[::-1], 2))
        assert results == {f"{n} + 1": n + 1 for n in range(8)} | {items[-1]: None}

    @pytest.mark.parametrize("jobs", [1, 3])
    def test_nothing_but_the_item_at_which_one_dies_is_done_twice(self, tmp_path, jobs):
        """A killed process is one try: memory may have run out beside others. Killed twice, it is given up."""
        task = Noted(tmp_path / "log", always=2, once=5)
        found = list(map_items(task, range(9), jobs, isolate=True))
        assert dict(found) == {n: n * n for n in range(9)} | {2: None}
        assert [item for item, _ in found][-1] == 2
        calls = Counter(map(int, (tmp_path / "log").read_text().split()))
        assert calls == dict.fromkeys(range(9), 1) | {2: 2, 5: 2}

    def test_errors_of_the_task_are_raised(self):
        for jobs in (1, 2):
            with pytest.raises(ZeroDivisionError):
                list(map_items(eval, ["1", "1 / 0", "2"], jobs))

    def test_an_error_says_where_it_was_raised(self):
        with pytest.raises(ZeroDivisionError) as caught:
            list(map_items(eval, ["1 / 0"], isolate=True))
        assert 'File "<string>", line 1' in str(caught.value.__cause__)

    def test_an_error_that_cannot_be_sent_is_described(self):
        code = "(_ for _ in ()).throw(type('Odd', (Exception,), {})('why'))"
        with pytest.raises(RuntimeError, match="Odd: why"):
            list(map_items(eval, [code], isolate=True))

    @pytest.mark.parametrize("isolate", [False, True])
    def test_what_a_task_says_meanwhile(self, isolate):
        said = []
        found = dict(map_items(speaking, [3, 2], 1, isolate=isolate, progress=lambda *both: said.append(both)))
        assert found == {2: 2, 3: 3}
        assert said == [(3, 0), (3, 1), (3, 2), (2, 0), (2, 1)]

    def test_isolated_is_another_process_which_stays(self):
        found = {number for _, number in map_items(process_number, range(5), 1, isolate=True)}
        assert len(found) == 1
        assert os.getpid() not in found
        assert {number for _, number in map_items(process_number, range(5), 1)} == {os.getpid()}

    def test_they_end_with_who_takes_the_results(self, tmp_path):
        results = map_items(Noted(tmp_path / "log"), range(1000), 2)
        next(results)
        begin = time.monotonic()
        results.close()
        assert time.monotonic() - begin < 4
        done = (tmp_path / "log").read_text()
        time.sleep(0.1)
        assert (tmp_path / "log").read_text() == done

    @pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
    def test_they_end_with_who_started_them(self, tmp_path):
        """Even if that one is killed."""
        code = f"""
from pathlib import Path
from ccstereo.jobs import map_items
from worker_tasks import Noted
if __name__ == "__main__":
    for item, _ in map_items(Noted(Path({str(tmp_path / "log")!r})), range(100_000), 2):
        print(item, flush=True)
"""
        script = tmp_path / "script.py"
        script.write_text(code)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=environment) as process:
            process.stdout.readline()
            process.kill()
        time.sleep(0.3)
        done = (tmp_path / "log").read_text()
        time.sleep(0.3)
        assert (tmp_path / "log").read_text() == done

    def test_a_script_without_a_guard_ends_at_once(self, tmp_path):
        """Every process that it starts dies of it; no other one is started in its place."""
        script = tmp_path / "bare.py"
        script.write_text("""
from pathlib import Path
with Path("log").open("a") as log:
    log.write("begun ")
from ccstereo.jobs import map_items
list(map_items(eval, ["1"] * 100, 2))
""")
        done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert done.returncode == 1
        assert done.stderr.rstrip().endswith(
            'UsageError: a process could not begin, for the reason above; put `if __name__ == "__main__":` around what '
            "your script does"
        )
        assert "UsageError: processes begin by running the script that starts them: put `if" in done.stderr
        assert (tmp_path / "log").read_text().split() in (["begun"] * 2, ["begun"] * 3)  # the other may not get so far

    def test_one_that_is_killed_before_it_begins_is_replaced(self, monkeypatch):
        """Its status is not Python's own: the machine's memory may have run out."""
        begin, killed = processes._Worker.__init__, []

        def begin_and_kill(worker, task):
            begin(worker, task)
            if not killed:
                killed.append(worker._process.pid)
                worker._process.kill()

        monkeypatch.setattr(processes._Worker, "__init__", begin_and_kill)
        assert dict(map_items(eval, ["1", "1 + 1"], 1, isolate=True)) == {"1": 1, "1 + 1": 2}
        assert killed

    def test_an_unknown_engine_is_refused(self):
        with pytest.raises(ValueError, match="no engine 'threads'; there are processes, ray"):
            list(map_items(eval, ["1"], 1, engine="threads"))

    def test_cores(self):
        assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_loaders_worker_outlives_signals(sent):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        outlive_signals(0)
        signal.raise_signal(sent)
        assert signal.getsignal(sent) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""The same work on a local Ray cluster of two workers, of which one is killed in the middle."""

import os
import signal
import sys
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from ccstereo import plugins
from ccstereo.batch import Batch, Input, Report, plan
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import SetInfo
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.errors import CCStereoError
from ccstereo.evaluation import Mono, make_benchmark, score
from ccstereo.jobs import map_items, ray_tasks
from worker_tasks import Dying, Noted, process_number, speaking


@pytest.fixture(scope="module")
def cluster():
    """Two workers of this machine, started once: that takes five to ten seconds."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")  # it would write a token into the home folder
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        before = signal.getsignal(signal.SIGTERM)
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield ray
        ray.shutdown()
        signal.signal(signal.SIGTERM, before)


def test_a_killed_worker_loses_nothing_and_nothing_is_done_twice(cluster, tmp_path):
    task = Noted(tmp_path / "log", always=2, once=5)
    found = dict(map_items(task, range(12), 2, "ray"))
    assert found == {n: n * n for n in range(12)} | {2: None}
    calls = Counter(map(int, (tmp_path / "log").read_text().split()))
    assert calls == dict.fromkeys(range(12), 1) | {2: 2, 5: 2}
    assert cluster.is_initialized()  # who joined it before keeps it


def test_it_is_another_process(cluster):
    assert os.getpid() not in {number for _, number in map_items(process_number, range(4), None, "ray")}


def test_errors_of_the_task_are_raised(cluster):
    with pytest.raises(ZeroDivisionError):
        list(map_items(eval, ["1", "1 / 0"], 2, "ray"))


def test_what_a_task_says_goes_nowhere(cluster):
    assert dict(map_items(speaking, [2], 1, "ray", progress=lambda *_: pytest.fail("said"))) == {2: 2}


def test_workers_know_modules_of_ones_own(cluster, tmp_path, monkeypatch):
    """Imported where the driver stands, before what is made of them is read."""
    (tmp_path / "own_task.py").write_text("def double(number):\n    return 2 * number\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(plugins.VARIABLE, "own_task")
    from own_task import double

    assert dict(map_items(double, [1, 2], 2, "ray")) == {1: 2, 2: 4}


def test_a_folder_of_which_a_worker_is_killed(cluster, folder, weights, tmp_path, monkeypatch):
    """The same bytes as without; the file at which it happened is made, and all others are made once."""
    monkeypatch.setenv(plugins.VARIABLE, "tiny_models,crashing")
    (folder / "clip1.mkv").rename(folder / "once.mkv")
    inputs = [Input(path) for path in sorted(folder.iterdir())]
    batch = Batch({"weights": weights, "backend": "torch"})
    made = {}
    for engine in ("ray", "processes"):
        report = Report(tmp_path / engine)
        jobs = plan(inputs, report, batch.settings())
        became = [record.state for _, record in batch.convert(jobs, report, processes=2, engine=engine)]
        assert became == ["done"] * 6
        assert (tmp_path / engine / "tried").exists()
        made[engine] = {path.name: path.read_bytes() for path in (tmp_path / engine).glob("*.binaural.*")}
    assert len(made["ray"]) == 6
    assert made["ray"] == made["processes"]


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_preparation_is_the_same(cluster, tmp_path):
    """To the byte, though a worker dies at a source the first time."""
    for engine in ("ray", "processes"):
        worker = Dying(tmp_path / f"{engine}.tried")
        sources = [Source(name, ()) for name in "abcdef"]
        prepare(sources, worker, tmp_path / engine, SetInfo("noises"), jobs=2, engine=engine)
        assert worker.tried.exists()
    assert len(PreparedSet(tmp_path / "ray").clips) == 6
    assert files(tmp_path / "ray") == files(tmp_path / "processes")


def test_benchmarks_and_their_scores_are_the_same(cluster, tmp_path):
    made = {
        engine: make_benchmark(tmp_path / engine, rows=["one"], scenes=3, seconds=0.7, jobs=2, engine=engine)
        for engine in ("ray", "processes")
    }
    assert files(made["ray"].folder) == files(made["processes"].folder)
    scored = [score({"mono": Mono()}, made["ray"], jobs=2, engine=engine) for engine in ("ray", "processes")]
    assert scored[0].items == scored[1].items
    for name, values in scored[0].scores["mono"].items():
        np.testing.assert_array_equal(values, scored[1].scores["mono"][name])


def test_sigterm_stays_ours(monkeypatch):
    """Ray's handler of SIGTERM exits at once: half files would stay."""
    before = signal.getsignal(signal.SIGTERM)

    def start(**options):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    fake = SimpleNamespace(is_initialized=lambda: False, init=start, shutdown=lambda: None)
    monkeypatch.setitem(sys.modules, "ray", fake)
    with ray_tasks._cluster():
        assert signal.getsignal(signal.SIGTERM) is before


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CCStereoError, match=r"pip install 'ccstereo\[ray\]'"):
        list(map_items(abs, [1], 1, "ray"))

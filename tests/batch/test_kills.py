"""A folder that is killed three times, and a worker once, ends with the bytes of an undisturbed run."""

import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "kill_batch.py"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")


def run(weights, monkeypatch, capfd, *arguments):
    """Run the script that does it; every start of the command loads PyTorch anew, which takes most of the time."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--files", "6", "--weights", weights, *arguments])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    output = capfd.readouterr().out
    assert "0 faults" in output
    assert end.value.code == 0
    return output


def test_killed_three_times(weights, monkeypatch, capfd):
    output = run(weights, monkeypatch, capfd, "--jobs", "1")
    assert output.count("killed the driver") == 3


@pytest.mark.skipif(find_spec("ray") is None, reason="needs ray")
def test_a_worker_of_ray_is_killed(weights, monkeypatch, capfd):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # it would write a token into the home folder
    output = run(weights, monkeypatch, capfd, "--engine", "ray", "--jobs", "2", "--kills", "0", "--seed", "1")
    assert "ray::_call" in output

"""A folder that is killed three times, and a worker once, ends with the bytes of an undisturbed run."""

import os
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "kill_batch.py"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")


def test_killed_three_times(weights, monkeypatch, capfd):
    """By the script that does it; it takes long because every start of the command loads PyTorch anew."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--files", "9", "--weights", weights, "--jobs", "1"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    output = capfd.readouterr().out
    assert "0 faults" in output
    assert end.value.code == 0
    assert output.count("killed the driver") == 3

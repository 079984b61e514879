"""research/scripts/compare_runs.py: what a tenth of a recipe is held against its log with."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "research" / "scripts" / "compare_runs.py"


def run(folder: Path, scores: dict[int, tuple[float, float]]) -> str:
    """Write a log of a mean and of one kind of validation by step."""
    writer = pytest.importorskip("torch.utils.tensorboard").SummaryWriter(folder)
    for step, (mean, one) in scores.items():
        writer.add_scalar("val/stft_to_mono", mean, step)
        writer.add_scalar("val/one/stft_to_mono", one, step)
        writer.add_scalar("val/one/snr", 3.0, step)
    writer.close()
    return str(folder)


@pytest.mark.parametrize(("tenth", "status", "worst"), [(0.505, 0, "0.0050"), (0.6, 1, "0.1000")])
def test_common_steps_are_compared(tenth, status, worst, tmp_path, monkeypatch, capsys) -> None:
    long = run(tmp_path / "long", {1200: (0.9, 0.8), 2400: (0.7, 0.5), 3600: (0.4, 0.3)})
    short = run(tmp_path / "short", {1200: (0.9, 0.8), 2400: (0.7, tenth)})
    monkeypatch.setattr(sys, "argv", ["compare_runs.py", long, short])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert end.value.code == status
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "| step | mean | one |"
    assert said[3] == f"| 2,400 | 0.700 / 0.700 | 0.500 / {tenth:.3f} |"
    assert said[-1] == f"largest difference: {worst}"


def test_runs_without_a_common_validation_are_refused(tmp_path, monkeypatch, capsys) -> None:
    runs = [run(tmp_path / str(step), {step: (0.5, 0.5)}) for step in (1, 2)]
    monkeypatch.setattr(sys, "argv", ["compare_runs.py", *runs])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert end.value.code == 1
    assert "no validation that all of these runs have" in capsys.readouterr().err

"""research/scripts/zoo.py: which trainings it starts, skips and refuses, and its table."""

import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from ccstereo.evaluation import RowScore
from ccstereo.metrics.statistics import Estimate
from ccstereo.models import Cost
from ccstereo.training.configs import read_configs

SCRIPT = Path(__file__).parents[2] / "research" / "scripts" / "zoo.py"


@pytest.fixture
def zoo(tmp_path, monkeypatch, capsys):
    """Run the script in a folder where trainings are recorded instead of run."""
    started: list[list[str]] = []

    def train(command: list[str], check: bool) -> SimpleNamespace:
        started.append(command)
        weights = Path(command[command.index("--trainer.default_root_dir") + 1]) / "weights"
        weights.mkdir()
        (weights / "model.safetensors").touch()
        return SimpleNamespace(returncode=0)

    def run(*arguments: str) -> tuple[int, list[list[str]], str]:
        started.clear()
        monkeypatch.setattr("sys.argv", ["zoo.py", *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return int(end.value.code or 0), started, "".join(capsys.readouterr())

    monkeypatch.setattr(subprocess, "run", train)
    monkeypatch.chdir(tmp_path)
    return run


def test_all_rows_share_steps_scenes_and_cache(zoo) -> None:
    command = ("--folder", "stage", "--steps", "30", "--seeds", "1", "2", "--trainer.precision", "32-true")
    status, started, _ = zoo(*command)
    assert status == 0
    assert len(started) == 22
    for training in started:
        configs = [training[i + 1] for i, part in enumerate(training) if part == "--config"]
        assert read_configs(configs)["model"]["init_args"]["frozen_trunk"]
        options = dict(zip(training[::-1][1:], training[::-1], strict=False))
        assert options["--trainer.max_steps"] == "30"
        assert options["--data.folder"] == "runs/zoo/cache"
        assert options["--trainer.precision"] == "32-true"
        assert f"--data.stage.folder={Path('stage').resolve()}" in training
    frozen = next(training for training in started if "runs/zoo/sagm-frozen-2" in training)
    assert frozen[frozen.index("--model.init") + 1] == "runs/zoo/sagm-2/weights"
    assert zoo(*command)[1] == []
    status, started, said = zoo("--folder", "stage", "--steps", "31")
    assert (status, started) == (1, [])
    assert "trained with other options" in said


def test_the_table() -> None:
    table = runpy.run_path(str(SCRIPT))["table"]
    found = {"stft_to_mono": Estimate(0.5, 0.4, 0.6, 9), "mrstft": Estimate(1.0, 0.9, 1.1, 9), "spl": None}
    rows = [
        RowScore("one", name, 9, {**found, "louder_ear": Estimate(0.9, 0.8, 1.0, 9)}) for name in ("a", "Mono-Mono")
    ]
    lines = table(rows, {"a": Cost(9_700_000, 1, 1, 0, 27e9)}).splitlines()
    assert lines[2] == (
        "| one (9) | a | 9.7 M | 27 G/s | 0.500 [0.400, 0.600] | 1.000 [0.900, 1.100] | - | 90.0 [80.0, 100.0] |"
    )
    assert "| one (9) | Mono-Mono | - | - |" in lines[3]

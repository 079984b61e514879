"""research/scripts/ablation.py: which trainings it starts, skips, resumes and refuses; the tables of their scores."""

import json
import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.evaluation import Mono, Oracle, Run, make_benchmark, score, summarise
from ccstereo.models import create_model, save_model

SCRIPT = Path(__file__).parents[2] / "research" / "scripts" / "ablation.py"


@pytest.fixture(autouse=True)
def _beside_the_script(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))  # as for a script that is run


@pytest.fixture
def ablation(tmp_path, monkeypatch, capsys):
    """Run the script in a folder where trainings are recorded instead of run; `fail` names one that stops half-way."""
    started: list[list[str]] = []
    state = SimpleNamespace(fail="", said="", started=started)

    def train(command: list[str], check: bool) -> SimpleNamespace:
        folder = Path(command[command.index("--trainer.default_root_dir") + 1])
        started.append(command)
        (folder / "last.ckpt").touch()
        if state.fail == folder.name:
            return SimpleNamespace(returncode=130)
        (folder / "weights").mkdir()
        (folder / "weights" / "model.safetensors").touch()
        return SimpleNamespace(returncode=0)

    def run(*arguments: str) -> int:
        started.clear()
        monkeypatch.setattr("sys.argv", ["ablation.py", *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        state.said = "".join(capsys.readouterr())
        return int(end.value.code or 0)

    monkeypatch.setattr(subprocess, "run", train)
    monkeypatch.chdir(tmp_path)
    return run, state


def test_all_rows_and_seeds_with_the_same_options(ablation) -> None:
    run, state = ablation
    assert run("--folder", "stage", "--steps", "30", "--seeds", "1", "2", "--data.room_fraction", "0.3") == 0
    assert len(state.started) == 10
    rows = [command[command.index("--config", command.index("--config") + 1) + 1] for command in state.started[:5]]
    assert rows == [f"ablation/{r}" for r in ("mono2binaural", "baseline", "avad", "reconstruction", "contrastive")]
    for command, seed in zip(state.started, "1111122222", strict=True):
        options = dict(zip(command[::-1][1::1], command[::-1], strict=False))
        assert options["--seed_everything"] == options["--data.seed"] == seed
        assert options["--trainer.max_steps"] == "30"
        assert options["--data.room_fraction"] == "0.3"
        assert f"--data.folder={Path('stage').resolve()}" in command
        assert "--ckpt_path" not in command


def test_scores_become_tables(ablation, tmp_path, monkeypatch) -> None:
    """Real scores of tiny weights on a tiny benchmark; only the trainings are recorded instead of run."""
    run, state = ablation
    made = make_benchmark(tmp_path / "bench", rows=["one", "two"], scenes=2, seconds=0.7)
    monkeypatch.setattr("ccstereo.evaluation.make_benchmark", lambda *_, **__: made)
    for row in ("baseline-1", "baseline-2", "avad-1", "avad-2"):
        torch.manual_seed(len(row))
        save_model(create_model("ccstereo-lite"), Path("runs/ablation") / row / "weights")
        wanted = {"row": row[:-2], "seed": int(row[-1]), "config": "stage-ablation", "steps": 1000, "more": []}
        (Path("runs/ablation") / row / "ablation.json").write_text(json.dumps(wanted))
    assert run("--rows", "baseline", "avad", "--seeds", "1", "2", "--bench", "bench") == 0
    assert not state.started
    text = Path("runs/ablation/table.md").read_text()
    assert text.strip() in state.said
    systems = ["Mono-Mono", "baseline", "+ TDSS", "+ AVAD", DEFAULT_WEIGHTS, "oracle (mask to 2.5)"]
    assert [line.split(" | ")[0].strip("| ") for line in text.splitlines()[6:12]] == systems
    assert text.count("| baseline → + TDSS |") == text.count("| + TDSS → + AVAD |") == 1
    by_seed = text.split("seed by seed")[1]
    assert [line.split(" | ")[0].strip("| ") for line in by_seed.splitlines() if "seed" in line] == [
        f"{row}, seed {seed}" for row in ("baseline", "+ TDSS", "+ AVAD") for seed in (1, 2)
    ]
    record = json.loads(Path("runs/ablation/scores.json").read_text())
    assert [system["name"] for system in record["systems"]][1:4] == [
        *("baseline, seed 1", "baseline, seed 2", "+ TDSS, seed 1"),
    ]
    assert [system.get("tdss") for system in record["systems"]][1:4] == [False, False, True]


def test_a_stopped_row_goes_on_and_done_ones_are_skipped(ablation) -> None:
    run, state = ablation
    state.fail = "avad-1"
    assert run("--rows", "baseline", "avad", "contrastive") == 130
    assert len(state.started) == 2
    state.fail = ""
    assert run("--rows", "baseline", "avad", "contrastive") == 0
    assert [command[-2:] == ["--ckpt_path", "last"] for command in state.started] == [True, False]
    assert run("--rows", "baseline", "avad", "contrastive") == 0
    assert not state.started


def test_weights_of_other_options_are_not_taken_for_these(ablation) -> None:
    run, state = ablation
    assert run("--rows", "avad") == 0
    assert run("--rows", "avad", "--steps", "5") == 1
    assert "trained with other options" in state.said
    assert not state.started


def test_the_mean_over_seeds_is_taken_scene_by_scene() -> None:
    seeds = {
        "1": {"stft": np.array([1.0, 2.0]), "azimuth_error": np.array([np.nan, 4.0])},
        "2": {"stft": np.array([2.0, 4.0]), "azimuth_error": np.array([np.nan, 8.0])},
        "mono": {"stft": np.array([9.0, 9.0]), "azimuth_error": np.array([9.0, 9.0])},
    }
    mean_over_seeds = runpy.run_path(str(SCRIPT))["mean_over_seeds"]
    found = mean_over_seeds(Run({"a": "one", "b": "one"}, seeds), {"ours": ["1", "2"]}).scores
    assert list(found) == ["ours", "mono"]
    assert found["ours"]["stft"].tolist() == [1.5, 3.0]
    assert found["ours"]["azimuth_error"][1] == 6.0
    assert np.isnan(found["ours"]["azimuth_error"][0])


def test_gains_are_differences_on_the_same_scenes(tmp_path) -> None:
    made = make_benchmark(tmp_path / "bench", rows=["one", "two"], scenes=2, seconds=0.7)
    run = score({"mono": Mono(), "papers": Oracle(), "ours": Oracle(3.0)}, made)
    rows = summarise(run)
    changed = runpy.run_path(str(SCRIPT))["gains"](run, [("mono", "papers"), ("papers", "ours")]).splitlines()
    assert changed[0] == "| system | one | two |"
    value = {row.row: row.scores["stft_to_mono"].value for row in rows if row.system == "papers"}
    assert changed[2].startswith("| mono → papers | ")
    assert float(changed[2].split(" | ")[1].split()[0]) == pytest.approx(value["one"] - 1, abs=6e-4)

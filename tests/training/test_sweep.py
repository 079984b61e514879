"""Seeds and values of options in one command."""

import os
from pathlib import Path

import pytest

from ccstereo.cli.main import main
from ccstereo.errors import UsageError
from ccstereo.models import load_model
from ccstereo.training.sweep import swept


def test_every_combination_has_its_folder() -> None:
    found = swept(["--sweep", "seed_everything=1,2", "--sweep=model.learning_rate=1e-3,5e-4", "--config", "lite-stage"])
    assert [name for name, _ in found] == [
        *("seed_everything=1,learning_rate=1e-3", "seed_everything=1,learning_rate=5e-4"),
        *("seed_everything=2,learning_rate=1e-3", "seed_everything=2,learning_rate=5e-4"),
    ]
    assert found[1][1] == [
        *("--config", "lite-stage", "--seed_everything=1", "--model.learning_rate=5e-4"),
        "--trainer.default_root_dir=runs/sweep/seed_everything=1,learning_rate=5e-4",
    ]
    assert swept(["--config", "lite-stage"]) == []


@pytest.mark.parametrize("value", ["seed_everything", "seed_everything=", "=1", "seed_everything=1,,2"])
def test_what_is_no_sweep_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="expected NAME=VALUE,VALUE"):
        swept(["--sweep", value])


def test_two_seeds_give_two_weights(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
    monkeypatch.setenv("CCSTEREO_IMPORT", "")
    short = [
        *("--config", "lite-stage", "--import", "tiny_models", "--model.model", "tiny-mid-side"),
        *("--model.imagenet", "false", "--model.frozen_trunk", "false", "--trainer.max_steps", "1"),
        *("--data.batch_size", "2", "--data.epoch_size", "4", "--data.validation_size", "1", "--data.workers", "0"),
        *("--data.windows_per_frame", "1", "--trainer.precision", "32-true", "--trainer.logger", "false"),
        *("--trainer.enable_progress_bar", "false", "--trainer.default_root_dir", "out"),
    ]
    assert main(["train", *short, "--sweep", "seed_everything=1,2"]) == 0
    import tiny_models  # noqa: F401 - so that its weights load

    first, second = (load_model(f"out/seed_everything={seed}/weights").mask.weight for seed in (1, 2))
    assert (first != second).any()

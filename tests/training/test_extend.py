"""The examples of docs/extend.md, one file, through the real command line."""

import re
from pathlib import Path

import pytest
import torch

from ccstereo.cli.main import main
from ccstereo.models import load_model

PAGE = Path(__file__).parents[2] / "docs" / "extend.md"


@pytest.fixture
def _mine(tmp_path: Path, monkeypatch, own_registrations) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 4
    (tmp_path / "mine.py").write_text("\n".join(blocks))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("_mine")
def test_the_page_on_code_of_ones_own(told: list[str]) -> None:
    options = [
        *("--import", "mine", "--config", "lite-stage", "--model.model", "mine", "--data", "mine.NoiseData"),
        *("--data.size", "8", "--model.imagenet", "false", "--model.frozen_trunk", "false"),
        *("--model.weights.loudness", "0.5", "--trainer.max_steps", "2", "--trainer.precision", "32-true"),
        *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
        *("--trainer.default_root_dir", "run", "--trainer.log_every_n_steps", "1", "--trainer.logger", "false"),
    ]
    assert main(["train", *options]) == 0
    assert any("only simulated scenes know" in message for message in told)
    model = load_model("run/weights")
    assert (model.name, model.target.name) == ("mine", "left-right")
    config = (Path("run") / "config.yaml").read_text()
    assert "loudness: 0.5" in config

    from ccstereo.evaluation import SCORES

    score = SCORES["peak"].function
    item = type("Item", (), {"ears": torch.full((2, 10), 0.5)})
    assert score(torch.ones(3, 2, 10), item, None).tolist() == [0.5] * 3

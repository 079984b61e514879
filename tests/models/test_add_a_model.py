"""The code of docs/add-a-model.md: registered from a file of one's own, trained, listed and used."""

import re
import sys
from pathlib import Path

import pytest

from ccstereo.cli.main import main
from ccstereo.models import load_model

PAGE = Path(__file__).parents[2] / "docs" / "add-a-model.md"
TRUNK = "{trunk: slim, trunk_channels: [8, 8, 8], trunk_strides: [4, 2, 2], resize: [60, 120], frame_size: [56, 112]}"


@pytest.fixture
def _gated(tmp_path: Path, monkeypatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "gated.py").write_text(block)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CCSTEREO_IMPORT", "")
    sys.modules.pop("gated", None)


@pytest.mark.usefixtures("_gated")
def test_the_page_on_adding_a_model(clip: Path, capsys) -> None:
    pytest.importorskip("lightning")
    stage = "{batch_size: 4, windows_per_frame: 2, epoch_size: 8, validation_size: 1, workers: 0}"
    options = [
        *("--import", "gated", "--config", "zoo/stage", "--model.model", "gated", "--model.model_config", TRUNK),
        *("--model.imagenet", "false", "--data.items", "2", "--data.folder", "cache"),
        f"--config={{data: {{init_args: {{stage: {{init_args: {stage}}}}}}}}}",
        *("--trainer.max_steps", "1", "--trainer.precision", "32-true", "--trainer.logger", "false"),
        *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
        *("--trainer.num_sanity_val_steps", "0", "--trainer.default_root_dir", "run"),
    ]
    assert main(["train", *options]) == 0
    model = load_model("run/weights")
    assert model.name == "gated"
    assert main(["binauralize", str(clip), "-o", "out.mp4", "--weights", "run/weights", "-q"]) == 0
    from ccstereo.models.cost import cost_of
    from ccstereo.models.registry import model_source

    assert model_source("gated") == "docs/add-a-model.md"
    assert cost_of("gated").per_second > 0

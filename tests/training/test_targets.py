"""Models of every target, one of them with clips and a buffer that is not saved, through the real command line."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from ccstereo.cli.main import main
from ccstereo.models import load_model
from ccstereo.training.scores import SUMS, score_sums, scores_of
from ccstereo.training.task import SpatialTask
from small import SMALL_OF

MODELS = ("tiny-mid-side", "tiny-left-right", "tiny-foa")
SHORT = [
    *("--import", "tiny_models", "--trainer.max_steps", "2", "--trainer.precision", "32-true"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--data.batch_size", "2", "--data.epoch_size", "4", "--data.validation_size", "2", "--data.workers", "0"),
    *("--model.imagenet", "false", "--model.frozen_trunk", "false", "--trainer.default_root_dir", "run"),
]


@pytest.fixture
def _folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCSTEREO_IMPORT", "")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), {"images": 0, "audio": 0})
    events.Reload()
    tags = events.Tags()
    assert tags["images"]
    assert tags["audio"]
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize("model", MODELS)
def test_two_steps_on_simulated_scenes(model: str, told: list[str]) -> None:
    options = ["--config", "lite-stage", "--model.model", model, "--data.windows_per_frame", "2"]
    assert main(["train", *options, *SHORT, "--trainer.log_every_n_steps", "1"]) == 0
    assert told[0].startswith("Skipped terms of the objective: contrastive; the model does not fuse features")
    trained = load_model("run/weights")
    assert trained.name == model
    assert trained.target.name == model.removeprefix("tiny-")
    logged = scalars(Path("run"))
    assert logged["val/one/stft_to_mono"][0][0] == 0
    assert ("val/one/louder_ear" in logged) == trained.target.has_ears
    for name in ("train/loss", "train/phase", "train/learning_rate", "val/difference", "val/one/snr"):
        assert all(np.isfinite(value) for _, value in logged[name]), name


@pytest.mark.usefixtures("_folder")
def test_morgado_as_its_config_has_it_in_small() -> None:
    """One step on scenes in ambisonics, in its paper's loss alone."""
    small = ["--model.model_config", json.dumps(SMALL_OF["morgado2018"]), "--trainer.log_every_n_steps", "1"]
    assert main(["train", "--config", "morgado/stage", *SHORT, *small, "--trainer.max_steps", "1"]) == 0
    trained = load_model("run/weights")
    assert (trained.name, trained.target.name) == ("morgado2018", "foa")
    assert all(weight.isfinite().all() for weight in trained.parameters())
    logged = scalars(Path("run"))
    assert logged["train/loss"] == logged["train/difference"]
    before, after = (value for _, value in logged["val/one/stft_to_mono"])
    assert after != before


@pytest.mark.parametrize("target", ["mid-side", "left-right", "foa"])
def test_validation_scores_are_mono_s_for_a_silent_prediction(target: str) -> None:
    from ccstereo.audio.targets import TARGETS

    chosen = TARGETS[target]
    true = torch.randn(3, len(chosen.channels), 8000, generator=torch.Generator().manual_seed(0))
    mixture = chosen.mixture(true)
    mono = chosen.decode(mixture, chosen.silent_prediction(mixture))
    half = scores_of(score_sums((true + mono) / 2, true, chosen), chosen)
    assert score_sums(mono, true, chosen).shape == (SUMS,)
    assert scores_of(score_sums(mono, true, chosen), chosen)["stft_to_mono"] == pytest.approx(1)
    assert half["stft_to_mono"] == pytest.approx(0.25, rel=1e-4)
    assert scores_of(score_sums(true, true, chosen), chosen)["stft_to_mono"] == pytest.approx(0, abs=1e-6)
    assert ("louder_ear" in half) == chosen.has_ears
    noise = (true - (true + mono) / 2).square().mean((1, 2))
    expected = (10 * torch.log10(true.square().mean((1, 2)) / noise)).mean()
    assert half["snr"] == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize("config", ["lite-stage", "ccstereo-stage", "mono2binaural", "stage-ablation"])
def test_every_config_trains_a_tiny_model(config: str) -> None:
    options = ["--config", config, "--model.model", "tiny-mid-side", "--model.model_config", "null"]
    ends = ["--trainer.max_epochs", "1", "--data.windows_per_frame", "2", "--trainer.logger", "false"]
    assert main(["train", *options, *SHORT, *ends]) == 0
    assert load_model("run/weights").name == "tiny-mid-side"


@pytest.mark.usefixtures("_folder")
def test_material_of_a_folder() -> None:
    rng = np.random.default_rng(0)
    for kind in ("photos/cat", "photos/dog", "backgrounds"):
        Path("stage", kind).mkdir(parents=True)
        for i in range(6):
            Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).save(Path("stage", kind, f"{i}.png"))
    for kind in ("cat", "dog"):
        Path("stage/sounds", kind).mkdir(parents=True)
        for i in range(6):
            soundfile.write(Path("stage/sounds", kind, f"{i}.wav"), 0.1 * rng.standard_normal(16_000), 16_000)
    options = ["--config", "lite-stage", "--model.model", "tiny-mid-side", "--data.windows_per_frame", "2"]
    more = ["--data.folder", "stage", "--data.footage.blurred", "0.5", "--trainer.logger", "false"]
    assert main(["train", *options, *SHORT, *more]) == 0
    assert load_model("run/weights").name == "tiny-mid-side"


def test_the_model_is_configured_where_it_is() -> None:
    """Before Lightning moves a model to the GPU, it says that it is there already."""
    task = SpatialTask("ccstereo-lite", SMALL_OF["ccstereo-lite"], weights={"difference": 1.0, "classes": 1.0})
    task._trainer = SimpleNamespace(datamodule=SimpleNamespace(labels=["dog", "clock"]))
    task._device = torch.device("meta")
    task.configure_model()
    assert {parameter.device.type for parameter in task.parameters()} == {"cpu"}
    assert len(task.heads.state_dict()) > 0

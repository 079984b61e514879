"""PseudoBinaural's boosting: batches of recordings and simulated pairs, for any model, through the command line."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_models  # noqa: F401 - whose models are registered
from ccstereo.cli.main import main
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.errors import CCStereoError
from ccstereo.training.boosting import joined
from ccstereo.training.task import SpatialTask

QUIET = [
    *("--model.model", "tiny-mid-side", "--model.imagenet", "false", "--model.frozen_trunk", "false"),
    *("--model.weights", "{difference: 1.0}", "--trainer.max_steps", "2", "--trainer.precision", "32-true"),
    *("--trainer.logger", "false", "--trainer.enable_progress_bar", "false"),
    *("--trainer.enable_model_summary", "false", "--trainer.default_root_dir", "run"),
]


def clips(source: Source, gain: float):
    noise = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    sound = np.stack([noise, gain * noise]).astype(np.float32)
    yield Clip(source.key, sound, [encode_jpeg(np.full((240, 480, 3), 90, np.uint8))] * 10)


def make(folder: Path, gain: float) -> Path:
    folds = {"default": {"train": ["a", "b"], "val": ["c"], "test": []}}
    sources = [Source(name, ()) for name in "abc"]
    prepare(sources, partial(clips, gain=gain), folder, SetInfo("noises"), folds=lambda _: folds)
    return folder


def test_a_batch_has_both_at_their_fraction(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("real"), 1.0)
    make(Path("pseudo"), 0.25)
    batches, step = [], SpatialTask.training_step

    def noting(task: SpatialTask, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        batches.append(batch["sound"])
        return step(task, batch, batch_idx)

    monkeypatch.setattr(SpatialTask, "training_step", noting)
    sizes = ["--data.real.batch_size", "1", "--data.pseudo.batch_size", "2"]
    paths = ["--data.real.path", "real", "--data.pseudo.path", "pseudo"]
    mirrors = ["--data.real.mirror", "false", "--data.pseudo.mirror", "false"]
    workers = ["--data.real.workers", "0", "--data.pseudo.workers", "0"]
    config = ["--config", "lite-stage", "--config", "pseudobinaural/boosted"]
    assert main(["train", *config, *QUIET, *sizes, *paths, *mirrors, *workers]) == 0
    assert len(batches) == 2
    for sound in batches:
        loudness = sound.square().mean(-1).sqrt()
        torch.testing.assert_close(loudness[:, 1] / loudness[:, 0], torch.tensor([1.0, 0.25, 0.25]), atol=0.01, rtol=0)
    assert Path("run/weights/model.safetensors").is_file()


def test_without_any_recording(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("pseudo"), 0.25)
    config = ["--config", "lite-stage", "--config", "pseudobinaural/alone", "--data.path", "pseudo"]
    assert main(["train", *config, *QUIET, "--data.batch_size", "1", "--data.workers", "0"]) == 0


def test_windows_a_frame_must_agree() -> None:
    one = {"frame": torch.zeros(2), "sound": torch.zeros(2)}
    with pytest.raises(CCStereoError, match="windows_per_frame 1"):
        joined(one, {"frame": torch.zeros(2), "sound": torch.zeros(8)})

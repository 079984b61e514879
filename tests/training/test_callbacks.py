"""Training from Python, with a Trainer and this library's callbacks."""

import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch.utils.data import Dataset

from ccstereo.audio import STFTConfig
from ccstereo.datasets.stage import StageWindows, collate_windows
from ccstereo.errors import WeightsError
from ccstereo.models import create_model, load_model, save_model
from ccstereo.training.callbacks import (
    AverageWeights,
    BestCheckpoint,
    ExportWeights,
    LastCheckpoint,
    LogProgress,
    SeededSteps,
    spectrogram_image,
)
from ccstereo.training.loading import FreshLoader, FreshSampler
from ccstereo.training.profilers import WaitingProfiler
from ccstereo.training.schedules import PolynomialDecay
from ccstereo.training.stage_data import StageData
from ccstereo.training.task import SpatialTask
from small import SMALL

STEPS = 5
DATA = {"batch_size": 2, "validation_size": 2, "epoch_size": 400, "workers": 0}


def trainer(folder: Path, *callbacks, steps: int = STEPS, **options) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_steps=steps,
        callbacks=list(callbacks),
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        **options,
    )


def test_a_trainer_exports_its_weights(tmp_path: Path) -> None:
    """Checkpoints are read with `weights_only=True`, so they must hold nothing but plain values and tensors."""
    weights = {"difference": 1.0, "phase": 1.0}
    task = SpatialTask("ccstereo-lite", SMALL, weights=weights, learning_rate=0.01)
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    callbacks = (BestCheckpoint(), LastCheckpoint(), AverageWeights(0.99), ExportWeights())
    trainer(tmp_path, *callbacks, steps=3).fit(task, StageData(**DATA))
    exported = load_model(tmp_path / "weights").state_dict()
    assert max((exported[name] - before[name]).abs().max() for name in before if "audio_encoder" in name) > 0.005
    assert (tmp_path / "best.ckpt").exists()


def test_without_validation_the_last_weights_are_exported(tmp_path: Path) -> None:
    task = SpatialTask("ccstereo-lite", SMALL, weights={"difference": 1.0})
    trainer(tmp_path, LastCheckpoint(), ExportWeights(), limit_val_batches=0, steps=2).fit(task, StageData(**DATA))
    exported = load_model(tmp_path / "weights").state_dict()
    assert all(torch.equal(value, task.model.state_dict()[name]) for name, value in exported.items())


@pytest.mark.parametrize("seed", [3, 4])
def test_a_run_in_two_legs_is_one_run_where_steps_are_seeded(tmp_path: Path, seed: int) -> None:
    """Colours and dropped contexts are random; of another seed they are others."""

    def train(folder: Path, steps: int, seed: int, checkpoint: Path | None = None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        options = {"power": 0.0, "total_steps": 100}
        task = SpatialTask(
            "ccstereo-lite",
            SMALL,
            weights={"difference": 1.0},
            learning_rate=0.01,
            lr_scheduler=lambda optimizer: PolynomialDecay(optimizer, **options),
        )
        callbacks = (LastCheckpoint(), AverageWeights(0.99), SeededSteps(seed))
        fit = trainer(folder, *callbacks, limit_val_batches=0, steps=steps)
        fit.fit(task, StageData(**DATA), ckpt_path=checkpoint, weights_only=False)
        return {name: value.clone() for name, value in task.model.state_dict().items()}

    whole = train(tmp_path / "whole", 4, 3)
    train(tmp_path / "legs", 2, seed)
    torch.rand(7)
    legs = train(tmp_path / "legs", 4, seed, tmp_path / "legs" / "last.ckpt")
    assert all(torch.equal(value, legs[name]) for name, value in whole.items()) == (seed == 3)


def test_the_average_begins_at_the_first_step(tmp_path: Path) -> None:
    """Weights and statistics, and after n steps (1 + n) / (10 + n) of it is kept, the decay at most."""
    average, seen = AverageWeights(0.25), []

    class Record(Callback):
        def on_train_batch_end(self, _, pl_module, *__) -> None:
            names = ("model.decoder.last.weight", "model.audio_encoder.levels.0.1.running_mean")
            states = (pl_module.state_dict(), average._average_model.module.state_dict())
            seen.append([torch.cat([state[name].flatten() for name in names]).clone() for state in states])

    task = SpatialTask("ccstereo-lite", SMALL, weights={"difference": 1.0}, learning_rate=0.1)
    trainer(tmp_path, average, Record(), limit_val_batches=0, steps=4).fit(task, StageData(**DATA))
    expected = seen[0][0]
    for (current, averaged), kept in zip(seen, (0.0, 2 / 11, 0.25, 0.25), strict=True):
        expected = kept * expected + (1 - kept) * current
        torch.testing.assert_close(averaged, expected)
    assert (seen[-1][0] - seen[-1][1]).abs().max() > 0.01
    with pytest.raises(ValueError, match="decay"):
        AverageWeights(1.0)


def test_the_last_checkpoint_waits_for_its_seconds(tmp_path: Path, monkeypatch) -> None:
    saved = []
    monkeypatch.setattr(Trainer, "save_checkpoint", lambda trainer, *_, **__: saved.append(trainer.global_step))
    for seconds in (0.0, 3600.0):
        task = SpatialTask("ccstereo-lite", SMALL, weights={"difference": 1.0})
        callback = LastCheckpoint(every_n_train_steps=1, least_seconds=seconds)
        trainer(tmp_path, callback, limit_val_batches=0, steps=3).fit(task, StageData(**DATA))
    assert saved == [1, 2, 3, 3]  # the last one is that of the end


class Slow(Dataset):
    """Makes each item anew from one that is ready, after a while."""

    def __init__(self, item: dict[str, torch.Tensor], seconds: float) -> None:
        self.item, self.seconds = item, seconds

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        time.sleep(self.seconds)
        return self.item


class SlowTask(SpatialTask):
    """A step that takes a known time at least."""

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        time.sleep(0.05)
        return super().training_step(batch, batch_idx)


class SlowData(StageData):
    seconds = 0.0

    def train_dataloader(self) -> FreshLoader:
        ready = Slow(self.training[0], self.seconds)
        return FreshLoader(ready, 2, FreshSampler(2 * STEPS), collate=collate_windows)


@pytest.mark.parametrize(("seconds", "low", "high"), [(0.0, 0.0, 0.1), (0.3, 0.5, 1.0)])
def test_a_slow_loader_shows(seconds: float, low: float, high: float, tmp_path) -> None:
    data, waiting = SlowData(**DATA), WaitingProfiler()
    data.seconds = seconds
    run = trainer(tmp_path, LogProgress(), profiler=waiting, enable_checkpointing=False, log_every_n_steps=1)
    run.fit(SlowTask("ccstereo-lite", SMALL, weights={"difference": 1.0}), data)
    assert low <= waiting.fraction <= high
    assert run.callback_metrics["train/waiting"] == pytest.approx(waiting.fraction, abs=0.2)
    assert waiting.summary() == f"Of the time of training, {waiting.fraction:.1%} was waiting for data."


def test_validation_scenes_are_made_once(tmp_path: Path, monkeypatch) -> None:
    made, make = [], StageWindows.__getitem__

    def noting(self: StageWindows, index: int) -> dict[str, torch.Tensor]:
        made.append((self.seed, index))
        return make(self, index)

    monkeypatch.setattr(StageWindows, "__getitem__", noting)
    data = StageData(**DATA | {"epoch_size": 2})
    trainer(tmp_path, enable_checkpointing=False, steps=3).fit(SpatialTask("ccstereo-lite", SMALL), data)
    of_validation = [item for item in made if item[0] > 1_000_000]
    assert len(of_validation) == len(set(of_validation)) == 4
    assert set(data.validation[0][0]) == {"frame", "sound"}


def test_the_picture_of_a_spectrogram() -> None:
    tone = torch.sin(torch.arange(16_000) * 2 * torch.pi * 1000 / 16_000)
    image = spectrogram_image(torch.stack([tone, 0.001 * tone]), STFTConfig())
    assert image.shape == (1, 2 * 257, 101)
    assert (image.min(), image.max()) == (0, 1)
    assert int(image[0, :257, 50].argmax()) == 256 - 32  # 1 kHz, counted from the top
    assert image[0, 257:].max() == pytest.approx(0.25, abs=0.02)  # 60 dB below


def test_resuming_with_another_model_is_one_short_line(tmp_path: Path) -> None:
    from ccstereo.errors import WeightsError

    trainer(tmp_path, LastCheckpoint(), steps=1).fit(SpatialTask("ccstereo-lite", SMALL), StageData(**DATA))
    other = SpatialTask("ccstereo-lite", SMALL | {"log_magnitude": True})
    with pytest.raises(WeightsError, match=r"log_magnitude False instead of True\)$"):
        trainer(tmp_path, steps=2).fit(other, StageData(**DATA), ckpt_path=str(tmp_path / "last.ckpt"))


def test_the_command_exports_a_checkpoint(tmp_path: Path, capsys) -> None:
    import argparse

    from ccstereo.cli import export_checkpoint
    from ccstereo.cli.options import Parser

    task = SpatialTask("ccstereo-lite", SMALL, weights={"difference": 1.0})
    trainer(tmp_path, LastCheckpoint(), steps=1).fit(task, StageData(**DATA))
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(parser_class=Parser)
    export_checkpoint.add_parser(commands)
    out = tmp_path / "out"
    options = parser.parse_args(["export-checkpoint", str(tmp_path / "last.ckpt"), "-o", str(out), "--half"])
    assert options.run(options) == 0
    assert f"--weights {out}" in capsys.readouterr().out
    assert load_model(out).name == "ccstereo-lite"
    with pytest.raises(WeightsError, match=r"out: holds weights already; .*--overwrite"):
        options.run(options)
    full = save_model(create_model("ccstereo-lite", **SMALL), tmp_path / "full") / "model.safetensors"
    assert (out / "model.safetensors").stat().st_size < 0.6 * full.stat().st_size

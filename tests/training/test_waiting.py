"""The share of a training that goes by waiting for data."""

import re
import runpy
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import Dataset

from ccstereo.datasets.stage import collate_windows
from ccstereo.training.data import StageData
from ccstereo.training.loading import FreshLoader, FreshSampler
from ccstereo.training.task import BinauralTask
from ccstereo.training.waiting import WaitingClock
from small import SMALL, TRAIN_SMALL

STEPS = 5
LOADING = Path(__file__).parents[2] / "tools" / "measure_loading.py"


class Slow(Dataset):
    """Makes each item anew from one that is ready, after a while."""

    def __init__(self, item: dict[str, torch.Tensor], seconds: float) -> None:
        self.item, self.seconds = item, seconds

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        time.sleep(self.seconds)
        return self.item


class SlowTask(BinauralTask):
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
    data = SlowData(validation_size=1, workers=0, model="ccstereo-lite", model_config=SMALL)
    data.seconds = seconds
    trainer = Trainer(
        accelerator="cpu",
        max_steps=STEPS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=tmp_path,
    )
    task = SlowTask("ccstereo-lite", SMALL)
    trainer.fit(task, data)
    assert low <= task.clock.share <= high
    assert trainer.callback_metrics["train/waiting"] == pytest.approx(task.clock.share, abs=0.2)


def test_what_is_neither_is_left_out() -> None:
    """A validation between two steps is neither work nor waiting."""
    moments = iter([0.0, 1.0, 2.0, 50.0, 51.0, 53.0])
    clock = WaitingClock(lambda: next(moments))
    clock.wait()
    clock.work()
    clock.wait()
    clock.wait()  # after the validation
    clock.work()
    clock.wait()
    assert (clock.waited, clock.worked) == (2.0, 3.0)
    assert clock.share == pytest.approx(0.4)


def test_nothing_is_no_share() -> None:
    assert WaitingClock().share == 0


def test_the_rate_of_a_loader() -> None:
    def batches():
        while True:
            time.sleep(0.02)
            yield {"binaural": torch.zeros(8, 2, 10)}

    assert 20 < runpy.run_path(str(LOADING))["take"](batches(), 0.3) <= 400


def test_the_rate_of_a_trainings_data_is_said_for_each_number_of_workers(monkeypatch, capsys, tmp_path) -> None:
    options = ["--config", "lite-stage", *TRAIN_SMALL, "--data.batch_size", "4", "--data.epoch_size", "4"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["measure_loading.py", "--workers", "0", "1", "--seconds", "0.2", *options])
    runpy.run_path(str(LOADING), run_name="__main__")
    rates = re.findall(r"^([01]) workers?: (\d+) windows a second$", capsys.readouterr().out, re.M)
    assert [int(workers) for workers, _ in rates] == [0, 1]
    assert all(int(rate) > 0 for _, rate in rates)
    assert not list(tmp_path.iterdir())

"""Trains three steps in a number of processes: `python run_processes.py PROCESSES OUT.pt`; run by a test."""

import sys
import warnings
from pathlib import Path

import torch
from lightning.pytorch import Trainer, seed_everything
from torch import nn

sys.path.append(str(Path(__file__).parents[1]))
import ccstereo.losses.objective
from ccstereo.losses.objective import CCSTEREO
from ccstereo.training.stage_data import StageData
from ccstereo.training.task import ColourAugmentation, SpatialTask
from small import SMALL

STEPS, GLOBAL_BATCH = 3, 4


class FixedNorms(SpatialTask):
    """Norms that do not depend on which items of the batch a process has, and a record of its windows."""

    def train(self, mode: bool = True) -> "FixedNorms":
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self

    def configure_model(self) -> None:
        torch.manual_seed(4)  # what Lightning draws before depends on the strategy
        super().configure_model()

    def on_fit_start(self) -> None:
        self.windows: list[torch.Tensor] = []

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        self.windows += list(batch["sound"])
        return super().training_step(batch, batch_idx)


def main(processes: int, out: str) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    seed_everything(3)
    # The phase term is left out: it is a mean over the bins that count, of which each process has its own number.
    weights = {**CCSTEREO, "phase": 0.0, "columns": 1.0, "relevance": 1.0, "classes": 0.5, "cells": 0.5}
    ccstereo.losses.objective.shuffle_positions = lambda features: features.flip(-1)  # the same in any process
    colour = ColourAugmentation(jitter=0.0)
    task = FixedNorms("ccstereo-lite", SMALL, weights=weights, learning_rate=1e-3, colour=colour)
    # 5 windows a validation: one process has more of them than the other.
    data = StageData(
        batch_size=GLOBAL_BATCH // processes,
        epoch_size=GLOBAL_BATCH * STEPS,
        validation_size=5,
        workers=0,
        windows_per_frame=2,
    )
    trainer = Trainer(
        accelerator="cpu",
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        max_steps=STEPS,
        log_every_n_steps=1,
        precision="32-true",
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, data)
    windows = sorted(window.abs().sum().item() for window in torch.stack(task.windows))
    torch.save(
        {
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
            "weights": task.state_dict(),
            "windows": windows,
        },
        f"{out}.{trainer.global_rank}",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

"""Trains three steps in a number of processes: `python run_processes.py PROCESSES OUT.pt`; run by a test."""

import sys
import warnings
from pathlib import Path

import torch
from lightning.pytorch import Trainer, seed_everything
from torch import nn

sys.path.append(str(Path(__file__).parents[1]))
import ccstereo.training.task
from ccstereo.training.data import StageData
from ccstereo.training.task import BinauralTask, ObjectiveWeights
from small import SMALL

STEPS, GLOBAL_BATCH = 3, 4


class FixedNorms(BinauralTask):
    """Norms that do not depend on which items of the batch a process has, and a record of what it sees."""

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
        self.heard: list[torch.Tensor] = []

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        self.heard += list(batch["binaural"])
        return super().training_step(batch, batch_idx)


def main(processes: int, out: str) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    seed_everything(3)
    # The phase term is left out: it is a mean over the bins that count, of which each process has its own number.
    weights = ObjectiveWeights(1.0, 0.005, 0.0, 0.1, 1.0, 1.0, 0.5, 0.5)
    ccstereo.training.task.shuffle_positions = lambda features: features.flip(-1)  # the same in any process
    task = FixedNorms("ccstereo-lite", SMALL, weights=weights, learning_rate=1e-3, jitter_range=0.0)
    # 5 windows a validation: one process has more of them than the other.
    data = StageData(
        batch_size=GLOBAL_BATCH // processes,
        epoch_size=GLOBAL_BATCH * STEPS,
        validation_size=5,
        workers=0,
        sounds=2,
        model="ccstereo-lite",
        model_config=SMALL,
    )
    trainer = Trainer(
        accelerator="cpu",
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        max_steps=STEPS,
        precision="32-true",
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, data)
    heard = sorted(window.abs().sum().item() for window in torch.stack(task.heard))
    torch.save(
        {
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
            "weights": task.state_dict(),
            "heard": heard,
        },
        f"{out}.{trainer.global_rank}",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

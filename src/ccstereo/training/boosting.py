"""Batches of recordings and of simulated pairs: PseudoBinaural's boosting (Xu et al., CVPR 2021), for any model."""

from typing import Any

import torch
from lightning.pytorch import LightningDataModule

from ccstereo.errors import CCStereoError
from ccstereo.training.task import Batch
from ccstereo.training.window_data import WindowData


class BoostedData(LightningDataModule):
    """Every batch has windows of both data: as many of each as its own `batch_size` says.

    The released code takes each item from the pseudo-binaural list with probability 0.5; here the fraction of a batch
    is exact, pseudo.batch_size / (real.batch_size + pseudo.batch_size). The shorter data begin again until the longer
    ones end.

    Args:
        real: recordings, which also validate.
        pseudo: pairs that `ccstereo simulate` has made of mono sounds and photos, or simulated scenes.
    """

    def __init__(self, real: WindowData, pseudo: WindowData) -> None:
        super().__init__()
        self.real, self.pseudo = real, pseudo
        self.validation_names = real.validation_names
        self.labels: list[str] = []  # of recordings nobody knows what is where

    def prepare_data(self) -> None:
        """See `WindowData`."""
        self.setup()

    def setup(self, stage: str | None = None) -> None:
        """Make both data for the task's model."""
        for data in (self.real, self.pseudo):
            data.trainer = self.trainer
            data.setup(stage)

    def train_dataloader(self) -> dict[str, Any]:
        """Both loaders, whose batches `on_before_batch_transfer` joins."""
        return {"real": self.real.train_dataloader(), "pseudo": self.pseudo.train_dataloader()}

    def val_dataloader(self) -> Any:
        """Those of the recordings."""
        return self.real.val_dataloader()

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:  # noqa: ARG002 - Lightning's signature
        """Join the batches of both data; a batch of validation stays as it is."""
        return joined(batch["real"], batch["pseudo"]) if "real" in batch else batch


def joined(one: Batch, other: Batch) -> Batch:
    """One batch of two: of what both have, the items of the first, then those of the second.

    Raises:
        CCStereoError: they have different numbers of windows a frame.

    >>> joined({"frame": torch.zeros(1), "sound": torch.ones(2), "cells": torch.ones(1)},
    ...        {"frame": torch.ones(1), "sound": torch.zeros(2)})
    {'frame': tensor([0., 1.]), 'sound': tensor([1., 1., 0., 0.])}
    """
    counts = {len(batch["sound"]) / len(batch["frame"]) for batch in (one, other)}
    if len(counts) > 1:
        raise CCStereoError("both data need the same windows per frame: give --data.pseudo.windows_per_frame 1")
    return {name: torch.cat([one[name], other[name]]) for name in one if name in other}

"""What data of windows have in common, wherever the windows come from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, cast

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from ccstereo.models.base import SpatialModel
from ccstereo.training.loading import (
    FreshLoader,
    FreshSampler,
    Item,
    SplitSampler,
    check_counts,
    place_of,
    workers_of,
)

Collate = Callable[[Sequence[Item]], Item]


class WindowData(LightningDataModule, ABC):
    """Data that are made for the model of the trainer's task.

    Batches are dictionaries; B is the number of frames, R of windows of sound for each:
        frame: (B, 3, h, w) uint8, or (B, N, 3, h, w) for models that take clips of N frames; floating point is what a
            frozen trunk has made of them, (B, C, h', w') or (B, N, C, h', w').
        previous: the same, a frame earlier; for the contrastive term.
        sound: (B R, C, T) float32, channels as the model's target has them, its mixture at the model's RMS.
        context: (B R, T') the mixture around the windows at that RMS by itself, for models that take one.
        columns, classes, present, cells: what a scene knows, see `StageWindows`; for terms that need scenes.

    A data set of one's own derives from this class and gives `prepare_for`, `train_dataloader` and `val_dataloader`.

    Args:
        workers: processes that make windows; None takes as many as the machine can spare, see `workers_of`.
        seed: of the first window.
        counts: other numbers, which must be at least 1 where they are given.

    Attributes:
        validation_names: of the validation's loaders, by which scores are logged.
        labels: classes of what sounds, where the data know them.
    """

    validation_names: list[str]
    labels: list[str]

    def __init__(self, workers: int | None = None, seed: int = 0, **counts: int | None) -> None:
        super().__init__()
        check_counts(workers=workers, seed=seed, **counts)
        self.workers = workers
        self.seed = seed
        self.validation_names = ["clips"]
        self.labels = []
        self._ready = False

    def prepare_data(self) -> None:
        """Fail early, before anything is written, and make what is kept on disk in one process of a machine."""
        self.setup()

    def setup(self, stage: str | None = None) -> None:  # noqa: ARG002 - Lightning's signature
        """Make the data for the task's model, once."""
        if not self._ready:
            assert self.trainer is not None
            self.prepare_for(cast(SpatialModel, self.trainer.lightning_module.model))
            self._ready = True

    @abstractmethod
    def prepare_for(self, model: SpatialModel) -> None:
        """Make the data sets for a model."""

    @property
    def repeats(self) -> bool:
        """Whether every epoch has the same windows, which are to be overfitted."""
        return self.trainer is not None and bool(self.trainer.overfit_batches)  # type: ignore[attr-defined]

    def fresh_loader(
        self, windows: Any, order: FreshSampler, batch_size: int, collate: Collate | None = None
    ) -> FreshLoader:
        """Other windows every epoch and for every process; the same ones each epoch where they are to be overfitted."""
        return FreshLoader(windows, batch_size, order, workers_of(self.trainer, self.workers), collate, self.repeats)

    def validation_loader(self, windows: Any, batch_size: int, collate: Collate | None = None) -> DataLoader[Item]:
        """The same windows at every validation, divided among the processes."""
        sampler = SplitSampler(len(windows), *place_of(self.trainer))
        return DataLoader(windows, batch_size, sampler=sampler, collate_fn=collate)

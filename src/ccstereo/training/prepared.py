"""Windows of a prepared set for training and validation."""

from typing import Any

from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from ccstereo.datasets.prepared.format import SPLITS
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.windows import PreparedWindows
from ccstereo.datasets.shards.index import is_sharded
from ccstereo.datasets.shards.windows import ShardLoader, ShardWindows
from ccstereo.errors import DatasetError
from ccstereo.models import create_model
from ccstereo.training.loading import FreshLoader, FreshSampler, ShareSampler, share_of, workers_of


class PreparedData(LightningDataModule):
    """Recorded clips, as `ccstereo prepare` writes them. They know no truth but the sound.

    Args:
        path: of the prepared set, or folder or URL of the shards that `ccstereo shard` has made of one.
        split: name of the split; None takes the only one. Shards are of one split.
        train_part: part of the split to train on.
        val_part: part of the split to validate on.
        batch_size: windows a step.
        epoch_size: windows between two validations; None takes one a clip. Of shards, at most one a clip and of all
            processes together, for nothing is read twice.
        validation_size: windows of a validation; None takes one a clip.
        workers: processes that read windows; None takes as many as the machine can spare, see `workers_of`.
        seed: of the first window.
        mirror: whether half of the training windows are mirrored, picture and ears.
        model: registered name of the model that is trained; the command line takes it from the task.
        model_config: what differs from the model's defaults; likewise.

    Raises:
        DatasetError: a part is the test set.
    """

    def __init__(
        self,
        path: str,
        split: str | None = None,
        train_part: str = "train",
        val_part: str = "val",
        batch_size: int = 32,
        epoch_size: int | None = None,
        validation_size: int | None = None,
        workers: int | None = None,
        seed: int = 0,
        mirror: bool = True,
        model: str = "ccstereo",
        model_config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.path = path
        self.split = split
        if "test" in (train_part, val_part):
            raise DatasetError("train_part and val_part cannot be test: validation chooses the weights that are scored")
        self.parts = (train_part, val_part)
        self.batch_size = batch_size
        self.epoch_size = epoch_size
        self.validation_size = validation_size
        self.workers = workers
        self.seed = seed
        self.mirror = mirror
        described = create_model(model, **(model_config or {}))
        self.config = described.config
        self.context = described.context
        self.validation_names = ["clips"]
        self.labels: list[str] = []  # recordings tell nobody what sounds where

    def setup(self, stage: str | None = None) -> None:  # noqa: ARG002 - Lightning's signature
        """Read the table and the split.

        Raises:
            DatasetError: there is no such set or split, a part is empty, or there are several splits to choose from.
        """
        self.training: PreparedWindows | ShardWindows
        self.validation: PreparedWindows | ShardWindows
        if is_sharded(self.path):
            self.training = self._shards(self.parts[0], self.epoch_size, self.seed, train=True)
            self.validation = self._shards(self.parts[1], self.validation_size, 1_000_003, train=False)
            return
        prepared = PreparedSet(self.path)
        split = self.split or _only_split(prepared)
        clips = [prepared.ids(split, part) for part in self.parts]
        for part, names in zip(self.parts, clips, strict=True):
            if not names:
                choice = f"prepare more videos, or choose another of {', '.join(SPLITS)}"
                raise DatasetError(f"{self.path}: the part {part} of split {split} is empty; {choice}")
        train, val = clips
        size = max(self.batch_size, len(train)) if self.epoch_size is None else self.epoch_size
        self.training = PreparedWindows(
            prepared, train, self.config, size, self.seed, vary=True, mirror=self.mirror, context=self.context
        )
        self.validation = PreparedWindows(
            prepared, val, self.config, self.validation_size, 1_000_003, vary=False, context=self.context
        )

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Fresh windows every epoch."""
        workers = workers_of(self.trainer, self.workers)
        if isinstance(self.training, ShardWindows):
            return ShardLoader(self.training, workers)
        sampler = FreshSampler(len(self.training), *share_of(self.trainer))
        return FreshLoader(self.training, self.batch_size, sampler, workers)

    def val_dataloader(self) -> list[DataLoader[dict[str, Tensor]]]:
        """The same windows at every validation."""
        if isinstance(self.validation, ShardWindows):
            return [ShardLoader(self.validation)]
        sampler = ShareSampler(len(self.validation), *share_of(self.trainer))
        return [DataLoader(self.validation, min(50, self.batch_size), sampler=sampler)]

    def _shards(self, part: str, size: int | None, seed: int, train: bool) -> ShardWindows:
        windows = ShardWindows(
            self.path,
            self.config,
            part,
            self.batch_size if train else min(50, self.batch_size),
            seed,
            vary=train,
            mirror=self.mirror,
            shuffle=train,
            size=size,
            drop_last=train,
            context=self.context,
        )
        if self.split not in (None, windows.index.split):
            raise DatasetError(f"{self.path}: these shards are of split {windows.index.split}, not {self.split}")
        return windows


def _only_split(prepared: PreparedSet) -> str:
    names = prepared.folds()
    if len(names) != 1:
        known = ", ".join(names) or "none"
        raise DatasetError(f"{prepared.folder}: has {len(names)} splits ({known}); choose one with --data.split")
    return names[0]

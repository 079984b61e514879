"""Windows of a prepared set, or of its shards, for training and validation."""

from pathlib import Path

from torch.utils.data import DataLoader

from ccstereo.datasets.prepared.format import SPLITS
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.windows import PreparedWindows
from ccstereo.datasets.shards.reader import open_set
from ccstereo.errors import DatasetError
from ccstereo.models.base import SpatialModel
from ccstereo.scenes.acoustics.decoders import load_decoder
from ccstereo.training.loading import VALIDATION_BATCH, VALIDATION_SEED, FreshLoader, Item, fresh_sampler, place_of
from ccstereo.training.window_data import WindowData


class RecordedData(WindowData):
    """Recorded clips, as `ccstereo prepare` and `ccstereo shard` write them. Nobody knows what sounds where in them.

    Args:
        path: folder of the prepared set, or folder or URL of its shards.
        fold: name of the fold; None takes the only one.
        train_split: split of the fold to train on.
        val_split: split of the fold to validate on.
        mirror: whether half of the training windows are mirrored, frames and sound.
        sofa: head for which ambisonics are rendered, for a model of two ears; None takes the spherical head.
        batch_size: windows a step and process.
        epoch_size: windows between two validations, of all processes; None takes one a clip, and a batch at least.
        validation_size: windows of a validation; None takes one a clip.
        workers: processes that read windows; None takes as many as the machine can spare, see `workers_of`.
        seed: of the first window.

    Raises:
        ValueError: a value is out of range, or a split is the test split.
    """

    def __init__(
        self,
        path: str,
        fold: str | None = None,
        train_split: str = "train",
        val_split: str = "val",
        mirror: bool = True,
        sofa: str | None = None,
        batch_size: int = 32,
        epoch_size: int | None = None,
        validation_size: int | None = None,
        workers: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(workers, seed, batch_size=batch_size, epoch_size=epoch_size, validation_size=validation_size)
        for split in (train_split, val_split):
            if split not in SPLITS[:2]:
                choice = "validation chooses the weights that test scores" if split == "test" else "train or val"
                raise ValueError(f"train_split and val_split cannot be {split}: {choice}")
        self.path = path
        self.fold = fold
        self.splits = (train_split, val_split)
        self.mirror = mirror
        self.sofa = sofa
        self.batch_size = batch_size
        self.epoch_size = epoch_size
        self.validation_size = validation_size

    def prepare_for(self, model: SpatialModel) -> None:
        """Read the table and the fold.

        Raises:
            DatasetError: there is no such set or fold, a split is empty, an epoch has no batch, or there are several
                folds to choose from.
        """
        prepared = open_set(self.path)
        fold = self.fold or _only_fold(prepared)
        train, val = (prepared.ids(fold, split) for split in self.splits)
        for split, clips in zip(self.splits, (train, val), strict=True):
            if not clips:
                raise DatasetError(
                    f"{self.path}: the split {split} of fold {fold} is empty; prepare more videos, or choose another "
                    f"of {', '.join(SPLITS)}"
                )
        size = self.epoch_size or max(self.batch_size * place_of(self.trainer)[1], len(train))
        self.order = fresh_sampler(size, self.batch_size, self.trainer)
        rate = model.config.sample_rate
        decoder = None if self.sofa is None else load_decoder(sofa=Path(self.sofa), sample_rate=rate)
        self.training = PreparedWindows(
            prepared, train, model.config, size, self.seed, mirror=self.mirror, decoder=decoder
        )
        self.validation = PreparedWindows(
            prepared, val, model.config, self.validation_size, VALIDATION_SEED, vary=False, decoder=decoder
        )

    def train_dataloader(self) -> FreshLoader:
        """Fresh windows every epoch."""
        return self.fresh_loader(self.training, self.order, self.batch_size)

    def val_dataloader(self) -> list[DataLoader[Item]]:
        """The same windows at every validation."""
        return [self.validation_loader(self.validation, min(VALIDATION_BATCH, self.batch_size))]


def _only_fold(prepared: PreparedSet) -> str:
    names = prepared.folds()
    if len(names) != 1:
        known = ", ".join(names) or "none"
        raise DatasetError(f"{prepared}: has {len(names)} folds ({known}); choose one with --data.fold")
    return names[0]

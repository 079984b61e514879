"""What data of windows have in common, wherever the windows come from."""

from typing import cast

from lightning.pytorch import LightningDataModule

from ccstereo.models.base import SpatialModel


class WindowData(LightningDataModule):
    """Data that are made for the model of the trainer's task.

    Batches are dictionaries; B is the number of frames, R of windows of sound for each:
        frame: (B, 3, h, w) uint8, or (B, N, 3, h, w) for models that take clips of N frames.
        previous: the same, a frame earlier; for the contrastive term.
        sound: (B R, C, T) float32, channels as the model's target has them, its mixture at the model's RMS.
        context: (B R, T') the mixture around the windows at that RMS by itself, for models that take one.
        columns, classes, present, cells: what a scene knows, see `StageWindows`; for terms that need scenes.

    A data set of one's own derives from this class and gives `prepare_for`, `train_dataloader` and `val_dataloader`.

    Attributes:
        validation_names: of the validation's loaders, by which scores are logged.
        labels: classes of what sounds, where the data know them.
    """

    validation_names: list[str]
    labels: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.validation_names = ["clips"]
        self.labels = []
        self._ready = False

    @property
    def overfits(self) -> bool:
        """Whether every epoch is to have the batches of the first."""
        return self.trainer is not None and bool(self.trainer.overfit_batches)  # type: ignore[attr-defined]

    def prepare_data(self) -> None:
        """Fail early, before anything is written, and make what is kept on disk in one process of a machine."""
        self.setup()

    def setup(self, stage: str | None = None) -> None:  # noqa: ARG002 - Lightning's signature
        """Make the data for the task's model, once."""
        if not self._ready:
            assert self.trainer is not None
            self.prepare_for(cast(SpatialModel, self.trainer.lightning_module.model))
            self._ready = True

    def prepare_for(self, model: SpatialModel) -> None:
        """Make the data sets for a model."""
        raise NotImplementedError

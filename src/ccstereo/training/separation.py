"""Sep-Stereo's second task: separate two mono sounds as if one came from each edge of the frame.

Two clips with one source each: the sum of their sounds is the mixture, the first is the left ear, the second the right
one. Their visual features are pooled over columns and stand in the first and the last column of an empty map. Mono
clips thus train a network of binaural sound (Zhou et al. 2020, section 3.3).
"""

from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from ccstereo.audio import rms_gain
from ccstereo.errors import CCStereoError
from ccstereo.losses.objective import TERMS, Step, objective
from ccstereo.training.task import Batch, SpatialTask, repeat_windows
from ccstereo.training.window_data import WindowData


class SeparationTask(SpatialTask):
    """Trains a model of two ears by stereo windows, where the batch has them, and by separation of solo windows.

    Args:
        separation_weight: of the separation's objective beside the stereo one: 0.4 in the paper's joint training.
        options: of `SpatialTask`. The separation has those of its terms that need no scenes and no frames before.

    Raises:
        ValueError: the weight is out of range.
    """

    def __init__(self, separation_weight: float = 0.4, **options: Any) -> None:
        super().__init__(**options)
        if not 0 < separation_weight < float("inf"):
            raise ValueError(f"separation_weight must be a number above 0, got {separation_weight}")
        self.separation_weight = separation_weight

    def configure_model(self) -> None:
        """See `SpatialTask.configure_model`.

        Raises:
            CCStereoError: the model has no ears, or features without columns.
        """
        super().configure_model()
        if not self.model.target.has_ears or len(self.model.feature_shape) != 3:
            raise CCStereoError(
                f"separation needs a model of two ears with features (C, h, w); {self.model.name} is none"
            )

    def training_step(self, batch: dict[str, Batch], batch_idx: int) -> Tensor:  # type: ignore[override]  # noqa: ARG002
        """Return the objective of a stereo and a solo batch, or of the solo batch alone; see `SeparationData`."""
        logged: dict[str, Tensor] = {}
        loss = torch.zeros((), device=self.device)
        if "stereo" in batch:
            loss, logged = self.windows_objective(batch["stereo"])
        separation, terms = objective(self._separation_step(batch["solo"]), self._separation_terms)
        total = loss + self.separation_weight * separation
        self.log_training(total, logged | {f"separation/{name}": value for name, value in terms.items()})
        return total

    @property
    def _separation_terms(self) -> dict[str, float]:
        return {name: weight for name, weight in self.weights.items() if TERMS[name].needs <= {"backbone"}}

    def _separation_step(self, solo: Batch) -> Step:
        """Put each solo window to the left of the next frame's."""
        frames = len(solo["frame"])
        if frames < 2:
            raise CCStereoError("separation needs two frames in a batch: raise --data.solo.batch_size")
        mono = self.model.target.mono(solo["sound"])
        mono = mono * rms_gain(mono, self.model.config.rms)
        right = mono.roll(-(len(mono) // frames), 0)
        features = self.encode(self.augmented(solo["frame"]))
        arranged = at_the_edges(features, features.roll(-1, 0))
        return self.step({"sound": torch.stack([mono, right], 1)}, repeat_windows(arranged, len(mono)), None)


def at_the_edges(left: Tensor, right: Tensor) -> Tensor:
    """Put the maximum over columns of two feature maps (B, C, h, w) in the first and last column of an empty one.

    >>> at_the_edges(torch.ones(1, 1, 1, 3), 2 * torch.ones(1, 1, 1, 3)).flatten().tolist()
    [1.0, 0.0, 2.0]
    """
    middle = left.new_zeros(*left.shape[:-1], left.shape[-1] - 2)
    return torch.cat([left.amax(-1, keepdim=True), middle, right.amax(-1, keepdim=True)], -1)


class SeparationData(LightningDataModule):
    """Solo windows for separation, and stereo windows; a batch is {"stereo": batch, "solo": batch}.

    Args:
        stereo: data of spatial sound, which also validate.
        solo: data of one source a frame, such as a prepared set of solos, or simulated scenes with one source; of their
            sound the mono track is used.
        solo_only: whether the stereo data serve validation alone, for the first stage of training.
    """

    def __init__(self, stereo: WindowData, solo: WindowData, solo_only: bool = False) -> None:
        super().__init__()
        self.stereo, self.solo, self.solo_only = stereo, solo, solo_only
        self.validation_names = stereo.validation_names
        self.labels: list[str] = []

    def prepare_data(self) -> None:
        """See `WindowData`."""
        self.setup()

    def setup(self, stage: str | None = None) -> None:
        """Make both data for the task's model."""
        for data in (self.stereo, self.solo):
            data.trainer = self.trainer
            data.setup(stage)

    def train_dataloader(self) -> dict[str, Any]:
        """Both loaders; the shorter one begins again until the longer one ends."""
        loaders = {} if self.solo_only else {"stereo": self.stereo.train_dataloader()}
        return loaders | {"solo": self.solo.train_dataloader()}

    def val_dataloader(self) -> Any:
        """Those of the stereo data."""
        return self.stereo.val_dataloader()

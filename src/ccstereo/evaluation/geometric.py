"""The baseline that learns nothing: the mono track, panned to what is most salient or to a direction that is given."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import median_filter
from torch import Tensor

from ccstereo.audio import rms
from ccstereo.audio.targets import MID_SIDE
from ccstereo.errors import DatasetError
from ccstereo.evaluation.sets import Item
from ccstereo.scenes import HRIRSet, load_sofa, spherical_head
from ccstereo.scenes.acoustics.spatialize import spatialize
from ccstereo.scenes.geometry import FIELD_OF_VIEW, azimuth_of
from ccstereo.vision.saliency import salient_columns

STEADY = 1.0  # seconds over which the direction is a median, so that it does not jump with every frame


@dataclass(frozen=True)
class Geometric:
    """The mono track through the HRIRs of one direction at a time.

    Attributes:
        azimuth: degrees, positive to the left; None takes the most salient place of each frame, whose horizontal field
            of view is taken as 120 degrees.
        sofa: measured head; None takes the spherical one.

    Raises:
        DatasetError: there is no such head.
        ValueError: the azimuth is not within the frame.
    """

    azimuth: float | None = None
    sofa: Path | None = None

    def __post_init__(self) -> None:
        if self.sofa is not None and not self.sofa.is_file():
            raise DatasetError(f"{self.sofa}: no such SOFA file")
        if self.azimuth is not None and not abs(self.azimuth) <= FIELD_OF_VIEW / 2:
            raise ValueError(f"the azimuth must be from -60 to 60 degrees, got {self.azimuth:g}")

    @property
    def name(self) -> str:
        """See `System`."""
        return f"panned to {'the most salient' if self.azimuth is None else f'{self.azimuth:g} degrees'}"

    def identity(self) -> dict[str, Any]:
        """See `System`."""
        head = None if self.sofa is None else hashlib.sha256(self.sofa.read_bytes()).hexdigest()
        return {"system": "geometric", "azimuth": self.azimuth, "head": head}

    def predict(self, item: Item) -> Tensor:
        """See `System`. The mixture of both ears is as loud as that of the mono track at both."""
        mono = item.mono(MID_SIDE)
        ears = torch.from_numpy(spatialize(mono.numpy(), self._azimuths(item), _head(self.sofa, item.sample_rate)))
        return ears * rms(MID_SIDE.from_mono(mono)) / rms(MID_SIDE.mixture(ears), floor=1e-9)

    def _azimuths(self, item: Item) -> np.ndarray:
        """(M,) degrees at evenly spaced moments."""
        if self.azimuth is not None:
            return np.array([self.azimuth])
        frames = torch.from_numpy(np.ascontiguousarray(item.read_frames().transpose(0, 3, 1, 2)))
        columns = torch.cat([salient_columns(group) for group in torch.split(frames, 32)]).numpy()
        steady = median_filter(columns, size=max(1, round(STEADY * item.frame_rate)), mode="nearest")
        return np.array([azimuth_of(float(column)) for column in steady])


@lru_cache(maxsize=4)
def _head(sofa: Path | None, sample_rate: int) -> HRIRSet:
    return spherical_head(sample_rate) if sofa is None else load_sofa(sofa).resampled(sample_rate)

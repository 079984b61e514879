"""The baseline that learns nothing: the mono track, panned to what is most salient or to a direction that is given.

One source at azimuth a, through a head's responses H_l and H_r, has the mixture m = (H_l + H_r) s. So its difference is
l - r = (H_l - H_r) / (H_l + H_r) m: the mask that a network would have to find. The mixture stays what it is; a mono
track that was simply convolved with the responses would be filtered by the head twice.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import median_filter
from torch import Tensor

from ccstereo.audio import STFTConfig, apply_mask, istft, stft
from ccstereo.audio.targets import MID_SIDE
from ccstereo.errors import DatasetError
from ccstereo.evaluation.sets import Item
from ccstereo.scenes import HRIRSet, load_sofa, spherical_head
from ccstereo.scenes.geometry import FIELD_OF_VIEW, azimuth_of
from ccstereo.vision.saliency import salient_columns

SIZES = STFTConfig()
MASK_BOUND = 2.5  # as ccstereo-lite's, and for its reason
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
        """See `System`. Left and right add up to the mixture that is given."""
        mixture = MID_SIDE.from_mono(item.mono(MID_SIDE))
        spec = stft(mixture, SIZES)
        azimuths, frames = self._azimuths(item), spec.shape[-1]
        track = np.interp(np.linspace(0, 1, frames), np.linspace(0, 1, len(azimuths)), azimuths)
        head = _head(self.sofa, item.sample_rate)
        places, of_frame = np.unique([head.nearest_index(azimuth) for azimuth in track], return_inverse=True)
        masks = panning_masks(torch.from_numpy(head.responses[places]))  # (A, 2, F)
        mask = masks[torch.from_numpy(of_frame)].permute(1, 2, 0)  # (2, F, frames)
        difference = istft(apply_mask(mask, spec), mixture.shape[-1], SIZES)
        return MID_SIDE.decode(mixture, difference[None])

    def _azimuths(self, item: Item) -> np.ndarray:
        """(M,) degrees at evenly spaced moments."""
        if self.azimuth is not None:
            return np.array([self.azimuth])
        frames = torch.from_numpy(np.ascontiguousarray(item.read_frames().transpose(0, 3, 1, 2)))
        columns = torch.cat([salient_columns(group) for group in torch.split(frames, 32)]).numpy()
        steady = median_filter(columns, size=max(1, round(STEADY * item.frame_rate)), mode="nearest")
        return np.array([azimuth_of(float(column)) for column in steady])


def panning_masks(responses: Tensor) -> Tensor:
    """Complex masks that give the difference of both ears from their mixture.

    Args:
        responses: (A, 2, K) of a head in A directions, left ear first.

    Returns:
        (A, 2, F) real and imaginary part, at most `MASK_BOUND` in modulus: where the ears cancel, the mixture holds
        nothing of the source.

    >>> panning_masks(torch.tensor([[[1.0], [1.0]], [[1.0], [0.0]]]))[:, 0, 0].round(decimals=3).tolist()
    [0.0, 1.0]
    """
    left, right = torch.fft.rfft(responses.float(), SIZES.n_fft).unbind(1)
    total = left + right
    mask = (left - right) * total.conj() / total.abs().square().clamp_min(1e-9)
    mask = mask * (MASK_BOUND / mask.abs().clamp_min(MASK_BOUND))
    return torch.view_as_real(mask).movedim(-1, 1)


@lru_cache(maxsize=4)
def _head(sofa: Path | None, sample_rate: int) -> HRIRSet:
    return spherical_head(sample_rate) if sofa is None else load_sofa(sofa).resampled(sample_rate)

"""From a dry sound and its direction to two ears: straight through a head, or by way of first-order ambisonics."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import asin, cos, degrees, radians, sin
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ccstereo.audio.ambisonics import FOADecoder, foa_to_binaural, harmonics, make_decoder
from ccstereo.audio.convolve import convolve
from ccstereo.datasets.prepared.format import SAMPLE_RATE
from ccstereo.errors import DatasetError
from ccstereo.scenes import HRIRSet, load_sofa, spatialize, spherical_head

Render = Literal["hrir", "ambisonic"]
MEASURED_RATE = 44_100  # Hz at which CIPIC's and KEMAR's responses are published


@dataclass(frozen=True)
class Ears:
    """A head at 16 kHz, and the way through ambisonics to it where that is wanted.

    Attributes:
        head: impulse responses.
        decoder: None renders with the nearest response.
    """

    head: HRIRSet
    decoder: FOADecoder | None = None

    def hear(self, dry: NDArray[np.float32], azimuths: NDArray[np.float64], elevation: float) -> NDArray[np.float32]:
        """Render one source.

        Args:
            dry: (T,) samples at 16 kHz.
            azimuths: (M,) degrees, positive to the left, evenly spaced from the first sample to the last; one value
                stands still.
            elevation: degrees, positive upwards. What moves, moves on the horizontal plane.

        Returns:
            (2, T), left ear first; the tail past the end is cut.

        Raises:
            ValueError: a source that moves is not at elevation 0.
        """
        still = len(azimuths) == 1
        if not still and elevation:
            raise ValueError(f"a source that moves is rendered at elevation 0, not {elevation}")
        if self.decoder is not None:
            path = np.interp(np.linspace(0, 1, 1 if still else len(dry)), np.linspace(0, 1, len(azimuths)), azimuths)
            directions = torch.from_numpy(np.stack([path, np.full_like(path, elevation)], axis=-1))
            foa = harmonics(directions).T.float() * torch.from_numpy(dry)  # (4, T)
            return foa_to_binaural(foa, self.decoder).numpy()
        if still:
            return convolve(dry, self.head.nearest(float(azimuths[0]), elevation))[:, : len(dry)].astype(np.float32)
        return spatialize(dry, azimuths, self.head)


def load_head(sofa: Path | None = None, *, legacy_rate: bool = False) -> HRIRSet:
    """Read a head for sound at 16 kHz.

    Args:
        sofa: measured head; None takes a rigid sphere, at all azimuths and elevations.
        legacy_rate: leave the responses at the rate at which they were measured, 44.1 kHz, and use them as if it were
            16 kHz, as PseudoBinaural's released code does: every delay between the ears comes out 44.1 / 16 = 2.76
            times too long, and every spectral cue 2.76 times too low.

    Raises:
        DatasetError: the file cannot be read.
    """
    head = load_sofa(sofa) if sofa else whole_sphere(MEASURED_RATE if legacy_rate else SAMPLE_RATE)
    return replace(head, sample_rate=SAMPLE_RATE) if legacy_rate else head.resampled(SAMPLE_RATE)


def whole_sphere(sample_rate: int) -> HRIRSet:
    """Return the spherical head at every degree of azimuth and every 7.5 of elevation.

    An ear of a sphere knows the angle to the axis of the ears alone, so a direction is heard like the one of the front
    half circle with the same sine: sin(lateral) = sin(azimuth) cos(elevation).
    """
    grid = [(float(azimuth), elevation) for azimuth in range(-180, 180) for elevation in np.arange(-45, 46, 7.5)]
    lateral = [degrees(asin(sin(radians(azimuth)) * cos(radians(elevation)))) for azimuth, elevation in grid]
    return replace(spherical_head(sample_rate, np.array(lateral)), directions=np.array(grid))


@lru_cache(maxsize=4)
def make_ears(render: Render = "hrir", sofa: Path | None = None, legacy_rate: bool = False) -> Ears:
    """Read a head and, for "ambisonic", make the decoder of PseudoBinaural and spatialaudiogen for it.

    That is a projection on eight virtual loudspeakers on the horizontal circle, each heard through the response that
    is nearest to it.

    Raises:
        DatasetError: the head cannot be read, or has no responses around.
    """
    head = load_head(sofa, legacy_rate=legacy_rate)
    if render == "hrir":
        return Ears(head)
    directions, responses = torch.from_numpy(head.directions), torch.from_numpy(head.responses)
    try:
        return Ears(head, make_decoder("projection", directions, responses, SAMPLE_RATE))
    except ValueError as error:
        raise DatasetError(f"{sofa}: has too few directions for ambisonics ({error}); use --render hrir") from error

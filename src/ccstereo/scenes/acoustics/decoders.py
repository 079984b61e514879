"""Decoders from first-order ambisonics to two ears, by the name of a method and a head."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ccstereo.audio.ambisonics import FOADecoder, make_decoder
from ccstereo.errors import DatasetError
from ccstereo.scenes.acoustics.hrir import load_sofa, spherical_head


@lru_cache(maxsize=2)
def load_decoder(
    method: str = "projection", sofa: Path | None = None, sample_rate: int = 16_000, resample: bool = True
) -> FOADecoder:
    """Make a decoder for a head.

    Args:
        method: one of `ccstereo.audio.ambisonics.DECODERS`; "projection" is that of the published scores.
        sofa: measured head; None is the spherical one.
        sample_rate: Hz of the sound.
        resample: bring the head to that rate; False repeats PseudoBinaural's slip (delays 2.76 times too long).

    Raises:
        DatasetError: the SOFA file cannot be read, or lacks a direction that the decoder needs.
    """
    head = spherical_head(sample_rate, np.arange(-180.0, 180.0, 5.0)) if sofa is None else load_sofa(sofa)
    head = head.resampled(sample_rate) if resample else head
    directions, responses = (torch.from_numpy(np.array(a)) for a in (head.directions, head.responses))
    try:
        return make_decoder(method, directions, responses, sample_rate)
    except ValueError as error:
        raise DatasetError(f"{sofa}: cannot decode ambisonics ({error}); use another head") from error

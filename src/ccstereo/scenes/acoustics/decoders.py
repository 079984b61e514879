"""A head by its file: its responses, or a decoder that renders through it by way of first-order ambisonics."""

from dataclasses import replace
from functools import lru_cache
from math import asin, cos, degrees, radians, sin
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ccstereo.audio.ambisonics import FOADecoder, make_decoder
from ccstereo.errors import DatasetError
from ccstereo.scenes.acoustics.hrir import HRIRSet, load_sofa, spherical_head

Render = Literal["hrir", "ambisonic"]
MEASURED_RATE = 44_100  # Hz at which CIPIC's and KEMAR's responses are published


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


@lru_cache(maxsize=4)
def load_ears(
    sample_rate: int, render: Render = "hrir", sofa: Path | None = None, legacy_rate: bool = False
) -> HRIRSet | FOADecoder:
    """Read a head and, for "ambisonic", make the decoder of PseudoBinaural and spatialaudiogen for it.

    That is a projection on eight virtual loudspeakers on the horizontal circle, each rendered through the response
    that is nearest to it.

    Args:
        sample_rate: Hz of the sound.
        render: "hrir" or "ambisonic".
        sofa: measured head; None takes a rigid sphere, at all azimuths and elevations.
        legacy_rate: leave the responses at the rate at which they were measured, 44.1 kHz, and use them as if it were
            the sound's, as PseudoBinaural's released code does with sound of 16 kHz: every delay between the ears
            comes out 44.1 / 16 = 2.76 times too long, and every spectral cue 2.76 times too low.

    Returns:
        What `render_sources` takes.

    Raises:
        DatasetError: the file cannot be read, or has no responses around the head.
    """
    own_rate = MEASURED_RATE if legacy_rate and sofa is None else sample_rate
    if render == "ambisonic":
        return replace(load_decoder("projection", sofa, own_rate, not legacy_rate), sample_rate=sample_rate)
    head = load_sofa(sofa) if sofa else whole_sphere(own_rate)
    return replace(head, sample_rate=sample_rate) if legacy_rate else head.resampled(sample_rate)


def whole_sphere(sample_rate: int) -> HRIRSet:
    """Return the spherical head at every degree of azimuth and every 7.5 of elevation.

    What reaches an ear of a sphere depends on the angle to the axis of the ears alone, so a direction has the response
    of the one of the front half circle with the same sine: sin(lateral) = sin(azimuth) cos(elevation).
    """
    grid = [(float(azimuth), elevation) for azimuth in range(-180, 180) for elevation in np.arange(-45, 46, 7.5)]
    lateral = [degrees(asin(sin(radians(azimuth)) * cos(radians(elevation)))) for azimuth, elevation in grid]
    return replace(spherical_head(sample_rate, np.array(lateral)), directions=np.array(grid))

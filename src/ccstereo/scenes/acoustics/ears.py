"""The ears of simulated sets: a head, or a decoder that renders by way of first-order ambisonics."""

from dataclasses import replace
from functools import lru_cache
from math import asin, cos, degrees, radians, sin
from pathlib import Path
from typing import Literal

import numpy as np

from ccstereo.audio.ambisonics import FOADecoder
from ccstereo.scenes.acoustics.decoders import load_decoder
from ccstereo.scenes.acoustics.hrir import HRIRSet, load_sofa, spherical_head

Render = Literal["hrir", "ambisonic"]
MEASURED_RATE = 44_100  # Hz at which CIPIC's and KEMAR's responses are published


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

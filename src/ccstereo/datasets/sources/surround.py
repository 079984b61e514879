"""Surround sound for two ears: every loudspeaker rendered through a head, from where standards put it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ccstereo.datasets.prepared.format import SAMPLE_RATE

# Azimuths in degrees, positive to the left, in the order of FFmpeg's layouts (ITU-R BS.775-4, BS.2051-3); the channel
# of low frequencies has no place and is not rendered.
SPEAKERS: dict[str, tuple[float | None, ...]] = {
    "quad": (45, -45, 135, -135),
    "5.0": (30, -30, 0, 110, -110),
    "5.0(side)": (30, -30, 0, 110, -110),
    "5.1": (30, -30, 0, None, 110, -110),
    "5.1(side)": (30, -30, 0, None, 110, -110),
    "7.1": (30, -30, 0, None, 135, -135, 90, -90),
}


class SurroundRenderer:
    """Renders blocks of surround sound at 16 kHz, one after the other; the tail of one is added to the next.

    Attributes:
        channels: of the layout.
    """

    def __init__(self, layout: str, sofa: Path | None = None) -> None:
        """Choose the responses.

        Args:
            layout: a key of `SPEAKERS`.
            sofa: a measured head; None is the spherical one.

        Raises:
            DatasetError: the SOFA file cannot be read.
        """
        from ccstereo.audio.convolve import BlockConvolver  # with torch, which stereo need not wait for
        from ccstereo.scenes.acoustics.hrir import load_sofa, spherical_head

        places = SPEAKERS[layout]
        azimuths = np.array([place for place in places if place is not None], float)
        head = spherical_head(SAMPLE_RATE, azimuths) if sofa is None else load_sofa(sofa).resampled(SAMPLE_RATE)
        self.channels = len(places)
        self._placed = [k for k, place in enumerate(places) if place is not None]
        responses = np.stack([head.nearest(azimuth) for azimuth in azimuths], axis=1)  # (2, C, K)
        self._convolve = BlockConvolver(responses.astype(np.float64))

    def __call__(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Render the next block (T, channels) to (T, 2), left ear first."""
        if not len(block):
            return np.zeros((0, 2), np.float32)
        rendered: NDArray[np.float64] = self._convolve(block.T[self._placed].astype(np.float64))
        return rendered.T.astype(np.float32)

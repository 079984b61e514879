"""What finished sound has in common, of two ears or ambisonics: it went through a limiter, and was measured."""

import numpy as np
from numpy.typing import NDArray

from ccstereo.mastering.limiter import Limiter
from ccstereo.mastering.loudness import BlockPowers


class LimitedSound:
    """Measures what comes out of a limiter.

    Args:
        limiter: the last stage.
        sample_rate: Hz.
    """

    def __init__(self, limiter: Limiter, sample_rate: int) -> None:
        self._limiter = limiter
        self._after = BlockPowers(sample_rate)

    def _measured(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Measure finished sound and return it; of ambisonics (4, T), W on both ears."""
        self._after.push(sound if len(sound) == 2 else np.stack([sound[0], sound[0]]))
        return sound

    @property
    def output_loudness(self) -> float:
        """Integrated loudness of what came out, LUFS, of ambisonics that of W on both ears; -inf of silence."""
        return self._after.integrated

    @property
    def true_peak(self) -> float:
        """Largest magnitude that came out, between the samples too; full scale 1."""
        return self._limiter.true_peak

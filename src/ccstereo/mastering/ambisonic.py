"""What is done to predicted ambisonics before they are written: gain, peaks."""

import numpy as np
from numpy.typing import NDArray

from ccstereo.mastering.limited import LimitedSound
from ccstereo.mastering.limiter import Limiter
from ccstereo.mastering.loudness import BlockPowers


class AmbisonicFinisher(LimitedSound):
    """Applies a gain to first-order ambisonics (4, T) and keeps the peaks of every channel below a ceiling.

    W is the input's mono sound and keeps its loudness; all channels get the same gain, so that directions stay. Does
    what `Finisher` does for two ears, whose loudness depends on the head here.

    Args:
        sample_rate: Hz.
        gain: dB.
        true_peak: ceiling in dBTP, at most 0.
    """

    def __init__(self, sample_rate: int, *, gain: float, true_peak: float) -> None:
        super().__init__(Limiter(sample_rate, true_peak, channels=4), sample_rate)
        self._factor = np.float32(10 ** (gain / 20))
        self._before = BlockPowers(sample_rate)

    def push_input(self, mono: NDArray[np.float32], played: NDArray[np.float32] | None) -> None:
        """Take the next piece of the input, as `Finisher` does."""
        self._before.push(np.stack([mono, mono]) if played is None else played.T)

    def push(self, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece (4, T) that was predicted; returns what is ready (4, T')."""
        return self._measured(self._limiter.push(predicted * self._factor))

    def finish(self) -> NDArray[np.float32]:
        """Return all that was held back."""
        rest = self._measured(self._limiter.finish())
        self._before.finish()
        self._after.finish()
        return rest

    @property
    def input_loudness(self) -> float:
        """Integrated loudness of the input as it is played, LUFS; -inf of silence."""
        return self._before.integrated

    @property
    def notes(self) -> list[str]:
        """One line where peaks were lowered so that somebody may notice."""
        if self._limiter.reduction <= 3:
            return []
        return [f"peaks were lowered by up to {self._limiter.reduction:.1f} dB; a lower --gain would leave them"]

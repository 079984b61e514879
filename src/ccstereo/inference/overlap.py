"""A running overlap-average: the streaming form of `ccstereo.audio.overlap_average`."""

import numpy as np
from numpy.typing import NDArray


class OverlapAverager:
    """Takes windows that start every `hop` samples and gives back samples once no later window can change them.

    Args:
        window: samples of a window.
        hop: samples between two starts, 0 < hop <= window.
        channels: C that are averaged side by side.
    """

    def __init__(self, window: int, hop: int, channels: int) -> None:
        self.hop = hop
        self._total = np.zeros((channels, window), np.float32)
        self._cover = np.zeros(window, np.float32)

    def add(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add the next window (C, W) and return the samples (C, hop) that are now whole."""
        self._total += window
        self._cover += 1
        whole: NDArray[np.float32] = self._total[:, : self.hop] / self._cover[: self.hop]
        self._total = np.pad(self._total[:, self.hop :], ((0, 0), (0, self.hop)))
        self._cover = np.pad(self._cover[self.hop :], (0, self.hop))
        return whole

    def rest(self) -> NDArray[np.float32]:
        """Samples (C, W) that were waiting for windows that will not come; zero where no window was."""
        return np.asarray(self._total / np.maximum(self._cover, 1), dtype=np.float32)

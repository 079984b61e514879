"""A running overlap-average: the streaming form of `ccstereo.audio.overlap_average`."""

import torch
from torch import Tensor


class OverlapAverager:
    """Takes windows that start every `hop` samples and gives back samples once no later window can change them.

    Args:
        window: samples of a window.
        hop: samples between two starts, 0 < hop <= window.
    """

    def __init__(self, window: int, hop: int) -> None:
        self.hop = hop
        self._total = torch.zeros(window)
        self._cover = torch.zeros(window)

    def add(self, window: Tensor) -> Tensor:
        """Add the next window (W,) and return the `hop` samples (hop,) that are now whole."""
        self._total += window
        self._cover += 1
        whole = self._total[: self.hop] / self._cover[: self.hop]
        self._total = torch.cat([self._total[self.hop :], torch.zeros(self.hop)])
        self._cover = torch.cat([self._cover[self.hop :], torch.zeros(self.hop)])
        return whole

    def rest(self) -> Tensor:
        """Samples (W,) that were waiting for windows that will not come; zero where no window was."""
        return self._total / self._cover.clamp_min(1)

"""A running overlap-average: the streaming form of `ccstereo.audio.overlap_average`."""

import torch
from torch import Tensor
from torch.nn import functional as F


class OverlapAverager:
    """Takes windows that start every `hop` samples and gives back samples once no later window can change them.

    Args:
        window: samples of a window.
        hop: samples between two starts, 0 < hop <= window.
        channels: C that are averaged side by side.
    """

    def __init__(self, window: int, hop: int, channels: int) -> None:
        self.hop = hop
        self._total = torch.zeros(channels, window)
        self._cover = torch.zeros(window)

    def add(self, window: Tensor) -> Tensor:
        """Add the next window (C, W) and return the samples (C, hop) that are now whole."""
        self._total += window
        self._cover += 1
        whole = self._total[:, : self.hop] / self._cover[: self.hop]
        self._total = F.pad(self._total[:, self.hop :], (0, self.hop))
        self._cover = F.pad(self._cover[self.hop :], (0, self.hop))
        return whole

    def rest(self) -> Tensor:
        """Samples (C, W) that were waiting for windows that will not come; zero where no window was."""
        return self._total / self._cover.clamp_min(1)

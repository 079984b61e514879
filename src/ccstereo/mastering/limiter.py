"""A limiter that keeps the true peak of sound below a ceiling."""

import math

import numpy as np
from numpy.typing import NDArray

from ccstereo.mastering.peaks import Measured, PeakControl


class Limiter(PeakControl):
    """Lowers sound around its peaks, all channels alike, so that even between the samples none exceeds a ceiling.

    See `PeakControl`.

    Attributes:
        true_peak: largest magnitude that came out, between the samples too; full scale 1.
        reduction: dB by which the gain fell at most.
    """

    def __init__(self, sample_rate: int, ceiling: float, channels: int = 2) -> None:
        super().__init__(sample_rate, ceiling, channels)
        self.true_peak = 0.0
        self._lowest = 1.0

    @property
    def reduction(self) -> float:
        """See above."""
        return -20 * math.log10(self._lowest)

    @property
    def largest(self) -> float:
        """What is measured to know the largest peak."""
        return self.true_peak

    def _find(self, fine: NDArray[np.float32], sides: float) -> float:  # noqa: ARG002
        return self._ceiling / float(np.abs(fine).max())

    def _change(
        self,
        unit: NDArray[np.float32],
        control: NDArray[np.float64] | None,
        measured: Measured,
        coming: Measured,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        if control is None:
            self.true_peak = max(self.true_peak, float(measured.peaks.max()))
            return unit
        self._lowest = min(self._lowest, float(control.min()))
        peaks = measured.peaks * np.maximum(control[:-1], control[1:])
        self.true_peak = max(self.true_peak, float(peaks.max()))
        return np.asarray(unit * self._along(control, unit.shape[1]), np.float32)

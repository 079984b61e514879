"""Peaks in one ear alone, lowered by giving some of their sound to the other one."""

import numpy as np
from numpy.typing import NDArray

from ccstereo.mastering.peaks import Measured, PeakControl

_WIDTHS = np.linspace(1, 0.1, 19)  # factors of the difference between both ears that are tried
_WORTH = 10 ** (1 / 20)  # times the ceiling that may remain: a peak that stays higher keeps its direction


class Narrower(PeakControl):
    """Brings both ears of stereo sound nearer to each other around peaks that exceed a ceiling.

    What comes from a side peaks in its ear 3 dB above mono of the same loudness. Lowering both ears there would make
    percussive sound softer; so the ear gives what is too much to the other one, and the power of both together stays.
    A peak that would exceed the ceiling by 1 dB all the same is left to the `Limiter`, with its direction. See
    `PeakControl`.
    """

    def __init__(self, sample_rate: int, ceiling: float) -> None:
        super().__init__(sample_rate, ceiling)
        self._before: float | None = None  # `sides` of the last unit

    @property
    def largest(self) -> float:
        """Nothing is measured but what exceeds the ceiling."""
        return np.inf

    def _find(self, fine: NDArray[np.float32], sides: float) -> float:
        middle, half = np.abs(fine[0] + fine[1]) / 2, np.abs(fine[0] - fine[1]) / 2
        peaks = (middle + _WIDTHS[:, None] * half).max(1) * _make_up(_WIDTHS, sides)
        enough = np.flatnonzero(peaks <= self._ceiling)
        if len(enough):
            return float(_WIDTHS[enough[0]])
        return float(_WIDTHS[peaks.argmin()]) if peaks.min() <= _WORTH * self._ceiling else 1.0

    def _change(
        self, unit: NDArray[np.float32], control: NDArray[np.float64] | None, measured: Measured, coming: Measured
    ) -> NDArray[np.float32]:
        before = measured.sides if self._before is None else self._before
        self._before = measured.sides
        if control is None:
            return unit
        count = unit.shape[1]
        edges = [(before + measured.sides) / 2, measured.sides, (measured.sides + coming.sides) / 2]
        width = self._along(control, count)
        middle, half = (unit[0] + unit[1]) / 2, width * (unit[0] - unit[1]) / 2
        return np.asarray(
            _make_up(width, self._along(np.array(edges), count)) * [middle + half, middle - half], np.float32
        )


def _make_up(width: NDArray[np.float64], sides: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Gain that gives back the power which the difference loses, where it had `sides` of all."""
    return np.asarray(1 / np.sqrt(1 - sides * (1 - width**2)))

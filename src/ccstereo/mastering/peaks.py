"""What looks ahead for peaks of sound, between the samples too, and acts smoothly before they come."""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_STEP = 0.001  # seconds for which one value is found
UNIT = 100  # steps that are computed together
AHEAD = 5  # steps over which the control falls before a peak
_RELEASE = 1 - math.exp(-_STEP / 0.05)  # part of the way back to 1 that it goes in a step: 50 ms to the most of it
_HALF = 12  # samples on either side that the interpolation looks at
_FACTORS = ((8, 100_000), (4, 200_000))  # how finely peaks are looked for, up to a rate in Hz; 2 above


class Measured(NamedTuple):
    """What was found in a unit of sound.

    Attributes:
        wanted: (UNIT,) the control of each step, 1 where nothing is to be done.
        peaks: (UNIT,) its true peak, or a bound that matters to nobody.
        sides: part of the unit's power that the difference between both ears has.
    """

    wanted: NDArray[np.float64]
    peaks: NDArray[np.float64]
    sides: float


class PeakControl(ABC):
    """Takes sound in pieces, and changes it by a control of 1 or less, which falls within 5 ms before a peak.

    Peaks are found by interpolation, as ITU-R BS.1770-4, annex 2, has it. Behind a peak the control comes back within
    some 50 ms. Where it is 1, sound goes through untouched. It is late by 0.2 s, and does not depend on how the sound
    was cut.

    Args:
        sample_rate: Hz.
        ceiling: dB below full scale (dBTP), at most 0.
        channels: C, of which all are changed alike.
    """

    def __init__(self, sample_rate: int, ceiling: float, channels: int = 2) -> None:
        self._ceiling = 10 ** (ceiling / 20)
        self._step = max(1, round(_STEP * sample_rate))
        self._filter = _interpolation(next((factor for factor, most in _FACTORS if sample_rate <= most), 2))
        self._bound = float(np.abs(self._filter).sum(0).max())  # nothing between samples exceeds the largest by more
        self._past = np.zeros((channels, _HALF), np.float32)
        self._held = np.zeros((channels, 0), np.float32)  # what has not been given out
        self._units: list[Measured] = []  # of what is held
        self._needs: NDArray[np.float64] | None = None  # of the last steps, what each needs after the release

    def push(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece (C, T); returns what is ready (C, T')."""
        self._held = np.concatenate([self._held, stereo], axis=1)
        return self._advance(last=False)

    def finish(self) -> NDArray[np.float32]:
        """Return all that was held back."""
        return self._advance(last=True)

    def _advance(self, *, last: bool) -> NDArray[np.float32]:
        size = UNIT * self._step
        done = [self._held[:, :0]]
        # A unit goes out once the next one is measured, for which a few samples more are needed.
        while self._held.shape[1] >= 2 * size + _HALF or (last and self._held.shape[1]):
            while len(self._units) < 2:
                self._units.append(self._measure(len(self._units) * size, size))
            unit, self._held = self._held[:, :size], self._held[:, size:]
            measured, coming = self._units
            done.append(self._change(unit, self._control(measured, coming), measured, coming))
            self._units.pop(0)
            self._past = np.concatenate([self._past, unit], axis=1)[:, -_HALF:]
        return np.concatenate(done, axis=1)

    def _measure(self, start: int, size: int) -> Measured:
        before = self._held[:, start - _HALF : start] if start else self._past
        around = np.concatenate([before, self._held[:, start : start + size + _HALF]], axis=1)
        around = np.pad(around, ((0, 0), (0, size + 2 * _HALF - around.shape[1])))
        middle, half = (around[0] + around[1]) / 2, (around[0] - around[1]) / 2
        power = float(middle @ middle), float(half @ half)
        sides = power[1] / max(sum(power), 1e-20)
        bound = self._bound * float(np.abs(around).max())
        if bound <= min(self._ceiling, self.largest):
            return Measured(np.ones(UNIT), np.full(UNIT, bound), sides)
        # Products of windows and filters are several times faster than scipy's polyphase filter.
        windows = np.ascontiguousarray(sliding_window_view(around[:, 1:], 2 * _HALF, axis=1)[:, :size])
        fine = (windows @ self._filter).reshape(len(around), UNIT, -1)
        peaks = np.abs(fine).max((0, 2)).astype(np.float64)
        wanted = np.ones(UNIT)
        for step in np.flatnonzero(peaks > self._ceiling):
            wanted[step] = self._find(fine[:, step], sides)
        return Measured(wanted, peaks, sides)

    def _control(self, measured: Measured, coming: Measured) -> NDArray[np.float64] | None:
        """The control at the edges (UNIT + 1,) of a unit's steps; None where it is 1."""
        wanted = np.concatenate([measured.wanted, coming.wanted[:AHEAD]])
        if self._needs is None:  # the way down to a peak in the very first step is behind us
            self._needs = np.minimum.accumulate(wanted[:AHEAD])
        if wanted.min() == 1 == self._needs.min():
            return None
        # A step's need is the least of what it and the next five want, or what the release allows. The control runs
        # between means of the needs of five steps: each of them has looked as far as the step it leads to.
        needs, need = [], float(self._needs[-1])
        for least in sliding_window_view(wanted, AHEAD + 1).min(1).tolist():
            need = min(least, need + (1 - need) * _RELEASE)
            need = 1.0 if need > 0.9999 else need
            needs.append(need)
        edges = sliding_window_view(np.concatenate([self._needs, needs]), AHEAD).mean(1)  # the first: before the unit
        self._needs = np.array(needs[-AHEAD:])
        return np.asarray(edges)

    def _along(self, edges: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """Values for the samples (count,) of a unit from those at the edges of equal parts of it."""
        parts = len(edges) - 1
        places = np.arange(count) * (parts / (UNIT * self._step))
        return np.asarray(np.interp(places, np.arange(parts + 1), edges))

    @property
    @abstractmethod
    def largest(self) -> float:
        """Below it, and below the ceiling, true peaks need not be measured."""

    @abstractmethod
    def _find(self, fine: NDArray[np.float32], sides: float) -> float:
        """The control that a step wants whose interpolated samples (C, F) exceed the ceiling; see `Measured.sides`."""

    @abstractmethod
    def _change(
        self, unit: NDArray[np.float32], control: NDArray[np.float64] | None, measured: Measured, coming: Measured
    ) -> NDArray[np.float32]:
        """Apply the control to a unit (C, T); the last one may be short."""


def _interpolation(factor: int) -> NDArray[np.float32]:
    """Filters (2 _HALF, factor) that give, from the samples around, those at k / factor of the way to the next one."""
    reach = _HALF * factor
    response = np.sinc(np.arange(-reach, reach + 1) / factor) * np.kaiser(2 * reach + 1, 6.0)
    response *= factor / response.sum()
    return np.ascontiguousarray(response[:-1].reshape(2 * _HALF, factor)[::-1], np.float32)

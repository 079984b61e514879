"""A look-ahead limiter that keeps the true peak of stereo sound below a ceiling."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import firwin

_STEP = 0.001  # seconds; one gain each
_UNIT = 100  # steps that are computed together
_AHEAD = 5  # steps over which the gain falls before a peak
_RELEASE = 1 - math.exp(-_STEP / 0.1)  # part of the way back to 1 that it goes in a step: 100 ms to the most of it
_HALF = 12  # samples on either side that the interpolation looks at
_FACTORS = ((8, 100_000), (4, 200_000))  # how finely peaks are looked for, up to a rate in Hz; 2 above


class Limiter:
    """Lowers stereo sound around its peaks, so that even between the samples none exceeds a ceiling.

    Peaks are found by interpolation, as ITU-R BS.1770-4, annex 2, has it. Before a peak the gain falls within 5 ms,
    behind it it comes back within some 100 ms; both ears get the same, so that directions stay. What needs no gain goes
    through untouched. It is late by 0.2 s, and does not depend on how the sound was cut.

    Args:
        sample_rate: Hz.
        ceiling: dB below full scale (dBTP), at most 0.
        channels: C, of which all get the same gain.

    Attributes:
        true_peak: largest magnitude that came out, between the samples too; full scale 1.
        reduction: dB by which the gain fell at most.
    """

    def __init__(self, sample_rate: int, ceiling: float, channels: int = 2) -> None:
        self.true_peak = 0.0
        self._ceiling = 10 ** (ceiling / 20)
        self._step = max(1, round(_STEP * sample_rate))
        self._filter = _interpolation(next((factor for factor, most in _FACTORS if sample_rate <= most), 2))
        self._bound = float(np.abs(self._filter).sum(0).max())  # nothing between samples exceeds the largest by more
        self._past = np.zeros((channels, _HALF), np.float32)
        self._held = np.zeros((channels, 0), np.float32)  # what has not been given out
        self._peaks: list[NDArray[np.float64]] = []  # of the steps of the units that are held
        self._needs: NDArray[np.float64] | None = None  # of the last steps, what each needs after the release
        self._lowest = 1.0

    @property
    def reduction(self) -> float:
        """See above."""
        return -20 * math.log10(self._lowest)

    def push(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece (C, T); returns what is ready (C, T')."""
        self._held = np.concatenate([self._held, stereo], axis=1)
        return self._advance(last=False)

    def finish(self) -> NDArray[np.float32]:
        """Return all that was held back."""
        return self._advance(last=True)

    def _advance(self, *, last: bool) -> NDArray[np.float32]:
        size = _UNIT * self._step
        done = [self._held[:, :0]]
        # A unit goes out once the peaks of the next one are known, for which a few samples more are needed.
        while self._held.shape[1] >= 2 * size + _HALF or (last and self._held.shape[1]):
            while len(self._peaks) < 2:
                self._peaks.append(self._measure(len(self._peaks) * size, size))
            unit, self._held = self._held[:, :size], self._held[:, size:]
            done.append(self._limit(unit, self._peaks.pop(0)))
            self._past = np.concatenate([self._past, unit], axis=1)[:, -_HALF:]
        return np.concatenate(done, axis=1)

    def _measure(self, start: int, size: int) -> NDArray[np.float64]:
        """True peaks (_UNIT,) of the steps of a unit; of one that is soft enough, a bound."""
        before = self._held[:, start - _HALF : start] if start else self._past
        around = np.concatenate([before, self._held[:, start : start + size + _HALF]], axis=1)
        around = np.pad(around, ((0, 0), (0, size + 2 * _HALF - around.shape[1])))
        bound = self._bound * float(np.abs(around).max())
        if bound <= min(self._ceiling, self.true_peak):
            return np.full(_UNIT, bound)
        # Products of windows and filters are several times faster than scipy's polyphase filter.
        windows = np.ascontiguousarray(sliding_window_view(around[:, 1:], 2 * _HALF, axis=1)[:, :size])
        peaks = np.abs(windows @ self._filter).reshape(len(self._held), _UNIT, -1).max((0, 2))
        return np.asarray(peaks, np.float64)

    def _limit(self, unit: NDArray[np.float32], peaks: NDArray[np.float64]) -> NDArray[np.float32]:
        """Lower a unit (C, T), given the true peaks of its steps; those of the next one are in `_peaks`."""
        wanted = self._ceiling / np.maximum(np.concatenate([peaks, self._peaks[0][:_AHEAD]]), self._ceiling)
        if self._needs is None:  # the way down to a peak in the very first step is behind us
            self._needs = np.minimum.accumulate(wanted[:_AHEAD])
        if wanted.min() == 1 == self._needs.min():
            self.true_peak = max(self.true_peak, float(peaks.max()))
            return unit
        # A step's need is the least of what it and the next five want, or what the release allows. The gain runs
        # between means of the needs of five steps: each of them has looked as far as the step it leads to.
        needs, need = [], float(self._needs[-1])
        for least in sliding_window_view(wanted, _AHEAD + 1).min(1).tolist():
            need = min(least, need + (1 - need) * _RELEASE)
            need = 1.0 if need > 0.9999 else need
            needs.append(need)
        means = sliding_window_view(np.concatenate([self._needs, needs]), _AHEAD).mean(1)  # the first: before the unit
        self._needs = np.array(needs[-_AHEAD:])
        self._lowest = min(self._lowest, float(means.min()))
        self.true_peak = max(self.true_peak, float((peaks * np.maximum(means[:-1], means[1:])).max()))
        gains = np.interp(np.arange(_UNIT * self._step) / self._step, np.arange(_UNIT + 1), means)
        return np.asarray(unit * gains[: unit.shape[1]], np.float32)


def _interpolation(factor: int) -> NDArray[np.float32]:
    """Filters (2 _HALF, factor) that give, from the samples around, those at k / factor of the way to the next one."""
    response = factor * firwin(2 * _HALF * factor + 1, 1 / factor, window=("kaiser", 6.0))
    return np.ascontiguousarray(response[:-1].reshape(2 * _HALF, factor)[::-1], np.float32)

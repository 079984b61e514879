"""Loudness after ITU-R BS.1770-4, and a slow gain that gives one sound the loudness of another."""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ccstereo.mastering.sections import Sections

BLOCK = 0.1  # seconds; a gating block of BS.1770 is four of them, a new one begins with each
GATE = -70.0  # LUFS; what is softer counts as silence
_RELATIVE = 10 ** (-10 / 10)  # power below the ungated mean at which the second gate stands
_OFFSET = -0.691  # dB: a sine of 997 Hz at 0 dBFS in one channel reads -3.01 LUFS

# The gain follows the powers of 3 s around a block, the middle weighing most: words and notes are shorter than that and
# keep their course, and both ears get the same gain, so that directions stay.
_REACH = 15  # blocks on either side
_WINDOW = np.hanning(2 * _REACH + 3)[1:-1]
_FLOOR = 10 ** ((-90 - _OFFSET) / 10)  # power added to both, so that silence gives no gain
_GAINS = (10 ** (-12 / 20), 10 ** (15 / 20))  # the least and the most


def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """The K-weighting filter: a shelf for the head and a high-pass, as two second-order sections (2, 6).

    BS.1770-4 gives coefficients at 48 kHz; for other rates the same analogue filters are transformed, with the
    parameters that libebur128 found.
    """

    def tangent(frequency: float) -> float:
        return math.tan(math.pi * min(frequency / sample_rate, 0.45))

    k, q = tangent(1681.974450955533), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k]
    shelf = [value / a0 for value in (*shelf, a0, 2 * (k * k - 1), 1 - k / q + k * k)]
    k, q = tangent(38.13547087602444), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return np.array([shelf, [1, -2, 1, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]])


def integrated_loudness(powers: Sequence[float] | NDArray[np.float64]) -> float:
    """Loudness of a whole sound in LUFS, gated as BS.1770-4 has it.

    Args:
        powers: (N,) K-weighted power of each tenth of a second, summed over the channels. What is shorter than a gating
            block of 0.4 s counts as one.

    Returns:
        LUFS, -inf where nothing is louder than -70.

    >>> round(integrated_loudness([0.5] * 20), 2)
    -3.7
    """
    blocks = np.asarray(powers, np.float64)
    if len(blocks) == 0:
        return -math.inf
    width = min(4, len(blocks))
    gating = np.convolve(blocks, np.full(width, 1 / width), "valid")
    loud = gating[gating > 10 ** ((GATE - _OFFSET) / 10)]
    if len(loud) == 0:
        return -math.inf
    return float(_OFFSET + 10 * np.log10(loud[loud > _RELATIVE * loud.mean()].mean()))


class BlockPowers:
    """Measures the K-weighted power of each tenth of a second of stereo sound that comes in pieces.

    The result does not depend on how the sound was cut.

    Args:
        sample_rate: Hz.

    Attributes:
        size: samples of a block.
        products: for each block the powers of left and right, and the mean of their product. The last block may be
            shorter once `finish` was called.
    """

    def __init__(self, sample_rate: int) -> None:
        self.size = max(1, round(BLOCK * sample_rate))
        self.products: list[tuple[float, float, float]] = []
        self._weighting = Sections(k_weighting(sample_rate), channels=2)
        self._held = np.zeros((2, 0), np.float32)
        self._whole = 0  # blocks that are as long as they should be

    @property
    def powers(self) -> list[float]:
        """Of each block, both channels added."""
        return [left + right for left, right, _ in self.products]

    @property
    def integrated(self) -> float:
        """LUFS of what has come, see `integrated_loudness`; a gating block that is not whole does not count."""
        return integrated_loudness(self.powers[: max(self._whole, min(4, len(self.products)))])

    def push(self, stereo: NDArray[np.float32]) -> None:
        """Measure the next piece (2, T)."""
        held = np.concatenate([self._held, stereo], axis=1)
        whole = held.shape[1] - held.shape[1] % self.size
        for at in range(0, whole, self.size):
            self._measure(held[:, at : at + self.size])
        self._held = held[:, whole:]

    def finish(self) -> None:
        """Measure what is left of the last block."""
        if self._held.shape[1]:
            self._measure(self._held)
        self._held = self._held[:, :0]

    def _measure(self, block: NDArray[np.float32]) -> None:
        left, right = self._weighting.push(block)
        count = block.shape[1]
        self._whole += count == self.size
        self.products.append((float(left @ left) / count, float(right @ right) / count, float(left @ right) / count))


class LoudnessMatcher:
    """Gives stereo sound the loudness of a reference of the same length, by a slow gain, the same for both ears.

    Over 3 s around each moment both have the same K-weighted power, so that the integrated loudness agrees as well,
    whatever is gated. It is late by 1.7 s, holds no more, and does not depend on how either was cut. Where both are the
    same, the gain is exactly 1. It never exceeds 15 dB, nor falls below -12 dB.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.reference = BlockPowers(sample_rate)
        self.given = BlockPowers(sample_rate)
        self._held = np.zeros((2, 0), np.float32)
        self._waiting: deque[NDArray[np.float32]] = deque()
        self._done = 0  # blocks given out
        self._finished = False

    def push_reference(self, stereo: NDArray[np.float32]) -> None:
        """Take the next piece (2, T) of the reference, before the sound of the same time."""
        self.reference.push(stereo)

    def push(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece (2, T) of the sound; returns what is ready (2, T')."""
        held = np.concatenate([self._held, stereo], axis=1)
        size = self.given.size
        whole = held.shape[1] - held.shape[1] % size
        self._waiting.extend(held[:, at : at + size] for at in range(0, whole, size))
        self._held = held[:, whole:]
        self.given.push(held[:, :whole])
        return self._ready(len(self.given.products) - _REACH - 1)

    def finish(self) -> NDArray[np.float32]:
        """Return all that was held back."""
        self.reference.finish()
        self.given.push(self._held)
        self.given.finish()
        if self._held.shape[1]:
            self._waiting.append(self._held)
        self._finished = True
        return self._ready(len(self.given.products))

    def _ready(self, until: int) -> NDArray[np.float32]:
        blocks = []
        while self._done < until:
            blocks.append(self._amplify(self._waiting.popleft(), self._done))
            self._done += 1
        return np.concatenate([self._held[:, :0], *blocks], axis=1)

    def _amplify(self, block: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        before, here, after = (self._gain(index + step) for step in (-1, 0, 1))
        if before == here == after:
            return block if here == 1 else (block * here).astype(np.float32)
        place = (np.arange(block.shape[1]) + 0.5) / self.given.size  # of the block; gains stand at its middle
        return np.asarray(block * np.interp(place, (-0.5, 0.5, 1.5), (before, here, after)), np.float32)

    def _gain(self, index: int) -> float:
        """Of the block `index`, from the powers of the blocks around it that there are."""
        index = max(0, index)
        count = min(len(self.given.products), len(self.reference.products)) if self._finished else index + _REACH + 1
        index = min(index, count - 1)
        around = slice(max(0, index - _REACH), min(count, index + _REACH + 1))
        window = _WINDOW[around.start - index + _REACH :][: around.stop - around.start]
        wanted, found = (
            float(sum(weight * (left + right) for weight, (left, right, _) in zip(window, part, strict=True)))
            for part in (self.reference.products[around], self.given.products[around])
        )
        least, most = _GAINS
        gain = min(most, max(least, math.sqrt((wanted + _FLOOR) / (found + _FLOOR))))
        return 1.0 if abs(gain - 1) < 1e-6 else gain  # less is rounding: the same sound stays the same

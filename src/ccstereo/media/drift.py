"""Sound whose clock runs slower or faster than its timestamps: stretched a little, so that it stays in time."""

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_REACH = 1.0  # seconds on either side over which deviations are averaged: timestamps are rounded, and wander
_LEAST = 0.5  # seconds of sound below which nothing is known about its clock
_DEADBAND = 0.0008  # seconds of deviation that are let be: rounding to milliseconds alone gives half of one
_RATE = 0.005  # part by which sound is stretched at most, beyond what its clock is wrong by: a twelfth of a semitone
_SLOPES = 0.05  # the most that a clock may be wrong by
_TAPS = 8  # samples on either side that an interpolated one is made of


class DriftCorrector:
    """Stretches pieces of sound smoothly until they agree with their timestamps.

    It averages over 2 s around each piece, so it is late by one. As long as the average deviates by less than 0.8 ms,
    samples are passed on as they are.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._begins: deque[int] = deque()  # sample at which a piece begins, of those that are averaged over
        self._deviations: deque[float] = deque()
        self._pieces: deque[NDArray[np.float32]] = deque()  # those that were not given out: the last of the above
        self._before: NDArray[np.float32] | None = None  # the end of the piece given out last
        self._length = 0
        self._corrected = 0
        self._engaged = False

    def push(self, deviation: float, piece: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Take the next piece (T, ...), and how many samples late its timestamp is; yield what is ready."""
        self._begins.append(self._length)
        self._deviations.append(deviation)
        self._pieces.append(piece)
        self._length += len(piece)
        while self._length - self._begins[-len(self._pieces)] > _REACH * self._rate + len(self._pieces[0]):
            yield self._next()

    def finish(self) -> Iterator[NDArray[np.float32]]:
        """Yield what is left."""
        while self._pieces:
            yield self._next()

    @property
    def corrected(self) -> int:
        """Samples that were added so far, less those that were taken away."""
        return self._corrected

    def _next(self) -> NDArray[np.float32]:
        here = len(self._begins) - len(self._pieces)
        begin = self._begins[here]
        while self._begins[0] < begin - _REACH * self._rate:
            self._begins.popleft()
            self._deviations.popleft()
            here -= 1
        piece = self._pieces.popleft()
        change = self._change(begin, len(piece))
        after = self._pieces[0][:_TAPS] if self._pieces else piece[-1:]
        before = piece[:1] if self._before is None else self._before
        self._before = piece[-_TAPS:]
        self._corrected += change
        return stretch(before, piece, after, len(piece) + change) if change else piece

    def _change(self, begin: int, length: int) -> int:
        """By how many samples the piece that begins there becomes longer."""
        deviations = np.array(self._deviations) - self._corrected
        if not self._engaged and np.abs(deviations).max() <= _DEADBAND * self._rate:
            return 0
        places = np.array(self._begins, np.float64) - begin
        if places[-1] - places[0] < _LEAST * self._rate:
            return 0
        slope = float(np.cov(places, deviations, bias=True)[0, 1] / places.var())
        due = float(
            deviations.mean() + slope * (length - places.mean())
        )  # of the line through them, where the piece ends
        unsure = 3 * float(np.std(deviations - slope * places)) / len(places) ** 0.5
        self._engaged = self._engaged or abs(due) > _DEADBAND * self._rate + unsure
        if not self._engaged:
            return 0
        most = (_RATE + min(abs(slope), _SLOPES)) * length
        return round(max(-most, min(due, most)))


def stretch(
    before: NDArray[np.float32], piece: NDArray[np.float32], after: NDArray[np.float32], length: int
) -> NDArray[np.float32]:
    """Interpolate a piece (T, ...) to another length, of nearly T, by a windowed sinc.

    Args:
        before: samples in front of it, at least one; the last ones are used.
        piece: T >= 1 samples.
        after: samples behind it, at least one.
        length: samples to be.

    Returns:
        (length, ...).
    """
    edge = [(0, 0)] * (piece.ndim - 1)
    before = np.pad(before[-_TAPS:], [(_TAPS - len(before[-_TAPS:]), 0), *edge], mode="edge")
    after = np.pad(after[:_TAPS], [(0, _TAPS - len(after[:_TAPS])), *edge], mode="edge")
    around = np.concatenate([before, piece, after])
    places = np.arange(length) * (len(piece) / length)
    first = places.astype(int)
    offsets = np.arange(1 - _TAPS, _TAPS + 1)
    distance = (places - first)[:, None] - offsets
    weights = np.sinc(distance) * np.cos(np.pi / 2 * distance / (_TAPS + 1)) ** 2
    weights /= weights.sum(1, keepdims=True)
    taken = around[first[:, None] + offsets + _TAPS]  # (length, 2 _TAPS, ...)
    return np.asarray(np.einsum("tk...,tk->t...", taken, weights), np.float32)

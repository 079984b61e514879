"""What a stream holds between two calls: samples that wait, and a resampler's memory."""

from functools import lru_cache

import numpy as np
import soxr


@lru_cache(maxsize=16)
def resampling_delay(source: int, target: int) -> float:
    """Seconds of input that a `Resampler` holds back at most, measured on a second of silence.

    >>> resampling_delay(16_000, 16_000)
    0.0
    """
    resampler, step = Resampler(source, target), max(1, source // 100)
    pushed, given, held = 0, 0, 0.0
    for _ in range(100):
        pushed += step
        given += resampler.push(np.zeros((1, step), dtype=np.float32)).shape[-1]
        held = max(held, pushed / source - given / target)
    return held


class Resampler:
    """A band-limited resampler that takes chunks; it passes them on where the rates are the same.

    What comes out does not depend on how the input was cut, and the filter's delay is taken off.

    Args:
        source: Hz of what comes in.
        target: Hz of what goes out.
        channels: C of both.
    """

    def __init__(self, source: int, target: int, channels: int = 1) -> None:
        self._nothing = np.zeros((channels, 0), dtype=np.float32)
        self._stream = (
            None if source == target else soxr.ResampleStream(source, target, channels, dtype="float32", quality="HQ")
        )

    def push(self, samples: np.ndarray, *, last: bool = False) -> np.ndarray:
        """Take samples (C, T) and return those that are ready at the other rate."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(np.ascontiguousarray(samples.T), last=last).T)

    def finish(self) -> np.ndarray:
        """Return what the filter still held."""
        return self.push(self._nothing, last=True)


class SampleQueue:
    """Samples first in, first out, without copying what stays.

    Args:
        channels: C of them.

    Attributes:
        channels: C.
        pushed: samples appended in all, those taken since included.
    """

    def __init__(self, channels: int = 1) -> None:
        self.channels = channels
        self.pushed = 0
        self._nothing = np.zeros((channels, 0), dtype=np.float32)
        self._chunks: list[np.ndarray] = []
        self._length = 0
        self._debt = 0  # samples dropped before they came

    def __len__(self) -> int:
        return self._length

    def append(self, samples: np.ndarray) -> None:
        """Add samples (C, T) behind the others."""
        count = samples.shape[-1]
        self.pushed += count
        skipped = min(self._debt, count)
        self._debt -= skipped
        if count > skipped:
            self._chunks.append(samples[:, skipped:])
            self._length += count - skipped

    def peek(self, count: int) -> np.ndarray:
        """The first `count` samples (C, count), zeros behind the end; they stay."""
        joined = np.concatenate([self._nothing, *self._chunks], axis=1)
        self._chunks = [joined] if self._length else []
        return np.pad(joined[:, :count], ((0, 0), (0, max(0, count - self._length))))

    def drop(self, count: int) -> None:
        """Forget the first `count` samples, those still to come included."""
        self._debt += max(0, count - self._length)
        self.take(min(count, self._length))

    def take(self, count: int) -> np.ndarray:
        """Remove and return the first `count` samples (C, count), at most all."""
        taken = [self._nothing]
        self._length -= count
        while count:
            head = self._chunks[0]
            taken.append(head[:, :count])
            if head.shape[-1] <= count:
                self._chunks.pop(0)
            else:
                self._chunks[0] = head[:, count:]
            count -= taken[-1].shape[-1]
        return np.concatenate(taken, axis=1)

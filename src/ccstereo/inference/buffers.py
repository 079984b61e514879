"""What a stream holds between two calls: samples that wait, and a resampler's memory."""

import numpy as np
import soxr


class Resampler:
    """A band-limited resampler that takes chunks; it passes them on where the rates are the same.

    What comes out does not depend on how the input was cut, and the filter's delay is taken off.

    Args:
        source: Hz of what comes in.
        target: Hz of what goes out.
    """

    def __init__(self, source: int, target: int) -> None:
        self._stream = (
            None if source == target else soxr.ResampleStream(source, target, 1, dtype="float32", quality="HQ")
        )

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take samples (T,) and return those that are ready at the other rate."""
        return samples if self._stream is None else np.asarray(self._stream.resample_chunk(samples))

    def finish(self) -> np.ndarray:
        """Return what the filter still held."""
        nothing = np.zeros(0, dtype=np.float32)
        return nothing if self._stream is None else np.asarray(self._stream.resample_chunk(nothing, last=True))


class SampleQueue:
    """Samples first in, first out, without copying what stays.

    Attributes:
        pushed: samples appended in all, those taken since included.
    """

    def __init__(self) -> None:
        self.pushed = 0
        self._chunks: list[np.ndarray] = []
        self._length = 0
        self._debt = 0  # samples dropped before they came

    def __len__(self) -> int:
        return self._length

    def append(self, samples: np.ndarray) -> None:
        """Add samples (T,) behind the others."""
        self.pushed += len(samples)
        skipped = min(self._debt, len(samples))
        self._debt -= skipped
        if len(samples) > skipped:
            self._chunks.append(samples[skipped:])
            self._length += len(samples) - skipped

    def peek(self, count: int) -> np.ndarray:
        """The first `count` samples, zeros behind the end; they stay."""
        joined = np.concatenate(self._chunks) if self._chunks else np.zeros(0, dtype=np.float32)
        self._chunks = [joined] if len(joined) else []
        return np.pad(joined[:count], (0, max(0, count - len(joined))))

    def drop(self, count: int) -> None:
        """Forget the first `count` samples, those still to come included."""
        self._debt += max(0, count - self._length)
        self.take(min(count, self._length))

    def take(self, count: int) -> np.ndarray:
        """Remove and return the first `count` samples, at most all."""
        taken = []
        self._length -= count
        while count:
            head = self._chunks[0]
            taken.append(head[:count])
            if len(head) <= count:
                self._chunks.pop(0)
            else:
                self._chunks[0] = head[count:]
            count -= len(taken[-1])
        return np.concatenate(taken) if taken else np.zeros(0, dtype=np.float32)

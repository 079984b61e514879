"""Augmentation of recordings: another speed, another filter, and any place to begin at."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ccstereo.errors import DatasetError

KNOTS = np.array([100.0, 300.0, 900.0, 2700.0, 8000.0])  # Hz between which a filter bends


@dataclass(frozen=True)
class AudioAugmentation:
    """How differently recordings sound in training, so that few of them stand for all sounds of their class.

    Attributes:
        speed: least and greatest factor on the speed.
        filter: dB by which a filter raises or lowers parts of the spectrum at most.

    Raises:
        DatasetError: a value is out of range.
    """

    speed: tuple[float, float] = (0.88, 1.14)
    filter: float = 6.0

    def __post_init__(self) -> None:
        if not 0 < self.speed[0] <= self.speed[1]:
            raise DatasetError(f"speed goes from a least to a greatest factor above 0, not {list(self.speed)}")
        if not self.filter >= 0:
            raise DatasetError(f"filter is a range in dB, at least 0, not {self.filter:g}")


@dataclass(frozen=True)
class AudioEffect:
    """What is done to one recording; by default nothing.

    Attributes:
        speed: factor, which changes the pitch with the tempo.
        filter: dB at each of `KNOTS`; empty is no filter.
    """

    speed: float = 1.0
    filter: tuple[float, ...] = ()


NO_EFFECT = AudioEffect()


def sample_audio_effect(augmentation: AudioAugmentation, rng: np.random.Generator) -> AudioEffect:
    """Choose what is done to a recording."""
    speed = float(rng.uniform(*augmentation.speed))
    return AudioEffect(speed, tuple(map(float, rng.uniform(-augmentation.filter, augmentation.filter, len(KNOTS)))))


def apply_audio_effect(
    recording: np.ndarray, samples: int, start: float, effect: AudioEffect, sample_rate: int
) -> np.ndarray:
    """Cut (samples,) out of a recording (T,) from sample `start` on, repeated as long as needed, with an effect."""
    track = excerpt(recording, samples, start, effect.speed)
    return filtered(track, np.array(effect.filter), sample_rate) if effect.filter else track


def excerpt(recording: np.ndarray, samples: int, start: float, speed: float = 1.0) -> np.ndarray:
    """Cut samples out of a recording, repeated as long as needed.

    Args:
        recording: (T,).
        samples: number of samples wanted.
        start: sample at which to begin.
        speed: 1 as recorded; another speed changes the pitch with the tempo.

    Returns:
        (samples,).

    >>> excerpt(np.array([0.0, 1.0, 2.0]), 4, 2)
    array([2., 0., 1., 2.])
    """
    if speed == 1.0:
        return _repeated(recording, round(start), samples)
    first = start % len(recording)
    times = first - int(first) + speed * np.arange(samples)
    before = times.astype(np.int64)
    around = _repeated(recording, int(first), int(before[-1]) + 2)
    low = around[before]
    return np.asarray(low + (times - before).astype(around.dtype) * (around[before + 1] - low))


def _repeated(recording: np.ndarray, start: int, samples: int) -> np.ndarray:
    """Cut samples out of a recording from one of them on, repeated as long as needed."""
    start %= len(recording)
    if start + samples <= len(recording):
        return recording[start : start + samples]
    return np.resize(np.roll(recording, -start), samples)


def filtered(track: np.ndarray, gains: np.ndarray, sample_rate: int) -> np.ndarray:
    """Filter a track (T,) without delay by gains in dB at `KNOTS`, straight between them over log frequency."""
    spectrum = np.fft.rfft(track)
    gain = np.exp((np.log(10) / 20 * gains).astype(track.dtype) @ _weights(len(track), sample_rate, track.dtype))
    return np.asarray(np.fft.irfft(spectrum * gain, len(track)))


@lru_cache(maxsize=8)
def _weights(samples: int, sample_rate: int, precision: np.dtype) -> np.ndarray:
    """Weights (knots, F) of the knots at every frequency of so many samples."""
    frequencies = np.maximum(np.fft.rfftfreq(samples, 1 / sample_rate), 1.0)
    rows = [np.interp(np.log(frequencies), np.log(KNOTS), row) for row in np.eye(len(KNOTS))]
    return np.stack(rows).astype(precision)

"""How a recording is played: from a loud moment on, over and over, at another speed, with another tone."""

import numpy as np

SPEEDS = (0.88, 1.14)  # of playback, for more variety in training
TONE_KNOTS = np.array([100.0, 300.0, 900.0, 2700.0, 8000.0])  # Hz between which a filter bends
TONE_RANGE = 6.0  # dB


def play(recording: np.ndarray, samples: int, start: float, speed: float = 1.0) -> np.ndarray:
    """Play a recording, repeated as long as needed.

    Args:
        recording: (T,) samples.
        samples: number of samples wanted.
        start: sample at which to begin.
        speed: 1 as recorded; another speed changes the pitch with the tempo.

    Returns:
        (samples,).

    >>> play(np.array([0.0, 1.0, 2.0]), 4, 2)
    array([2., 0., 1., 2.])
    """
    if speed == 1.0:
        return np.resize(np.roll(recording, -round(start)), samples)
    times = (start + speed * np.arange(samples)) % len(recording)
    before = np.minimum(times.astype(np.int64), len(recording) - 1)  # just below zero, % rounds up to the length
    after = (before + 1) % len(recording)
    return np.asarray(recording[before] + (times - before) * (recording[after] - recording[before]))


def filtered(track: np.ndarray, tone: np.ndarray, sample_rate: int) -> np.ndarray:
    """Filter a track (T,) without delay by gains in dB at `TONE_KNOTS`, straight between them over log frequency."""
    spectrum = np.fft.rfft(track)
    frequencies = np.maximum(np.fft.rfftfreq(len(track), 1 / sample_rate), 1.0)
    gain = np.interp(np.log(frequencies), np.log(TONE_KNOTS), tone)
    return np.asarray(np.fft.irfft(spectrum * 10 ** (gain / 20), len(track)))


def loud_offset(recording: np.ndarray, sample_rate: int, rng: np.random.Generator) -> float:
    """Seconds into a recording from where half a second is not quiet, so that short scenes are rarely silent."""
    block = sample_rate // 50
    count = len(recording) // block
    if count <= 25:
        return 0.0
    power = np.square(recording[: count * block]).reshape(count, block).mean(1)
    total = np.concatenate([[0.0], np.cumsum(power)])
    loud = np.flatnonzero(total[25:] - total[:-25] >= 0.25 * 25 * power.mean())
    return float(rng.choice(loud)) / 50

"""High-band panning: what lies above the model's Nyquist frequency goes to where its highest octave lies.

Level differences alone say where such frequencies come from, so real gains are enough (intensity stereo: Herre,
Brandenburg & Lederer, "Intensity Stereo Coding", AES 96th Convention, 1994).
"""

import numpy as np
from numpy.typing import NDArray

from ccstereo.targets import SPECTROGRAM, Target

SMOOTHED = 7  # frames over which levels are taken: 70 ms, so that no gain flutters
_TINY = 1e-12


def panning_gains(
    mix_spec: NDArray[np.float32], predicted: NDArray[np.float32], target: Target, samples: int
) -> NDArray[np.float32]:
    """By which the mixture above the model's rate is multiplied to be what each predicted channel holds beyond mono.

    Two ears differ there by as many decibels as in the highest octave: with g = (|l| - |r|) / (|l| + |r|) by the root
    mean squares of the upper half of the bins, l = (1 + g) m / 2 and r = (1 - g) m / 2. The directional channels of
    ambisonics follow W by the gain that fits them best there.

    Args:
        mix_spec: (N, 2, F, frames) spectrograms of the mixture.
        predicted: (N, K, 2, F, frames) predicted ones.
        target: what they stand for.
        samples: T of the windows.

    Returns:
        (N, K, T) gains in [-1, 1]; 0, which is mono, where it is silent.

    >>> from ccstereo.targets import MID_SIDE
    >>> mix = np.ones((1, 2, 257, 4))
    >>> panning_gains(mix, 0.5 * mix[:, None], MID_SIDE, 480)[0, 0, ::160].round(3).tolist()
    [0.5, 0.5, 0.5]
    """
    upper = mix_spec.shape[-2] // 2
    high = predicted[..., upper:, :]
    sound = target.decode(mix_spec[..., upper:, :], high, dim=SPECTROGRAM)  # (N, C, 2, F', frames)
    if target.has_ears:
        levels = np.sqrt(_smooth(np.square(sound).sum((-3, -2))))
        left, right = levels[:, 0], levels[:, 1]
        gain = (left - right) / np.maximum(left + right, _TINY)
        ears = np.stack([(1 + gain) / 2, (1 - gain) / 2], axis=1)
        gains = target.encode(ears) - target.silent_prediction(np.ones_like(gain))
    else:
        w = sound[:, :1]
        power = _smooth(np.square(w).sum((-3, -2)))
        gains = np.clip(_smooth((sound[:, 1:] * w).sum((-3, -2))) / np.maximum(power, _TINY), -1, 1)
    return _stretch(gains, samples)


def _smooth(energy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Moving average over frames of (N, C, frames), at the ends over those that are there."""
    reach, frames = SMOOTHED // 2, energy.shape[-1]
    padded = np.pad(energy, ((0, 0), (0, 0), (reach, reach)))
    place = np.arange(frames)
    there = np.minimum(place + reach, frames - 1) - np.maximum(place - reach, 0) + 1
    total = np.lib.stride_tricks.sliding_window_view(padded, SMOOTHED, axis=-1).sum(-1)
    return np.asarray(total / there, dtype=energy.dtype)


def _stretch(gains: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Interpolate (N, C, frames) linearly to (N, C, samples), the ends on the ends."""
    place = np.linspace(0, gains.shape[-1] - 1, samples)
    before = np.minimum(place.astype(int), max(0, gains.shape[-1] - 2))
    after = np.minimum(before + 1, gains.shape[-1] - 1)
    part = (place - before).astype(gains.dtype)
    stretched: NDArray[np.float32] = gains[..., before] * (1 - part) + gains[..., after] * part
    return stretched

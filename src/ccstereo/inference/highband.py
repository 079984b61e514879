"""High-band panning: what lies above the model's Nyquist frequency goes to where its highest octave lies.

Level differences alone say where such frequencies come from, so real gains are enough (intensity stereo: Herre,
Brandenburg & Lederer, "Intensity Stereo Coding", AES 96th Convention, 1994).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ccstereo.audio.targets import SPECTROGRAM, Target

SMOOTHED = 7  # frames over which levels are taken: 70 ms, so that no gain flutters
_TINY = 1e-12


def panning_gains(mix_spec: Tensor, predicted: Tensor, target: Target, samples: int) -> Tensor:
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

    >>> from ccstereo.audio.targets import MID_SIDE
    >>> mix = torch.ones(1, 2, 257, 4)
    >>> panning_gains(mix, 0.5 * mix[:, None], MID_SIDE, 480)[0, 0, ::160].round(decimals=3).tolist()
    [0.5, 0.5, 0.5]
    """
    upper = mix_spec.shape[-2] // 2
    sound = target.decode(mix_spec, predicted, dim=SPECTROGRAM)[..., upper:, :]  # (N, C, 2, F', frames)
    if target.has_ears:
        left, right = _smooth(sound.square().sum((-3, -2))).sqrt().unbind(1)
        gain = (left - right) / (left + right).clamp_min(_TINY)
        ears = torch.stack([(1 + gain) / 2, (1 - gain) / 2], dim=1)
        gains = target.encode(ears) - target.silent_prediction(torch.ones_like(gain))
    else:
        w = sound[:, :1]
        power = _smooth(w.square().sum((-3, -2)))
        gains = (_smooth((sound[:, 1:] * w).sum((-3, -2))) / power.clamp_min(_TINY)).clamp(-1, 1)
    return F.interpolate(gains, samples, mode="linear", align_corners=True)


def _smooth(energy: Tensor) -> Tensor:
    """Moving average over frames of (N, C, frames)."""
    return F.avg_pool1d(energy, SMOOTHED, stride=1, padding=SMOOTHED // 2, count_include_pad=False)

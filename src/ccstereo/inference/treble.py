"""Sound above what a model hears goes to where its highest octave lies.

Level differences alone say where such frequencies come from, so a real gain is enough (intensity stereo: Herre,
Brandenburg & Lederer, "Intensity Stereo Coding", AES 96th Convention, 1994).
"""

from torch import Tensor
from torch.nn import functional as F

from ccstereo.audio import to_binaural_spec

SMOOTHED = 7  # frames over which levels are taken: 70 ms, so that no gain flutters
_TINY = 1e-12


def treble_gain(mix_spec: Tensor, difference_spec: Tensor, samples: int) -> Tensor:
    """What the difference is of the mixture above the model's rate, if both ears differ there as in its highest octave.

    Args:
        mix_spec: (N, 2, F, frames) spectrograms of l + r.
        difference_spec: (N, 2, F, frames) predicted ones of l - r.
        samples: T of the windows.

    Returns:
        (N, T) gain g in [-1, 1]: (|l| - |r|) / (|l| + |r|) by the root mean squares of the upper half of the bins;
        l = (1 + g) m / 2 and r = (1 - g) m / 2 then differ by as many decibels. 0 where it is silent.

    >>> import torch
    >>> mix = torch.ones(1, 2, 257, 4)
    >>> treble_gain(mix, 0.5 * mix, 480)[0, ::160].round(decimals=3).tolist()
    [0.5, 0.5, 0.5]
    """
    upper = to_binaural_spec(mix_spec, difference_spec)[..., mix_spec.shape[-2] // 2 :, :]
    energy = upper.square().sum((-3, -2))  # (N, ears, frames)
    smooth = F.avg_pool1d(energy, SMOOTHED, stride=1, padding=SMOOTHED // 2, count_include_pad=False)
    left, right = smooth.sqrt().unbind(1)
    gain = (left - right) / (left + right).clamp_min(_TINY)
    return F.interpolate(gain[:, None], samples, mode="linear", align_corners=True)[:, 0]

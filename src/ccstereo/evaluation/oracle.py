"""The ceiling: what a network would give whose mask is the true one."""

import math

import torch
from torch import Tensor

from ccstereo.audio import istft, mix_and_difference, overlap_average, rms_gain, stft, to_binaural
from ccstereo.audio.windows import window_count
from ccstereo.models.config import ModelConfig

SIZES = ModelConfig()
"""Windows and transform of the papers' networks."""
_SILENT = 1e-12  # power of a bin of the levelled mixture below which no mask can make a difference of it
_AT_ONCE = 16  # windows; taking all of a clip asks the system for so much memory that it doubles the time


def oracle(
    binaural: Tensor, config: ModelConfig = SIZES, *, hop: float | None = None, bound: float = math.inf
) -> Tensor:
    """Take a clip apart and put it together as inference does, with the true mask in the network's place.

    Windows, level, transform and overlap are the stream's. Per bin the mask is the quotient of true difference and
    mixture, its real and imaginary part clamped: of all masks within the bound this one leaves the least error.

    Args:
        binaural: (2, T) true clip at the configuration's rate.
        config: sizes of window and transform, and the level.
        hop: seconds between two windows; None takes `config.hop`.
        bound: largest magnitude of the mask's real and imaginary part: 1 in the papers, `mask_bound` of a
            configuration that has one; infinity gives the clip back, but for rounding and for bins in which the
            mixture is silent.

    Returns:
        (2, T), left ear first.

    Raises:
        ValueError: the shape is another, or the hop or the bound is out of range.

    >>> x = torch.randn(2, 20_000)
    >>> torch.allclose(oracle(x), x, atol=1e-4)
    True
    """
    if binaural.ndim != 2 or len(binaural) != 2 or binaural.shape[1] == 0 or not bound > 0:
        raise ValueError(f"expected a clip (2, T) and a bound above 0, got {tuple(binaural.shape)} and {bound}")
    mix, difference = mix_and_difference(binaural)
    samples, step = len(mix), round((config.hop if hop is None else hop) * config.sample_rate)
    count = window_count(samples, config.window, step)
    padded = torch.nn.functional.pad(torch.stack([mix, difference]), (0, (count - 1) * step + config.window - samples))
    windows = padded.unfold(-1, config.window, step)  # (2, N, W)
    gain = rms_gain(windows[0], config.rms)
    predicted = [
        istft(_masked(stft(some, config.stft), bound), config.window, config.stft)
        for some in torch.split(windows * gain, _AT_ONCE, dim=1)
    ]
    return to_binaural(mix, overlap_average(torch.cat(predicted) / gain, step, samples))


def _masked(specs: Tensor, bound: float) -> Tensor:
    """Mixture (N, 2, F, frames) under its true mask, the clamped quotient difference / mixture; `specs` are the two."""
    mix, difference = torch.view_as_complex(specs.movedim(-3, -1))  # (N, F, frames)
    power = (mix.real.square() + mix.imag.square()).clamp_min(_SILENT)
    mask = torch.view_as_real(mix.conj() * difference / power).clamp(-bound, bound)
    return torch.view_as_real(torch.view_as_complex(mask) * mix).movedim(-1, -3)

"""The ceiling: what a network would give whose masks are the true ones."""

import math

import torch
from torch import Tensor

from ccstereo.audio import istft, overlap_average, rms_gain, stft
from ccstereo.audio.targets import MID_SIDE, Target
from ccstereo.audio.windows import window_count
from ccstereo.models.config import ModelConfig

SIZES = ModelConfig()
"""Windows and transform of the papers' networks."""
_SILENT = 1e-12  # power of a bin of the normalised mixture below which no mask can make anything of it
_AT_ONCE = 16  # windows; taking all of a clip asks the system for so much memory that it doubles the time


def oracle(
    sound: Tensor,
    config: ModelConfig = SIZES,
    *,
    target: Target = MID_SIDE,
    hop: float | None = None,
    bound: float = math.inf,
) -> Tensor:
    """Take a clip apart and put it together as inference does, with the true masks in the network's place.

    Windows, RMS normalisation, transform and overlap are the stream's. For each predicted channel the mask of a bin is
    the quotient of that channel and the mixture, its real and imaginary part clamped: of all masks within the bound
    this one leaves the least error.

    Args:
        sound: (C, T) true clip at the configuration's rate, in the target's channels.
        config: sizes of window and transform, and the RMS that windows are normalised to.
        target: what the network predicts.
        hop: seconds between two windows; None takes `config.hop`.
        bound: largest magnitude of the masks' real and imaginary part: 1 in the papers, `mask_bound` of a
            configuration that has one; infinity gives the clip back, but for rounding and for bins in which the
            mixture is silent.

    Returns:
        (C, T).

    Raises:
        ValueError: the shape is another, or the hop or the bound is out of range.

    >>> x = torch.randn(2, 20_000)
    >>> torch.allclose(oracle(x), x, atol=1e-4)
    True
    """
    if sound.ndim != 2 or len(sound) != len(target.channels) or sound.shape[1] == 0 or not bound > 0:
        wanted = f"a clip ({len(target.channels)}, T) and a bound above 0"
        raise ValueError(f"expected {wanted}, got {tuple(sound.shape)} and {bound}")
    mix = target.mixture(sound)
    samples, step = len(mix), round((config.hop if hop is None else hop) * config.sample_rate)
    count = window_count(samples, config.window, step)
    channels = torch.cat([mix[None], target.encode(sound)])  # (1 + K, T)
    padded = torch.nn.functional.pad(channels, (0, (count - 1) * step + config.window - samples))
    windows = padded.unfold(-1, config.window, step)  # (1 + K, N, W)
    gain = rms_gain(windows[0], config.rms)
    predicted = [
        istft(_masked(stft(some, config.stft), bound), config.window, config.stft)
        for some in torch.split(windows * gain, _AT_ONCE, dim=1)
    ]
    return target.decode(mix, overlap_average((torch.cat(predicted, dim=1) / gain).movedim(1, 0), step, samples))


def _masked(specs: Tensor, bound: float) -> Tensor:
    """Mixture under its true masks, the clamped quotients channel / mixture.

    Args:
        specs: (1 + K, N, 2, F, frames) of the mixture and each predicted channel.
        bound: of the masks.

    Returns:
        (K, N, 2, F, frames).
    """
    mix, *channels = torch.view_as_complex(specs.movedim(-3, -1))  # (N, F, frames) each
    power = (mix.real.square() + mix.imag.square()).clamp_min(_SILENT)
    masks = torch.view_as_real(mix.conj() * torch.stack(channels) / power).clamp(-bound, bound)
    return torch.view_as_real(torch.view_as_complex(masks) * mix).movedim(-1, -3)

"""Spectral convergence and log magnitude at several resolutions, by auraloss; the only place that knows it."""

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ccstereo.metrics.functional._pairs import paired_clips

if TYPE_CHECKING:
    from auraloss.freq import STFTLoss


def multi_resolution_stft(pred: Tensor, target: Tensor, *, normalize: bool = False, **sizes: Any) -> Tensor:
    """Multi-resolution STFT distance: "MRSTFT" (Yamamoto et al. 2020; used for binaural sound by SAGM).

    Args:
        pred: (..., 2, T) predicted clips.
        target: (..., 2, T) true clips.
        normalize: divide each side by its own peak first.
        sizes: arguments of `auraloss.freq.MultiResolutionSTFTLoss`, whose defaults (FFT 1024, 2048, 512) are used
            otherwise; no binaural paper prints its sizes.

    Returns:
        (...) distances >= 0, float32. Each clip is measured by itself, both ears together.

    Raises:
        ValueError: the shapes differ or are not (..., 2, T).
        ImportError: auraloss is not installed.
    """
    from auraloss.freq import MultiResolutionSTFTLoss

    pred, target = paired_clips(pred, target, normalize)
    distance = MultiResolutionSTFTLoss(**sizes)
    for resolution in distance.stft_losses:
        if not resolution.w_phs:
            resolution.stft = partial(_magnitude, resolution)
    pairs = torch.stack([pred, target], dim=-3).float().reshape(-1, 2, 1, 2, pred.shape[-1])
    values: list[Tensor] = [distance(one, truth) for one, truth in pairs]  # its norms run over all it is given
    return torch.stack(values).reshape(pred.shape[:-2])


def _magnitude(resolution: "STFTLoss", x: Tensor) -> tuple[Tensor, None]:
    """What `STFTLoss.stft` of auraloss 0.4 does, but for the phase: it takes half of the time and is not used."""
    window = resolution.window.to(x)
    spec = torch.stft(x, resolution.fft_size, resolution.hop_size, resolution.win_length, window, return_complex=True)
    return (spec.real.square() + spec.imag.square()).clamp_min(resolution.eps).sqrt(), None

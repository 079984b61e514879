"""Spectral convergence and log magnitude at several resolutions."""

import torch
from torch import Tensor

from ccstereo.metrics.functional._pairs import paired_clips

RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
"""FFT size, hop and Hann window in samples (Yamamoto et al. 2020, table 1); no binaural paper prints its own."""
_FLOOR = 1e-8  # power of a bin, at least: the logarithm of silence


def multi_resolution_stft(
    pred: Tensor,
    target: Tensor,
    *,
    normalize: bool = False,
    resolutions: tuple[tuple[int, int, int], ...] = RESOLUTIONS,
) -> Tensor:
    """Multi-resolution STFT distance: "MRSTFT" (Yamamoto et al. 2020, equations 4-6; for binaural sound SAGM).

    Per resolution the spectral convergence |X - Y| / |Y| (Frobenius norms of magnitudes, both ears together) plus the
    mean absolute difference of the log magnitudes; then the mean over resolutions. Equals auraloss's
    `MultiResolutionSTFTLoss` of one clip at a time.

    Args:
        pred, target: (..., 2, T) predicted and true clips; leading dimensions of the truth broadcast.
        normalize: divide each side by its own peak first.
        resolutions: FFT size, hop and window in samples. T must be more than half of the largest FFT size, as clips
            are reflected at their ends.

    Returns:
        (...) distances >= 0.

    Raises:
        ValueError: the shapes do not fit, are not (..., 2, T), or the clip is too short.

    >>> x = torch.randn(2, 4000)
    >>> multi_resolution_stft(x, x).item()
    0.0
    """
    pred, target = paired_clips(pred, target, normalize)
    longest = max(n_fft for n_fft, _, _ in resolutions) // 2
    if pred.shape[-1] <= longest:
        raise ValueError(f"MRSTFT needs more than {longest} samples, got {pred.shape[-1]}")
    total = torch.zeros(())
    for sizes in resolutions:
        found, true = _magnitude(pred, *sizes), _magnitude(target, *sizes)
        convergence = _norm(true - found) / _norm(true)
        total = total + convergence + (found.log() - true.log()).abs().mean((-3, -2, -1))
    return total / len(resolutions)


def _norm(magnitude: Tensor) -> Tensor:
    """Frobenius norm over ears, bins and frames, with gradient 0 at 0."""
    norm: Tensor = torch.linalg.vector_norm(magnitude, dim=(-3, -2, -1))
    return norm


def _magnitude(binaural: Tensor, n_fft: int, hop: int, length: int) -> Tensor:
    """Magnitudes (..., 2, F, frames)."""
    window = torch.hann_window(length, dtype=binaural.dtype, device=binaural.device)
    flat = binaural.reshape(-1, binaural.shape[-1])
    spec = torch.stft(flat, n_fft, hop, length, window, return_complex=True)
    magnitude = (spec.real.square() + spec.imag.square()).clamp_min(_FLOOR).sqrt()
    return magnitude.reshape(*binaural.shape[:-1], *magnitude.shape[1:])

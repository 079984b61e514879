"""Bands of the mel scale."""

from math import log1p

import torch
from torch import Tensor


def mel_bands(sample_rate: int, bins: int, bands: int = 64) -> Tensor:
    """Triangles evenly spaced in mel (O'Shaughnessy 1987: 1127 ln(1 + f / 700)), each adding up to one.

    Args:
        sample_rate: Hz.
        bins: F, of a spectrogram, from 0 Hz to half the sample rate.
        bands: their number.

    Returns:
        (bands, F) float32, to be multiplied with a power spectrogram (F, T).

    >>> weights = mel_bands(16_000, 257)
    >>> weights.shape, round(weights.sum(1).min().item(), 3), round(weights.sum(1).max().item(), 3)
    (torch.Size([64, 257]), 1.0, 1.0)
    """
    highest = 1127 * log1p(sample_rate / 2 / 700)
    edges = 700 * torch.expm1(torch.linspace(0, highest, bands + 2, dtype=torch.float64) / 1127)[:, None]
    frequencies = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64)
    width = sample_rate / 2 / (bins - 1)  # a band narrower than the bins' distance still touches the nearest ones
    below, peak, above = edges[:-2], edges[1:-1], edges[2:]
    rising = 1 - (peak - frequencies) / (peak - below).clamp_min(width)
    falling = 1 - (frequencies - peak) / (above - peak).clamp_min(width)
    weights = torch.minimum(rising, falling).clamp_min(0)
    return (weights / weights.sum(1, keepdim=True)).float()

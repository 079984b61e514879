"""The mel scale: bands that are as wide as the ear's own are."""

from math import log1p

import torch
from torch import Tensor


def mel_bands(sample_rate: int, bins: int, bands: int = 64) -> Tensor:
    """Triangles evenly spaced in mel (O'Shaughnessy 1987), each adding up to one.

    Args:
        sample_rate: Hz.
        bins: of a spectrogram, from 0 Hz to half the sample rate.
        bands: how many.

    Returns:
        (bands, bins) float32.

    >>> matrix = mel_bands(16_000, 257)
    >>> matrix.shape, round(matrix.sum(1).min().item(), 3), round(matrix.sum(1).max().item(), 3)
    (torch.Size([64, 257]), 1.0, 1.0)
    """
    highest = 1127 * log1p(sample_rate / 2 / 700)
    edges = 700 * torch.expm1(torch.linspace(0, highest, bands + 2, dtype=torch.float64) / 1127)[:, None]
    frequencies = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64)
    width = sample_rate / 2 / (bins - 1)  # a band narrower than the bins' distance still touches the nearest ones
    below, peak, above = edges[:-2], edges[1:-1], edges[2:]
    rising = 1 - (peak - frequencies) / (peak - below).clamp_min(width)
    falling = 1 - (frequencies - peak) / (above - peak).clamp_min(width)
    matrix = torch.minimum(rising, falling).clamp_min(0)
    return (matrix / matrix.sum(1, keepdim=True)).float()

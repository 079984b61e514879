"""A discriminator of true and predicted sound, given the visual features. It exists in training only."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

COMPRESSION = 0.3  # power of the magnitude that is judged, so that quiet bins count, too
SQUEEZED = 8  # channels to which visual features are squeezed before they are laid out in one vector
GROUPS = 8


class Discriminator(nn.Module):
    """Judges whether spectrograms are true sound of a frame; for any target and any shape of visual features.

    Strided convolutions over the real and imaginary parts of all channels; the visual features, one vector, are
    repeated over the last map (SAGM's fusion), and one convolution gives a score a position, whose mean counts.

    Args:
        channels: of the sound, C.
        feature_shape: of the visual features.
        widths: of the convolutions, multiples of 8.

    Raises:
        ValueError: a width is no multiple of 8.
    """

    def __init__(self, channels: int, feature_shape: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        if not widths or any(width <= 0 or width % GROUPS for width in widths):
            raise ValueError(f"the discriminator's widths must be multiples of {GROUPS}, got {tuple(widths)}")
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise((2 * channels, *widths))):
            layers += [nn.Conv2d(before, after, 4, 2, 1)]
            layers += [nn.GroupNorm(GROUPS, after)] if number else []
            layers += [nn.LeakyReLU(0.2)]
        self.audio = nn.Sequential(*layers)
        maps = len(feature_shape) == 3
        self.squeeze = nn.Conv2d(feature_shape[0], SQUEEZED, 1) if maps else nn.Identity()
        cells = torch.Size((SQUEEZED, *feature_shape[1:]) if maps else feature_shape).numel()
        self.fuse = nn.Sequential(nn.Conv2d(widths[-1] + cells, widths[-1], 1), nn.LeakyReLU(0.2))
        self.score = nn.Conv2d(widths[-1], 1, 1)

    def forward(self, spec: Tensor, features: Tensor) -> Tensor:
        """Score spectrograms (B, C, 2, F, T) with features (B, *feature_shape): (B,) logits, positive for true."""
        magnitude = (spec.square().sum(2, keepdim=True) + 1e-8).sqrt()
        audio = self.audio((spec * magnitude ** (COMPRESSION - 1)).flatten(1, 2))
        vector = self.squeeze(features).flatten(1)[:, :, None, None].expand(-1, -1, *audio.shape[-2:])
        scores: Tensor = self.score(self.fuse(torch.cat([vector, audio], dim=1)))
        return scores.mean((1, 2, 3))

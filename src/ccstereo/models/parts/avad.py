"""Audio-visual adaptive de-normalisation: visual features set the scale and shift of a decoder level, bin by bin."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.models.parts.fusion import fit_positions, to_sequence


class AdaptiveDenorm(nn.Module):
    """A batch norm whose affine part comes from how well each audio position fits each visual position.

    out = (1 + alpha) * h + beta, with h the normalised input and alpha, beta convolved from the relevance map c:
    the cosine between visual and audio positions, learned positions added to both. Source: CCStereo; where its
    paper and its released code differ on the map, this follows the code.

    Args:
        channels: channels C of the decoder level.
        visual_channels: channels of the visual features.
        audio_grid: (H, W) of the decoder level.
        visual_grid: (h, w) of the visual features; the map c has h * w channels.
    """

    takes_visual = True

    def __init__(
        self, channels: int, visual_channels: int, audio_grid: tuple[int, int], visual_grid: tuple[int, int]
    ) -> None:
        super().__init__()
        cells = visual_grid[0] * visual_grid[1]
        self.audio_grid = audio_grid
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.visual_conv = nn.Conv2d(visual_channels, channels, 1)
        self.audio_positions = nn.Parameter(0.02 * torch.randn(audio_grid[0] * audio_grid[1], channels))
        self.visual_positions = nn.Parameter(0.02 * torch.randn(cells, channels))
        self.shared = nn.Conv2d(cells, channels, 5, padding=2)
        self.scale = nn.Conv2d(channels, channels, 5, padding=2)
        self.shift = nn.Conv2d(channels, channels, 5, padding=2)

    def relevance(self, x: Tensor, visual: Tensor) -> Tensor:
        """Cosine of every visual position with every audio position.

        Args:
            x: (B, C, H, W) the normalised decoder level.
            visual: (B, visual_channels, h, w).

        Returns:
            (B, h * w, H, W) in [-1, 1].
        """
        size = (x.shape[2], x.shape[3])
        asked = to_sequence(self.visual_conv(visual)) + self.visual_positions  # (B, hw, C)
        sounding = to_sequence(x) + fit_positions(self.audio_positions, self.audio_grid, size)  # (B, HW, C)
        cosine: Tensor = F.normalize(asked, dim=-1) @ F.normalize(sounding, dim=-1).transpose(1, 2)
        return cosine.reshape(*cosine.shape[:2], *size)

    def forward(self, x: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise x (B, C, H, W) by the visual features; also give the relevance map (B, h * w, H, W)."""
        normed = self.norm(x)
        relevance = self.relevance(normed, visual)
        shared = F.relu(self.shared(relevance))
        return (1 + self.scale(shared)) * normed + self.shift(shared), relevance


def decoder_norms(
    widths: Sequence[int],
    levels: Sequence[int],
    visual_channels: int,
    audio_grid: tuple[int, int],
    visual_grid: tuple[int, int],
) -> list[nn.Module]:
    """Norms of a decoder's levels of `widths`, the innermost first: AVAD in `levels`, batch norm in the others.

    The audio grid (H', W') is the bottleneck's, which every level doubles; the visual one (h, w) is the features'.
    """
    grids = [(audio_grid[0] << (level + 1), audio_grid[1] << (level + 1)) for level in range(len(widths))]
    return [
        AdaptiveDenorm(width, visual_channels, grid, visual_grid) if level in levels else nn.BatchNorm2d(width)
        for level, (width, grid) in enumerate(zip(widths, grids, strict=True))
    ]

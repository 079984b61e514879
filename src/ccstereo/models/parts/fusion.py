"""Fusion of audio and visual features: cross-attention, self-attention and a feed-forward layer."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.models.parts.unet import resize


def fit_positions(positions: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Give learned positions (N, C) of one grid (height, width) to another, so that a network takes a longer window."""
    if size == grid:
        return positions
    plane = positions.T.reshape(1, -1, *grid)
    return resize(plane, size).flatten(2).squeeze(0).T


def to_sequence(x: Tensor) -> Tensor:
    """Map (B, C, H, W) to (B, H * W, C)."""
    return x.flatten(2).transpose(1, 2)


class AudioVisualFusion(nn.Module):
    """Audio positions attend to visual positions, then to one another; every step is residual with the norm after it.

    Source: CCStereo, the released code.

    Args:
        channels: width of both feature maps.
        audio_grid: (H', W') of the audio bottleneck.
        visual_grid: (h, w) of the visual features.
        heads: attention heads.
        hidden: width of the feed-forward layer.
    """

    def __init__(
        self, channels: int, audio_grid: tuple[int, int], visual_grid: tuple[int, int], heads: int, hidden: int
    ) -> None:
        super().__init__()
        self.audio_grid = audio_grid
        self.squeeze = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU())
        self.audio_positions = nn.Parameter(torch.randn(audio_grid[0] * audio_grid[1], channels))
        self.visual_positions = nn.Parameter(torch.randn(visual_grid[0] * visual_grid[1], channels))
        self.cross_attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.cross_norm = nn.LayerNorm(channels)
        self.self_attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.self_norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, hidden)
        self.contract = nn.Linear(hidden, channels)
        self.feedforward_norm = nn.LayerNorm(channels)

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Fuse audio (B, C, H', W') with visual (B, C, h, w) to (B, C, H', W')."""
        size = (audio.shape[2], audio.shape[3])
        where = fit_positions(self.audio_positions, self.audio_grid, size)
        x = to_sequence(audio)  # (B, H'W', C)
        visible = to_sequence(self.squeeze(visual))  # (B, hw, C)
        found = self.cross_attention(x + where, visible + self.visual_positions, visible, need_weights=False)[0]
        x = self.cross_norm(x + found)
        query = x + where
        x = self.self_norm(x + self.self_attention(query, query, x, need_weights=False)[0])
        x = self.feedforward_norm(x + self.contract(F.relu(self.expand(x))))
        fused: Tensor = x.transpose(1, 2).reshape(audio.shape)
        return fused

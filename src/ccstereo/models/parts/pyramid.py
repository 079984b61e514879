"""Atrous spatial pyramid pooling: the head that widens what each cell of the visual features takes in."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AtrousPyramid(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017, DeepLab v3), with one norm over all branches together.

    Args:
        in_channels: channels of the trunk.
        channels: channels of each branch.
        out_channels: channels of the result.
        rates: dilation of each 3x3 branch; a 1x1 branch and one of the frame's average are always there.
    """

    def __init__(self, in_channels: int, channels: int, out_channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [nn.Conv2d(in_channels, channels, 1, bias=False)]
            + [nn.Conv2d(in_channels, channels, 3, padding=rate, dilation=rate, bias=False) for rate in rates]
        )
        width = channels * len(self.branches)
        self.branch_norm = nn.BatchNorm2d(width)
        self.reduce = nn.Conv2d(width, out_channels, 1, bias=False)
        self.pool_conv = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.pool_norm = nn.BatchNorm2d(channels)
        self.pool_reduce = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h, w)."""
        local = torch.cat([branch(x) for branch in self.branches], dim=1)
        local = self.reduce(F.leaky_relu(self.branch_norm(local)))
        whole = self.pool_conv(x.mean((2, 3), keepdim=True))
        whole = self.pool_reduce(F.leaky_relu(self.pool_norm(whole)))
        return F.leaky_relu(self.norm(local + whole))

"""Image encoders: a trunk that turns a picture into a coarse grid of features, and the head that widens its view."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RESNET18_CHANNELS = 512


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2016); attributes carry torchvision's names."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, H / stride, W / stride)."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(y + shortcut)


class ResNet18Trunk(nn.Module):
    """ResNet-18 up to its last feature map, 1/32 of the picture, with torchvision's parameter names.

    An ImageNet state dict thus loads as it is, less `fc.*` (`importers.load_imagenet_trunk`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512))

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, 512, ceil(H / 32), ceil(W / 32))."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(frames))), 3, 2, 1)
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return features


class SlimTrunk(nn.Sequential):
    """A plain stack of 3x3 convolutions, batch norm and ReLU: a small picture's trunk, quick on one core.

    Args:
        channels: width of each convolution.
        strides: stride of each convolution, as many as `channels`.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        for before, after, stride in zip((3, *channels[:-1]), channels, strides, strict=True):
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        super().__init__(*layers)


def grid_size(size: tuple[int, int], strides: Sequence[int]) -> tuple[int, int]:
    """Height and width of a feature map after padded convolutions of these strides, each rounding up.

    >>> grid_size((224, 448), (2, 2, 2, 2, 2))
    (7, 14)
    """
    height, width = size
    for stride in strides:
        height, width = -(-height // stride), -(-width // stride)
    return height, width


class AtrousPyramid(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017, DeepLab v3), with one norm over all branches together.

    Args:
        in_channels: channels of the trunk.
        channels: channels of each branch.
        out_channels: channels of the result.
        rates: dilation of each 3x3 branch; a 1x1 branch and one of the picture's average are always there.
        slope: negative slope of the LeakyReLU.
    """

    def __init__(
        self, in_channels: int, channels: int, out_channels: int, rates: Sequence[int], slope: float = 0.01
    ) -> None:
        super().__init__()
        self.slope = slope
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
        local = self.reduce(F.leaky_relu(self.branch_norm(local), self.slope))
        whole = self.pool_conv(x.mean((2, 3), keepdim=True))
        whole = self.pool_reduce(F.leaky_relu(self.pool_norm(whole), self.slope))
        return F.leaky_relu(self.norm(local + whole), self.slope)

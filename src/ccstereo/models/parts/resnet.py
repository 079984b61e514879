"""ResNet-18 as a trunk, with torchvision's names."""

from torch import Tensor, nn
from torch.nn import functional as F

RESNET18_CHANNELS = 512


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2016); attributes carry torchvision's names.

    Args:
        in_channels: channels that come in.
        channels: channels that go out.
        stride: of the first convolution.
        dilations: of both convolutions.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1, dilations: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        first, second = dilations
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, first, first, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, second, second, bias=False)
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
    """ResNet-18 up to its last feature map, 1/32 of the frame, with torchvision's parameter names.

    An ImageNet state dict thus loads as it is, less `fc.*` (`ccstereo.models.load_imagenet_trunk`).

    Args:
        dilated: whether the last stage is dilated by 2 in the place of its stride, and its map averaged two by two
            (Sep-Stereo's released code): positions as far apart as without, features of a finer grid.
    """

    def __init__(self, dilated: bool = False) -> None:
        super().__init__()
        self.dilated = dilated
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256))
        if dilated:
            self.layer4 = nn.Sequential(BasicBlock(256, 512, 1, (1, 2)), BasicBlock(512, 512, 1, (2, 2)))
        else:
            self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512))

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, 512, ceil(H / 32), ceil(W / 32)); dilated, to floor(ceil(H / 16) / 2) and so on."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(frames))), 3, 2, 1)
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return F.avg_pool2d(features, 2) if self.dilated else features

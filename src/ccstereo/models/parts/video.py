"""3-D convolutions over clips of frames: space and time together."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class VideoNet(nn.Module):
    """3x3x3 convolutions, each with batch norm and ReLU, then the mean over time.

    Args:
        channels: that come in, then width of each convolution.
        stride: of each convolution in height and width; time keeps its length.
        trunk: encodes each frame alone before; None gives the frames themselves to the first convolution.
    """

    def __init__(self, channels: Sequence[int], stride: int, trunk: nn.Module | None = None) -> None:
        super().__init__()
        if trunk is not None:
            self.trunk = trunk
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [
                nn.Conv3d(before, after, 3, (1, stride, stride), 1, bias=False),
                nn.BatchNorm3d(after),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)

    def initialise(self) -> None:
        """Draw weights that keep the signal's size (He et al. 2015); a trunk keeps its own."""
        for part in self.layers:
            if isinstance(part, nn.Conv3d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")

    def forward(self, clips: Tensor) -> Tensor:
        """Map clips (B, N, 3, H, W) to features (B, C, h, w)."""
        if hasattr(self, "trunk"):
            maps = self.trunk(clips.flatten(0, 1))
            clips = maps.reshape(*clips.shape[:2], *maps.shape[1:])
        features: Tensor = self.layers(clips.transpose(1, 2)).mean(2)
        return features

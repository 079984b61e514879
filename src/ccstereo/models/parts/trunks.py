"""Trunks by name: the first part of an image encoder, which turns a frame into a coarse grid of features."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import Tensor, nn

from ccstereo.models.config import ModelConfig
from ccstereo.models.parts.efficientnet import EFFICIENTNET_LITE_CHANNELS, EfficientNetLiteTrunk
from ccstereo.models.parts.pyramid import AtrousPyramid
from ccstereo.models.parts.resnet import RESNET18_CHANNELS, ResNet18Trunk

TRUNKS = ("resnet18", "resnet18-dilated", "efficientnet-lite0", "slim")
TIMM = "timm:"


@dataclass(frozen=True)
class TrunkConfig(ModelConfig):
    """Signal and frame sizes, and the trunk of the image encoder.

    Attributes:
        trunk: "resnet18", "resnet18-dilated" (Sep-Stereo's), "efficientnet-lite0", "slim" with the two tuples below,
            or "timm:NAME" for any image network of timm that gives feature maps (`pip install 'ccstereo[timm]'`).
        trunk_channels: width of each convolution of the slim trunk.
        trunk_strides: stride of each convolution of the slim trunk.
    """

    trunk: str = "resnet18"
    trunk_channels: tuple[int, ...] = ()
    trunk_strides: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trunk not in TRUNKS and not self.trunk.startswith(TIMM):
            raise ValueError(f"trunk must be one of {', '.join(TRUNKS)} or {TIMM}NAME, got {self.trunk!r}")
        if len(self.trunk_channels) != len(self.trunk_strides):
            raise ValueError(
                f"trunk_channels {self.trunk_channels} and trunk_strides {self.trunk_strides} differ in length"
            )
        if (self.trunk == "slim") != bool(self.trunk_channels):
            raise ValueError("trunk_channels and trunk_strides belong to trunk 'slim', which needs them")
        self.require_positive("trunk_channels", "trunk_strides")

    @property
    def visual_grid(self) -> tuple[int, int]:
        """(h, w) of the visual features."""
        if self.trunk.startswith(TIMM):
            height, width = self.frame_size
            reduction = _timm_info(self.trunk)[1]
            return -(-height // reduction), -(-width // reduction)
        if self.trunk == "resnet18-dilated":
            height, width = grid_size(self.frame_size, (2,) * 4)
            return height // 2, width // 2
        return grid_size(self.frame_size, self.trunk_strides if self.trunk == "slim" else (2,) * 5)


def make_trunk(config: TrunkConfig) -> tuple[nn.Module, int]:
    """Build the trunk with random weights; also give its channels.

    Raises:
        ValueError: timm is not installed, or has no network of that name that gives feature maps.
    """
    if config.trunk.startswith("resnet18"):
        return ResNet18Trunk(dilated=config.trunk == "resnet18-dilated"), RESNET18_CHANNELS
    if config.trunk == "efficientnet-lite0":
        return EfficientNetLiteTrunk(), EFFICIENTNET_LITE_CHANNELS
    if config.trunk == "slim":
        return SlimTrunk(config.trunk_channels, config.trunk_strides), config.trunk_channels[-1]
    return TimmTrunk(_timm_network(config.trunk)), _timm_info(config.trunk)[0]


class SlimTrunk(nn.Sequential):
    """A plain stack of 3x3 convolutions, batch norm and ReLU: a small frame's trunk, quick on one core."""

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


class TimmTrunk(nn.Module):
    """The last feature map of a network of timm, made with `features_only`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, C, h, w)."""
        features: Tensor = self.network(frames)[-1]
        return features

    def initialise(self) -> None:
        """Keep what timm has drawn."""


def _timm_network(trunk: str) -> Any:
    try:
        import timm  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ValueError(f"trunk {trunk!r} needs timm: pip install 'ccstereo[timm]'") from error
    try:
        return timm.create_model(trunk.removeprefix(TIMM), pretrained=False, features_only=True, out_indices=(-1,))
    except (RuntimeError, AttributeError, TypeError) as error:
        raise ValueError(f"trunk {trunk!r}: timm cannot build it as a trunk ({error})") from error


@lru_cache(maxsize=8)
def _timm_info(trunk: str) -> tuple[int, int]:
    """Channels of the last feature map, and by how much it is smaller than the frame."""
    info = _timm_network(trunk).feature_info
    return int(info.channels()[-1]), int(info.reduction()[-1])


class ImageEncoder(nn.Module):
    """The trunk that `config` names and an `AtrousPyramid`: frames to visual features."""

    def __init__(self, config: TrunkConfig, channels: int, out_channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.trunk, width = make_trunk(config)
        self.head = AtrousPyramid(width, channels, out_channels, rates)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, out_channels, h, w)."""
        features: Tensor = self.head(self.trunk(frames))
        return features

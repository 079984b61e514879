"""Which network looks at the picture first: the part of a model's configuration that any image encoder shares."""

from dataclasses import dataclass

from torch import nn

from ccstereo.models.config import ModelConfig
from ccstereo.models.efficientnet import EFFICIENTNET_LITE_CHANNELS, EfficientNetLiteTrunk
from ccstereo.models.visual import RESNET18_CHANNELS, ResNet18Trunk, SlimTrunk, grid_size

TRUNKS = ("resnet18", "efficientnet-lite0", "slim")


@dataclass(frozen=True)
class TrunkConfig(ModelConfig):
    """Signal and frame sizes, and the trunk of the image encoder.

    Attributes:
        trunk: "resnet18", "efficientnet-lite0", or "slim" with the two tuples below.
        trunk_channels: width of each convolution of the slim trunk.
        trunk_strides: stride of each convolution of the slim trunk.
    """

    trunk: str = "resnet18"
    trunk_channels: tuple[int, ...] = ()
    trunk_strides: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trunk not in TRUNKS:
            raise ValueError(f"trunk must be one of {', '.join(TRUNKS)}, got {self.trunk!r}")
        if len(self.trunk_channels) != len(self.trunk_strides):
            raise ValueError(
                f"trunk_channels {self.trunk_channels} and trunk_strides {self.trunk_strides} differ in length"
            )
        if (self.trunk == "slim") != bool(self.trunk_channels):
            raise ValueError("trunk_channels and trunk_strides belong to trunk 'slim', which needs them")
        for name in ("trunk_channels", "trunk_strides"):
            if any(value <= 0 for value in getattr(self, name)):
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    @property
    def visual_grid(self) -> tuple[int, int]:
        """(h, w) of the visual features."""
        return grid_size(self.frame_size, self.trunk_strides if self.trunk == "slim" else (2,) * 5)


def make_trunk(config: TrunkConfig) -> tuple[nn.Module, int]:
    """Build the trunk with random weights; also give its channels."""
    if config.trunk == "resnet18":
        return ResNet18Trunk(), RESNET18_CHANNELS
    if config.trunk == "efficientnet-lite0":
        return EfficientNetLiteTrunk(), EFFICIENTNET_LITE_CHANNELS
    return SlimTrunk(config.trunk_channels, config.trunk_strides), config.trunk_channels[-1]

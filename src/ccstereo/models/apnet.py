"""Sep-Stereo's networks (Zhou et al., ECCV 2020): Mono2Binaural's U-Net and an associative pyramid that gives the ears.

With visual features v of P positions and the decoder's maps A_i, innermost first:

    F_i = relu(W_i v)^T A_i                   associative convolution, one channel a visual position
    G_1 = up(F_1),  G_i = up([F_i, G_i-1])    upwards through the pyramid
    M_l, M_r = 2 sigmoid(up([F_4, G_3])) - 1  two heads
    l = M_l m,  r = M_r m,  m = l + r         complex products

The U-Net's own mask still gives a difference, `aux["backbone_spec"]`, which training supervises besides. APNet has four
levels, AssoConv the outermost alone. The paper calls the joint training with separation Sep-Stereo
(`ccstereo.training.separation`); its network is APNet.

The released fusion declares a second 1x1 layer that it never runs, and its image encoder an `fc`: neither is here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ccstereo.models.base import Prediction
from ccstereo.models.importing import Release, register_release
from ccstereo.models.mono2binaural import Mono2Binaural, Mono2BinauralConfig
from ccstereo.models.parts.associative import AssociativePyramid
from ccstereo.models.parts.unet import decoder_channels
from ccstereo.models.registry import register_model


@dataclass(frozen=True)
class APNetConfig(Mono2BinauralConfig):
    """Everything APNet's weights depend on; the defaults are the released configuration.

    Attributes:
        pyramid_levels: levels of the decoder, counted from the outermost, that the pyramid takes.
        mask_bound: largest real and imaginary part of the masks, 1 as published.
    """

    trunk: str = "resnet18-dilated"
    target: str = "left-right"
    pyramid_levels: int = 4
    mask_bound: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_positive("mask_bound")
        if self.target != "left-right":
            raise ValueError(f"target must be left-right, which both heads predict, got {self.target}")
        levels = len(self.audio_channels) - 1
        if not 1 <= self.pyramid_levels <= levels:
            raise ValueError(f"pyramid_levels must be from 1 to {levels}, got {self.pyramid_levels}")


class APNet(Mono2Binaural):
    """Mono2Binaural's U-Net and the associative pyramid."""

    config: APNetConfig
    name = "apnet"

    def __init__(self, config: APNetConfig) -> None:
        super().__init__(config)
        self.mask_bound = config.mask_bound
        *skips, bottleneck = config.audio_channels
        widths = decoder_channels(skips, bottleneck)[-config.pyramid_levels :]
        channels, height, width = self.feature_shape
        self.pyramid = AssociativePyramid(channels, height * width, widths)

    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        """Predict both ears' spectrograms; see `SpatialModel.forward`. The Nyquist bin of the masks is zero."""
        self.check_inputs(mix_spec, features, context)
        *skips, audio_features = self.audio_encoder(mix_spec.to(self.dtype))
        fused = self.fuse(audio_features, features)
        backbone, maps, _ = self.decoder.decode(fused, skips)
        _, backbone_spec = self.masked(backbone, mix_spec)
        heads = self.pyramid(maps[-self.config.pyramid_levels :], features)
        masks, specs = zip(*(self.masked(head, mix_spec) for head in heads), strict=True)
        aux = {"audio_features": audio_features, "fused": fused, "backbone_spec": backbone_spec}
        return Prediction(torch.stack(specs, 1), torch.stack(masks, 1), aux)


@register_model("apnet", source="Zhou et al. 2020, Sep-Stereo")
def apnet(**config: Any) -> APNet:
    """The released configuration: four levels, the dilated ResNet-18."""
    return APNet(APNetConfig.from_dict(config))


@register_model("assoconv", source="Zhou et al. 2020, Sep-Stereo")
def assoconv(**config: Any) -> APNet:
    """The paper's smaller fusion: the outermost level alone."""
    return APNet(APNetConfig.from_dict({"pyramid_levels": 1} | config))


_SHARED = (
    ("visual.conv1.", "features.0."),
    ("visual.bn1.", "features.1."),
    *((f"visual.layer{i}.", f"features.{i + 3}.") for i in range(1, 5)),
    *((f"audio_encoder.levels.{i}.", f"audionet_convlayer{i + 1}.") for i in range(5)),
    ("squeeze.", "conv1x1."),
    *((f"decoder.levels.{i}.conv.", f"audionet_upconvlayer{i + 1}.0.") for i in range(4)),
    *((f"decoder.levels.{i}.norm.", f"audionet_upconvlayer{i + 1}.1.") for i in range(4)),
    ("decoder.last.", "audionet_upconvlayer5.0."),
    ("pyramid.left.", "lastconv_left.0."),
    ("pyramid.right.", "lastconv_right.0."),
)
_PREFIXES = ("module.", "visual.", "audio.")
register_release(
    "apnet",
    Release(
        names=(
            *_SHARED,
            *((f"pyramid.fusions.{i}.kernels.", f"fusion{i + 1}.channel_mapping_conv_w.") for i in range(4)),
            *((f"pyramid.levels.{i}.conv.", f"fusion_upconv{i + 1}.0.") for i in range(3)),
            *((f"pyramid.levels.{i}.norm.", f"fusion_upconv{i + 1}.1.") for i in range(3)),
        ),
        unused=("fc.", *(f"fusion{i}.channel_mapping_conv_b." for i in range(1, 5))),
        prefixes=(*_PREFIXES, "fusion."),
    ),
)
register_release(
    "assoconv",
    Release(
        names=(*_SHARED, ("pyramid.fusions.0.kernels.", "fusion.channel_mapping_conv_w.")),
        unused=("fc.", "fusion.channel_mapping_conv_b."),
        prefixes=(*_PREFIXES, "assoconv."),
    ),
)

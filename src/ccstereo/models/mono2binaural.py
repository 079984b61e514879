"""Mono2Binaural, the baseline that set the field's terms (Gao and Grauman 2019, 2.5D Visual Sound)."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.audio import apply_mask
from ccstereo.models.base import BinauralModel, initialise
from ccstereo.models.output import BinauralOutput
from ccstereo.models.parts.unet import AudioEncoder, MaskDecoder, bottleneck_size, decoder_channels, resize
from ccstereo.models.registry import register_model
from ccstereo.models.trunks import TrunkConfig, make_trunk


@dataclass(frozen=True)
class Mono2BinauralConfig(TrunkConfig):
    """Everything Mono2Binaural's weights depend on; the defaults are the published configuration.

    Attributes:
        squeezed_channels: channels to which the visual features are squeezed before they are laid out in one vector.
        audio_channels: width of each level of the audio encoder.
        legacy_bins: give 256 bins, as the released network does, instead of 257 with the Nyquist row of the mask set
            to zero. The weights are the same. Only for comparison with the released numbers: a spectrogram without
            its Nyquist row does not go back to a waveform (`ccstereo.audio.istft` refuses it).
        mask_bound: largest real and imaginary part of the mask; 1 as published, see `CCStereoConfig`.
    """

    squeezed_channels: int = 8
    audio_channels: tuple[int, ...] = (64, 128, 256, 512, 512)
    legacy_bins: bool = False
    mask_bound: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.squeezed_channels <= 0 or min(self.audio_channels, default=0) <= 0:
            raise ValueError(f"widths must be positive, got {self.squeezed_channels} and {self.audio_channels}")
        if self.mask_bound <= 0:
            raise ValueError(f"mask_bound must be positive, got {self.mask_bound}")
        if len(self.audio_channels) < 2:
            raise ValueError(f"audio_channels needs two levels or more, got {self.audio_channels}")
        if min(bottleneck_size(self.spectrogram_size, len(self.audio_channels))) < 1:
            raise ValueError(
                f"{len(self.audio_channels)} halvings leave nothing of a {self.spectrogram_size} spectrogram"
            )


class Mono2Binaural(BinauralModel):
    """A trunk, ResNet-18 as published, and a U-Net; the picture enters as one vector, repeated over the bottleneck."""

    config: Mono2BinauralConfig
    name = "mono2binaural"

    def __init__(self, config: Mono2BinauralConfig) -> None:
        super().__init__()
        self.config = config
        height, width = config.visual_grid
        trunk, seen = make_trunk(config)
        self.feature_shape = (seen, height, width)
        *skips, bottleneck = config.audio_channels
        self.sound_channels = bottleneck
        channels = config.squeezed_channels
        self.visual = trunk
        self.audio_encoder = AudioEncoder(config.audio_channels)
        self.squeeze = nn.Sequential(nn.Conv2d(seen, channels, 1), nn.BatchNorm2d(channels), nn.ReLU())
        norms = [nn.BatchNorm2d(width) for width in decoder_channels(skips, bottleneck)]
        self.decoder = MaskDecoder(channels * height * width + bottleneck, skips, bottleneck, norms)
        initialise(self)

    def encode_frames(self, frames: Tensor) -> Tensor:
        """Encode pictures (B, 3, *config.frame_size) to the trunk's last feature map (B, *feature_shape)."""
        self.check_frames(frames)
        features: Tensor = self.visual(frames)
        return features

    def fuse(self, audio_features: Tensor, features: Tensor) -> Tensor:
        """Put the visual vector before the audio bottleneck: (B, C, H', W') to (B, squeezed * h * w + C, H', W')."""
        vector = self.squeeze(features).flatten(1)[:, :, None, None]  # (B, squeezed * h * w, 1, 1)
        return torch.cat([vector.expand(-1, -1, *audio_features.shape[-2:]), audio_features], dim=1)

    def forward(self, mix_spec: Tensor, features: Tensor, told: Tensor | None = None) -> BinauralOutput:
        """Predict the difference spectrogram; see `BinauralModel.forward`. The Nyquist bin of the mask is zero."""
        self.check_spectrogram(mix_spec, len(self.config.audio_channels))
        self.check_features(features)
        self.check_told(told)
        *skips, audio_features = self.audio_encoder(mix_spec)
        fused = self.fuse(audio_features, features)
        mask, relevance = self.decoder(fused, skips)
        mask = self.config.mask_bound * resize(mask, (mix_spec.shape[-2] - 1, mix_spec.shape[-1]))
        if self.config.legacy_bins:
            mix_spec = mix_spec[..., :-1, :]
        else:
            mask = F.pad(mask, (0, 0, 0, 1))
        return BinauralOutput(mask, apply_mask(mask, mix_spec), fused, audio_features, relevance)


@register_model("mono2binaural")
def mono2binaural(**config: Any) -> Mono2Binaural:
    """The published configuration."""
    return Mono2Binaural(Mono2BinauralConfig.from_dict(config))


@register_model("mono2binaural-lite")
def mono2binaural_lite(**config: Any) -> Mono2Binaural:
    """The same network on the trunk, widths and mask of ccstereo-lite: they differ in how they use what they see."""
    lite: dict[str, Any] = {
        "trunk": "efficientnet-lite0",
        "audio_channels": (16, 32, 64, 128, 128),
        "mask_bound": 2.5,
    }
    return Mono2Binaural(Mono2BinauralConfig.from_dict(lite | config))

"""Mono2Binaural, the baseline that set the field's terms (Gao and Grauman 2019, 2.5D Visual Sound).

The visual features, one vector, are repeated over the bottleneck of a U-Net, which gives a complex mask within 1.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.audio.stft import apply_mask
from ccstereo.models.base import Prediction, SpatialModel, initialise
from ccstereo.models.importing import Release, register_release
from ccstereo.models.parts.trunks import TrunkConfig, make_trunk
from ccstereo.models.parts.unet import AudioEncoder, MaskDecoder, check_levels, decoder_channels, resize
from ccstereo.models.registry import register_model


@dataclass(frozen=True)
class Mono2BinauralConfig(TrunkConfig):
    """Everything Mono2Binaural's weights depend on; the defaults are the published configuration.

    Attributes:
        squeezed_channels: channels to which the visual features are squeezed before they are laid out in one vector.
        audio_channels: width of each level of the audio encoder.
        legacy_bins: give 256 bins, as the released network does, instead of 257 with the Nyquist row of the mask set
            to zero. The weights are the same. Only for comparison with the released numbers: a spectrogram without
            its Nyquist row does not go back to a waveform (`ccstereo.audio.istft` refuses it).
    """

    squeezed_channels: int = 8
    audio_channels: tuple[int, ...] = (64, 128, 256, 512, 512)
    legacy_bins: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_positive("squeezed_channels", "audio_channels")
        check_levels(self.audio_channels, self.spectrogram_size)


class Mono2Binaural(SpatialModel):
    """A trunk, ResNet-18 as published, and a U-Net.

    Attributes:
        mask_bound: largest real and imaginary part of the mask, 1 as published.
    """

    config: Mono2BinauralConfig
    name = "mono2binaural"
    mask_bound = 1.0

    def __init__(self, config: Mono2BinauralConfig) -> None:
        super().__init__()
        self.config = config
        height, width = config.visual_grid
        self.visual, visual_channels = make_trunk(config)
        self.feature_shape = (visual_channels, height, width)
        self.least_frames = 2 ** len(config.audio_channels)
        *skips, bottleneck = config.audio_channels
        channels = config.squeezed_channels
        self.audio_encoder = AudioEncoder(config.audio_channels)
        self.squeeze = nn.Sequential(nn.Conv2d(visual_channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU())
        norms = [nn.BatchNorm2d(width) for width in decoder_channels(skips, bottleneck)]
        self.decoder = MaskDecoder(channels * height * width + bottleneck, skips, bottleneck, norms)
        initialise(self)

    def fuse(self, audio_features: Tensor, features: Tensor) -> Tensor:
        """Put the visual vector before the audio bottleneck: (B, C, H', W') to (B, squeezed * h * w + C, H', W')."""
        vector = self.squeeze(features).flatten(1)[:, :, None, None]  # (B, squeezed * h * w, 1, 1)
        return torch.cat([vector.expand(-1, -1, *audio_features.shape[-2:]), audio_features], dim=1)

    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        """Predict the difference spectrogram; see `SpatialModel.forward`. The Nyquist bin of the mask is zero."""
        self.check_inputs(mix_spec, features, context)
        *skips, audio_features = self.audio_encoder(mix_spec.to(self.dtype))
        fused = self.fuse(audio_features, features)
        mask, _ = self.decoder(fused, skips)
        mask, spec = self.masked(mask, mix_spec)
        return Prediction(spec[:, None], mask[:, None], {"audio_features": audio_features, "fused": fused})

    def masked(self, mask: Tensor, mix_spec: Tensor) -> tuple[Tensor, Tensor]:
        """Bring a decoder's mask (B, 2, 2^n H', 2^n W') to the mixture's size and bound; also give the masked mixture.

        The Nyquist bin is zero, or is not there at all (`config.legacy_bins`).
        """
        mask = self.mask_bound * resize(mask, (mix_spec.shape[-2] - 1, mix_spec.shape[-1]))
        if self.config.legacy_bins:
            mix_spec = mix_spec[..., :-1, :]
        else:
            mask = F.pad(mask, (0, 0, 0, 1))
        return mask, apply_mask(mask, mix_spec)


@register_model("mono2binaural", source="Gao and Grauman 2019")
def mono2binaural(**config: Any) -> Mono2Binaural:
    """The published configuration."""
    return Mono2Binaural(Mono2BinauralConfig.from_dict(config))


register_release(
    "mono2binaural",
    Release(
        names=(
            ("visual.conv1.", "feature_extraction.0."),
            ("visual.bn1.", "feature_extraction.1."),
            *((f"visual.layer{i}.", f"feature_extraction.{i + 3}.") for i in range(1, 5)),
            *((f"audio_encoder.levels.{i}.", f"audionet_convlayer{i + 1}.") for i in range(5)),
            ("squeeze.", "conv1x1."),
            *((f"decoder.levels.{i}.conv.", f"audionet_upconvlayer{i + 1}.0.") for i in range(4)),
            *((f"decoder.levels.{i}.norm.", f"audionet_upconvlayer{i + 1}.1.") for i in range(4)),
            ("decoder.last.", "audionet_upconvlayer5.0."),
        ),
        prefixes=("module.", "visual.", "audio."),
    ),
)

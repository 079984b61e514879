"""ccstereo-lite, this library's own network: CCStereo's parts with a trunk and an audio half made for two CPU cores.

What differs from the paper, and why (research/ has the numbers):
- The trunk is EfficientNet-Lite0, with AVAD at two levels of the decoder.
- Masks reach 2.5: the ears of a source at the side nearly cancel in the mixture around 1 kHz, where the true mask is
  larger than 1. With KEMAR's ears and one source beyond 15 degrees, the best mask within 1 leaves 0.17 of mono's STFT
  distance, within 2 0.02.
- Residual blocks in the audio half, and the logarithm of the magnitude as an input.
- A context encoder embeds 2.55 s of the mixture around each window; FiLM conditions every level of the audio half.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ccstereo.models.base import Prediction, initialise
from ccstereo.models.ccstereo import CCStereo, CCStereoConfig
from ccstereo.models.mono2binaural import Mono2Binaural, Mono2BinauralConfig
from ccstereo.models.parts.film import ContextEncoder, FiLM
from ccstereo.models.parts.unet import AudioEncoder, MaskDecoder, decoder_channels
from ccstereo.models.registry import register_model


@dataclass(frozen=True)
class LiteConfig(CCStereoConfig):
    """Everything ccstereo-lite's weights depend on; the defaults are those of the weights in the package.

    Attributes:
        mask_bound: largest real and imaginary part of the mask.
        audio_blocks: residual blocks after each level of the audio encoder; () is none.
        decoder_blocks: residual blocks after each level of the decoder but its last, the innermost first; () takes as
            many as the encoder has at that size.
        log_magnitude: whether the logarithm of the magnitude enters the audio encoder beside real and imaginary part.
    """

    trunk: str = "efficientnet-lite0"
    aspp_channels: int = 64
    aspp_rates: tuple[int, ...] = (1, 2, 4)
    avad_levels: tuple[int, ...] = (0, 1)
    context: int = 40_800
    mask_bound: float = 2.5
    audio_blocks: tuple[int, ...] = (0, 2, 3, 3, 1)
    decoder_blocks: tuple[int, ...] = (0, 2, 2, 0)
    log_magnitude: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_positive("mask_bound")
        if self.audio_blocks and (len(self.audio_blocks) != len(self.audio_channels) or min(self.audio_blocks) < 0):
            raise ValueError(f"audio_blocks must be a number for each of audio_channels, got {self.audio_blocks}")
        levels = len(self.audio_channels) - 1
        if self.decoder_blocks and (len(self.decoder_blocks) != levels or min(self.decoder_blocks) < 0):
            raise ValueError(f"decoder_blocks must be a number for each of {levels} levels, got {self.decoder_blocks}")


class CCStereoLite(CCStereo):
    """The network of the weights in the package: CCStereo's encoder of frames and fusion, another audio half."""

    config: LiteConfig
    name = "ccstereo-lite"
    renamed_weights = (
        ("listener.tell.", "context_encoder.embed."),
        ("listener.", "context_encoder."),
        ("told.", "film."),
    )

    def __init__(self, config: LiteConfig) -> None:
        super().__init__(config)
        self.mask_bound = config.mask_bound
        *skips, bottleneck = config.audio_channels
        self.audio_encoder = AudioEncoder(config.audio_channels, config.audio_blocks, 2 + config.log_magnitude)
        if config.context:
            widths = (*config.audio_channels, *decoder_channels(skips, bottleneck))
            self.context_encoder = ContextEncoder(config.sample_rate)
            self.film = nn.ModuleList(FiLM(channels) for channels in widths)
        norms = [level.get_submodule("norm") for level in self.decoder.levels]
        blocks = config.decoder_blocks or config.audio_blocks[-2::-1]
        self.decoder = MaskDecoder(bottleneck, skips, bottleneck, norms, blocks)
        initialise(self)

    def encode_context(self, spec: Tensor) -> Tensor | None:
        """Embed the mixture around windows; see `SpatialModel.encode_context`."""
        return self.context_encoder(spec) if self.config.context else None

    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        """Predict the difference spectrogram; see `SpatialModel.forward`."""
        self.check_inputs(mix_spec, features, context)
        if self.config.context and context is None:
            context = self.encode_context(mix_spec)
        affines = [film(context) for film in self.film] if self.config.context else []
        levels = len(self.config.audio_channels)
        inputs = torch.cat([mix_spec, log_magnitude(mix_spec)], dim=1) if self.config.log_magnitude else mix_spec
        maps = self.audio_encoder(inputs.to(self.dtype), affines[:levels])
        prediction = self.decode(mix_spec, maps, features, affines[levels:])
        if context is not None:
            prediction.aux["context"] = context
        return prediction


def log_magnitude(spec: Tensor) -> Tensor:
    """Logarithm of the magnitude, about in [-1.3, 2.4] for windows of a root mean square of 0.1.

    Of (B, 2, F, T) it is (B, 1, F, T): 1 + log(|spec|^2 + 1e-4) / 4; 40 dB below white noise of that level is silence.

    >>> silence = torch.zeros(1, 2, 1, 1)
    >>> round(log_magnitude(silence).item(), 2), round(log_magnitude(silence + 10).item(), 2)
    (-1.3, 2.32)
    """
    power = spec.float().square().sum(1, keepdim=True)
    return 1 + (power + 1e-4).log() / 4


@register_model("ccstereo-lite", source="this library's own")
def ccstereo_lite(**config: Any) -> CCStereoLite:
    """The configuration of the weights in the package: EfficientNet-Lite0 on frames of 448x224."""
    return CCStereoLite(LiteConfig.from_dict(config))


@dataclass(frozen=True)
class Mono2BinauralLiteConfig(Mono2BinauralConfig):
    """Mono2Binaural on ccstereo-lite's trunk, widths and mask: they differ in how they use the visual features."""

    trunk: str = "efficientnet-lite0"
    audio_channels: tuple[int, ...] = (16, 32, 64, 128, 128)
    mask_bound: float = 2.5


class Mono2BinauralLite(Mono2Binaural):
    """Mono2Binaural with a mask that reaches `config.mask_bound`."""

    config: Mono2BinauralLiteConfig
    name = "mono2binaural-lite"

    def __init__(self, config: Mono2BinauralLiteConfig) -> None:
        super().__init__(config)
        self.mask_bound = config.mask_bound


@register_model("mono2binaural-lite", source="this library's ablation")
def mono2binaural_lite(**config: Any) -> Mono2BinauralLite:
    """The row of the ablation that stands beside ccstereo-lite's."""
    return Mono2BinauralLite(Mono2BinauralLiteConfig.from_dict(config))

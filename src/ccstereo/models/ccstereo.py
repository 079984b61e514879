"""CCStereo: audio-visual contextual and contrastive learning for binaural audio generation (arXiv 2501.02786)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ccstereo.audio import apply_mask
from ccstereo.models.base import BinauralModel, initialise
from ccstereo.models.output import BinauralOutput
from ccstereo.models.parts.avad import AdaptiveDenorm
from ccstereo.models.parts.context import ContextAffine, SoundContext
from ccstereo.models.parts.fusion import AudioVisualFusion
from ccstereo.models.parts.unet import AudioEncoder, MaskDecoder, bottleneck_size, decoder_channels, resize
from ccstereo.models.registry import register_model
from ccstereo.models.trunks import TrunkConfig, make_trunk
from ccstereo.models.visual import AtrousPyramid


@dataclass(frozen=True)
class CCStereoConfig(TrunkConfig):
    """Everything CCStereo's weights depend on; the defaults are the released configuration.

    Attributes:
        visual_channels: channels of the visual features; the audio bottleneck must have as many.
        aspp_channels: channels of each branch of the pyramid.
        aspp_rates: dilation of each 3x3 branch of the pyramid.
        audio_channels: width of each level of the audio encoder.
        attention_heads: heads of both attention layers.
        feedforward_channels: hidden width of the feed-forward layer.
        avad_levels: decoder levels, 0 next to the bottleneck, whose norm the picture sets.
        mask_bound: largest real and imaginary part of the mask; 1 in the papers. The ears of a source at the side
            nearly cancel in the mixture around 1 kHz, where the true mask is larger: with KEMAR's ears and one source
            beyond 15 degrees the best mask within 1 leaves 0.17 of mono's STFT distance, within 2 0.02.
        audio_blocks: residual blocks after each level of the audio encoder, and after the decoder's level of the same
            size; () is none, as in the paper.
        decoder_blocks: residual blocks after each level of the decoder but its last, the innermost first; () takes as
            many as the encoder has at that size.
        log_magnitude: whether the audio encoder also hears the logarithm of the magnitude; not so in the paper.
        context: samples around a window, its own included, by which the network is told what sounds; 0, as in the
            paper, is the window alone.
    """

    visual_channels: int = 128
    aspp_channels: int = 256
    aspp_rates: tuple[int, ...] = (6, 12, 18)
    audio_channels: tuple[int, ...] = (16, 32, 64, 128, 128)
    attention_heads: int = 8
    feedforward_channels: int = 128
    avad_levels: tuple[int, ...] = (0,)
    mask_bound: float = 1.0
    audio_blocks: tuple[int, ...] = ()
    decoder_blocks: tuple[int, ...] = ()
    log_magnitude: bool = False
    context: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("visual_channels", "aspp_channels", "attention_heads", "feedforward_channels", "mask_bound"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("aspp_rates", "audio_channels"):
            if any(value <= 0 for value in getattr(self, name)):
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if len(self.audio_channels) < 2:
            raise ValueError(f"audio_channels needs two levels or more, got {self.audio_channels}")
        if self.audio_channels[-1] != self.visual_channels:
            raise ValueError(
                f"the last of audio_channels {self.audio_channels} must equal visual_channels {self.visual_channels}"
            )
        if self.context and self.context < self.window:
            raise ValueError(f"a context of {self.context} samples is less than a window of {self.window}; 0 is none")
        if self.audio_blocks and (len(self.audio_blocks) != len(self.audio_channels) or min(self.audio_blocks) < 0):
            raise ValueError(f"audio_blocks must be a number for each of audio_channels, got {self.audio_blocks}")
        levels = len(self.audio_channels) - 1
        if self.decoder_blocks and (len(self.decoder_blocks) != levels or min(self.decoder_blocks) < 0):
            raise ValueError(f"decoder_blocks must be a number for each of {levels} levels, got {self.decoder_blocks}")
        if self.visual_channels % self.attention_heads:
            raise ValueError(
                f"visual_channels {self.visual_channels} is not a multiple of attention_heads {self.attention_heads}"
            )
        if len(set(self.avad_levels)) != len(self.avad_levels) or not set(self.avad_levels) <= set(
            range(len(self.audio_channels) - 1)
        ):
            raise ValueError(
                f"avad_levels must be different levels of 0..{len(self.audio_channels) - 2}, got {self.avad_levels}"
            )
        if min(self.audio_grid) < 1:
            raise ValueError(
                f"{len(self.audio_channels)} halvings leave nothing of a {self.spectrogram_size} spectrogram"
            )

    @property
    def audio_grid(self) -> tuple[int, int]:
        """(H', W') of the audio bottleneck for one window."""
        return bottleneck_size(self.spectrogram_size, len(self.audio_channels))


class VisualEncoder(nn.Module):
    """Trunk and pyramid: a picture to u_v."""

    def __init__(self, config: CCStereoConfig) -> None:
        super().__init__()
        self.trunk, channels = make_trunk(config)
        self.head = AtrousPyramid(channels, config.aspp_channels, config.visual_channels, config.aspp_rates)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, visual_channels, h, w)."""
        features: Tensor = self.head(self.trunk(frames))
        return features


class CCStereo(BinauralModel):
    """The network of CCStereo: two encoders, attention between them, a decoder that looks at the picture."""

    config: CCStereoConfig
    name = "ccstereo"

    def __init__(self, config: CCStereoConfig) -> None:
        super().__init__()
        self.config = config
        self.feature_shape = (config.visual_channels, *config.visual_grid)
        *skips, bottleneck = config.audio_channels
        self.sound_channels = bottleneck
        self.visual = VisualEncoder(config)
        self.audio_encoder = AudioEncoder(config.audio_channels, config.audio_blocks, config.log_magnitude)
        self.fusion = AudioVisualFusion(
            bottleneck, config.audio_grid, config.visual_grid, config.attention_heads, config.feedforward_channels
        )
        self.context = config.context
        if config.context:
            self.listener = SoundContext(config.sample_rate)
            told = (*config.audio_channels, *decoder_channels(skips, bottleneck))
            self.told = nn.ModuleList(ContextAffine(channels) for channels in told)
        norms = [self._norm(i) for i in range(len(skips))]
        blocks = config.decoder_blocks or config.audio_blocks[-2::-1]
        self.decoder = MaskDecoder(bottleneck, skips, bottleneck, norms, blocks)
        initialise(self)

    def _norm(self, level: int) -> nn.Module:
        config = self.config
        channels = decoder_channels(config.audio_channels[:-1], config.audio_channels[-1])[level]
        if level not in config.avad_levels:
            return nn.BatchNorm2d(channels)
        height, width = config.audio_grid
        grid = (height << (level + 1), width << (level + 1))
        return AdaptiveDenorm(channels, config.visual_channels, grid, config.visual_grid)

    def encode_frames(self, frames: Tensor) -> Tensor:
        """Encode pictures (B, 3, *config.frame_size) to u_v (B, visual_channels, h, w)."""
        self.check_frames(frames)
        features: Tensor = self.visual(frames)
        return features

    def fuse(self, audio_features: Tensor, features: Tensor) -> Tensor:
        """Fuse an audio bottleneck (B, C, H', W') with visual features (B, C, h, w) to (B, C, H', W').

        The contrastive loss calls it again with another picture, or the same one shuffled, at no cost of the encoders.
        """
        fused: Tensor = self.fusion(audio_features, features)
        return fused

    def listen(self, spec: Tensor) -> Tensor:
        """Make of what sounds around windows what `forward` is told; see `BinauralModel.listen`."""
        if not self.context:
            return super().listen(spec)
        told: Tensor = self.listener(spec)
        return told

    def forward(self, mix_spec: Tensor, features: Tensor, told: Tensor | None = None) -> BinauralOutput:
        """Predict the difference spectrogram; see `BinauralModel.forward`."""
        self.check_spectrogram(mix_spec, len(self.config.audio_channels))
        self.check_features(features)
        self.check_told(told)
        affines: list[Tensor] = []
        if self.context:
            told = self.listen(mix_spec) if told is None else told
            affines = [affine(told) for affine in self.told]
        levels = len(self.config.audio_channels)
        *skips, audio_features = self.audio_encoder(mix_spec, affines[:levels])
        fused = self.fuse(audio_features, features)
        mask, relevance = self.decoder(fused, skips, features, affines[levels:])
        mask = self.config.mask_bound * resize(mask, (mix_spec.shape[-2], mix_spec.shape[-1]))
        return BinauralOutput(mask, apply_mask(mask, mix_spec), fused, audio_features, relevance, told)


@register_model("ccstereo")
def ccstereo(**config: Any) -> CCStereo:
    """The released configuration: ResNet-18 on 448x224 pictures."""
    return CCStereo(CCStereoConfig.from_dict(config))


@register_model("ccstereo-lite")
def ccstereo_lite(**config: Any) -> CCStereo:
    """The same parts with a trunk fit for two CPU cores, and AVAD at two levels of the decoder."""
    lite: dict[str, Any] = {
        "trunk": "efficientnet-lite0",
        "aspp_channels": 64,
        "aspp_rates": (1, 2, 4),
        "avad_levels": (0, 1),
        "mask_bound": 2.5,
    }
    return CCStereo(CCStereoConfig.from_dict(lite | config))

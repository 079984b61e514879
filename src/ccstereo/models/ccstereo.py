"""CCStereo: audio-visual contextual and contrastive learning for binaural audio generation (arXiv 2501.02786).

Frames go through a trunk and an atrous pyramid to visual features u_v; the mixture's spectrogram through five
convolutions to the bottleneck u_a. Cross-attention fuses them, and a decoder whose first norm is audio-visual adaptive
de-normalisation (AVAD) gives a complex mask M within 1: the difference l - r is M times the mixture l + r.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ccstereo.audio.stft import apply_mask
from ccstereo.models.base import Prediction, SpatialModel, initialise
from ccstereo.models.importing import Release, register_release
from ccstereo.models.parts.avad import decoder_norms
from ccstereo.models.parts.fusion import AudioVisualFusion
from ccstereo.models.parts.trunks import ImageEncoder, TrunkConfig
from ccstereo.models.parts.unet import (
    AudioEncoder,
    MaskDecoder,
    bottleneck_size,
    check_levels,
    decoder_channels,
    resize,
)
from ccstereo.models.registry import register_model


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
        avad_levels: decoder levels, 0 next to the bottleneck, whose norm is AVAD.
    """

    visual_channels: int = 128
    aspp_channels: int = 256
    aspp_rates: tuple[int, ...] = (6, 12, 18)
    audio_channels: tuple[int, ...] = (16, 32, 64, 128, 128)
    attention_heads: int = 8
    feedforward_channels: int = 128
    avad_levels: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_positive("visual_channels", "aspp_channels", "attention_heads", "feedforward_channels")
        self.require_positive("aspp_rates", "audio_channels")
        check_levels(self.audio_channels, self.spectrogram_size)
        if self.audio_channels[-1] != self.visual_channels:
            raise ValueError(
                f"the last of audio_channels {self.audio_channels} must equal visual_channels {self.visual_channels}"
            )
        if self.visual_channels % self.attention_heads:
            raise ValueError(
                f"visual_channels {self.visual_channels} is not a multiple of attention_heads {self.attention_heads}"
            )
        levels = range(len(self.audio_channels) - 1)
        if len(set(self.avad_levels)) != len(self.avad_levels) or not set(self.avad_levels) <= set(levels):
            raise ValueError(f"avad_levels must be different levels of 0..{levels[-1]}, got {self.avad_levels}")

    @property
    def audio_grid(self) -> tuple[int, int]:
        """(H', W') of the audio bottleneck for one window."""
        return bottleneck_size(self.spectrogram_size, len(self.audio_channels))


class CCStereo(SpatialModel):
    """The network of CCStereo: two encoders, attention between them, a decoder with AVAD.

    Attributes:
        mask_bound: largest real and imaginary part of the mask, 1 as published.
    """

    config: CCStereoConfig
    name = "ccstereo"
    mask_bound = 1.0

    def __init__(self, config: CCStereoConfig) -> None:
        super().__init__()
        self.config = config
        self.feature_shape = (config.visual_channels, *config.visual_grid)
        self.least_frames = 2 ** len(config.audio_channels)
        *skips, bottleneck = config.audio_channels
        self.visual = ImageEncoder(config, config.aspp_channels, config.visual_channels, config.aspp_rates)
        self.audio_encoder = AudioEncoder(config.audio_channels)
        self.fusion = AudioVisualFusion(
            bottleneck, config.audio_grid, config.visual_grid, config.attention_heads, config.feedforward_channels
        )
        norms = decoder_norms(
            decoder_channels(skips, bottleneck),
            config.avad_levels,
            config.visual_channels,
            config.audio_grid,
            config.visual_grid,
        )
        self.decoder = MaskDecoder(bottleneck, skips, bottleneck, norms)
        initialise(self)

    def fuse(self, audio_features: Tensor, features: Tensor) -> Tensor:
        """Fuse an audio bottleneck (B, C, H', W') with visual features (B, C, h, w) to (B, C, H', W')."""
        fused: Tensor = self.fusion(audio_features, features)
        return fused

    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        """Predict the difference spectrogram; see `SpatialModel.forward`."""
        self.check_inputs(mix_spec, features, context)
        return self.decode(mix_spec, self.audio_encoder(mix_spec.to(self.dtype)), features)

    def decode(
        self, mix_spec: Tensor, maps: list[Tensor], features: Tensor, affines: Sequence[Tensor] = ()
    ) -> Prediction:
        """Fuse the innermost of the audio encoder's maps with visual features, and decode it with the others."""
        *skips, audio_features = maps
        fused = self.fuse(audio_features, features)
        mask, relevance = self.decoder(fused, skips, features, affines)
        mask = self.mask_bound * resize(mask, (mix_spec.shape[-2], mix_spec.shape[-1]))
        aux = {"audio_features": audio_features, "fused": fused}
        aux |= {f"relevance.{level}": found for level, found in enumerate(relevance)}
        return Prediction(apply_mask(mask, mix_spec)[:, None], mask[:, None], aux)


@register_model("ccstereo", source="CCStereo, arXiv 2501.02786")
def ccstereo(**config: Any) -> CCStereo:
    """The released configuration: ResNet-18 on frames of 448x224."""
    return CCStereo(CCStereoConfig.from_dict(config))


_AVAD, _RELEASED_AVAD = "decoder.levels.0.norm.", "net_audio.audionet_upconvlayer1.upnorm."
register_release(
    "ccstereo",
    Release(
        names=(
            ("visual.trunk.conv1.", "net_visual.backbone.feature_extraction.0."),
            ("visual.trunk.bn1.", "net_visual.backbone.feature_extraction.1."),
            *((f"visual.trunk.layer{i}.", f"net_visual.backbone.feature_extraction.{i + 3}.") for i in range(1, 5)),
            ("visual.head.branches.", "net_visual.segment.aspp.map_convs."),
            ("visual.head.branch_norm.", "net_visual.segment.aspp.map_bn."),
            ("visual.head.reduce.", "net_visual.segment.aspp.red_conv."),
            ("visual.head.pool_conv.", "net_visual.segment.aspp.global_pooling_conv."),
            ("visual.head.pool_norm.", "net_visual.segment.aspp.global_pooling_bn."),
            ("visual.head.pool_reduce.", "net_visual.segment.aspp.pool_red_conv."),
            ("visual.head.norm.", "net_visual.segment.aspp.red_bn."),
            *((f"audio_encoder.levels.{i}.", f"net_audio.audionet_convlayer{i + 1}.") for i in range(5)),
            ("fusion.squeeze.", "net_audio.conv1x1_rgb."),
            ("fusion.visual_positions", "net_audio.img_pos_embed.weight"),
            ("fusion.audio_positions", "net_audio.aud_pos_embed.weight"),
            ("fusion.cross_attention.", "net_audio.transformer_cross_attention_layers.0.multihead_attn."),
            ("fusion.cross_norm.", "net_audio.transformer_cross_attention_layers.0.norm."),
            ("fusion.self_attention.", "net_audio.transformer_self_attention_layers.0.self_attn."),
            ("fusion.self_norm.", "net_audio.transformer_self_attention_layers.0.norm."),
            ("fusion.expand.", "net_audio.transformer_ffn_layers.0.linear1."),
            ("fusion.contract.", "net_audio.transformer_ffn_layers.0.linear2."),
            ("fusion.feedforward_norm.", "net_audio.transformer_ffn_layers.0.norm."),
            (_AVAD + "norm.", _RELEASED_AVAD + "param_free_norm."),
            (_AVAD + "visual_conv.", _RELEASED_AVAD + "visual_conv."),
            (_AVAD + "visual_positions", _RELEASED_AVAD + "pos_embed_v"),
            (_AVAD + "audio_positions", _RELEASED_AVAD + "pos_embed_a"),
            (_AVAD + "shared.", _RELEASED_AVAD + "mlp_shared.0."),
            (_AVAD + "scale.", _RELEASED_AVAD + "mlp_gamma."),
            (_AVAD + "shift.", _RELEASED_AVAD + "mlp_beta."),
            *((f"decoder.levels.{i}.conv.", f"net_audio.audionet_upconvlayer{i + 1}.upconv.") for i in range(4)),
            *((f"decoder.levels.{i}.norm.", f"net_audio.audionet_upconvlayer{i + 1}.upnorm.") for i in range(1, 4)),
            ("decoder.last.", "net_audio.audionet_upconvlayer5.upconv."),
        ),
        unused=(  # layers that the released network builds and never runs
            "net_visual.segment.reduce.",
            _RELEASED_AVAD + "attn_layer.",
            _RELEASED_AVAD + "flow_conv.",
        ),
        prefixes=("module.",),
    ),
)

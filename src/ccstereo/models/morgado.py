"""Self-supervised generation of spatial audio for 360 degree video (Morgado et al., NeurIPS 2018): "Ambisonics".

From the mono track w, which is W, and a frame, the other channels of first-order ambisonics. With the spectrogram S of
w, n tracks and localisation weights g at every moment t:

    s_i = sigmoid(U_i(|S|, v)) S                       separation: n real masks of a U-Net
    [Y, Z, X]_k = sum_i g_ki(t) s_i + g_k0(t) S        localisation: fully connected layers on audio and visual features

What is as released: a magnitude at the input, ResNet-18 features reduced to 128 channels a position and 512 in all,
1024 audio features, localisation by 512-512 units from weights that begin near zero, 32 tracks. What is not: optical
flow is not used, as few of this library's data have it; the U-Net has this library's 4x4 convolutions and windows at
16 kHz, where the released one has kernels for one second at 48 kHz; and g_k0, a constant added to the waveform there,
which is an offset without sound, is here the weight of the whole mixture.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.models.base import Prediction, SpatialModel, initialise
from ccstereo.models.parts.trunks import TrunkConfig, make_trunk
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
class MorgadoConfig(TrunkConfig):
    """Everything the network's weights depend on.

    Attributes:
        tracks: n, into which the mixture is separated.
        reduced_channels: channels to which visual features are reduced at each position.
        visual_units: units of the visual vector.
        audio_units: units of the audio vector of each moment.
        localisation_units: units of each hidden layer before the localisation weights.
        audio_channels: width of each level of the audio encoder.
    """

    target: str = "foa"
    tracks: int = 32
    reduced_channels: int = 128
    visual_units: int = 512
    audio_units: int = 1024
    localisation_units: tuple[int, ...] = (512, 512)
    audio_channels: tuple[int, ...] = (32, 64, 128, 256, 512)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_positive("tracks", "reduced_channels", "visual_units", "audio_units")
        self.require_positive("localisation_units", "audio_channels")
        check_levels(self.audio_channels, self.spectrogram_size)
        if self.target != "foa":
            raise ValueError(f"target must be foa, got {self.target}")


class Localisation(nn.Sequential):
    """Fully connected layers from features to the weights of every track in every channel."""

    def __init__(self, features: int, units: tuple[int, ...], out: int) -> None:
        layers: list[nn.Module] = []
        for before, after in zip((features, *units), units, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU()]
        super().__init__(*layers, nn.Linear((features, *units)[-1], out))
        self.initialise()

    def initialise(self) -> None:
        """Draw hidden weights that keep the signal's size, and last ones near zero, as released."""
        *hidden, last = (layer for layer in self if isinstance(layer, nn.Linear))
        for layer in hidden:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.trunc_normal_(last.weight, std=0.001)
        nn.init.zeros_(last.bias)


class Morgado(SpatialModel):
    """Separation into tracks, and their weights in Y, Z and X."""

    config: MorgadoConfig
    name = "morgado2018"

    def __init__(self, config: MorgadoConfig) -> None:
        super().__init__()
        self.config = config
        height, width = config.visual_grid
        self.visual, channels = make_trunk(config)
        self.feature_shape = (channels, height, width)
        self.least_frames = 2 ** len(config.audio_channels)
        *skips, bottleneck = config.audio_channels
        bins, _ = bottleneck_size(config.spectrogram_size, len(config.audio_channels))
        self.reduce = nn.Sequential(nn.Conv2d(channels, config.reduced_channels, 1), nn.ReLU())
        self.visual_vector = nn.Sequential(
            nn.Linear(config.reduced_channels * height * width, config.visual_units), nn.ReLU()
        )
        self.audio_encoder = AudioEncoder(config.audio_channels, in_channels=1)
        self.audio_vector = nn.Sequential(nn.Linear(bottleneck * bins, config.audio_units), nn.ReLU())
        joined = config.audio_units + config.visual_units
        self.mixed = nn.Sequential(nn.Linear(joined, bottleneck), nn.ReLU())
        norms = [nn.BatchNorm2d(width) for width in decoder_channels(skips, bottleneck)]
        self.decoder = MaskDecoder(2 * bottleneck, skips, bottleneck, norms, out_channels=config.tracks)
        weights = len(self.target.predicted) * (config.tracks + 1)
        self.localisation = Localisation(joined, config.localisation_units, weights)
        initialise(self)

    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        """Predict the spectrograms of Y, Z and X; see `SpatialModel.forward`. The masks are real."""
        self.check_inputs(mix_spec, features, context)
        magnitude = (mix_spec.square().sum(1, keepdim=True) + 1e-8).sqrt()
        *skips, audio_features = self.audio_encoder(magnitude.to(self.dtype))
        moments = self.audio_vector(audio_features.flatten(1, 2).transpose(1, 2))  # (B, T', units)
        visual = self.visual_vector(self.reduce(features).flatten(1))[:, None].expand(-1, moments.shape[1], -1)
        joined = torch.cat([moments, visual], dim=2)
        mixed = self.mixed(joined).transpose(1, 2)[:, :, None].expand_as(audio_features)
        fused = torch.cat([audio_features, mixed], dim=1)
        tanh, _ = self.decoder(fused, skips)  # 2 sigmoid - 1
        masks = resize((tanh + 1) / 2, (mix_spec.shape[-2], mix_spec.shape[-1]))  # (B, n, F, T)
        weights = self.localisation(joined).transpose(1, 2)  # (B, 3 (n + 1), T')
        weights = F.interpolate(weights, size=mix_spec.shape[-1])
        weights = weights.reshape(weights.shape[0], len(self.target.predicted), -1, weights.shape[-1])
        gains = torch.einsum("bknt,bnft->bkft", weights[:, :, 1:], masks) + weights[:, :, :1]
        mask = torch.stack([gains, torch.zeros_like(gains)], 2)
        aux = {"audio_features": audio_features, "fused": fused, "localisation": weights}
        return Prediction(gains[:, :, None] * mix_spec[:, None], mask, aux)


@register_model("morgado2018", source="Morgado et al. 2018")
def morgado2018(**config: Any) -> Morgado:
    """The released sizes, at 16 kHz and with one frame a window."""
    return Morgado(MorgadoConfig.from_dict(config))

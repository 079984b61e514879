"""After Parida, Srivastava and Sharma, "Beyond Mono to Binaural" (WACV 2022, arXiv 2111.08046). No code is published.

What their block diagram shows is built: three decoders side by side, of the complex spectrogram, of the magnitude and
of the phase of l - r, each with a loss of its own. At every level, for an audio map A and visual positions V,

    R = cos(A_i, V_j)                one channel j a visual position, one value a position i of the audio map
    A' = up([A, R, skip])            the first level has no skip; from the second on V is reduced to A's width

What it does not show is this library's choice: widths, the image network (a trunk and a 1x1 convolution), masks
(K tanh for the complex one, K sigmoid for the magnitude, a rotation of the mixture's phase for the phase), and which
decoder counts in the end: that of the complex spectrogram. The other two shape the encoders and are run in training
alone. Their second visual branch, features of a depth network that is not named, is missing: none that is installed
without weights from elsewhere has such features. So this is "after" the paper, not the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.audio.stft import apply_mask
from ccstereo.models.base import Prediction, SpatialModel, initialise
from ccstereo.models.parts.fusion import to_sequence
from ccstereo.models.parts.trunks import TrunkConfig, make_trunk
from ccstereo.models.parts.unet import AudioEncoder, UpBlock, check_levels, decoder_channels, resize
from ccstereo.models.registry import register_model


@dataclass(frozen=True)
class ParidaConfig(TrunkConfig):
    """Everything the network's weights depend on, all of it open in what is published.

    Attributes:
        audio_channels: width of each level of the audio encoder; the last is also that of the visual positions.
        mask_bound: K, largest real and imaginary part of the complex mask, and of the magnitude's.
    """

    audio_channels: tuple[int, ...] = (32, 64, 128, 256, 256)
    mask_bound: float = 2.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_positive("audio_channels", "mask_bound")
        check_levels(self.audio_channels, self.spectrogram_size)
        if self.target != "mid-side":
            raise ValueError(f"target must be mid-side, got {self.target}")


class RelevanceDecoder(nn.Module):
    """A U-Net decoder that is given, at every level, the similarity of audio and visual positions.

    Args:
        skip_channels: the encoder's widths without the bottleneck, outermost first.
        bottleneck: width of the bottleneck and of the visual positions.
        positions: visual positions, h * w.
        out_channels: of the last level.
    """

    def __init__(self, skip_channels: Sequence[int], bottleneck: int, positions: int, out_channels: int) -> None:
        super().__init__()
        widths = decoder_channels(skip_channels, bottleneck)  # what each level but the last gives
        inputs = [bottleneck, *(width + skip for width, skip in zip(widths, reversed(skip_channels), strict=True))]
        self.reduce = nn.ModuleList(nn.Conv2d(bottleneck, width, 1) for width in widths)
        self.levels = nn.ModuleList(
            UpBlock(entry + positions, width, nn.BatchNorm2d(width))
            for entry, width in zip(inputs, widths, strict=False)
        )
        self.last = nn.ConvTranspose2d(inputs[-1] + positions, out_channels, 4, 2, 1)

    def forward(self, bottleneck: Tensor, skips: Sequence[Tensor], visual: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Decode (B, C, H', W') with skips and visual positions (B, C, h, w); also give every level's similarities."""
        x, joined, found = bottleneck, bottleneck, []
        positions = visual
        for number in range(len(self.levels) + 1):
            if number:
                positions = self.reduce[number - 1](visual)
            found.append(similarity(x, positions))
            joined = torch.cat([joined, found[-1]], dim=1)
            if number == len(self.levels):
                break
            skip = skips[-1 - number]
            x = resize(self.levels[number](joined)[0], (skip.shape[-2], skip.shape[-1]))
            joined = torch.cat([x, skip], dim=1)
        return self.last(joined), found


def similarity(audio: Tensor, visual: Tensor) -> Tensor:
    """Cosine of every audio position with every visual one: (B, C, H, W) and (B, C, h, w) to (B, h * w, H, W).

    A position whose channels are all zero has a cosine of zero with any.
    """
    cosine = _units(visual, audio.dtype) @ _units(audio, audio.dtype).transpose(1, 2)
    return cosine.reshape(*cosine.shape[:2], *audio.shape[2:])


def _units(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Positions (B, N, C) at unit length, which half precision cannot bring those near zero to."""
    return F.normalize(to_sequence(x).float(), dim=-1).to(dtype)


class AfterParida(SpatialModel):
    """An image encoder, an audio encoder, and three decoders."""

    config: ParidaConfig
    name = "after-parida2022"
    training_aux = ("magnitude_spec", "phase_spec")

    def __init__(self, config: ParidaConfig) -> None:
        super().__init__()
        self.config = config
        height, width = config.visual_grid
        *skips, bottleneck = config.audio_channels
        self.visual, channels = make_trunk(config)
        self.feature_shape = (channels, height, width)
        self.least_frames = 2 ** len(config.audio_channels)
        self.positions = nn.Conv2d(channels, bottleneck, 1)
        self.audio_encoder = AudioEncoder(config.audio_channels)
        self.complex = RelevanceDecoder(skips, bottleneck, height * width, 2)
        self.magnitude = RelevanceDecoder(skips, bottleneck, height * width, 1)
        self.phase = RelevanceDecoder(skips, bottleneck, height * width, 2)
        initialise(self)

    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        """Predict the difference spectrogram; see `SpatialModel.forward`."""
        self.check_inputs(mix_spec, features, context)
        *skips, audio_features = self.audio_encoder(mix_spec.to(self.dtype))
        visual = self.positions(features)
        size = (mix_spec.shape[-2], mix_spec.shape[-1])
        found, relevance = self.complex(audio_features, skips, visual)
        mask = self.config.mask_bound * torch.tanh(resize(found, size))
        aux = {"audio_features": audio_features}
        aux |= {f"relevance.{level}": value for level, value in enumerate(relevance)}
        if self.training:
            found, _ = self.magnitude(audio_features, skips, visual)
            aux["magnitude_spec"] = self.config.mask_bound * torch.sigmoid(resize(found, size)) * mix_spec
            found, _ = self.phase(audio_features, skips, visual)
            aux["phase_spec"] = apply_mask(F.normalize(resize(found, size).float(), dim=1), mix_spec)
        return Prediction(apply_mask(mask, mix_spec)[:, None], mask[:, None], aux)


@register_model("after-parida2022", source="after Parida et al. 2022, no code")
def after_parida2022(**config: Any) -> AfterParida:
    """This library's reading of the published diagram, without the depth branch."""
    return AfterParida(ParidaConfig.from_dict(config))

"""SAGM: cross-modal generative model for visual-guided binaural stereo generation (Li et al., arXiv 2311.07630).

A generative adversarial network. With a clip of frames V and the mixture's spectrogram m = l + r:

    v = VideoNet(V)          3-D convolutions: spatio-temporal visual features
    a = AudioNet(m)          audio features
    M = G([v, a])            complex ideal ratio mask; v is flattened, copied over a's positions and concatenated with a
    d = M m                  the difference l - r, complex product
    D([l, r], v)             the discriminator's score of true or predicted sound, given the same visual features

VideoNet belongs to both sides: the discriminator's step trains {D, VideoNet}, the generator's {G, AudioNet, VideoNet},
by L1 on the spectrogram and binary cross-entropy (`ccstereo.training.adversarial`, which has D).

No code was released and the paper leaves sizes, frames, the mask's range and all weights open. What stands in
`SAGMConfig` and in `ccstereo.training.adversarial.Adversarial` is therefore this library's choice: AudioNet and G are
Mono2Binaural's U-Net, the mask is K tanh(x / 2), the form of Williamson et al. (2016), with K = `mask_bound`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ccstereo.audio.stft import apply_mask
from ccstereo.models.base import Prediction, SpatialModel, initialise
from ccstereo.models.parts.trunks import TrunkConfig, grid_size, make_trunk
from ccstereo.models.parts.unet import AudioEncoder, MaskDecoder, check_levels, decoder_channels, resize
from ccstereo.models.parts.video import VideoNet
from ccstereo.models.registry import register_model


@dataclass(frozen=True)
class SAGMConfig(TrunkConfig):
    """Everything SAGM's generator depends on, all of it open in the paper and chosen here.

    Attributes:
        clip_frames: frames of a clip: five, half a second at ten a second, about a window.
        trunk: used with `trunk_first` alone.
        trunk_first: whether a 2-D trunk encodes each frame before the 3-D convolutions, which then keep its grid.
            Otherwise these take the frames themselves and halve height and width each time.
        video_channels: width of each 3-D convolution.
        squeezed_channels: channels to which visual features are squeezed before they are laid out in one vector.
        audio_channels: width of each level of AudioNet.
        mask_bound: K, largest real and imaginary part of the mask.
    """

    clip_frames: int = 5
    trunk_first: bool = False
    video_channels: tuple[int, ...] = (16, 32, 64, 128, 256)
    squeezed_channels: int = 8
    audio_channels: tuple[int, ...] = (64, 128, 256, 512, 512)
    mask_bound: float = 2.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_positive("video_channels", "squeezed_channels", "audio_channels", "mask_bound")
        if self.clip_frames < 2 or not self.video_channels:
            raise ValueError("SAGM needs clip_frames of at least 2 and one or more video_channels")
        check_levels(self.audio_channels, self.spectrogram_size)

    @property
    def visual_grid(self) -> tuple[int, int]:
        """(h, w) of the visual features."""
        return super().visual_grid if self.trunk_first else grid_size(self.frame_size, (2,) * len(self.video_channels))


class SAGM(SpatialModel):
    """SAGM's VideoNet, AudioNet and generator; the discriminator is no part of it."""

    config: SAGMConfig
    name = "sagm"

    def __init__(self, config: SAGMConfig) -> None:
        super().__init__()
        self.config = config
        height, width = config.visual_grid
        visual = config.video_channels[-1]
        if config.trunk_first:
            trunk, channels = make_trunk(config)
            self.visual = VideoNet((channels, *config.video_channels), 1, trunk)
        else:
            self.visual = VideoNet((3, *config.video_channels), 2)
        self.feature_shape = (visual, height, width)
        self.least_frames = 2 ** len(config.audio_channels)
        *skips, bottleneck = config.audio_channels
        squeezed = config.squeezed_channels
        self.audio_encoder = AudioEncoder(config.audio_channels)
        self.squeeze = nn.Sequential(nn.Conv2d(visual, squeezed, 1), nn.BatchNorm2d(squeezed), nn.ReLU())
        norms = [nn.BatchNorm2d(channels) for channels in decoder_channels(skips, bottleneck)]
        self.decoder = MaskDecoder(squeezed * height * width + bottleneck, skips, bottleneck, norms)
        initialise(self)

    def fuse(self, audio_features: Tensor, features: Tensor) -> Tensor:
        """Put the visual vector before the audio features: (B, C, H', W') to (B, squeezed * h * w + C, H', W')."""
        vector = self.squeeze(features).flatten(1)[:, :, None, None]
        return torch.cat([vector.expand(-1, -1, *audio_features.shape[-2:]), audio_features], dim=1)

    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        """Predict the difference spectrogram; see `SpatialModel.forward`."""
        self.check_inputs(mix_spec, features, context)
        *skips, audio_features = self.audio_encoder(mix_spec.to(self.dtype))
        fused = self.fuse(audio_features, features)
        mask, _ = self.decoder(fused, skips)
        mask = self.config.mask_bound * resize(mask, (mix_spec.shape[-2], mix_spec.shape[-1]))
        aux = {"audio_features": audio_features, "fused": fused}
        return Prediction(apply_mask(mask, mix_spec)[:, None], mask[:, None], aux)


@register_model("sagm", source="Li et al. 2023, no code")
def sagm(**config: Any) -> SAGM:
    """This library's reading of the paper: clips of five frames, 3-D convolutions from the frames on."""
    return SAGM(SAGMConfig.from_dict(config))

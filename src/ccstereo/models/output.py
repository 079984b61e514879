"""What every model of this library returns."""

from typing import NamedTuple

from torch import Tensor


class BinauralOutput(NamedTuple):
    """Prediction for a batch of windows, with the inner features that training and figures need.

    Attributes:
        mask: (B, 2, F, T) complex ratio mask, real and imaginary part, each in [-1, 1] unless the
            model's configuration bounds it otherwise (`CCStereoConfig.mask_bound`).
        diff_spec: (B, 2, F, T) predicted spectrogram of l - r: the complex product of mask and mixture.
        fused: (B, C, H', W') audio-visual features at the bottleneck, which a contrastive loss compares.
        audio_features: (B, C, H', W') what the audio encoder alone says, before the picture is heard of.
        relevance: of each decoder level with audio-visual adaptive de-normalisation, (B, h * w, H, W): the cosine
            between each visual position and each audio position of that level.
        told: (B, C) what was made out of the sound around the windows, by a model that hears it.
    """

    mask: Tensor
    diff_spec: Tensor
    fused: Tensor
    audio_features: Tensor
    relevance: tuple[Tensor, ...] = ()
    told: Tensor | None = None

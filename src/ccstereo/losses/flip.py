"""Are the channels flipped? A task that spatial sound sets by itself (Li et al. 2021; Garg et al. 2021)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (16, 32, 64)  # of the convolutions over the spectrogram of the sound; the papers take a whole U-Net encoder
HIDDEN = 32


class FlipHead(nn.Module):
    """Says whether left and right of a sound are exchanged, given the visual features. It exists in training only.

    Strided convolutions over the real and imaginary parts of all channels, the product of every audio position with
    every visual one (Sep-Stereo's associative convolution, as in Garg et al.), two layers.

    Args:
        channels: of the sound, C.
        feature_shape: (V, h, w) of the visual features.
    """

    def __init__(self, channels: int, feature_shape: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((2 * channels, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        self.audio = nn.Sequential(*layers)
        visual, height, width = feature_shape
        self.kernels = nn.Conv2d(visual, WIDTHS[-1], 1)
        self.squeeze = nn.Sequential(nn.Conv2d(height * width, HIDDEN, 1), nn.BatchNorm2d(HIDDEN), nn.LeakyReLU(0.2))
        self.score = nn.Linear(HIDDEN, 1)

    def forward(self, spec: Tensor, features: Tensor) -> Tensor:
        """Score spectrograms (B, C, 2, F, T) with features (B, V, h, w): (B,) logits, positive for flipped."""
        audio = self.audio(spec.flatten(1, 2))
        kernels = F.relu(self.kernels(features)).flatten(2)  # (B, C', P)
        product = (kernels.transpose(1, 2) @ audio.flatten(2)) / kernels.shape[1]
        product = product.reshape(len(product), -1, *audio.shape[2:])
        scores: Tensor = self.score(self.squeeze(product).mean((2, 3)))
        return scores[:, 0]


def flip_loss(head: FlipHead, spec: Tensor, mirrored: Tensor, features: Tensor) -> Tensor:
    """Cross-entropy of the head's scores, each item mirrored or not at random.

    Args:
        head: of this sound and these features.
        spec: (B, C, 2, F, T) spectrograms of the true sound.
        mirrored: the same, left and right exchanged.
        features: (B, V, h, w).
    """
    flipped = torch.rand(len(spec), device=spec.device) < 0.5
    scores = head(torch.where(flipped.view(-1, 1, 1, 1, 1), mirrored, spec), features)
    return F.binary_cross_entropy_with_logits(scores.float(), flipped.float())

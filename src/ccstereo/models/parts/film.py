"""Conditioning on the mixture around a window: an encoder of some seconds of it, and FiLM in every level of a U-Net.

Half a second is often too short to know a sound by, but long for what moves, and for the parts of the spectrogram that
each source has at a moment: so the window stays short, and the embedding of some seconds around it is added.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.audio.mel import mel_bands
from ccstereo.models.parts.unet import ResidualBlock

BANDS = 64
CHANNELS = (32, 64, 128, 192)
BLOCKS = (0, 0, 1, 1)  # residual ones after each convolution
EMBEDDING = 128  # channels of the context embedding
DROPOUT = 0.3  # so that few recordings are not learned by heart


class ContextEncoder(nn.Module):
    """Embeds a mixture of any length: log power in mel bands, strided convolutions, mean and maximum of the rest.

    Args:
        sample_rate: Hz of the mixture.
    """

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        layers: list[nn.Module] = []
        for (before, after), blocks in zip(pairwise((1, *CHANNELS)), BLOCKS, strict=True):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers += [ResidualBlock(after) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers)
        self.embed = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(2 * CHANNELS[-1], EMBEDDING), nn.LayerNorm(EMBEDDING))

    def initialise(self) -> None:
        """Draw weights that keep the signal's size (He et al. 2015)."""
        for part in (*self.layers, *self.embed):
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            elif isinstance(part, nn.Linear):
                nn.init.kaiming_normal_(part.weight, nonlinearity="linear")

    def forward(self, spec: Tensor) -> Tensor:
        """Map the spectrogram of a mixture (B, 2, F, T), T >= 2, to its embedding (B, EMBEDDING)."""
        power = F.avg_pool1d(spec.float().square().sum(1), 2)  # (B, F, T / 2)
        bands = mel_bands(self.sample_rate, spec.shape[2], BANDS).to(spec.device)
        log_mel = 1 + ((bands @ power).float() + 1e-4).log()[:, None] / 4
        x: Tensor = self.layers(log_mel.to(next(self.parameters()).dtype))
        embedding: Tensor = self.embed(torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1))
        return embedding


class FiLM(nn.Linear):
    """Scales and shifts of a level's channels by the context embedding (Perez et al. 2018); zero until trained."""

    def __init__(self, channels: int) -> None:
        super().__init__(EMBEDDING, 2 * channels)
        self.initialise()

    def initialise(self) -> None:
        """Make it zero."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

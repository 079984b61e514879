"""What sounds around a window: a listener to a longer stretch of the mixture, and how a network is told.

Half a second is often too short to know a sound by, but long for what moves, and for the parts of the spectrogram that
each source has at a moment: so the window stays short, and what was made out of some seconds around it is added.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.audio.mel import mel_bands
from ccstereo.models.parts.unet import residual_blocks

BANDS = 64
CHANNELS = (32, 64, 128, 192)
BLOCKS = (0, 0, 1, 1)  # residual ones after each convolution
TOLD = 128  # channels of what is told
DROPPED = 0.3  # share of what is left that training does without, so that few recordings are not learned by heart


class SoundContext(nn.Module):
    """Listens to a mixture of any length: log power in mel bands, strided convolutions, mean and maximum of the rest.

    Args:
        sample_rate: Hz of the mixture.
    """

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        layers: list[nn.Module] = []
        for (before, after), blocks in zip(pairwise((1, *CHANNELS)), BLOCKS, strict=True):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers += residual_blocks(after, blocks)
        self.layers = nn.Sequential(*layers)
        self.tell = nn.Sequential(nn.Dropout(DROPPED), nn.Linear(2 * CHANNELS[-1], TOLD), nn.LayerNorm(TOLD))

    def initialise(self) -> None:
        """Draw weights that keep the signal's size (He et al. 2015)."""
        for part in (*self.layers, *self.tell):
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            elif isinstance(part, nn.Linear):
                nn.init.kaiming_normal_(part.weight, nonlinearity="linear")

    def forward(self, spec: Tensor) -> Tensor:
        """Map the spectrogram of a mixture (B, 2, F, T), T >= 2, to what is told of it (B, TOLD)."""
        power = spec.float().square().sum(1)  # (B, F, T)
        power = F.avg_pool1d(power, 2)
        bands = mel_bands(self.sample_rate, spec.shape[2], BANDS).to(spec.device)
        x: Tensor = self.layers(1 + ((bands @ power).float() + 1e-4).log()[:, None] / 4)
        told: Tensor = self.tell(torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1))
        return told


class ContextAffine(nn.Linear):
    """What is told, (B, TOLD), to scales and shifts of a level's channels, (B, 2 C): all zero until it is trained.

    Args:
        channels: C, see `ccstereo.models.parts.unet.modulate`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(TOLD, 2 * channels)
        self.initialise()

    def initialise(self) -> None:
        """Make it zero."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

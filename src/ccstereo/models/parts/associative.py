"""Associative convolution: visual features become the kernels that are run over a map of the audio decoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.models.parts.unet import UpBlock, resize

HEADS_SCALE = 0.05  # of the heads' first weights to what PyTorch draws


class AssociativeConvolution(nn.Module):
    """One 1x1 kernel a visual position, run over an audio map: where does this sound fit the frame?

    With visual features v (B, V, P) of P positions and an audio map A (B, C, N): K = relu(W v) (B, C, P), and the
    result is K^T A (B, P, N). Source: Sep-Stereo, section 3.2, and its released code.

    Args:
        visual_channels: V.
        channels: C.
    """

    def __init__(self, visual_channels: int, channels: int) -> None:
        super().__init__()
        self.kernels = nn.Conv1d(visual_channels, channels, 1)

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Map audio (B, C, H, W) and visual features (B, V, h, w) to (B, h * w, H, W)."""
        kernels = F.relu(self.kernels(visual.flatten(2)))  # (B, C, P)
        found = kernels.transpose(1, 2) @ audio.flatten(2)  # (B, P, H * W)
        return found.reshape(*found.shape[:2], *audio.shape[2:])


class AssociativePyramid(nn.Module):
    """Associative convolutions over several levels of an audio decoder, each joined with those of the levels before.

    Two last layers, one an ear, give the masks. One level alone is Sep-Stereo's AssoConv, four its APNet. Weights begin
    as PyTorch draws them, as in the released code, but those two layers at a twentieth of that: as drawn they sum up 98
    maps that are all positive, and half of the masks' values begin where the sigmoid has no slope.

    Args:
        visual_channels: channels of the visual features.
        positions: visual positions, h * w.
        widths: channels of the decoder's levels that take part, the innermost first.
    """

    def __init__(self, visual_channels: int, positions: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.fusions = nn.ModuleList(AssociativeConvolution(visual_channels, width) for width in widths)
        joined = [positions, *[2 * positions] * (len(widths) - 1)]
        self.levels = nn.ModuleList(UpBlock(width, positions, nn.BatchNorm2d(positions)) for width in joined[:-1])
        self.left = nn.ConvTranspose2d(joined[-1], 2, 4, 2, 1)
        self.right = nn.ConvTranspose2d(joined[-1], 2, 4, 2, 1)
        self.initialise()

    def initialise(self) -> None:
        """Make what PyTorch has drawn for the heads smaller; keep the rest."""
        with torch.no_grad():
            for head in (self.left, self.right):
                for drawn in head.parameters():
                    drawn.mul_(HEADS_SCALE)

    def forward(self, maps: Sequence[Tensor], visual: Tensor) -> tuple[Tensor, Tensor]:
        """Map the decoder's levels (B, widths[i], H_i, W_i) to masks of the left and right ear, (B, 2, 2 H, 2 W)."""
        x: Tensor | None = None
        for i, (fusion, audio) in enumerate(zip(self.fusions, maps, strict=True)):
            found = fusion(audio, visual)
            if x is not None:
                found = torch.cat([found, resize(x, (audio.shape[-2], audio.shape[-1]))], dim=1)
            x = self.levels[i](found)[0] if i < len(self.levels) else found
        return torch.sigmoid(self.left(x)) * 2 - 1, torch.sigmoid(self.right(x)) * 2 - 1

"""The U-Net over the mixture's spectrogram that Mono2Binaural brought and CCStereo keeps."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, H, W) to (B, C, *size) bilinearly, corners on corners; the same tensor where it fits already."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def bottleneck_size(size: tuple[int, int], levels: int) -> tuple[int, int]:
    """Height and width after `levels` 4x4 convolutions of stride 2 and padding 1.

    >>> bottleneck_size((257, 64), 5)
    (8, 2)
    """
    return size[0] >> levels, size[1] >> levels


def check_levels(channels: Sequence[int], size: tuple[int, int]) -> None:
    """Refuse widths of an encoder's levels that leave nothing of a spectrogram of (F, T) `size`.

    Raises:
        ValueError: there are fewer than two levels, or too many.
    """
    if len(channels) < 2:
        raise ValueError(f"audio_channels needs two levels or more, got {channels}")
    if min(bottleneck_size(size, len(channels))) < 1:
        raise ValueError(f"{len(channels)} halvings leave nothing of a {size} spectrogram")


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose sum with the input goes on; the identity until it is trained (its last scale is 0)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.initialise()

    def initialise(self) -> None:
        """Make it the identity."""
        for half, scale in ((self.first, 1.0), (self.second, 0.0)):
            for part in half:
                if isinstance(part, nn.Conv2d):
                    nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
                elif isinstance(part, nn.BatchNorm2d):
                    nn.init.constant_(part.weight, scale)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to the same shape."""
        change: Tensor = self.second(F.relu(self.first(x)))
        return x + change


class AudioEncoder(nn.Module):
    """4x4 convolutions of stride 2, each with batch norm and LeakyReLU 0.2 (2.5D Visual Sound).

    Args:
        channels: width of each level, from the outermost to the bottleneck.
        blocks: residual blocks after each level; none in the papers.
        in_channels: of the input, 2 in the papers: real and imaginary part.
    """

    def __init__(self, channels: Sequence[int], blocks: Sequence[int] = (), in_channels: int = 2) -> None:
        super().__init__()
        entries = (in_channels, *channels[:-1])
        counts = blocks or [0] * len(channels)
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 4, 2, 1),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
                *(ResidualBlock(after) for _ in range(count)),
            )
            for before, after, count in zip(entries, channels, counts, strict=True)
        )

    def forward(self, spec: Tensor, affines: Sequence[Tensor | None] = ()) -> list[Tensor]:
        """Map a spectrogram (B, in_channels, F, T) to the feature map of every level, the bottleneck last.

        Args:
            spec: the spectrogram.
            affines: of each level, see `modulate`; applied before the residual blocks.
        """
        maps = []
        for level, affine in zip(self.levels, affines or [None] * len(self.levels), strict=True):
            conv, norm, rectify, *blocks = level.children()
            spec = modulate(rectify(norm(conv(spec))), affine)
            for block in blocks:
                spec = block(spec)
            maps.append(spec)
        return maps


def modulate(x: Tensor, affine: Tensor | None) -> Tensor:
    """Scale and shift channels (Perez et al. 2018, FiLM).

    Args:
        x: (B, C, H, W).
        affine: (B, 2 C), what is added to a scale of one, then the shifts; None leaves x as it is.
    """
    if affine is None:
        return x
    scale, shift = affine[..., None, None].chunk(2, dim=1)
    return (1 + scale) * x + shift


class UpBlock(nn.Module):
    """A 4x4 transposed convolution of stride 2, a norm and ReLU.

    Args:
        in_channels: channels that come in, the skip connection's included.
        channels: channels that go out.
        norm: batch norm, or a norm that also takes visual features (`takes_visual`).
        blocks: residual blocks after it.
    """

    def __init__(self, in_channels: int, channels: int, norm: nn.Module, blocks: int = 0) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, channels, 4, 2, 1)
        self.norm = norm
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.takes_visual = bool(getattr(norm, "takes_visual", False))

    def forward(
        self, x: Tensor, visual: Tensor | None = None, affine: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Map (B, in_channels, H, W) to (B, channels, 2H, 2W), and give the norm's relevance map if it has one.

        The map is modulated by `affine` before the residual blocks.
        """
        x = self.conv(x)
        y, relevance = self.norm(x, visual) if self.takes_visual else (self.norm(x), None)
        return self.blocks(modulate(F.relu(y), affine)), relevance


class MaskDecoder(nn.Module):
    """Transposed convolutions back to the spectrogram's size, fed at each level by the encoder's map of that level.

    Args:
        in_channels: channels of the fused bottleneck.
        skip_channels: the encoder's widths without the bottleneck, outermost first; the decoder's own mirror them.
        top_channels: width of the first level.
        norms: the norm of each level but the last, which has none.
        blocks: residual blocks after each level but the last; none in the papers.
        out_channels: of the last level, 2 in most papers: real and imaginary part of one mask.
    """

    def __init__(
        self,
        in_channels: int,
        skip_channels: Sequence[int],
        top_channels: int,
        norms: Sequence[nn.Module],
        blocks: Sequence[int] = (),
        out_channels: int = 2,
    ) -> None:
        super().__init__()
        counts = blocks or [0] * len(norms)
        inner = list(reversed(skip_channels))
        widths = decoder_channels(skip_channels, top_channels)
        entries = [in_channels, *(width + skip for width, skip in zip(widths, inner, strict=True))]
        self.levels = nn.ModuleList(
            UpBlock(entry, width, norm, count)
            for entry, width, norm, count in zip(entries, widths, norms, counts, strict=False)
        )
        self.last = nn.ConvTranspose2d(entries[-1], out_channels, 4, 2, 1)

    def forward(
        self,
        fused: Tensor,
        skips: Sequence[Tensor],
        visual: Tensor | None = None,
        affines: Sequence[Tensor | None] = (),
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Decode a bottleneck.

        Args:
            fused: (B, in_channels, H', W').
            skips: the encoder's maps without the bottleneck, outermost first.
            visual: (B, C, h, w), for the norms that take them.
            affines: of each level but the last, see `modulate`.

        Returns:
            (B, out_channels, 32 H', 32 W') masks in [-1, 1], and the relevance maps of the levels that have one.
        """
        mask, _, relevance = self.decode(fused, skips, visual, affines)
        return mask, relevance

    def decode(
        self,
        fused: Tensor,
        skips: Sequence[Tensor],
        visual: Tensor | None = None,
        affines: Sequence[Tensor | None] = (),
    ) -> tuple[Tensor, list[Tensor], tuple[Tensor, ...]]:
        """Decode as `forward` does, and give the map of every level but the last, too, as large as its skip."""
        x, maps, relevance = fused, [], []
        for level, skip, affine in zip(self.levels, reversed(skips), affines or [None] * len(skips), strict=True):
            x, found = level(x, visual, affine)
            relevance += [] if found is None else [found]
            x = resize(x, (skip.shape[-2], skip.shape[-1]))
            maps.append(x)
            x = torch.cat([x, skip], dim=1)
        return torch.sigmoid(self.last(x)) * 2 - 1, maps, tuple(relevance)


def decoder_channels(skip_channels: Sequence[int], top_channels: int) -> list[int]:
    """Width of each decoder level but the last.

    >>> decoder_channels((16, 32, 64, 128), 128)
    [128, 64, 32, 16]
    """
    return [top_channels, *reversed(skip_channels[:-1])]

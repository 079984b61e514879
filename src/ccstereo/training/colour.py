"""Colour augmentation of training's frames, on the device that trains."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ccstereo.vision.transforms import jitter, tint


@dataclass(frozen=True)
class ColourAugmentation:
    """Ranges of the factors on colours, which are sampled for each item.

    Attributes:
        jitter: brightness and saturation are multiplied by factors uniform in 1 +- this (2.5D Visual Sound: 0.3).
        cast: red, green and blue are each multiplied by factors uniform in 1 +- this; 0 in the papers.

    Raises:
        ValueError: a range is not in [0, 1].
    """

    jitter: float = 0.3
    cast: float = 0.0

    def __post_init__(self) -> None:
        for name in ("jitter", "cast"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")


def recolour(frames: Tensor, ranges: ColourAugmentation) -> Tensor:
    """Change the colours of frames (B, 3, H, W) or clips (B, N, 3, H, W), uint8; all frames of a clip alike."""
    single = frames.reshape(-1, *frames.shape[-3:])
    clip = len(single) // len(frames)

    def factors(count: int, half_width: float) -> Tensor:
        sampled = 1 + half_width * (2 * torch.rand(len(frames), count) - 1)  # the same on every device
        return sampled.to(frames.device).repeat_interleave(clip, 0)

    if ranges.cast:
        single = tint(single, factors(3, ranges.cast))
    if ranges.jitter:
        single = jitter(single, *factors(2, ranges.jitter).T)
    return single.reshape(frames.shape)

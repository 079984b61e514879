"""Frames on their way into a network: resize, crop, jitter, normalise."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ccstereo.vision.tdss import CROPS as CROPS
from ccstereo.vision.tdss import crop_corner as crop_corner

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resize(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize frames, their aspect not kept, with an anti-aliasing filter.

    Args:
        frames: (N, 3, H, W) uint8.
        size: (height, width) of the result.

    Returns:
        (N, 3, height, width) uint8; the same tensor where the size is right already.
    """
    if tuple(frames.shape[-2:]) == size:
        return frames
    smooth = F.interpolate(frames.float(), size, mode="bilinear", align_corners=False, antialias=True)
    return smooth.round_().clamp_(0, 255).to(torch.uint8)


def crop(frames: Tensor, corner: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Cut a window of (height, width) `size` out of (..., H, W) frames at (top, left) `corner`."""
    (top, left), (height, width) = corner, size
    return frames[..., top : top + height, left : left + width]


def crop_place(outer: tuple[int, int], inner: tuple[int, int], rng: np.random.Generator | None) -> tuple[int, int]:
    """(top, left) of a crop of (height, width) `inner` in a frame of `outer`: random, or central without `rng`."""
    spare = [large - small for large, small in zip(outer, inner, strict=True)]
    top, left = (extra // 2 if rng is None else int(rng.integers(extra + 1)) for extra in spare)
    return top, left


def normalize(frames: Tensor) -> Tensor:
    """Turn uint8 frames into the floats that networks trained on ImageNet expect.

    Args:
        frames: (..., 3, H, W) uint8.

    Returns:
        Same shape, float32: (x / 255 - mean) / deviation per channel.

    >>> normalize(torch.zeros(1, 3, 1, 1, dtype=torch.uint8)).flatten()[0].item()
    -2.1179039478302
    """
    mean = torch.tensor(IMAGENET_MEAN, device=frames.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=frames.device).view(3, 1, 1)
    return (frames.float() / 255 - mean) / std


def jitter(frames: Tensor, brightness: Tensor, saturation: Tensor) -> Tensor:
    """Change brightness and colour, item by item (2.5D Visual Sound: both factors uniform in [0.7, 1.3]).

    Args:
        frames: (N, 3, H, W) uint8.
        brightness: (N,) factors.
        saturation: (N,) factors; 0 leaves the grey frame.

    Returns:
        (N, 3, H, W) uint8.
    """
    bright = frames.float() * brightness.view(-1, 1, 1, 1)
    weights = torch.tensor([0.299, 0.587, 0.114], device=frames.device).view(1, 3, 1, 1)
    grey = (bright * weights).sum(1, keepdim=True)
    return torch.lerp(grey, bright, saturation.view(-1, 1, 1, 1)).round_().clamp_(0, 255).to(torch.uint8)


def tint(frames: Tensor, factors: Tensor) -> Tensor:
    """Change the colour of the light, item by item.

    Args:
        frames: (N, 3, H, W) uint8.
        factors: (N, 3), of red, green and blue.

    Returns:
        (N, 3, H, W) uint8.

    >>> tint(torch.full((1, 3, 1, 1), 200, dtype=torch.uint8), torch.tensor([[0.5, 1.0, 2.0]])).flatten().tolist()
    [100, 200, 255]
    """
    return (frames * factors[..., None, None]).round_().clamp_(0, 255).to(torch.uint8)

"""Directions on the sphere, and what a head's responses to all of them have in common."""

from math import ceil, cos, log2, radians, sqrt

import torch
from torch import Tensor

REACH = 30.0  # degrees at most between a wanted direction and the response that stands for it
_POINTS = 2048  # by which parts of the sphere are measured
_DEEPEST = 0.03  # of the largest magnitude, about -30 dB: equalisation does not lift what lies deeper


def unit_vectors(directions: Tensor) -> Tensor:
    """Unit vectors (..., 3), to the left, up and to the front, of directions.

    Directions (..., 2) are azimuth (positive to the left) and elevation (positive upwards) in degrees.

    >>> unit_vectors(torch.tensor([90.0, 0.0])).round(decimals=3).abs().tolist()
    [1.0, 0.0, 0.0]
    """
    azimuth, elevation = torch.deg2rad(directions).unbind(-1)
    level = elevation.cos()
    return torch.stack([azimuth.sin() * level, elevation.sin(), azimuth.cos() * level], dim=-1)


def nearest_direction(wanted: Tensor, directions: Tensor) -> Tensor:
    """Index (M,) of the direction (N, 2) nearest to each of those wanted (M, 2), all in degrees.

    Raises:
        ValueError: there is none within `REACH`.
    """
    cosine, index = (unit_vectors(wanted) @ unit_vectors(directions).T).max(-1)
    if cosine.min() < cos(radians(REACH)):
        azimuth, elevation = wanted[cosine.argmin()].tolist()
        raise ValueError(f"no response within {REACH:g} degrees of azimuth {azimuth:g}, elevation {elevation:g}")
    return index


def sphere_weights(directions: Tensor) -> Tensor:
    """Fraction (N,) of the sphere that each direction (N, 2) stands for: measured grids are denser in places.

    Counts evenly spread points (a Fibonacci spiral and its mirror image, so that left and right weigh the same) by the
    direction nearest to them; those out of reach, as below a measured head, count for none.
    """
    k = torch.arange(_POINTS, dtype=torch.float64) + 0.5
    elevation = torch.rad2deg(torch.asin(1 - 2 * k / _POINTS))
    azimuth = k * 180 * (3 - sqrt(5))
    spread = torch.cat([torch.stack([side * azimuth, elevation], dim=-1) for side in (1, -1)])
    cosine, index = (unit_vectors(spread) @ unit_vectors(directions).T).max(-1)
    counts = torch.bincount(index[cosine > cos(radians(REACH / 2))], minlength=len(directions)).double()
    return counts / counts.sum()


def diffuse_field_equalised(directions: Tensor, responses: Tensor) -> Tensor:
    """Take out of a head's responses what all directions and both ears have in common.

    That is the resonance of the ear canal, 10 to 15 dB around 2.5 kHz, and the loudspeaker it was measured with. One
    filter of minimum phase makes the mean power over all directions the same at every frequency; differences between
    directions and between ears stay as they are (Moller, "Fundamentals of binaural technology", Applied Acoustics 36,
    1992, section 5).

    Args:
        directions: (N, 2) azimuth and elevation in degrees.
        responses: (N, 2, K) of the two ears.

    Returns:
        (N, 2, 2 K).
    """
    taps = responses.shape[-1]
    size = 1 << ceil(log2(max(8 * taps, 1024)))
    spectrum = torch.fft.rfft(responses.double(), size)
    weights = sphere_weights(directions.double())
    mean = torch.einsum("n,nef->f", weights, spectrum.abs().square()).sqrt()
    wanted = -mean.clamp(min=_DEEPEST * float(mean.max())).log()
    fold = torch.zeros(size, dtype=torch.float64)  # the folded cepstrum has the same magnitude and minimum phase
    fold[0] = fold[size // 2] = 1
    fold[1 : size // 2] = 2
    filter_ = torch.fft.rfft(torch.fft.irfft(wanted - wanted.mean(), size) * fold).exp()
    equalised: Tensor = torch.fft.irfft(spectrum * filter_, size)[..., : 2 * taps]
    return equalised.to(responses.dtype)

"""Dry mono sound, a direction at every moment, and a head: the sound at both ears."""

from itertools import pairwise

import numpy as np

from ccstereo.scenes.acoustics.hrir import HRIRSet


def convolve_pair(dry: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Convolve a mono signal with a pair of impulse responses.

    Args:
        dry: (T,) samples.
        response: (2, K) impulse responses, left ear first.

    Returns:
        (2, T + K - 1) float32.
    """
    length = dry.shape[-1] + response.shape[-1] - 1
    size = fast_size(length)
    spectrum = np.fft.rfft(dry, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(spectrum, size)[..., :length], dtype=np.float32)


def spatialize(dry: np.ndarray, azimuths: np.ndarray, hrirs: HRIRSet, block: float = 0.02) -> np.ndarray:
    """Render a sound that moves: every block through the response of its own direction, cross-faded.

    Args:
        dry: (T,) mono samples at the rate of `hrirs`.
        azimuths: (M,) azimuth in degrees, positive to the left, at M evenly spaced moments from the first
            sample to the last; one value is a sound that stands still.
        hrirs: the head.
        block: seconds between two directions of a moving sound.

    Returns:
        (2, T) float32; the tail of the last response is cut, so that the sound keeps its length.
    """
    samples = dry.shape[-1]
    if len(azimuths) == 1 or np.ptp(azimuths) == 0:
        return convolve_pair(dry, hrirs.nearest(float(azimuths[0])))[:, :samples]
    hop = max(1, round(block * hrirs.sample_rate))
    starts = np.arange(-hop, samples, hop)
    centres = np.clip((starts + hop) / max(1, samples - 1), 0.0, 1.0)
    tracks = np.interp(centres, np.linspace(0.0, 1.0, len(azimuths)), azimuths)
    nearest = np.array([hrirs.nearest_index(float(azimuth)) for azimuth in tracks])
    out = np.zeros((2, samples + hrirs.responses.shape[-1] - 1), dtype=np.float32)
    position = np.arange(samples)
    knots = starts + hop
    # Neighbouring blocks of one direction are one convolution: the fades between them add up to one.
    for first, last in _runs(nearest):
        fade = np.ones(last - first + 3, dtype=np.float64)
        fade[[0, -1]] = 0.0
        marks = np.concatenate([[knots[first] - hop], knots[first : last + 1], [knots[last] + hop]])
        gain = np.interp(position, marks, fade, left=0.0, right=0.0)
        lo, hi = max(0, int(marks[0])), min(samples, int(marks[-1]))
        if hi > lo:
            wet = convolve_pair(dry[lo:hi] * gain[lo:hi], hrirs.responses[nearest[first]])
            out[:, lo : lo + wet.shape[-1]] += wet
    return out[:, :samples]


def _runs(values: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(values)) + 1
    bounds = np.concatenate([[0], edges, [len(values)]])
    return [(int(a), int(b) - 1) for a, b in pairwise(bounds)]


def fast_size(length: int) -> int:
    """Smallest 2^a 3^b 5^c that is at least `length`: sizes whose transform is fast."""
    best = 1 << (length - 1).bit_length()
    power5 = 1
    while power5 < best:
        power35 = power5
        while power35 < best:
            size = power35
            while size < length:
                size *= 2
            best = min(best, size)
            power35 *= 3
        power5 *= 5
    return best

"""A mono sound and its direction at every moment: the sound at both ears of a head, or in ambisonics."""

from itertools import pairwise

import numpy as np
import torch

from ccstereo.audio.ambisonics import harmonics
from ccstereo.scenes.acoustics.hrir import HRIRSet


def spatialize(
    dry: np.ndarray, azimuths: np.ndarray, hrirs: HRIRSet, block: float = 0.02, elevation: float = 0.0
) -> np.ndarray:
    """Render a sound that moves: every block through the response of its own direction, cross-faded.

    Args:
        dry: (T,) mono samples at the rate of `hrirs`.
        azimuths: (M,) azimuth in degrees, positive to the left, at M evenly spaced moments from the first
            sample to the last; one value is a sound that stands still.
        hrirs: the head.
        block: seconds between two directions of a moving sound.
        elevation: degrees, positive upwards.

    Returns:
        (2, T) float32; the tail of the last response is cut, so that the sound keeps its length.
    """
    samples = dry.shape[-1]
    if len(azimuths) == 1 or np.ptp(azimuths) == 0:
        return hrirs.render(dry, hrirs.nearest_index(float(azimuths[0]), elevation))[:, :samples]
    hop = max(1, round(block * hrirs.sample_rate))
    starts = np.arange(-hop, samples, hop)
    centres = np.clip((starts + hop) / max(1, samples - 1), 0.0, 1.0)
    tracks = np.interp(centres, np.linspace(0.0, 1.0, len(azimuths)), azimuths)
    nearest = hrirs.nearest_indices(tracks, elevation)
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
            wet = hrirs.render(dry[lo:hi] * gain[lo:hi], int(nearest[first]))
            out[:, lo : lo + wet.shape[-1]] += wet
    return out[:, :samples]


def spatialize_foa(dry: np.ndarray, azimuths: np.ndarray, elevation: float = 0.0) -> np.ndarray:
    """Encode (T,) mono samples that may move in first-order ambisonics, as a plane wave: (4, T) float32 W, Y, Z, X.

    Azimuths (M,) are as in `spatialize`, but between two of them the source moves evenly.
    """
    steps = 1 if len(azimuths) == 1 else len(dry)
    path = np.interp(np.linspace(0, 1, steps), np.linspace(0, 1, len(azimuths)), azimuths)
    directions = torch.from_numpy(np.stack([path, np.full_like(path, elevation)], axis=-1))
    return np.asarray((harmonics(directions).T * torch.from_numpy(dry)).float().numpy())


def _runs(values: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(values)) + 1
    bounds = np.concatenate([[0], edges, [len(values)]])
    return [(int(a), int(b) - 1) for a, b in pairwise(bounds)]

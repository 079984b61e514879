"""Scenes of PseudoBinaural: sources anywhere in the frame, above and below the horizon too.

X. Xu, H. Zhou, Z. Liu, B. Dai, X. Wang, D. Lin, "Visually Informed Binaural Audio Generation without Binaural Audios",
CVPR 2021, and its code.
"""

from itertools import pairwise

import numpy as np

from ccstereo.errors import DatasetError
from ccstereo.scenes.material import Material
from ccstereo.scenes.placement.stage import random_view
from ccstereo.scenes.scene import WHOLE, Scene, Source

SOURCES = (0.4, 0.5, 0.1)  # how often a scene has one, two and three sources
CANVAS_ASPECT = 16 / 9  # of the canvas, 640x360, which is squeezed to 2:1 as videos are
VERTICAL_FIELD_OF_VIEW = 90.0
SIZES = (0.4, 0.8)  # of the largest patch that fits into the canvas's height and half its width


def sample_pseudobinaural_scene(material: Material, seed: int, *, duration: float = 10.0, sources: int = 1) -> Scene:
    """Place sources anywhere, but not above each other; one that finds no room is skipped.

    Azimuths reach from 60 degrees at the left edge of the frame to -60, elevations from 45 at its top to -45. Each
    sound has the same RMS, wherever and however large its patch is. Classes differ. The same seed and material give the
    same scene, of `duration` seconds.

    Raises:
        DatasetError: there are not enough classes.
    """
    if not 1 <= sources <= len(material.labels):
        raise DatasetError(f"a scene of {sources} sources from {len(material.labels)} classes")
    rng = np.random.default_rng(seed)
    background = int(rng.integers(len(material.backgrounds)))
    view = random_view(material.backgrounds[background], 0.7, rng)
    placed: list[Source] = []
    for label in rng.choice(material.labels, sources, replace=False).tolist():
        photo, sound = (int(rng.integers(len(files[label]))) for files in (material.photos, material.sounds))
        photo_height, photo_width = material.photos[label][photo].shape[-3:-1]
        aspect = photo_width / photo_height
        height = min(1.0, CANVAS_ASPECT / 2 / aspect) * float(rng.uniform(*SIZES))
        width = height * aspect / CANVAS_ASPECT
        left = _free_place(width, [(s.path[0] - s.width / 2, s.path[0] + s.width / 2) for s in placed], rng)
        if left is None:
            break
        y = float(rng.uniform(height / 2, 1 - height / 2))
        placed.append(
            Source(
                label=label,
                photo=photo,
                sound=sound,
                height=height,
                width=width,
                path=(left + width / 2,),
                y=y,
                view=WHOLE,
                mirrored=False,
                offset=_offset(material.sounds[label][sound], duration, material.sample_rate, rng),
                gain=1.0,
                elevation=(0.5 - y) * VERTICAL_FIELD_OF_VIEW,
            )
        )
    return Scene(seed, duration, background, view, tuple(sorted(placed, key=lambda source: source.path[0])))


def _offset(recording: np.ndarray, duration: float, sample_rate: int, rng: np.random.Generator) -> float:
    """Seconds into a recording from where it is not much quieter than on the whole; anywhere where it is repeated."""
    samples = round(duration * sample_rate)
    if len(recording) <= samples:
        return int(rng.integers(len(recording))) / sample_rate
    energy = np.concatenate([[0.0], np.cumsum(np.square(recording, dtype=np.float64))])
    starts = np.arange(0, len(recording) - samples + 1, sample_rate // 10)
    power = (energy[starts + samples] - energy[starts]) / samples
    return int(rng.choice(starts[power >= 0.25 * min(energy[-1] / len(recording), power.max())])) / sample_rate


def _free_place(width: float, taken: list[tuple[float, float]], rng: np.random.Generator) -> float | None:
    """Left edge of a patch that overlaps none, evenly from all there are; None where there is none."""
    marks = sorted([(0.0, 0.0), *taken, (1.0, 1.0)])
    gaps = [(a[1], b[0] - width) for a, b in pairwise(marks) if b[0] - width > a[1]]
    if not gaps:
        return None
    lengths = np.array([high - low for low, high in gaps])
    low, high = gaps[int(rng.choice(len(gaps), p=lengths / lengths.sum()))]
    return float(rng.uniform(low, high))

"""Who stands where in a clip: PseudoBinaural's way of putting scenes together, and the stage's.

PseudoBinaural: X. Xu, H. Zhou, Z. Liu, B. Dai, X. Wang, D. Lin, "Visually Informed Binaural Audio Generation without
Binaural Audios", CVPR 2021, and its code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ccstereo.datasets.prepared.format import SAMPLE_RATE
from ccstereo.datasets.stage import SceneMix
from ccstereo.errors import DatasetError
from ccstereo.scenes import Material, dry_sound, sample_scene
from ccstereo.scenes.geometry import azimuth_of

RecipeName = Literal["pseudobinaural", "stage"]
SOURCE_SHARES: dict[RecipeName, tuple[float, float, float]] = {
    "pseudobinaural": (0.4, 0.5, 0.1),
    "stage": SceneMix().sources,
}  # how often one, two and three sources are drawn
SOURCE_RMS = 0.1
LEAST_RMS = 1e-4  # sound below is not brought up further, as in the released code
CANVAS_ASPECT = 16 / 9  # of the canvas, 640x360, which is squeezed to 2:1 as videos are
VERTICAL_FIELD_OF_VIEW = 90.0
SIZES = (0.4, 0.8)  # of the largest patch that fits into the canvas's height and half its width
FADE = 0.005  # seconds at the ends of a sound that is repeated, so that the joint does not click


@dataclass(frozen=True)
class Role:
    """A source before it has a place: a class, what it shows, and the sound it makes."""

    label: str
    photo: Path
    sound: Path


@dataclass(frozen=True)
class Act:
    """A source in its place.

    Attributes:
        role: what it is.
        path: horizontal positions of the patch's centre in frame widths, evenly spaced over the clip; one stands still.
        y: vertical position of the centre in frame heights.
        width, height: of the patch, in frame widths and heights.
        mirrored: whether its picture is flipped left to right.
        azimuths: degrees, positive to the left, one for each of `path`.
        elevation: degrees, positive upwards, from which it is heard.
        dry: (T,) its sound, zeros where it is pictured but silent.
        sound_start: seconds of its sound file at which the clip begins.
    """

    role: Role
    path: tuple[float, ...]
    y: float
    width: float
    height: float
    mirrored: bool
    azimuths: tuple[float, ...]
    elevation: float
    dry: NDArray[np.float32]
    sound_start: float

    def x(self, phase: float) -> float:
        """Centre in frame widths at a moment, `phase` going from 0 to 1 over the clip."""
        return float(np.interp(phase, np.linspace(0.0, 1.0, len(self.path)), self.path))


def pseudobinaural_acts(
    roles: Sequence[Role],
    aspects: Sequence[float],
    sounds: Sequence[NDArray[np.float32]],
    samples: int,
    rng: np.random.Generator,
) -> list[Act]:
    """Place sources as PseudoBinaural does: anywhere, but not above each other; one that finds no room is left out.

    Azimuths reach from 60 degrees at the left edge of the picture to -60, elevations from 45 at its top to -45. Each
    sound has an RMS of 0.1, wherever and however large its patch is.

    Args:
        roles: the sources wanted.
        aspects: width over height of their pictures.
        sounds: their recordings, (L,) at 16 kHz.
        samples: T, of the clip.
        rng: decides.

    Returns:
        At least one act.
    """
    acts: list[Act] = []
    taken: list[tuple[float, float]] = []
    for role, aspect, sound in zip(roles, aspects, sounds, strict=True):
        height = min(1.0, CANVAS_ASPECT / 2 / aspect) * float(rng.uniform(*SIZES))
        width = height * aspect / CANVAS_ASPECT
        left = _free_place(width, taken, rng)
        if left is None:
            break
        taken.append((left, left + width))
        x, y = left + width / 2, float(rng.uniform(height / 2, 1 - height / 2))
        dry, start = excerpt(sound, samples, rng)
        level = max(float(np.sqrt(np.square(dry, dtype=np.float64).mean())), LEAST_RMS)
        dry = (dry * (SOURCE_RMS / level)).astype(np.float32)
        elevation = (0.5 - y) * VERTICAL_FIELD_OF_VIEW
        acts.append(Act(role, (x,), y, width, height, False, (azimuth_of(x),), elevation, dry, start))
    return acts


def stage_acts(
    roles: Sequence[Role],
    pictures: Sequence[Image.Image],
    sounds: Sequence[NDArray[np.float32]],
    samples: int,
    rng: np.random.Generator,
    mix: SceneMix = SceneMix(),  # noqa: B008 - frozen
) -> list[Act]:
    """Place sources as `ccstereo.scenes` does for training: some move, some are silent, levels differ by up to 6 dB.

    Args:
        roles: the sources wanted, of different classes; the last are left out where not all have room.
        pictures: what they show, for its shape.
        sounds: their recordings, (L,) at 16 kHz.
        samples: T, of the clip.
        rng: decides.
        mix: how often scenes move and sources are silent.

    Returns:
        At least one act, from left to right, heard on the horizontal plane.

    Raises:
        DatasetError: not even the first one fits.
    """
    seed, silent, moving = int(rng.integers(2**63)), rng.random() < mix.silent, bool(rng.random() < mix.moving)
    duration = samples / SAMPLE_RATE
    for count in range(len(roles), 0, -1):
        material = Material(
            "clip",
            {r.label: (np.asarray(p.convert("RGB")),) for r, p in zip(roles[:count], pictures, strict=False)},
            {r.label: (sound,) for r, sound in zip(roles[:count], sounds, strict=False)},
            (np.zeros((2, 4, 3), np.uint8),),
            SAMPLE_RATE,
        )
        try:
            scene = sample_scene(
                material,
                seed,
                duration=duration,
                sources=count,
                silent=count - 1 if silent else 0,
                moving=moving,
                min_azimuth=mix.min_azimuth,
            )
            break
        except DatasetError:  # no room for so many
            if count == 1:
                raise
    by_label = {role.label: role for role in roles}
    return [
        Act(
            role=by_label[source.label],
            path=source.path,
            y=source.y,
            width=source.width,
            height=source.height,
            mirrored=source.mirrored,
            azimuths=tuple(float(a) for a in source.azimuths),
            elevation=0.0,
            dry=dry_sound(source, material, duration),
            sound_start=source.offset,
        )
        for source in scene.sources
    ]


def excerpt(sound: NDArray[np.float32], samples: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], float]:
    """Cut a stretch out of a sound, none that is much quieter than the rest of it; a short sound is repeated.

    Args:
        sound: (L,) at 16 kHz.
        samples: T.
        rng: decides where.

    Returns:
        (T,), and the seconds of the sound at which it begins.
    """
    if len(sound) <= samples:
        ramp = np.minimum(1.0, np.arange(1, len(sound) + 1) / (FADE * SAMPLE_RATE))
        start = int(rng.integers(len(sound)))
        return np.resize(np.roll(sound * (ramp * ramp[::-1]).astype(np.float32), -start), samples), start / SAMPLE_RATE
    block = SAMPLE_RATE // 10
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    starts = np.arange(0, len(sound) - samples + 1, block)
    power = (energy[starts + samples] - energy[starts]) / samples
    start = int(rng.choice(starts[power >= 0.25 * min(energy[-1] / len(sound), power.max())]))
    return sound[start : start + samples], start / SAMPLE_RATE


def _free_place(width: float, taken: list[tuple[float, float]], rng: np.random.Generator) -> float | None:
    """Left edge of a patch that overlaps none, evenly drawn from all there are; None where there is none."""
    marks = sorted([(0.0, 0.0), *taken, (1.0, 1.0)])
    gaps = [(a[1], b[0] - width) for a, b in pairwise(marks) if b[0] - width > a[1]]
    if not gaps:
        return None
    lengths = np.array([high - low for low, high in gaps])
    low, high = gaps[int(rng.choice(len(gaps), p=lengths / lengths.sum()))]
    return float(rng.uniform(low, high))

"""Scenes of the stage: random sources side by side, as training and the benchmark have them.

What a seed means depends on the order of the random numbers: results are comparable only as long as it stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccstereo.errors import DatasetError
from ccstereo.scenes.augmentation import NO_EFFECT, AudioAugmentation, sample_audio_effect
from ccstereo.scenes.geometry import FIELD_OF_VIEW, position_of
from ccstereo.scenes.material import Material
from ccstereo.scenes.scene import WHOLE, Box, Noise, Scene, Source

HEIGHTS = (0.35, 0.75)  # of a patch, in frame heights
FRAME_ASPECT = 2.0
LEG_SECONDS = 2.0  # between two points of a moving source's path
OUT_OF_VIEW = 10.0  # degrees beyond the frame's edges at which sources out of view begin
NOISE_DECIBELS = (-40.0, -6.0)  # of a source's level


@dataclass(frozen=True)
class SceneMix:
    """How often scenes are of which kind, as probabilities.

    Attributes:
        sources: of one, two and three sources.
        silent: that all sources but one are silent.
        moving: that the sources move.
        min_azimuth: degrees that sounding sources keep from the middle.
        same_class: that all sources are of one class, of which one sounds.
        offscreen: that nothing in view sounds, but one or two sources of other classes out of view.
        bed: that up to three sources of other classes sound out of view under those in view, as music does.
        noise: that there is noise.

    Raises:
        DatasetError: a value is out of range.
    """

    sources: tuple[float, float, float] = (0.45, 0.45, 0.1)
    silent: float = 0.2
    moving: float = 0.15
    min_azimuth: float = 0.0
    same_class: float = 0.0
    offscreen: float = 0.0
    bed: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if len(self.sources) != 3 or not min(self.sources) >= 0 or not abs(sum(self.sources) - 1) < 1e-6:
            raise DatasetError(f"sources are three probabilities that add up to 1, not {list(self.sources)}")
        for name in ("silent", "moving", "same_class", "offscreen", "bed", "noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise DatasetError(f"{name} is a probability, 0 to 1, not {getattr(self, name):g}")
        if not 0 <= self.min_azimuth < FIELD_OF_VIEW / 2:
            raise DatasetError(f"min_azimuth is 0 to {FIELD_OF_VIEW / 2:g} degrees, not {self.min_azimuth:g}")


def sample_scene(
    material: Material,
    seed: int,
    *,
    duration: float = 10.0,
    sources: int = 1,
    silent: int = 0,
    moving: bool = False,
    min_azimuth: float = 0.0,
    same_class: bool = False,
    augmentation: AudioAugmentation | None = None,
) -> Scene:
    """Place random sources side by side.

    Args:
        material: photos, sounds and backgrounds.
        seed: the same seed and material give the same scene.
        duration: seconds.
        sources: number of sources, 1 to 3.
        silent: how many of them make no sound.
        moving: whether they wander within their part of the frame, to another place every two seconds or so.
        min_azimuth: degrees that every sounding source keeps from the middle.
        same_class: whether they are all of one class; else they are of different ones.
        augmentation: of the sounds, for training; photos are cut and stretched at random then, too.

    Raises:
        DatasetError: so many sources do not fit, or there are not enough classes.
    """
    labels = material.labels
    if not 1 <= sources <= 3 or not 0 <= silent <= sources or sources > len(labels):
        raise DatasetError(f"a scene of {sources} sources, {silent} of them silent, from {len(labels)} classes")
    rng = np.random.default_rng(seed)
    background = int(rng.integers(len(material.backgrounds)))
    view = random_view(material.backgrounds[background], 0.4 if augmentation else 0.7, rng)
    chosen = [str(label) for label in rng.choice(labels, sources, replace=False)]
    chosen = chosen[:1] * sources if same_class else chosen
    points = max(2, round(duration / LEG_SECONDS) + 1) if moving else 1
    for squeezed in [False] * 100 + [True] * 100:  # wide photos hardly ever fit far from the middle by chance alone
        wanted = [
            _sample_source(material, label, i >= silent, points, augmentation, rng) for i, label in enumerate(chosen)
        ]
        placed = _place(_narrowed(wanted, least=squeezed), min_azimuth, rng, by_side=moving or squeezed)
        if placed is not None:
            break
    else:
        raise DatasetError(f"no room for {sources} sources beyond {min_azimuth} degrees")
    return Scene(seed, duration, background, view, tuple(sorted(placed, key=lambda source: source.path[0])))


def resample_sounds(
    scene: Scene, material: Material, silent: int, rng: np.random.Generator, augmentation: AudioAugmentation | None
) -> Scene:
    """Give a scene other sounds of the same classes; `silent` of its sources, chosen at random, make none."""
    mute = set(rng.permutation(len(scene.sources))[:silent].tolist())
    sources = []
    for index, source in enumerate(scene.sources):
        sound, offset = _sample_sound(material, source.label, rng)
        changes = {"sound": None if index in mute else sound, "offset": offset, **_sample_loudness(augmentation, rng)}
        sources.append(replace(source, **changes))
    return replace(scene, sources=tuple(sources))


def with_offscreen(
    scene: Scene,
    material: Material,
    count: int,
    rng: np.random.Generator,
    *,
    decibels: tuple[float, float] = (-3.0, 3.0),
    augmentation: AudioAugmentation | None = None,
) -> Scene:
    """Add sources out of view, on either side or behind, of classes that are not in view; none where there are none.

    Args:
        scene: in view.
        material: that it was sampled from.
        count: number of sources, of different classes where there are so many.
        rng: random numbers.
        decibels: least and greatest level of all of them together.
        augmentation: of their sounds.
    """
    labels = sorted(set(material.labels) - {source.label for source in scene.sources})
    added = []
    for label in rng.permutation(labels)[:count].tolist():
        sound, offset = _sample_sound(material, label, rng)
        azimuth = float(rng.uniform(FIELD_OF_VIEW / 2 + OUT_OF_VIEW, 180)) * (1 if rng.random() < 0.5 else -1)
        gain = float(10 ** (rng.uniform(*decibels) / 20)) / np.sqrt(count)
        effect = sample_audio_effect(augmentation, rng) if augmentation else NO_EFFECT
        path = (position_of(azimuth),)
        added.append(Source(label, 0, sound, 0.0, 0.0, path, 0.5, WHOLE, False, offset, gain, effect))
    return replace(scene, offscreen=tuple(added))


def silenced(scene: Scene) -> Scene:
    """A scene in which nothing in view sounds."""
    return replace(scene, sources=tuple(replace(source, sound=None) for source in scene.sources))


def sample_noise(rng: np.random.Generator) -> Noise:
    """Choose noise, white to brown, from hardly audible to half as loud as a source."""
    gain = 10 ** (rng.uniform(*NOISE_DECIBELS) / 20)
    return Noise(int(rng.integers(2**31)), float(gain), float(rng.uniform(0, 6)))


def delayed(scene: Scene, seconds: Sequence[float], offscreen: float = 0.0) -> Scene:
    """Let what began the scene in each source's sound come so many seconds later; what comes before it begins then.

    Sources out of view are `offscreen` seconds later, all of them.
    """
    later = [*seconds, *[offscreen] * len(scene.offscreen)]
    moved = [
        replace(source, offset=source.offset - time * source.effect.speed)
        for source, time in zip((*scene.sources, *scene.offscreen), later, strict=True)
    ]
    count = len(scene.sources)
    return replace(scene, sources=tuple(moved[:count]), offscreen=tuple(moved[count:]))


def loud_offset(recording: np.ndarray, sample_rate: int, rng: np.random.Generator) -> float:
    """Seconds into a recording from where half a second is not quiet, so that short scenes are rarely silent."""
    block = sample_rate // 50
    count = len(recording) // block
    if count <= 25:
        return 0.0
    power = np.square(recording[: count * block]).reshape(count, block).mean(1)
    total = np.concatenate([[0.0], np.cumsum(power)])
    loud = np.flatnonzero(total[25:] - total[:-25] >= 0.25 * 25 * power.mean())
    return float(rng.choice(loud)) / 50


def _sample_source(
    material: Material,
    label: str,
    sounds: bool,
    points: int,
    augmentation: AudioAugmentation | None,
    rng: np.random.Generator,
) -> Source:
    photos = material.photos[label]
    index = int(rng.integers(len(photos)))
    sound, offset = _sample_sound(material, label, rng)
    view, stretch = (_random_box(rng), float(rng.uniform(0.8, 1.25))) if augmentation else (WHOLE, 1.0)
    photo_height, photo_width = photos[index].shape[-3:-1]
    aspect = photo_width / photo_height * (view[2] - view[0]) / (view[3] - view[1]) * stretch
    height = float(rng.uniform(*HEIGHTS))
    height = max(HEIGHTS[0], min(height, 0.8 * FRAME_ASPECT / aspect))
    return Source(
        label=label,
        photo=index,
        sound=sound if sounds else None,
        height=height,
        width=height * aspect / FRAME_ASPECT,
        path=(0.5,) * points,
        y=float(rng.uniform(height / 2, 1 - height / 2)),
        view=view,
        mirrored=bool(rng.integers(2)),
        offset=offset,
        **_sample_loudness(augmentation, rng),
    )


def _sample_sound(material: Material, label: str, rng: np.random.Generator) -> tuple[int, float]:
    """Choose a recording of a class, and the seconds into it at which a scene begins."""
    recordings = material.sounds[label]
    sound = int(rng.integers(len(recordings)))
    return sound, loud_offset(recordings[sound], material.sample_rate, rng)


def _sample_loudness(augmentation: AudioAugmentation | None, rng: np.random.Generator) -> dict[str, Any]:
    """Choose `gain` and `effect` of a source."""
    gain = float(10 ** (rng.uniform(-3, 3) / 20))
    return {"gain": gain, "effect": sample_audio_effect(augmentation, rng) if augmentation else NO_EFFECT}


def _place(
    sources: list[Source], min_azimuth: float, rng: np.random.Generator, *, by_side: bool
) -> list[Source] | None:
    """Give each source a lane of its own and a path within it, see `_path`; None where they do not fit."""
    free = 1.0 - sum(source.width for source in sources)
    if free < 0:
        return None
    margin = 0.5 - position_of(min_azimuth)
    placed = []
    edge = 0.0
    for index, fraction in zip(rng.permutation(len(sources)), rng.dirichlet(np.ones(len(sources))), strict=True):
        source = sources[index]
        low = edge + source.width / 2
        kept = 0.0 if source.sound is None else margin
        path = _path(low, low + fraction * free, len(source.path), kept, rng, by_side=by_side)
        if path is None:
            return None
        placed.append(replace(source, path=path))
        edge += source.width + fraction * free
    return placed


def _path(
    low: float, high: float, count: int, margin: float, rng: np.random.Generator, *, by_side: bool
) -> tuple[float, ...] | None:
    """Choose positions between `low` and `high`, `margin` away from the middle; None where there are none.

    `by_side` chooses the side first, and what fits then: a path that changed sides would cross the middle.
    """
    if by_side and margin > 0:
        sides = [(low, min(high, 0.5 - margin)), (max(low, 0.5 + margin), high)]
        room = np.array([max(0.0, end - start) for start, end in sides])
        if room.sum() == 0:
            return None
        low, high = sides[int(rng.choice(2, p=room / room.sum()))]
    path = tuple(float(x) for x in rng.uniform(low, high, count))
    return None if any(abs(x - 0.5) < margin for x in path) else path


def _narrowed(sources: list[Source], *, least: bool) -> list[Source]:
    """Shrink sources that together are wider than the frame, none below the least height; or all of them to it."""
    factor = 0.0 if least else min(1.0, 0.95 / sum(source.width for source in sources))
    heights = [max(HEIGHTS[0], source.height * factor) for source in sources]
    return [
        replace(source, height=height, width=source.width * height / source.height)
        for source, height in zip(sources, heights, strict=True)
    ]


def _random_box(rng: np.random.Generator) -> Box:
    """At least 70 % of a photo's width and height."""
    left, top = rng.uniform(0, 0.15, 2)
    right, bottom = rng.uniform(0.85, 1, 2)
    return float(left), float(top), float(right), float(bottom)


def random_view(background: np.ndarray, least: float, rng: np.random.Generator) -> Box:
    """Part of a background shown: the frame's shape, as large as fits times a random zoom, anywhere."""
    aspect = background.shape[1] / background.shape[0]
    zoom = float(rng.uniform(least, 1.0))
    width, height = (1.0, aspect / FRAME_ASPECT) if aspect < FRAME_ASPECT else (FRAME_ASPECT / aspect, 1.0)
    width, height = width * zoom, height * zoom
    left, top = float(rng.uniform(0, 1 - width)), float(rng.uniform(0, 1 - height))
    return left, top, left + width, top + height

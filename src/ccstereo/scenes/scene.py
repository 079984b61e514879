"""A simulated scene: pictured sources on a background, with the truth of where each one is heard.

"Only what is pictured sounds" (the stage of DESIGN): every sound has its picture, but a picture may be silent.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccstereo.errors import DatasetError
from ccstereo.scenes.acoustics.hrir import HRIRSet
from ccstereo.scenes.acoustics.spatialize import spatialize
from ccstereo.scenes.augmentation import (
    NO_EFFECT,
    AudioAugmentation,
    AudioEffect,
    loud_offset,
    played,
    rms,
    sample_audio_effect,
)
from ccstereo.scenes.geometry import azimuth_of, position_of
from ccstereo.scenes.material import Material

SOURCE_RMS = 0.1
HEIGHTS = (0.35, 0.75)  # of a patch, in frame heights
FRAME_ASPECT = 2.0
LEG_SECONDS = 2.0  # between two points of a moving source's path
Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Source:
    """One pictured source.

    Attributes:
        label: class.
        photo: index of its photo in the material's class.
        sound: index of its sound, or None when it is silent.
        height: of the patch, in frame heights.
        width: of the patch, in frame widths.
        path: horizontal positions of the patch's centre in frame widths, evenly spaced over the scene;
            one value stands still.
        y: vertical position of the centre in frame heights.
        view: left, top, right, bottom of the picture shown, in its widths and heights.
        mirrored: whether the picture is flipped left to right.
        offset: seconds into the sound at which the scene begins.
        gain: linear factor on `SOURCE_RMS`.
        playing: how the recording is played.
    """

    label: str
    photo: int
    sound: int | None
    height: float
    width: float
    path: tuple[float, ...]
    y: float
    view: Box
    mirrored: bool
    offset: float
    gain: float
    playing: AudioEffect = NO_EFFECT

    def x(self, phase: float) -> float:
        """Centre in frame widths at a moment, `phase` going from 0 to 1 over the scene."""
        return float(np.interp(phase, np.linspace(0.0, 1.0, len(self.path)), self.path))

    @property
    def azimuths(self) -> np.ndarray:
        """(M,) azimuth in degrees along the path, positive to the left."""
        return np.array([azimuth_of(x) for x in self.path])


@dataclass(frozen=True)
class Scene:
    """A scene that its seed makes again from the same material.

    Attributes:
        seed: of `sample_scene`.
        duration: seconds.
        background: index in the material.
        view: left, top, right, bottom of the background shown, in its widths and heights.
        sources: from left to right at the start.
    """

    seed: int
    duration: float
    background: int
    view: Box
    sources: tuple[Source, ...]

    @property
    def sounding(self) -> tuple[Source, ...]:
        """The sources that are not silent."""
        return tuple(source for source in self.sources if source.sound is not None)

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return all(len(source.path) == 1 for source in self.sources)


def sample_scene(
    material: Material,
    seed: int,
    *,
    duration: float = 10.0,
    sources: int = 1,
    silent: int = 0,
    moving: bool = False,
    distinct: bool = True,
    min_azimuth: float = 0.0,
    vary: AudioAugmentation | None = None,
) -> Scene:
    """Draw a scene.

    Args:
        material: pictures, sounds and backgrounds.
        seed: the same seed and material give the same scene.
        duration: seconds.
        sources: number of pictured sources, 1 to 3.
        silent: how many of them make no sound.
        moving: whether they wander within their part of the picture, to another place every two seconds or so.
        distinct: whether their classes all differ.
        min_azimuth: degrees that every sounding source keeps from the middle.
        vary: how differently recordings are played, for training; pictures are cut and stretched at random then, too.

    Raises:
        DatasetError: so many sources do not fit, or there are not enough classes.
    """
    labels = material.labels
    if not 1 <= sources <= 3 or not 0 <= silent <= sources or (distinct and sources > len(labels)):
        raise DatasetError(f"a scene of {sources} sources, {silent} of them silent, from {len(labels)} classes")
    rng = np.random.default_rng(seed)
    background = int(rng.integers(len(material.backgrounds)))
    view = _random_view(material.backgrounds[background], 0.4 if vary else 0.7, rng)
    chosen = [str(label) for label in rng.choice(labels, sources, replace=not distinct)]
    points = max(2, round(duration / LEG_SECONDS) + 1) if moving else 1
    for squeezed in [False] * 100 + [True] * 100:  # wide pictures hardly ever fit far from the middle by chance alone
        drawn = [_sample_source(material, label, i >= silent, points, vary, rng) for i, label in enumerate(chosen)]
        placed = _place(_narrowed(drawn, least=squeezed), min_azimuth, rng, by_side=moving or squeezed)
        if placed is not None:
            break
    else:
        raise DatasetError(f"no room for {sources} sources beyond {min_azimuth} degrees")
    return Scene(seed, duration, background, view, tuple(sorted(placed, key=lambda source: source.path[0])))


def redraw_sounds(
    scene: Scene, material: Material, silent: int, rng: np.random.Generator, vary: AudioAugmentation | None
) -> Scene:
    """Give a scene other sounds of the same classes; `silent` of its sources, drawn anew, make none."""
    mute = set(rng.permutation(len(scene.sources))[:silent].tolist())
    sources = []
    for index, source in enumerate(scene.sources):
        sound, offset = _sample_recording(material, source.label, rng)
        heard = None if index in mute else sound
        sources.append(replace(source, sound=heard, offset=offset, **_sample_playing(vary, rng)))
    return replace(scene, sources=tuple(sources))


def begun_earlier(scene: Scene, index: int, seconds: float) -> Scene:
    """Let one source's recording begin so much earlier that what began the scene is heard `seconds` into it."""
    source = scene.sources[index]
    earlier = replace(source, offset=source.offset - seconds * source.playing.speed)
    return replace(scene, sources=(*scene.sources[:index], earlier, *scene.sources[index + 1 :]))


def dry_sound(source: Source, material: Material, duration: float) -> np.ndarray:
    """Return the mono sound of a source over the scene, (T,) float32: its recording, repeated as long as needed."""
    samples = round(duration * material.sample_rate)
    if source.sound is None:
        return np.zeros(samples, dtype=np.float32)
    recording = material.sounds[source.label][source.sound]
    rate = material.sample_rate
    track = played(recording, samples, source.offset * rate, source.playing, rate)
    level = max(rms(track), 1e-4)
    return (track * (SOURCE_RMS * source.gain / level)).astype(np.float32)


def render_sources(scene: Scene, material: Material, hrirs: HRIRSet) -> np.ndarray:
    """Render each source alone at both ears, dry (no room): (S, 2, T) float32; their sum is the scene's sound."""
    return np.stack(
        [spatialize(dry_sound(source, material, scene.duration), source.azimuths, hrirs) for source in scene.sources]
    )


def _sample_source(
    material: Material, label: str, sounds: bool, points: int, vary: AudioAugmentation | None, rng: np.random.Generator
) -> Source:
    pictures = material.photos[label]
    index = int(rng.integers(len(pictures)))
    sound, offset = _sample_recording(material, label, rng)
    view, stretch = (_random_box(rng), float(rng.uniform(0.8, 1.25))) if vary else (WHOLE, 1.0)
    aspect = pictures[index].shape[1] / pictures[index].shape[0] * (view[2] - view[0]) / (view[3] - view[1]) * stretch
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
        **_sample_playing(vary, rng),
    )


def _sample_recording(material: Material, label: str, rng: np.random.Generator) -> tuple[int, float]:
    """Draw a recording of a class, and the seconds into it at which a scene begins."""
    recordings = material.sounds[label]
    sound = int(rng.integers(len(recordings)))
    return sound, loud_offset(recordings[sound], material.sample_rate, rng)


def _sample_playing(vary: AudioAugmentation | None, rng: np.random.Generator) -> dict[str, Any]:
    """Draw how loud and how differently a recording is played: the fields of `Source` from `gain` on."""
    gain = float(10 ** (rng.uniform(-3, 3) / 20))
    return {"gain": gain, "playing": sample_audio_effect(vary, rng) if vary else NO_EFFECT}


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
    for index, share in zip(rng.permutation(len(sources)), rng.dirichlet(np.ones(len(sources))), strict=True):
        source = sources[index]
        low = edge + source.width / 2
        kept = 0.0 if source.sound is None else margin
        path = _path(low, low + share * free, len(source.path), kept, rng, by_side=by_side)
        if path is None:
            return None
        placed.append(replace(source, path=path))
        edge += source.width + share * free
    return placed


def _path(
    low: float, high: float, count: int, margin: float, rng: np.random.Generator, *, by_side: bool
) -> tuple[float, ...] | None:
    """Draw positions between `low` and `high`, `margin` away from the middle; None where there are none.

    `by_side` draws the side first, and what fits then: a path that changed sides would cross the middle.
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
    """At least 70 % of a picture's width and height."""
    left, top = rng.uniform(0, 0.15, 2)
    right, bottom = rng.uniform(0.85, 1, 2)
    return float(left), float(top), float(right), float(bottom)


def _random_view(background: np.ndarray, least: float, rng: np.random.Generator) -> Box:
    """Part of a background shown: the frame's shape, as large as fits times a random zoom, anywhere."""
    aspect = background.shape[1] / background.shape[0]
    zoom = float(rng.uniform(least, 1.0))
    width, height = (1.0, aspect / FRAME_ASPECT) if aspect < FRAME_ASPECT else (FRAME_ASPECT / aspect, 1.0)
    width, height = width * zoom, height * zoom
    left, top = float(rng.uniform(0, 1 - width)), float(rng.uniform(0, 1 - height))
    return left, top, left + width, top + height

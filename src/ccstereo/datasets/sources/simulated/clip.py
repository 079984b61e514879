"""One clip: a pure function of the recipe, the clip's number and the files it is made of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ccstereo.datasets.prepared.build import Source
from ccstereo.datasets.prepared.format import FRAME_RATE, SAMPLE_RATE, Clip, encode_jpeg, frame_count
from ccstereo.datasets.sources.simulated.inputs import read_sound
from ccstereo.datasets.sources.simulated.patches import read_patch
from ccstereo.errors import DatasetError
from ccstereo.scenes import Material, Scene, SceneMix, sample_pseudobinaural_scene, sample_scene
from ccstereo.scenes.acoustics.decoders import Render, load_ears
from ccstereo.scenes.material import read_photo
from ccstereo.scenes.rendering import is_still, render_frame, render_sources
from ccstereo.scenes.scene import Source as PlacedSource

RecipeName = Literal["pseudobinaural", "stage"]
MIX_RMS = 0.1  # of left plus right, as PseudoBinaural normalises its pairs
BACKGROUND_SIZE = (960, 960)  # (width, height) kept of one, of which a part is shown
EMPTY = np.zeros((240, 480, 3), np.uint8)
FADE = 0.005  # seconds at the ends of a sound that is repeated, so that the joint does not click


@dataclass(frozen=True)
class Recipe:
    """How clips are made.

    Attributes:
        name: "pseudobinaural" or "stage"; see `ccstereo.scenes.placement`.
        render: "hrir" renders each source with the nearest response, "ambisonic" by way of first-order ambisonics.
        sofa: measured head; None is a spherical one.
        legacy_rate: use the head's responses at a rate that is not theirs; see `load_ears`.
        seconds: length of a clip.
        fps: frames a second at which videos are read, at most 10.
        seed: of the set.
    """

    name: RecipeName = "pseudobinaural"
    render: Render = "hrir"
    sofa: Path | None = None
    legacy_rate: bool = False
    seconds: float = 10.0
    fps: float = FRAME_RATE
    seed: int = 0


@dataclass(frozen=True)
class Files:
    """The files of one source: its class, its photo, video or folder of frames, and its sound."""

    label: str
    photo: Path
    sound: Path


@dataclass(frozen=True)
class ClipSource(Source):
    """What a clip is made of.

    Attributes:
        number: of the clip in the set.
        split: "train", "val" or "test", whose files these are.
        wanted: files of the sources, of different classes.
        background: None is an empty one.
    """

    number: int = 0
    split: str = "train"
    wanted: tuple[Files, ...] = ()
    background: Path | None = None


def simulate_clip(source: Source, recipe: Recipe) -> Iterator[Clip]:
    """Make the clip of a `ClipSource`, whose tags hold the truth; the same arguments and files give the same one.

    Raises:
        CCStereoError, OSError: a file cannot be read.
    """
    assert isinstance(source, ClipSource)  # the workers of `prepare` take any source
    rng = np.random.default_rng([recipe.seed, source.number, 1])
    material, starts = read_material(source, recipe, rng)
    scene = sample(material, recipe, rng)
    files = {files.label: files for files in source.wanted}
    tags = {
        "split": source.split,
        "recipe": recipe.name,
        "render": recipe.render,
        "legacy_hrir_rate": recipe.legacy_rate,
        "background": source.background.name if source.background else None,
        "sources": [_truth(placed, files[placed.label], starts[placed.label]) for placed in scene.sources],
    }
    yield Clip(source.key, mix(scene, material, recipe), jpegs(scene, material), tags=tags)


def read_material(source: ClipSource, recipe: Recipe, rng: np.random.Generator) -> tuple[Material, dict[str, float]]:
    """Read the files of a clip: one photo and one sound a class; and the seconds at which video crops begin."""
    count = frame_count(round(recipe.seconds * SAMPLE_RATE))
    photos: dict[str, tuple[np.ndarray, ...]] = {}
    sounds: dict[str, tuple[np.ndarray, ...]] = {}
    starts: dict[str, float] = {}
    for files in source.wanted:
        photo, starts[files.label] = read_patch(files.photo, count, recipe.fps, float(rng.random()))
        photos[files.label] = (photo,)
        sounds[files.label] = (_repeatable(read_sound(files.sound), recipe.seconds),)
    background = EMPTY
    if source.background is not None:
        background = np.asarray(read_photo(source.background, BACKGROUND_SIZE).convert("RGB"))
    return Material("clip", photos, sounds, (background,), SAMPLE_RATE), starts


def sample(material: Material, recipe: Recipe, rng: np.random.Generator) -> Scene:
    """Place the classes of a material, or as many of them as have room.

    Raises:
        DatasetError: not even one fits.
    """
    seed, labels = int(rng.integers(2**63)), material.labels
    if recipe.name == "pseudobinaural":
        return sample_pseudobinaural_scene(material, seed, duration=recipe.seconds, sources=len(labels))
    mix = SceneMix()
    silent, moving = rng.random() < mix.silent, bool(rng.random() < mix.moving)
    for count in range(len(labels), 0, -1):
        try:
            return sample_scene(
                material,
                seed,
                duration=recipe.seconds,
                sources=count,
                silent=count - 1 if silent else 0,
                moving=moving,
                min_azimuth=mix.min_azimuth,
            )
        except DatasetError:  # no room for so many
            if count == 1:
                raise
    raise AssertionError("a clip has a source")


def mix(scene: Scene, material: Material, recipe: Recipe) -> NDArray[np.float32]:
    """Render a scene's sound (2, T); PseudoBinaural's recipe gives left plus right an RMS of 0.1."""
    sounding = replace(scene, sources=scene.sounding)
    ears = load_ears(SAMPLE_RATE, recipe.render, recipe.sofa, recipe.legacy_rate)
    sound: NDArray[np.float32] = render_sources(sounding, material, ears).sum(0)
    if recipe.name == "pseudobinaural":
        rms = float(np.sqrt(np.square(sound.sum(0), dtype=np.float64).mean()))
        sound *= np.float32(MIX_RMS / max(rms, 1e-9))
    return sound


def jpegs(scene: Scene, material: Material) -> list[bytes]:
    """Render a scene's frames as JPEG, one where nothing moves."""
    count = frame_count(round(scene.duration * SAMPLE_RATE))
    if is_still(scene, material):
        return [encode_jpeg(render_frame(scene, material))] * count
    phases = np.arange(count) / (FRAME_RATE * scene.duration)
    return [encode_jpeg(render_frame(scene, material, float(phase))) for phase in phases]


def _repeatable(sound: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
    """Fade the ends of a sound that is no longer than the clip."""
    if len(sound) > round(seconds * SAMPLE_RATE):
        return sound
    ramp = np.minimum(1.0, np.arange(1, len(sound) + 1) / (FADE * SAMPLE_RATE)).astype(np.float32)
    return sound * ramp * ramp[::-1]


def _truth(source: PlacedSource, files: Files, photo_start: float) -> dict[str, Any]:
    """Tags of a source: what, from where to where in frame and space, and out of which files."""
    return {
        "label": source.label,
        "sounds": source.sound is not None,
        "azimuth": [round(float(azimuth), 3) for azimuth in source.azimuths],
        "elevation": round(source.elevation, 3),
        "x": [round(x, 5) for x in source.path],
        "y": round(source.y, 5),
        "width": round(source.width, 5),
        "height": round(source.height, 5),
        "photo": f"{source.label}/{files.photo.name}",
        "photo_start": round(photo_start, 3),
        "sound": f"{source.label}/{files.sound.name}",
        "sound_start": round(source.offset, 4),
    }

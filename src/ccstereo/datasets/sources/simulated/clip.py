"""One clip: a pure function of the recipe, the clip's number and the files it is made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ccstereo.datasets.prepared.build import Source
from ccstereo.datasets.prepared.format import FRAME_RATE, FRAME_SIZE, SAMPLE_RATE, Clip, encode_jpeg, frame_count
from ccstereo.datasets.sources.simulated.inputs import read_sound
from ccstereo.datasets.sources.simulated.patches import read_patch, read_photo
from ccstereo.scenes.acoustics.ears import Render, make_ears
from ccstereo.scenes.placement.pseudobinaural import Act, RecipeName, Role, pseudobinaural_acts, stage_acts

MIX_RMS = 0.1  # of left plus right, as PseudoBinaural levels its pairs
EMPTY = (0, 0, 0)
BACKGROUND_SIZE = (960, 960)  # (width, height) kept of one, of which a part is shown


@dataclass(frozen=True)
class Recipe:
    """How clips are made.

    Attributes:
        name: "pseudobinaural" or "stage"; see `ccstereo.scenes.placement.pseudobinaural`.
        render: "hrir" hears each source through the nearest response, "ambisonic" by way of first-order ambisonics.
        sofa: measured head; None is a spherical one.
        legacy_rate: use the head's responses at a rate that is not theirs; see `load_head`.
        seconds: length of a clip.
        fps: pictures a second at which videos are read, at most 10.
        seed: of the set.
    """

    name: RecipeName = "pseudobinaural"
    render: Render = "hrir"
    sofa: Path | None = None
    legacy_rate: bool = False
    seconds: float = 10.0
    fps: float = FRAME_RATE
    seed: int = 0

    @property
    def samples(self) -> int:
        """Of each ear of a clip."""
        return round(self.seconds * SAMPLE_RATE)


@dataclass(frozen=True)
class ClipSource(Source):
    """What a clip is made of.

    Attributes:
        number: of the clip in the set.
        part: "train", "val" or "test", whose files these are.
        roles: the sources wanted.
        background: None is an empty one.
    """

    number: int = 0
    part: str = "train"
    roles: tuple[Role, ...] = ()
    background: Path | None = None


def simulate_clip(source: Source, recipe: Recipe) -> Iterator[Clip]:
    """Make a clip; the same arguments and files give the same one.

    Args:
        source: a `ClipSource`.
        recipe: how.

    Yields:
        The clip; its tags tell the truth.

    Raises:
        CCStereoError, OSError: a file cannot be read.
    """
    assert isinstance(source, ClipSource)  # the workers of `prepare` take any source
    rng = np.random.default_rng([recipe.seed, source.number, 1])
    count = frame_count(recipe.samples)
    patches = {r.photo: read_patch(r.photo, count, recipe.fps, float(rng.random())) for r in source.roles}
    sounds = [read_sound(role.sound) for role in source.roles]
    first = [patches[role.photo][0][0] for role in source.roles]
    if recipe.name == "stage":
        acts = stage_acts(source.roles, first, sounds, recipe.samples, rng)
    else:
        aspects = [picture.width / picture.height for picture in first]
        acts = pseudobinaural_acts(source.roles, aspects, sounds, recipe.samples, rng)
    background = draw_background(source.background, rng)
    pictures = draw(acts, {photo: shown for photo, (shown, _) in patches.items()}, background, recipe.samples)
    tags = {
        "part": source.part,
        "recipe": recipe.name,
        "render": recipe.render,
        "legacy_hrir_rate": recipe.legacy_rate,
        "background": source.background.name if source.background else None,
        "sources": [_truth(act, patches[act.role.photo][1]) for act in acts],
    }
    yield Clip(source.key, mix(acts, recipe), pictures, tags=tags)


def mix(acts: list[Act], recipe: Recipe) -> NDArray[np.float32]:
    """Render the sources and add them up: (2, T); PseudoBinaural's recipe gives left plus right an RMS of 0.1."""
    ears = make_ears(recipe.render, recipe.sofa, recipe.legacy_rate)
    sounding = [act for act in acts if act.dry.any()]
    sound = np.zeros((2, recipe.samples), np.float32)
    for act in sounding:
        sound += ears.hear(act.dry, np.array(act.azimuths), act.elevation)
    if recipe.name == "pseudobinaural":
        level = float(np.sqrt(np.square(sound.sum(0), dtype=np.float64).mean()))
        sound *= np.float32(MIX_RMS / max(level, 1e-9))
    return sound


def draw(acts: list[Act], patches: dict[Path, list[Image.Image]], background: Image.Image, samples: int) -> list[bytes]:
    """Paste what the sources show on the background: JPEG pictures of so long a clip, one where nothing moves."""
    count = frame_count(samples)
    if all(len(act.path) == 1 and len(patches[act.role.photo]) == 1 for act in acts):
        return [encode_jpeg(_frame(acts, patches, background, 0, 0.0))] * count
    times = np.arange(count) / FRAME_RATE
    return [encode_jpeg(_frame(acts, patches, background, k, t * SAMPLE_RATE / samples)) for k, t in enumerate(times)]


def draw_background(path: Path | None, rng: np.random.Generator) -> Image.Image:
    """Cut a random view of the frame's shape, at least 70 % of what fits, out of a picture; None is an empty one."""
    height, width = FRAME_SIZE
    if path is None:
        return Image.new("RGB", (width, height), EMPTY)
    picture = read_photo(path, BACKGROUND_SIZE).convert("RGB")
    scale = float(rng.uniform(0.7, 1.0)) * min(picture.width / width, picture.height / height)
    left, top = (
        float(rng.uniform(0, side - scale * size)) for side, size in zip(picture.size, (width, height), strict=True)
    )
    box = (left, top, left + scale * width, top + scale * height)
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=box)


def _frame(
    acts: list[Act], patches: dict[Path, list[Image.Image]], background: Image.Image, index: int, phase: float
) -> NDArray[np.uint8]:
    height, width = FRAME_SIZE
    canvas = background.copy()
    for act in acts:
        shown = patches[act.role.photo]
        size = (max(1, round(act.width * width)), max(1, round(act.height * height)))
        patch = shown[min(index, len(shown) - 1)].resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        if act.mirrored:
            patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        corner = (round(act.x(phase) * width - size[0] / 2), round(act.y * height - size[1] / 2))
        canvas.paste(patch, corner, patch if patch.mode == "RGBA" else None)
    return np.asarray(canvas)


def _truth(act: Act, photo_start: float) -> dict[str, Any]:
    """Tags of a source: what, from where to where in picture and space, and out of which files."""
    return {
        "label": act.role.label,
        "sounds": bool(act.dry.any()),
        "azimuth": [round(azimuth, 3) for azimuth in act.azimuths],
        "elevation": round(act.elevation, 3),
        "x": [round(x, 5) for x in act.path],
        "y": round(act.y, 5),
        "width": round(act.width, 5),
        "height": round(act.height, 5),
        "photo": f"{act.role.label}/{act.role.photo.name}",
        "photo_start": round(photo_start, 3),
        "sound": f"{act.role.label}/{act.role.sound.name}",
        "sound_start": round(act.sound_start, 4),
    }
